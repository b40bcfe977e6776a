import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from tests.data.conftest import LoadTable, load_file
from tui_regress.data import load_dataset
from tui_regress.data.tables import pinned
from tui_regress.experiment import Column, Experiment, Linear, LinearData, Logistic, Table, dumps, loads
from tui_regress.problems import ExperimentError

PEOPLE = """sex,region,born,age,y
male,north,2000-01-01,25,1
female,south,1990-05-05,35,2
male,west,1980-07-07,45,4
female,east,1970-09-09,55,3
male,east,1975-09-09,50,5
"""


def problem(load_table: LoadTable, content: str | bytes, target: str = "y", **settings: Any) -> str:
    with pytest.raises(ExperimentError) as caught:
        load_table(content, target, **settings)
    return str(caught.value)


def test_a_column_of_text_is_offered_and_one_hot_where_it_is_named(load_table: LoadTable) -> None:
    dataset = load_table(PEOPLE)
    assert dataset.feature_names == ("sex=male", "age")
    (note,) = dataset.notes
    assert note == (
        "Left out: region (text, 4 values), born (dates or times); "
        "name region in features to have it as one-hot columns."
    )
    dataset = load_table(PEOPLE, features=("age", "region", "sex"))
    assert dataset.feature_names == ("age", "region=north", "region=south", "region=west", "sex=male")
    assert dataset.X.tolist() == [
        [25.0, 1.0, 0.0, 0.0, 1.0],
        [35.0, 0.0, 1.0, 0.0, 0.0],
        [45.0, 0.0, 0.0, 1.0, 1.0],
        [55.0, 0.0, 0.0, 0.0, 0.0],
        [50.0, 0.0, 0.0, 0.0, 1.0],
    ]
    assert dataset.columns == (
        Column("age"),
        Column("region", ("east", "north", "south", "west")),
        Column("sex", ("female", "male")),
    )
    assert dataset.notes == ("One-hot columns: region (east is 0 in all of them).",)


