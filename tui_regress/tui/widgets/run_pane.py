"""The run in figures: how far, how low, how steep, how fast."""

from rich.text import Text

from tui_regress.experiment import Logistic
from tui_regress.tui.numbers import count, number
from tui_regress.tui.session import Session
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.pane import TextPane

_LABEL = 10
"""Cells of the labels."""


class RunPane(TextPane):
    """A bar and the figures of the latest record."""

    def __init__(self) -> None:
        super().__init__(id="run", classes="pane")
        self.border_title = "Run"

    def present(self, session: Session) -> None:
        """The figures, and the number of the run above them."""
        self.head("Run", "" if session.kept_id is None else f"run {session.kept_id}")
        super().present(session)

    def draw(self, session: Session, width: int, height: int) -> Text:  # noqa: ARG002 - it takes the height it needs
        """See :class:`TextPane`."""
        ink, latest = inks(self.app), session.history.latest
        lines = [Text.assemble((f"{label:<{_LABEL}}", ink["muted"]), figure) for label, figure in _figures(session)]
        if latest is not None:
            bar = progress(latest.epoch, session.recorded.training.epochs, width - _LABEL, ink["accent"], ink["panel"])
            lines.insert(1, Text(" " * _LABEL) + bar)
        return Text("\n").join(lines)


def progress(done: int, whole: int, cells: int, colour: str, rest: str) -> Text:
    """A bar of so many ``cells``, its part that is ``done`` of a ``whole`` in ``colour``, to half a cell."""
    halves = 2 * cells * min(done, whole) // max(whole, 1)
    full, half = divmod(max(halves, 0), 2)
    left = max(cells - full - half, 0)
    after = "━" * left if half or not full or not left else "╺" + "━" * (left - 1)
    return Text.assemble(("━" * full + "╸" * half, colour), (after, rest))


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
    # Also where it is the latest: a line that came and went would move all the rest.
    if (best := session.history.best) is not None:
        figures.append(("Best", f"{number(best.loss)}  epoch {best.epoch:,}"))
    if session.epochs_per_second:
        figures.append(("Speed", f"{count(session.epochs_per_second)} epochs/s"))
    return [(label, Text(figure)) for label, figure in figures]
