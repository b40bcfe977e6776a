import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import LoadTable, load_file
from tui_regress.data.tables import preview
from tui_regress.experiment import Column, Linear, Logistic, Table
from tui_regress.problems import ExperimentError

HOUSES = "size,rooms,city,price,sold\n50,2,Rome,1.5,no\n70,3,Oslo,2.5,yes\n90,4,Rome,2.75,yes\n"


def problem(load_table: LoadTable, content: str, target: str = "y", **settings: Any) -> str:
    with pytest.raises(ExperimentError) as caught:
        load_table(content, target, **settings)
    return str(caught.value)


def test_columns_of_numbers_and_of_two_values_are_features(load_table: LoadTable) -> None:
    dataset = load_table(HOUSES, "price")
    assert dataset.feature_names == ("size", "rooms", "city=Rome", "sold=yes")
    assert dataset.X.tolist() == [[50.0, 2.0, 1.0, 0.0], [70.0, 3.0, 0.0, 1.0], [90.0, 4.0, 1.0, 1.0]]
    assert dataset.y.tolist() == [1.5, 2.5, 2.75]
    assert dataset.columns == (
        Column("size"),
        Column("rooms"),
        Column("city", ("Oslo", "Rome")),
        Column("sold", ("no", "yes")),
    )
    assert dataset.notes == ()
    assert dataset.labels is None
    assert dataset.true_parameters is None


def test_named_features_come_in_the_order_they_are_named(load_table: LoadTable) -> None:
    dataset = load_table(HOUSES, "price", features=("rooms", "size"))
    assert dataset.feature_names == ("rooms", "size")
    assert dataset.X.tolist() == [[2.0, 50.0], [3.0, 70.0], [4.0, 90.0]]
    assert dataset.notes == ()


def test_true_and_false_count_as_1_and_0(load_table: LoadTable) -> None:
    dataset = load_table("f,x,y\ntrue,1,false\nFalse,2,TRUE\ntrue,3,true\n")
    assert dataset.feature_names == ("f=true", "x")
    assert dataset.X.tolist() == [[1.0, 1.0], [0.0, 2.0], [1.0, 3.0]]
    assert dataset.y.tolist() == [0.0, 1.0, 1.0]


def test_rows_with_missing_values_are_left_out_and_counted(load_table: LoadTable) -> None:
    rows = ["1,1", "nan,2", ",3", "NA,4", '"",5', " ? ,6", "7,null", "8,N/A", "9,9", "10,NaN", "11,10"]
    dataset = load_table("x,y\n" + "\n".join(rows))
    assert dataset.X.tolist() == [[1.0], [9.0], [11.0]]
    assert dataset.dropped_rows == 8
    assert dataset.notes == ("8 of 11 rows left out: a value is missing.",)


def test_a_value_missing_in_an_unused_column_costs_no_row(load_table: LoadTable) -> None:
    dataset = load_table("x,other,name,y\n1,,a,2\n3,5,,4\n", features=("x",))
    assert dataset.rows == 2
    assert dataset.dropped_rows == 0


def test_column_without_any_value_is_left_out(load_table: LoadTable) -> None:
    dataset = load_table("x,empty,y\n1,,2\n3,NA,4\n")
    assert dataset.feature_names == ("x",)
    assert dataset.notes == ("Left out: empty (no value).",)


@pytest.mark.parametrize(
    ("late", "features", "rows"),
    [
        ("1.5", ("x", "z"), 3002),
        ("1e400x", ("z",), 3002),
        ("?", ("x", "z"), 3001),
        ("9" * 41, ("x", "z"), 3002),
        ("true", ("z",), 3002),
    ],
    ids=["float", "text", "missing", "beyond int128", "boolean among numbers"],
)
def test_type_that_shows_only_after_thousands_of_rows_is_found(
    load_table: LoadTable, late: str, features: tuple[str, ...], rows: int
) -> None:
    dataset = load_table("x,z,y\n" + "1,7,2\n" * 3000 + late + ",8,3\n4,9,5\n")
    assert dataset.feature_names == features
    assert dataset.rows == rows
    assert dataset.X[-1].tolist() == [4.0, 9.0][-len(features) :]


