"""Columns nobody surveyed, and a survey that waits until it is told to answer."""

import threading
from pathlib import Path

from tui_regress.data.columns import ColumnInfo

ROWS = 20_640


def first_rows(count: int) -> int:
    """The first ``count`` rows, as bits."""
    return (1 << count) - 1


def number(
    name: str, low: float, high: float, histogram: tuple[int, ...] = (), *, missing: int = 0, distinct: int = 5000
) -> ColumnInfo:
    mean = (low + high) / 2
    return ColumnInfo(name, "number", first_rows(missing), ROWS, distinct, low, high, mean, histogram, ())


def text(name: str, distinct: int, values: tuple[str, ...], *, missing: int = 0) -> ColumnInfo:
    counts = tuple(9000 // k for k in range(1, len(values) + 1))
    return ColumnInfo(
        name,
        "two values" if distinct == 2 else "text",
        first_rows(missing),
        ROWS,
        distinct,
        None,
        None,
        None,
        counts,
        values,
    )


HOUSES = (
    number("column_1", 0, ROWS - 1, (2064,) * 10, distinct=ROWS),
    number("longitude", -124.35, -114.31, (50, 300, 2200, 2900, 1200, 400, 6000, 3000, 1400, 120)),
    number("age", 1, 52, (500, 900, 2400, 2100, 2500, 3600, 2300, 2200, 1500, 1900), distinct=52),
    number("bedrooms", 1, 6445, (15800, 3900, 600, 190, 60, 20, 12, 4, 2, 1), missing=207),
    number("population_of_the_whole_block_group", 3, 35682, (19300, 1200, 100, 20, 8, 2, 1, 0, 1, 1)),
    number("median_income", 0.4999, 15.0001, (1500, 7000, 7300, 3100, 1100, 350, 150, 60, 30, 50), missing=12345),
    text("near_water", 2, ("no", "yes"), missing=3),
    text("shore", 5, ("INLAND", "<1H OCEAN", "NEAR OCEAN", "NEAR BAY", "ISLAND")),
    text("[red]street[/red] �[31m", 19_800, ("Main St 1", "Main St 2", "Elm 4", "Oak 12")),
    ColumnInfo("sold", "dates", 0, ROWS, 900, None, None, None, (), ()),
    ColumnInfo("remarks", "empty", first_rows(ROWS), ROWS, 0, None, None, None, (), ()),
    number("tiny", 1.234e-9, 9.87e-7, (9, 8, 7, 6, 5, 4, 3, 2, 1, 1)),
    number("价格（万元）", 14.999, 500.001, (800, 2600, 3100, 3900, 2900, 2400, 1500, 1000, 600, 1800)),
)
NAMES = tuple(info.name for info in HOUSES)


class Survey:
    """What data.columns.survey is replaced by."""

    def __init__(self, columns: tuple[ColumnInfo, ...] = HOUSES, *, patient: bool = False) -> None:
        self.columns = columns
        self.answer = threading.Event()
        """With ``patient``, to be set before there are columns."""
        self.ended = threading.Event()
        if not patient:
            self.answer.set()

    def __call__(self, _path: Path, progress: object) -> tuple[ColumnInfo, ...]:
        assert callable(progress)
        try:
            progress("Reading rows", 0.43)
            while not self.answer.wait(0.05):
                progress("Reading rows", 0.43)
            return self.columns
        finally:
            self.ended.set()
