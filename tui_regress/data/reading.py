"""How a table file is laid out, and its columns as polars reads them; what they mean is for tables.py.

Text is UTF-8, and quoted fields may hold separators and line breaks. The first row is the header, unless all its cells
are numbers: then it is data, and the columns are called column_1, column_2, …. A .tsv is separated by tabs, a .csv or
.txt by whichever of comma, semicolon and tab its first line has most of. A row shorter than the others misses values.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

import polars as pl
from polars.exceptions import PanicException, PolarsError

from tui_regress.problems import ExperimentError
from tui_regress.text import printable

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
KINDS = ".csv, .tsv, .txt, each also as .gz, or .parquet"

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?")
"""Cells that say that there is no value."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What there is to know about a file before its rows are read."""

    path: Path
    raw_names: tuple[str, ...]
    """Of the columns, as in the file."""
    names: tuple[str, ...]
    """Of the columns: safe to print, unique, none empty."""
    header: bool = True
    delimiter: str = ","
    line_end: str = "\n"
    blank_rows: int = 0
    """Before the first row that says something."""

    def find(self, name: str, key: str) -> int:
        """Where column ``name`` is, written as shown or as in the file; ExperimentError about ``key`` if nowhere."""
        for names in (self.names, self.raw_names):
            if name in names:
                return names.index(name)
        near = get_close_matches(name, self.names, 3)
        advice = f"did you mean {' or '.join(near)}?" if near else f"it has: {listed(self.names)}."
        raise ExperimentError(key, name, f"is not a column of {printable(self.path.name)}; {advice}")


def is_table(path: Path) -> bool:
    """Whether the file's name says that it is a table."""
    return path.name.lower().endswith(SUFFIXES)


def listed(names: Sequence[str], limit: int = 12) -> str:
    """Join names as ``a, b, c``: the first ``limit`` of them, and how many there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names):,} in all)"


def wrong(path: Path, hint: str) -> ExperimentError:
    """Return the error that says what is wrong with a file; of a long path the end is shown, where the name is."""
    shown = str(path)
    return ExperimentError("data.path", shown if len(shown) <= 56 else "…" + shown[-55:], hint)


def lay_out(path: Path) -> Layout:
    """Find out the columns of a file and how to read it. Raises ExperimentError."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise wrong(path, "has a name that is not UTF-8; rename the file.") from None
    with _told(path):
        if not path.exists():
            raise wrong(path, "there is no such file.")
        if path.is_dir():
            raise wrong(path, "is a folder; name a file in it.")
        if not is_table(path):
            raise wrong(path, f"is not a table by its name, which should end in {KINDS}.")
        return _lay_out_parquet(path) if _is_parquet(path) else _lay_out_text(path)


def read(layout: Layout, only: int | None = None) -> pl.DataFrame:
    """Read all columns, or ``only`` one, under the names that are shown. Raises ExperimentError."""
    chosen = pl.all() if only is None else pl.nth(only)
    with _told(layout.path):
        if _is_parquet(layout.path):
            frame = pl.scan_parquet(layout.path, glob=False).select(chosen).collect()
        else:
            frame = _read_text(layout, chosen)
        names = layout.names if only is None else layout.names[only : only + 1]
        if frame.width != len(names):
            raise wrong(layout.path, _misshapen(layout))
    frame.columns = list(names)
    return frame


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Every way in which reading can fail, in a sentence."""
    try:
        yield
    except UnicodeDecodeError:
        raise wrong(path, "is not text in UTF-8; save it in that encoding.") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut off"
        raise wrong(path, f"cannot be read: {printable(reason)}.") from None
    except (csv.Error, PolarsError, PanicException) as error:
        what = "Parquet; it may be damaged or cut off" if _is_parquet(path) else f"a table: {printable(str(error))}"
        raise wrong(path, f"cannot be read as {what}.") from None


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(".parquet")


def _lay_out_parquet(path: Path) -> Layout:
    raw_names = tuple(pl.read_parquet_schema(path))
    return Layout(path, raw_names, _unique(raw_names))


def _lay_out_text(path: Path) -> Layout:
    with _open(path) as file:
        sample = file.read(2**16)
    unquoted = io.StringIO(re.sub(r'"[^"]*"?', "", sample), newline="")
    first = next((line for line in unquoted if line.strip(" \r\n")), "")
    delimiter = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else max(",;\t", key=first.count)
    line_end = "\r" if first.endswith("\r") and "\n" not in sample else "\n"
    with _open(path) as file:
        rows = enumerate(csv.reader(file, delimiter=delimiter))
        blank_rows, row = next(((number, row) for number, row in rows if _says_something(row)), (0, None))
    if row is None:
        raise wrong(path, "is empty.")
    header = not _all_numbers(row)
    raw_names = tuple(row) if header else tuple(f"column_{number}" for number in range(1, len(row) + 1))
    return Layout(path, raw_names, _unique(raw_names), header, delimiter, line_end, blank_rows)


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _says_something(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _all_numbers(row: Sequence[str]) -> bool:
    cells = [cell for cell in map(str.strip, row) if cell not in MISSING]
    try:
        return [float(cell) for cell in cells] != []
    except ValueError:
        return False


def _unique(raw_names: Sequence[str]) -> tuple[str, ...]:
    """Make each name safe to print; a column without a name is called column_3, a second ``a`` a_2."""
    wanted = [printable(name.strip()) or f"column_{number}" for number, name in enumerate(raw_names, 1)]
    taken = set(wanted)
    names = dict[str, None]()
    repeats = dict[str, int]()
    for name in wanted:
        unique = name
        while unique in names or (unique != name and unique in taken):
            repeats[name] = repeats.get(name, 1) + 1
            unique = f"{name}_{repeats[name]}"
        names[unique] = None
    return tuple(names)


def _read_text(layout: Layout, chosen: pl.Expr) -> pl.DataFrame:
    try:
        try:
            frame = _scan(layout, infer_schema=True).select(chosen).collect()
        except PolarsError:
            # The first rows promised another type than a later one has; text holds any of them.
            frame = _scan(layout, infer_schema=False).select(chosen).collect()
    except PolarsError:
        raise wrong(layout.path, _misshapen(layout)) from None
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))  # polars takes a blank line for a row


def _scan(layout: Layout, *, infer_schema: bool) -> pl.LazyFrame:
    return pl.scan_csv(
        layout.path,
        has_header=layout.header,
        separator=layout.delimiter,
        eol_char=layout.line_end,
        skip_lines=layout.blank_rows,
        null_values=list(MISSING),
        infer_schema=infer_schema,
        infer_schema_length=1000,
        glob=False,
    )


def _misshapen(layout: Layout) -> str:
    """Say why polars could not read a text file, found out by reading it again row by row."""
    width = len(layout.names)
    with _open(layout.path) as file:
        rows = filter(_says_something, csv.reader(file, delimiter=layout.delimiter))
        for number, row in enumerate(rows, 0 if layout.header else 1):
            if len(row) > width:
                whose = "header" if layout.header else "first row"
                return f"row {number:,} has {len(row):,} values where the {whose} has {width:,}."
    return "cannot be read as a table; is a quotation mark not closed, or not doubled within quotes?"
