"""The screen of past runs, driven by keys over a store in memory, and once over a real one."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Button, Input, Label, Static

from tests.runs.made_up import add_run, block, write
from tests.tui.kept import EXPLODES, Shelf, ShelfApp, summary
from tests.tui.support import until
from tui_regress.data import load_dataset
from tui_regress.engine import training
from tui_regress.engine.control import Control
from tui_regress.experiment import Column, Experiment, Table, builtin, override
from tui_regress.problems import InputError
from tui_regress.runs.kept import Unreadable
from tui_regress.runs.recorder import recorded
from tui_regress.runs.store import Store
from tui_regress.tui.charts.frame import DASHED
from tui_regress.tui.run_list import PAGE
from tui_regress.tui.screens import runs
from tui_regress.tui.screens.delete import DeleteScreen
from tui_regress.tui.screens.runs import RunsScreen
from tui_regress.tui.widgets.run_details import RunChart, RunDetails
from tui_regress.tui.widgets.run_table import RunTable

FASTER = override(builtin("gentle-line"), {"optimizer.lr": 0.08})
SIZES = [(120, 40), (80, 24), (50, 16), (20, 6)]


@pytest.fixture(autouse=True)
def _records_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SETTLE", 0.0)


def shelf() -> Shelf:
    return Shelf(
        summary(4, hours=0.01, status="running", stop=None, reason="", epoch=413, loss=0.0245),
        summary(
            3, "exploding-line", hours=1, status="diverged", stop="divergence", epoch=3, loss=285.8, reason=EXPLODES
        ),
        summary(2, FASTER, hours=30, loss=1e-12),
        summary(1, hours=60, status="interrupted", stop=None, reason="", epoch=100, loss=0.0245, resumable=True),
    )


@asynccontextmanager
async def listing(store: Shelf, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[ShelfApp, Pilot[None]]]:
    app = ShelfApp(store)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: store.asked and shown(app, "#notice") != "reading …", "the list")
        await settled(app, pilot)
        yield app, pilot


async def settled(app: ShelfApp, pilot: Pilot[None]) -> None:
    """Wait until everything asked for is on the screen."""
    await until(pilot, lambda: "reading …" not in chart(app), "the records")
    await pilot.pause()


def screen(app: ShelfApp) -> RunsScreen:
    found = app.screen_stack[1]
    assert isinstance(found, RunsScreen)
    return found


def table(app: ShelfApp) -> RunTable:
    return screen(app).query_one(RunTable)


def lines(app: ShelfApp) -> list[str]:
    """The list as a person reads it."""
    rows = table(app)
    return [" ".join(cell.plain for cell in rows.get_row_at(row)) for row in range(rows.row_count)]


def chart(app: ShelfApp) -> str:
    return screen(app).query_one(RunChart).render().plain


def words(app: ShelfApp) -> str:
    """What stands beside the chart, its line breaks undone."""
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(screen(app).query_one("#run-text", Static).content)
    return " ".join(capture.get().split())


def shown(app: ShelfApp, name: str) -> str:
    label = screen(app).query_one(name, Label)
    return str(label.content) if label.display else ""


def title(app: ShelfApp) -> str:
    return Content.from_markup(screen(app).query_one(RunDetails).border_title or "").plain


def footer_keys(app: ShelfApp) -> set[str]:
    return {
        active.binding.description
        for active in app.screen.active_bindings.values()
        if active.enabled and active.binding.show
    }


async def test_the_newest_run_stands_on_top_and_every_status_is_a_word() -> None:
    async with listing(shelf()) as (app, _):
        assert [line.split()[0] for line in lines(app)] == ["4", "3", "2", "1"]
        assert table(app).current == 4
        assert lines(app)[1] == "3 today 13:30 exploding-line ● DIVERGED 3/1000 285.800 · sgd 0.1 0.42 s"
        assert title(app) == "Run 4 · gentle-line · mse"
        statuses = [line.partition("● ")[2].split()[0] for line in lines(app)]
        assert statuses == ["RUNNING", "DIVERGED", "COMPLETED", "INTERRUPTED"]


async def test_under_the_cursor_are_the_curve_the_reason_and_what_was_changed() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("down")
        await settled(app, pilot)
        assert "rising, epoch 3" in chart(app)
        assert words(app).startswith("Diverging since epoch 1")
        await pilot.press("down")
        await settled(app, pilot)
        assert "since 1 lr 0.01 → 0.08" in words(app)
        assert "w[x] 1.99518 b 0.01740" in words(app)


async def test_metrics_and_validation_are_told_where_they_are_known() -> None:
    figures = {"rows": 4, "r2": 0.9981, "rmse": 0.5, "mae": 0.25}
    run = summary(1, metrics={"training": figures, "validation": figures | {"r2": 0.9}}, validation_loss=0.5)
    async with listing(Shelf(run)) as (app, _):
        assert "R² 0.9000" in lines(app)[0]
        assert "training R² 0.99810 · RMSE 0.50000 · MAE 0.25000" in words(app)
        assert "validation R² 0.90000" in words(app)
        assert "5 rows + 2 held out" in words(app)
        assert "validation" in chart(app)


async def test_columns_are_told_by_name_where_runs_on_one_table_differ() -> None:
    def houses(*features: str) -> Experiment:
        columns = tuple(Column(name, fill=(1.0,)) for name in features)
        return Experiment(Table("houses.csv", "price", features, missing="mean", columns=columns), name="houses")

    store = Shelf(summary(2, houses("area", "rooms", "id")), summary(1, houses("area", "rooms", "city", "age")))
    async with listing(store) as (app, pilot):
        assert words(app).endswith("since 1 features 4 columns → +id −city −age")
        await pilot.press("space", "down", "space")
        await settled(app, pilot)
        assert "features 3 columns +city +age −id status" in words(app)


@pytest.mark.parametrize(("key", "action"), [("enter", "open"), ("s", "rerun"), ("c", "continue")])
async def test_a_key_leaves_with_the_run_under_the_cursor(key: str, action: str) -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("end", key)
        await until(pilot, lambda: app.chosen is not None, action)
        assert app.chosen is not None
        assert app.chosen.action == action
        assert app.chosen.kept.summary.run_id == 1
        assert len(app.chosen.kept.records) == 101


async def test_only_what_can_be_continued_is_offered_so() -> None:
    async with listing(shelf()) as (app, pilot):
        assert footer_keys(app) == {"open", "mark", "rerun", "find", "log", "back"}
        await pilot.press("c")
        await pilot.press("end")
        await settled(app, pilot)
        assert footer_keys(app) == {"open", "mark", "rerun", "continue", "delete", "find", "log", "back"}
        assert app.chosen is None


async def test_a_run_that_another_dashboard_has_continued_meanwhile_is_not_continued_again() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("end")
        store.summaries[-1] = summary(1, status="running")
        await pilot.press("c")
        await until(pilot, lambda: app._notifications, "the sentence")
        assert [note.message for note in app._notifications] == [
            "Run 1 can no longer be continued: it is training, or its checkpoint is gone."
        ]
        assert app.chosen is None


async def test_marked_runs_are_compared_by_letter_curve_and_setting() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("down", "space", "down", "space")
        await settled(app, pilot)
        assert [line.split()[0] for line in lines(app)] == ["4", "A", "B", "1"]
        assert title(app) == "2 runs compared · mse"
        assert chart(app).split("\n")[0].split() == ["A", "3", "B", "2"]
        assert words(app).startswith(
            "run A 3 B 2 loss 285.800 1.00e-12 experiment exploding-line gentle-line lr 0.1 0.08"
        )
        assert "status diverged completed" in words(app)


async def test_one_mark_compares_with_whatever_the_cursor_comes_to() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("space", "down")
        await settled(app, pilot)
        assert words(app).startswith("run A 4 B 3")
        await pilot.press("down")
        await settled(app, pilot)
        assert words(app).startswith("run A 4 B 2")
        await pilot.press("home")
        await settled(app, pilot)
        assert title(app) == "Run 4 · gentle-line · mse"


async def test_a_mark_goes_as_it_came_and_its_letter_is_free_again() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("space", "down", "space", "home", "space", "end", "space")
        await settled(app, pilot)
        assert [line.split()[0] for line in lines(app)] == ["4", "B", "2", "A"]


async def test_six_runs_can_be_marked_and_no_seventh() -> None:
    async with listing(Shelf(*(summary(place) for place in range(1, 9)))) as (app, pilot):
        await pilot.press(*["space", "down"] * 8)
        await settled(app, pilot)
        assert [line.split()[0] for line in lines(app)] == [*"ABCDEF", "2", "1"]
        assert "mark" not in footer_keys(app)
        assert chart(app).split("\n")[0].split() == ["A", "8", "B", "7", "C", "6", "D", "5", "E", "4", "F", "3"]


async def test_the_number_of_a_run_is_never_cut_off() -> None:
    async with listing(Shelf(summary(123_456), summary(1)), (80, 24)) as (app, pilot):
        await pilot.press("space")
        await settled(app, pilot)
        assert "A 123456  " in "".join(segment.text for segment in table(app).render_line(1))


async def test_losses_of_different_kinds_are_not_compared_in_silence() -> None:
    async with listing(Shelf(summary(1), summary(2, "module-line"))) as (app, pilot):
        await pilot.press("space", "down", "space")
        await settled(app, pilot)
        assert title(app) == "2 runs compared · different losses: sse, mse"


async def test_marks_stay_while_the_list_is_narrowed() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("down", "space", "slash", *"gentle", "enter")
        await until(pilot, lambda: len(lines(app)) == 3, "the narrowed list")
        await pilot.press("home", "space")
        await settled(app, pilot)
        assert words(app).startswith("run A 3 B 4")


async def test_a_mark_goes_with_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "REFRESH", 0.02)
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "space", "down", "space", "d", "d")
        await until(pilot, lambda: title(app).startswith("2 runs"), "the rest of the comparison")
        assert words(app).startswith("run A 3 B 1")
        store.summaries = [run for run in store.summaries if run.run_id != 3]
        await until(pilot, lambda: title(app) == "Run 1 · gentle-line · mse", "the end of the comparison")


async def test_the_list_goes_on_by_itself_without_losing_cursor_or_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "REFRESH", 0.02)
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "space", "down")
        store.summaries[0] = summary(4, hours=0.01)
        store.summaries = [summary(5, hours=0), *store.summaries[:-1]]
        await until(pilot, lambda: lines(app)[0].startswith("5"), "the new run")
        assert [line.split()[0] for line in lines(app)] == ["5", "4", "A", "2"]
        assert "COMPLETED" in lines(app)[1]
        assert table(app).current == 2


async def test_the_cursor_stays_near_where_a_run_was_deleted() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "down", "d")
        await until(pilot, lambda: isinstance(app.screen, DeleteScreen), "the question")
        assert "gentle-line, 1000 epochs, completed: its settings" in str(app.screen.query_one(Label).content)
        await pilot.press("d")
        await until(pilot, lambda: len(lines(app)) == 3, "the deletion")
        assert [run.run_id for run in store.summaries] == [4, 3, 1]
        assert table(app).current == 1


@pytest.mark.parametrize("keys", [["escape"], ["enter"]])
async def test_a_run_is_not_deleted_before_a_second_word(keys: list[str]) -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "delete")
        await until(pilot, lambda: isinstance(app.screen, DeleteScreen), "the question")
        await pilot.press(*keys)
        await until(pilot, lambda: app.screen is screen(app), "the list")
        assert len(store.summaries) == 4


async def test_the_button_deletes_too() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "d")
        await until(pilot, lambda: isinstance(app.screen, DeleteScreen), "the question")
        app.screen.query_one("#delete", Button).press()
        await until(pilot, lambda: len(store.summaries) == 3, "the deletion")


async def test_a_run_that_is_still_running_cannot_be_deleted() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("d")
        await pilot.pause()
        assert app.screen is screen(app)


async def test_the_filter_takes_a_part_of_a_name_and_a_status() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("slash", *"line", "space", *"Diverged")
        await until(pilot, lambda: len(lines(app)) == 1, "the narrowed list")
        assert store.asked[-1] == ("line", "diverged", PAGE)
        await pilot.press("escape")
        await until(pilot, lambda: len(lines(app)) == 4, "the whole list")
        assert table(app).current == 3
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1, "the way back")
        assert app.chosen is None


async def test_letters_typed_in_the_filter_are_no_commands() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("slash", *"dscy")
        await until(pilot, lambda: not lines(app), "the empty list")
        assert screen(app).query_one(Input).value == "dscy"
        assert shown(app, "#notice") == "No run matches “dscy”."
        assert footer_keys(app) == {"back"}


async def test_an_empty_store_says_what_will_be_here_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "REFRESH", 0.02)
    store = Shelf()
    async with listing(store) as (app, pilot):
        assert shown(app, "#notice").startswith("No runs yet. Every run that is started")
        assert footer_keys(app) == {"back"}
        store.summaries = [summary(1)]
        await until(pilot, lambda: lines(app), "the first run")
        await until(pilot, lambda: "open" in footer_keys(app), "the keys")
        assert shown(app, "#notice") == ""


async def test_a_store_that_cannot_be_read_is_told_of_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "REFRESH", 0.02)
    store = shelf()
    async with listing(store) as (app, pilot):
        store.trouble = InputError("runs.sqlite: another program holds on to the store.")
        await until(pilot, lambda: "another program" in shown(app, "#notice"), "the sentence")
        assert len(lines(app)) == 4
        store.trouble = None
        await until(pilot, lambda: shown(app, "#notice") == "", "the sentence to go")


async def test_a_run_whose_records_cannot_be_read_says_so_once_and_harms_no_other() -> None:
    store = shelf()
    store.damaged = {3}
    async with listing(store) as (app, pilot):
        await pilot.press("down")
        await until(pilot, lambda: "damaged" in chart(app), "the sentence")
        await pilot.press("down")
        await settled(app, pilot)
        assert store.opened.count(3) == 1
        await pilot.press("up", "enter")
        await until(pilot, lambda: app._notifications, "the sentence")
        assert app.chosen is None


async def test_the_store_is_never_touched_by_the_thread_of_the_keys() -> None:
    store = shelf()
    async with listing(store) as (app, pilot):
        await pilot.press("down", "space", "d", "d", "enter")
        await until(pilot, lambda: app.chosen is not None, "the choice")
        assert store.threads
        assert threading.get_ident() not in store.threads


async def test_reaching_the_last_of_the_newest_runs_brings_more() -> None:
    store = Shelf(*(summary(place) for place in range(1, 2 * PAGE)))
    async with listing(store) as (app, pilot):
        assert len(lines(app)) == PAGE
        assert screen(app).query_one("#list").border_subtitle == f"the {PAGE} newest"
        await pilot.press("end")
        await until(pilot, lambda: len(lines(app)) == 2 * PAGE - 1, "the next page")
        assert table(app).current == PAGE
        await pilot.press("end")
        assert table(app).current == 1


async def test_names_from_files_print_as_themselves() -> None:
    experiment = override(builtin("gentle-line"), {"name": "[red]bold[/] \x1b[31m"})
    store = Shelf(summary(1, experiment, status="failed", reason="[b]no\x1b[2J[/b]"), summary(2))
    async with listing(store) as (app, pilot):
        await pilot.press("down")
        await settled(app, pilot)
        assert "[red]bold[/] �[31m" in lines(app)[1]
        assert "[red]bold[/] �[31m" in title(app)
        assert words(app).startswith("[b]no�[2J[/b]")


async def test_the_axis_is_logarithmic_or_linear() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("end")
        await settled(app, pilot)
        before = chart(app)
        await pilot.press("y")
        await pilot.pause()
        assert chart(app) != before
        assert str(screen(app).query_one(RunDetails).border_subtitle).endswith("linear")


async def test_a_run_that_ended_before_its_first_record_says_so() -> None:
    store = Shelf(summary(1, status="failed", stop="error", reason="No memory is left.", epoch=0, loss=None))
    async with listing(store) as (app, _):
        assert "It ended before its first record." in chart(app)
        assert lines(app)[0].split("● ")[1].startswith("FAILED 0/1000 · ·")


async def test_a_loss_that_left_the_numbers_is_marked_alone_and_compared() -> None:
    store = shelf()
    store.losses[3] = np.array([44.0, 1e30, np.inf, np.nan])
    async with listing(store) as (app, pilot):
        await pilot.press("down")
        await settled(app, pilot)
        assert "not finite from epoch 2" in chart(app)
        await pilot.press("space", "down")
        await settled(app, pilot)
        assert "A not finite from epoch 2" in chart(app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_every_size_shows_run_and_status_and_obeys_the_keys(size: tuple[int, int]) -> None:
    async with listing(shelf(), size) as (app, pilot):
        await pilot.press("space", "down", "space", "y")
        await settled(app, pilot)
        assert [line.split()[0] for line in lines(app)] == ["A", "B", "2", "1"]
        assert all("● " in line for line in lines(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: app.chosen is not None, "the choice")


async def test_columns_come_and_go_with_the_width_and_the_cursor_stays() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("down", "space", "down")
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: "today" not in lines(app)[1], "fewer columns")
        assert (table(app).current, lines(app)[1].split()[0]) == (2, "A")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "today" in lines(app)[1], "all columns")
        assert table(app).current == 2


async def test_another_theme_colours_everything_anew() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("down", "space")

        def colours() -> set[str]:
            status = table(app).get_cell("3", "status")
            return {str(span.style) for span in status.spans}

        dark = colours()
        app.theme = "lab-light"
        await until(pilot, lambda: not colours() & dark, "the colours")


async def test_a_click_goes_to_a_run_and_a_second_one_opens_it() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.click(RunTable, offset=(30, 3))
        await pilot.pause()
        assert table(app).current == 2
        assert app.chosen is None
        await pilot.click(RunTable, offset=(30, 3))
        await until(pilot, lambda: app.chosen is not None, "the choice")


async def test_runs_of_a_real_store_are_listed_opened_and_deleted(tmp_path: Path) -> None:
    store, experiment = tmp_path / "runs.sqlite", builtin("gentle-line")
    dataset = load_dataset(experiment)
    for _ in recorded(training.run(experiment, dataset, Control()), store, experiment, dataset):
        pass
    app = ShelfApp(partial(Store, store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "w[x] 1.99518" in words(app), "the run")
        assert "1 " in lines(app)[0]
        assert "COMPLETED 1000 5.511e-5 R² 1.000 sgd 0.01" in lines(app)[0].replace("● ", "")
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen is not None, "the choice")
    assert app.chosen is not None
    assert app.chosen.kept.records.loss[[0, 1, 2]] == pytest.approx([44, 25.6608, 14.9735], rel=1e-5)
    app = ShelfApp(partial(Store, store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: lines(app), "the list")
        await pilot.press("d", "d")
        await until(pilot, lambda: "No runs yet" in shown(app, "#notice"), "the empty store")


STRANGE = Unreadable(9, "[b]new\x1b[2J", "its experiment: optimizer.name = 'muon': must be one of adam, sgd.")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_a_run_that_cannot_be_read_stands_in_the_list_and_can_only_be_deleted(size: tuple[int, int]) -> None:
    store = shelf()
    store.unreadable = [STRANGE]
    async with listing(store, size) as (app, pilot):
        assert [line.split()[0] for line in lines(app)] == ["9", "4", "3", "2", "1"]
        assert "● UNREADABLE" in lines(app)[0]
        await pilot.press("enter", "s", "c", "space")
        await settled(app, pilot)
        assert app.chosen is None
        assert store.opened == []
        assert not footer_keys(app) & {"open", "mark", "rerun", "continue", "log", "curves"}
        assert words(app) == STRANGE.reason
        assert title(app) == "Run 9 · [b]new�[2J"
        assert "This version cannot read this run." in " ".join(chart(app).split()) or size < (50, 16)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DeleteScreen), "the question")
        assert "which cannot be read: its settings" in str(app.screen.query_one(Label).content)
        await pilot.press("d")
        await until(pilot, lambda: len(lines(app)) == 4, "the deletion")
        assert store.unreadable == []


async def test_runs_that_are_compared_stay_so_while_the_cursor_is_on_one_that_cannot_be_read() -> None:
    store = shelf()
    store.unreadable = [STRANGE]
    async with listing(store) as (app, pilot):
        await pilot.press("down", "space", "home")
        await settled(app, pilot)
        assert words(app) == STRANGE.reason
        await pilot.press("down", "down", "space", "home")
        await settled(app, pilot)
        assert title(app) == "2 runs compared · mse"
        assert "log" in footer_keys(app)


def beside(app: ShelfApp) -> str:
    """What stands in the corner of the details."""
    return str(screen(app).query_one(RunDetails).border_subtitle)


async def test_runs_with_rows_held_out_are_compared_by_both_losses_or_either() -> None:
    store = Shelf(summary(3, validation_loss=1e-3), summary(2), summary(1, validation_loss=2.0))
    async with listing(store) as (app, pilot):
        assert "curves" not in footer_keys(app)
        await pilot.press("space", "down")
        await settled(app, pilot)
        assert "curves" in footer_keys(app)
        assert beside(app) == "training and validation · log"
        assert chart(app).split("\n")[0].split() == ["A", "3", "B", "2", *DASHED.split(), "validation"]
        await pilot.press("v")
        await pilot.pause()
        assert beside(app) == "training · log"
        assert chart(app).split("\n")[0].split() == ["A", "3", "B", "2"]
        await pilot.press("v")
        await pilot.pause()
        assert beside(app) == "validation · log"
        assert chart(app).split("\n")[0].split() == ["A", "3", *DASHED.split(), "validation"]
        await pilot.press("v", "y")
        await pilot.pause()
        assert beside(app) == "training and validation · linear"


async def test_of_many_runs_only_one_loss_each_is_drawn_until_more_are_asked_for() -> None:
    async with listing(Shelf(*(summary(place, validation_loss=0.1) for place in range(1, 6)))) as (app, pilot):
        await pilot.press(*["space", "down"] * 4)
        await settled(app, pilot)
        assert beside(app) == "training · log"
        await pilot.press("v", "v")
        await pilot.pause()
        assert beside(app) == "training and validation · log"


async def test_runs_without_rows_held_out_have_no_curves_to_choose_and_no_column_for_them() -> None:
    async with listing(shelf()) as (app, pilot):
        await pilot.press("space", "down", "v")
        await settled(app, pilot)
        assert "curves" not in footer_keys(app)
        assert beside(app) == "log"
        assert not table(app).has_column("validation")
        assert table(app).has_column("seconds")


async def test_the_loss_over_rows_held_out_has_a_column_and_what_has_none_is_said_beside_the_chart() -> None:
    async with listing(Shelf(summary(1, validation_loss=0.125))) as (app, pilot):
        assert "0.12500" in lines(app)[0]
        assert "0.42 s" not in lines(app)[0]
        assert beside(app) == "0.42 s · log"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "0.12500" not in lines(app)[0], "fewer columns")
        await pilot.press("y")
        await pilot.pause()
        assert beside(app) == "today 13:30 · 1000 epochs · validation 0.12500 · 0.42 s · linear"


async def test_runs_that_cannot_be_read_come_from_a_real_store_too(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    with Store(store) as opened:
        for _ in range(3):
            write(opened, add_run(opened), block(0, [2.0, 1.0]), status="completed")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE runs SET experiment = replace(experiment, '\"sgd\"', '\"muon\"') WHERE id = 2")
    app = ShelfApp(partial(Store, store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(lines(app)) == 3, "the list")
        assert [line.split()[0] for line in lines(app)] == ["3", "2", "1"]
        await pilot.press("down")
        await until(pilot, lambda: "muon" in words(app), "the reason")
        await pilot.press("d", "d")
        await until(pilot, lambda: [line.split()[0] for line in lines(app)] == ["3", "1"], "the deletion")


async def test_what_is_chosen_asks_the_store_no_more(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    with Store(store) as opened:
        write(opened, add_run(opened), block(0, [2.0, 1.0]), status="stopped")
    app = ShelfApp(partial(Store, store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: lines(app), "the list")
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen is not None, "the choice")
    store.unlink()
    assert app.chosen is not None
    kept = app.chosen.kept
    assert (len(kept.history()), kept.rates, kept.ended) == (2, ((0, 0.1),), None)
    assert kept.best is not None
    assert kept.best.epoch == 1


async def test_a_store_that_cannot_be_opened_says_so_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database at all, but long enough to be looked at as one" * 10)
    app = ShelfApp(partial(Store, file))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "is not a store of runs." in shown(app, "#notice"), "the sentence")
        assert footer_keys(app) == {"back"}
