"""The loss, epoch by epoch."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from tui_regress.experiment import Logistic
from tui_regress.tui import charts
from tui_regress.tui.numbers import number
from tui_regress.tui.session import RunState, Session
from tui_regress.tui.themes import palette

RECENT = 200
"""Records that the recent view shows."""


class LossPane(Widget, can_focus=True):
    """A line that never hides what is not finite."""

    ALLOW_MAXIMIZE = True

    log_axis = reactive(True)
    recent = reactive(False)
    predicted = reactive(True)

    def __init__(self) -> None:
        super().__init__(id="loss", classes="pane result")
        self.border_title = "Loss"
        self._session: Session | None = None

    def show(self, session: Session) -> None:
        """Draw the history of ``session``."""
        self._session = session
        ahead = not len(session.history) and self._ahead(session) is not None
        self.border_title = "Loss as predicted: press s to start" if ahead else _title(session)
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
        colours = palette(self.app)
        session = self._session
        if session is None or not len(session.history):
            return self._before_the_first_record(session, width, height, colours)
        losses = session.history.losses
        first = max(0, len(losses) - RECENT) if self.recent else 0
        validation = session.history.validation_losses
        predicted = _predicted(session) if self.predicted else None
        mark = None
        if verdict := session.verdict:
            mark = charts.Mark(verdict.epoch, f"{verdict.rule}, epoch {verdict.epoch:,}")
        elif session.recoveries:
            event = session.recoveries[-1]
            mark = charts.Mark(event.epoch, f"back to epoch {event.record:,}, lr {event.lr:.3g}")
        return charts.loss_chart(
            losses[first:],
            first,
            width,
            height,
            colours,
            log=self.log_axis,
            validation=validation[first:] if len(validation) else None,
            predicted=None if predicted is None else predicted[first : len(losses)],
            mark=mark,
        )

    def _before_the_first_record(
        self, session: Session | None, width: int, height: int, colours: charts.Palette
    ) -> Text:
        if session is not None and session.state is RunState.LOADING:
            return charts.message_chart("loading …", width, height, colours)
        predicted = self._ahead(session) if session else None
        if predicted is None:
            waiting = session is None or not session.can_start or session.dataset is None
            return charts.message_chart("" if waiting else "press s to start training", width, height, colours)
        dim = replace(colours, line=colours.reference)
        return charts.loss_chart(predicted, 0, width, height, dim, log=self.log_axis)

    def _ahead(self, session: Session) -> NDArray[np.float64] | None:
        """The loss to come, if it is known and wanted."""
        wanted = self.predicted and session.state is RunState.IDLE and not session.problems
        return session.predicted if wanted else None

    def _name_view(self) -> None:
        self.border_subtitle = f"y {'log' if self.log_axis else 'linear'} · f {'recent' if self.recent else 'all'}"


def _title(session: Session) -> str:
    """The loss and its value now; for logistic models the accuracy too."""
    loss, latest = session.recorded.model.loss, session.history.latest
    if latest is None:
        return f"Loss · {loss}"
    accuracy = f" · accuracy {latest.score:.1%}" if isinstance(session.recorded.model, Logistic) else ""
    held_out = session.history.validation_losses
    validation = f" · validation {number(float(held_out[-1]))}" if len(held_out) else ""
    return f"Loss · {loss} {number(latest.loss)}{validation}{accuracy}"


def _predicted(session: Session) -> NDArray[np.float64] | None:
    """The prediction, while the run goes on as it was predicted: at the one learning rate it was made for."""
    rates = session.history.rates
    same = session.ran == session.experiment and len(rates) == 1 and rates[0][1] == session.experiment.optimizer.lr
    return session.predicted if same else None
