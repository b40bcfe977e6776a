"""How a table file is laid out, and its columns as polars reads them; what they mean is for tables.py.

Text is UTF-8, UTF-16 with its byte order mark, or otherwise Windows-1252; quoted fields may hold separators and line
breaks. How the rows are written is found out from the first of them (dialect.py), but a .tsv is separated by tabs. A
row shorter than the others misses values, a longer one is an error, and blank ones do not count.
"""

import csv
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from tui_regress.data import dialect
from tui_regress.data.cells import MISSING
from tui_regress.data.parquet import is_sound
from tui_regress.data.progress import Progress, paced, silent
from tui_regress.data.sources import STANDARD_INPUT, Source, in_utf8, located, wrong
from tui_regress.problems import ExperimentError
from tui_regress.text import printable

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
KINDS = ".csv, .tsv, .txt, each also as .gz, or .parquet"
_SAMPLE = 2**16
"""Characters that say how a text is written."""
MOST_COLUMNS = 100_000
"""A table of more is hardly one: reading it would take minutes and gigabytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What there is to know about a file before its rows are read."""

    source: Source
    raw_names: tuple[str, ...]
    """Of the columns, as in the file."""
    names: tuple[str, ...]
    """Of the columns: safe to print, unique, none empty."""
    header: bool = True
    delimiter: str = ","
    line_end: str = "\n"
    blank_rows: int = 0
    """Before the first row that says something."""
    begin: int = 0
    """Bytes of a text before its first row of data."""
    rows: float = 0
    """About how many there are."""

    @property
    def comma(self) -> bool:
        """Whether numbers may have a decimal comma."""
        return not self.source.is_parquet and self.delimiter != ","

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the file was taken."""
        encoding = self.source.encoding
        taken = {
            f"The text is not UTF-8: it was read as {encoding}.": encoding != "UTF-8",
            "The first row holds values, not names: it is taken as data, and the columns are numbered.": (
                not self.header
            ),
        }
        return tuple(sentence for sentence, said in taken.items() if said)

    def find(self, name: str, key: str) -> int:
        """Where column ``name`` is, written as shown or as in the file; ExperimentError about ``key`` if nowhere."""
        for names in (self.names, self.raw_names):
            if name in names:
                return names.index(name)
        near = get_close_matches(name, self.names, 3)
        advice = f"did you mean {' or '.join(near)}?" if near else f"it has: {listed(self.names)}."
        raise ExperimentError(key, name, f"is not a column of {self.source.label}; {advice}")


def is_table(path: Path) -> bool:
    """Whether the file's name says that it is a table, which standard input always is."""
    return path == STANDARD_INPUT or path.name.lower().endswith(SUFFIXES)


def listed(names: Sequence[str], limit: int = 12) -> str:
    """Join names as ``a, b, c``: the first ``limit`` of them, and how many there are."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names):,} in all)"


def unique(raw_names: Sequence[str]) -> tuple[str, ...]:
    """Make each name safe to print; a column without a name is called column_3, a second ``a`` a_2."""
    wanted = [printable(name.strip()) or f"column_{number}" for number, name in enumerate(raw_names, 1)]
    taken = set(wanted)
    names = dict[str, None]()
    repeats = dict[str, int]()
    for name in wanted:
        candidate = name
        while candidate in names or (candidate != name and candidate in taken):
            repeats[name] = repeats.get(name, 1) + 1
            candidate = f"{name}_{repeats[name]}"
        names[candidate] = None
    return tuple(names)


def lay_out(path: Path) -> Layout:
    """Find out the columns of a file and how to read it. Raises ExperimentError."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise wrong(path, "has a name that is not UTF-8; rename the file.") from None
    if not is_table(path) and path.is_file():
        raise wrong(path, f"is not a table by its name, which should end in {KINDS}.")
    with explained(path):
        source = located(path)
        if source.is_parquet:
            return _lay_out_parquet(source)
        try:
            return _lay_out_text(source)
        except UnicodeDecodeError:
            return _lay_out_text(in_utf8(source, "Windows-1252"))


