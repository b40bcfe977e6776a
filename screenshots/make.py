"""Makes the pictures of the README from the real app and real training: ``python screenshots/make.py [NAME …]``."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from tui_regress.experiment import builtin
from tui_regress.tui.app import LabApp
from tui_regress.tui.session import RunState

HERE = Path(__file__).parent
PATIENCE = 60.0


@dataclass(frozen=True)
class Shot:
    """One picture: which experiment, how large, which keys, and the state to wait for."""

    experiment: str
    keys: str = ""
    state: RunState = RunState.IDLE
    size: tuple[int, int] = (120, 40)
    theme: str = "dark"
    after: str = ""
    """Keys once the state is reached."""
    then: RunState | None = None
    """The state those lead to."""


SHOTS = {
    "first-screen": Shot("gentle-line"),
    "converging": Shot("gentle-line", "s", RunState.COMPLETED),
    "exploding": Shot("exploding-line", "s", RunState.DIVERGED),
    "recovered": Shot("exploding-line", "s", RunState.DIVERGED, after="g", then=RunState.COMPLETED),
    "why": Shot("exploding-line", after="i"),
    "logistic": Shot("pass-or-fail", "s", RunState.COMPLETED),
    "minibatches": Shot("d2l-concise", "s", RunState.COMPLETED, theme="light"),
    "narrow": Shot("gentle-line", "s", RunState.COMPLETED, size=(80, 24)),
    "medium": Shot("adam-line", "s", RunState.COMPLETED, size=(100, 30)),
    "open": Shot("gentle-line", after="o", size=(100, 30)),
}


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await pilot.pause(0.02)


async def take(name: str, shot: Shot) -> None:
    """Run the app and save its screen as NAME.svg."""
    app = LabApp(builtin(shot.experiment), theme=shot.theme)
    app.animation_level = "none"
    async with app.run_test(size=shot.size) as pilot:
        await until(pilot, lambda: app.session.exact is not None and app.lab.devices is not None)
        for key in shot.keys.split():
            await pilot.press(key)
        await until(pilot, lambda: app.session.state is shot.state)
        for key in shot.after.split():
            await pilot.press(key)
        if shot.then is not None:
            await until(pilot, lambda: app.session.state is shot.then)
        await pilot.pause(0.2)
        (HERE / f"{name}.svg").write_text(app.export_screenshot(title="tui-regress", simplify=True), encoding="utf-8")


async def main(names: list[str]) -> None:
    """Take the pictures ``names``, or all."""
    for name in names or SHOTS:
        await take(name, SHOTS[name])
        print(name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
