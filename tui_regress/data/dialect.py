"""How a text of rows is written, as its first rows show: the delimiter, the line end, whether names come first.

A delimiter is what splits the rows into equally many cells. The first row holds the names of the columns, unless all
its cells are numbers, or numbers and texts stand where they stand in the rows below.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from tui_regress.data.cells import MISSING, is_number

_DELIMITERS = "\t;|,"
"""The comma last: in a table that is split by another one, it may be the decimal mark of every row."""
_ROWS = 100
"""That are looked at."""
_LONGEST = 2**24
"""Bytes of a row."""


def delimiter(sample: str) -> str:
    """What the cells of the text that begins with ``sample`` are separated by; a comma where there is one column."""
    unquoted = io.StringIO(re.sub(r'"[^"]*"?', "", sample), newline="")
    lines = [line for line in unquoted if line.strip(" \r\n")][:_ROWS]
    if len(lines) > 1 and not lines[-1].endswith(("\r", "\n")):
        del lines[-1]  # which may be cut off
    if not lines:
        return ","
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    splitting = [mark for mark in _DELIMITERS if counts[mark][0]]
    return max(splitting, key=lambda mark: counts[mark].count(counts[mark][0]), default=",")


def has_blanks_between_columns(sample: str) -> bool:
    """Whether only blanks separate the cells: as many in each row, and numbers or nothing below the first, or two."""
    if any(mark in sample for mark in _DELIMITERS):
        return False
    lines = [line.strip() for line in sample.splitlines() if line.strip()][:_ROWS]
    found = [line.split() for line in (lines if sample.endswith(("\r", "\n")) else lines[:-1])]
    below = found[1:]
    if not below or len(found[0]) < 2:
        return False
    columns = {len(re.split(r"\s{2,}", line)) for line in lines[: len(found)]}
    if len(columns) == 1 and columns != {1}:
        return True
    cells = {cell for row in below for cell in row}.difference(MISSING)
    return {len(row) for row in below} == {len(found[0])} and all(is_number(cell, comma=False) for cell in cells)


def line_end(sample: str) -> str:
    r"""``\n``, which stands for ``\r\n`` too, or ``\r`` alone."""
    return "\r" if "\r" in sample and "\n" not in sample else "\n"


def rows(sample: str, mark: str) -> Iterator[list[str]]:
    """The rows at the beginning of a text that say something, as far as they are whole and the delimiter is right."""
    try:
        found = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=mark) if says_something(row)]
    except csv.Error:
        return
    yield from found[:_ROWS] if sample.endswith(("\r", "\n")) else found[: min(_ROWS, len(found) - 1)]


def blocks(file: BinaryIO, end_mark: str, size: int) -> Iterator[bytes]:
    """The rest of a text in UTF-8 in blocks of whole rows: of about ``size`` bytes, or of one row if that is longer.

    Raises csv.Error where a row has no end for many megabytes, which a stray quotation mark does.
    """
    begun = b""
    while more := file.read(size):
        begun += more
        end = _end_of_rows(begun, end_mark.encode())
        if end:
            yield begun[:end]
            begun = begun[end:]
        if len(begun) > max(_LONGEST, size):
            raise csv.Error(f"a row is longer than {_LONGEST:,} bytes")
    if begun:
        yield begun


def _end_of_rows(block: bytes, mark: bytes) -> int:
    """Where the last row of ``block`` that is whole ends: at a line end before which all quotes are closed."""
    end = len(block)
    quotes = block.count(b'"')
    while (found := block.rfind(mark, 0, end)) >= 0:
        quotes -= block.count(b'"', found, end)
        if quotes % 2 == 0:
            return found + 1
        end = found
    return 0


def says_something(row: Sequence[str]) -> bool:
    """Whether a cell of the row is not blank."""
    return any(cell.strip() for cell in row)


def is_header(first: Sequence[str], others: Sequence[Sequence[str]], *, comma: bool) -> bool:
    """Whether the first row names the columns of the ``others``; ``comma``: numbers may have a decimal comma.

    Columns that are called by numbers one after the other, as years are, are named; and so are all but the first where
    the others are called 0, 1, 2, ….
    """
    cells = [cell.strip() for cell in first]
    numbers = [cell for cell in cells if is_number(cell, comma=comma)]
    texts = [cell for cell in cells if cell not in MISSING and cell not in numbers]
    if not numbers:
        return True
    if not texts:
        return cells[0] == "" and numbers[0] == "0" and _count_on(numbers)
    kinds = _kinds(cells, comma=comma)
    return _count_on(numbers) or not others or any(_differ(kinds, _kinds(row, comma=comma)) for row in others)


def _count_on(numbers: Sequence[str]) -> bool:
    try:
        whole = [int(number) for number in numbers]
    except ValueError:
        return False
    return whole == list(range(whole[0], whole[0] + len(whole)))


def _kinds(row: Sequence[str], *, comma: bool) -> list[bool | None]:
    cells = map(str.strip, row)
    return [None if cell in MISSING else is_number(cell, comma=comma) for cell in cells]


def _differ(first: Sequence[bool | None], other: Sequence[bool | None]) -> bool:
    return len(first) != len(other) or any(
        a is not None and b is not None and a != b for a, b in zip(first, other, strict=True)
    )
