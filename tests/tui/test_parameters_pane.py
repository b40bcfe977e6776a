"""The numbers of the parameters, however many, and what stands below them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.support import StillRunner, made_up_block, started, until
from tui_regress.engine.events import Measured
from tui_regress.engine.metrics import LinearMetrics
from tui_regress.experiment import builtin, override
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.numbers import number
from tui_regress.tui.widgets import number_table
from tui_regress.tui.widgets.grid import grid, width_of
from tui_regress.tui.widgets.lines import Lines
from tui_regress.tui.widgets.number_table import NumberTable
from tui_regress.tui.widgets.parameters_pane import ParametersPane

HEIGHT = 10
"""Lines of the table: the headings and nine rows."""
MANY = 5_000


class Alone(App[None]):
    """A table and nothing else."""

    CSS = f"NumberTable {{ height: {HEIGHT}; overflow-x: hidden; scrollbar-size: 1 1; }}"

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield NumberTable()


@asynccontextmanager
async def table_of(
    names: tuple[str, ...], values: NDArray[np.float64], width: int = 40
) -> AsyncIterator[tuple[NumberTable, Pilot[None]]]:
    app = Alone()
    app.animation_level = "none"
    async with app.run_test(size=(width, 20)) as pilot:
        table = app.query_one(NumberTable)
        table.show(names, {"value": values, "exact": None}, 6)
        table.focus()
        await pilot.pause()
        yield table, pilot


NAMES = tuple(f"w{row}" for row in range(MANY))
VALUES = np.arange(MANY, dtype=np.float64)


def lines(table: NumberTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


def first_row(table: NumberTable) -> int:
    return int(lines(table)[1].split()[0].removeprefix("w"))


def at_the_top(table: NumberTable, row: int) -> bool:
    return first_row(table) == row


def changed(rows: list[int]) -> NDArray[np.float64]:
    """The values with others in ``rows``."""
    values = VALUES.copy()
    values[rows] += 0.25
    return values


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every number that is written."""
    numbers: list[float] = []

    def watched(value: float) -> str:
        numbers.append(value)
        return number(value)

    monkeypatch.setattr(number_table, "number", watched)
    return numbers


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """Every part of a table that is painted anew; for the whole of it, an empty one."""
    regions: list[Region] = []
    refresh = NumberTable.refresh

    def watched(table: NumberTable, *parts: Region, **how: bool) -> NumberTable:
        if how.get("repaint", True):
            regions.extend(parts or [Region()])
        return refresh(table, *parts, **how)

    monkeypatch.setattr(NumberTable, "refresh", watched)
    return regions


async def test_the_headings_stand_above_the_rows_there_is_room_for() -> None:
    async with table_of(NAMES, VALUES) as (table, _):
        headings, *rows = map(str.split, lines(table))
        assert headings == ["value", "exact"]
        assert rows == [["w0", "0.00000", "·"], *([f"w{row}", f"{row}.00000", "·"] for row in range(1, 9))]


async def test_keys_go_through_thousands_of_rows_and_pass_over_none() -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        last = MANY - 9
        for key, first in (
            ("down", 1),
            ("pagedown", 10),
            ("up", 9),
            ("pageup", 0),
            ("end", last),
            ("home", 0),
            ("ctrl+end", last),
            ("ctrl+home", 0),
        ):
            await pilot.press(key)
            await until(pilot, partial(at_the_top, table, first), f"row {first} after {key}")
            assert lines(table)[0].split() == ["value", "exact"]


async def test_the_wheel_scrolls() -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        wheel = events.MouseScrollDown(table, 2, 3, delta_x=0, delta_y=1, button=0, shift=False, meta=False, ctrl=False)
        table.post_message(wheel)
        await until(pilot, lambda: first_row(table) > 0, "another row at the top")


