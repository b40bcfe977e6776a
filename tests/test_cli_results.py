"""Predictions and exports on the command line."""

import io
import os
import re
from pathlib import Path

import polars as pl
import pytest

from tests.calling import Call, Result, start
from tests.runs.made_up import add_run
from tui_regress.cli import Exit
from tui_regress.data import load_dataset
from tui_regress.experiment import builtin, override
from tui_regress.runs.script import script
from tui_regress.runs.store import Store

FEW = ["--set", "training.epochs=3"]
KEPT = "Kept as run 1; `tui-regress runs show 1` tells about it.\n"


def numbers(out: str) -> list[float]:
    """The column of predictions."""
    return pl.read_csv(io.StringIO(out))["prediction"].to_list()


# Predictions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Rows to predict: x and a name, one x missing."""
    path = tmp_path / "new.csv"
    path.write_text("x,name\n6,six\n,none\n-1,minus one\n", encoding="utf-8")
    return path


def test_a_kept_run_predicts_every_row_of_a_table(call: Call, table: Path, store: Path) -> None:
    call("train", "gentle-line")
    with Store(store) as runs:
        theta = runs.kept(1).parameters
    assert theta is not None
    code, out, err = call("predict", "1", table)
    assert code == Exit.DONE
    assert err == "3 rows, 1 of them without a prediction: 1 for want of a value.\n"
    assert pl.read_csv(io.StringIO(out)).columns == ["x", "name", "prediction"]
    assert numbers(out) == [pytest.approx(6 * theta[0] + theta[1]), None, pytest.approx(theta[1] - theta[0])]


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.parquet"])
def test_a_saved_model_predicts_into_a_file_of_the_kind_its_name_says(
    call: Call, table: Path, tmp_path: Path, name: str
) -> None:
    call("train", "cpu-line", "--save", tmp_path / "line.pt", "--no-store")
    out = tmp_path / name
    assert call("predict", tmp_path / "line.pt", table, "-o", out)[:2] == (Exit.DONE, "")
    separator = "\t" if name.endswith("tsv") else ","
    frame = pl.read_parquet(out) if name.endswith("parquet") else pl.read_csv(out, separator=separator)
    assert frame["prediction"].to_list() == [pytest.approx(13, abs=0.01), None, pytest.approx(-1, abs=0.01)]


def test_a_dash_is_standard_output(call: Call, table: Path) -> None:
    call("train", "gentle-line", *FEW)
    assert call("predict", "1", table, "-o", "-").out == call("predict", "1", table).out


def test_on_a_terminal_the_cells_of_a_table_are_shown_and_do_not_act(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("train", "gentle-line", *FEW)
    (tmp_path / "new.csv").write_text("x,näme\n6,\x1b[2Jsechs ×\n", encoding="utf-8")
    as_it_is = call("predict", "1", tmp_path / "new.csv").out
    assert "\x1b[2Jsechs ×" in as_it_is
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert call("predict", "1", tmp_path / "new.csv").out == as_it_is.replace("\x1b", "�")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["gentle-line", "x.csv"],
            "Invalid value for 'gentle-line': it is neither a saved model (.pt) nor the number of a run; see",
        ),
        (["line.pt", "x.csv"], "line.pt: No such file or directory."),
        (["1"], "Missing argument 'TABLE'; see"),
    ],
)
def test_what_cannot_predict_is_refused_in_one_line(call: Call, arguments: list[str], sentence: str) -> None:
    call("train", "gentle-line", *FEW)
    code, out, err = call("predict", *arguments)
    assert (code, out, err.count("\n")) == (Exit.WRONG, "", 1)
    assert err.startswith(f"tui-regress: {sentence}")


# Exports of experiments


def test_the_script_of_an_experiment_is_written_without_training(call: Call, store: Path, tmp_path: Path) -> None:
    experiment = override(builtin("adam-line"), {"optimizer.lr": 0.2})
    text = script(experiment, load_dataset(experiment))
    assert call("export", "adam-line", "--to", "script", "--set", "optimizer.lr=0.2") == (Exit.DONE, text, "")
    call("export", "adam-line", "--to", "script", "--set", "optimizer.lr=0.2", "-o", tmp_path / "adam.py")
    assert (tmp_path / "adam.py").read_text(encoding="utf-8") == text
    assert not store.exists()


def test_an_experiment_is_trained_for_its_formula_and_the_run_is_not_kept(call: Call, store: Path) -> None:
    assert call("export", "gentle-line", "--to", "formula") == (Exit.DONE, "y = 1.995·x + 0.017\n", "")
    assert not store.exists()


