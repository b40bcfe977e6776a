"""Tables (CSV, TSV, Parquet): what a target stands for, and which rows are left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tui_regress.data.cells import count_values, read_cells
from tui_regress.data.dataset import Dataset, FloatArray, Rows
from tui_regress.data.features import (
    candidates,
    check_known,
    columns_of,
    constants,
    feature_names,
    matrices,
    may_have_comma,
    needs_comma,
    number_the_rows,
    read_as,
    select,
    shown,
)
from tui_regress.data.filling import fill_in
from tui_regress.data.progress import Progress, silent
from tui_regress.data.reading import Layout, lay_out, listed, read
from tui_regress.data.sources import STANDARD_INPUT, wrong
from tui_regress.data.targets import check_classes, encode_target, pair, read_target
from tui_regress.experiment import Experiment, Table
from tui_regress.problems import ExperimentError

_LOOK = 1000
"""Rows that a preview reads of most columns."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a table will be to a model, before it is loaded."""

    rows: int
    """With a target."""
    features: int
    """At most; more are told only of a column that looks otherwise in its first rows."""
    classes: tuple[str, str] | None
    """The two values of the target, in order; None if it has more or fewer."""


def column_names(path: Path) -> tuple[str, ...]:
    """Name the columns as they are shown and can be asked for: safe to print and unique. Raises ExperimentError."""
    return lay_out(path).names


def preview(table: Table) -> Preview:
    """Look at the target, at the columns of text that are named as features, and at the first rows of the others.

    Raises ExperimentError.
    """
    layout = lay_out(Path(table.path))
    target = layout.find(table.target, "data.target")
    chosen = candidates(layout, table, target)
    layout, head = read(layout, rows=_LOOK)
    cells = {index: read_cells(head[:, index], comma=layout.comma) for index in chosen}
    texts = [index for index in chosen if cells[index].kind == "text"]
    features = sum(cells[index].kind in ("number", "empty") for index in chosen)
    if table.features is None:
        features -= sum(cells[index].kind == "number" and number_the_rows(cells[index].values) for index in chosen)
        features += sum(count_values(cells[index].values) <= 2 for index in texts)
        texts = []
    layout, frame = read(layout, [target, *texts])
    features += sum(count_values(frame[:, position]) - 1 for position in range(1, frame.width))
    y = read_target(layout, frame[:, 0]).drop_nulls()
    return Preview(len(y), features, pair(y.unique()))


def load_table(
    table: Table,
    *,
    logistic: bool,
    hold: Callable[[FloatArray], NDArray[np.bool_]],
    progress: Progress = silent,
) -> Dataset:
    """Load the target and the features; rows that miss a value in one of them are left out and counted.

    ``hold`` says of the targets, shape (n,), which rows are held out of training: at once, since a table that is first
    made whole and then divided needs twice the memory.

    Features are columns of numbers; of two values, where the second in sorted order becomes 1; and, if they are named,
    columns of text, one-hot encoded. Where missing values are filled in, only rows without a target are left out.
    The target of a logistic model has two values, numbers or text: in sorted order
    they become 0 and 1. An infinite value is an error and not a missing value: a file that says inf or 1e400 means
    something by it.
    Raises ExperimentError about data.path, data.target, data.features or data.drop.
    """
    layout = lay_out(Path(table.path))
    target = layout.find(table.target, "data.target")
    chosen = candidates(layout, table, target)
    # A column of nothing but 1.234 seems to be one of numbers, and is one of thousands where the comma is pinned.
    commas_known = [index for index, column in zip(chosen, table.columns, strict=False) if column.decimal == ","]
    layout, frame = read(layout, as_text=commas_known if layout.comma else (), progress=progress)
    if frame.height < 2:
        what = "one row" if frame.height else "no rows"
        raise wrong(layout.source.path, f"holds {what} of data; at least two are needed.")
    progress(f"Preparing {layout.source.label}", None)
    used, commas, notes = _used(layout, table, frame, target, chosen)
    del frame  # large tables need the memory
    _check_finite(used)
    used, rows, constant = _rows_used(layout, table, used)
    if logistic and table.classes:
        check_classes(used[:, -1], table.classes, rows)
    complete = used if rows.all() else used.filter(rows)  # a copy that is not needed is not made
    y, labels = encode_target(complete[:, -1], table.classes, logistic=logistic)
    more = list[str]()
    if constant:
        told = [f"{name} (only {shown(value)})" for name, value in constant.items()]
        more.append(f"Left out, because the rows that are used do not differ in it: {listed(told)}.")
    if table.columns:
        pinned_to = zip(table.columns, used.columns, strict=False)
        columns = [msgspec.structs.replace(column, name=name) for column, name in pinned_to]
    else:
        columns, one_hot = columns_of(complete[:, :-1], commas)
        more += one_hot
    if labels is not None:
        more.append(f"1 stands for {shown(labels[1])}, 0 for {shown(labels[0])}.")
    if dropped := used.height - complete.height:
        what = "the target" if table.missing == "mean" else "a value"
        more.append(f"{dropped:,} of {used.height:,} rows left out: {what} is missing.")
    targets = np.ascontiguousarray(y.to_numpy(), dtype=np.float64)
    held = hold(targets)
    X, X_held = matrices(columns, complete, held)
    if table.missing == "mean":
        columns, filled = fill_in(columns, X, X_held)
        more += filled
    return Dataset(
        X=X,
        y=targets[~held],
        validation=Rows(X_held, targets[held]) if len(X_held) else None,
        feature_names=feature_names(columns),
        target_name=y.name,
        labels=labels,
        dropped_rows=dropped,
        columns=tuple(columns),
        notes=(*layout.notes, *notes, *more),
    )


