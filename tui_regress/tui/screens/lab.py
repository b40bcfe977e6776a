"""The main screen: settings on the left, what training does on the right."""

import asyncio
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Protocol

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import Footer, Input, Tab, Tabs

from tui_regress.data.dataset import Dataset
from tui_regress.engine.devices import DeviceInfo
from tui_regress.text import printable
from tui_regress.tui import messages
from tui_regress.tui.commands import COMMANDS, possible
from tui_regress.tui.conductor import Conductor
from tui_regress.tui.runner import Runner
from tui_regress.tui.screens.doors import Doors, Prepare
from tui_regress.tui.screens.stage import VIEWS
from tui_regress.tui.session import Session
from tui_regress.tui.settings import data_settings, model_settings
from tui_regress.tui.turns import TURN, Turns
from tui_regress.tui.widgets.banner import Banner
from tui_regress.tui.widgets.code_pane import CodePane
from tui_regress.tui.widgets.device_pane import DevicePane
from tui_regress.tui.widgets.fit_pane import FitPane
from tui_regress.tui.widgets.form import Form
from tui_regress.tui.widgets.loss_pane import LossPane
from tui_regress.tui.widgets.parameters_pane import ParametersPane
from tui_regress.tui.widgets.run_pane import RunPane
from tui_regress.tui.widgets.stability_pane import StabilityPane
from tui_regress.tui.widgets.status_line import StatusLine


class _Showing(Protocol):
    """A part of the screen that shows the session."""

    def show(self, session: Session, /) -> object: ...


Shown = Literal["settings", "everything", "progress", "next frame", "nothing"]

_HEARD: dict[type[messages.Told], tuple[Callable[[Conductor, Any], bool], Shown]] = {
    messages.Loading: (Conductor.loading, "next frame"),
    messages.Prepared: (Conductor.prepared, "everything"),
    messages.Forecasted: (Conductor.forecasted, "progress"),
    messages.Solved: (Conductor.solved, "everything"),
    messages.PreparationFailed: (Conductor.preparation_failed, "everything"),
    messages.RunStarted: (Conductor.run_started, "everything"),
    messages.RunContinued: (Conductor.run_continued, "everything"),
    messages.RunKept: (Conductor.run_kept, "progress"),
    # Kept now, drawn with the next frame: they come faster than anyone can look.
    messages.EpochsCompleted: (Conductor.epochs_completed, "next frame"),
    messages.ModelMeasured: (Conductor.model_measured, "next frame"),
    messages.CheckpointReached: (Conductor.checkpoint_reached, "nothing"),
    messages.DivergenceFound: (Conductor.divergence_found, "everything"),
    messages.RunRecovered: (Conductor.run_recovered, "settings"),
    messages.RunEnded: (Conductor.run_ended, "everything"),
}
"""What becomes of each word of the threads, and what of the screen it changes."""

STATUS, PANES = 6.5, 2.0
"""Times a second that the status line and each pane are drawn at least while training."""
SETTLE = 0.15
"""Seconds without another keystroke after which edited data are prepared anew."""
PATIENCE_WITH_TORCH = 0.3
"""Seconds the first paint has for itself before torch, two seconds of importing, competes with it."""


