"""Which columns of a table are features, and the numbers that each of them becomes."""

import re
from collections.abc import Container, Sequence

import numpy as np
import polars as pl
from msgspec import UNSET
from numpy.typing import NDArray

from tui_regress.data.cells import (
    HOLDS,
    NEEDS_COMMA,
    NEEDS_POINT,
    TRUTH,
    Cells,
    count_values,
    numbers,
    read_cells,
    texts,
)
from tui_regress.data.dataset import FloatArray
from tui_regress.data.portions import each, spread
from tui_regress.data.reading import Layout, listed, unique
from tui_regress.experiment import Column, Table
from tui_regress.problems import ExperimentError
from tui_regress.text import printable

_AT_ONCE = 2**18
"""Numbers that are brought from columns into rows at once: few enough for the cache, and polars is called seldom."""
MOST_VALUES = 100
"""A column of text becomes that many 0/1 columns less one, and no more."""
_RIGHT = "a feature must be a column of numbers or of text"


def candidates(layout: Layout, table: Table, target: int) -> list[int]:
    """Columns that may be features: those named, in that order, or all but the target and those dropped.

    Raises ExperimentError about data.features or data.drop.
    """
    dropped = [layout.find(name, "data.drop") for name in table.drop]
    if target in dropped:
        name = table.drop[dropped.index(target)]
        raise ExperimentError("data.drop", name, "is the target; leave it out of the list.")
    names = _named(table)
    if names is None:
        return [index for index in range(len(layout.names)) if index != target and index not in dropped]
    if not names:
        raise ExperimentError("data.features", [], "must name at least one column.")
    chosen = list[int]()
    for name in names:
        index = layout.find(name, "data.features")
        if index == target:
            raise ExperimentError("data.features", name, "is the target; a feature must be another column.")
        if index in dropped:
            raise ExperimentError("data.features", name, "is in data.drop too; name it in one of the two.")
        if index in chosen:
            raise ExperimentError("data.features", name, "is named twice; name each column once.")
        chosen.append(index)
    return chosen


def _named(table: Table) -> Sequence[str] | None:
    for column in table.columns:
        if len(column.values) == 1 or len(column.fill) not in (0, column.width):
            hint = f"must have two values at least, or none, and a fill for each feature; {shown(column.name)} has not."
            raise ExperimentError("data.columns", UNSET, hint)
    pinned = tuple(column.name for column in table.columns)
    if pinned and table.features not in (None, pinned):
        which = listed([shown(name) for name in pinned])
        hint = f"must be {which}, which data.columns says how to read; to choose others unset data.columns."
        raise ExperimentError("data.features", list(table.features or ()), hint)
    return pinned or table.features


def select(
    layout: Layout, table: Table, frame: pl.DataFrame, chosen: Sequence[int]
) -> tuple[list[pl.Series], list[str]]:
    """The columns of ``frame`` that are features, as numbers or texts, and what to tell about the others.

    Those named must do; of all ``chosen`` otherwise the columns of numbers and of two values are taken, and those that
    only count the rows where there is no other.
    Raises ExperimentError about data.features.
    """
    selected, left_out, offered, counting = list[pl.Series](), list[str](), list[str](), list[pl.Series]()
    read = each(lambda index: read_cells(frame[:, index], comma=layout.comma), chosen)
    for index, cells in zip(chosen, read, strict=True):
        name = layout.names[index]
        if table.features is not None:
            _check(name, cells)
        elif cells.kind == "number" and number_the_rows(cells.values):
            counting.append(cells.values)
            continue
        elif reason := _reason_against(cells):
            left_out.append(f"{name} ({reason})")
            if cells.kind == "text" and not cells.flaw and 2 < count_values(cells.values) <= MOST_VALUES:
                offered.append(name)
            continue
        selected.append(cells.values)
    if selected:
        left_out += [f"{column.name} (row numbers)" for column in counting]
    else:
        selected = counting
    which = f"{'' if len(offered) == 1 else 'any of '}{listed(offered, 4)}"
    offer = f"name {which} in features to have it as one-hot columns"
    if not selected:
        why = f"only {listed(left_out)}" if left_out else "no other column"
        advice = offer if offered else "a feature must be a column of numbers or of two values"
        raise ExperimentError("data.features", UNSET, f"besides the target there is {why}; {advice}.")
    return selected, [f"Left out: {listed(left_out)}{f'; {offer}' if offered else ''}."] if left_out else []


