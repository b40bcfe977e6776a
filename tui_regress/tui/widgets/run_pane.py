"""The run in figures: how far, how low, how steep, how fast."""

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from tui_regress.experiment import Logistic
from tui_regress.tui.numbers import count, number
from tui_regress.tui.session import Session
from tui_regress.tui.themes import inks


class RunPane(Static):
    """A bar and the figures of the latest record."""

    def __init__(self) -> None:
        super().__init__(id="run", classes="pane")
        self.border_title = "Run"

    def show(self, session: Session) -> None:
        """Bring the figures up to date."""
        variables = inks(self.app)
        self.border_subtitle = "" if session.kept_id is None else f"run {session.kept_id}"
        experiment, latest = session.recorded, session.history.latest
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=9, style=variables["muted"])
        table.add_column(ratio=1)
        if latest is None:
            table.add_row("Epoch", f"0 of {experiment.training.epochs:,}")
            if session.can_start:
                table.add_row("", Text("s starts, n takes a single step", "dim"))
        else:
            table.add_row("Epoch", f"{latest.epoch:,} of {experiment.training.epochs:,}")
            colour = variables["accent"]
            bar = ProgressBar(
                experiment.training.epochs,
                latest.epoch,
                style=variables["panel"],
                complete_style=colour,
                finished_style=colour,
            )
            table.add_row("", bar)
            table.add_row("Loss", f"{number(latest.loss)}  {experiment.model.loss}")
            if isinstance(experiment.model, Logistic):
                table.add_row("Accuracy", f"{latest.score:.1%}")
            elif experiment.model.loss != "mse":
                table.add_row("mse", number(latest.score))
            table.add_row("Gradient", f"{number(latest.grad_norm)}  norm")
            table.add_row("lr", f"{latest.lr:g}")
            if session.history.best is not None and session.history.best.epoch != latest.epoch:
                best = session.history.best
                table.add_row("Best", f"{number(best.loss)}  epoch {best.epoch:,}")
            if session.epochs_per_second:
                table.add_row("Speed", f"{count(session.epochs_per_second)} epochs/s")
        self.update(table)
