"""What a person reads: text from files made safe to show, numbers made short."""

import math
import re
import unicodedata


def printable(text: str, limit: int = 200) -> str:
    """``text`` on one line, control and formatting characters shown as ``�``, at most ``limit`` characters long.

    A column name must print as itself, never act on the terminal.
    """
    shown = "".join("�" if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def short(value: float, digits: int = 3) -> str:
    """``value`` with that many significant digits, zeros among them: ``0.0845``, ``1.00``, ``−2.25e4``; but ``0``."""
    if value == 0:
        return "0"
    return ("−" if value < 0 else "") + compact_exponent(f"{abs(value):#.{digits}g}").rstrip(".")


def rounded_down(value: float) -> str:
    """As ``short``, but never above ``value``, which must be above 0: a limit rounded up is none."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return short(math.floor(value / unit + 1e-9) * unit)


def plain(value: float) -> str:
    """``value`` as a person would type it: ``0.1``, ``1e-5``."""
    return compact_exponent(f"{value:g}")


def compact_exponent(text: str) -> str:
    """A formatted number without the sign and the zero that pad its exponent: ``1e-05`` → ``1e-5``."""
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def file_name(name: str) -> str:
    """``name`` as the stem of a file: letters, digits, ``-``, ``_`` and ``.``, and never empty or hidden."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "experiment"