def read(
    layout: Layout,
    only: Sequence[int] | None = None,
    *,
    rows: int | None = None,
    as_text: Sequence[int] = (),
    progress: Progress = silent,
) -> tuple[Layout, pl.DataFrame]:
    """Read all columns or ``only`` some, all rows or the first ``rows``, under the names that are shown.

    Of a text the columns ``as_text`` stay texts. The layout returned is another one where the text turned out not to
    be UTF-8. Raises ExperimentError.
    """
    chosen = pl.all() if only is None else pl.nth(*only)
    with explained(layout.source.path):
        if layout.source.is_parquet:
            frame = _collected(layout, scan_parquet(layout).select(chosen), rows, progress)
        else:
            try:
                frame = _read_text(layout, chosen, rows, as_text, progress)
            except UnicodeDecodeError:
                return read(recoded(layout), only, rows=rows, as_text=as_text, progress=progress)
    names = layout.names if only is None else [layout.names[index] for index in only]
    if frame.width != len(names):
        raise wrong(layout.source.path, misshapen(layout))
    frame.columns = list(names)
    return layout, frame


def recoded(layout: Layout) -> Layout:
    """Lay out a text anew that is not UTF-8 after all. Raises ExperimentError."""
    with explained(layout.source.path):
        return _lay_out_text(in_utf8(layout.source, "Windows-1252"))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Every way in which reading can fail, in a sentence."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut off"
        raise wrong(path, f"cannot be read: {printable(reason)}.") from None
    except (csv.Error, PolarsError, PanicException) as error:
        first = str(error).strip().partition("\n")[0]
        raise wrong(path, f"cannot be read as a table: {printable(first)}.") from None


def _lay_out_parquet(source: Source) -> Layout:
    if not is_sound(source.file):
        raise wrong(source.path, "cannot be read as Parquet; it may be damaged or cut off.")
    raw_names = tuple(pl.read_parquet_schema(source.file))
    _check_columns(source, len(raw_names))
    rows = pl.scan_parquet(source.file, glob=False).select(pl.len()).collect().item()
    return Layout(source, raw_names, unique(raw_names), rows=rows)


def _lay_out_text(source: Source) -> Layout:
    with source.open() as file:
        sample = file.read(_SAMPLE)
    if "\0" in sample:
        hint = "is not text, since it holds zero bytes; UTF-16 needs its byte order mark at the beginning."
        raise wrong(source.path, hint)
    line_end = dialect.line_end(sample)
    bytes_of_a_row = len(sample.encode()) / max(1, sample.count(line_end))
    if len(sample) < _SAMPLE:
        sample += line_end  # and so no row of it is cut off
    if dialect.has_blanks_between_columns(sample):
        raise wrong(source.path, "has blanks between its columns; separate them by commas, semicolons or tabs.")
    is_tsv = source.path.name.lower().endswith((".tsv", ".tsv.gz"))
    delimiter = "\t" if is_tsv else dialect.delimiter(sample)
    blank_rows, first, before, after = _first_row(source, delimiter)
    _check_columns(source, len(first))
    below = list(dialect.rows(sample, delimiter))[1:]
    header = dialect.is_header(first, below, comma=delimiter != ",")
    raw_names = tuple(first) if header else tuple(f"column_{number}" for number in range(1, len(first) + 1))
    begin = after if header else before
    rows = source.size / bytes_of_a_row
    return Layout(source, raw_names, unique(raw_names), header, delimiter, line_end, blank_rows, begin, rows)


