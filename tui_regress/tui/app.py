"""The dashboard as a Textual app. torch is never imported here: the first paint must not wait for it."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from textual.app import App, SystemCommand
from textual.screen import Screen

from tui_regress.experiment import Experiment
from tui_regress.tui.commands import COMMANDS
from tui_regress.tui.runner import Runner
from tui_regress.tui.screens.lab import LabScreen
from tui_regress.tui.session import Session
from tui_regress.tui.summary import summary
from tui_regress.tui.themes import THEMES


class LabApp(App[None]):
    """One main screen over an experiment; with ``model``, a saved one, its parameters are shown.

    Runs are kept in ``store``, if one is given.
    """

    TITLE = "tui-regress"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        experiment: Experiment,
        model: Path | None = None,
        *,
        theme: str = "dark",
        store: Path | None = None,
        runner: type[Runner] = Runner,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = THEMES[theme].name
        self.session = Session(experiment, clock)
        self.lab = LabScreen(self.session, runner, model, store)

    def on_mount(self) -> None:
        """Open the main screen."""
        self.push_screen(self.lab)
        self.theme_changed_signal.subscribe(self, lambda _theme: self.lab.redraw())

    def on_unmount(self) -> None:
        """No thread outlives the screen."""
        self.lab.close()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What the style sheet asks of every theme, also of those that are not ours."""
        return {"muted": "#808b9a", "held-out": "#b87aa0"}

    async def action_quit(self) -> None:
        """Leave; asks while training, wherever the key was pressed."""
        self.lab.action_quit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands that can be carried out now."""
        if screen is self.lab:
            for command in COMMANDS:
                action, _, _ = command.action.partition("(")
                if screen.check_action(action, ()):
                    yield SystemCommand(
                        command.help,
                        f"{command.group} · {command.key_display}",
                        partial(self._carry_out, command.action),
                    )
        yield SystemCommand("All themes", "Choose among all colour themes", self.action_change_theme)

    def summary(self) -> str:
        """What became of the run, for the terminal the app leaves behind; empty if nothing ran."""
        return summary(self.session)

    async def _carry_out(self, action: str) -> None:
        await self.run_action(action, default_namespace=self.lab)
