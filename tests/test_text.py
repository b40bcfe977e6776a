"""Text from files prints as itself and does nothing to the terminal; numbers are short and honest."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress.text import file_name, plain, printable, rounded_down, short

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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.084524, "0.0845"),
        (1.0, "1.00"),
        (161.2, "161"),
        (22500.0, "2.25e4"),
        (1e-5, "1.00e-5"),
        (-0.5, "−0.500"),
        (-3.4e38, "−3.40e38"),
        (math.inf, "inf"),
        (-math.inf, "−inf"),
        (math.nan, "nan"),
    ],
)
def test_short_numbers_have_three_significant_digits_and_a_true_minus(value: float, text: str) -> None:
    assert short(value) == text


def test_nothing_is_nothing_however_short() -> None:
    assert (short(0.0), short(-0.0), short(0.0, 4)) == ("0", "0", "0")


def test_short_numbers_have_more_digits_on_demand() -> None:
    assert short(23.66194, 4) == "23.66"


@given(st.floats(1e-300, 1e300))
def test_a_number_rounded_down_is_short_near_and_never_above_itself(value: float) -> None:
    text = rounded_down(value)
    assert 0.99 * value < float(text) <= value * (1 + 1e-10)
    assert text == short(float(text))


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (1.0, "1"), (1e-5, "1e-5"), (2.5e8, "2.5e8")])
def test_plain_numbers_are_as_a_person_types_them(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("my-line", "my-line"),
        ("a first try", "a-first-try"),
        ("../../etc/passwd", "etc-passwd"),
        ("\x1b[31mred", "31mred"),
        ("   ", "experiment"),
        (".hidden", "hidden"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_file_is_named_by_harmless_characters(name: str, stem: str) -> None:
    assert file_name(name) == stem
