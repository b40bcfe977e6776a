"""The main screen: settings on the left, what training does on the right."""

import asyncio
from pathlib import Path
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import Footer, Input, Tab, Tabs

from tui_regress.engine.devices import DeviceInfo
from tui_regress.problems import describe
from tui_regress.tui import messages
from tui_regress.tui.commands import COMMANDS, possible
from tui_regress.tui.conductor import Conductor
from tui_regress.tui.explanation import explanation
from tui_regress.tui.runner import Runner
from tui_regress.tui.screens.explain import ExplainScreen
from tui_regress.tui.screens.help import HelpScreen
from tui_regress.tui.screens.open import Opened, OpenScreen, open_file
from tui_regress.tui.screens.quit import QuitChoice, QuitScreen
from tui_regress.tui.screens.save import SaveScreen
from tui_regress.tui.screens.views import VIEWS, Views
from tui_regress.tui.session import Session
from tui_regress.tui.settings import data_settings, model_settings
from tui_regress.tui.widgets.banner import Banner
from tui_regress.tui.widgets.device_pane import DevicePane
from tui_regress.tui.widgets.fit_pane import FitPane
from tui_regress.tui.widgets.form import Form
from tui_regress.tui.widgets.loss_pane import LossPane
from tui_regress.tui.widgets.parameters_pane import ParametersPane
from tui_regress.tui.widgets.run_pane import RunPane
from tui_regress.tui.widgets.stability_pane import StabilityPane
from tui_regress.tui.widgets.status_line import StatusLine

FRAMES_PER_SECOND = 12
SETTLE = 0.15
"""Seconds without another keystroke after which edited data are prepared anew."""
PATIENCE_WITH_TORCH = 0.3
"""Seconds the first paint has for itself before torch, two seconds of importing, competes with it."""


