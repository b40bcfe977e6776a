"""Predictions for the rows of a table, however many: what the model says beside each of them, in bounded memory."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain, count
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from tui_regress.data.batches import TableBatches
from tui_regress.data.dataset import FloatArray
from tui_regress.data.features import read_as, shown
from tui_regress.data.progress import Progress, paced, silent
from tui_regress.data.reading import Layout, lay_out
from tui_regress.data.synthetic import feature_names
from tui_regress.engine import objective
from tui_regress.engine.checkpoints import load_model
from tui_regress.experiment import Column, Experiment, Linear, Model, Table
from tui_regress.files import replacing
from tui_regress.problems import InputError, WriteError
from tui_regress.runs.kept import KeptRun
from tui_regress.text import printable

_DIGITS = 12
"""Significant ones of a prediction in a text: more than any of them deserves, and none of the noise behind them."""


@dataclass(slots=True)
class Outcome:
    """How many rows there were, and why some of them have no prediction."""

    rows: int = 0
    missing: int = 0
    """Rows without a prediction because a value is missing that nothing fills in."""
    unknown: int = 0
    """Rows without one because of a value that the model does not know."""
    example: str = ""
    """The first such value, and where it is."""

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        if not self.missing and not self.unknown:
            return f"{_rows(self.rows)} predicted."
        why = list[str]()
        if self.missing:
            why.append(f"{self.missing:,} for want of a value")
        if self.unknown:
            why.append(f"{self.unknown:,} because of a value that the model does not know, the first {self.example}")
        empty = self.missing + self.unknown
        return f"{_rows(self.rows)}, {empty:,} of them without a prediction: {'; '.join(why)}."


def predict(model: Path | KeptRun, table: Path, out: Path | IO[bytes], progress: Progress = silent) -> Outcome:
    """Write ``table`` to ``out`` with a column ``prediction`` more, and for a logistic model ``probability``.

    A prediction is in the units of the target; of a logistic model it is the class that is more probable, beside the
    probability of class 1. Every row is there, in its place. One that misses a value has an empty prediction unless the
    model fills in, and so has one with a value that the model does not know. The columns of the table pass through as
    they are, those of a text as text. Where one of them has such a name already, the new one is ``prediction_2``.

    ``model`` is a saved model (.pt, its .toml beside it) or a kept run. ``table`` is any table with the columns that
    the model was fitted to; a model without a table looks for ``x``, or ``x1``, ``x2``, …. As ``out`` a path is CSV,
    TSV or Parquet by its name, and replaced as a whole or not at all; a stream gets CSV. From text to text the
    delimiter and the decimal mark stay, unless the name asks for another delimiter. A text gets predictions of twelve
    significant digits, Parquet all of them.

    Raises InputError where a file cannot be read or written, ExperimentError where a column is missing.
    """
    fitted = _of_run(model) if isinstance(model, KeptRun) else _of_experiment(*load_model(model))
    if isinstance(out, Path):
        _check_destination(out, [table] if isinstance(model, KeptRun) else [table, model, model.with_suffix(".toml")])
    layout, outcome = lay_out(table), Outcome()
    batches = TableBatches(table, fitted.columns, progress)
    is_text = not (isinstance(out, Path) and out.suffix.lower() == ".parquet")
    frames = _frames(fitted, layout, batches, outcome, paced(progress), digits=_DIGITS if is_text else None)
    comma = batches.comma
    delimiter = layout.delimiter if layout.delimiter != "\t" else ";" if comma else ","
    if not isinstance(out, Path):
        _write_text(frames, out, delimiter, comma=comma)
        return outcome
    with replacing(out) as [part], _told(out):
        if is_text:
            with part.open("wb") as file:
                _write_text(frames, file, "\t" if out.suffix.lower() == ".tsv" else delimiter, comma=comma)
        else:
            _write_parquet(frames, part)
    return outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A model, and how it reads a table."""

    model: Model
    theta: FloatArray
    """Shape (p,)."""
    columns: tuple[Column, ...]
    classes: tuple[str, str] | None
    """What 0 and 1 stand for, if anything else."""

    def says(self, X: FloatArray, usable: NDArray[np.bool_]) -> list[pl.Series]:
        """What is said of the rows of X, shape (m, d): null for those that are not ``usable``."""
        values = np.asarray(objective.predict(self.model, self.theta, X), dtype=np.float64)
        value = pl.Series(values).set(pl.Series(~usable), None)
        if isinstance(self.model, Linear):
            return [value.alias("prediction")]
        likely = value > 0.5
        classes = likely.cast(pl.Int64) if self.classes is None else _named(likely, self.classes)
        return [classes.alias("prediction"), value.alias("probability")]


def _named(likely: pl.Series, classes: tuple[str, str]) -> pl.Series:
    return likely.replace_strict([False, True], classes, return_dtype=pl.String)