async def test_of_thousands_of_rows_only_those_in_sight_are_written(written: list[float]) -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        assert set(written) == set(range(9))
        await pilot.press("end")
        await until(pilot, lambda: first_row(table) == MANY - 9, "the last rows")
        written.clear()
        table.show(NAMES, {"value": VALUES + MANY, "exact": None}, 6)
        lines(table)
        assert sorted(written) == list(range(2 * MANY - 9, 2 * MANY))


async def test_only_rows_that_changed_are_painted(painted: list[Region]) -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        await pilot.press("down")
        await until(pilot, lambda: first_row(table) == 1, "the second row at the top")
        painted.clear()
        table.show(NAMES, {"value": VALUES.copy(), "exact": None}, 6)
        assert not painted
        table.show(NAMES, {"value": changed([0, 2, 6, MANY - 1]), "exact": None}, 6)
        assert [(part.y, part.height) for part in painted] == [(2, 1), (6, 1)]
        assert lines(table)[2].split() == ["w2", "2.25000", "·"]


async def test_a_number_that_has_changed_out_of_sight_is_there_when_its_row_comes_into_sight() -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        table.show(NAMES, {"value": changed([9]), "exact": None}, 6)
        await pilot.press("down")
        await until(pilot, lambda: first_row(table) == 1, "the second row at the top")
        assert lines(table)[-1].split() == ["w9", "9.25000", "·"]


async def test_what_becomes_known_is_no_longer_dim() -> None:
    async with table_of(NAMES, VALUES) as (table, _):
        _, _, unknown, *_ = table.render_line(1)
        assert (unknown.text.strip(), unknown.style is not None and unknown.style.dim) == ("·", True)
        table.show(NAMES, {"value": VALUES, "exact": VALUES}, 6)
        _, _, known, *_ = table.render_line(1)
        assert (known.text.strip(), known.style is not None and bool(known.style.dim)) == ("0.00000", False)


async def test_other_rows_begin_at_the_top() -> None:
    async with table_of(NAMES, VALUES) as (table, pilot):
        await pilot.press("end")
        await until(pilot, lambda: first_row(table) > 0, "the last rows")
        table.show(("a", "b"), {"value": VALUES[:2], "gradient": VALUES[:2]}, 6)
        await pilot.pause()
        assert [line.split() for line in lines(table)[:4]] == [
            ["value", "gradient"],
            ["a", "0.00000", "0.00000"],
            ["b", "1.00000", "1.00000"],
            [],
        ]


async def test_a_name_is_printed_as_itself_and_never_acts_on_the_terminal() -> None:
    names = ("[b]x", "a\x1b[1m", "a\nb\tc", "日本語の列", "a long name")
    async with table_of(names, VALUES[:5]) as (table, _):
        shown = lines(table)[1:6]
        assert [line.split()[0] for line in shown[:4]] == ["[b]x", "a�[1m", "a�b�c", "日本語"]
        assert shown[4].startswith("a lon…  4.00000")
        assert {table.render_line(y).cell_length for y in range(6)} == {table.size.width}


@pytest.mark.parametrize("width", [3, 12, 20])
async def test_where_the_room_is_narrow_lines_are_cut_off(width: int) -> None:
    async with table_of(NAMES, VALUES, width) as (table, _):
        assert {table.render_line(y).cell_length for y in range(HEIGHT)} == {table.size.width}
        assert lines(table)[1] == "w0      0.00000        ·"[: table.size.width]


METRICS = LinearMetrics(800, 0.9312, 1.4233, 1.1204), LinearMetrics(200, 0.8871, 3.3166, 2.5019)


@asynccontextmanager
async def training(size: tuple[int, int], weights: int) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """A run with a first record, of a model with so many weights and no points to predict at."""
    generated = {"data.weights": [float(weight) for weight in range(weights)], "predict.at": []}
    experiment = override(builtin("d2l-concise"), generated | {"data.rows": 100, "training.validation": 0.2})
    app = LabApp(experiment, runner=StillRunner, clock=lambda: 0.0)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.session.exact is not None and app.lab.devices is not None, "data")
        await pilot.press("s")
        app.lab.post_message(messages.RunStarted(app.session.run_id, started(app.session.names)))
        first = made_up_block([9.0], [[1.0] * (weights + 1)])
        app.lab.post_message(messages.EpochsCompleted(app.session.run_id, first))
        await until(pilot, lambda: len(app.session.history) == 1 and not app.lab.dirty, "the record on the screen")
        yield app, pilot