class LabScreen(Views):
    """Owns the session; hands panes what changed, hands the runner what to do."""

    BINDINGS = [command.binding() for command in COMMANDS]

    def __init__(self, session: Session, runner: type[Runner] = Runner, model: Path | None = None) -> None:
        super().__init__()
        self.session = session
        self.devices: tuple[DeviceInfo, ...] | None = None
        self._runner = runner(self.post_message)
        self.conductor = Conductor(session, self._runner)
        self._model = model
        self.dirty = False
        """Records have come that no frame has shown yet."""
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
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Show the experiment, then load what takes time."""
        self.action_view("loss")
        await self._experiment_changed()
        self.set_interval(1 / FRAMES_PER_SECOND, self._frame)
        if self._model is not None:
            self.run_worker(self._open_model(self._model))
        self.set_timer(PATIENCE_WITH_TORCH, self._runner.survey_devices)

    # -- what threads say

    def on_prepared(self, message: messages.Prepared) -> None:
        """The data are here."""
        if self.conductor.prepared(message):
            self._refresh_all()

    def on_forecasted(self, message: messages.Forecasted) -> None:
        """What training will do."""
        if self.conductor.forecasted(message):
            self._show_progress()
            self.refresh_bindings()

    def on_solved(self, message: messages.Solved) -> None:
        """The exact solution is known."""
        if self.conductor.solved(message):
            self._refresh_all()

    def on_preparation_failed(self, message: messages.PreparationFailed) -> None:
        """The experiment cannot run as it stands."""
        if self.conductor.preparation_failed(message):
            self._refresh_all()

    async def on_devices_found(self, message: messages.DevicesFound) -> None:
        """torch is loaded."""
        self.devices = message.devices
        await self._show_settings()
        self._refresh_all()

    def on_run_started(self, message: messages.RunStarted) -> None:
        """Record 0 is next."""
        if self.conductor.run_started(message):
            self._refresh_all()

    def on_epochs_completed(self, message: messages.EpochsCompleted) -> None:
        """New records: kept now, drawn with the next frame."""
        self.dirty |= self.conductor.epochs_completed(message)

    def on_divergence_found(self, message: messages.DivergenceFound) -> None:
        """The monitor has a verdict."""
        if self.conductor.divergence_found(message):
            self._refresh_all()

    async def on_run_recovered(self, message: messages.RunRecovered) -> None:
        """The run goes on from an earlier record."""
        if self.conductor.run_recovered(message):
            await self._experiment_changed()

    def on_run_ended(self, message: messages.RunEnded) -> None:
        """The thread's last word."""
        if self.conductor.run_ended(message):
            self._refresh_all()

    # -- what a person does

    @on(Form.Edited)
    async def _setting_edited(self, event: Form.Edited) -> None:
        event.stop()
        if event.key == "data.source":
            await self._change_source(str(event.value))
        elif self.conductor.edit(event.key, event.value) or self.session.dataset is None:
            await self._experiment_changed(prepare="soon")
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

    def action_reset(self) -> None:
        """Back to the start."""
        self.conductor.reset()
        self._refresh_all()

    async def action_retry(self) -> None:
        """From the start, at the fastest learning rate."""
        self.conductor.retry()
        await self._experiment_changed(prepare="no")

    async def action_go_on(self) -> None:
        """From the best record, at a safe learning rate."""
        self.conductor.go_on()
        await self._experiment_changed(prepare="no")

    async def action_standardise(self) -> None:
        """From the start, on standardised columns."""
        self.conductor.standardise()
        await self._experiment_changed(prepare="no")

    def action_keep(self) -> None:
        """Leave everything as it is."""
        self.conductor.keep()
        self._refresh_all()

    async def action_new_data(self) -> None:
        """The next data seed."""
        self.session.draw_new_data()
        await self._experiment_changed()

    async def action_lower_lr(self) -> None:
        """One rung down."""
        await self._step_lr(-1)

    async def action_raise_lr(self) -> None:
        """One rung up."""
        await self._step_lr(+1)

    def action_help(self) -> None:
        """The help."""
        self.app.push_screen(HelpScreen())

    def action_explain(self) -> None:
        """What the forecast means."""
        session = self.session
        if session.forecast is not None and session.dataset is not None:
            paragraphs = explanation(session.experiment, session.dataset.rows, session.forecast)
            self.app.push_screen(ExplainScreen(session.experiment.name, paragraphs))

    def action_open(self) -> None:
        """The list of experiments."""
        self.app.push_screen(OpenScreen(self.session.experiment.name), self._opened)

    def action_save(self) -> None:
        """Ask where, and save."""
        session = self.session
        if session.parameters is None or session.dataset is None:
            self.notify("There is no model to save before the first epoch.", markup=False)
            return
        self.app.push_screen(SaveScreen(session.recorded, session.parameters, session.dataset.feature_names))

    def action_quit(self) -> None:
        """Leave, after a question where a run would be lost."""
        if self.session.state.active:
            self.app.push_screen(QuitScreen(), self._quit_chosen)
        else:
            self.app.exit()

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
            await self._experiment_changed()

    async def _change_source(self, source: str) -> None:
        if source == "table":
            self.action_open()
        elif self.session.change_source(source):
            await self._experiment_changed()
            return
        await self._show_settings()

    async def _experiment_changed(self, prepare: Literal["now", "soon", "no"] = "now") -> None:
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

    def _frame(self) -> None:
        if self.dirty:
            self.dirty = False
            self._show_progress()

    def _show_progress(self) -> None:
        """What changes with every record."""
        with self.app.batch_update():
            self.query_one(StatusLine).show(self.session)
            self.query_one(RunPane).show(self.session)
            self.query_one(LossPane).show(self.session)
            self.query_one(FitPane).show(self.session)
            self.query_one(ParametersPane).show(self.session)
            self.query_one(StabilityPane).show(self.session)

    def _refresh_all(self) -> None:
        """What changes with the state."""
        session = self.session
        self.dirty = False
        self._show_progress()
        self.query_one(Banner).show(session)
        rows = session.dataset.rows if session.dataset else None
        self.query_one("#dataset", Form).border_subtitle = "" if rows is None else f"{rows:,} rows"
        for form in self.query(Form):
            form.show_problems(session.problems)
            form.freeze("optimizer.lr", session.state.active)
        self.refresh_bindings()

    async def _open_model(self, path: Path) -> None:
        try:
            opened = await asyncio.to_thread(open_file, str(path), None)
        except Exception as error:
            self.session.obstacle = ("", describe(error))
            self._refresh_all()
        else:
            await self._opened(opened)

    async def _opened(self, opened: Opened | None) -> None:
        if opened is not None:
            self.conductor.open(opened.experiment, opened.parameters)
            await self._experiment_changed(prepare="no")

    def _quit_chosen(self, choice: QuitChoice | None) -> None:
        if choice == "stop":
            self.app.exit()
        elif choice == "save":
            self.conductor.pause()
            self.action_save()
