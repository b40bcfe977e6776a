"""Reading a table in a few lines, made for this very file."""

from tui_regress.data.dataset import Dataset
from tui_regress.experiment import Table
from tui_regress.runs.script import csv_file, parquet_file
from tui_regress.runs.script.survey import survey
from tui_regress.runs.script.writing import Page, sequence


def read(table: Table, dataset: Dataset, page: Page) -> list[str]:
    """Write lines that read X, shape (n, d), and y, shape (n,).

    Returns lines for ``fill``, what is to stand where X is nan because a value is missing; none where that is never.
    Raises ExperimentError where the file cannot be read.
    """
    found = survey(table, dataset)
    gaps = table.missing == "mean" and any(cells.missing for cells in found.features)
    write = parquet_file.read if found.layout.source.is_parquet else csv_file.read
    page.section(f"Data: {found.layout.source.label}", *write(found, gaps=gaps))
    if not gaps:
        return []
    if not table.columns:
        return ["fill = np.nanmean(X, axis=0)"]
    return sequence((repr(value) for column in dataset.columns for value in column.fill), "fill = np.array(", ")")