def test_several_columns_of_text_are_offered_together(load_table: LoadTable) -> None:
    rows = "".join(f"{k},{','.join(f'{name}{k}' for name in 'abcdef')},{k % 3}\n" for k in range(5))
    (note,) = load_table("x,a,b,c,d,e,f,y\n" + rows).notes
    assert note.endswith("; name any of a, b, c, d, … (6 in all) in features to have it as one-hot columns.")


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5).map(lambda text: f"v{text}v"),
        min_size=4,
        max_size=30,
    ).filter(lambda values: len(set(values)) > 1)
)
def test_one_hot_columns_are_those_of_scikit_learn(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    path = tmp_path_factory.mktemp("one-hot") / "t.csv"
    text = io.StringIO()
    csv.writer(text).writerows([("text", "y"), *((value, row) for row, value in enumerate(values))])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    dataset = load_file(path, features=("text",))
    expected = OneHotEncoder(drop="first", sparse_output=False).fit_transform(np.array(values, dtype=object)[:, None])
    np.testing.assert_array_equal(dataset.X, expected)


def test_values_that_only_look_alike_have_columns_of_different_names(load_table: LoadTable) -> None:
    values = ("a", "b\x1b", "b\x07", "b" * 50, "b" * 60)
    content = "text,text=b�,y\n" + "".join(f'"{value}",{row},{row}\n' for row, value in enumerate(values))
    names = load_table(content, features=("text", "text=b�")).feature_names
    assert len(set(names)) == 5
    assert "text=" + "b" * 39 + "…" in names


def test_a_hundred_values_are_the_most(load_table: LoadTable) -> None:
    def content(count: int) -> str:
        return "name,x,y\n" + "".join(f"n{row % count},{row},{row}\n" for row in range(202))

    assert load_table(content(100), features=("name",)).features == 99
    assert problem(load_table, content(101), features=("name",)) == (
        "data.features = 'name': holds 101 different texts; one-hot columns are made of at most 100."
    )
    assert load_table(content(101)).notes == ("Left out: name (text, 101 values).",)


def test_two_numbers_stay_numbers(load_table: LoadTable) -> None:
    dataset = load_table("x,y\n3,1\n7,2\n3,5\n", features=("x",))
    assert (dataset.feature_names, dataset.columns) == (("x",), (Column("x"),))
    assert dataset.X.ravel().tolist() == [3.0, 7.0, 3.0]


def test_a_text_that_is_the_same_in_all_rows_used_is_no_feature(load_table: LoadTable) -> None:
    content = "sex,x,y\nmale,1,2\nmale,2,3\nfemale,,4\n"
    dataset = load_table(content)
    assert dataset.feature_names == ("x",)
    assert dataset.notes[0] == "Left out, because the rows that are used do not differ in it: sex (only male)."
    sentence = "data.features = 'sex': holds only 'male' in the rows that are used; a feature must vary."
    assert problem(load_table, content, features=("sex", "x")) == sentence
    assert problem(load_table, "sex,y\nmale,1\nmale,2\nfemale,\n") == sentence


@pytest.mark.parametrize(
    "values",
    [
        ("2020-01-31", "2020-02-29"),
        ("2020-01-31 10:00", "2020-02-29T23:59:59.5Z"),
        ("31.1.2020", "29.02.20"),
        ("1/31/2020", "2/29/2020"),
        ("2020/1/31", "2020/2/29"),
        ("10:00", "23:59:59"),
    ],
)
def test_dates_are_neither_features_nor_a_target(load_table: LoadTable, values: tuple[str, str]) -> None:
    content = f"day,x,y\n{values[0]},1,2\n{values[1]},2,3\n,3,4\n"
    assert load_table(content).notes[0] == "Left out: day (dates or times)."
    assert problem(load_table, content, features=("day",)) == (
        "data.features = 'day': holds dates or times; a feature must be a column of numbers or of text."
    )
    assert "holds dates or times" in problem(load_table, content, target="day")


@pytest.mark.parametrize("values", [("2020-01-31", "soon"), ("1.2.3", "4.5"), ("12:3", "9:61x")])
def test_what_only_begins_like_a_date_is_text(load_table: LoadTable, values: tuple[str, str]) -> None:
    dataset = load_table(f"day,y\n{values[0]},1\n{values[1]},2\n")
    assert dataset.columns[0].values == tuple(sorted(values))


def test_dropped_columns_are_left_alone(load_table: LoadTable) -> None:
    dataset = load_table(PEOPLE, drop=("age", "region"))
    assert dataset.feature_names == ("sex=male",)
    assert dataset.notes == ("Left out: born (dates or times).",)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"drop": ("age", "ages")}, "data.drop = 'ages': is not a column of table.csv; did you mean age?"),
        ({"drop": ("y",)}, "data.drop = 'y': is the target; leave it out of the list."),
        (
            {"drop": ("age",), "features": ("sex", "age")},
            "data.features = 'age': is in data.drop too; name it in one of the two.",
        ),
    ],
)
def test_wrong_columns_to_drop_are_named(load_table: LoadTable, settings: dict[str, Any], sentence: str) -> None:
    assert problem(load_table, PEOPLE, **settings) == sentence


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("header", "name"), [("", "column_1"), *[(name,) * 2 for name in ("id", "Index", "Unnamed: 0")]]
)
def test_a_column_that_counts_the_rows_is_left_out_unless_it_is_named(
    load_table: LoadTable, header: str, name: str, first: int
) -> None:
    content = f"{header},x,y\n" + "".join(f"{row + first},{row * row},{row}\n" for row in range(5))
    dataset = load_table(content)
    assert dataset.feature_names == ("x",)
    assert dataset.notes == (f"Left out: {name} (row numbers).",)
    assert load_table(content, features=(name,)).feature_names == (name,)
    assert load_table(content, drop=("x",)).feature_names == (name,)