def _check(name: str, cells: Cells) -> None:
    """Raise ExperimentError where a column that is named cannot be a feature."""
    if cells.kind in HOLDS:
        raise ExperimentError("data.features", name, f"holds {HOLDS[cells.kind]}; {_RIGHT}.")
    check_flawless("data.features", name, cells)
    if cells.kind == "text" and (count := count_values(cells.values)) > MOST_VALUES:
        hint = f"holds {count:,} different texts; one-hot columns are made of at most {MOST_VALUES}."
        raise ExperimentError("data.features", name, hint)


def check_flawless(key: str, name: str, cells: Cells) -> None:
    """Raise ExperimentError about ``key`` where a column would be one of numbers, if it were not for a few cells."""
    if cells.flaw:
        raise ExperimentError(key, name, f"is {cells.flaw.what}; {cells.flaw.remedy}.")


def _reason_against(cells: Cells) -> str | None:
    """Why a column that nobody named is no feature."""
    if cells.flaw:
        return cells.flaw.what
    if cells.kind in HOLDS:
        return HOLDS[cells.kind]
    if cells.kind == "text" and (count := count_values(cells.values)) != 2:
        return f"text, {count:,} value{'' if count == 1 else 's'}"
    return None


def counts_rows(name: str, *, rows: int, distinct: int | None, low: float | None, high: float | None) -> bool:
    """Whether a column of numbers is there only to number the rows, by its ``name`` and by its values.

    It holds 0, 1, 2, … or 1, 2, 3, …, in whatever order; a column without a name is called column_1.
    """
    return _may_count_rows(name) and low in (0, 1) and distinct == rows and high == low + rows - 1


def _may_count_rows(name: str) -> bool:
    named = re.fullmatch(r"(column_1|unnamed: ?0|index|row(_?(id|no|number))?|id|rownames?)", name, re.IGNORECASE)
    return named is not None


def number_the_rows(column: pl.Series) -> bool:
    """Whether the numbers of ``column`` only count its rows."""
    if not _may_count_rows(column.name):
        return False
    extent = pl.Series([column.min(), column.max()], dtype=pl.Float64)
    # To count the different ones takes longest, and is seldom called for.
    return counts_rows(column.name, rows=len(column), distinct=len(column), low=extent[0], high=extent[1]) and (
        count_values(column) == len(column)
    )


def read_as(column: Column, found: pl.Series, *, comma: bool) -> tuple[pl.Series, pl.Series]:
    """The cells of ``found`` as a model reads them, null where it cannot, and which it does not know for other reasons.

    Numbers are float64, and ``comma`` says that they are written with a decimal comma; of texts the model knows some.
    """
    if found.dtype.is_numeric() and not column.values:
        return numbers(found), pl.repeat(False, len(found), eager=True)
    if found.dtype.is_nested() or found.dtype == pl.Binary:
        return pl.repeat(None, len(found), dtype=pl.Float64, eager=True), found.is_not_null()
    given = texts(found)
    if column.values == TRUTH:
        given = given.str.to_lowercase()
    known = given.set(~given.is_in(column.values), None) if column.values else numbers(given, comma=comma)
    return known, known.is_null() & given.is_not_null()


def check_known(column: Column, found: pl.Series, unknown: pl.Series) -> None:
    """Raise ExperimentError about the first of the cells of ``found`` that are ``unknown`` to the model, if one is."""
    if unknown.any():
        row = unknown.arg_max() or 0
        right = f"one of {listed([shown(value) for value in column.values])}" if column.values else "a number"
        hint = f"is {shown(str(found[row]))!r} in row {row + 1:,}; to the model it must be {right}."
        raise ExperimentError("data.features", column.name, hint)