def _of_run(kept: KeptRun) -> _Fitted:
    if kept.parameters is None:
        raise InputError(f"run {kept.summary.run_id} has no parameters: not one of its records is finite.")
    return _of_experiment(kept.summary.experiment, kept.parameters)


def _of_experiment(experiment: Experiment, theta: FloatArray) -> _Fitted:
    model, data = experiment.model, experiment.data
    if not isinstance(data, Table):
        names = feature_names(len(theta) - model.bias)
        return _Fitted(model, theta, tuple(map(Column, names)), None)
    columns = data.columns or tuple(map(Column, data.features or ()))
    return _Fitted(model, theta, columns, data.classes)


def _check_destination(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse before the work, not after it."""
    if out.suffix.lower() not in (".csv", ".tsv", ".parquet"):
        raise InputError(f"{printable(str(out))}: must end in .csv, .tsv or .parquet, which says how to write it.")
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(f"{printable(str(out))}: is what the predictions are made from; choose another name.")


def _frames(
    fitted: _Fitted, layout: Layout, batches: TableBatches, outcome: Outcome, tell: Progress, *, digits: int | None
) -> Iterator[pl.DataFrame]:
    """The table with the new columns, in batches, and before them all an empty one that shows the columns.

    Numbers in the new ones have at most so many significant ``digits``.
    """
    taken = set(batches.schema)
    head = pl.DataFrame(schema=batches.schema)
    width = sum(column.width for column in fitted.columns)
    for frame, X in chain([(head, np.empty((0, width)))], batches):
        usable = np.isfinite(X).all(axis=1)
        if not usable.all():
            _account(outcome, fitted.columns, layout, frame, X, usable)
        outcome.rows += frame.height
        tell(f"Predicting {layout.source.label}", min(1.0, outcome.rows / max(layout.rows, 1)))
        said = [_rounded(column, digits) for column in fitted.says(X, usable)]
        yield frame.with_columns(column.alias(_free(column.name, taken)) for column in said)


def _rounded(column: pl.Series, digits: int | None) -> pl.Series:
    return column if digits is None or column.dtype != pl.Float64 else column.round_sig_figs(digits)


def _account(
    outcome: Outcome,
    columns: Sequence[Column],
    layout: Layout,
    frame: pl.DataFrame,
    X: FloatArray,
    usable: NDArray[np.bool_],
) -> None:
    """Count the rows that are not usable, by what is wrong with them."""
    rows = np.flatnonzero(~usable)
    cells = [frame.to_series(layout.find(column.name, "data.features"))[rows] for column in columns]
    ends = accumulate(column.width for column in columns)
    strange = np.column_stack(
        [
            ~np.isfinite(X[rows, end - column.width : end]).all(axis=1) & ~_is_missing(column, found)
            for column, found, end in zip(columns, cells, ends, strict=True)
        ]
    )
    unknown = strange.any(axis=1)
    outcome.unknown += int(unknown.sum())
    outcome.missing += int((~unknown).sum())
    if unknown.any() and not outcome.example:
        first = int(np.argmax(unknown))
        which = int(np.argmax(strange[first]))
        value = shown(str(cells[which][first]))
        outcome.example = f"{columns[which].name} = {value!r} in row {outcome.rows + int(rows[first]) + 1:,}"


def _is_missing(column: Column, cells: pl.Series) -> NDArray[np.bool_]:
    # A number with a decimal comma is taken for a value like any other here: it was read, and is not asked about.
    known, unknown = read_as(column, cells, comma=False)
    return (known.is_null() & ~unknown).to_numpy()


def _free(name: str, taken: Set[str]) -> str:
    """``name``, or ``name_2`` … where that is taken."""
    return next(free for free in chain([name], (f"{name}_{k}" for k in count(2))) if free not in taken)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Whatever polars says against writing, in a sentence."""
    try:
        yield
    except PolarsError as error:
        # In front of the system's own words stand the names of the layers that passed them on.
        reason = str(error).rpartition("IO error: ")[2]
        raise WriteError(f"{printable(str(out))}: cannot be written: {printable(reason)}.") from None


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _write_text(frames: Iterator[pl.DataFrame], file: IO[bytes], delimiter: str, *, comma: bool) -> None:
    head = next(frames)
    for name, kind in head.schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            advice = "write to a file that ends in .parquet"
            raise InputError(f"column {printable(name)} holds {kind}, which CSV cannot; {advice}.")
    head.write_csv(file, separator=delimiter)
    for frame in frames:
        frame.write_csv(file, separator=delimiter, decimal_comma=comma, include_header=False)


def _write_parquet(frames: Iterator[pl.DataFrame], path: Path) -> None:
    # polars writes a frame in one go; only what it reads piece by piece does it write piece by piece.
    head = next(frames)
    register_io_source(lambda *_: frames, schema=head.schema).sink_parquet(path)
