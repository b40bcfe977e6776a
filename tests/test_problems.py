"""Errors say where, what was found, and what would be right."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from tui_regress.problems import ExperimentError, InputError, convert, describe


class Round(Struct, forbid_unknown_fields=True, tag_field="shape", tag="round"):
    radius: Annotated[float, Meta(gt=0)] = 1.0


class Square(Struct, forbid_unknown_fields=True, tag_field="shape", tag="square"):
    side: Annotated[float, Meta(gt=0, lt=9)]
    corners: tuple[int, int] = (0, 0)


class Box(Struct, forbid_unknown_fields=True):
    lid: Round | Square
    label: str = ""
    open: bool = False
    size: Annotated[int, Meta(ge=1, le=9)] = 1
    colour: Literal["red", "blue"] | tuple[float, ...] = "red"
    marks: tuple[str, ...] | None = None


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "lid: is missing; it must be a table of settings, its shape one of round, square."),
        ({"lid": 1}, "lid = 1: must be a table of settings, its shape one of round, square."),
        ({"lid": {}}, "lid.shape: is missing; it must be one of round, square."),
        ({"lid": {"shape": "oval"}}, "lid.shape = 'oval': must be one of round, square."),
        ({"lid": {"shape": "square"}}, "lid.side: is missing; it must be a number above 0 and below 9."),
        ({"lid": {"shape": "round", "radius": 0}}, "lid.radius = 0: must be a number above 0."),
        ({"lid": {"shape": "round", "radius": True}}, "lid.radius = true: must be a number above 0."),
        ({"lid": {"shape": "round", "radios": 1}}, "lid.radios = 1: is not a setting of round; did you mean radius?"),
        ({"lid": {"shape": "round", "z": 1}}, "lid.z = 1: is not a setting of round; known here: shape, radius."),
        ({"lid": {"shape": "round"}, "label": 3}, "label = 3: must be text in quotes."),
        ({"lid": {"shape": "round"}, "open": "no"}, "open = 'no': must be true or false."),
        ({"lid": {"shape": "round"}, "size": 10}, "size = 10: must be a whole number of at least 1 and at most 9."),
        ({"lid": {"shape": "round"}, "size": 1.5}, "size = 1.5: must be a whole number of at least 1 and at most 9."),
        ({"lid": {"shape": "round"}, "colour": 1}, "colour = 1: must be one of blue, red or a list of numbers."),
        ({"lid": {"shape": "round"}, "colour": [1, "x"]}, "colour[1] = 'x': must be a number."),
        ({"lid": {"shape": "round"}, "marks": "x"}, "marks = 'x': must be a list of texts."),
        (
            {"lid": {"shape": "square", "side": 1, "corners": [1]}},
            "lid.corners = [1]: must be a list of 2 values, each a whole number.",
        ),
        ({"lid": {"shape": "round", "radius": float("nan")}}, "lid.radius = nan: must be a finite number."),
        ({"lid": {"shape": "round"}, "colour": [1.0, float("-inf")]}, "colour[1] = -inf: must be a finite number."),
        (
            {"lid": {"shape": "round"}, "a`b\n - at `$.c`": 1},
            "a`b� - at `$.c` = 1: is not a setting; known here: lid, label, open, size, colour, marks.",
        ),
    ],
)
def test_the_sentence_names_key_value_and_what_would_be_right(raw: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        convert(raw, Box)
    assert str(caught.value) == sentence


def test_right_input_converts() -> None:
    raw = {"lid": {"shape": "square", "side": 2, "corners": [3, 4]}, "colour": [1, 2.5], "marks": ["x"]}
    assert convert(raw, Box) == Box(Square(2.0, (3, 4)), colour=(1.0, 2.5), marks=("x",))


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (True, "true"),
        ("Text", "'Text'"),
        (["Text", 1.0, (False, 2)], "['Text', 1.0, [false, 2]]"),
        ({"a": {"b": "C"}}, "{a = {b = 'C'}}"),
        ("\x1b[31m", "'\\x1b[31m'"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, …"),
    ],
)
def test_values_are_shown_as_toml_would_write_them_and_never_at_length(found: object, shown: str) -> None:
    assert str(ExperimentError("key", found, "hint.")) == f"key = {shown}: hint."


def test_an_error_can_be_placed_in_its_file() -> None:
    error = ExperimentError("lr", -1, "must be above 0.").within("a\nb.toml")
    assert str(error) == "a�b.toml: lr = -1: must be above 0."


def test_an_error_about_the_whole_has_no_key() -> None:
    assert str(ExperimentError("", msgspec.UNSET, "is not TOML.", "f.toml")) == "f.toml: is not TOML."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("this column is missing."), "this column is missing."),
        (ExperimentError("lr", 0, "must be above 0."), "lr = 0: must be above 0."),
        (MemoryError(), "MemoryError"),
        (RuntimeError("\nout of memory: 3 GB\nat line 7\x1b"), "RuntimeError: out of memory: 3 GB"),
    ],
)
def test_any_error_is_told_in_one_line(error: Exception, sentence: str) -> None:
    assert describe(error) == sentence
