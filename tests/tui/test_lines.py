"""Lines of text, and the frame around them: of both only what changed is painted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.selection import Selection
from textual.strip import Strip

from tui_regress.tui.session import Session
from tui_regress.tui.widgets.pane import TextPane

WIDTH, HEIGHT = 20, 5


class Sheet(TextPane):
    """A pane of which the lines are known that were painted last."""

    DEFAULT_CSS = "Sheet { border: round white; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def draw(self, session: Session, width: int, height: int) -> Text:
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)

    @property
    def rows(self) -> list[str]:
        """All that is seen of it, with the frame."""
        return [strip.text for strip in self.render_lines(Region(0, 0, WIDTH, HEIGHT))]


class Desk(App[None]):
    def compose(self) -> ComposeResult:
        yield Sheet()


@asynccontextmanager
async def sheet(text: Text) -> AsyncIterator[tuple[Sheet, Pilot[None]]]:
    """One with ``text`` on it, painted."""
    app = Desk()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        pane = app.query_one(Sheet)
        pane.head("before", "below")
        pane.put(text)
        await pilot.pause()
        assert pane.rows[1].split() == ["│", "one", "│"]
        pane.painted.clear()
        yield pane, pilot


async def test_another_title_paints_the_frame_and_no_line() -> None:
    async with sheet(Text("one\ntwo\nthree")) as (pane, pilot):
        pane.head("after", "beneath")
        await pilot.pause()
        top, *_, bottom = pane.rows
        assert "after" in top
        assert "beneath" in bottom
        assert not pane.painted


async def test_a_line_that_changed_is_painted_and_no_other() -> None:
    async with sheet(Text("one\ntwo\nthree")) as (pane, pilot):
        pane.put(Text("one\n2\nthree"))
        await pilot.pause()
        assert [row.strip("│ ") for row in pane.rows[1:-1]] == ["one", "2", "three"]
        assert set(pane.painted) == {1}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (Text("one\ntwo", "red"), [[("one", "red")], [("two", "red")]]),
        (Text.assemble("one\n", ("two\n\nthr", "red"), "ee"), [["one"], [("two", "red")], [], [("thr", "red"), "ee"]]),
        (Text.assemble("one", ("\n", "red")), [["one"], []]),
        (Text("one"), [["one"]]),
    ],
)
async def test_other_colours_are_painted_and_each_part_keeps_its_own(text: Text, lines: list[list[str]]) -> None:
    async with sheet(Text("one\ntwo")) as (pane, pilot):
        pane.put(text)
        await pilot.pause()
        assert pane.render() == Text("\n").join(Text.assemble(*line) for line in lines)
        assert 1 in pane.painted


async def test_marked_text_stays_whole_where_characters_are_wide() -> None:
    async with sheet(Text("one\n日本語 abc\n\nend")) as (pane, pilot):
        before = pane.rows
        pane.screen.selections = {pane: Selection(Offset(1, 1), Offset(2, 3))}
        await pilot.pause()
        assert pane.rows == before
        mark = pane.screen.get_component_rich_style("screen--selection").bgcolor
        marked = [part.text for part in pane.render_line(1) if part.style and part.style.bgcolor == mark]
        assert "".join(marked).rstrip() == "本語 abc"
