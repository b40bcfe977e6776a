"""The dashboard as a Textual app. Most of it is imported behind a curtain: the first paint waits for none of it.

torch comes later still: the main screen does not need it to be seen.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import App, SystemCommand
from textual.screen import Screen

from tui_regress.experiment import Experiment
from tui_regress.tui.commands import COMMANDS
from tui_regress.tui.screens.curtain import Curtain
from tui_regress.tui.themes import THEMES

if TYPE_CHECKING:
    from tui_regress.tui.runner import Runner
    from tui_regress.tui.screens.lab import LabScreen
    from tui_regress.tui.session import Session


def load_screen() -> None:
    """Import the main screen with all it needs: numpy, the charts, the engine."""
    import tui_regress.tui.screens.lab  # noqa: F401


class LabApp(App[None]):
    """One main screen over an experiment; with ``model``, a saved one, its parameters are shown.

    Runs are kept in ``store``, if one is given. ``load`` is called in a thread once the curtain is painted; when it
    returns, the main screen opens.
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
        runner: "type[Runner] | None" = None,
        clock: Callable[[], float] = time.monotonic,
        load: Callable[[], object] = load_screen,
    ) -> None:
        super().__init__()
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = THEMES[theme].name
        self._experiment, self._model, self._store = experiment, model, store
        self._runner, self._clock, self._load = runner, clock, load
        self._typed: deque[events.Key | events.Paste] | None = deque()
        """What was typed before the main screen was there; None from then on."""

    @cached_property
    def session(self) -> "Session":
        """What the main screen shows."""
        from tui_regress.tui.session import Session

        return Session(self._experiment, self._clock)

    @cached_property
    def lab(self) -> "LabScreen":
        """The main screen."""
        from tui_regress.tui.runner import Runner
        from tui_regress.tui.screens.lab import LabScreen

        return LabScreen(self.session, self._runner or Runner, self._model, self._store)

    @property
    def is_open(self) -> bool:
        """The main screen is there, and hears every key."""
        return self._typed is None

    def get_default_screen(self) -> Screen[None]:
        """The curtain."""
        curtain = Curtain(self._experiment)
        curtain.fit(self.size)
        return curtain

    def on_mount(self) -> None:
        """Load the main screen as soon as the curtain is painted."""
        self.call_after_refresh(self._open)

    @work
    async def _open(self) -> None:
        await asyncio.to_thread(self._load)
        self.theme_changed_signal.subscribe(self, lambda _theme: self.lab.redraw())
        self.lab.fit(self.size)
        await self.push_screen(self.lab)
        while self._typed:
            await super().on_event(self._typed.popleft())
            await self._settled()
        self._typed = None

    async def on_event(self, event: events.Event) -> None:
        """Hold back what is typed before the main screen is there, but for the wish to leave; later, do it first."""
        if self._typed is None and isinstance(event, events.Key) and not event.is_forwarded:
            self.lab.rest()
        # What was forwarded comes back from the widgets: it is on its way already.
        if self._typed is None or not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key in ("q", "ctrl+q", "ctrl+c") and not self._typed:
            self.exit()
        else:
            self._typed.append(event)

    async def _settled(self) -> None:
        """Wait until a key has gone its way, from the focus up to the app, and the screen shows what came of it."""
        for node in (self.focused or self.screen).ancestors_with_self:
            await _turn(node.call_later)
        await _turn(self.screen.call_after_refresh)

    def on_unmount(self) -> None:
        """No thread outlives the screen."""
        if "lab" in vars(self):
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
        if "lab" not in vars(self):
            return ""
        from tui_regress.tui.summary import summary

        return summary(self.session)

    async def _carry_out(self, action: str) -> None:
        await self.run_action(action, default_namespace=self.lab)


async def _turn(schedule: Callable[[Callable[[], None]], bool]) -> None:
    """Wait for the turn of what is scheduled now; a node that closes schedules nothing more."""
    come = asyncio.Event()
    if schedule(come.set):
        await come.wait()
