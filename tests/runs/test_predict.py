"""Predictions beside the rows of a table: their numbers, what passes through, what is left empty, memory."""

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tui_regress import open_table, train
from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import save_model
from tui_regress.experiment import Column, Device, Experiment, Linear, Logistic, Model, Points, Table, dumps
from tui_regress.problems import ExperimentError, InputError
from tui_regress.runs.predict import Outcome, predict
from tui_regress.runs.store import Store

AREA, ROOMS = Column("area"), Column("rooms")
CITY = Column("city", ("Bern", "Oslo", "Rome"))


def table(*columns: Column, classes: tuple[str, str] | None = None) -> Table:
    return Table("fitted.csv", "rent", tuple(column.name for column in columns), columns=columns, classes=classes)


@pytest.fixture
def files(tmp_path: Path) -> "Files":
    return Files(tmp_path)


class Files:
    """A folder with a saved model and tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model.pt"
        self.out = folder / "out.csv"
        self.progress: list[tuple[str, float | None]] = []

    def save(self, data: Table | Points, theta: list[float], model: Model = Linear()) -> None:  # noqa: B008 (frozen)
        """The model with the bias last, written as torch and a person would."""
        state = {"weight": torch.tensor([theta[:-1]], dtype=torch.float64), "bias": torch.tensor(theta[-1:]).double()}
        torch.save(state, self.model)
        experiment = Experiment(data=data, model=model, device=Device(dtype="float64"))
        self.model.with_suffix(".toml").write_text(dumps(experiment), encoding="utf-8")

    def write(self, content: str | Mapping[str, Any], name: str = "in.csv") -> Path:
        path = self.folder / name
        if isinstance(content, str):
            path.write_bytes(content.encode())
        else:
            pl.DataFrame(content).write_parquet(path)
        return path

    def predict(self, content: str | Mapping[str, Any], name: str = "in.csv", out: str = "out.csv") -> Outcome:
        self.out = self.folder / out
        return predict(self.model, self.write(content, name), self.out, lambda *told: self.progress.append(told))

    def lines(self) -> list[str]:
        return self.out.read_text(encoding="utf-8").splitlines()


def test_a_linear_model_predicts_what_its_parameters_say(files: Files) -> None:
    files.save(table(AREA, ROOMS), [0.1, -2 / 3, 7.0])
    X = np.random.default_rng(0).normal(size=(50, 2))
    outcome = files.predict({"rooms": X[:, 1], "other": ["a"] * 50, "area": X[:, 0]}, "in.parquet", "out.parquet")
    written = pl.read_parquet(files.out)
    assert written.columns == ["rooms", "other", "area", "prediction"]
    np.testing.assert_allclose(written["prediction"].to_numpy(), X @ [0.1, -2 / 3] + 7.0, rtol=1e-14)
    assert outcome.sentence == "50 rows predicted."


def test_a_logistic_model_gives_the_class_by_its_name_and_the_probability_of_class_1(files: Files) -> None:
    files.save(table(AREA, classes=("cheap", "dear")), [1.0, 0.0], Logistic())
    files.predict("area\n-2\n0\n2\n1000\n-1000\n")
    assert files.lines()[0] == "area,prediction,probability"
    written = pl.read_csv(files.out)
    assert written["prediction"].to_list() == ["cheap", "cheap", "dear", "dear", "cheap"]
    expected = [1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2), 1.0, 0.0]
    np.testing.assert_allclose(written["probability"].to_numpy(), expected, rtol=5e-12)


def test_a_text_gets_twelve_digits_without_the_noise_behind_them_and_parquet_all(files: Files) -> None:
    files.save(table(AREA), [3.0, 0.0])
    files.predict("area\n0.1\n2.000000000001\n-0.123456789012\n", out="out.csv")
    assert [line.split(",")[1] for line in files.lines()[1:]] == ["0.3", "6.0", "-0.370370367036"]
    files.predict("area\n0.1\n", out="out.parquet")
    assert pl.read_parquet(files.out)["prediction"].to_list() == [3 * 0.1] != [0.3]


def test_classes_without_names_are_0_and_1(files: Files) -> None:
    files.save(Points((1.0, 2.0), (0.0, 1.0)), [1.0, 0.0], Logistic())
    files.predict("x\n-2\n2\n")
    assert [line.split(",")[1] for line in files.lines()] == ["prediction", "0", "1"]


def test_a_saved_model_predicts_its_own_table_as_it_was_fitted(files: Files) -> None:
    rng = np.random.default_rng(1)
    cities = rng.choice(["Oslo", "Rome", "Bern"], 60).tolist()
    area = rng.normal(50, 20, 60).round(2).tolist()
    rows = "".join(f"{a},{c},{a * 2}\n" for a, c in zip(area, cities, strict=True))
    path = files.write("area,city,rent\n" + rows)
    experiment = Experiment(data=Table(str(path), "rent", ("city", "area")), device=Device(dtype="float64"))
    dataset = load_dataset(experiment)
    theta = np.array([3.0, -4.0, 2.0, 1.0])
    save_model(files.model, experiment, theta, dataset)
    predict(files.model, path, files.out)
    np.testing.assert_allclose(pl.read_csv(files.out)["prediction"].to_numpy(), dataset.X @ theta[:3] + 1.0, rtol=1e-14)


def test_a_kept_run_predicts_as_its_result_does(files: Files) -> None:
    rng = np.random.default_rng(2)
    area, new = rng.normal(50, 20, 80).round(2), rng.choice(["yes", "no"], 80)
    dear = np.where(area + 10 * (new == "yes") + rng.normal(0, 10, 80) > 55, "dear", "cheap")
    path = files.write(
        "".join(f"{a},{n},{d}\n" for a, n, d in [("area", "new", "rent"), *zip(area, new, dear, strict=True)])
    )
    result = train(open_table(path, "rent"), settings={"training.epochs": 50}, store=files.folder / "runs.sqlite")
    assert result.run_id is not None
    with Store(files.folder / "runs.sqlite") as store:
        kept = store.kept(result.run_id)

    predict(kept, path, files.out)
    expected = result.predict(np.column_stack((area, new == "yes")))
    written = pl.read_csv(files.out)
    np.testing.assert_allclose(written["probability"].to_numpy(), expected, rtol=5e-12)
    assert written["prediction"].to_list() == np.where(expected > 0.5, "dear", "cheap").tolist()
    with pytest.raises(
        InputError, match=rf"^run {result.run_id} has no parameters: not one of its records is finite\.$"
    ):
        predict(replace(kept, parameters=None), path, files.out)


def test_a_model_saved_before_columns_were_described_reads_its_features_as_numbers(files: Files) -> None:
    files.save(Table("fitted.csv", "rent", ("area",)), [2.0, 1.0])
    files.predict("area\n3\n")
    assert files.lines() == ["area,prediction", "3,7.0"]


@pytest.mark.parametrize(
    ("x", "theta", "header"), [((1.0, 2.0), [3.0, 1.0], "x"), (((1.0, 2.0), (3.0, 4.0)), [3.0, 0.0, 1.0], "x1,x2")]
)
def test_a_model_without_a_table_looks_for_x_by_its_name(
    x: tuple[Any, ...], theta: list[float], header: str, files: Files
) -> None:
    files.save(Points(x, (1.0, 2.0)), theta)
    files.predict(f"{header}\n{header.replace('x', '5').replace('51', '5').replace('52', '9')}\n")
    assert files.lines()[1].endswith(",16.0")


def test_text_passes_through_as_it_is(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    cells = ["007", "1.50", "NA", "", " padded ", "true", "1e400", "2020-01-01", "“ü”", "[red]"]
    files.predict("note,area\n" + "".join(f"{cell},1\n" for cell in cells) + '"a, ""b""\nc",1\n')
    assert files.out.read_text(encoding="utf-8") == (
        "note,area,prediction\n" + "".join(f"{cell},1,1.0\n" for cell in cells) + '"a, ""b""\nc",1,1.0\n'
    )


def test_parquet_keeps_the_types_of_its_columns(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    content = pl.DataFrame({"id": [1, 2], "tags": [["a"], []], "area": [1.5, 2.5], "day": [None, None]})
    files.predict(content.to_dict(), "in.parquet", "out.parquet")
    written = pl.read_parquet(files.out)
    assert written.drop("prediction").equals(content)
    assert written.schema == {**content.schema, "prediction": pl.Float64}


def test_what_csv_cannot_hold_is_refused_in_a_sentence(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    with pytest.raises(InputError, match=r"column tags holds List.* ends in \.parquet\.$"):
        files.predict({"area": [1.0], "tags": [["a"]]}, "in.parquet")
    assert not files.out.exists()


def test_a_name_that_is_taken_gets_a_number(files: Files) -> None:
    files.save(table(AREA, classes=("no", "yes")), [1.0, 0.0], Logistic())
    files.predict("prediction,area,prediction_2\nold,1,older\n")
    assert files.lines()[0] == "prediction,area,prediction_2,prediction_3,probability"
    assert files.lines()[1].startswith("old,1,older,yes,0.73")


def test_a_row_that_misses_a_value_keeps_its_place_without_a_prediction(files: Files) -> None:
    files.save(table(AREA, ROOMS), [1.0, 10.0, 0.0])
    outcome = files.predict("area,rooms\n1,1\n,1\n3,NA\n4,4\n")
    assert files.lines() == ["area,rooms,prediction", "1,1,11.0", ",1,", "3,NA,", "4,4,44.0"]
    assert outcome.sentence == "4 rows, 2 of them without a prediction: 2 for want of a value."


def test_a_missing_value_of_a_logistic_model_leaves_both_columns_empty(files: Files) -> None:
    files.save(table(AREA, classes=("no", "yes")), [1.0, 0.0], Logistic())
    files.predict({"area": [None, float("nan"), 0.0]}, "in.parquet", "out.parquet")
    assert pl.read_parquet(files.out).select("prediction", "probability").rows() == [
        (None, None),
        (None, None),
        ("no", 0.5),
    ]


def test_the_model_fills_in_what_it_filled_in_when_it_was_fitted(files: Files) -> None:
    filled = Column("area", fill=(40.0,)), Column("city", CITY.values, fill=(0.25, 0.5))
    files.save(table(*filled), [1.0, 100.0, 1000.0, 0.0])
    outcome = files.predict("area,city\n,Oslo\n2,\n,?\n")
    assert [line.split(",")[-1] for line in files.lines()[1:]] == ["140.0", "527.0", "565.0"]
    assert outcome.sentence == "3 rows predicted."


def test_a_value_the_model_does_not_know_is_counted_and_named_and_never_filled_in(files: Files) -> None:
    filled = Column("area", fill=(40.0,)), Column("city", CITY.values, fill=(0.25, 0.5))
    files.save(table(*filled), [1.0, 100.0, 1000.0, 0.0])
    outcome = files.predict("area,city\n1,Bern\n2,\x1b[1mParis\nmany,Oslo\n")
    assert [line.split(",")[-1] for line in files.lines()[1:]] == ["1.0", "", ""]
    assert outcome.sentence == (
        "3 rows, 2 of them without a prediction: 2 because of a value that the model does not know, the first "
        "city = '�[1mParis' in row 2."
    )


def test_an_infinite_value_is_none_that_a_model_knows(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    outcome = files.predict({"area": [1.0, float("-inf")]}, "in.parquet")
    assert files.lines() == ["area,prediction", "1.0,1.0", "-inf,"]
    assert (outcome.missing, outcome.unknown, outcome.example) == (0, 1, "area = '-inf' in row 2")


def test_rows_keep_their_order_and_their_numbers_over_many_batches(files: Files) -> None:
    files.save(table(AREA, CITY), [1.0, 0.5, 0.25, 0.0])
    rows = 700_000
    area = np.arange(rows)
    city = np.array(CITY.values, dtype=object)[area % 3]
    city[654_321] = "Paris"
    pl.DataFrame({"area": area, "city": city}).write_csv(files.folder / "in.csv")
    outcome = predict(files.model, files.folder / "in.csv", files.out, lambda *told: files.progress.append(told))
    expected = area + np.array([0.0, 0.5, 0.25])[area % 3]
    written = pl.read_csv(files.out)["prediction"].to_numpy()
    assert np.isnan(written[654_321])
    assert np.delete(written, 654_321).tolist() == np.delete(expected, 654_321).tolist()
    assert (outcome.rows, outcome.unknown, outcome.example) == (rows, 1, "city = 'Paris' in row 654,322")
    assert len(files.progress) > 1


def test_a_missing_column_is_named(files: Files) -> None:
    files.save(table(AREA, ROOMS), [1.0, 2.0, 0.0])
    with pytest.raises(ExperimentError, match=r"data\.features = 'rooms': is not a column of in\.csv"):
        files.predict("area,room\n1,2\n")
    assert not files.out.exists()


def test_the_target_need_not_be_there_and_rows_neither(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    assert files.predict("name,area\n").sentence == "0 rows predicted."
    assert files.lines() == ["name,area,prediction"]


@pytest.mark.parametrize(
    ("name", "content", "out", "line"),
    [
        ("in.csv", "area;name\n1;a,b\n", "out.csv", "1;a,b;1.0"),
        ("in.csv", "area;name\n1;a,b\n", "out.TSV", "1\ta,b\t1.0"),
        ("in.tsv", "area\tname\n1\ta,b\n", "out.csv", '1,"a,b",1.0'),
        ("in.csv", "area;name\n1,5;a,b\n", "out.csv", "1,5;a,b;1,5"),
        ("in.tsv", "area\tname\n1,5\ta,b\n", "out.tsv", "1,5\ta,b\t1,5"),
        ("in.tsv", "area\tname\n1,5\ta,b\n", "out.csv", "1,5;a,b;1,5"),
        ("in.csv", "area;name\n1.5;a\n", "out.csv", "1.5;a;1.5"),
    ],
)
def test_numbers_and_delimiters_are_written_as_they_were_unless_the_name_says_otherwise(
    name: str, content: str, out: str, line: str, files: Files
) -> None:
    files.save(table(AREA), [1.0, 0.0])
    files.predict(content, name, out)
    assert files.lines()[1] == line


@pytest.mark.parametrize("name", ["in.csv", "model.csv", "link.csv"])
def test_the_table_is_never_written_over(name: str, files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    files.model.with_suffix(".csv").symlink_to(files.model)
    (files.folder / "link.csv").symlink_to(files.folder / "in.csv")
    with pytest.raises(InputError, match=r"\.csv: is what the predictions are made from; choose another name\.$"):
        files.predict("area\n1\n", out=name)
    assert (files.folder / "in.csv").read_text() == "area\n1\n"
    assert files.model.stat().st_size > 100


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.csv.gz"])
def test_a_name_that_says_no_format_is_refused(name: str, files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    with pytest.raises(InputError, match=rf"{name}: must end in \.csv, \.tsv or \.parquet"):
        files.predict("area\n1\n", out=name)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_folder_that_is_not_there_is_told(name: str, files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    with pytest.raises(InputError, match=rf"{name}: cannot be written: No such file or directory"):
        files.predict("area\n1\n", out=f"nowhere/{name}")


def test_a_stream_gets_the_same_csv_as_a_file(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    files.predict("area,name\n1,ü\n,b\n")
    stream = io.BytesIO()
    predict(files.model, files.folder / "in.csv", stream)
    assert stream.getvalue() == files.out.read_bytes() == "area,name,prediction\n1,ü,1.0\n,b,\n".encode()


def test_a_table_may_come_through_a_pipe_and_leave_through_one(files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    program = """
import sys
from pathlib import Path
from tui_regress.runs.predict import predict
print(predict(Path("model.pt"), Path("-"), sys.stdout.buffer).sentence, file=sys.stderr)
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=files.folder, capture_output=True, text=True, input="name,area\nü,1\n"
    )
    assert (told.stdout, told.stderr) == ("name,area,prediction\nü,1,1.0\n", "1 row predicted.\n")


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_failure_in_the_midst_leaves_the_old_file_whole_and_nothing_beside_it(name: str, files: Files) -> None:
    files.save(table(AREA), [1.0, 0.0])
    (files.folder / name).write_text("before")
    files.write("area\n" + "".join(f"{area}\n" for area in np.random.default_rng(0).normal(size=50_000)))
    here = sorted(path.name for path in files.folder.iterdir())
    # No file may grow beyond 100 kB there: that is what a full disk looks like.
    program = f"""
import resource, signal
from pathlib import Path
from tui_regress.runs.predict import predict
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    predict(Path("model.pt"), Path("in.csv"), Path("{name}"))
except Exception as error:
    print(type(error).__name__, error)
"""
    told = subprocess.run([sys.executable, "-c", program], cwd=files.folder, capture_output=True, text=True)
    assert told.stdout.startswith(f"WriteError {name}: cannot be written: "), told
    assert "File too large" in told.stdout
    assert (files.folder / name).read_text() == "before"
    assert sorted(path.name for path in files.folder.iterdir()) == here


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has used at most")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(kind: str, files: Files) -> None:
    files.save(table(AREA, ROOMS, CITY), [1.0, 2.0, 3.0, 4.0, 5.0])
    rows = "".join(f"{row % 97},{row % 7},{CITY.values[row % 3]},{'remark':>40}\n" for row in range(50_000))
    program = f"""
from pathlib import Path
from tui_regress.runs.predict import predict
print(predict(Path("model.pt"), Path("in.{kind}"), Path("out.{kind}")).sentence)
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""

    def peak(portions: int) -> int:
        """Kilobytes, for that many times 50,000 rows."""
        with (files.folder / "in.csv").open("w") as file:
            file.write("area,rooms,city,remark\n")
            for _ in range(portions):
                file.write(rows)
        if kind == "parquet":
            pl.scan_csv(files.folder / "in.csv").sink_parquet(files.folder / "in.parquet", row_group_size=50_000)
        told = subprocess.run(
            [sys.executable, "-c", program], cwd=files.folder, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert told[0] == f"{portions * 50_000:,} rows predicted."
        return int(told[1])

    # polars reads a little ahead, which the smaller one must be large enough to show.
    assert peak(90) < 1.25 * peak(30)  # all of it in memory would make it 1.6 times as much


def test_the_prediction_has_the_decimal_mark_of_the_other_numbers(files: Files) -> None:
    files.save(table(AREA), [2.0, 0.5])
    files.predict("area;price\n3;1,25\n;\n4;2,5\n")
    assert files.lines() == ["area;price;prediction", "3;1,25;6,5", ";;", "4;2,5;8,5"]
