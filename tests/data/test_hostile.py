"""Tables that mean no good: a correct load or one clear sentence, and what is printed never acts on the terminal."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import LoadTable, load_file
from tui_regress.data import Dataset, reading
from tui_regress.data.batches import TableBatches
from tui_regress.data.columns import survey
from tui_regress.data.opening import open_experiment
from tui_regress.data.reading import lay_out
from tui_regress.experiment import Column, Logistic, Training
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable

EVIL = st.text(st.sampled_from("\x1b[31m\x07\r\n\x00\u202e\u2028\ufeff\x9b;,\"'[red]{}%\\a1é😀"), max_size=12)


def printed(dataset: Dataset) -> Iterator[str]:
    yield from (*dataset.feature_names, dataset.target_name, *dataset.notes)
    yield from (column.name for column in dataset.columns)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(EVIL, min_size=3, max_size=3),
    values=st.lists(EVIL, min_size=4, max_size=4, unique=True),
    missing=st.sampled_from(["drop", "mean"]),
)
def test_nothing_that_is_printed_acts_on_the_terminal(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], values: list[str], missing: str
) -> None:
    path = tmp_path_factory.mktemp("evil") / "\x1b[31m[b]t.csv"
    text = io.StringIO()
    rows = [(row, values[row % 4], values[row % 2], row * row) for row in range(12)]
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["x", *names], *rows])
    path.write_bytes(text.getvalue().encode())
    for target, model in ((3, None), (2, Logistic())):
        try:
            infos = survey(path)
            shown = [word for info in infos for word in (info.name, *info.values)]
            experiment = open_experiment(str(path), infos[target].name, [info.name for info in infos[:2]])
            shown += [experiment.name, experiment.title, experiment.about]
            training = Training(validation=0.2)
            dataset = load_file(path, infos[target].name, (infos[1].name, "x"), model, training, missing=missing)
            shown += printed(dataset)
            for frame, X in TableBatches(path, dataset.columns):
                shown += frame.columns
                assert len(X) == 12
        except InputError as error:
            shown = [str(error)]
        assert [word for word in shown if word != printable(word, 2000)] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("quotes.csv", '"x","a ""quoted""\n name","y"\n"1","b, ""c""\nd","2"\n3,"e\n\nf",4\n'),
        ("crlf.csv", 'x,a,y\r\n1,"b\r\nc",2\r\n3,d,4\r\n'),
        ("mac.csv", "x,a,y\r1,b,2\r3,d,4\r"),
        ("bom.csv", "\ufeffx,a,y\n1,b,2\n3,d,4\n"),
        ("markup.csv", "x,[bold red]a[/],y\n1,[link=x]b[/link],2\n3,~$(rm),4\n"),
        ("duplicates.csv", "x,x,y\n1,b,2\n3,d,4\n"),
        ("empty-header.csv", "x,,y\n1,b,2\n3,d,4\n"),
    ],
)
def test_hostile_layouts_load_correctly(load_table: LoadTable, name: str, content: str) -> None:
    dataset = load_table(content, name=name)
    assert dataset.feature_names[0] == "x"
    assert dataset.X.tolist() == [[1.0, 0.0], [3.0, 1.0]]
    assert dataset.y.tolist() == [2.0, 4.0]


def test_duplicate_and_empty_headers_can_be_named(load_table: LoadTable) -> None:
    content = "a,,a,,y\n1,2,3,4,5\n5,6,7,9,9\n"
    dataset = load_table(content)
    assert dataset.feature_names == ("a", "column_2", "a_2", "column_4")
    assert load_table(content, features=("a_2", "column_4")).X.tolist() == [[3.0, 4.0], [7.0, 9.0]]


def test_ten_thousand_columns_of_text_are_told_in_one_sentence(load_table: LoadTable) -> None:
    rows = [[*(f"c{column}" for column in range(10_000)), "y"]]
    rows += [[*[f"t{row}"] * 10_000, str(row)] for row in range(4)]
    with pytest.raises(ExperimentError) as caught:
        load_table("\n".join(map(",".join, rows)))
    assert len(str(caught.value)) < 600
    assert "(10,000 in all); name any of c0, c1, c2, c3, … (10,000 in all) in features" in str(caught.value)


def test_ten_thousand_columns_are_surveyed(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    rows = [[f"c{column}" for column in range(10_000)], *([str(row)] * 10_000 for row in range(3))]
    path.write_text("\n".join(map(",".join, rows)))
    infos = survey(path)
    assert len(infos) == 10_000
    assert {(info.kind, info.mean) for info in infos} == {("number", 1.0)}


@pytest.mark.parametrize("value", ["1e400", "-1e400", "inf", "-Infinity"])
def test_a_number_beyond_float64_is_told_with_its_row(load_table: LoadTable, value: str) -> None:
    with pytest.raises(ExperimentError, match=r"data\.features = 'x': is infinite in row 3; correct the value"):
        load_table(f"x,y\n1,1\n2,2\n{value},3\n")


@pytest.mark.parametrize("value", ["NaN", "nan", "NAN", "-nan", "NA", "n/a", "#N/A", "null", "?", "<NA>"])
def test_a_text_for_no_number_is_a_missing_value(load_table: LoadTable, value: str) -> None:
    dataset = load_table(f"x,y\n1,1\n2,2\n{value},3\n")
    assert dataset.X.ravel().tolist() == [1.0, 2.0]
    assert dataset.dropped_rows == 1


@pytest.mark.parametrize("value", [2**63, 2**64 + 1, -(2**127), 2**127, 10**60])
def test_huge_whole_numbers_are_numbers(load_table: LoadTable, value: int) -> None:
    dataset = load_table(f"x,y\n{value},1\n2,2\n3,3\n")
    assert dataset.X.ravel().tolist() == [float(value), 2.0, 3.0]


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_no_or_one_row_opens_but_does_not_load(tmp_path: Path, rows: int, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    frame = pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}).head(rows)
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    assert [info.rows for info in survey(path)] == [rows, rows]
    with pytest.raises(ExperimentError, match="of data; at least two are needed"):
        load_file(path)
    assert sum(len(X) for _, X in TableBatches(path, [Column("x")])) == rows


def test_columns_without_any_value_are_left_out_or_refused(load_table: LoadTable) -> None:
    content = "a,b,x,y\n,NA,1,1\n,?,2,2\n"
    assert load_table(content).notes == ("Left out: a (no value), b (no value).",)
    with pytest.raises(ExperimentError, match="'b': holds no value"):
        load_table(content, features=("b",))
    with pytest.raises(ExperimentError, match="'a': holds no value"):
        load_table(content, target="a")


def test_a_cell_of_a_megabyte_is_a_text_like_any_other(load_table: LoadTable) -> None:
    dataset = load_table("x,a,y\n1," + "b" * 1_000_000 + ",2\n3,c,4\n")
    assert np.all(dataset.X == [[1.0, 0.0], [3.0, 1.0]])
    assert len(dataset.feature_names[1]) < 50


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_of_too_many_columns_is_refused_before_it_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_COLUMNS", 3)
    frame, path = pl.DataFrame({letter: [1, 2] for letter in "abcy"}), tmp_path / name
    if name.endswith("csv"):
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    with pytest.raises(ExperimentError, match="has 4 columns; a table may have 3"):
        lay_out(path)