def test_booleans_are_numbers_also_where_another_column_changes_its_type_late(load_table: LoadTable) -> None:
    dataset = load_table("f,x,y\n" + "true,1,2\n" * 3000 + "False,1.5,3\n")
    assert dataset.feature_names == ("f=true", "x")
    assert dataset.X[-2:].tolist() == [[1.0, 1.0], [0.0, 1.5]]


def test_column_whose_first_thousands_of_values_are_missing_is_numeric(load_table: LoadTable) -> None:
    dataset = load_table("x,late,y\n" + "1,,2\n" * 3000 + "3,4.5,5\n6,7,8\n")
    assert dataset.X.tolist() == [[3.0, 4.5], [6.0, 7.0]]
    assert dataset.notes == ("3,000 of 3,002 rows left out: a value is missing.",)


@settings(max_examples=40, deadline=None)
@given(
    columns=st.lists(
        st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-1000, 1000)), min_size=8, max_size=8),
        min_size=2,
        max_size=4,
    )
)
def test_rows_used_are_those_that_numpy_finds_complete(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[float | None]]
) -> None:
    table = np.array([*columns, range(8)], dtype=np.float64).T
    table = table[:, ~np.isnan(table).all(axis=0)]
    complete = table[~np.isnan(table).any(axis=1)]
    path = tmp_path_factory.mktemp("missing") / "t.csv"
    cells = [["" if np.isnan(value) else repr(float(value)) for value in row] for row in table]
    header = ["a"] * (table.shape[1] - 1) + ["y"]
    path.write_text("\n".join(",".join(row) for row in [header, *cells]))
    if len(complete) < 2 or table.shape[1] == 1:
        with pytest.raises(ExperimentError):
            load_file(path)
        return
    dataset = load_file(path)
    np.testing.assert_array_equal(dataset.X, complete[:, :-1])
    np.testing.assert_array_equal(dataset.y, complete[:, -1])
    assert dataset.dropped_rows == 8 - len(complete)


@pytest.mark.parametrize(("no", "yes"), [("no", "yes"), ("[red]", "\x1b[31m"), ("10", "9x")])
def test_two_valued_text_target_becomes_0_and_1_in_sorted_order(load_table: LoadTable, no: str, yes: str) -> None:
    no, yes = sorted((no, yes))
    dataset = load_table(f"x,y\n1,{yes}\n2, {no}\n3,{yes} \n4,\n", model=Logistic())
    assert dataset.y.tolist() == [1.0, 0.0, 1.0]
    assert dataset.labels == (no, yes)
    assert f"1 stands for {yes}, 0 for {no}.".replace("\x1b", "�") in dataset.notes
    assert dataset.dropped_rows == 1


@pytest.mark.parametrize(
    ("values", "y", "labels"),
    [
        (("0", "1", "1"), [0.0, 1.0, 1.0], None),
        (("1.0", "0.0", "1.0"), [1.0, 0.0, 1.0], None),
        (("true", "False", "TRUE"), [1.0, 0.0, 1.0], ("false", "true")),
        (("2", "1", "2"), [1.0, 0.0, 1.0], ("1", "2")),
        (("1000001", "1000002", "1000001"), [0.0, 1.0, 0.0], ("1000001", "1000002")),
        (("-0.5", "10", "-0.5"), [0.0, 1.0, 0.0], ("-0.5", "10")),
    ],
)
def test_two_valued_numeric_target_of_a_logistic_model(
    load_table: LoadTable, values: tuple[str, ...], y: list[float], labels: tuple[str, str] | None
) -> None:
    dataset = load_table("x,y\n" + "".join(f"{row},{value}\n" for row, value in enumerate(values)), model=Logistic())
    assert dataset.y.tolist() == y
    assert dataset.labels == labels


