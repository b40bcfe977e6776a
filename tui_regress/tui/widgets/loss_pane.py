"""The loss, epoch by epoch."""

from dataclasses import replace

from rich.text import Text
from textual.reactive import reactive

from tui_regress.engine.series import Series
from tui_regress.experiment import Logistic
from tui_regress.tui import charts
from tui_regress.tui.numbers import number
from tui_regress.tui.session import RunState, Session
from tui_regress.tui.themes import palette
from tui_regress.tui.widgets.pane import ChartPane

RECENT = 200
"""Records that the recent view shows."""


class LossPane(ChartPane):
    """A line that never hides what is not finite."""

    log_axis = reactive(True, repaint=False)
    recent = reactive(False, repaint=False)
    predicted = reactive(True, repaint=False)

    def __init__(self) -> None:
        super().__init__(id="loss", classes="pane result")
        self.border_title = "Loss"

    def watch_log_axis(self) -> None:
        """Draw on the other axis."""
        self._look_anew()

    def watch_recent(self) -> None:
        """Draw the other window."""
        self._look_anew()

    def watch_predicted(self) -> None:
        """Draw with the prediction, or without it."""
        self._look_anew()

    def present(self, session: Session) -> None:
        """The chart, and the loss now above it."""
        ahead = not len(session.history) and self._ahead(session) is not None
        self.head("Loss as predicted: press s to start" if ahead else _title(session), self._view)
        super().present(session)

    def draw(self, session: Session, width: int, height: int) -> Text:
        """See :class:`ChartPane`."""
        colours, history = palette(self.app), session.history
        if not len(history):
            return self._before_the_first_record(session, width, height, colours)
        first = max(0, len(history) - RECENT) if self.recent else 0
        predicted = _predicted(session) if self.predicted else None
        mark = None
        if verdict := session.verdict:
            mark = charts.Mark(verdict.epoch, f"{verdict.rule}, epoch {verdict.epoch:,}")
        elif session.recoveries:
            event = session.recoveries[-1]
            mark = charts.Mark(event.epoch, f"back to epoch {event.record:,}, lr {event.lr:.3g}")
        return charts.loss_chart(
            _window(history.loss_series, first),
            first,
            width,
            height,
            colours,
            log=self.log_axis,
            validation=_window(history.validation_series, first) if len(history.validation_series) else None,
            predicted=None if predicted is None else _window(predicted.head(len(history)), first),
            mark=mark,
        )

    def _before_the_first_record(self, session: Session, width: int, height: int, colours: charts.Palette) -> Text:
        if session.state is RunState.LOADING:
            return charts.message_chart("loading …", width, height, colours)
        predicted = self._ahead(session)
        if predicted is None:
            waiting = not session.can_start or session.dataset is None
            return charts.message_chart("" if waiting else "press s to start training", width, height, colours)
        dim = replace(colours, line=colours.reference)
        return charts.loss_chart(predicted, 0, width, height, dim, log=self.log_axis)

    def _ahead(self, session: Session) -> Series | None:
        """The loss to come, if it is known and wanted."""
        wanted = self.predicted and session.state is RunState.IDLE and not session.problems
        return session.predicted if wanted else None

    @property
    def _view(self) -> str:
        return f"y {'log' if self.log_axis else 'linear'} · f {'recent' if self.recent else 'all'}"

    def _look_anew(self) -> None:
        self.border_subtitle = self._view
        self.renew()


def _window(losses: Series, first: int) -> charts.Losses:
    """Those from record ``first`` on: all of them cost no more than a few."""
    return losses[first:] if first else losses


def _title(session: Session) -> str:
    """The loss and its value now; for logistic models the accuracy too."""
    loss, latest = session.recorded.model.loss, session.history.latest
    if latest is None:
        return f"Loss · {loss}"
    accuracy = f" · accuracy {latest.score:.1%}" if isinstance(session.recorded.model, Logistic) else ""
    validation = "" if latest.validation_loss is None else f" · validation {number(latest.validation_loss)}"
    return f"Loss · {loss} {number(latest.loss)}{validation}{accuracy}"


def _predicted(session: Session) -> Series | None:
    """The prediction, while the run goes on as it was predicted: at the one learning rate it was made for."""
    rates = session.history.rates
    same = session.ran == session.experiment and len(rates) == 1 and rates[0][1] == session.experiment.optimizer.lr
    return session.predicted if same else None
