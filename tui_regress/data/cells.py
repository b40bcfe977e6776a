"""What the cells of a column say: numbers, texts, dates, or nothing."""

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

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


@dataclass(frozen=True, slots=True)
class Cells:
    """A column, read."""

    kind: Kind
    values: pl.Series
    """Numbers as float64, texts without spaces around them, null where a value is missing; otherwise as they were."""


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
    return Cells("text", found)


def _or_empty(cells: Cells) -> Cells:
    return cells if cells.values.null_count() < len(cells.values) else Cells("empty", cells.values)


def _cast(column: pl.Series, *, comma: bool) -> pl.Series:
    if not comma or column.dtype != pl.String:
        return column.cast(pl.Float64, strict=False)
    plain = column.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.cast(pl.Float64, strict=False).set(~column.str.contains(_COMMA_NUMBER), None)


def _without_nan(found: pl.Series) -> pl.Series:
    return found.fill_nan(None) if found.is_nan().any() else found