def test_two_valued_numbers_stay_numbers_for_a_linear_model(load_table: LoadTable) -> None:
    dataset = load_table("x,y\n1,2\n2,1\n3,2\n")
    assert dataset.y.tolist() == [2.0, 1.0, 2.0]
    assert dataset.labels is None


def test_missing_column_suggests_the_nearest_names_or_lists_them(load_table: LoadTable) -> None:
    assert problem(load_table, HOUSES, "prize") == (
        "data.target = 'prize': is not a column of table.csv; did you mean price or size?"
    )
    assert problem(load_table, HOUSES, "weight") == (
        "data.target = 'weight': is not a column of table.csv; it has: size, rooms, city, price, sold."
    )
    assert problem(load_table, HOUSES, "price", features=("size", "roms")) == (
        "data.features = 'roms': is not a column of table.csv; did you mean rooms?"
    )
    many = ",".join(f"column {number}" for number in range(50)) + "\n"
    assert problem(load_table, many, "xyz").endswith("column 10, column 11, … (50 in all).")


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (
            ("size", "built"),
            "data.features = 'built': holds no value; a feature must be a column of numbers or of text.",
        ),
        (("size", "price"), "data.features = 'price': is the target; a feature must be another column."),
        (("size", "rooms", "size"), "data.features = 'size': is named twice; name each column once."),
        ((), "data.features = []: must name at least one column."),
    ],
)
def test_wrong_features_are_named(load_table: LoadTable, features: tuple[str, ...], sentence: str) -> None:
    houses = "\n".join(line + (",built" if line.startswith("size") else ",") for line in HOUSES.splitlines())
    assert problem(load_table, houses, "price", features=features) == sentence


def test_table_without_a_feature_says_what_there_is(load_table: LoadTable) -> None:
    assert problem(load_table, "a,b,y\nq,,1\nq,,2\n") == (
        "data.features: besides the target there is only a (text, 1 value), b (no value); "
        "a feature must be a column of numbers or of two values."
    )
    assert problem(load_table, "a,y\nq,1\nr,2\ns,2\n") == (
        "data.features: besides the target there is only a (text, 3 values); "
        "name a in features to have it as one-hot columns."
    )
    assert problem(load_table, "y\n1\n2\n") == (
        "data.features: besides the target there is no other column; "
        "a feature must be a column of numbers or of two values."
    )


@pytest.mark.parametrize(
    ("target", "linear", "logistic"),
    [
        (
            "a b b",
            'holds text, a and b; model.kind = "logistic" tells them apart.',
            None,
        ),
        (
            "a b c",
            "holds text, 3 different values; a linear model needs numbers.",
            "has 3 different values where a logistic model needs two.",
        ),
        (
            "1 2 3",
            None,
            'has 3 different values where a logistic model needs two; for a quantity use model.kind = "linear".',
        ),
        ("7 7 7", *["is 7 in every row that is used; there is nothing to learn from it."] * 2),
        ("a a a", *["is a in every row that is used; there is nothing to learn from it."] * 2),
        ("NA NA NA", *["holds no value; choose a column of numbers or of two classes."] * 2),
    ],
)
def test_target_fits_the_model_or_a_sentence_says_why_not(
    load_table: LoadTable, target: str, linear: str | None, logistic: str | None
) -> None:
    content = "x,y\n" + "".join(f"{row},{value}\n" for row, value in enumerate(target.split()))
    for model, hint in ((Linear(), linear), (Logistic(), logistic)):
        if hint is None:
            assert load_table(content, model=model).rows == 3
        else:
            assert problem(load_table, content, model=model) == f"data.target = 'y': {hint}"


