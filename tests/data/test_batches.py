import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.conftest import load_file
from tui_regress.data import batches, dialect, load_dataset
from tui_regress.data.batches import TableBatches
from tui_regress.data.dataset import FloatArray
from tui_regress.data.tables import pinned
from tui_regress.experiment import Column, Experiment, Table
from tui_regress.problems import ExperimentError

CITY = Column("city", ("Bern", "Oslo", "Rome"))


def stacked(table: TableBatches) -> tuple[pl.DataFrame, FloatArray]:
    pairs = list(table)
    assert all(len(frame) == len(X) for frame, X in pairs)
    return pl.concat([frame for frame, _ in pairs]), np.concatenate([X for _, X in pairs])


def test_batches_of_a_model_are_the_rows_it_was_fitted_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BLOCK", 400)
    monkeypatch.setattr(batches, "_CELLS", 40)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "a": rng.normal(size=50),
            "city": rng.choice(["Bern", "Oslo", "Rome"], 50),
            "flag": rng.random(50) < 0.5,
            "y": rng.normal(size=50),
        }
    )
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    for path in (tmp_path / "t.csv", tmp_path / "t.parquet"):
        experiment = Experiment(data=Table(str(path), "y", ("a", "city", "flag")))
        dataset = load_dataset(experiment)
        table = TableBatches(path, dataset.columns)
        assert len(list(table)) >= 5
        whole, X = stacked(table)
        np.testing.assert_array_equal(X, dataset.X)
        assert whole.schema == table.schema
        assert whole.columns == frame.columns
    assert whole.equals(frame)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("block", [1, 7, 64, 10_000])
def test_rows_are_whole_however_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line_end: str, packed: bool, block: int
) -> None:
    monkeypatch.setattr(batches, "_BLOCK", block)
    lines = ["", "x,note", *(f'{row},"a, ""{row}""{line_end}{line_end}é"' for row in range(30)), "", "30", "31,b"]
    content = ("\ufeff" + line_end.join(lines)).encode()
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    frame, X = stacked(TableBatches(path, [Column("x")]))
    assert X.ravel().tolist() == list(range(32))
    assert frame["note"].to_list() == [*(f'a, "{row}"{line_end}{line_end}é' for row in range(30)), None, "b"]


def test_rows_without_a_header_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\ufeff1,2\n3,4\n")
    assert stacked(TableBatches(path, [Column("column_1")]))[1].ravel().tolist() == [1.0, 3.0]


def test_the_frame_of_a_text_holds_every_cell_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('x,note\n1.50,007\n\n2, padded \n3,NA\n4,"a, ""b""\nc"\n')
    frame, X = stacked(TableBatches(path, [Column("x")]))
    assert frame.rows() == [("1.50", "007"), ("2", " padded "), ("3", "NA"), ("4", 'a, "b"\nc')]
    assert X.tolist() == [[1.5], [2.0], [3.0], [4.0]]


def test_missing_values_are_filled_as_the_columns_say_and_unknown_ones_never(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,city\n1,Rome\n,Oslo\nNA,?\nmany,Bern\n5,Paris\n")
    _, X = stacked(TableBatches(path, [Column("x"), CITY]))
    nan = np.nan
    np.testing.assert_array_equal(X, [[1, 0, 1], [nan, 1, 0], [nan, nan, nan], [nan, 0, 0], [5, nan, nan]])
    fills = [Column("x", fill=(7.0,)), Column("city", CITY.values, (0.25, 0.5))]
    _, X = stacked(TableBatches(path, fills))
    np.testing.assert_array_equal(X, [[1, 0, 1], [7, 1, 0], [7, 0.25, 0.5], [nan, 0, 0], [5, nan, nan]])


def test_a_decimal_comma_in_one_batch_rules_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BLOCK", 4)
    path = tmp_path / "t.csv"
    path.write_text("x;y\n1.234;1.234\n2;2\n1.234,5;3\n")
    _, X = stacked(TableBatches(path, [Column("x"), Column("y")]))
    assert X.tolist() == [[1234.0, 1.234], [2.0, 2.0], [1234.5, 3.0]]
    np.testing.assert_array_equal(X[:, :1], load_file(path, features=("x",)).X)


def test_true_and_false_are_known_in_any_case_and_from_any_file(tmp_path: Path) -> None:
    flag = [Column("flag", ("false", "true"))]
    (tmp_path / "t.csv").write_text("flag\nTrue\nFALSE\ntrue\n1\n")
    np.testing.assert_array_equal(stacked(TableBatches(tmp_path / "t.csv", flag))[1], [[1], [0], [1], [np.nan]])
    pl.DataFrame({"flag": [True, False, None]}).write_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(stacked(TableBatches(tmp_path / "t.parquet", flag))[1], [[1], [0], [np.nan]])


def test_what_is_no_number_in_a_parquet_file_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [[1], None], "b": [b"1", None]}).write_parquet(path)
    _, X = stacked(TableBatches(path, [Column("x", fill=(7.0,)), Column("b", fill=(8.0,))]))
    np.testing.assert_array_equal(X, [[np.nan, np.nan], [7, 8]])


