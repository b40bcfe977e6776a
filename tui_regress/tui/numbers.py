"""Numbers in columns and on status lines: few digits, one width, a true minus sign."""

import math

from tui_regress.text import compact_exponent

_WIDTH = 8


def number(value: float) -> str:
    """``value`` in at most eight characters, with up to six significant digits: ``1.99518``, ``−1.2e-12``."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "−inf"
    sign, magnitude = "−" if value < 0 else "", abs(value)
    if magnitude == 0 or 1e-3 <= magnitude < 999_999.5:
        whole = len(f"{magnitude:.0f}")
        return f"{sign}{magnitude:.{max(0, 6 - whole)}f}"
    texts = (sign + compact_exponent(f"{magnitude:.{decimals}e}") for decimals in (3, 2, 1, 0))
    return next(text for text in texts if len(text) <= _WIDTH)


def count(value: float) -> str:
    """A count or rate people read at a glance: ``0.27``, ``987``, ``14.2 k``, ``3.0 M``."""
    for unit, symbol in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            scaled = value / (1e3 if symbol == "k" else unit)
            return f"{scaled:.0f} {symbol}" if scaled >= 100 else f"{scaled:.1f} {symbol}"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
