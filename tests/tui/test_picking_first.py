"""The dashboard on a table of which nobody has said what to predict: the columns come first."""

from pathlib import Path

from tests.tui.support import StillRunner, until
from tui_regress.experiment import Table, builtin
from tui_regress.tui.app import LabApp
from tui_regress.tui.screens.columns import ColumnsScreen
from tui_regress.tui.widgets.column_table import ColumnTable


async def test_what_is_picked_is_opened(houses: Path) -> None:
    app = LabApp(builtin("gentle-line"), houses, runner=StillRunner)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen), "the columns")
        await until(pilot, lambda: app.screen.query_one(ColumnTable).column == 3, "the cursor on the target it guesses")
        await pilot.press("home")
        await until(pilot, lambda: app.screen.query_one(ColumnTable).column == 0, "the cursor on the first column")
        await pilot.press("t", "enter")
        await until(pilot, lambda: app.screen is app.lab, "the main screen")
        data = app.session.experiment.data
    assert isinstance(data, Table)
    assert (Path(data.path), data.target) == (houses.resolve(), "rooms")


async def test_who_picks_nothing_is_on_the_main_screen(houses: Path) -> None:
    app = LabApp(builtin("gentle-line"), houses, runner=StillRunner)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen), "the columns")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.lab, "the main screen")
        assert app.session.experiment == builtin("gentle-line")