def needs_comma(layout: Layout, found: pl.Series) -> bool:
    """Whether a cell of ``found`` can be a number only if it has a decimal comma."""
    return layout.comma and found.dtype == pl.String and bool(found.str.contains(NEEDS_COMMA).any())


def may_have_comma(column: Column, layout: Layout, found: pl.Series) -> bool:
    """Whether the decimal mark of ``found`` is a comma if no cell needs one: ``column`` says so, no cell objects."""
    if column.decimal == "." or not layout.comma or found.dtype != pl.String:
        return False
    return not texts(found).str.contains(NEEDS_POINT).any()


def shown(value: str) -> str:
    """A value, short and safe to print."""
    return printable(value, 40)


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """What the features that ``columns`` become are called: ``size``, ``sex=male``, ``region=north``."""
    return unique(
        [
            f"{column.name}={shown(value)}" if value else column.name
            for column in columns
            for value in column.values[1:] or ("",)
        ]
    )


def constants(features: pl.DataFrame, rows: pl.Series, table: Table) -> dict[str, str]:
    """Columns of text that are the same in all ``rows`` that are used, by their names, and what they hold.

    They can be no features: ExperimentError where such a one is named, or no other is left.
    """
    of_text = (cells.filter(rows) for cells in features if cells.dtype == pl.String)
    found = {cells.name: cells.drop_nulls()[0] for cells in of_text if count_values(cells) == 1}
    if found and (table.features is not None or len(found) == features.width):
        name, value = next(iter(found.items()))
        hint = f"holds only {shown(value)!r} in the rows that are used; a feature must vary."
        raise ExperimentError("data.features", name, hint)
    return found


def columns_of(complete: pl.DataFrame, commas: Container[str]) -> tuple[list[Column], list[str]]:
    """How the features of the rows that are used are read, texts by their values in order, and what to tell of it.

    ``commas`` are the names of those that were read with a decimal comma.
    """
    values = [tuple(cells.drop_nulls().unique().sort()) if cells.dtype == pl.String else () for cells in complete]
    columns = [
        Column(name, texts, decimal="," if name in commas else ".")
        for name, texts in zip(complete.columns, values, strict=True)
    ]
    notes = list[str]()
    if one_hot := [column for column in columns if column.width > 1]:
        told = [f"{column.name} ({shown(column.values[0])} is 0 in all of them)" for column in one_hot]
        notes.append(f"One-hot columns: {listed(told)}.")
    return columns, notes


def matrix(columns: Sequence[Column], cells: pl.DataFrame) -> FloatArray:
    """The features that ``cells`` of the names of ``columns`` become: shape (n, d), nan where a value is missing."""
    return matrices(columns, cells, np.zeros(cells.height, dtype=np.bool_))[0]


def matrices(columns: Sequence[Column], cells: pl.DataFrame, held: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """The :func:`matrix` of the rows not ``held``, shape (n,), and that of those that are, each in order."""
    numbers = [series for column in columns for series in _encode(column, cells[column.name])]
    frame = pl.DataFrame([series.alias(str(position)) for position, series in enumerate(numbers)])
    n, d = frame.shape
    before = np.concatenate(([0], np.cumsum(held)))
    X_held = np.empty((before[-1], d))
    X = np.empty((n - len(X_held), d))

    def of_portion(rows: slice) -> None:
        begin, end = before[rows.start], before[rows.stop]
        # New memory is what takes the time: each row is written once to its place, by way of a few in the cache.
        values = np.ascontiguousarray(frame[rows].to_numpy())
        out = held[rows]
        np.compress(~out, values, axis=0, out=X[rows.start - begin : rows.stop - end])
        np.compress(out, values, axis=0, out=X_held[begin:end])

    spread(of_portion, n, d, _AT_ONCE)
    return X, X_held


def _encode(column: Column, cells: pl.Series) -> list[pl.Series]:
    return [(cells == value).cast(pl.Float64) for value in column.values[1:]] or [cells]
