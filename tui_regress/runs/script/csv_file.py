"""Reading a text of rows with the standard library."""

import codecs
from collections.abc import Iterable, Sequence

from tui_regress.data.reading import Layout
from tui_regress.data.sources import STANDARD_INPUT
from tui_regress.runs.script.survey import Cells, Survey
from tui_regress.runs.script.writing import indented, listing, sequence, text

_NAN = {"", "NaN", "nan", "NAN"}
"""Missing cells that ``float(cell or "nan")`` understands."""
_NO_POINTS, _COMMA = '.replace(".", "")', '.replace(",", ".")'
_FEW = 3
"""Features that are written out one by one, though they are read alike."""


def read(found: Survey, *, gaps: bool) -> list[str]:
    """Lines that read X, where it has gaps with nan in them, and y."""
    keys = _keys(found)
    incomplete = [cells for cells in ([found.target] if gaps else found.used) if cells.missing]
    skipped = _skip(incomplete, [keys[cells] for cells in incomplete])
    lines = list[str]()
    if _are_alike(found, gaps=gaps):
        lines += sequence((text(keys[cells]) for cells in found.features), "names = ")
        x = [f"X.append([{_number(found.features[0], 'row[name]', gaps=gaps)} for name in names])"]
    else:
        features = (_feature(cells, f"row[{text(keys[cells])}]", gaps=gaps) for cells in found.features)
        x = listing(features, "X.append(", ")")
    body = [*skipped, *x, f"y.append({_target(found, f'row[{text(keys[found.target])}]')})"]
    lines += [*_helpers(body, found.used), "X, y = [], []", *_rows(found, body)]
    return [*lines, "X, y = np.array(X), np.array(y)"]


def _are_alike(found: Survey, *, gaps: bool) -> bool:
    """Whether the features are many numbers, all read in the same way."""
    ways = {_number(cells, "", gaps=gaps) for cells in found.features}
    texts = any(cells.column.values for cells in found.features)
    return len(found.features) > _FEW and len(ways) == 1 and not texts


def _keys(found: Survey) -> dict[Cells, str]:
    """What the cells of each column are called in a row of csv.DictReader."""
    return {cells: cells.raw if _by_header(found) else cells.name for cells in found.used}


def _by_header(found: Survey) -> bool:
    """Whether the header names the columns that are used, each once."""
    layout = found.layout
    return layout.header and all(layout.raw_names.count(cells.raw) == 1 for cells in found.used)


def _rows(found: Survey, body: Sequence[str]) -> list[str]:
    """Lines that open the file and do ``body`` for each ``row``."""
    layout = found.layout
    options = "" if layout.delimiter == "," else f", delimiter={text(layout.delimiter)}"
    if any("missing" in line for line in body):
        options += ', restval=""'
    lines = ["next(file)  # a blank line"] * layout.blank_rows
    if _by_header(found):
        lines.append(f"for row in csv.DictReader(file{options}):")
    else:
        lines += sequence(map(text, layout.names), "columns = ")
        lines.append(f"rows = csv.DictReader(file, columns{options})")
        if layout.header:
            lines.append("next(rows)  # the header")
        lines.append("for row in rows:")
    return [f"with {_opened(layout)} as file:", *indented([*lines, *indented(body)])]


def _opened(layout: Layout) -> str:
    source = layout.source
    encoding = {"UTF-16": "utf-16", "Windows-1252": "cp1252"}.get(source.encoding, "utf-8")
    if encoding == "utf-8" and source.start(3) == codecs.BOM_UTF8:
        encoding = "utf-8-sig"
    how = f'newline="", encoding="{encoding}"'
    name = "sys.stdin.buffer" if source.path == STANDARD_INPUT else text(str(source.path))
    if source.path.name.lower().endswith(".gz") or source.is_packed:
        return f'gzip.open({name}, "rt", {how})'
    return f"io.TextIOWrapper({name}, {how})" if source.path == STANDARD_INPUT else f"open({name}, {how})"


def _helpers(lines: Sequence[str], used: Iterable[Cells]) -> list[str]:
    """What ``lines`` refer to."""
    helpers = list[str]()
    if any("number(" in line for line in lines):
        helpers += ["def number(cell):", '    return float("nan") if cell.strip() in missing else float(cell)', "", ""]
    if helpers or any("missing" in line for line in lines):
        cells = sorted({cell for cells in used for cell in cells.missing})
        helpers = [f"missing = {{{', '.join(map(text, cells))}}}", *(["", "", *helpers] if helpers else [])]
    return helpers


def _skip(incomplete: Sequence[Cells], keys: Sequence[str]) -> list[str]:
    """Lines that leave a row out where it has no value in one of the columns."""
    if not incomplete:
        return []
    strip = ".strip()" if any(cells.spaces for cells in incomplete) else ""
    empty = not strip and all(cells.missing == ("",) for cells in incomplete)
    one = f"row[{text(keys[0])}]"
    if len(keys) == 1:
        condition = f"not {one}" if empty else f"{one}{strip} in missing"
    else:
        names = f"[{', '.join(map(text, keys))}]"
        every = f"all(row[name] for name in {names})"
        condition = f"not {every}" if empty else f"any(row[name]{strip} in missing for name in {names})"
    return [f"if {condition}:", "    continue  # a value is missing"]


def _feature(cells: Cells, cell: str, *, gaps: bool) -> str:
    """The features that a cell becomes, for a list of them."""
    values = cells.column.values
    if not values:
        return _number(cells, cell, gaps=gaps)
    cell = _bare(cells, cell)
    unless = f"np.nan if {cell} in missing else " if gaps and cells.missing else ""
    if len(values) == 2:
        return f"{unless}float({cell} == {text(values[1])})"
    return f"*({unless}float({cell} == value) for value in [{', '.join(map(text, values[1:]))}])"


def _number(cells: Cells, cell: str, *, gaps: bool) -> str:
    if cells.comma:
        cell += _NO_POINTS + _COMMA if cells.points else _COMMA
    if not gaps or not cells.missing:
        return f"float({cell})"
    if set(cells.missing) <= _NAN and not (cells.spaces and "" in cells.missing):
        return f'float({cell} or "nan")'
    return f"number({cell})"


def _target(found: Survey, cell: str) -> str:
    match found.one:
        case None:
            return _number(found.target, cell, gaps=False)
        case float():
            return f"float({_number(found.target, cell, gaps=False)} == {found.one!r})"
        case str():
            return f"float({_bare(found.target, cell)} == {text(found.one)})"


def _bare(cells: Cells, cell: str) -> str:
    """The text in a cell, as its values are written."""
    lower = ".lower()" if cells.truth and cells.capitals else ""
    return f"{cell}{'.strip()' if cells.spaces else ''}{lower}"
