"""Aligned tables of text and numbers, for a terminal or a pipe."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tui_regress.engine.events import Measured
from tui_regress.engine.metrics import LogisticMetrics
from tui_regress.text import printable

SHOWN = 20
"""Rows of a table of parameters and the like; --json leaves nothing out."""
GAP = 3
"""Cells between two columns."""
STATUS_COLOURS = {
    "completed": "green",
    "converged": "green",
    "diverged": "red",
    "stopped": "yellow",
    "failed": "red",
    "running": "cyan",
    "interrupted": "yellow",
}


def console() -> Console:
    """Standard output: nothing in a text has a meaning of its own, and no number is folded or cut to fit."""
    return Console(width=10_000, markup=False, highlight=False, emoji=False, soft_wrap=True)


def print_table(
    out: Console, columns: Mapping[str, Iterable[str | float | Text]], *, left: int = 1, shown: int | None = SHOWN
) -> None:
    """The first ``left`` columns to the left, all others to the right; of more than ``shown`` rows the first ones."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for index, name in enumerate(columns):
        table.add_column(Text(name), justify="left" if index < left else "right")
    rows: Sequence[tuple[str | float | Text, ...]] = list(zip(*columns.values(), strict=True))
    for row in rows[:shown]:
        table.add_row(*map(_cell, row))
    out.print(table)
    if shown is not None and len(rows) > shown:
        out.print(f"… and {len(rows) - shown:,} more")


def print_metrics(out: Console, measured: Measured, labels: tuple[str, str] | None) -> None:
    """How good a model is on the rows of training and on those held out; ``labels`` say what 0 and 1 stand for."""
    parts = {"training": measured.training}
    if measured.validation is not None:
        parts["validation"] = measured.validation
    names = [name for name, _ in measured.training.figures()]
    figures = {part: [value for _, value in metrics.figures()] for part, metrics in parts.items()}
    out.print()
    print_table(out, {"": names, **figures})
    if isinstance(measured.training, LogisticMetrics):
        out.print()
        logistic = {part: metrics for part, metrics in parts.items() if isinstance(metrics, LogisticMetrics)}
        _print_confusion(out, logistic, labels or ("0", "1"))


def _print_confusion(out: Console, parts: dict[str, LogisticMetrics], labels: tuple[str, str]) -> None:
    shown = [printable(label, 40) for label in labels]
    true = [f"{label}, {part}" for part in parts for label in shown]
    counts = [row for metrics in parts.values() for row in metrics.confusion]
    predicted = {f"predicted {label}": [f"{row[k]:,}" for row in counts] for k, label in enumerate(shown)}
    print_table(out, {"true class": true, **predicted})


def _cell(value: str | float | Text) -> Text:
    if isinstance(value, Text):
        return value
    return Text(value if isinstance(value, str) else f"{value:.6g}")
