"""How good the model is, on the rows it was trained on and on those it has not met."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from tui_regress.engine.metrics import LogisticMetrics
from tui_regress.text import printable, short
from tui_regress.tui.session import Session

_LABEL = 9
_NARROW, _WIDE = 8, 11
"""Cells of a column of numbers."""
_DIGITS = 4


def metrics_tables(session: Session, width: int, held_out: str) -> Iterator[Table]:
    """The metrics side by side and, of a logistic model, who was taken for what; none before the first measurement.

    ``held_out`` is the colour of the rows that training does not see.
    """
    measured = session.measured
    if measured is None:
        return
    roomy = width >= _LABEL + 2 * _WIDE
    training, validation = (
        Text("training" if roomy else "train", "dim"),
        Text("validation" if roomy else "valid.", held_out),
    )
    parts = [(training, measured.training)]
    if measured.validation is not None:
        parts.append((validation, measured.validation))
    table = _grid(len(parts), width)
    table.add_row("", *(heading for heading, _ in parts))
    for figures in zip(*(metrics.figures() for _, metrics in parts), strict=True):
        table.add_row(Text(figures[0][0], "dim"), *(short(value, _DIGITS) for _, value in figures))
    yield table
    labels = session.dataset.labels if session.dataset and session.dataset.labels else ("0", "1")
    names = [printable(label, _LABEL - 3) for label in labels]
    for whose, metrics in reversed(parts):
        if not isinstance(metrics, LogisticMetrics):
            return
        table = _grid(2, width)
        table.add_row(whose, *(Text(f"as {name}", "dim") for name in names))
        for name, counts in zip(names, metrics.confusion, strict=True):
            table.add_row(Text(f"is {name}", "dim"), *(f"{count:,}" for count in counts))
        yield table


def _grid(columns: int, width: int) -> Table:
    table = Table.grid()
    roomy = width >= _LABEL + 2 * _WIDE
    table.add_column(width=_LABEL + 1 if roomy else _LABEL - 1, no_wrap=True)
    for _ in range(columns):
        table.add_column(justify="right", width=_WIDE if roomy else _NARROW, no_wrap=True)
    return table
