"""Text from files prints as itself and does nothing to the terminal."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tui_regress.text import printable

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_ordinary_text_of_any_language_stays_as_it_is() -> None:
    assert printable("Größe [m²] 面积 🏠") == "Größe [m²] 面积 🏠"


def test_an_escape_sequence_loses_its_escape() -> None:
    assert printable("\x1b[31mred\x9b0m") == "�[31mred�0m"


def test_a_newline_does_not_break_the_line() -> None:
    assert printable("two\nlines\r\u2028three") == "two�lines��three"


def test_a_turn_of_the_writing_direction_does_not_turn_it() -> None:
    assert printable("price\u202etxt.exe") == "price�txt.exe"


def test_long_text_ends_in_an_ellipsis() -> None:
    assert printable("abcdef", 4) == "abc…"
    assert printable("abcd", 4) == "abcd"


@given(st.text(st.characters(), max_size=300), st.integers(1, 250))
def test_whatever_it_is_given_it_returns_one_safe_line_within_the_limit(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(char) for char in shown} & HARMFUL
    assert printable(shown, limit) == shown