class LabScreen(Doors):
    """Owns the session; hands panes what changed, hands the runner what to do."""

    BINDINGS = [command.binding() for command in COMMANDS]

    def __init__(
        self, session: Session, runner: type[Runner] = Runner, model: Path | None = None, store: Path | None = None
    ) -> None:
        self._runner = runner(self.post_message, store)
        super().__init__(session, Conductor(session, self._runner), store)
        self.devices: tuple[DeviceInfo, ...] | None = None
        self._model = model
        self._turns: Turns[tuple[_Showing, ...]] = Turns({})
        self._ticking: Timer | None = None
        self._settling: Timer | None = None
        self._composing = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Status line, settings, charts, footer; CSS arranges them by the terminal's size."""
        yield StatusLine(id="status")
        yield Tabs(*(Tab(f"{i} {view}", id=f"tab-{view}") for i, view in enumerate(VIEWS, 1)), active="tab-loss")
        with Horizontal(id="body"):
            with VerticalScroll(id="setup", can_focus=False):
                yield Form("Dataset", id="dataset")
                yield Form("Model & optimizer", id="model")
                yield DevicePane()
                yield RunPane()
            with Vertical(id="results"):
                yield Banner(id="banner", markup=False)
                yield LossPane()
                with Container(id="lower"):
                    yield FitPane()
                    yield ParametersPane()
                yield StabilityPane()
                yield CodePane()
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Show the experiment, then load what takes time."""
        self.action_view("loss")
        self._turns = Turns(self._progressing())
        self._ticking = self.set_interval(TURN, self._take_turn, pause=True)
        await self.experiment_changed()
        if self._model is not None:
            self.run_worker(self.open_model(self._model))
        self.set_timer(PATIENCE_WITH_TORCH, self._runner.survey_devices)

    # -- what threads say

    @on(messages.Told)
    async def _told(self, message: messages.Told) -> None:
        """What is no echo of something given up is shown."""
        hear, shown = _HEARD[type(message)]
        if not hear(self.conductor, message):
            return
        match shown:
            case "settings":
                await self.experiment_changed()
            case "everything":
                self._refresh_all()
            case "progress":
                self._show_progress()
                self.refresh_bindings()
            case "next frame":
                self._turns.news()
                if self._ticking is not None:
                    self._ticking.resume()

    async def on_devices_found(self, message: messages.DevicesFound) -> None:
        """torch is loaded."""
        self.devices = message.devices
        await self._show_settings()
        self._refresh_all()

    def on_run_noted(self, message: messages.RunNoted) -> None:
        """A sentence to read."""
        if self.conductor.run_noted(message):
            self.notify(printable(message.sentence, 400), severity="warning", timeout=10, markup=False)

    # -- what a person does

    @on(Form.Edited)
    async def _setting_edited(self, event: Form.Edited) -> None:
        event.stop()
        if event.key == "data.source":
            await self._change_source(str(event.value))
        elif self.conductor.edit(event.key, event.value) or self.session.dataset is None:
            await self.experiment_changed(prepare="soon")
        else:
            self._refresh_all()

    def action_start(self) -> None:
        """Start or resume."""
        self.conductor.start()
        self._refresh_all()

    def action_pause(self) -> None:
        """Pause."""
        self.conductor.pause()
        self._refresh_all()

    def action_step(self) -> None:
        """One epoch."""
        self.conductor.step()
        self._refresh_all()

    def action_stop(self) -> None:
        """Stop."""
        self.conductor.stop()
        self._refresh_all()

    def action_continue(self) -> None:
        """Go on with a run that was stopped."""
        self.conductor.continue_()
        self._refresh_all()

    def action_reset(self) -> None:
        """Back to the start."""
        self.conductor.reset()
        self._refresh_all()

    async def action_retry(self) -> None:
        """From the start, at the fastest learning rate."""
        self.conductor.retry()
        await self.experiment_changed(prepare="no")

    async def action_go_on(self) -> None:
        """From the best record, at a safe learning rate."""
        self.conductor.go_on()
        await self.experiment_changed(prepare="no")

    async def action_standardise(self) -> None:
        """From the start, on standardised columns."""
        self.conductor.standardise()
        await self.experiment_changed(prepare="no")

    def action_keep(self) -> None:
        """Leave everything as it is."""
        self.conductor.keep()
        self._refresh_all()

    async def action_new_data(self) -> None:
        """The next data seed."""
        self.session.draw_new_data()
        await self.experiment_changed()

    async def action_lower_lr(self) -> None:
        """One rung down."""
        await self._step_lr(-1)

    async def action_raise_lr(self) -> None:
        """One rung up."""
        await self._step_lr(+1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Footer and palette show only what can be done now: None greys a command, False hides it."""
        del parameters
        typing = isinstance(self.focused, Input)
        match action:
            case "leave_field":
                return typing
            case "lower_lr" | "raise_lr":
                return not typing
            case _:
                return possible(action, self.session)

    def redraw(self) -> None:
        """Everything again, in the colours of the theme."""
        if self.is_mounted:
            self._refresh_all()

    def close(self) -> None:
        """Stop the thread behind the screen; called when the app ends."""
        self._runner.close(timeout=0.8)

    # -- how it hangs together

    async def _step_lr(self, direction: int) -> None:
        if self.conductor.step_lr(direction):
            await self.experiment_changed()

    async def _change_source(self, source: str) -> None:
        if source == "table":
            self.action_open()
        elif self.session.change_source(source):
            await self.experiment_changed()
            return
        await self._show_settings()

    async def experiment_changed(self, prepare: Prepare = "now") -> None:
        """Show another experiment, or another state of it."""
        await self._show_settings()
        if self._settling is not None:
            self._settling.stop()
            self._settling = None
        if prepare == "soon":
            self._settling = self.set_timer(SETTLE, self.conductor.prepare)
        elif prepare == "now":
            self.conductor.prepare()
        self._refresh_all()

    async def _show_settings(self) -> None:
        # Actions, timers and messages arrive in different tasks, and a pane must not be composed by two at once.
        async with self._composing:
            experiment, pending = self.session.experiment, self.session.draft.pending
            await self.query_one("#dataset", Form).show(experiment, data_settings(experiment), pending)
            await self.query_one("#model", Form).show(experiment, model_settings(experiment), pending)
            await self.query_one(DevicePane).show(experiment, self.devices, pending)

    @property
    def dirty(self) -> bool:
        """Something has come that is not drawn yet."""
        return bool(self._turns)

    def _progressing(self) -> dict[tuple[_Showing, ...], float]:
        """What changes with every record, and how many times a second it is drawn at least."""
        # Textual paints all between two places that change: one place at a time.
        return {
            (self.query_one(StatusLine),): STATUS,
            (self.query_one(LossPane),): PANES,
            (self.query_one(RunPane),): PANES,
            (self.query_one(FitPane),): PANES,
            (self.query_one(ParametersPane), self.query_one(StabilityPane), self.query_one(CodePane)): PANES,
        }

    def rest(self) -> None:
        """Somebody pressed a key: what that does is drawn before anything else."""
        self._turns.rest()

    def _take_turn(self) -> None:
        for pane in self._turns.take() or ():
            pane.show(self.session)
        if not self._turns and self._ticking is not None:
            self._ticking.pause()

    def _show_progress(self) -> None:
        self._turns.clear()
        with self.app.batch_update():
            for pane in chain.from_iterable(self._progressing()):
                pane.show(self.session)

    def _refresh_all(self) -> None:
        """What changes with the state."""
        session = self.session
        self._show_progress()
        self.query_one(Banner).show(session)
        self.query_one("#dataset", Form).border_subtitle = "" if session.dataset is None else _rows(session.dataset)
        for form in self.query(Form):
            form.show_problems(session.problems)
            form.freeze("optimizer.lr", session.state.active)
        self.refresh_bindings()


def _rows(dataset: Dataset) -> str:
    held = f" + {len(dataset.validation):,} held out" if dataset.validation else ""
    return f"{dataset.rows:,} rows{held}"
