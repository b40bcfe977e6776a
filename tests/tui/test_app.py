"""The dashboard driven by keys, training for real."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Select

from tests.tui.support import made_up_block, until
from tui_regress.engine.events import Block
from tui_regress.experiment import Experiment, builtin, dumps, load, override
from tui_regress.experiments import NAMES
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.screens.columns import ColumnsScreen
from tui_regress.tui.screens.help import HelpScreen
from tui_regress.tui.screens.open import OpenScreen
from tui_regress.tui.screens.quit import QuitScreen
from tui_regress.tui.screens.save import SaveScreen
from tui_regress.tui.session import RunState
from tui_regress.tui.settings import to_text, value_of
from tui_regress.tui.widgets.banner import describe
from tui_regress.tui.widgets.form import Field, Form
from tui_regress.tui.widgets.loss_pane import LossPane

LONG = {"training.epochs": 100_000_000}


@asynccontextmanager
async def running(
    experiment: Experiment | str, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    app = LabApp(builtin(experiment) if isinstance(experiment, str) else experiment)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.session.dataset is not None or app.session.problems, "data")
        yield app, pilot


def state_of(app: LabApp) -> RunState:
    return app.session.state


async def state(app: LabApp, pilot: Pilot[None], wanted: RunState) -> None:
    await until(pilot, lambda: state_of(app) is wanted, f"{wanted.value} (it is {app.session.state.value})")


async def epochs(app: LabApp, pilot: Pilot[None], least: int) -> None:
    await until(pilot, lambda: len(app.session.history) > least, f"{least} epochs")


def press(app: LabApp, *keys: str) -> None:
    """Keys while training: Pilot.press would first wait for the processor to be idle."""
    for key in keys:
        app.simulate_key(key)


def footer_keys(app: LabApp) -> set[str]:
    return {key for key, active in app.screen.active_bindings.items() if active.enabled and active.binding.show}


async def test_s_trains_to_the_end_and_gives_the_published_figures() -> None:
    async with running("gentle-line") as (app, pilot):
        assert state_of(app) is RunState.IDLE
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        losses = app.session.history.losses
        assert losses[[0, 1, 2]] == pytest.approx([44, 25.6608, 14.9735], rel=1e-5)
        assert app.session.predictions[0].after == pytest.approx(11.98848, abs=1e-4)
        assert "COMPLETED at epoch 1,000" in app.summary()


async def test_exploding_line_is_flagged_and_with_a_lower_rate_converges() -> None:
    async with running("exploding-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.DIVERGED)
        assert app.session.verdict is not None
        assert app.session.verdict.epoch == 3
        await pilot.press("r", "minus", "s")
        await state(app, pilot, RunState.COMPLETED)
        assert app.session.experiment.optimizer.lr == 0.03
        assert app.session.history.losses[-1] < 1e-6


async def test_pause_holds_step_takes_one_epoch_and_start_resumes() -> None:
    async with running(override(builtin("gentle-line"), LONG)) as (app, pilot):
        press(app, "s")
        await epochs(app, pilot, 5)
        press(app, "p")
        await state(app, pilot, RunState.PAUSED)
        held = await settled(app, pilot)
        press(app, "n")
        await until(pilot, lambda: len(app.session.history) == held + 1, "one more record")
        assert state_of(app) is RunState.PAUSED
        press(app, "s")
        await epochs(app, pilot, held + 20)
        assert state_of(app) is RunState.RUNNING
        press(app, "x")
        await state(app, pilot, RunState.STOPPED)


async def settled(app: LabApp, pilot: Pilot[None]) -> int:
    """The number of records once the run has halted and all it had to say has been heard."""
    await until(pilot, lambda: app.lab.conductor.control.waiting, "the halt")
    heard = asyncio.Event()
    app.lab.call_later(heard.set)
    await heard.wait()
    return len(app.session.history)


async def test_n_from_the_start_trains_exactly_one_epoch() -> None:
    async with running("gentle-line") as (app, pilot):
        await pilot.press("n")
        await epochs(app, pilot, 1)
        assert state_of(app) is RunState.PAUSED
        assert len(app.session.history) == 2


async def test_reset_replays_the_same_records_to_the_bit() -> None:
    experiment = override(builtin("d2l-concise"), {"data.rows": 200})
    async with running(experiment) as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        first = app.session.history.losses.copy(), app.session.history.parameters.copy()
        await pilot.press("r")
        assert state_of(app) is RunState.IDLE
        assert len(app.session.history) == 0
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        assert np.array_equal(app.session.history.losses, first[0])
        assert np.array_equal(app.session.history.parameters, first[1])


async def test_reset_while_training_stops_and_goes_back_to_idle() -> None:
    async with running(override(builtin("gentle-line"), LONG)) as (app, pilot):
        press(app, "s")
        await epochs(app, pilot, 5)
        press(app, "r")
        await state(app, pilot, RunState.IDLE)
        assert len(app.session.history) == 0


async def test_the_learning_rate_changes_while_training() -> None:
    async with running(override(builtin("gentle-line"), LONG)) as (app, pilot):
        press(app, "s")
        await epochs(app, pilot, 5)
        press(app, "plus")
        await until(pilot, lambda: app.session.history.latest and app.session.history.latest.lr == 0.03, "lr 0.03")
        assert state_of(app) is RunState.RUNNING
        assert [lr for _, lr in app.session.history.rates] == [0.01, 0.03]


async def test_messages_of_an_earlier_run_are_dropped() -> None:
    async with running("gentle-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        stale = app.session.run_id
        await pilot.press("r")
        app.lab.post_message(messages.EpochsCompleted(stale, made_up_block([1.0], [[0.0, 0.0]])))
        app.lab.post_message(messages.RunEnded(stale, None, "late"))
        await pilot.pause()
        assert len(app.session.history) == 0
        assert state_of(app) is RunState.IDLE


async def test_an_error_in_the_worker_is_shown_and_the_app_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_regress.engine import training

    def broken(*_arguments: object, **_named: object) -> Any:
        raise MemoryError("not enough memory for 10 GB")

    async with running("gentle-line") as (app, pilot):
        with monkeypatch.context() as patch:
            patch.setattr(training, "run", broken)
            await pilot.press("s")
            await state(app, pilot, RunState.FAILED)
            assert "not enough memory" in app.session.failure
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)


async def test_quit_while_training_asks_and_then_leaves_no_thread_behind() -> None:
    async with running(override(builtin("gentle-line"), LONG)) as (app, pilot):
        press(app, "s")
        await epochs(app, pilot, 5)
        press(app, "q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        press(app, "escape")
        await until(pilot, lambda: app.screen is app.lab, "the lab")
        assert state_of(app) is RunState.RUNNING
        press(app, "q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        press(app, "q")
        await until(pilot, lambda: not app.is_running or app._exit, "the end")
    assert not [thread for thread in threading.enumerate() if thread.name == "tui-regress training"]
    assert "STOPPED at epoch" in app.summary()


async def test_a_wrong_value_is_named_below_its_field_and_start_waits() -> None:
    async with running("gentle-line") as (app, pilot):
        await type_into(app, pilot, "optimizer.lr", "-1")
        assert app.session.problems == {"optimizer.lr": "must be a number above 0."}
        shown = [label for label in app.screen.query(".problem") if label.display]
        assert len(shown) == 1
        await pilot.press("escape")
        assert "s" not in footer_keys(app)
        await pilot.press("s")
        assert state_of(app) is RunState.IDLE
        await type_into(app, pilot, "optimizer.lr", "0.03")
        await pilot.press("escape")
        assert "s" in footer_keys(app)
        assert app.session.experiment.optimizer.lr == 0.03
        assert not [label for label in app.screen.query(".problem") if label.display]


async def type_into(app: LabApp, pilot: Pilot[None], key: str, text: str) -> None:
    field = next(field for field in app.screen.query(Field) if field.setting.key == key)
    entry = field.query_one(Input)
    entry.focus()
    entry.value = ""
    await pilot.press(*("minus" if char == "-" else "full_stop" if char == "." else char for char in text))
    await pilot.pause()


async def test_data_that_do_not_fit_the_model_are_named_at_the_model() -> None:
    async with running("gentle-line") as (app, pilot):
        await until(pilot, lambda: app.lab.devices is not None, "the devices, with which the fields are shown anew")
        kind = next(field for field in app.screen.query(Field) if field.setting.key == "model.kind")
        kind.query_one(Select).value = "logistic"
        await until(pilot, lambda: app.session.problems, "a problem")
        assert "0 and 1" in next(iter(app.session.problems.values()))


async def test_keys_typed_into_a_field_are_text_there() -> None:
    async with running("gentle-line") as (app, pilot):
        entry = app.screen.query_one("#dataset", Form).query(Input).first()
        entry.focus()
        await pilot.press("s", "q")
        assert state_of(app) is RunState.IDLE
        assert "sq" in entry.value
        await pilot.press("escape")
        assert app.focused is None


async def test_new_data_takes_the_next_seed() -> None:
    async with running("d2l-concise") as (app, pilot):
        before = app.session.dataset
        await pilot.press("d")
        await until(pilot, lambda: app.session.dataset is not None and app.session.dataset is not before, "new data")
        assert value_of(app.session.experiment, "data.seed") == 1


async def test_open_lists_the_experiments_and_opens_the_chosen_one() -> None:
    async with running("gentle-line") as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OpenScreen), "the list")
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.session.experiment.name == "exploding-line", "exploding-line")


async def test_views_maximise_axis_and_theme_keys() -> None:
    async with running("gentle-line") as (app, pilot):
        pane = app.screen.query_one(LossPane)
        await pilot.press("y", "f")
        assert (pane.log_axis, pane.recent) == (False, True)
        await pilot.press("2", "m")
        assert app.screen.has_class("-maximized-view")
        await pilot.press("m")
        assert not app.screen.has_class("-maximized-view")
        await pilot.press("t")
        assert app.theme == "lab-light"
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.lab, "the lab")


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (80, 24), (100, 30), (120, 40), (250, 70)])
async def test_nothing_breaks_at_any_size_in_any_view(size: tuple[int, int]) -> None:
    async with running("pass-or-fail", size) as (app, pilot):
        await pilot.press("n")
        await epochs(app, pilot, 1)
        for key in "1234":
            await pilot.press("escape", key)
        await pilot.press("escape", "o", "escape", "question_mark", "escape")
        assert app.screen is app.lab


async def test_no_record_is_ever_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("gentle-line") as (app, pilot):
        received: list[Block] = []
        keep = app.session.append

        def append(block: Block) -> None:
            received.append(block)
            keep(block)

        monkeypatch.setattr(app.session, "append", append)
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        assert [record for block in received for record in range(block.first, block.last + 1)] == list(range(1001))


async def test_a_saved_model_opens_again_and_predicts_the_same(tmp_path: Path) -> None:
    async with running("cpu-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        trained = app.session.predictions[0].after
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen), "the question where")
        app.screen.query_one(Input).value = str(tmp_path / "line.pt")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "line.toml").exists() and app.screen is app.lab, "the files")
    reopened = LabApp(load(tmp_path / "line.toml"), tmp_path / "line.pt")
    async with reopened.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: reopened.session.loaded is not None and reopened.session.dataset, "the model")
        assert reopened.session.predictions[0].after == trained
        assert trained == pytest.approx(23, abs=0.01)


async def test_a_file_that_is_there_is_replaced_only_after_a_second_enter(tmp_path: Path) -> None:
    (tmp_path / "line.pt").write_text("precious")
    async with running("cpu-line") as (app, pilot):
        await pilot.press("n")
        await epochs(app, pilot, 1)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen), "the question where")
        app.screen.query_one(Input).value = str(tmp_path / "line.pt")
        await pilot.press("enter")
        assert (tmp_path / "line.pt").read_text() == "precious"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.lab, "the lab")
        assert (tmp_path / "line.pt").read_bytes() != b"precious"


async def test_a_damaged_model_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "line.pt").write_text("not a model")
    (tmp_path / "line.toml").write_text(dumps(builtin("cpu-line")))
    app = LabApp(builtin("cpu-line"), tmp_path / "line.pt")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "line.pt" in app.session.problems.get("", ""), "the sentence")


async def test_a_table_opened_from_the_screen_has_its_columns_picked_and_trains(tmp_path: Path) -> None:
    table = tmp_path / "[red] rent.csv"
    table.write_text("size,floor,rent\n" + "".join(f"{k},{k % 3},{2 * k + 1}\n" for k in range(1, 9)))
    async with running("gentle-line") as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OpenScreen), "the list")
        app.screen.query_one("#path", Input).value = str(table)
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen), "the columns")
        await until(pilot, lambda: app.screen.check_action("open", ()), "the survey")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.lab and app.session.dataset, "the data")
        assert app.session.names == ("w[size]", "w[floor]", "b")
        await pilot.press("n")
        await epochs(app, pilot, 1)


@pytest.mark.parametrize("first", ["adam-line", "pass-or-fail", "d2l-scratch", "per-sample"])
async def test_any_experiment_opens_after_any_other_and_is_what_the_fields_show(first: str) -> None:
    async with running(first) as (app, pilot):
        for name in NAMES:
            await pilot.press("o")
            await until(pilot, lambda: isinstance(app.screen, OpenScreen), "the list")
            app.screen.query_one(OptionList).highlighted = NAMES.index(name)
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is app.lab and app.session.forecast is not None, name)
            await pilot.pause()
            assert app.session.experiment == builtin(name)
            for field in app.screen.query(Field):
                shown, meant = field.read(), value_of(builtin(name), field.setting.key)
                assert to_text(shown, field.setting) == to_text(meant, field.setting), field.setting.key


async def test_every_theme_paints_the_dashboard() -> None:
    async with running("exploding-line") as (app, pilot):
        await pilot.press("n")
        await epochs(app, pilot, 1)
        for theme in app.available_themes:
            app.theme = theme
            await pilot.pause()
        assert app.screen is app.lab


async def test_what_a_person_typed_stays_while_it_is_wrong_and_other_fields_change() -> None:
    async with running("gentle-line") as (app, pilot):
        await type_into(app, pilot, "optimizer.lr", "xy")
        await type_into(app, pilot, "training.epochs", "7")
        await pilot.press("escape")
        entry = next(field for field in app.screen.query(Field) if field.setting.key == "optimizer.lr").control
        assert entry.value == "xy"
        assert app.session.experiment.training.epochs == 7
        assert list(app.session.problems) == ["optimizer.lr"]


async def test_typing_into_a_field_replaces_what_stood_there() -> None:
    async with running("gentle-line") as (app, pilot):
        await pilot.press("escape")
        app.lab.focus_setting("optimizer.lr")
        await pilot.pause()
        await pilot.press("0", "full_stop", "2")
        assert app.session.experiment.optimizer.lr == 0.2


@pytest.mark.parametrize("path", ["~nobody-lives-here/model", "x" * 300, "/", "no/such/folder/model.pt"])
async def test_a_path_that_cannot_be_is_a_sentence_and_nothing_is_lost(path: str) -> None:
    async with running("gentle-line") as (app, pilot):
        await pilot.press("n")
        await epochs(app, pilot, 1)
        await pilot.press("x")
        await state(app, pilot, RunState.STOPPED)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen), "the question where")
        app.screen.query_one(Input).value = path
        await pilot.press("enter")
        await until(pilot, lambda: str(app.screen.query_one("#problem", Label).content), "a sentence")
        await pilot.press("escape", "o")
        await until(pilot, lambda: isinstance(app.screen, OpenScreen), "the list")
        app.screen.query_one("#path", Input).value = path
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: str(app.screen.query_one("#problem", Label).content), "a sentence")
        assert app.session.parameters is not None


async def test_ctrl_q_asks_too_while_training() -> None:
    async with running(override(builtin("gentle-line"), LONG)) as (app, pilot):
        press(app, "s")
        await epochs(app, pilot, 5)
        press(app, "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen), "the question")
        press(app, "escape")
        await until(pilot, lambda: app.screen is app.lab, "the lab")
        press(app, "x")
        await state(app, pilot, RunState.STOPPED)


async def test_a_story_is_told_only_of_the_experiment_it_belongs_to() -> None:
    async with running("gentle-line") as (app, pilot):
        assert "slow and steady" in describe(app.session)[0]
        await pilot.press("plus")
        assert describe(app.session) == ("gentle-line", "Edited from gentle-line.")
        await pilot.press("minus")
        assert "slow and steady" in describe(app.session)[0]


async def test_a_run_that_ends_higher_than_it_began_says_so_and_is_not_praised() -> None:
    wild = override(builtin("pass-or-fail"), {"optimizer.lr": 500.0, "training.epochs": 3})
    async with running(wild) as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        assert not app.session.came_down
        assert "ended above where it began" in describe(app.session)[1]
        assert not app.screen.query_one("#banner").has_class("-success")
