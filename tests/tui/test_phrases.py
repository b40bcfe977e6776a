from rich.text import Text
from textual.app import App, ComposeResult

from tests.tui.support import until
from tui_regress.tui.widgets.phrases import Phrases

WORDS = [Text("a target"), Text("539 values"), Text("mean 7")]


class Page(App[None]):
    CSS = "Phrases { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Phrases(id="words")


async def test_phrases_told_before_there_is_room_stand_side_by_side_as_soon_as_there_is() -> None:
    app = Page()
    async with app.run_test(size=(60, 5)) as pilot:
        words = app.query_one(Phrases)
        words.display = False
        await pilot.pause()
        words.show(WORDS)
        words.display = True
        await until(pilot, lambda: words.size.height == 1, "one line")
        assert str(words.content) == "a target · 539 values · mean 7"


async def test_phrases_flow_anew_in_another_width() -> None:
    app = Page()
    async with app.run_test(size=(60, 5)) as pilot:
        words = app.query_one(Phrases)
        words.show(WORDS)
        await pilot.resize_terminal(22, 5)
        await until(pilot, lambda: words.size.height == 2, "two lines")
        assert str(words.content) == "a target · 539 values\nmean 7"
