import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_regress.data.columns import ColumnInfo, survey
from tui_regress.problems import ExperimentError


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    path = tmp_path / "typed.parquet"
    pl.DataFrame(
        {
            "number": [1.0, 2.0, None, 11.0, 4.0],
            "pair": [0, 1, 1, 0, 0],
            "flag": [True, False, None, True, True],
            "sex": ["male", "female", "male", "male", "female"],
            "city": ["Rome", " Rome ", "Oslo", "NA", "Bern"],
            "day": [date(2020, 1, 1)] * 5,
            "empty": [None, None, None, None, None],
            "list": [[1]] * 5,
            "infinite": [math.inf, 1.0, -math.inf, 3.0, 2.0],
            "nowhere": [math.inf, None, math.nan, math.inf, math.inf],
            "same": [7, 7, 7, 7, 7],
        }
    ).write_parquet(path)
    return path


def test_each_column_is_told_in_short(typed: Path) -> None:
    infos = {info.name: info for info in survey(typed)}
    assert list(infos) == list(pl.read_parquet_schema(typed))
    assert infos["number"] == ColumnInfo(
        "number", "number", 0b100, 5, 4, 1.0, 11.0, 4.5, (1, 1, 0, 1, 0, 0, 0, 0, 0, 1), ()
    )
    assert infos["pair"] == ColumnInfo("pair", "number", 0, 5, 2, 0.0, 1.0, 0.4, (3, *[0] * 8, 2), ())
    assert infos["flag"] == ColumnInfo("flag", "two values", 0b100, 5, 2, None, None, None, (1, 3), ("false", "true"))
    assert infos["sex"] == ColumnInfo("sex", "two values", 0, 5, 2, None, None, None, (2, 3), ("female", "male"))
    assert infos["city"] == ColumnInfo(
        "city", "text", 0b1000, 5, 3, None, None, None, (2, 1, 1), ("Rome", "Bern", "Oslo")
    )
    assert infos["day"] == ColumnInfo("day", "dates", 0, 5, None, None, None, None, (), ())
    assert infos["empty"] == ColumnInfo("empty", "empty", 0b11111, 5, None, None, None, None, (), ())
    assert infos["list"] == ColumnInfo("list", "other", 0, 5, None, None, None, None, (), ())
    assert (infos["infinite"].low, infos["infinite"].high, infos["infinite"].mean) == (1.0, 3.0, 2.0)
    assert infos["nowhere"] == ColumnInfo("nowhere", "number", 0b110, 5, 1, None, None, None, (), ())
    assert [infos[name].missing for name in ("number", "pair", "nowhere", "empty")] == [1, 0, 2, 5]
    assert infos["same"] == ColumnInfo("same", "number", 0, 5, 1, 7.0, 7.0, 7.0, (5,), ())


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=60))
def test_figures_are_those_of_numpy(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    path = tmp_path_factory.mktemp("numbers") / "t.csv"
    path.write_text("x\n" + "\n".join(map(repr, numbers)))
    (info,) = survey(path)
    values = np.array(numbers)
    assert (info.low, info.high) == (values.min(), values.max())
    assert info.mean == pytest.approx(math.fsum(numbers) / len(numbers), rel=1e-12, abs=1e-12 * np.abs(values).max())
    assert sum(info.histogram) == info.rows == len(numbers)
    assert info.distinct == len(set(numbers))


def test_bins_are_equally_wide(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=1000)
    pl.DataFrame({"x": values}).write_parquet(tmp_path / "t.parquet")
    (info,) = survey(tmp_path / "t.parquet")
    assert info.histogram == tuple(np.histogram(values, 10)[0])


def test_the_largest_numbers_there_are_overflow_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x\n1.7e308\n-1.7e308\n1.7e308\n1.6e308\n5e-324\n")
    (info,) = survey(path)
    assert (info.low, info.high) == (-1.7e308, 1.7e308)
    assert info.mean == pytest.approx(0.66e308)
    assert sum(info.histogram) == 5


def test_of_many_texts_the_ten_most_frequent_are_shown_safely(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"[red]\x1b{value}" for value in range(20) for _ in range(20 - value)]
    path.write_text("the \x1b[31mtext\n" + "\n".join(rows))
    (info,) = survey(path)
    assert (info.name, info.kind, info.distinct) == ("the �[31mtext", "text", 20)
    assert info.values == tuple(f"[red]�{value}" for value in range(10))
    assert info.histogram == tuple(range(20, 10, -1))


def test_decimal_commas_and_the_first_row_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,5;a\n2,5;b\n3,5;c\n")
    assert [(info.kind, info.rows, info.mean) for info in survey(path)] == [("number", 3, 2.5), ("text", 3, None)]


def test_a_table_without_rows_has_empty_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n")
    assert [(info.name, info.kind, info.rows) for info in survey(path)] == [("x", "empty", 0), ("y", "empty", 0)]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="there is no such file"):
        survey(tmp_path / "t.csv")


def test_what_is_done_is_told(typed: Path) -> None:
    told = list[str]()
    survey(typed, lambda what, _: told.append(what))
    assert told == ["Reading typed.parquet", "Looking at the columns"]