def test_too_few_complete_rows_names_the_emptiest_column(load_table: LoadTable) -> None:
    sentence = problem(load_table, "x,z,y\n1,,1\n2,,2\n,3,3\n4,4,4\n")
    assert sentence.endswith("only one of its rows has a value in every column that is used; z alone misses 2.")
    assert "none of its rows has a value" in problem(load_table, "x,z,y\n1,,1\n,3,3\n")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("x,y\n1,2\n1e400,3\n", "data.features = 'x': is infinite in row 2"),
        ("x,y\n1,2\n\n3,-inf\n", "data.target = 'y': is infinite in row 2"),
        ("x,y\n1,2\n3,\nInfinity,5\n", "data.features = 'x': is infinite in row 3"),
    ],
)
def test_infinite_value_is_an_error_with_its_row(load_table: LoadTable, content: str, where: str) -> None:
    sentence = problem(load_table, content)
    assert sentence == f"{where}; correct the value, or empty the cell to leave the row out."


def test_infinite_value_in_an_unused_column_is_no_error(load_table: LoadTable) -> None:
    assert load_table("x,z,y\n1,inf,2\n3,4,5\n", features=("x",)).rows == 2


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    """A Parquet file with a column of every sort."""
    path = tmp_path / "typed.parquet"
    pl.DataFrame(
        {
            "i8": pl.Series([1, 2, 3], dtype=pl.Int8),
            "u64": pl.Series([1, 2, 2**63], dtype=pl.UInt64),
            "f32": pl.Series([1.5, 2.5, 3.5], dtype=pl.Float32),
            "decimal": [Decimal("1.25"), Decimal("2.50"), Decimal("3.75")],
            "flag": [True, False, True],
            "digits": ["1", "2", "3"],
            "word": ["a", "b", "c"],
            "kind": pl.Series(["p", "q", "p"], dtype=pl.Categorical),
            "rank": pl.Series(["low", "high", "low"], dtype=pl.Enum(["low", "high"])),
            "day": [dt.date(2020, 1, day) for day in (1, 2, 3)],
            "list": [[1], [2], [3]],
            "bytes": [b"1", b"2", b"3"],
            "nothing": [None, None, None],
            "y": [1.0, 2.0, 4.0],
        }
    ).write_parquet(path)
    return path


def test_parquet_types_are_features_when_they_are_numbers_or_two_values(typed: Path) -> None:
    dataset = load_file(typed)
    assert dataset.feature_names == ("i8", "u64", "f32", "decimal", "flag=true", "digits", "kind=q", "rank=low")
    assert dataset.X.tolist() == [
        [1.0, 1.0, 1.5, 1.25, 1.0, 1.0, 0.0, 1.0],
        [2.0, 2.0, 2.5, 2.5, 0.0, 2.0, 1.0, 0.0],
        [3.0, 2.0**63, 3.5, 3.75, 1.0, 3.0, 0.0, 1.0],
    ]
    (note,) = dataset.notes
    left_out = "word (text, 3 values), day (dates or times), list (neither numbers nor text)"
    assert note == (
        f"Left out: {left_out}, bytes (neither numbers nor text), nothing (no value); "
        "name word in features to have it as one-hot columns."
    )


def test_categorical_targets_are_text_in_sorted_order(typed: Path) -> None:
    dataset = load_file(typed, "rank", ("f32",), Logistic())
    assert dataset.labels == ("high", "low")
    assert dataset.y.tolist() == [1.0, 0.0, 1.0]


def test_dates_are_no_target(typed: Path) -> None:
    with pytest.raises(ExperimentError, match=r"'day': holds dates or times; choose a column of numbers"):
        load_file(typed, "day")


@pytest.mark.parametrize(
    ("target", "values"),
    [("flag", ("false", "true")), ("kind", ("p", "q")), ("word", None), ("i8", None)],
)
def test_two_values_are_told_in_order(typed: Path, target: str, values: tuple[str, str] | None) -> None:
    assert preview(Table(str(typed), target)).classes == values


def test_classes_that_begin_alike_are_told_apart_whatever_comes_first(load_table: LoadTable) -> None:
    low, high = "a" * 60 + "1", "a" * 60 + "2"
    for first, second in ((low, high), (high, low)):
        dataset = load_table(f"x,y\n1,{first}\n2,{second}\n3,{high}\n", model=Logistic())
        assert dataset.labels == (low, high)
        assert dataset.y.tolist() == [float(first == high), float(second == high), 1.0]
