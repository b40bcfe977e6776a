"""What the screen of past runs looks like, on runs nobody trained."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.kept import EXPLODES, Shelf, ShelfApp, summary
from tests.tui.support import until
from tui_regress.experiment import builtin, override
from tui_regress.tui.widgets.run_details import RunChart
from tui_regress.tui.widgets.run_table import RunTable

Compare = Callable[..., bool]

WIDE, MEDIUM, NARROW = (120, 40), (100, 30), (80, 24)
SIZES = pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=["wide", "medium", "narrow"])


def shelf() -> Shelf:
    """A run of every status, of several experiments, old and new."""
    fit = {"rows": 5, "r2": 0.99999, "rmse": 0.0074, "mae": 0.0061}
    longer = override(builtin("gentle-line"), {"training.epochs": 100_000})
    faster = override(builtin("gentle-line"), {"optimizer.lr": 0.08, "optimizer.momentum": 0.5})
    unfinished = {"stop": None, "resumable": True}
    return Shelf(
        summary(12, longer, hours=0.01, status="running", stop=None, reason="", epoch=4130, loss=0.00212, seconds=3.1),
        summary(
            11, "exploding-line", hours=0.3, status="diverged", stop="divergence", epoch=3, loss=285.8, reason=EXPLODES
        ),
        summary(10, hours=1, metrics={"training": fit, "validation": fit | {"r2": 0.9981}}, validation_loss=8.1e-5),
        summary(9, faster, hours=2, loss=1.1e-12, metrics={"training": fit | {"r2": 1.0}, "validation": None}),
        summary(
            8, hours=3, status="stopped", epoch=413, loss=0.0112, reason="Stopped by hand at epoch 413.", resumable=True
        ),
        summary(7, "slope-by-hand", hours=30, status="interrupted", epoch=61, loss=0.35, seconds=190, **unfinished),
        summary(6, "adam-line", hours=50, status="converged", stop="tolerance", epoch=3122, loss=3e-15, seconds=7300),
        summary(
            5, "gpu-line", hours=9_600, status="failed", stop="error", epoch=0, loss=None, reason="[red]No memory."
        ),
        *(summary(4 - place, "cpu-line", hours=9_700 + place) for place in range(4)),
    )


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Wait for the list, press keys, wait for the records of what is in view."""

    async def prepare(pilot: Pilot[Any]) -> None:
        runs = pilot.app.screen_stack[1]

        async def there() -> None:
            await until(pilot, lambda: "reading …" not in runs.query_one(RunChart).render().plain, "the records")
            await pilot.pause()

        await until(pilot, lambda: not str(runs.query_one("#notice").render()).startswith("reading"), "the list")
        await there()
        for key in keys:
            await pilot.press(key)
        await there()

    return prepare


@SIZES
def test_a_run_that_exploded(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(ShelfApp(shelf()), terminal_size=size, run_before=after("down"))


@SIZES
def test_a_run_with_rows_held_out(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(ShelfApp(shelf()), terminal_size=size, run_before=after("down", "down"))


@SIZES
def test_runs_compared(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ["down", "space"] * 4
    assert snap_compare(ShelfApp(shelf()), terminal_size=size, run_before=after(*keys))


def test_as_many_runs_as_can_be_compared(snap_compare: Compare) -> None:
    keys = ["space", "down"] * 6
    assert snap_compare(ShelfApp(shelf()), terminal_size=WIDE, run_before=after(*keys))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_light_theme(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ["down", "down", "space", "down"]
    assert snap_compare(ShelfApp(shelf(), theme="light"), terminal_size=size, run_before=after(*keys))


def test_the_filter(snap_compare: Compare) -> None:
    async def prepare(pilot: Pilot[Any]) -> None:
        await after("slash", *"gentle", "space", *"completed")(pilot)
        table = pilot.app.screen_stack[1].query_one(RunTable)
        await until(pilot, lambda: table.row_count == 2, "the narrowed list")
        await pilot.pause()

    app = ShelfApp(shelf())
    assert snap_compare(app, terminal_size=NARROW, run_before=prepare)


def test_the_question_before_deleting(snap_compare: Compare) -> None:
    assert snap_compare(ShelfApp(shelf()), terminal_size=NARROW, run_before=after("down", "d"))


def test_an_empty_store(snap_compare: Compare) -> None:
    assert snap_compare(ShelfApp(Shelf()), terminal_size=NARROW, run_before=after())


def test_a_terminal_too_small_for_more_shows_run_and_status(snap_compare: Compare) -> None:
    assert snap_compare(ShelfApp(shelf()), terminal_size=(20, 6), run_before=after())