@pytest.mark.parametrize(
    "content", ["a,x,y\n0,5,1\n1,3,2\n2,4,4\n", ",x,y\n0,5,1\n2,3,2\n2,4,4\n", ",x,y\n5,5,1\n6,3,2\n"]
)
def test_any_other_first_column_of_numbers_is_a_feature(load_table: LoadTable, content: str) -> None:
    assert load_table(content).features == 2


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1,5", "2,25"), (1.5, 2.25)),
        (("1.234,5", "-0,5"), (1234.5, -0.5)),
        (("1.234", "1,5"), (1234.0, 1.5)),
        (("1.234.567", "3"), (1234567.0, 3.0)),
        (("+1,5e3", "2,"), (1500.0, 2.0)),
        (("1.234", "2.5"), (1.234, 2.5)),
    ],
)
def test_decimal_commas_are_read_where_the_whole_column_has_them(
    load_table: LoadTable, cells: tuple[str, str], numbers: tuple[float, float]
) -> None:
    dataset = load_table(f"x;y\n{cells[0]};1\n{cells[1]};2\nNA;3\n")
    assert dataset.X.ravel().tolist() == list(numbers)
    with_comma = ("Read with a decimal comma: x.",) if cells != ("1.234", "2.5") else ()
    assert dataset.notes == (*with_comma, "1 of 3 rows left out: a value is missing.")


@pytest.mark.parametrize("cells", [("1,5", "2.5"), ("12.34,5", "1,5"), ("1,2,3", "1,5"), ("1,5", "x")])
def test_a_column_in_which_one_cell_is_no_such_number_is_text(load_table: LoadTable, cells: tuple[str, str]) -> None:
    dataset = load_table(f"x;y\n{cells[0]};1\n{cells[1]};2\n{cells[0]};4\n")
    assert dataset.columns[0].values == tuple(sorted(cells))


def test_a_comma_is_no_decimal_mark_where_it_separates_the_cells(load_table: LoadTable) -> None:
    assert load_table('x,y\n"1,5",1\n"2,5",2\n').columns[0].values == ("1,5", "2,5")


def test_a_target_may_have_a_decimal_comma(load_table: LoadTable) -> None:
    dataset = load_table("x;y\n1;1,5\n2;2,5\n")
    assert dataset.y.tolist() == [1.5, 2.5]
    assert dataset.notes == ("Read with a decimal comma: y.",)


