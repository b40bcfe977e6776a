"""Training on the command line: what it prints, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.calling import ENDLESS, SCRIPT, Call, Result, first_line, start
from tui_regress import __version__, experiments
from tui_regress.cli import Exit
from tui_regress.engine.events import Block, Event, Started
from tui_regress.experiment import load
from tui_regress.headless import run
from tui_regress.runs.store import Store

KEPT = "Kept as run 1; `tui-regress runs show 1` tells about it.\n"

# JSON lines


def test_json_lines_are_those_of_the_contract(call: Call) -> None:
    code, out, err = call("train", "gentle-line", "--json")
    start, *epochs, end = Result(code, out, err).events
    assert (code, err) == (Exit.DONE, KEPT)
    assert start == {
        "event": "start",
        "experiment": "gentle-line",
        "run": 1,
        "rows": 5,
        "validation_rows": 0,
        "parameters": ["w[x]", "b"],
        "device": "cpu",
        "dtype": "float32",
        "gradient": "autograd",
        "forecast": {
            "lambda_max": pytest.approx(23.6619, abs=1e-4),
            "lambda_min": pytest.approx(0.338096, abs=1e-6),
            "condition": pytest.approx(69.9857, abs=1e-4),
            "limit": pytest.approx(0.084524, abs=1e-6),
            "share": pytest.approx(0.118310, abs=1e-6),
            "regime": "monotone",
            "fastest": pytest.approx(2 / 24),
            "growth": None,
            "overflow_epoch": None,
            "epochs_to_1e-6": 1034,
            "kind": "exact",
        },
    }
    assert list(start)[:6] == ["event", "experiment", "run", "rows", "validation_rows", "parameters"]
    assert list(epochs[0]) == ["event", "epoch", "loss", "mse", "grad_norm", "lr", "parameters"]
    assert list(end) == [
        "event", "status", "stop", "epoch", "record", "loss", "parameters", "exact", "best", "metrics", "predictions",
        "seconds", "reason",
    ]  # fmt: skip
    assert [record["epoch"] for record in epochs] == list(range(1001))
    assert epochs[0] == {
        "event": "epoch",
        "epoch": 0,
        "loss": 44.0,
        "mse": 44.0,
        "grad_norm": pytest.approx(np.hypot(44, 12)),
        "lr": 0.01,
        "parameters": [0.0, 0.0],
    }
    assert [record["mse"] for record in epochs[1:3]] == pytest.approx([25.6608, 14.9735], abs=1e-4)
    assert (end["status"], end["epoch"], end["loss"]) == ("completed", 1000, epochs[-1]["loss"])
    assert (end["stop"], end["record"]) == ("epochs", 1000)
    assert end["best"] == {"epoch": 1000, "loss": end["loss"], "parameters": end["parameters"]}
    residual = 2 * np.arange(1, 6) - np.arange(1, 6) * end["parameters"][0] - end["parameters"][1]
    assert end["metrics"] == {
        "training": {
            "rows": 5,
            "r2": pytest.approx(1 - residual @ residual / 40),
            "rmse": pytest.approx(np.sqrt(residual @ residual / 5)),
            "mae": pytest.approx(np.abs(residual).mean()),
        },
        "validation": None,
    }
    assert end["parameters"] == pytest.approx([1.99518, 0.01740], abs=1e-5)
    assert end["exact"] == pytest.approx([2, 0], abs=1e-9)
    assert end["predictions"] == [{"x": [6.0], "before": 0.0, "after": pytest.approx(11.98848, abs=1e-5)}]
    assert end["seconds"] > 0
    assert ": " not in out.splitlines()[0].replace(start["experiment"], "")


def test_a_recovery_is_a_line_of_its_own_between_divergence_and_the_next_record(call: Call) -> None:
    code, out, err = call("train", "exploding-line", "--json", "--set", "training.on_divergence=recover")
    events = Result(code, out, err).events
    assert code == Exit.DONE
    names = [event["event"] for event in events]
    at = names.index("recovery")
    assert names[at - 1 : at + 2] == ["divergence", "recovery", "epoch"]
    recovery = events[at]
    assert list(recovery) == ["event", "epoch", "record", "lr", "message"]
    assert (recovery["epoch"], recovery["record"], events[at + 1]["epoch"]) == (3, 0, 4)
    assert events[at + 1]["lr"] == recovery["lr"] < 0.0845
    assert events[-1]["status"] == "completed"


def test_in_text_a_recovery_is_told_between_the_records(call: Call) -> None:
    out = call("train", "exploding-line", "--set", "training.on_divergence=recover").out
    assert (
        out.index("Diverging since epoch 1") < out.index("Back to the parameters of epoch 0") < out.index("COMPLETED")
    )


def test_every_thins_the_records_to_0_n_2n_and_the_last(call: Call) -> None:
    events = call("train", "gentle-line", "--json", "--every", "400").events
    assert [event["epoch"] for event in events[1:-1]] == [0, 400, 800, 1000]


def test_a_logistic_run_has_accuracy_and_no_exact_solution_where_there_is_none(call: Call) -> None:
    _, first, *_, end = call("train", "pass-or-fail", "--json", "--set", "training.epochs=2").events
    assert list(first) == ["event", "epoch", "loss", "accuracy", "grad_norm", "lr", "parameters"]
    assert first["accuracy"] == pytest.approx(2 / 3)
    assert end["exact"] is None
    assert [prediction["before"] for prediction in end["predictions"]] == [0.5, 0.5, 0.5]


def test_divergence_is_an_event_and_exit_code_3(call: Call) -> None:
    code, out, err = call("train", "exploding-line", "--json")
    *_, last, divergence, end = Result(code, out, err).events
    assert (code, err) == (Exit.DIVERGED, KEPT)
    assert list(divergence) == ["event", "epoch", "rule", "message"]
    assert divergence["epoch"] == last["epoch"] == end["epoch"]
    assert (end["status"], end["reason"]) == ("diverged", divergence["message"])
    assert np.isfinite(end["parameters"]).all()


def test_numbers_that_are_not_finite_are_strings(call: Call) -> None:
    settings = ["--set", "training.on_divergence=continue", "--set", "training.epochs=300"]
    events = call("train", "exploding-line", "--json", *settings).events
    losses = [event["loss"] for event in events if event["event"] == "epoch"]
    assert losses[133] < 3.5e38
    assert losses[134] == "inf"
    assert losses[-1] == "nan"
    assert [event["event"] for event in events].count("divergence") == 1


FIGURES: dict[str, dict[str, Any]] = {
    # name: status, last epoch, loss and parameters in the end (None: not pinned by the tutorials), prediction after
    "numpy-line": {"epoch": 1000, "mse": (0, 1e-15), "parameters": [2, 0], "after": [12]},
    "gentle-line": {"epoch": 1000, "mse": (5.511e-5, 1e-8), "parameters": [1.99518, 0.01740], "after": [11.98848]},
    "adam-line": {"epoch": 5000, "mse": (0, 1e-10), "parameters": [2, 0], "after": [12]},
    "d2l-scratch": {"epoch": 3, "mse": (1e-4, 2e-5), "parameters": [2, -3.4, 4.2], "after": [2.8]},
    "d2l-concise": {"epoch": 3, "mse": (1e-4, 2e-5), "parameters": [2, -3.4, 4.2], "after": [2.8]},
    "slope-by-hand": {"epoch": 100, "mse": (0.5, 0.5), "parameters": [2.15], "after": [15.05, 10.75]},
    "slope-autograd": {"epoch": 100, "mse": (0.5, 0.5), "parameters": [2.15], "after": [15.05, 10.75]},
    "per-sample": {"epoch": 100, "mse": (0, 1e-10), "parameters": [2], "after": [8]},
    "module-line": {"epoch": 1000, "mse": (4.03e-8, 1e-9), "parameters": [2, 0], "after": [7.9996]},
    "pass-or-fail": {"epoch": 1000, "loss": (1.045854, 1e-5), "parameters": [1.19895, -2.89643], "after": None},
    "cpu-line": {"epoch": 1000, "mse": (1.8456e-6, 1e-8), "parameters": [2, 1], "after": [23]},
    "gpu-line": {"epoch": 1000, "mse": (1.8456e-6, 1e-8), "parameters": [2, 1], "after": [23]},
}


@pytest.mark.parametrize("name", sorted(set(experiments.NAMES) - {"exploding-line"}))
def test_train_gives_the_figures_of_the_tutorials(call: Call, name: str) -> None:
    wanted = FIGURES[name]
    result = call("train", name, "--json", "--every", "1000000")
    last, end = result.events[-2:]
    assert (result.code, end["status"], end["epoch"]) == (Exit.DONE, "completed", wanted["epoch"])
    key = "loss" if "loss" in wanted else "mse"
    figure, tolerance = wanted[key]
    assert last[key] == pytest.approx(figure, abs=tolerance)
    rough = 0.06 if name.startswith("slope") else 0.003
    assert end["parameters"] == pytest.approx(wanted["parameters"], abs=rough)
    if wanted["after"] is not None:
        assert [point["after"] for point in end["predictions"]] == pytest.approx(wanted["after"], abs=8 * rough)


def test_the_json_lines_of_the_readme_are_what_comes_out(call: Call) -> None:
    text = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    start, epoch = map(json.loads, re.findall(r'^\{"event":.*', text, flags=re.MULTILINE))
    printed = call("train", start["experiment"], "--json").events
    told, found = start.pop("forecast"), printed[0].pop("forecast")
    assert told == {
        key: pytest.approx(value, rel=1e-3) if isinstance(value, float) else value for key, value in found.items()
    }
    assert start == {**printed[0], "run": start["run"]}
    assert epoch == {**printed[1], "grad_norm": pytest.approx(printed[1]["grad_norm"], rel=1e-4)}


# Text


def test_text_is_aligned_lines_and_a_summary(call: Call) -> None:
    code, out, err = call("train", "gentle-line")
    head, lines, result, parameters, metrics, predictions = out.rstrip().split("\n\n")
    heading, ahead, *_ = head.splitlines()
    assert (code, err) == (Exit.DONE, KEPT)
    assert heading == "gentle-line: 5 rows, 2 parameters, cpu, float32, autograd"
    assert ahead.startswith("lr 0.01 is 12 % of the limit 0.0845 (2/λmax, λmax 23.66)")
    titles, *records = lines.splitlines()
    assert titles.split() == ["epoch", "loss", "mse", "gradient", "norm", "lr"]
    assert [int(record.split()[0]) for record in records] == list(range(0, 1001, 50))
    assert {len(line) for line in (titles, *records)} == {len(titles)}
    assert re.fullmatch(r"COMPLETED after 1,000 epochs, \d+\.\d\d s\nAll 1000 epochs are done\.", result)
    assert re.fullmatch(r"parameter +value +exact\nw\[x\] +1\.9951\d+ +2\nb +0\.0174\d+ +0", without_margin(parameters))
    assert re.fullmatch(r" +training\nR² +0\.99999\d+\nRMSE +0\.0074\d+\nMAE +0\.0063\d+", without_margin(metrics))
    assert re.fullmatch(r"y at +before +after\n6 +0 +11\.988\d", without_margin(predictions))


def without_margin(table: str) -> str:
    return re.sub(" +$", "", table, flags=re.MULTILINE)


def test_text_shows_the_true_parameters_where_they_are_known(call: Call) -> None:
    out = call("train", "cpu-line", "--every", "1000").out
    assert re.search(r"parameter +value +exact +true", out)
    assert re.search(r"\nb +0\.99\d+ +1 +1\b", out)


def test_text_of_a_per_sample_run_shows_the_gradient_of_each_sample(call: Call) -> None:
    out = call("train", "per-sample", "--set", "training.epochs=1").out
    table = out[out.index("sample ") :].split()
    w = 1.260688
    assert table[:4] == ["sample", "gradient", "of", "w[x]"]
    assert [float(word) for word in table[5::2]] == pytest.approx([2 * x * (w - 2) * x for x in (1, 2, 3)], rel=1e-4)


def test_points_to_predict_at_are_shown_as_they_were_typed(call: Call) -> None:
    at = ["--set", "predict.at=[[1234567], [0.30000000000000004]]"]
    out = call("train", "gentle-line", "--set", "training.epochs=1", *at).out
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["1234567", "0.3"]


def test_text_of_a_logistic_run_speaks_of_probability_and_says_that_nothing_is_best(call: Call) -> None:
    out = call("train", "pass-or-fail", "--set", "training.epochs=2").out
    assert "accuracy" in out
    assert "P(y = 1) at" in out
    assert "Exact solution: none: separable" in out


def test_text_of_a_diverged_run_says_why(call: Call) -> None:
    code, out, _ = call("train", "exploding-line")
    assert code == Exit.DIVERGED
    assert re.search(r"\nDIVERGED after \d+ epochs, .*\nDiverg", out)


def test_of_many_parameters_text_shows_the_first(call: Call) -> None:
    weights = ",".join(["1"] * 50)
    out = call("train", "d2l-concise", "--set", f"data.weights=[{weights}]", "--set", "predict.at=").out
    assert "w[x20]" in out
    assert "w[x21]" not in out
    assert "… and 31 more" in out


# Tables


def test_a_table_trains_and_its_notes_go_to_stderr(call: Call, houses: Path) -> None:
    result = call("train", houses, "--target", "price", "--json", "--set", "optimizer.lr=1e-5")
    start, *_, end = result.events
    assert start["parameters"] == ["w[rooms]", "w[area]", "w[city=Köln]", "b"]
    assert start["rows"] == 4
    assert "1 of 5 rows" in result.err
    X = np.array([[3, 70, 0, 1], [5, 120, 1, 1], [2, 50, 1, 1], [6, 130, 0, 1]], dtype=float)
    exact = np.linalg.lstsq(X, np.array([210, 390, 150, 450.0]), rcond=None)[0]
    assert end["exact"] == pytest.approx(exact.tolist(), rel=1e-8)


def test_dropped_columns_are_left_alone(call: Call, houses: Path) -> None:
    result = call("train", houses, "--target", "price", "--drop", "city,rooms", "--json")
    assert result.events[0]["parameters"] == ["w[area]", "b"]


def test_features_choose_the_columns_and_their_order(call: Call, houses: Path) -> None:
    result = call(
        "train", houses, "--target", "price", "--features", "area, rooms", "--json", "--set", "optimizer.lr=1e-5"
    )
    assert result.events[0]["parameters"] == ["w[area]", "w[rooms]", "b"]


def test_a_table_without_a_target_is_refused_with_its_columns(call: Call, houses: Path) -> None:
    code, out, err = call("train", houses)
    assert (code, out, err.count("\n")) == (Exit.WRONG, "", 1)
    assert "--target" in err
    assert "rooms, area, city, price" in err


# Rows held out


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """60 rows of y = 3x + noise, and whether y is above 90."""
    x = np.arange(60)
    y = 3 * x + np.random.default_rng(0).normal(0, 20, 60)
    path = tmp_path / "many.csv"
    lines = [f"{a},{b:.3f},{'high' if b > 90 else 'low'}" for a, b in zip(x, y, strict=True)]
    path.write_text("\n".join(["x,y,level", *lines]), encoding="utf-8")
    return path


def test_the_validation_loss_has_a_column_and_the_metrics_stand_side_by_side(call: Call, many: Path) -> None:
    out = call("train", many, "--target", "y", "--drop", "level").out
    heading, *_ = out.splitlines()
    assert heading.startswith("many: 48 rows and 12 held out, 2 parameters, ")
    titles, first = re.findall(r"^ +(?:epoch|0) .*$", out, flags=re.MULTILINE)
    assert re.split("  +", titles.strip()) == ["epoch", "loss", "validation loss", "mse", "gradient norm", "lr"]
    assert (len(first.split()), len(first)) == (6, len(titles))
    _, _, metrics = out.rstrip().rpartition("\n\n")
    assert re.fullmatch(
        r" +training +validation\nR² +0\.\d+ +0\.\d+\nRMSE +\d+\.\d+ +\d+\.\d+\nMAE +\d+\.\d+ +\d+\.\d+",
        without_margin(metrics),
    )


def test_json_tells_the_rows_held_out_their_loss_and_metrics_of_both_parts(call: Call, many: Path) -> None:
    start, first, *_, last, end = call("train", many, "--target", "y", "--drop", "level", "--json").events
    assert (start["rows"], start["validation_rows"]) == (48, 12)
    assert list(first)[:4] == ["event", "epoch", "loss", "validation_loss"]
    assert end["metrics"]["validation"]["rows"] == 12
    assert end["metrics"]["validation"]["rmse"] ** 2 == pytest.approx(last["validation_loss"], rel=1e-4)


def test_the_confusion_matrix_names_the_classes(call: Call, many: Path) -> None:
    out = call("train", many, "--target", "level", "--set", "training.epochs=50", "--set", "optimizer.lr=1").out
    table = out.rstrip().rpartition("\n\n")[2].splitlines()
    assert re.split("   +", table[0].strip()) == ["true class", "predicted high", "predicted low"]
    cells = [re.split("   +", line.strip()) for line in table[1:]]
    assert [row[0] for row in cells] == ["high, training", "low, training", "high, validation", "low, validation"]
    assert sum(int(cell) for row in cells for cell in row[1:]) == 60


def test_early_stopping_is_told_with_its_reason(call: Call, many: Path) -> None:
    settings = ["--set", "training.patience=5", "--set", "optimizer.lr=0.9", "--set", "training.epochs=100000"]
    end = call("train", many, "--target", "y", "--drop", "level", "--json", "--every", "100000", *settings).events[-1]
    assert (end["status"], end["stop"]) == ("completed", "early-stopping")
    assert end["record"] == end["best"]["epoch"] < end["epoch"]
    assert end["parameters"] == end["best"]["parameters"]


# Models


def test_save_writes_what_torch_loads_and_what_trains_again(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    result = call("train", "cpu-line", "--json", "--every", "1000", "--save", path)
    assert result.code == Exit.DONE
    assert str(path) in result.err
    linear = torch.nn.Linear(1, 1)
    linear.load_state_dict(torch.load(path, weights_only=True))
    predicted = linear(torch.tensor([[11.0]])).item()
    assert predicted == pytest.approx(result.events[-1]["predictions"][0]["after"], rel=1e-6)
    again = call("train", path, "--json", "--every", "1000")
    assert again.events[-1]["parameters"] == result.events[-1]["parameters"]


def test_settings_are_saved_with_the_model_and_a_table_is_found_from_anywhere(
    call: Call, houses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(houses.parent)
    (tmp_path / "models").mkdir()
    call("train", "houses.csv", "--target", "price", "--set", "optimizer.lr=1e-5", "--set", "data.path=houses.csv",
         "--save", "models/price.pt")  # fmt: skip
    experiment = load(tmp_path / "models" / "price.toml")
    assert experiment.optimizer.lr == 1e-5
    monkeypatch.chdir("/")
    assert call("train", tmp_path / "models" / "price.toml", "--json").code == Exit.DONE


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("line.pth", "line.pth must end in .pt"),
        ("nowhere/line.pt", "there is no folder nowhere"),
        ("mine.pt", "it would overwrite mine.toml; choose another name"),
    ],
)
def test_where_a_model_cannot_go_is_said_before_the_training(
    call: Call, name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[data]\nsource = 'points'\nx = [1, 2]\ny = [1, 2]", encoding="utf-8")
    code, out, err = call("train", "mine.toml", "--save", name)
    assert (code, out) == (Exit.WRONG, "")
    assert err == f"tui-regress: Invalid value for '--save': {sentence}; see `tui-regress train --help`.\n"


# Failure and interruption, from within


def breaks_after_a_record(*_arguments: object, resume: object) -> Iterator[Event]:
    assert resume is None
    yield Started(("w[x]", "b"), 5, "cpu", "float32", "autograd")
    one, two = np.ones(1), np.ones((1, 2))
    yield Block(0, two, two, one, one, one)
    raise MemoryError("no room for 3 GB\nin detail")


def test_an_error_in_the_midst_of_a_run_is_one_line_and_exit_code_1(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_regress.engine.training.run", breaks_after_a_record)
    result = call("train", "gentle-line", "--json")
    assert result.code == Exit.FAILED
    assert result.err == f"{KEPT}tui-regress: MemoryError: no room for 3 GB\n"
    end = result.events[-1]
    assert (end["event"], end["status"], end["stop"], end["epoch"]) == ("end", "failed", "error", 0)
    assert end["reason"] == "MemoryError: no room for 3 GB"
    [kept] = call("runs", "--json").events
    assert (kept["status"], kept["reason"]) == ("failed", end["reason"])


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RuntimeError("torch is unwell"), Exit.FAILED, "tui-regress: RuntimeError: torch is unwell\n"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "\n"),
    ],
)
def test_what_happens_while_loading_ends_the_program_in_order(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: Exit, line: str
) -> None:
    def load_dataset(_experiment: object, _progress: object) -> None:
        raise error

    monkeypatch.setattr(run, "load_dataset", load_dataset)
    assert call("train", "gentle-line", "--json") == (code, "", line)


# Keeping runs


def test_a_run_that_is_not_to_be_kept_leaves_nothing(call: Call, store: Path) -> None:
    result = call("train", "gentle-line", "--json", "--no-store")
    assert (result.events[0]["run"], result.err) == (None, "")
    assert not store.exists()


def test_where_runs_are_kept_can_be_said(call: Call, store: Path, tmp_path: Path) -> None:
    result = call("train", "gentle-line", "--store", tmp_path / "mine.sqlite")
    assert result.err == KEPT
    assert not store.exists()
    with Store(tmp_path / "mine.sqlite") as runs:
        assert runs.summary(1).name == "gentle-line"


def test_a_store_that_cannot_be_used_is_told_and_training_goes_on(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database", encoding="utf-8")
    code, out, err = call("train", "gentle-line", "--json", "--store", tmp_path / "notes.txt")
    events = Result(code, out, err).events
    assert (code, events[0]["run"], events[-1]["status"]) == (Exit.DONE, None, "completed")
    assert err.count("\n") == 1
    assert "is not a store of runs" in err


# The installed program, as the shell sees it


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "exploding-line"], 3),
        (["train", "no-such-line"], 2),
        (["no-such-line"], 2),
        (["--version"], 0),
    ],
)
def test_the_installed_program_ends_with_its_exit_code_and_no_traceback(arguments: list[str], code: int) -> None:
    process = start(*arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.count("\n") == (0 if code == 0 else 1)


def test_the_package_runs_as_a_module() -> None:
    result = subprocess.run([sys.executable, "-m", "tui_regress", "--version"], capture_output=True, text=True)
    assert result.stdout == f"tui-regress {__version__}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_the_end_line_still_comes(number: signal.Signals, store: Path) -> None:
    with start(*ENDLESS) as process:
        assert "start" in first_line(process)
        record = first_line(process)  # before it, there is none to compare with
        process.send_signal(number)
        assert process.stdout
        assert process.stderr
        # Not communicate: it would leave out what has been read ahead.
        out, err = record + process.stdout.read(), process.stderr.read()
    *_, last, end = Result(0, out, err).events
    assert (process.returncode, err) == (
        Exit.INTERRUPTED,
        "Kept as run 1; `tui-regress runs resume 1` goes on from here.\n",
    )
    assert (end["event"], end["status"], end["stop"]) == ("end", "stopped", "asked")
    assert end["epoch"] == last["epoch"]
    with Store(store) as runs:
        assert (runs.summary(1).status, runs.summary(1).resumable) == ("stopped", True)


def test_ctrl_c_while_torch_is_loading_ends_at_once_with_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "tui_regress", *ENDLESS, "--set", "training.gradient=autograd"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    assert any("torch" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (Exit.INTERRUPTED, "")
    assert "Traceback" not in err


def test_a_reader_that_goes_away_ends_the_run_quietly() -> None:
    process = start(*ENDLESS)
    first_line(process)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGPIPE
    assert process.stderr.read() == ""
    process.stderr.close()


def test_on_a_terminal_there_is_a_bar_and_the_summary_and_the_cursor_comes_back() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    arguments = ["train", "cpu-line", "--set", "training.epochs=2000"]
    with subprocess.Popen([SCRIPT, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = read_until_closed(ours)
    os.close(ours)
    assert process.returncode == Exit.DONE
    assert "━" in shown
    assert "COMPLETED" in shown
    assert re.search(r"w\[x\] +2", shown)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def read_until_closed(terminal: int) -> str:
    """Everything the other side writes; Linux answers EIO where the last writer has closed."""
    chunks = []
    try:
        while chunk := os.read(terminal, 65536):
            chunks.append(chunk)
    except OSError:
        pass
    return b"".join(chunks).decode()
