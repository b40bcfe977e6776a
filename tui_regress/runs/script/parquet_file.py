"""Reading a Parquet file with polars."""

import polars as pl

from tui_regress.data.sources import STANDARD_INPUT
from tui_regress.runs.script.survey import Cells, Survey
from tui_regress.runs.script.writing import listing, text

_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def read(found: Survey, *, gaps: bool) -> list[str]:
    """Lines that read X and y."""
    path = found.layout.source.path
    file = "io.BytesIO(sys.stdin.buffer.read())" if path == STANDARD_INPUT else text(str(path))
    columns = [*(column for cells in found.features for column in _features(cells)), _target(found)]
    lines = [
        f"table = pl.read_parquet({file})",
        *listing(columns, "columns = "),
        "data = np.column_stack([column.cast(pl.Float64).to_numpy() for column in columns])",
    ]
    if gaps and found.target.missing:
        lines.append("data = data[~np.isnan(data[:, -1])]  # rows with a target")
    elif not gaps and any(cells.missing for cells in found.used):
        lines.append("data = data[~np.isnan(data).any(axis=1)]  # rows without a missing value")
    return [*lines, "X, y = data[:, :-1], data[:, -1]"]


def _features(cells: Cells) -> list[str]:
    """Expressions for the columns that a column becomes."""
    if not cells.column.values or cells.dtype == pl.Boolean:
        return [_bare(cells)]
    return [f"{_bare(cells)} == {text(value)}" for value in cells.column.values[1:]]


def _target(found: Survey) -> str:
    if found.one is None or (isinstance(found.one, str) and found.target.dtype == pl.Boolean):
        return _bare(found.target)
    one = found.one if isinstance(found.one, float) else text(found.one)
    column = _bare(found.target)
    if isinstance(found.one, float) and found.target.dtype in _TEXTS:
        column += ".cast(pl.Float64)"
    return f"{column} == {one}"


def _bare(cells: Cells) -> str:
    """The column, null where a value is missing, its texts as their values are written."""
    column = f"table[{text(cells.raw)}]"
    if cells.dtype not in _TEXTS:
        return column
    if cells.dtype != pl.String:
        column += ".cast(pl.String)"
    if cells.spaces:
        column += ".str.strip_chars()"
    if cells.truth and cells.capitals:
        column += ".str.to_lowercase()"
    # A null looks like an empty text in the survey, and stays one when that is replaced.
    return f"{column}.replace({_nothing(cells)})" if cells.missing else column


def _nothing(cells: Cells) -> str:
    return f"{{{', '.join(f'{text(token)}: None' for token in cells.missing)}}}"