def _check_columns(source: Source, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise wrong(source.path, f"has {columns:,} columns; a table may have {MOST_COLUMNS:,}.")


def _first_row(source: Source, delimiter: str) -> tuple[int, list[str], int, int]:
    """The blank rows before the first one that says something, that row, and the bytes before and after it."""
    before = after = len(BOM_UTF8) if source.start(len(BOM_UTF8)) == BOM_UTF8 else 0

    def lines() -> Iterator[str]:
        nonlocal after
        for line in file:
            after += len(line.encode())
            yield line

    with source.open() as file:
        for blank_rows, row in enumerate(csv.reader(lines(), delimiter=delimiter)):
            if dialect.says_something(row):
                return blank_rows, row, before, after
            before = after
    raise wrong(source.path, "is empty.")


def _read_text(
    layout: Layout, chosen: pl.Expr, rows: int | None, as_text: Sequence[int], progress: Progress
) -> pl.DataFrame:
    for scan in _scans(layout, as_text):
        try:
            return without_blank_rows(_collected(layout, scan.select(chosen), rows, progress))
        except PolarsError:
            continue
    raise wrong(layout.source.path, misshapen(layout))


def _scans(layout: Layout, as_text: Sequence[int]) -> Iterator[pl.LazyFrame]:
    """Ways to read a text, the fastest first; each fails where a cell is not what the first rows promised."""
    plain, marked = (scan_text(layout, infer_schema=True, missing=cells, as_text=as_text) for cells in ((), MISSING))
    with suppress(PolarsError):  # which the next of them tells
        if plain.collect_schema() == marked.collect_schema():
            yield plain  # to compare each cell with all that stands for a missing value takes half as long again
    yield marked
    yield scan_text(layout, infer_schema=False)  # text holds any cell


def without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows without any value: polars takes a blank line for one."""
    rows = _says_nothing(frame.to_series(0)).arg_true()
    for column in frame[:, 1:]:
        if rows.is_empty():
            break
        rows = rows.filter(_says_nothing(column[rows]))
    if rows.is_empty():
        return frame
    return frame.filter(~pl.int_range(frame.height, dtype=pl.get_index_type(), eager=True).is_in(rows.implode()))


def _says_nothing(column: pl.Series) -> pl.Series:
    found = column.is_null()
    if column.dtype == pl.String:
        found |= column.is_in(MISSING)
    return found | column.is_nan() if column.dtype == pl.Float64 else found


def _collected(layout: Layout, scan: pl.LazyFrame, rows: int | None, progress: Progress) -> pl.DataFrame:
    if rows is not None:
        return scan.head(rows).collect()
    batches = list(told(layout, scan.collect_batches(), progress))
    return pl.concat(batches, rechunk=False) if batches else pl.DataFrame(schema=scan.collect_schema())


def told(layout: Layout, batches: Iterator[pl.DataFrame], progress: Progress) -> Iterator[pl.DataFrame]:
    """Pass the batches of a whole table on, and say which share of it has been read."""
    what, done, tell = f"Reading {layout.source.label}", 0, paced(progress)
    tell(what, 0.0)
    for batch in batches:
        done += batch.height
        tell(what, min(1.0, done / max(layout.rows, 1)))
        yield batch


def scan_parquet(layout: Layout) -> pl.LazyFrame:
    """The columns of a Parquet file, under its own names."""
    return pl.scan_parquet(layout.source.file, glob=False)


def scan_text(
    layout: Layout, *, infer_schema: bool, missing: Sequence[str] = MISSING, as_text: Sequence[int] = ()
) -> pl.LazyFrame:
    """The columns of a text: of the types that the first 1,000 rows show, or as text; cells ``missing`` are null."""
    scan = partial(
        pl.scan_csv,
        layout.source.file,
        has_header=layout.header,
        separator=layout.delimiter,
        eol_char=layout.line_end,
        skip_lines=layout.blank_rows,
        null_values=list(missing),
        infer_schema=infer_schema,
        infer_schema_length=1000,
        glob=False,
    )
    if not as_text:
        return scan()
    names = scan().collect_schema().names()  # what polars calls them, which repeated names change
    return scan(schema_overrides={names[index]: pl.String for index in as_text})


def misshapen(layout: Layout) -> str:
    """Say why polars could not read a text file, found out by reading it again row by row.

    Raises UnicodeDecodeError where it is not UTF-8.
    """
    width = len(layout.names)
    whose = "header" if layout.header else "first row"
    try:
        for first, _, row in _numbered(layout, strict=False):
            if len(row) > width and dialect.says_something(row):
                return f"line {first:,} has {len(row):,} values where the {whose} has {width:,}."
    except csv.Error:
        pass  # a cell without end: the strict reader says where it begins
    line = 1
    try:
        for _, following, _ in _numbered(layout, strict=True):
            line = following
    except csv.Error:
        return f"in line {line:,} a quotation mark is not closed, or not doubled within quotes."
    return "cannot be read as a table; is a quotation mark not closed, or not doubled within quotes?"


def _numbered(layout: Layout, *, strict: bool) -> Iterator[tuple[int, int, list[str]]]:
    """The rows of a text, each with the numbers of its first line and of the one after it. Raises csv.Error."""
    with layout.source.open() as file:
        rows = csv.reader(file, delimiter=layout.delimiter, strict=strict)
        first = 1
        for row in rows:
            yield first, rows.line_num + 1, row
            first = rows.line_num + 1
