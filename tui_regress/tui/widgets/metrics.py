"""How good the model is, on the rows it was trained on and on those it has not met."""

from collections.abc import Iterator

from rich.text import Text

from tui_regress.engine.metrics import LogisticMetrics
from tui_regress.text import printable, short
from tui_regress.tui.session import Session
from tui_regress.tui.widgets.grid import grid

_LABEL = 9
_NARROW, _WIDE = 8, 11
"""Cells of a column of numbers."""
_DIGITS = 4


def metrics_grids(session: Session, width: int, held_out: str) -> Iterator[list[Text]]:
    """The metrics side by side and, of a logistic model, who was taken for what; none before the first measurement.

    ``held_out`` is the colour of the rows that training does not see; there is room for lines of ``width`` cells.
    """
    measured = session.measured
    if measured is None:
        return
    roomy = width >= _LABEL + 2 * _WIDE
    label, column = (_LABEL + 1, _WIDE) if roomy else (_LABEL - 1, _NARROW)
    parts = [(("training" if roomy else "train", "dim"), measured.training)]
    if measured.validation is not None:
        parts.append((("validation" if roomy else "valid.", held_out), measured.validation))
    figures = [
        [(by_part[0][0], "dim"), *((short(value, _DIGITS), "") for _, value in by_part)]
        for by_part in zip(*(metrics.figures() for _, metrics in parts), strict=True)
    ]
    yield grid([[("", ""), *(whose for whose, _ in parts)], *figures], [label, *[column] * len(parts)], width)
    labels = session.dataset.labels if session.dataset and session.dataset.labels else ("0", "1")
    names = [printable(text, _LABEL - 3) for text in labels]
    for whose, metrics in reversed(parts):
        if not isinstance(metrics, LogisticMetrics):
            return
        rows = [[whose, *((f"as {name}", "dim") for name in names)]]
        for name, counts in zip(names, metrics.confusion, strict=True):
            rows.append([(f"is {name}", "dim"), *((f"{count:,}", "") for count in counts)])
        yield grid(rows, [label, column, column], width)