def test_an_experiment_gives_the_same_json_lines_as_train(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    assert call("export", "gentle-line", "--to", "jsonl", *FEW, "-o", out) == (Exit.DONE, "", "")
    exported = Result(0, out.read_text(encoding="utf-8"), "").events
    trained = call("train", "gentle-line", "--json", "--no-store", *FEW).events
    for events in (exported, trained):
        events[-1].pop("seconds")
    assert exported == trained


def test_an_experiment_that_diverges_is_exported_all_the_same_and_ends_with_3(call: Call) -> None:
    code, out, _ = call("export", "exploding-line", "--to", "csv")
    assert code == Exit.DIVERGED
    losses = pl.read_csv(io.StringIO(out))["loss"].to_list()
    assert losses == pytest.approx([44, 82.08, 153.16, 285.83], rel=1e-4)


def test_a_table_from_standard_input_gives_the_same_formula(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "t,y\n" + "".join(f"{1.7e9 + k},{3 * k}\n" for k in range(9))
    (tmp_path / "times.csv").write_text(rows, encoding="utf-8")
    arguments = ["--target", "y", "--to", "formula", "--set", "training.epochs=2000"]
    formula = call("export", tmp_path / "times.csv", *arguments).out
    assert formula.startswith("y = ")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
    assert call("export", "-", *arguments).out == formula


def test_a_table_is_exported_with_its_options(call: Call, houses: Path) -> None:
    code, out, err = call("export", houses, "--target", "price", "--features", "area", "--to", "formula")
    assert code == Exit.DONE
    assert re.fullmatch(r"price = [\d.]+·area − [\d.]+\n", out)
    assert "1 of 5 rows left out" in err


# Exports of runs


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_run_is_exported_as_a_table_of_its_records(call: Call, tmp_path: Path, form: str) -> None:
    events = call("train", "d2l-concise", "--json").events
    path = tmp_path / f"run.{form}"
    assert call("export", "1", "--to", form, "-o", path) == (Exit.DONE, "", "")
    frame = pl.read_parquet(path) if form == "parquet" else pl.read_csv(path)
    assert frame.columns == ["epoch", "loss", "mse", "grad_norm", "lr", "w[x1]", "w[x2]", "b"]
    records = [event for event in events if event["event"] == "epoch"]
    assert frame["loss"].to_list() == [record["loss"] for record in records]
    assert frame.select("w[x1]", "w[x2]", "b").rows() == [tuple(record["parameters"]) for record in records]


def test_the_script_of_a_run_follows_its_course(call: Call) -> None:
    call("train", "exploding-line", "--set", "training.on_divergence=recover", "--set", "training.epochs=9")
    code, out, _ = call("export", "1", "--to", "script")
    assert code == Exit.DONE
    compile(out, "script.py", "exec")
    lr = call("export", "1", "--to", "jsonl").events[-2]["lr"]
    assert f"{lr:g}" in out, "the learning rate after the recovery"


def test_the_formula_of_a_logistic_run_names_the_class(call: Call) -> None:
    call("train", "pass-or-fail")
    assert call("export", "1", "--to", "formula").out == "P(y = 1) = 1 / (1 + exp(−(1.199·x − 2.896)))\n"


@pytest.mark.filterwarnings("default")  # TensorBoard's own
def test_a_run_becomes_a_folder_for_tensorboard(call: Call, tmp_path: Path) -> None:
    call("train", "gentle-line", *FEW)
    assert call("export", "1", "--to", "tensorboard", "-o", tmp_path / "logs").code == Exit.DONE
    assert any("tfevents" in path.name for path in (tmp_path / "logs").iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1", "--to", "parquet"], "name the file to write with -o"),
        (["1", "--to", "tensorboard"], "name the folder to write with -o"),
        (["1", "--to", "csv", "-o", "nowhere/run.csv"], "there is no folder nowhere"),
        (["mine.toml", "--to", "csv", "-o", "."], ". is a folder; name a file in it"),
        (["mine.toml", "--to", "csv", "-o", "mine.toml"], "it would overwrite mine.toml; choose another name"),
        (["of-table.toml", "--to", "csv", "-o", "my.csv"], "it would overwrite my.csv; choose another name"),
        (["1", "--to", "csv", *FEW], "1 is a run, and stays as it is; to change something, name its experiment"),
        (["1", "--to", "poem"], "'poem' is not one of 'script', 'formula', 'csv', 'jsonl', 'parquet', 'tensorboard'"),
    ],
)
def test_an_export_that_cannot_be_is_refused_before_the_work(
    call: Call, arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("train", "gentle-line", *FEW)
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[data]\nsource = 'points'\nx = [1, 2]\ny = [1, 2]", encoding="utf-8")
    Path("my.csv").write_text("x,y\n1,2\n2,3\n", encoding="utf-8")
    Path("of-table.toml").write_text("[data]\nsource = 'table'\npath = 'my.csv'\ntarget = 'y'", encoding="utf-8")
    code, out, err = call("export", *arguments)
    assert (code, out, err.count("\n")) == (Exit.WRONG, "", 1)
    assert f"{sentence}; see `tui-regress export --help`." in err


NO_SPACE = "cannot be written: No space left on device.\n"
on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@on_linux
@pytest.mark.parametrize("form", ["script", "formula", "csv", "jsonl", "parquet"])
def test_an_export_to_a_full_disk_is_told_in_one_line(call: Call, form: str) -> None:
    call("train", "gentle-line", *FEW)
    code, out, err = call("export", "1", "--to", form, "-o", "/dev/full")
    assert (code, out, err) == (Exit.FAILED, "", f"tui-regress: /dev/full: {NO_SPACE}")


@on_linux
@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "1", "--to", "csv"],
        ["export", "gentle-line", "--to", "jsonl"],
        ["predict", "1", "new.csv"],
        ["train", "gentle-line", "--no-store"],
        ["runs"],
        ["list"],
        ["--help"],
    ],
)
def test_a_full_disk_behind_standard_output_is_told_in_one_line(
    call: Call, arguments: list[str], table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("train", "gentle-line", *FEW)
    monkeypatch.chdir(table.parent)
    with Path("/dev/full").open("w") as full:
        process = start(*arguments, stdout=full)
        _, err = process.communicate()
    assert (process.returncode, err) == (Exit.FAILED, f"tui-regress: standard output: {NO_SPACE}")


@on_linux
def test_a_disk_that_fills_up_under_an_export_leaves_nothing_behind(call: Call, tmp_path: Path) -> None:
    call("train", "gentle-line", *FEW)
    path = tmp_path / "run.csv"
    _full_disk_at(path)
    code, out, err = call("export", "1", "--to", "csv", "-o", path)
    assert (code, out, err) == (Exit.FAILED, "", f"tui-regress: {path}: {NO_SPACE}")
    assert list(tmp_path.iterdir()) == []


@on_linux
def test_a_model_that_cannot_be_saved_is_told_after_the_run_that_is_kept(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    _full_disk_at(path)
    code, out, err = call("train", "gentle-line", *FEW, "--save", path)
    assert (code, err) == (Exit.FAILED, f"{KEPT}tui-regress: {path}: {NO_SPACE}")
    assert "COMPLETED" in out
    assert call("runs", "resume", "1", "--save", path).code == Exit.WRONG
    assert list(tmp_path.iterdir()) == []


def _full_disk_at(path: Path) -> None:
    """Whatever is written on the way to ``path`` meets a full disk."""
    path.with_name(f".{path.name}.{os.getpid()}.part").symlink_to("/dev/full")


def test_without_its_data_a_run_gives_a_formula_with_every_digit(call: Call, houses: Path, store: Path) -> None:
    call("train", houses, "--target", "price", "--features", "area")
    with Store(store) as runs:
        theta = runs.kept(1).parameters
    assert theta is not None
    short = call("export", "1", "--to", "formula").out
    houses.unlink()
    code, out, err = call("export", "1", "--to", "formula")
    assert (code, err) == (Exit.DONE, "")
    assert out == f"price = {theta[0]}·area − {-theta[1]}\n"
    assert len(short) < len(out)


def test_without_a_finite_record_there_is_no_formula(call: Call, store: Path) -> None:
    with Store(store) as runs:
        add_run(runs)
    code, _, err = call("export", "1", "--to", "formula")
    assert (code, err) == (Exit.WRONG, "tui-regress: run 1 has no parameters: none of its records is finite.\n")


def test_without_a_finite_record_an_experiment_has_no_formula(call: Call) -> None:
    far = ["--set", "data.x=[1e25, 2e25]", "--set", "data.y=[1e25, 2e25]", "--set", "device.dtype=float32"]
    code, out, err = call("export", "gentle-line", "--to", "formula", "--set", "predict.at=[]", *far)
    assert (code, out) == (Exit.WRONG, "")
    assert err.endswith("tui-regress: there is no formula: none of the records is finite.\n")
