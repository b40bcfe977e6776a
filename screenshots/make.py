"""Makes the pictures of the README from the real app and real training: ``python screenshots/make.py [NAME …]``."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from textual.pilot import Pilot
from textual.widgets import OptionList

from tui_regress import open_table, train
from tui_regress.experiment import Experiment, builtin, override
from tui_regress.tui.app import LabApp
from tui_regress.tui.screens.timings import TimingsScreen
from tui_regress.tui.session import RunState

HERE = Path(__file__).parent
PATIENCE = 60.0
STORE = Path("runs.sqlite")


@cache
def houses() -> Experiment:
    """A table made up for the pictures, in the working folder."""
    rng, rows = np.random.default_rng(3), 600
    area = rng.normal(90, 30, rows).clip(25).round(1)
    rooms = (area / 28 + rng.normal(0, 0.6, rows)).round().clip(1)
    year, garden = rng.integers(1950, 2024, rows), rng.choice(["yes", "no"], rows)
    region = rng.choice(["north", "south", "east"], rows)
    price = 2100 * area + 9000 * rooms + 300 * (year - 1950) + 20000 * (region == "south") + 15000 * (garden == "yes")
    price = (price + rng.normal(0, 25000, rows)).round(-2)
    with Path("houses.csv").open("w", encoding="utf-8") as file:
        file.write("area,rooms,year,region,garden,price\n")
        file.writelines(
            ",".join(map(str, ["" if index % 50 == 7 else size, *others])) + "\n"
            for index, (size, *others) in enumerate(zip(area, rooms, year, region, garden, price, strict=True))
        )
    table = open_table("houses.csv", target="price", features=["area", "rooms", "year", "region", "garden"])
    return override(table, {"data.path": "houses.csv", "training.epochs": 300, "training.patience": 50})


@dataclass(frozen=True)
class Shot:
    """One picture: which experiment, how large, which keys, and the state to wait for."""

    experiment: str
    """The name of a built-in one, or "houses"."""
    keys: str = ""
    state: RunState = RunState.IDLE
    size: tuple[int, int] = (120, 40)
    theme: str = "dark"
    after: str = ""
    """Keys once the state is reached."""
    then: RunState | None = None
    """The state those lead to."""
    past: tuple[dict[str, Any], ...] = field(default=())
    """Settings of runs that are in the store before."""


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
    "table": Shot("houses", "s", RunState.COMPLETED),
    "columns": Shot("houses", after="v", size=(100, 30)),
    "code": Shot("cpu-line", after="6"),
    "timings": Shot("houses", after="b", size=(100, 30)),
    "runs": Shot(
        "gentle-line",
        after="h space down space down space",
        past=(
            {"optimizer.lr": 0.01},
            {"optimizer.lr": 0.08},
            {"optimizer.lr": 0.01, "optimizer.momentum": 0.9},
            {"optimizer.name": "adam", "optimizer.lr": 0.1},
        ),
    ),
}


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await pilot.pause(0.02)


async def take(name: str, shot: Shot) -> None:
    """Run the app and save its screen as NAME.svg."""
    experiment = houses() if shot.experiment == "houses" else builtin(shot.experiment)
    for settings in shot.past:
        await asyncio.to_thread(train, experiment, settings={**settings, "training.epochs": 300}, store=STORE)
    app = LabApp(experiment, theme=shot.theme, store=STORE if shot.past else None)
    app.animation_level = "none"
    async with app.run_test(size=shot.size) as pilot:
        await until(pilot, lambda: app.session.exact is not None and app.lab.devices is not None)
        for key in shot.keys.split():
            await pilot.press(key)
        await until(pilot, lambda: app.session.state is shot.state)
        for key in shot.after.split():
            await pilot.press(key)
            await pilot.pause(0.5)
        if shot.then is not None:
            await until(pilot, lambda: app.session.state is shot.then)
        if isinstance(app.screen, TimingsScreen):
            # With the verdict, the cursor goes to the winner.
            await until(pilot, lambda: app.screen.query_one(OptionList).highlighted is not None)
        await pilot.pause(0.5)
        (HERE / f"{name}.svg").write_text(app.export_screenshot(title="tui-regress", simplify=True), encoding="utf-8")


async def main(names: list[str]) -> None:
    """Take the pictures ``names``, or all."""
    for name in names or SHOTS:
        await take(name, SHOTS[name])
        print(name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        asyncio.run(main(sys.argv[1:]))
