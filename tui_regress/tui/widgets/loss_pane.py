"""The loss, epoch by epoch."""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from tui_regress.tui import charts
from tui_regress.tui.session import RunState, Session
from tui_regress.tui.themes import palette

RECENT = 200
"""Records that the recent view shows."""


class LossPane(Widget, can_focus=True):
    """A line that never hides what is not finite."""

    ALLOW_MAXIMIZE = True

    log_axis = reactive(True)
    recent = reactive(False)

    def __init__(self) -> None:
        super().__init__(id="loss", classes="pane result")
        self.border_title = "Loss"
        self._session: Session | None = None

    def show(self, session: Session) -> None:
        """Draw the history of ``session``."""
        self._session = session
        self.border_title = f"Loss · {session.experiment.model.loss}"
        self.refresh()

    def watch_log_axis(self) -> None:
        """Name the axis."""
        self._name_view()

    def watch_recent(self) -> None:
        """Name the window."""
        self._name_view()

    def render(self) -> Text:
        """The chart at the pane's size."""
        width, height = self.content_size
        colours = palette(self.app.theme_variables)
        session = self._session
        if session is None or not len(session.history):
            waiting = session is not None and session.state is RunState.LOADING
            return charts.message_chart("loading …" if waiting else "press s to start training", width, height, colours)
        losses = session.history.losses
        first = max(0, len(losses) - RECENT) if self.recent else 0
        mark = (
            charts.Mark(session.verdict.epoch, f"{session.verdict.rule}, epoch {session.verdict.epoch}")
            if session.verdict
            else None
        )
        return charts.loss_chart(losses[first:], first, width, height, colours, log=self.log_axis, mark=mark)

    def _name_view(self) -> None:
        self.border_subtitle = f"{'log' if self.log_axis else 'linear'} · {'recent' if self.recent else 'all'}"
