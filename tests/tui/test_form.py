import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input, Select

from tui_regress.tui.settings import Setting
from tui_regress.tui.widgets.form import Field

BOTH = 0.6 * 0.7


class OneField(App[None]):
    def compose(self) -> ComposeResult:
        yield Field(Setting("optimizer.lr", "lr", "number", "How far a step goes"), 0.1)


async def test_a_field_that_is_off_is_dim_and_takes_no_keys() -> None:
    app = OneField()
    async with app.run_test() as pilot:
        field, entry = app.query_one(Field), app.query_one(Input)
        entry.focus()
        await pilot.pause()
        field.disabled = True
        await pilot.press("7")
        assert (app.focused, entry.value) == (None, "0.1")
        await pilot.click(Input)
        assert app.focused is None
        assert entry.opacity == pytest.approx(BOTH)


async def test_a_field_that_is_on_again_is_bright_whatever_was_restyled_meanwhile() -> None:
    app = OneField()
    async with app.run_test() as pilot:
        field, entry = app.query_one(Field), app.query_one(Input)
        field.disabled = True
        app.theme = "textual-light"
        await pilot.pause()
        assert entry.opacity == pytest.approx(BOTH)
        field.disabled = False
        assert entry.opacity == 1
        await pilot.click(Input)
        assert app.focused is entry


class OneChoice(App[None]):
    def compose(self) -> ComposeResult:
        yield Field(Setting("model.loss", "Loss", "choice", "What is to be small", ("mse", "sse")), "mse")


async def test_the_list_of_a_field_that_is_off_closes() -> None:
    app = OneChoice()
    async with app.run_test() as pilot:
        choice = app.query_one(Select)
        choice.focus()
        await pilot.press("enter")
        assert choice.expanded
        app.query_one(Field).disabled = True
        await pilot.press("down", "enter")
        assert (choice.expanded, choice.value) == (False, "mse")
