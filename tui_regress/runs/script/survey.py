"""What a script must know of the cells of a table: how those of each column are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from tui_regress.data.cells import MISSING, NEEDS_COMMA, NEEDS_POINT, TRUTH, read_cells
from tui_regress.data.dataset import Dataset
from tui_regress.data.reading import Layout, explained, lay_out, scan_parquet, scan_text
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
    """Whether some that are no plain numbers begin or end with one."""
    capitals: bool
    """Whether some texts are not in lower case."""
    comma: bool
    """Whether the decimal mark is a comma, and points stand between thousands."""
    points: bool
    """Whether some have a point."""
    truth: bool
    """Whether they are true or false, in whatever case."""


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
    *features, last = _look(layout, indices, [*columns, Column(target, labels or ())])
    if labels is None:
        one: str | float | None = TRUTH[1] if last.cells.truth else None
    else:
        one = _one(last.odd, labels[1], comma=layout.comma)
    return Survey(layout, tuple(look.cells for look in features), last.cells, one)


@dataclass(frozen=True, slots=True)
class _Look:
    cells: Cells
    odd: pl.Series
    """The different cells, as texts, that are no plain numbers; where the column has values, all of them."""


def _look(layout: Layout, indices: Sequence[int], columns: Sequence[Column]) -> list[_Look]:
    """Look at all cells of some columns, in one pass over the file and in bounded memory."""
    with explained(layout.source.path):
        is_parquet = layout.source.is_parquet
        scan = scan_parquet(layout) if is_parquet else scan_text(layout, infer_schema=False, missing=())
        dtypes = [scan.collect_schema().dtypes()[index] for index in indices]
        signs = [
            sign.alias(f"{number} {name}")
            for number, (index, column, dtype) in enumerate(zip(indices, columns, dtypes, strict=True))
            for name, sign in _signs(index, column, dtype, comma=layout.comma).items()
        ]
        found = scan.select(signs).collect(engine="streaming")
    looks = list[_Look]()
    for number, (index, column, dtype) in enumerate(zip(indices, columns, dtypes, strict=True)):
        odd = found[f"{number} odd"][0]
        comma, points = (layout.comma and found[f"{number} {name}"][0] for name in ("comma", "points"))
        looks.append(_Look(_cells(layout, index, column, dtype, odd, comma=comma, points=points), odd))
    return looks


def _signs(index: int, column: Column, dtype: pl.DataType, *, comma: bool) -> dict[str, pl.Expr]:
    """What to find out about a column, cell by cell; ``comma``: its numbers may have a decimal comma."""
    cell = pl.nth(index) if dtype.is_numeric() or dtype == pl.Boolean else pl.nth(index).cast(pl.String)
    odd = cell
    if not column.values:
        # Texts of numbers can be millions of different ones: they are not gathered.
        odd = odd.filter(_is_no_number(odd.str.replace(",", ".", literal=True) if comma else odd))
        if comma:
            plain = odd.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
            odd = odd.filter(_is_no_number(plain))
    signs = {"odd": odd.unique().cast(pl.String).fill_null("").implode()}
    if comma:
        # Regular expressions are slow, and most cells can do without.
        has_point = cell.str.contains(".", literal=True)
        pointed = cell.filter(has_point)
        is_comma = cell.str.contains(",", literal=True).any() | pointed.str.contains(NEEDS_COMMA).any()
        if column.decimal == ",":
            is_comma |= ~pointed.str.strip_chars().str.contains(NEEDS_POINT).any()
        signs |= {"comma": is_comma, "points": has_point.any()}
    return signs


def _is_no_number(cell: pl.Expr) -> pl.Expr:
    return ~cell.cast(pl.Float64, strict=False).is_finite().fill_null(False)


def _cells(
    layout: Layout, index: int, column: Column, dtype: pl.DataType, odd: pl.Series, *, comma: bool, points: bool
) -> Cells:
    bare = odd.str.strip_chars()
    lower = bare.str.to_lowercase()
    return Cells(
        raw=layout.raw_names[index],
        name=layout.names[index],
        column=column,
        dtype=dtype,
        missing=tuple(bare.filter(bare.is_in(MISSING)).unique().sort()),
        spaces=(odd != bare).any(),
        capitals=(bare != lower).any(),
        comma=comma,
        points=points,
        truth=column.values == TRUTH if column.values else lower.is_in(TRUTH).any(),
    )


def _one(values: pl.Series, label: str, *, comma: bool) -> str | float:
    """Which of the ``values`` of the target it is that ``label`` stands for."""
    found: list[str | float] = read_cells(values, comma=comma).values.drop_nulls().unique().to_list()
    shown = {value if isinstance(value, str) else f"{value:.15g}": value for value in found}
    return shown[label]
