"""The screen to pick columns on, driven by keys and mouse."""

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Label, Static

from tests.tui.made_up_columns import HOUSES, NAMES, Survey, number
from tests.tui.opening_app import OpeningApp
from tests.tui.support import until
from tui_regress.data import columns as data_columns
from tui_regress.experiment import Experiment, Linear, Sgd, Table
from tui_regress.tui.picking import first_guess
from tui_regress.tui.screens.columns import ColumnsScreen
from tui_regress.tui.screens.open import Opened
from tui_regress.tui.widgets import column_table
from tui_regress.tui.widgets.column_table import ColumnTable, details, extent, figure, layout, percent


class Shown:
    """The screen, and what is read off it."""

    def __init__(self, app: OpeningApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.screen = app, pilot, app.shown

    @property
    def table(self) -> ColumnTable:
        return self.screen.query_one(ColumnTable)

    def words(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    @property
    def problem(self) -> str:
        label = self.screen.query_one("#problem", Label)
        return str(label.content) if label.display else ""

    @property
    def lines(self) -> list[str]:
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    @property
    def footer(self) -> set[str]:
        return {key for key, active in self.screen.active_bindings.items() if active.enabled and active.binding.show}

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def ready(self) -> None:
        await until(self.pilot, lambda: self.screen.is_running and not self.screen.has_class("-reading"), "the columns")
        await self.pilot.pause()

    async def went_back(self) -> Opened | None:
        await until(self.pilot, lambda: self.app.result and self.app.screen is not self.screen, "the way back")
        return self.app.result[0]


@asynccontextmanager
async def shown(
    path: str | Path = "houses.csv", present: Experiment | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Shown]:
    """The screen over nothing, while the file is read."""
    app = OpeningApp(ColumnsScreen(str(path), present))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.shown.is_running or app.result, "the screen")
        yield Shown(app, pilot)


@asynccontextmanager
async def houses(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Shown]:
    """The screen with made-up columns."""
    monkeypatch.setattr(data_columns, "survey", Survey())
    async with shown(size=size) as there:
        await there.ready()
        yield there


@pytest.fixture
def rent(tmp_path: Path) -> Path:
    """A file of twelve rows."""
    table = tmp_path / "rent.csv"
    rows = "".join(f"{'abc'[k % 3]},{k},{k % 4},{2 * k + 1}\n" for k in range(12))
    table.write_text("town,size,floor,rent\n" + rows)
    return table


async def test_each_column_has_a_line_that_names_its_role(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        heading, *lines = there.lines
        assert heading.split() == ["role", "column", "type", "missing", "range", "histogram"]
        assert lines[0].split() == ["○", "left", "out", "column_1", "number", "0", "0", "…", "20639", *["▇" * 10]]
        assert lines[3].split()[:9] == ["●", "feature", "bedrooms", "number", "207", "1.0", "%", "1", "…"]
        assert lines[7].split()[:4] == ["○", "left", "out", "shore"]
        assert lines[12].startswith("◎ target    价格（万元）")
        assert there.words("#choice").startswith("7 features of 13 columns · target 价格（万元）")


async def test_keys_pick_the_target_and_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        assert there.table.column == NAMES.index("价格（万元）")
        await there.press("home", "down", "down", "t", "down", "space")
        assert "target age" in there.words("#choice")
        assert there.lines[4].startswith("○ left out  bedrooms")
        assert "6 features of 13 columns" in there.words("#choice")
        await there.press("a", "a")
        assert "0 features" in there.words("#choice")
        await there.press("m")
        assert "filled with the mean" in there.words("#choice")


async def test_text_is_taken_as_one_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("home", *["down"] * 7, "space")
        assert there.lines[8].startswith("◉ one-hot   shore")
        assert "8 of 13 columns as 11 features" in there.words("#choice")
        assert "all 0 for <1H OCEAN" in there.words("#details")


async def test_what_cannot_be_is_said_until_the_cursor_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("up", "up", "t")
        assert there.problem.startswith("remarks cannot be the target: it holds no value")
        await there.press("up")
        assert there.problem == ""


async def test_the_mouse_goes_to_a_column_and_a_click_on_its_role_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.pilot.click(ColumnTable, offset=(20, 3))
        await there.pilot.pause()
        assert there.table.column == 2
        assert there.lines[3].startswith("● feature   age")
        await there.pilot.click(ColumnTable, offset=(2, 4))
        await there.pilot.pause()
        assert there.lines[4].startswith("○ left out  bedrooms")
        await there.pilot.click(ColumnTable, offset=(2, 30))
        await there.pilot.pause()
        assert there.table.column == 3


async def test_a_part_of_a_name_shows_the_columns_that_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("slash", *"RED")
        assert there.lines[1].startswith("○ left out  [red]street[/red]")
        assert there.screen.query_one("#columns").border_subtitle == "1 of 13 columns"
        await there.press("enter", "space")
        assert "cannot be a feature" in there.problem
        await there.press("escape")
        assert there.screen.query_one("#columns").border_subtitle == ""
        assert there.app.result == []
        await there.press("slash", *"nowhere")
        assert "No column is called like that." in there.words("#details")
        await there.press("enter", "t", "space", "a")
        assert there.words("#choice").startswith("7 features")


async def test_all_and_none_concern_the_columns_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("slash", *"age", "enter", "a")
        assert there.words("#choice").startswith("6 features")


async def test_the_cursor_stays_on_its_column_while_names_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("home", "down", "down", "slash", *"age")
        assert there.table.column == 2
        await there.press("escape")
        assert there.table.column == 2


async def test_escape_leaves_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("escape")
        assert await there.went_back() is None


async def test_the_keys_at_the_bottom_are_those_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    survey = Survey(patient=True)
    monkeypatch.setattr(data_columns, "survey", survey)

    async with shown() as there:
        await until(there.pilot, lambda: "43 %" in there.words("#reading"), "the share that is read")
        assert there.footer == {"escape"}
        survey.answer.set()
        await there.ready()
        assert there.footer == {"t", "space", "a", "m", "slash", "enter", "escape"}
        await there.press("slash")
        assert there.footer == {"enter", "down", "up", "escape"}


async def test_a_file_that_is_read_for_long_freezes_no_key_and_is_given_up_with_escape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    survey = Survey(patient=True)
    monkeypatch.setattr(data_columns, "survey", survey)
    async with shown() as there:
        await until(there.pilot, lambda: "Reading rows" in there.words("#reading"), "the stage")
        await there.press("t", "space", "enter", "escape")
        assert await there.went_back() is None
        await until(there.pilot, survey.ended.is_set, "the end of the survey")
        assert not survey.answer.is_set()


@pytest.mark.parametrize("content", ["", 'a,b\n"1,2\n', "a,b\n1,2,3\n4,5,6,7\n"])
async def test_a_file_that_is_no_table_is_a_sentence_and_the_screen_goes_back(tmp_path: Path, content: str) -> None:
    table = tmp_path / "[red]no.csv"
    table.write_text(content)
    async with shown(table) as there:
        assert await there.went_back() is None
        await until(there.pilot, lambda: len(there.app._notifications), "the sentence")
        (notification,) = there.app._notifications
        assert notification.message.startswith("[red]no.csv: ")
        assert "\n" not in notification.message


async def test_ten_thousand_columns_cost_a_key_no_more_than_those_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(number(f"x{k}", 0, k + 1) for k in range(10_000))
    monkeypatch.setattr(data_columns, "survey", Survey(many))
    made: list[str] = []
    cell = column_table.cell

    def counted(info: Any, *rest: Any) -> tuple[str, str]:
        made.append(info.name)
        return cell(info, *rest)

    monkeypatch.setattr(column_table, "cell", counted)
    async with shown() as there:
        await there.ready()
        made.clear()
        await there.press("home", "space")
        assert "x0" in made
        assert set(made) <= {f"x{k}" for k in range(there.table.size.height)}
        await there.press("slash", *"x777", "enter", "a")
        assert there.screen.query_one("#columns").border_subtitle == "11 of 10,000 columns"
        assert there.words("#choice").startswith("9,987 features of 10,000 columns")


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (80, 24), (100, 30), (120, 40), (250, 70)])
async def test_nothing_breaks_at_any_size_and_the_cursor_is_in_sight(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with houses(monkeypatch, size) as there:
        for keys in ("home", "down down down down down", "end", "t", "pageup", "space", "pagedown", "slash e"):
            await there.press(*keys.split())
            name = HOUSES[there.table.column or 0].name
            assert any(name[:8] in line for line in there.lines[1:])


async def test_resizing_keeps_the_cursor_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    async with houses(monkeypatch) as there:
        await there.press("end")
        await there.pilot.resize_terminal(60, 14)
        await there.pilot.pause()
        assert any("价格" in line for line in there.lines[1:])


def test_the_cells_of_a_line_fit_the_width_there_is() -> None:
    for width in range(15, 200):
        widths = layout(width, 40)
        assert sum(widths.values()) + 2 * (len(widths) - 1) <= width
        assert list(widths)[:2] == ["role", "column"]
        if width >= 75:
            assert list(widths) == ["role", "column", "type", "missing", "range", "histogram"]


@pytest.mark.parametrize(
    ("value", "width", "shown"),
    [
        (0.0, 6, "0"),
        (1.0, 6, "1"),
        (-124.35, 8, "−124.35"),
        (-124.35, 6, "−124.3"),
        (1234567.0, 6, "1.23e6"),
        (1.2345e-9, 6, "1.2e-9"),
        (-1.7976931348623157e308, 4, "−2e308"),
    ],
)
def test_a_figure_keeps_the_digits_there_is_room_for(value: float, width: int, shown: str) -> None:
    assert figure(value, width) == shown


@pytest.mark.parametrize(("width", "middle"), [(15, 7), (21, 10), (31, 10)])
def test_ranges_are_aligned_at_their_middle(width: int, middle: int) -> None:
    assert [extent(info, width).index("…") for info in (HOUSES[1], HOUSES[2])] == [middle, middle]


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (1, 20_640, "<0.1 %"),
        (207, 20_640, "1.0 %"),
        (2_054, 20_640, "10 %"),
        (20_639, 20_640, "99 %"),
        (20_640, 20_640, "100 %"),
    ],
)
def test_a_share_says_none_and_all_only_where_it_is_true(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


def test_the_details_say_what_a_column_becomes() -> None:
    guess = first_guess(HOUSES)

    def words(name: str) -> str:
        return " · ".join(phrase.plain for phrase in details(guess, NAMES.index(name)))

    assert words("column_1").startswith("column_1 · left out; it only counts the rows")
    assert words("near_water").startswith("near_water · feature: 1 for yes, 0 for no · 2 values: no, yes")
    assert words("shore").startswith("shore · left out; space takes it as 4 columns of 0 and 1 · 5 values: INLAND,")
    assert words("bedrooms") == (
        "bedrooms · feature · 5,000 different values · mean 3223 · 207 of 20,640 missing (1.0 %)"
    )
    assert words("sold").startswith("sold · left out; it cannot be a feature: it holds dates or times")
    assert words("价格（万元）").startswith("价格（万元） · target: predicted as a number")
    guess = guess.with_target(NAMES.index("near_water"))
    assert words("near_water").startswith("near_water · target: the probability of yes")
    flags = (number("x", 0, 9), number("flag", 1, 2, distinct=2))
    assert details(first_guess(flags), 1)[1].plain == "target: the probability of 2"


# -- with files


async def test_the_columns_of_a_file_are_picked_and_trained_on(rent: Path) -> None:
    async with shown(rent) as there:
        await there.ready()
        await there.press("home", "space", "down", "down", "space", "m", "enter")
        opened = await there.went_back()
    assert opened is not None
    assert opened.parameters is None
    data = opened.experiment.data
    assert isinstance(data, Table)
    assert (data.target, data.features, data.missing) == ("rent", ("town", "size"), "mean")
    assert isinstance(opened.experiment.model, Linear)


async def test_a_choice_without_features_is_asked_for_and_the_screen_stays(rent: Path) -> None:
    async with shown(rent) as there:
        await there.ready()
        await there.press("a", "enter")
        await until(there.pilot, lambda: there.problem, "the question")
        assert there.problem == "Which columns are to predict it? Space takes one, a takes all."


async def test_the_choice_of_the_open_table_is_where_one_begins_and_unchanged_it_is_not_opened_again(
    rent: Path,
) -> None:
    present = Experiment(Table(str(rent), "floor", ("size",), missing="mean"), optimizer=Sgd(lr=1e-6))
    async with shown(rent, present) as there:
        await there.ready()
        assert there.words("#choice").startswith("1 feature of 4 columns · target floor")
        await there.press("enter")
        assert await there.went_back() is None


async def test_a_choice_of_columns_that_are_gone_is_mended_by_the_first_guess(rent: Path) -> None:
    present = Experiment(Table(str(rent), "price", ("size", "age")), optimizer=Sgd(lr=1e-6))
    async with shown(rent, present) as there:
        await there.ready()
        await until(
            there.pilot, lambda: there.words("#choice").startswith("1 feature of 4 columns · target rent"), "it"
        )
        await there.press("enter")
        opened = await there.went_back()
    assert opened is not None
    assert isinstance(opened.experiment.data, Table)
    assert (opened.experiment.data.target, opened.experiment.data.features) == ("rent", ("size",))


async def test_what_the_open_experiment_says_about_training_is_kept(rent: Path) -> None:
    present = Experiment(Table(str(rent), "rent", ("size",)), optimizer=Sgd(lr=1e-6))
    async with shown(rent, present) as there:
        await there.ready()
        await there.press("home", "space", "enter")
        opened = await there.went_back()
    assert opened is not None
    assert isinstance(opened.experiment.data, Table)
    assert opened.experiment.data.features == ("town", "size")
    assert opened.experiment.optimizer.lr == 1e-6


async def test_names_and_values_print_as_themselves_and_never_act_on_the_terminal(tmp_path: Path) -> None:
    table = tmp_path / "wild \x1b[31m.csv"
    table.write_text(
        "\x1b[31mred,[bold]b[/bold],\u202eback,y\n"
        + "".join(f"{k},{'[i]' if k % 2 else chr(27) + '[2J'},{k},{k}\n" for k in range(9))
    )
    async with shown(table) as there:
        await there.ready()
        await there.press("home", "down")
        painted = "\n".join(strip.text for strip in there.screen._compositor.render_strips())
        assert "�[31mred" in painted
        assert "[bold]b[/bold]" in painted
        assert "[i]" in painted
        assert not [char for char in painted if unicodedata.category(char) in ("Cc", "Cf") and char != "\n"]


async def test_the_words_stand_right_below_a_short_table_and_do_not_move_while_a_name_is_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with houses(monkeypatch) as there:
        details = there.screen.query_one("#details")
        below = there.table.region.bottom + 1
        assert there.table.size.height == len(HOUSES) + 1
        assert details.region.y == below
        await there.press("slash", *"med")
        assert len([line for line in there.lines if line.strip()]) == 2
        assert there.table.size.height == len(HOUSES) + 1
