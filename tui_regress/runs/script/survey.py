"""What a script must know of the cells of a table: how those of each column are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from tui_regress.data.cells import MISSING, NEEDS_COMMA, TRUTH, read_cells
from tui_regress.data.dataset import Dataset
from tui_regress.data.reading import Layout, lay_out, scan_parquet, scan_text
from tui_regress.experiment import Column, Table


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one column."""

    raw: str
    """Name of the column, as in the file."""
    name: str
    """As it is shown."""
    column: Column
    """How they are read."""
    dtype: pl.DataType
    """String, for the columns of a text."""
    missing: tuple[str, ...]
    """What they hold, spaces aside, where there is no value."""
    spaces: bool
    """Whether some begin or end with one."""
    capitals: bool
    """Whether some are not in lower case."""
    comma: bool
    """Whether some have a decimal comma, or points between thousands."""
    points: bool
    """Whether some have a point."""
    truth: bool
    """Whether all are true or false."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A table's file, and those of its columns that are used."""

    layout: Layout
    features: tuple[Cells, ...]
    target: Cells
    one: str | float | None
    """The value of the target that is the class 1; None where the target is a number as it stands."""

    @property
    def used(self) -> tuple[Cells, ...]:
        """The features, and last the target."""
        return *self.features, self.target


def survey(table: Table, dataset: Dataset) -> Survey:
    """Look through the columns of ``table`` that ``dataset`` was made of. Raises ExperimentError."""
    layout = lay_out(Path(table.path))
    return _survey(layout, table.target, dataset.columns, dataset.labels, layout.source.file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _survey(
    layout: Layout, target: str, columns: tuple[Column, ...], labels: tuple[str, str] | None, _modified: int
) -> Survey:
    indices = [*(layout.find(column.name, "data.features") for column in columns), layout.find(target, "data.target")]
    found = _look(layout, indices, [*columns, Column(target)])
    if labels is None:
        return Survey(layout, tuple(found[:-1]), found[-1], TRUTH[1] if found[-1].truth else None)
    return Survey(layout, tuple(found[:-1]), found[-1], _one(layout, indices[-1], labels[1]))


def _look(layout: Layout, indices: Sequence[int], columns: Sequence[Column]) -> list[Cells]:
    cells = _as_texts(layout, indices)
    signs = []
    for number in range(len(indices)):
        text = pl.col(str(number)).fill_null("")
        bare = text.str.strip_chars()
        signs += [
            bare.filter(bare.is_in(MISSING)).unique().sort().implode().alias(f"{number} missing"),
            (text != bare).any().alias(f"{number} spaces"),
            (bare != bare.str.to_lowercase()).any().alias(f"{number} capitals"),
            bare.str.contains(NEEDS_COMMA).any().alias(f"{number} comma"),
            bare.str.contains(".", literal=True).any().alias(f"{number} points"),
            bare.str.to_lowercase().is_in((*TRUTH, *MISSING)).all().alias(f"{number} truth"),
        ]
    signs_of = cells.select(signs).collect().row(0, named=True)
    return [
        Cells(
            layout.raw_names[index],
            layout.names[index],
            column,
            dtype,
            tuple(signs_of[f"{number} missing"]),
            signs_of[f"{number} spaces"],
            signs_of[f"{number} capitals"],
            layout.comma and signs_of[f"{number} comma"],
            signs_of[f"{number} points"],
            signs_of[f"{number} truth"],
        )
        for number, (index, column, dtype) in enumerate(zip(indices, columns, _dtypes(layout, indices), strict=True))
    ]


def _as_texts(layout: Layout, indices: Sequence[int]) -> pl.LazyFrame:
    """The cells of some columns as they are written, called 0, 1, 2, …."""
    source = layout.source
    frame = scan_parquet(layout) if source.is_parquet else scan_text(layout, infer_schema=False, missing=())
    return frame.select(pl.nth(index).cast(pl.String).alias(str(number)) for number, index in enumerate(indices))


def _dtypes(layout: Layout, indices: Sequence[int]) -> list[pl.DataType]:
    if not layout.source.is_parquet:
        return [pl.String()] * len(indices)
    dtypes = scan_parquet(layout).collect_schema().dtypes()
    return [dtypes[index] for index in indices]


def _one(layout: Layout, target: int, label: str) -> str | float:
    """The value of the target that ``label`` stands for."""
    values = _as_texts(layout, [target]).select(pl.nth(0).unique()).collect().to_series()
    found: list[str | float] = read_cells(values, comma=layout.comma).values.drop_nulls().unique().to_list()
    shown = {value if isinstance(value, str) else f"{value:.15g}": value for value in found}
    return shown[label]
