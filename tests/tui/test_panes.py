"""What is out of sight is not drawn, and what has not changed is not painted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.text import Text
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from tests.tui.support import StillRunner, made_up_block, started, until
from tui_regress.engine.events import Block
from tui_regress.experiment import builtin
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.session import Session
from tui_regress.tui.widgets.loss_pane import LossPane
from tui_regress.tui.widgets.number_table import NumberTable
from tui_regress.tui.widgets.pane import Pane
from tui_regress.tui.widgets.status_line import StatusLine

WIDE, NARROW = (120, 40), (80, 24)


@asynccontextmanager
async def lab(size: tuple[int, int]) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    """A run with a few records, all of them drawn."""
    app = LabApp(builtin("gentle-line"), runner=StillRunner, clock=lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.session.exact is not None and app.lab.devices is not None, "data")
        await pilot.press("s")
        app.lab.post_message(messages.RunStarted(app.session.run_id, started()))
        await records(app, pilot, made_up_block([9.0, 4.0, 1.0], [[0.0, 0.0], [1.0, 0.5], [1.5, 0.2]]))
        yield app, pilot


async def records(app: LabApp, pilot: Pilot[None], block: Block) -> None:
    app.lab.post_message(messages.EpochsCompleted(app.session.run_id, block))
    await until(pilot, lambda: len(app.session.history) > block.last and not app.lab.dirty, "the records on the screen")
    await pilot.pause()


def shown(pane: LossPane) -> str:
    return pane.render().plain


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Every drawing of a loss chart."""
    drawings: list[Session] = []
    draw = LossPane.draw

    def watched(pane: LossPane, session: Session, width: int, height: int) -> Text:
        drawings.append(session)
        return draw(pane, session, width, height)

    monkeypatch.setattr(LossPane, "draw", watched)
    return drawings


async def test_a_chart_out_of_sight_is_not_drawn_and_catches_up_when_it_comes_into_sight(drawn: list[Session]) -> None:
    async with lab(NARROW) as (app, pilot):
        pane = app.lab.query_one(LossPane)
        before = shown(pane)
        await pilot.press("4")
        await pilot.pause()
        drawn.clear()
        await records(app, pilot, made_up_block([0.5] * 200, [[1.9, 0.1]] * 200, first=3))
        assert not drawn
        await pilot.press("2")
        await until(pilot, lambda: shown(pane) != before, "the new chart")
        assert "200" in shown(pane).splitlines()[-1]


async def test_nothing_is_painted_where_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab(WIDE) as (app, _pilot):
        painted: list[Widget] = []
        refresh = Widget.refresh

        def watched(widget: Widget, *regions: Region, repaint: bool = True, **more: bool) -> Widget:
            if repaint:
                painted.append(widget)
            return refresh(widget, *regions, repaint=repaint, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Widget, "refresh", watched)
            app.lab.query_one(StatusLine).show(app.session)
            for pane in app.lab.query(Pane):
                pane.show(app.session)
        assert len(app.lab.query(Pane)) == 5
        assert not painted


async def test_of_a_chart_only_the_lines_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab(WIDE) as (app, _pilot):
        pane = app.lab.query_one(LossPane)
        before = pane.render()
        lines = list(before.split("\n"))
        painted: list[Region] = []

        def watched(*regions: Region, **_more: bool) -> LossPane:
            painted.extend(regions)
            return pane

        with monkeypatch.context() as patch:
            patch.setattr(pane, "refresh", watched)
            pane.put(Text("\n").join([*lines[:3], Text("other"), *lines[4:]]))
            assert [(region.y, region.height) for region in painted] == [(3, 1)]
            pane.renew()
        assert [region.y for region in painted] == [3, 3]
        assert pane.render() == before


async def test_other_numbers_move_nothing() -> None:
    async with lab(WIDE) as (app, pilot):
        laid_out: list[object] = []
        app.lab.screen_layout_refresh_signal.subscribe(app.lab, laid_out.append)
        await records(app, pilot, made_up_block([0.9, 0.8], [[1.6, 0.1], [1.7, 0.1]], first=3))
        assert "1.70000" in app.lab.query_one(NumberTable).render_line(1).text
        assert not laid_out
