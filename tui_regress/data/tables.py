"""Tables (CSV, TSV, Parquet): which columns can be features, what a target stands for, which rows are left out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from msgspec import UNSET

from tui_regress.data.dataset import Dataset
from tui_regress.data.reading import MISSING, Layout, lay_out, listed, read, wrong
from tui_regress.experiment import Table
from tui_regress.problems import ExperimentError
from tui_regress.text import printable


def column_names(path: Path) -> tuple[str, ...]:
    """Name the columns as they are shown and can be asked for: safe to print and unique. Raises ExperimentError."""
    return lay_out(path).names


def two_values(path: Path, target: str) -> tuple[str, str] | None:
    """Return the two values of column ``target``, in order; None if it has more or fewer. Raises ExperimentError."""
    layout = lay_out(path)
    index = layout.find(target, "data.target")
    column = _target(read(layout, index).to_series(), layout.names[index])
    return _pair(column.drop_nulls().unique())


def load_table(table: Table, *, logistic: bool) -> Dataset:
    """Load the target and the features; rows that miss a value in one of them are left out and counted.

    Features are columns of numbers, of true and false (1 and 0), or of text that can be read as numbers throughout.
    The target of a logistic model has two values, numbers or text: in sorted order they become 0 and 1. An infinite
    value is an error and not a missing value: a file that says inf or 1e400 means something by it.
    Raises ExperimentError about data.path, data.target or data.features.
    """
    layout = lay_out(Path(table.path))
    target = layout.find(table.target, "data.target")
    chosen = None if table.features is None else _chosen(layout, table.features, target)
    frame = read(layout)
    if frame.height < 2:
        raise wrong(layout.path, f"holds {'one row' if frame.height else 'no rows'} of data; at least two are needed.")
    features, notes = _features(layout, frame, target, chosen)
    used = pl.DataFrame([*features, _target(frame[:, target], layout.names[target])])
    _check_finite(used)
    complete = used.drop_nulls()
    if complete.height < 2:
        raise wrong(layout.path, _incomplete(used, complete.height))
    y, labels = _encoded(complete[:, -1], logistic=logistic)
    if labels is not None:
        notes.append(f"1 stands for {labels[1]}, 0 for {labels[0]}.")
    dropped = used.height - complete.height
    if dropped:
        notes.append(f"{dropped:,} of {used.height:,} rows left out: a value is missing.")
    if not layout.header:
        notes.append("The first row holds only numbers: it is taken as data, and the columns are numbered.")
    return Dataset(
        X=np.ascontiguousarray(complete[:, :-1].to_numpy(order="c"), dtype=np.float64),
        y=np.ascontiguousarray(y.to_numpy(), dtype=np.float64),
        feature_names=tuple(complete.columns[:-1]),
        target_name=y.name,
        labels=labels,
        dropped_rows=dropped,
        notes=tuple(notes),
    )


def _chosen(layout: Layout, names: Sequence[str], target: int) -> list[int]:
    if not names:
        raise ExperimentError("data.features", [], "must name at least one column.")
    chosen = list[int]()
    for name in names:
        index = layout.find(name, "data.features")
        if index == target:
            raise ExperimentError("data.features", name, "is the target; a feature must be another column.")
        if index in chosen:
            raise ExperimentError("data.features", name, "is named twice; name each column once.")
        chosen.append(index)
    return chosen


def _features(
    layout: Layout, frame: pl.DataFrame, target: int, chosen: list[int] | None
) -> tuple[list[pl.Series], list[str]]:
    """Return the feature columns as float64, and what to tell about the others."""
    features, left_out = list[pl.Series](), list[str]()
    for index in range(frame.width) if chosen is None else chosen:
        if index == target:
            continue
        name = layout.names[index]
        numbers = _numbers(frame[:, index])
        if not isinstance(numbers, str):
            features.append(numbers)
        elif chosen is not None:
            raise ExperimentError("data.features", name, f"holds {numbers}; a feature must be a column of numbers.")
        else:
            left_out.append(f"{name} ({numbers})")
    if not features:
        why = f"only {listed(left_out)}" if left_out else "no other column"
        raise ExperimentError(
            "data.features", UNSET, f"besides the target there is {why}; a feature must be a column of numbers."
        )
    notes = [f"Left out, because only numbers can be features: {listed(left_out)}."] if left_out else []
    return features, notes


def _numbers(column: pl.Series) -> pl.Series | str:
    """Return ``column`` as float64, null where a value is missing, or a word for what it holds instead of numbers."""
    kind = column.dtype
    if kind in (pl.String, pl.Categorical, pl.Enum):
        texts = _texts(column)
        numbers = texts.cast(pl.Float64, strict=False)
        if numbers.null_count() > texts.null_count():
            truth = {"true": 1.0, "false": 0.0}
            numbers = texts.str.to_lowercase().replace_strict(truth, default=None, return_dtype=pl.Float64)
        if numbers.null_count() > texts.null_count():
            return "text"
    elif kind.is_temporal():
        return "dates or times"
    elif kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        numbers = column.cast(pl.Float64).fill_nan(None)
    else:
        return "neither numbers nor text"
    return numbers if numbers.null_count() < len(numbers) else "no value"


def _texts(column: pl.Series) -> pl.Series:
    texts = column.cast(pl.String).str.strip_chars()
    return texts.set(texts.is_in(MISSING), None)


def _target(column: pl.Series, name: str) -> pl.Series:
    """Return the target as float64 or text, null where it is missing."""
    numbers = _numbers(column)
    if not isinstance(numbers, str):
        return numbers
    if numbers == "text":
        return _texts(column)
    raise ExperimentError("data.target", name, f"holds {numbers}; choose a column of numbers or of two classes.")


def _check_finite(used: pl.DataFrame) -> None:
    for column in used:
        if column.dtype == pl.Float64 and (infinite := column.is_infinite()).any():
            key = "data.target" if column.name == used.columns[-1] else "data.features"
            row = infinite.arg_true()[0] + 1
            hint = f"is infinite in row {row:,}; correct the value, or empty the cell to leave the row out."
            raise ExperimentError(key, column.name, hint)


def _incomplete(used: pl.DataFrame, complete: int) -> str:
    worst = max(used, key=pl.Series.null_count)
    have = "only one of its rows has" if complete else "none of its rows has"
    return f"{have} a value in every column that is used; {worst.name} alone misses {worst.null_count():,}."


def _encoded(y: pl.Series, *, logistic: bool) -> tuple[pl.Series, tuple[str, str] | None]:
    """Return the target as numbers, and what 0 and 1 stand for where they stand for something else."""
    values = y.unique()
    pair = _pair(values)
    is_text = y.dtype == pl.String
    problem = None
    if len(values) == 1:
        problem = f"is {_written(values[0])} in every row that is used; there is nothing to learn from it."
    elif logistic and pair is None:
        advice = "" if is_text else '; for a quantity use model.kind = "linear"'
        problem = f"has {len(values):,} different values where a logistic model needs two{advice}."
    elif is_text and not logistic:
        advice = 'model.kind = "logistic" tells them apart' if pair else "a linear model needs numbers"
        problem = f"holds text, {' and '.join(pair) if pair else f'{len(values):,} different values'}; {advice}."
    if problem:
        raise ExperimentError("data.target", y.name, problem)
    if not logistic:
        return y, None
    already = not is_text and pair == ("0", "1")
    return (y == values.max()).cast(pl.Float64), None if already else pair


def _pair(values: pl.Series) -> tuple[str, str] | None:
    if len(values) != 2:
        return None
    low, high = values.sort()
    return _written(low), _written(high)


def _written(value: float | str) -> str:
    return printable(value, 40) if isinstance(value, str) else f"{value:.15g}"