def test_it_can_be_iterated_over_again(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x\n1\n2\n")
    table = TableBatches(path, [Column("x")])
    assert [X.tolist() for _, X in table] == [X.tolist() for _, X in table] == [[[1.0], [2.0]]]


def test_a_table_without_rows_has_no_batches_but_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n")
    table = TableBatches(path, [Column("x")])
    assert list(table) == []
    assert table.schema == {"x": pl.String, "y": pl.String}


def test_a_late_byte_that_is_not_utf8_is_found_before_the_first_batch(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("é,x\n".encode() + b"a,1\n" * 100_000 + b"caf\xe9,2\n")
    table = TableBatches(path, [Column("x")])
    frame, X = stacked(table)
    assert frame.columns == ["Ã©", "x"]
    assert frame["Ã©"][-1] == "café"
    assert X.sum() == 100_002


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x,y\n1,2\n3,4,5\n", "line 3 has 3 values where the header has 2"),
        ('x,y\n1,"2\n3,4\n', "in line 2 a quotation mark is not closed"),
        ("y,z\n1,2\n", "data.features = 'x': is not a column of t.csv"),
    ],
)
def test_what_is_wrong_is_told_before_the_first_batch(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(ExperimentError, match=sentence):
        TableBatches(path, [Column("x")])


def test_a_file_that_becomes_worse_meanwhile_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n")
    table = TableBatches(path, [Column("x")])
    path.write_text("x,y\n1,2\n3,4,5\n")
    with pytest.raises(ExperimentError, match="line 3 has 3 values"):
        list(table)


def test_a_pinned_experiment_brings_the_columns_along(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,city,y\n1,Rome,1\n,Oslo,2\n5,Bern,3\n")
    experiment = Experiment(data=Table(str(path), "y", ("city", "x"), missing="mean"))
    dataset = load_dataset(experiment)
    table = pinned(experiment, dataset).data
    assert isinstance(table, Table)
    np.testing.assert_array_equal(stacked(TableBatches(path, table.columns))[1], dataset.X)


def test_the_model_knows_the_decimal_mark_where_the_table_leaves_it_open(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    columns = [Column("x", decimal=","), Column("y")]
    path.write_text("x;y\n1.234;1.234\n2.000;2\n")
    table = TableBatches(path, columns)
    assert stacked(table)[1].tolist() == [[1234.0, 1.234], [2000.0, 2.0]]
    assert table.comma
    path.write_text("x;y\n1.234;1\n2.5;2\n")
    table = TableBatches(path, columns)
    assert stacked(table)[1].tolist() == [[1.234, 1.0], [2.5, 2.0]]
    assert not table.comma


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_only_lines_without_a_character_are_left_out(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "t.csv"
    lines = ["x,note", "1,a", ",", "", f'2,"{line_end}{line_end},"', ",", "", "3,b", ""]
    path.write_bytes(line_end.join(lines).encode())
    np.testing.assert_array_equal(stacked(TableBatches(path, [Column("x")]))[1].ravel(), [1, np.nan, 2, np.nan, 3])
    path.write_bytes(line_end.join(["x", "1", "", "3", ""]).encode())
    np.testing.assert_array_equal(stacked(TableBatches(path, [Column("x")]))[1].ravel(), [1, np.nan, 3])


def test_a_stray_quotation_mark_is_given_up_after_some_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_BLOCK", 1000)
    monkeypatch.setattr(dialect, "_LONGEST", 10_000)
    seen = list[int]()
    counted = dialect._end_of_rows

    def end_of_rows(block: bytes, mark: bytes) -> int:
        seen.append(len(block))
        return counted(block, mark)

    monkeypatch.setattr(dialect, "_end_of_rows", end_of_rows)
    path = tmp_path / "t.csv"
    path.write_text("x,note\n" + "1,a\n" * 20_000 + '2,"a\n' + "3,b\n" * 50_000)
    with pytest.raises(ExperimentError, match=r"in line 20,002 a quotation mark is not closed"):
        TableBatches(path, [Column("x")])
    assert max(seen) <= 12_000
