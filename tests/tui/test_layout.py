from rich.text import Text

from tui_regress.tui.layout import flow

PHRASES = [Text("a again"), Text("g go on"), Text("k keep")]


def test_phrases_stand_in_one_line_where_there_is_room() -> None:
    assert flow(PHRASES, "   ", 40).plain == "a again   g go on   k keep"


def test_a_line_breaks_only_between_phrases() -> None:
    assert flow(PHRASES, "   ", 20).plain == "a again   g go on\nk keep"
    assert flow(PHRASES, " · ", 3).plain == "a again\ng go on\nk keep"


def test_nothing_is_nothing() -> None:
    assert flow([], " ", 10).plain == ""
