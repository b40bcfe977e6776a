"""The run in figures: how far, how low, how steep, how fast."""

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from tui_regress.experiment import Logistic
from tui_regress.tui.numbers import count, number
from tui_regress.tui.session import Session
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.pane import Pane


class RunPane(Pane, Static):
    """A bar and the figures of the latest record."""

    _shown: object = None
    _rows = 0

    def __init__(self) -> None:
        super().__init__(id="run", classes="pane")
        self.border_title = "Run"

    def present(self, session: Session) -> None:
        """Bring the figures up to date."""
        self.head("Run", "" if session.kept_id is None else f"run {session.kept_id}")
        variables = inks(self.app)
        rows, latest, epochs = _figures(session), session.history.latest, session.recorded.training.epochs
        shown = rows, latest and latest.epoch, epochs, variables["accent"], variables["panel"], variables["muted"]
        if shown == self._shown:
            return
        self._shown = shown
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=9, style=variables["muted"])
        table.add_column(ratio=1)
        for row, (label, figure) in enumerate(rows):
            table.add_row(label, figure)
            if latest is not None and row == 0:
                colour = variables["accent"]
                bar = ProgressBar(
                    epochs, latest.epoch, style=variables["panel"], complete_style=colour, finished_style=colour
                )
                table.add_row("", bar)
        self.update(table, layout=table.row_count != self._rows)
        self._rows = table.row_count


def _figures(session: Session) -> list[tuple[str, Text]]:
    """Labels and figures."""
    experiment, latest = session.recorded, session.history.latest
    epochs = f"of {experiment.training.epochs:,}"
    if latest is None:
        hint = [("", Text("s starts, n takes a single step", "dim"))] if session.can_start else []
        return [("Epoch", Text(f"0 {epochs}")), *hint]
    figures = [
        ("Epoch", f"{latest.epoch:,} {epochs}"),
        ("Loss", f"{number(latest.loss)}  {experiment.model.loss}"),
    ]
    if isinstance(experiment.model, Logistic):
        figures.append(("Accuracy", f"{latest.score:.1%}"))
    elif experiment.model.loss != "mse":
        figures.append(("mse", number(latest.score)))
    figures.append(("Gradient", f"{number(latest.grad_norm)}  norm"))
    figures.append(("lr", f"{latest.lr:g}"))
    if (best := session.history.best) is not None and best.epoch != latest.epoch:
        figures.append(("Best", f"{number(best.loss)}  epoch {best.epoch:,}"))
    if session.epochs_per_second:
        figures.append(("Speed", f"{count(session.epochs_per_second)} epochs/s"))
    return [(label, Text(figure)) for label, figure in figures]
