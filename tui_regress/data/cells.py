"""What the cells of a column say: numbers, texts, dates, or nothing."""

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tui_regress.text import printable

Kind = Literal["number", "text", "dates", "empty", "other"]

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "?")
"""Cells that say that there is no value."""
TRUTH = ("false", "true")
HOLDS: dict[Kind, str] = {"dates": "dates or times", "other": "neither numbers nor text", "empty": "no value"}
"""What a column holds that can be neither a feature nor a target."""

_COMMA_NUMBER = r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)?(?:,\d*)?(?:[eE][+-]?\d+)?$"
"""1234,5 and 1.234,5 and 1.234.567: a decimal comma, and points between thousands only."""
NEEDS_COMMA = r",|\..*\."
"""What in a number says that its decimal mark is a comma."""
NEEDS_POINT = r"^[+-]?(?:\d*\.(?:\d{0,2}|\d{4,})|\d{4,}\.\d*)(?:[eE][+-]?\d+)?$"
"""Numbers whose point is a decimal mark, since it stands between no thousands."""
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_DATE = rf"^(?:(?:\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}})(?:[T ]{_TIME}.*)?|{_TIME})$"


_THOUSANDS = r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$"
"""1,234 and 1,234,567.8: commas between thousands."""
_FEWEST = 20
"""Cells in which a few others stand out."""
_LOOK = 1000
"""Cells that say whether it is worth while to look at all of them."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What keeps a column of text from being one of numbers."""

    what: str
    """The first cell that is no number, where it is, and what the others are: the rest of a sentence with "is"."""
    remedy: str
    """What to do, as an order."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A column, read."""

    kind: Kind
    values: pl.Series
    """Numbers as float64, texts without spaces around them, null where a value is missing; otherwise as they were."""
    flaw: Flaw | None = None
    """Of a column that seems to be one of numbers, and is text of more than two values."""


def read_cells(column: pl.Series, *, comma: bool) -> Cells:
    """Find out what the whole ``column`` holds; ``comma``: whether numbers may have a decimal comma.

    true and false, in whatever case, are texts.
    """
    kind = column.dtype
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _or_empty(_read_texts(texts(column), comma=comma))
    if kind == pl.Boolean:
        cells = Cells("text", column.cast(pl.String))
    elif kind.is_temporal():
        cells = Cells("dates", column)
    elif kind.is_numeric() or kind == pl.Null:
        cells = Cells("number", numbers(column))
    else:
        cells = Cells("other", column)
    return _or_empty(cells)


def texts(column: pl.Series) -> pl.Series:
    """The cells as text without spaces around it, null where a value is missing."""
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column.cast(pl.String)
    stripped = column.cast(pl.String).str.strip_chars()
    return stripped.set(stripped.is_in(MISSING), None)


def numbers(column: pl.Series, *, comma: bool = False) -> pl.Series:
    """The cells as float64, null where they are none; ``comma``: texts with a decimal comma."""
    return _without_nan(_cast(column, comma=comma))


def count_values(column: pl.Series) -> int:
    """How many different values there are, missing ones aside."""
    return column.n_unique() - (column.null_count() > 0)


def is_number(cell: str, *, comma: bool) -> bool:
    """Whether one cell is a number; ``comma``: also where it has a decimal comma."""
    if comma and re.match(_COMMA_NUMBER, cell):
        return any(map(str.isdigit, cell))
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _read_texts(found: pl.Series, *, comma: bool) -> Cells:
    if found.null_count() == len(found):
        return Cells("empty", found)
    first = found[found.is_not_null().arg_max() or 0]
    for marked in (False, True)[: 1 + comma]:
        # The first cell spares columns of text the conversion.
        if is_number(first, comma=marked):
            read = _cast(found, comma=marked)
            if read.null_count() == found.null_count():
                return Cells("number", _without_nan(read))
    if re.match(_DATE, first) and found.str.contains(_DATE).all():
        return Cells("dates", found)
    if first.lower() in TRUTH:
        lower = found.str.to_lowercase()
        if lower.is_in(TRUTH).all():
            return Cells("text", lower)
    return Cells("text", found, _flaw(found, comma=comma))


def _flaw(found: pl.Series, *, comma: bool) -> Flaw | None:
    """What is wrong in a column of which all but one cell, or all but one in a hundred, are numbers; None in others.

    Or in one of which all are, if it were not for the commas between thousands.
    """
    given = len(found) - found.null_count()
    sample = found.gather_every(max(1, len(found) // _LOOK)).drop_nulls()
    if given < _FEWEST or (count_values(sample) <= 2 and count_values(found) <= 2):
        return None
    for marked in (False, True)[: 1 + comma]:
        if _cast(sample, comma=marked).null_count() > max(1, len(sample) // 10):
            continue
        stray = _cast(found, comma=marked).is_null() & found.is_not_null()
        if (count := int(stray.sum())) <= max(1, given // 100):
            more = f", no number in {count - 1:,} more" if count > 1 else ""
            what = f"{_first(found, stray)}{more} and a number in {given - count:,} others"
            return Flaw(what, "correct it, or empty the cell")
    if not comma and sample.str.contains(_THOUSANDS).any():
        parted = found.str.contains(_THOUSANDS).fill_null(value=False)
        if _cast(found.set(parted, "0"), comma=False).null_count() == found.null_count():
            return Flaw(f"{_first(found, parted)}, with a comma between thousands", "write its numbers without")
    return None


def _first(found: pl.Series, marked: pl.Series) -> str:
    row = marked.arg_max() or 0
    return f"{printable(found[row], 40)!r} in row {row + 1:,}"


def _or_empty(cells: Cells) -> Cells:
    return cells if cells.values.null_count() < len(cells.values) else Cells("empty", cells.values)


def _cast(column: pl.Series, *, comma: bool) -> pl.Series:
    if not comma or column.dtype != pl.String:
        return column.cast(pl.Float64, strict=False)
    plain = column.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.cast(pl.Float64, strict=False).set(~column.str.contains(_COMMA_NUMBER), None)


def _without_nan(found: pl.Series) -> pl.Series:
    return found.fill_nan(None) if found.is_nan().any() else found
