"""The list to open from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label

from tests.tui.opening_app import OpeningApp
from tests.tui.support import until
from tui_regress.experiment import Table, builtin, dumps
from tui_regress.experiments import NAMES
from tui_regress.tui.screens.columns import ColumnsScreen
from tui_regress.tui.screens.open import Choices, Opened, OpenScreen
from tui_regress.tui.widgets.column_table import ColumnTable


class Shown:
    """The list, and what is read off it."""

    def __init__(self, app: OpeningApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.screen = app, pilot, app.shown

    @property
    def highlighted(self) -> str:
        return NAMES[self.screen.query_one(Choices).highlighted or 0]

    @property
    def problem(self) -> str:
        return str(self.screen.query_one("#problem", Label).content)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def name_a_file(self, path: Path | str) -> None:
        field = self.screen.query_one("#path", Input)
        field.focus()
        field.value = str(path)
        await self.press("enter")

    async def opened(self) -> Opened | None:
        await until(self.pilot, lambda: self.app.result, "what is opened")
        return self.app.result[0]


@asynccontextmanager
async def shown(size: tuple[int, int] = (100, 30)) -> AsyncIterator[Shown]:
    app = OpeningApp(OpenScreen("gentle-line"))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.shown.focused, Choices), "the list")
        yield Shown(app, pilot)


async def test_the_list_begins_at_the_experiment_that_is_open() -> None:
    async with shown() as there:
        assert there.highlighted == "gentle-line"


async def test_letters_go_to_the_first_name_that_holds_them() -> None:
    async with shown() as there:
        await there.press(*"sc")
        assert there.highlighted == "d2l-scratch"
        await there.press("z", "p")
        assert there.highlighted == "exploding-line"
        await there.press("home", *"MO", "enter")
        assert await there.opened() == Opened(builtin("module-line"), None)


async def test_a_table_leads_to_its_columns_and_what_is_picked_is_opened(tmp_path: Path) -> None:
    table = tmp_path / "[red] rent.csv"
    table.write_text("size,floor,rent\n" + "".join(f"{k},{k % 3},{2 * k + 1}\n" for k in range(1, 9)))
    async with shown() as there:
        await there.name_a_file(table)
        await until(there.pilot, lambda: isinstance(there.app.screen, ColumnsScreen), "the columns")
        await until(there.pilot, lambda: isinstance(there.app.screen.focused, ColumnTable), "the survey")
        await there.press("home", "t", "enter")
        opened = await there.opened()
    assert opened is not None
    assert isinstance(opened.experiment.data, Table)
    assert (opened.experiment.data.target, opened.experiment.data.features) == ("size", ("floor", "rent"))


async def test_back_from_the_columns_is_back_in_the_list(tmp_path: Path) -> None:
    table = tmp_path / "rent.csv"
    table.write_text("size,rent\n1,2\n3,4\n")
    async with shown() as there:
        await there.name_a_file(table)
        await until(there.pilot, lambda: isinstance(there.app.screen, ColumnsScreen), "the columns")
        await there.press("escape")
        await until(there.pilot, lambda: there.app.screen is there.screen, "the list")
        assert there.app.result == []


async def test_an_experiment_in_a_file_is_opened_without_asking(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(dumps(builtin("cpu-line")))
    async with shown() as there:
        await there.name_a_file(file)
        assert await there.opened() == Opened(builtin("cpu-line"), None)


@pytest.mark.parametrize("path", ["", "no/such/file.csv", "notes.docx", "~nobody-lives-here/a.csv", "x" * 300 + ".csv"])
async def test_what_cannot_be_opened_is_a_sentence_in_the_list(path: str) -> None:
    async with shown() as there:
        await there.name_a_file(path)
        await until(there.pilot, lambda: there.problem, "a sentence")
        assert there.problem.endswith(".")
        assert there.app.screen is there.screen


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_a_long_sentence_is_on_the_screen_to_its_last_word(size: tuple[int, int]) -> None:
    async with shown(size) as there:
        await there.name_a_file("no/such/file/in/a/folder/with/quite/a/long/name/" + "of/folders/" * 8 + "table.docx")
        await until(there.pilot, lambda: there.problem, "a sentence")
        await there.pilot.pause()
        problem = there.screen.query_one("#problem", Label)
        assert problem.size.height > 2
        assert there.screen.query_one("#open").content_region.contains_region(problem.content_region)


async def test_a_sentence_leaves_with_its_cause_and_the_list_has_its_room_again() -> None:
    async with shown((80, 24)) as there:
        choices = there.screen.query_one(Choices)
        height = choices.size.height
        await there.name_a_file("notes.docx")
        await until(there.pilot, lambda: choices.size.height < height, "a smaller list")
        there.screen.query_one("#path", Input).value = "other"
        await until(there.pilot, lambda: choices.size.height == height, "the list as it was")
        assert there.problem == ""
