"""The screen to pick columns on, over columns nobody surveyed: update with ``--snapshot-update``."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.made_up_columns import HOUSES, Survey
from tests.tui.opening_app import OpeningApp
from tests.tui.support import until
from tui_regress.data import columns as data_columns
from tui_regress.tui.screens.columns import ColumnsScreen

Compare = Callable[..., bool]

WIDE, MEDIUM, NARROW = (120, 40), (100, 30), (80, 24)


@pytest.fixture(autouse=True)
def survey(monkeypatch: pytest.MonkeyPatch) -> Survey:
    made_up = Survey(HOUSES)
    monkeypatch.setattr(data_columns, "survey", made_up)
    return made_up


def show(theme: str = "dark") -> OpeningApp:
    return OpeningApp(ColumnsScreen("houses.csv"), theme)


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Prepare a screen: wait for the columns, press keys."""

    async def prepare(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, OpeningApp)
        await until(pilot, lambda: app.shown.is_running and not app.shown.has_class("-reading"), "the columns")
        await pilot.press(*keys)
        await pilot.pause()

    return prepare


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW, (40, 12), (20, 6)], ids="{0[0]}x{0[1]}".format)
def test_columns(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show(), terminal_size=size, run_before=after("home", "down"))


def test_light_theme(snap_compare: Compare) -> None:
    assert snap_compare(show("light"), terminal_size=WIDE, run_before=after("home", *["down"] * 7, "space", "m"))


def test_what_cannot_be_is_said(snap_compare: Compare) -> None:
    assert snap_compare(show(), terminal_size=NARROW, run_before=after("up", "up", "space"))


def test_finding_a_column(snap_compare: Compare) -> None:
    assert snap_compare(show(), terminal_size=NARROW, run_before=after("slash", *"me"))


def test_reading(snap_compare: Compare, survey: Survey) -> None:
    survey.answer.clear()

    async def prepare(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "43 %" in str(pilot.app.screen.query_one("#reading").render()), "the share")
        await pilot.pause()

    assert snap_compare(show(), terminal_size=NARROW, run_before=prepare)
    survey.answer.set()