async def measure(app: LabApp, pilot: Pilot[None], measured: Measured) -> None:
    app.lab.post_message(messages.ModelMeasured(app.session.run_id, measured))
    await until(pilot, lambda: app.session.measured is measured and not app.lab.dirty, "the metrics")
    await pilot.pause()


async def test_the_metrics_come_below_the_table_and_leave_it_its_room() -> None:
    async with training((120, 40), weights=40) as (app, pilot):
        pane, table, details = app.lab.query_one(ParametersPane), app.lab.query_one(NumberTable), details_of(app)
        assert details.region.height == 0
        assert table.region.height == pane.content_size.height
        await measure(app, pilot, Measured(0, *METRICS))
        assert details.region.y == table.region.bottom + 1
        assert pane.content_region.contains_region(details.region)
        assert [line.plain.split() for line in details.render().split("\n")] == [
            ["training", "validation"],
            ["R²", "0.9312", "0.8871"],
            ["RMSE", "1.423", "3.317"],
            ["MAE", "1.120", "2.502"],
        ]


async def test_of_the_details_only_the_lines_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with training((120, 40), weights=2) as (app, pilot):
        await measure(app, pilot, Measured(0, *METRICS))
        details, painted = details_of(app), list[Region]()
        monkeypatch.setattr(details, "refresh", lambda *regions, **_: painted.extend(regions))
        app.session.measured = Measured(1, METRICS[0], LinearMetrics(200, 0.8871, 3.3166, 2.6))
        app.lab.query_one(ParametersPane).show(app.session)
        assert [(region.y, region.height) for region in painted] == [(3, 1)]


def details_of(app: LabApp) -> Lines:
    return app.lab.query_one("#details", Lines)


async def test_an_empty_line_is_one_for_the_mouse_too_and_no_line_is_painted_beyond_its_end() -> None:
    async with training((120, 40), weights=2) as (app, pilot):
        details = details_of(app)
        await measure(app, pilot, Measured(0, *METRICS))
        strips = [details.render_line(y) for y in range(5)]
        assert [strip.cell_length for strip in strips] == [32, 32, 32, 32, 0]
        for y, strip in enumerate(strips):
            assert [segment.style and segment.style.meta["offset"][1] for segment in strip] == [y] * len(strip)
            assert len(strip)


async def test_what_is_painted_again_has_the_styles_it_had() -> None:
    async with training((120, 40), weights=2) as (app, pilot):
        await measure(app, pilot, Measured(0, *METRICS))
        for widget in (details_of(app), app.lab.query_one(NumberTable)):
            first, second = ([segment.style for segment in widget.render_line(1)] for _ in range(2))
            assert all(one is other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_a_grid_is_laid_out_as_rich_lays_out_a_table(seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - no secret
    gap, room, count = choose.choice([0, 1]), choose.randrange(20, 50), choose.randrange(2, 5)
    words = ["value", "training", "at 1, 2, 3, 4, 5", "−1.2e-12", "日本語ラベル", "1,234,567"]
    rows = [[choose.choice(words) for _ in range(count)] for _ in range(choose.randrange(1, 5))]
    longest = choose.randrange(6, 15)
    table = Table.grid(padding=(0, gap))
    table.add_column(no_wrap=True, max_width=longest)
    for _ in range(count - 1):
        table.add_column(no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*row)
    console = Console(width=room, color_system=None)
    with console.capture() as capture:
        console.print(table)
    cells = [[(word, "") for word in row] for row in rows]
    first, *others = (width_of(column) for column in zip(*cells, strict=True))
    laid_out = grid(cells, [min(first, longest), *others], room, gap)
    assert [line.plain.rstrip() for line in laid_out] == [line.rstrip() for line in capture.get().splitlines()]
