"""What the columns of a table hold, for a person who is to choose among them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from tui_regress.data.cells import Cells, count_values, read_cells
from tui_regress.data.dataset import FloatArray
from tui_regress.data.features import counts_rows, shown
from tui_regress.data.progress import Progress, paced, silent
from tui_regress.data.reading import lay_out, read

_BINS = 10
"""Of a histogram, and values of a text that are shown."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column in short."""

    name: str
    """Safe to print."""
    kind: Literal["number", "two values", "text", "dates", "empty", "other"]
    """Two values: of text, or true and false; two numbers are numbers."""
    gaps: int
    """Which rows have no value: their bits, the first row's the lowest, are 1."""
    rows: int
    distinct: int | None
    """Different values; None where they were not counted."""
    low: float | None
    """Of the finite numbers; None where there are none."""
    high: float | None
    mean: float | None
    histogram: tuple[int, ...]
    """Finite numbers in each of ten parts of low … high, equally wide, or all of them where they are the same; of text
    how often each of ``values`` occurs."""
    values: tuple[str, ...]
    """Of text, safe to print: the ten most frequent; of two values both, in order."""
    flaw: str = ""
    """What keeps a text from being numbers, as the rest of a sentence with "is"; "" where nothing else suggests it."""

    @property
    def missing(self) -> int:
        """Number of rows without a value."""
        return self.gaps.bit_count()

    @property
    def counts_rows(self) -> bool:
        """Whether it is there only to number the rows, and no feature unless it is named."""
        return self.kind == "number" and counts_rows(
            self.name, rows=self.rows, distinct=self.distinct, low=self.low, high=self.high
        )


def survey(path: Path, progress: Progress = silent) -> tuple[ColumnInfo, ...]:
    """Look at all columns of the table at ``path``. Raises ExperimentError."""
    layout, frame = read(lay_out(path), progress=progress)
    tell = paced(progress)
    infos = list[ColumnInfo]()
    for number, column in enumerate(frame):
        tell("Looking at the columns", number / frame.width)
        infos.append(_info(column.name, read_cells(column, comma=layout.comma)))
    return tuple(infos)


def _info(name: str, cells: Cells) -> ColumnInfo:
    rows, gaps = len(cells.values), _gaps(cells.values)
    if cells.kind == "number":
        given = cells.values.drop_nulls()
        numbers = given.filter(given.is_finite()).to_numpy()
        if not len(numbers):
            return ColumnInfo(name, "number", gaps, rows, given.n_unique(), None, None, None, (), ())
        low, high = float(numbers.min()), float(numbers.max())
        mean = float(np.sum(numbers / len(numbers)))  # the sum of large numbers would overflow
        bins = _histogram(numbers, low, high)
        return ColumnInfo(name, "number", gaps, rows, given.n_unique(), low, high, mean, bins, ())
    if cells.kind == "text":
        distinct = count_values(cells.values)
        counted = cells.values.drop_nulls().alias("value").value_counts(name="count")
        frequent = counted.sort(["count", "value"], descending=[True, False]).head(_BINS)
        if distinct == 2:
            frequent = frequent.sort("value")
        values, counts = tuple(map(shown, frequent["value"])), tuple(frequent["count"])
        kind: Literal["two values", "text"] = "two values" if distinct == 2 else "text"
        flaw = cells.flaw.what if cells.flaw else ""
        return ColumnInfo(name, kind, gaps, rows, distinct, None, None, None, counts, values, flaw)
    return ColumnInfo(name, cells.kind, gaps, rows, None, None, None, None, (), ())


def _gaps(values: pl.Series) -> int:
    if not values.null_count():
        return 0
    return int.from_bytes(np.packbits(values.is_null().to_numpy(), bitorder="little").tobytes(), "little")


def _histogram(numbers: FloatArray, low: float, high: float) -> tuple[int, ...]:
    span = high / 2 - low / 2  # halves, because the difference may overflow
    if span == 0:
        return (len(numbers),)
    bins = ((numbers / 2 - low / 2) * (_BINS / span)).astype(np.int64)
    return tuple(np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS).tolist())