@pytest.fixture
def people(tmp_path: Path) -> Experiment:
    """A model of people that has been fitted."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    experiment = Experiment(data=Table(str(path), "y", ("sex", "region", "age"), missing="mean"))
    return pinned(experiment, load_dataset(experiment))


def test_a_pinned_table_is_saved_and_loads_as_before(people: Experiment) -> None:
    table = people.data
    assert isinstance(table, Table)
    assert table.features == ("sex", "region", "age")
    assert Path(table.path).is_absolute()
    assert [column.values for column in table.columns] == [("female", "male"), ("east", "north", "south", "west"), ()]
    assert table.columns[2].fill == (42.0,)
    assert loads(dumps(people)) == people
    before = load_dataset(people)
    assert pinned(people, before) == people
    assert before.X[:, -1].tolist() == [25.0, 35.0, 45.0, 55.0, 50.0]


def test_a_pinned_table_rules_over_what_another_table_shows(people: Experiment) -> None:
    assert isinstance(people.data, Table)
    path = Path(people.data.path)
    path.write_text("age,region,sex,y\n20,north,male,1\n,west,male,2\n30,,?,3\n40,north,male,\n")
    dataset = load_dataset(people)
    assert dataset.feature_names == ("sex=male", "region=north", "region=south", "region=west", "age")
    assert dataset.X.tolist() == [
        [1.0, 1.0, 0.0, 0.0, 20.0],
        [1.0, 0.0, 0.0, 1.0, 42.0],
        [0.6, 0.2, 0.2, 0.2, 30.0],
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            "20,no\x1b,male,1",
            "data.features = 'region': is 'no�' in row 2; to the model it must be one of east, north, south, west.",
        ),
        ("old,north,male,1", "data.features = 'age': is 'old' in row 2; to the model it must be a number."),
    ],
)
def test_a_value_that_a_fitted_model_does_not_know_is_an_error(people: Experiment, row: str, sentence: str) -> None:
    assert isinstance(people.data, Table)
    Path(people.data.path).write_text(f"age,region,sex,y\n20,north,male,1\n{row}\n")
    with pytest.raises(ExperimentError) as caught:
        load_dataset(people)
    assert str(caught.value) == sentence


def test_features_that_differ_from_the_pinned_columns_are_an_error(people: Experiment) -> None:
    assert isinstance(people.data, Table)
    settings = {name: getattr(people.data, name) for name in people.data.__struct_fields__}
    with pytest.raises(ExperimentError, match=r"must be sex, region, age, which data\.columns says how to read"):
        load_dataset(Experiment(data=Table(**settings | {"features": ("age",)})))
    wrong = (Column("sex", ("male",)), *people.data.columns[1:])
    with pytest.raises(ExperimentError, match=r"data\.columns: must have two values at least, or none.*; sex has not"):
        load_dataset(Experiment(data=Table(**settings | {"columns": wrong})))


def test_pinned_classes_number_the_target_and_other_values_are_an_error(load_table: LoadTable) -> None:
    content = "x,y\n1,no\n2,yes\n3,no\n"
    dataset = load_table(content, model=Logistic(), classes=("yes", "no"))
    assert dataset.y.tolist() == [1.0, 0.0, 1.0]
    assert dataset.labels == ("yes", "no")
    assert problem(load_table, content, model=Logistic(), classes=("no", "maybe")) == (
        "data.target = 'y': is 'yes' in row 2; to the model it must be no or maybe."
    )
    assert load_table("x,y\n1,5\n2,7\n3,\n", model=Logistic(), classes=("5", "7")).y.tolist() == [0.0, 1.0]
    assert load_table("x,y\n1,5\n2,7\n3,6\n", model=Linear(), classes=("5", "7")).y.tolist() == [5.0, 7.0, 6.0]


def test_an_experiment_without_a_table_has_nothing_to_pin() -> None:
    experiment = Experiment(data=LinearData())
    assert pinned(experiment, load_dataset(experiment)) is experiment


@pytest.mark.parametrize("model", [Linear(), Logistic()])
@pytest.mark.parametrize(
    "content",
    [
        # a value and a class that only rows without a size have
        "region,size,y\nnorth,1,1\nsouth,2,0\nwest,,2\nnorth,3,1\n",
        # a column that is constant once rows are left out, with gaps of its own
        "sex,size,y\nmale,1,1\nmale,2,0\nfemale,,1\n,4,1\n",
    ],
)
def test_a_table_loads_again_as_it_was_fitted(tmp_path: Path, model: Linear | Logistic, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    named = ("region", "size") if content.startswith("region") else None
    experiment = Experiment(data=Table(str(path), "y", named), model=model)
    dataset = load_dataset(experiment)
    again = load_dataset(pinned(experiment, dataset))
    np.testing.assert_array_equal(again.X, dataset.X)
    np.testing.assert_array_equal(again.y, dataset.y)
    assert dataset.rows == 3


def test_a_column_read_with_a_decimal_comma_is_pinned_as_such(load_table: LoadTable) -> None:
    columns = load_table("a;b;y\n1.234,5;1.5;1\n2,5;2.5;2\n").columns
    assert columns == (Column("a", decimal=","), Column("b"))
    dataset = load_table("a;b;y\n1.234;1.234;1\n2.000;2;2\n", columns=columns)
    assert dataset.X[:, 1].tolist() == [1.234, 2.0]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_training_again_reads_a_pinned_decimal_comma_where_the_cells_leave_it_open(tmp_path: Path, name: str) -> None:
    path, mark = tmp_path / name, "\t" if name.endswith(".tsv") else ";"
    path.write_text("a;b;a;y\n1,5;1;1.234;1\n2.345,5;2;2.345;2\n3;3;3;3\n".replace(";", mark))
    experiment = Experiment(data=Table(str(path), "y"))
    kept = pinned(experiment, load_dataset(experiment))
    path.write_text("a;b;a;y\n1.234;1;1.234;1\n2.345;2;2.345;2\n3.456;3;3;3\n".replace(";", mark))
    assert load_dataset(kept).X.tolist() == [[1234.0, 1.0, 1.234], [2345.0, 2.0, 2.345], [3456.0, 3.0, 3.0]]
    path.write_text("a;b;a;y\n1.5;1;1.234;1\n2.345;2;2.345;2\n".replace(";", mark))
    assert load_dataset(kept).X.tolist() == [[1.5, 1.0, 1.234], [2.345, 2.0, 2.345]]


def test_a_pinned_decimal_comma_means_nothing_where_the_comma_separates_the_cells(load_table: LoadTable) -> None:
    columns = (Column("a", decimal=","),)
    assert load_table("a,y\n1.234,1\n2.345,2\n", columns=columns).X.tolist() == [[1.234], [2.345]]