def _used(
    layout: Layout, table: Table, frame: pl.DataFrame, target: int, chosen: Sequence[int]
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """The features, numbers or texts, and last the target; which have a decimal comma; and notes about them."""
    y = read_target(layout, frame.to_series(target))
    if table.columns:
        features, notes = _known(layout, table, frame, chosen, y), list[str]()
    else:
        features, notes = select(layout, table, frame, chosen)
    used = pl.DataFrame([*features, y])
    numbers = [column.name for column in used if column.dtype == pl.Float64]
    if commas := [name for name in numbers if needs_comma(layout, frame[name])]:
        notes.append(f"Read with a decimal comma: {listed(commas)}.")
    return used, commas, notes


def _known(layout: Layout, table: Table, frame: pl.DataFrame, chosen: Sequence[int], y: pl.Series) -> list[pl.Series]:
    """The features as ``table`` says to read them. Raises ExperimentError where a row that is used holds another."""
    cells = [frame.to_series(index) for index in chosen]
    read_cells_as = [
        read_as(column, found, comma=needs_comma(layout, found) or may_have_comma(column, layout, found))
        for column, found in zip(table.columns, cells, strict=True)
    ]
    rows = y.is_not_null()
    if table.missing == "drop":
        for known, unknown in read_cells_as:
            rows &= known.is_not_null() | unknown
    for column, found, (_, unknown) in zip(table.columns, cells, read_cells_as, strict=True):
        check_known(column, found, unknown & rows)
    return [known.alias(found.name) for found, (known, _) in zip(cells, read_cells_as, strict=True)]


def _rows_used(layout: Layout, table: Table, used: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, dict[str, str]]:
    """The columns that are used, which rows are, and the columns that are not because they are the same in all those.

    What is missing in a column that is not used costs no row: whoever reads the others alone gets the same rows.
    Raises ExperimentError where too little is left.
    """
    constant = dict[str, str]()
    while True:
        rows = pl.repeat(True, used.height, eager=True)
        for column in used[:, -1:] if table.missing == "mean" else used:
            if column.null_count():
                rows &= column.is_not_null()
        if (left := int(rows.sum())) < 2:
            raise wrong(layout.source.path, _incomplete(used, left))
        found = {} if table.columns else constants(used[:, :-1], rows, table)
        if not found:
            return used, rows, constant
        constant |= found
        used = pl.DataFrame([column for column in used if column.name not in found])


def pinned(experiment: Experiment, dataset: Dataset) -> Experiment:
    """``experiment`` as it is kept with a model that was fitted to ``dataset``.

    Whatever table it reads, and from wherever, its columns become the same features and the target the same classes.
    """
    table = experiment.data
    if not isinstance(table, Table):
        return experiment
    path = Path(table.path)
    pinned_table = msgspec.structs.replace(
        table,
        path=str(path if path == STANDARD_INPUT else path.absolute()),
        features=tuple(column.name for column in dataset.columns),
        drop=(),
        columns=dataset.columns,
        classes=dataset.labels,
    )
    return msgspec.structs.replace(experiment, data=pinned_table)


def _check_finite(used: pl.DataFrame) -> None:
    # All that is finite has a finite sum, but for a few sums that are too large; and sums are quick, in all columns.
    for total in used.select(pl.col(pl.Float64).sum()):
        if not np.isfinite(total[0]) and (infinite := used[total.name].is_infinite()).any():
            key = "data.target" if total.name == used.columns[-1] else "data.features"
            row = (infinite.arg_max() or 0) + 1
            hint = f"is infinite in row {row:,}; correct the value, or empty the cell to leave the row out."
            raise ExperimentError(key, total.name, hint)


def _incomplete(used: pl.DataFrame, complete: int) -> str:
    worst = max(used, key=pl.Series.null_count)
    have = "only one of its rows has" if complete else "none of its rows has"
    return f"{have} a value in every column that is used; {worst.name} alone misses {worst.null_count():,}."
