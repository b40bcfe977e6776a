"""What is to be predicted: a quantity, or which of two classes a row belongs to."""

import polars as pl

from tui_regress.data.cells import HOLDS, TRUTH, read_cells
from tui_regress.data.features import check_flawless, shown
from tui_regress.data.reading import Layout
from tui_regress.problems import ExperimentError

Classes = tuple[str, str]


def read_target(layout: Layout, column: pl.Series) -> pl.Series:
    """Return the target as float64 or text, null where it is missing. Raises ExperimentError."""
    cells = read_cells(column, comma=layout.comma)
    if cells.kind in HOLDS:
        hint = f"holds {HOLDS[cells.kind]}; choose a column of numbers or of two classes."
        raise ExperimentError("data.target", column.name, hint)
    check_flawless("data.target", column.name, cells)
    return cells.values


def pair(values: pl.Series) -> Classes | None:
    """Two different values in order, each as a text that is it and no other; None if there are more or fewer."""
    if len(values) != 2:
        return None
    low, high = values.sort()
    return _written(low), _written(high)


def check_classes(y: pl.Series, classes: Classes, complete: pl.Series) -> None:
    """Raise ExperimentError where the target has another value than the two ``classes`` of a model.

    Only the rows that are ``complete``, true or false of each, are looked at.
    """
    known = pl.Series([value for value in y.drop_nulls().unique() if _written(value) in classes], dtype=y.dtype)
    unknown = complete & ~y.is_in(known.implode())
    if unknown.any():
        row = unknown.arg_max() or 0
        right = " or ".join(map(shown, classes))
        hint = f"is {shown(_written(y[row]))!r} in row {row + 1:,}; to the model it must be {right}."
        raise ExperimentError("data.target", y.name, hint)


def encode_target(y: pl.Series, classes: Classes | None, *, logistic: bool) -> tuple[pl.Series, Classes | None]:
    """Return a target without gaps as float64, and what 0 and 1 stand for where they stand for something else.

    That is the whole value, not what is shown of it: two may begin alike, or differ in what cannot be printed.

    The two classes of a logistic model are numbered in the order of ``classes``, or in sorted order. A linear model
    takes true for 1 and false for 0. Raises ExperimentError where the target does not suit the model.
    """
    is_text = y.dtype == pl.String
    # Of a quantity it only matters whether it varies, and millions of values take long to tell apart.
    values = y.unique() if logistic or is_text else pl.Series([y.min(), y.max()], dtype=y.dtype).unique()
    found = pair(values)
    problem = None
    if len(values) == 1:
        problem = f"is {shown(_written(values[0]))} in every row that is used; there is nothing to learn from it."
    elif logistic and found is None:
        advice = "" if is_text else '; for a quantity use model.kind = "linear"'
        problem = f"has {len(values):,} different values where a logistic model needs two{advice}."
    elif is_text and not logistic and found != TRUTH:
        advice = 'model.kind = "logistic" tells them apart' if found else "a linear model needs numbers"
        which = " and ".join(map(shown, found)) if found else f"{len(values):,} different values"
        problem = f"holds text, {which}; {advice}."
    if problem:
        raise ExperimentError("data.target", y.name, problem)
    if not logistic:
        return (y == TRUTH[1]).cast(pl.Float64) if is_text else y, None
    labels = classes or found or TRUTH
    one = values.max() if classes is None else next(value for value in values if _written(value) == labels[1])
    stands_for_itself = not is_text and labels == ("0", "1")
    return (y == one).cast(pl.Float64), None if stands_for_itself else labels


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
