"""From the main screen to the others, and what comes back from them."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tui_regress.experiment import Table
from tui_regress.problems import describe
from tui_regress.tui.conductor import Conductor
from tui_regress.tui.explanation import explanation
from tui_regress.tui.screens.explain import ExplainScreen
from tui_regress.tui.screens.help import HelpScreen
from tui_regress.tui.screens.open import Opened, OpenScreen, open_file
from tui_regress.tui.screens.quit import QuitChoice, QuitScreen
from tui_regress.tui.screens.save import SaveScreen
from tui_regress.tui.screens.views import Views
from tui_regress.tui.session import RunState, Session

if TYPE_CHECKING:
    from tui_regress.engine.timing import Timing
    from tui_regress.tui.screens.runs import RunChosen

Prepare = Literal["now", "soon", "no"]
"""When the data of a changed experiment are loaded: soon is after the last keystroke."""


class Doors(Views):
    """The actions that lead away, and nothing else. ``store`` is the file of the kept runs, if they are kept."""

    def __init__(self, session: Session, conductor: Conductor, store: Path | None) -> None:
        super().__init__()
        self.session = session
        self.conductor = conductor
        self._store = store

    async def experiment_changed(self, prepare: Prepare = "now") -> None:
        """Show another experiment, or another state of it."""
        raise NotImplementedError

    def action_help(self) -> None:
        """The help."""
        self.app.push_screen(HelpScreen())

    def action_explain(self) -> None:
        """What the forecast means."""
        session = self.session
        if session.forecast is not None and session.dataset is not None:
            paragraphs = explanation(session.experiment, session.dataset.rows, session.forecast, session.started)
            self.app.push_screen(ExplainScreen(session.experiment.name, paragraphs))

    def action_time_devices(self) -> None:
        """What is fastest here for this experiment."""
        from tui_regress.tui.screens.timings import TimingsScreen

        session = self.session
        if session.dataset is None or not session.can_start:
            busy = "Stop the run first (x)" if session.state.active else "Wait until the data are there"
            self.notify(f"{busy}: timing takes the whole machine.", markup=False)
            return
        screen = TimingsScreen(session.experiment.name, session.dataset, self.conductor.time)
        self.app.push_screen(screen, self._timing_chosen)

    def action_open(self) -> None:
        """The list of experiments."""
        self.app.push_screen(OpenScreen(self.session.experiment.name), self._opened)

    def action_columns(self) -> None:
        """Pick the target and the features of the table anew."""
        from tui_regress.tui.screens.columns import ColumnsScreen

        experiment = self.session.experiment
        if isinstance(experiment.data, Table):
            self.app.push_screen(ColumnsScreen(experiment.data.path, experiment), self._opened)

    def action_runs(self) -> None:
        """The runs of the past."""
        from tui_regress.runs.store import Store
        from tui_regress.tui.screens.runs import RunsScreen

        if self._store is None:
            self.notify("Runs are not kept here: the program was started with --no-store.", markup=False)
        else:
            self.app.push_screen(RunsScreen(partial(Store, self._store)), self._run_chosen)

    def action_save(self) -> None:
        """Ask where, and save."""
        session = self.session
        if session.parameters is None or session.dataset is None:
            self.notify("There is no model to save before the first epoch.", markup=False)
        else:
            self.app.push_screen(SaveScreen(session.recorded, session.parameters, session.dataset))

    def action_quit(self) -> None:
        """Leave, after a question where a run would be lost."""
        if self.session.state.active:
            paused = self.session.state is RunState.PAUSED
            kept = self.session.kept_id is not None
            self.app.push_screen(QuitScreen(kept=kept, paused=paused), self._quit_chosen)
        else:
            self.app.exit()

    async def open_model(self, path: Path) -> None:
        """Open a saved model with its parameters; of a table, the columns to pick from."""
        if path.suffix.lower() != ".pt":
            from tui_regress.tui.screens.columns import ColumnsScreen

            self.app.push_screen(ColumnsScreen(str(path)), self._opened)
            return
        try:
            opened = await asyncio.to_thread(open_file, str(path))
        except Exception as error:
            self.session.obstacle = ("", describe(error))
            await self.experiment_changed(prepare="no")
        else:
            await self._opened(opened)

    async def _opened(self, opened: Opened | None) -> None:
        if opened is not None:
            self.conductor.open(opened.experiment, opened.parameters)
            await self.experiment_changed(prepare="no")

    async def _run_chosen(self, chosen: "RunChosen | None") -> None:
        if chosen is None:
            return
        self.conductor.open_kept(chosen.kept, chosen.checkpoint)
        match chosen.action:
            case "rerun":
                self.conductor.start()
            case "continue":
                self.conductor.continue_()
        await self.experiment_changed(prepare="no")

    async def _timing_chosen(self, timing: "Timing | None") -> None:
        if timing is not None:
            self.session.edit({"training.gradient": timing.gradient, "device.name": timing.device})
            await self.experiment_changed()

    def _quit_chosen(self, choice: QuitChoice | None) -> None:
        if choice == "stop":
            self.app.exit()
        elif choice == "save":
            self.conductor.pause()
            self.action_save()
