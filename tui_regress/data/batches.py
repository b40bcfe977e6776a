"""A table in batches, each as it is in the file and as a model reads it: however long, in bounded memory."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from tui_regress.data import dialect
from tui_regress.data.cells import read_cells
from tui_regress.data.dataset import FloatArray
from tui_regress.data.features import matrix, may_have_comma, needs_comma, read_as
from tui_regress.data.progress import Progress, silent
from tui_regress.data.reading import (
    Layout,
    explained,
    lay_out,
    misshapen,
    recoded,
    scan_parquet,
    told,
)
from tui_regress.data.sources import wrong
from tui_regress.experiment import Column

_BLOCK = 2**23
"""Bytes of text in a batch, about."""
_CELLS = 1_000_000
"""Of a Parquet file in a batch."""


class TableBatches:
    """The rows of a table in order, as often as it is iterated over: pairs of a frame, as in the file, and X.

    The frame of a text holds text; lines without a character are left out, if there are several columns. X has shape
    (m, d), d the width of all columns together; a value that is missing is filled in as the column says, or nan; one
    that the model does not know is nan.
    """

    def __init__(self, path: Path, columns: Sequence[Column], progress: Progress = silent) -> None:
        """Find the ``columns`` of a model in the table at ``path``.

        A text is read through once, so that what is wrong with it is told here and not in its midst. Raises
        ExperimentError.
        """
        self._columns = columns
        self._layout = lay_out(path)
        self._commas = [False] * len(columns)
        self._indices = self._find()
        if not self._layout.source.is_parquet:
            try:
                self._look_through(progress)
            except UnicodeDecodeError:
                self._layout = recoded(self._layout)
                self._indices = self._find()
                self._look_through(progress)

    @property
    def comma(self) -> bool:
        """Whether numbers of the table have a decimal comma: those of the model, or others in its first rows."""
        if any(comma and not column.values for column, comma in zip(self._columns, self._commas, strict=True)):
            return True
        first = next(_read(self._layout, silent), pl.DataFrame())
        return any(
            needs_comma(self._layout, cells) and read_cells(cells, comma=True).kind == "number" for cells in first
        )

    @property
    def schema(self) -> pl.Schema:
        """The columns of the frames, by the names that are shown, and their types."""
        if self._layout.source.is_parquet:
            types: list[pl.DataType] = scan_parquet(self._layout).collect_schema().dtypes()
        else:
            types = [pl.String()] * len(self._layout.names)
        return pl.Schema(zip(self._layout.names, types, strict=True))

    def __iter__(self) -> Iterator[tuple[pl.DataFrame, FloatArray]]:
        """Read the table. Raises ExperimentError where it has changed and can be read no more."""
        for frame in _read(self._layout, silent):
            yield frame, self._features(frame)

    def _find(self) -> list[int]:
        return [self._layout.find(column.name, "data.features") for column in self._columns]

    def _look_through(self, progress: Progress) -> None:
        """Find the columns with decimal commas; no single batch could tell what 1.234 means."""
        needed, possible = [False] * len(self._columns), [True] * len(self._columns)
        for frame in _read(self._layout, progress):
            for position, (column, index) in enumerate(zip(self._columns, self._indices, strict=True)):
                found = frame.to_series(index)
                needed[position] |= needs_comma(self._layout, found)
                possible[position] &= may_have_comma(column, self._layout, found)
        self._commas = [need or may for need, may in zip(needed, possible, strict=True)]

    def _features(self, frame: pl.DataFrame) -> FloatArray:
        known, gaps = list[pl.Series](), list[pl.Series]()
        for column, index, comma in zip(self._columns, self._indices, self._commas, strict=True):
            read, unknown = read_as(column, frame.to_series(index), comma=comma)
            known.append(read.alias(column.name))
            gaps.append(read.is_null() & ~unknown)
        X = matrix(self._columns, pl.DataFrame(known))
        first = 0
        for column, missing in zip(self._columns, gaps, strict=True):
            if column.fill:
                X[missing.to_numpy(), first : first + column.width] = column.fill
            first += column.width
        return X


def _read(layout: Layout, progress: Progress) -> Iterator[pl.DataFrame]:
    """Read a table in batches under the names that are shown, in bounded memory: a text as text, cell by cell.

    Raises ExperimentError; UnicodeDecodeError where the text is not UTF-8, and is to be recoded.
    """
    with explained(layout.source.path):
        if layout.source.is_parquet:
            rows = max(1, _CELLS // len(layout.names))
            for batch in told(layout, scan_parquet(layout).collect_batches(chunk_size=rows), progress):
                batch.columns = list(layout.names)
                yield batch
            return
        try:
            yield from told(layout, _blocks_of_text(layout), progress)
        except (csv.Error, PolarsError):
            raise wrong(layout.source.path, misshapen(layout)) from None


def _blocks_of_text(layout: Layout) -> Iterator[pl.DataFrame]:
    # polars would read this in batches too, but far ahead of them: half a gigabyte where this takes a tenth of it.
    header = layout.delimiter.join(map(str, range(len(layout.names)))) + layout.line_end
    with layout.source.open_bytes() as file:
        file.seek(layout.begin)
        for block in dialect.blocks(file, layout.line_end, _BLOCK):
            frame = pl.read_csv(
                header.encode() + block,
                separator=layout.delimiter,
                eol_char=layout.line_end,
                infer_schema=False,
            )
            frame.columns = list(layout.names)
            if not (rows := _without_blank_lines(frame, block, layout.line_end)).is_empty():
                yield rows


def _without_blank_lines(frame: pl.DataFrame, block: bytes, line_end: str) -> pl.DataFrame:
    """Leave out the lines of ``block`` without a character; in a single column, they are rows without a value."""
    if frame.width == 1 or not frame[:, 0].null_count():
        return frame
    lines = re.sub(rb'"[^"]*"', b'""', block).split(line_end.encode())
    return frame.filter(pl.Series([line.rstrip(b"\r") != b"" for line in lines[: frame.height]]))
