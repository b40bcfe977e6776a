"""The command line: what it prints, what it answers to mistakes, how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import click
import numpy as np
import pytest
import torch
from click.shell_completion import ShellComplete

from tui_regress import __version__, cli, experiments, headless
from tui_regress.cli import Exit, Setting
from tui_regress.engine.checkpoints import save_model
from tui_regress.engine.events import Block, Event, Started
from tui_regress.experiment import Experiment, Table, builtin, load

SCRIPT = Path(sys.executable).with_name("tui-regress")
ENDLESS = ["train", "gentle-line", "--set", "training.epochs=1000000000", "--json", "--every", "1000"]
HOUSES = "rooms,area,city,price\n3,70,Bonn,210\n4,,Bonn,300\n5,120,Köln,390\n2,50,Köln,150\n6,130,Bonn,450\n"


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line of stdout must be an object of strict JSON."""
        return [json.loads(line, parse_constant=pytest.fail) for line in self.out.splitlines()]


Call = Callable[..., Result]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    def run(*arguments: object) -> Result:
        code = cli.run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    sigterm = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, sigterm)


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    path.write_text(HOUSES, encoding="utf-8")
    return path


# Questions


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["gentle-line", "-h"], ["--theme", "dark", "--help"]])
def test_help_tells_of_the_dashboard_and_the_commands(call: Call, arguments: list[str]) -> None:
    code, out, err = call(*arguments)
    assert (code, err) == (Exit.DONE, "")
    assert out.startswith("Usage: tui-regress [EXPERIMENT] [OPTIONS]\n       tui-regress COMMAND [ARGS]...\n")
    for word in ("--target", "--features", "--set", "--theme", "--version", "train", "list", "devices", "Examples:"):
        assert word in out
    assert max(map(len, out.splitlines())) <= 80


def test_help_of_a_command_names_its_options_and_exit_codes(call: Call) -> None:
    _, out, _ = call("train", "--help")
    for word in ("--json", "--every", "--save", "--set", "130 interrupted"):
        assert word in out


def test_version(call: Call) -> None:
    assert call("--version") == (Exit.DONE, f"tui-regress {__version__}\n", "")


def test_list_names_every_experiment_with_its_title(call: Call) -> None:
    code, out, _ = call("list")
    assert code == Exit.DONE
    assert [line.split()[0] for line in out.splitlines()] == list(experiments.NAMES)
    assert "gentle-line     SGD, lr 0.01: slow and steady" in out
    assert [event["name"] for event in call("list", "--json").events] == list(experiments.NAMES)


def test_devices_always_has_a_cpu_and_a_reason_for_what_cannot_be_used(call: Call) -> None:
    events = call("devices", "--json").events
    assert (events[0]["name"], events[0]["usable"]) == ("cpu", True)
    assert all(device["usable"] or device["reason"] for device in events)
    text = call("devices").out
    assert all(device["name"] in text and device["reason"] in text for device in events)


# Mistakes: exit code 2 and one line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "Missing argument 'EXPERIMENT'; see `tui-regress train --help`."),
        (
            ["train", "--jsn", "x"],
            "No such option '--jsn' (did you mean one of: '--json', '--set'?); see `tui-regress train --help`.",
        ),
        (
            ["--them", "dark"],
            "No such option '--them' (did you mean one of: '--help', '--theme'?); see `tui-regress --help`.",
        ),
        (["gentle-line", "more"], "Got unexpected extra argument (more); see `tui-regress --help`."),
        (
            ["train", "gentle-line", "--every", "0"],
            "Invalid value for '--every': 0 is not in the range x>=1; see `tui-regress train --help`.",
        ),
        (
            ["train", "gentle-line", "--every", "x"],
            "Invalid value for '--every': 'x' is not a valid integer range; see `tui-regress train --help`.",
        ),
        (
            ["gentle-lime"],
            "there is no built-in experiment or file called 'gentle-lime'; did you mean gentle-line?",
        ),
        (
            ["train", "gentle-line", "--set", "optimizer.lr=fast"],
            "optimizer.lr = 'fast': must be a number above 0.",
        ),
        (["gentle-line"], "the dashboard needs a terminal; without one, use `tui-regress train`."),
        ([], "the dashboard needs a terminal; without one, use `tui-regress train`."),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_would_be_right(call: Call, arguments: list[str], sentence: str) -> None:
    assert call(*arguments) == (Exit.WRONG, "", f"tui-regress: {sentence}\n")


def test_a_wrong_word_cannot_act_on_the_terminal(call: Call) -> None:
    code, out, err = call("train", "gentle-line", "--\x1b[31m")
    assert (code, out, err.count("\n")) == (Exit.WRONG, "", 1)
    assert "\x1b" not in err


def test_a_wrong_file_is_named_with_key_and_value(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[data]\nsource = 'points'\nx = [1, 2]\ny = [1]", encoding="utf-8")
    assert call("train", path).err == (
        f"tui-regress: {path}: data.y = [1.0]: must hold as many values as x, which has 2.\n"
    )


# Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.lr=0.1", ("optimizer.lr", 0.1)),
        ("training.epochs=50", ("training.epochs", 50)),
        ("training.epochs = 50", ("training.epochs ", 50)),
        ("model.bias=false", ("model.bias", False)),
        ("model.kind=logistic", ("model.kind", "logistic")),
        ('model.kind="logistic"', ("model.kind", "logistic")),
        ("predict.at=[[1.0], [2]]", ("predict.at", [[1.0], [2]])),
        ("data.path=a=b.csv", ("data.path", "a=b.csv")),
        ("title=two words", ("title", "two words")),
        ("title=1\nabout=2", ("title", "1\nabout=2")),
        ("title=" + "[" * 2000, ("title", "[" * 2000)),
        ("training.seed=" + "9" * 5000, ("training.seed", "9" * 5000)),
        ("optimizer.lr=", ("optimizer.lr", None)),
    ],
)  # fmt: skip
def test_a_value_is_toml_a_bare_word_is_text_and_nothing_is_the_default(text: str, expected: tuple[str, Any]) -> None:
    assert Setting().convert(text, None, None) == expected


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(
        click.BadParameter, match=r"'optimizer.lr' is no setting; write KEY=VALUE, such as optimizer.lr=0.1$"
    ):
        Setting().convert("optimizer.lr", None, None)


def test_settings_reach_the_run(call: Call) -> None:
    start, *_, end = call(
        "train", "gentle-line", "--json", "--set", "training.epochs=2", "--set", "optimizer.lr=0.1", "--set",
        "device.dtype=float64", "--set", "training.gradient=numpy", "--set", "name=mine",
    ).events  # fmt: skip
    assert (start["experiment"], start["dtype"], start["gradient"]) == ("mine", "float64", "numpy")
    assert (end["epoch"], end["loss"]) == (2, pytest.approx(153.16, abs=0.01))


# The dashboard


class Dashboard:
    """Stands in for the app: takes what it is given and runs at once."""

    def __init__(self, experiment: Experiment, model: Path | None, *, theme: str) -> None:
        self.given = experiment, model, theme
        Dashboard.last = self

    last: "Dashboard"

    def run(self) -> None:
        """Nothing to wait for."""

    def summary(self) -> str:
        """What a run would leave behind."""
        return f"{self.given[0].name}: COMPLETED"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, call: Call) -> Call:
    def on_terminal(*arguments: object) -> Result:
        # Here, not in the fixture's body: capsys puts its own streams in place for the test.
        for stream in (sys.stdin, sys.stdout):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        return call(*arguments)

    monkeypatch.setattr("tui_regress.tui.app.LabApp", Dashboard)
    return on_terminal


@pytest.mark.parametrize("arguments", [["adam-line", "--theme", "light"], ["--theme", "light", "adam-line"]])
def test_the_dashboard_opens_on_the_experiment_and_leaves_its_summary(terminal: Call, arguments: list[str]) -> None:
    assert terminal(*arguments) == (Exit.DONE, "adam-line: COMPLETED\n", "")
    assert Dashboard.last.given == (builtin("adam-line"), None, "light")


def test_without_an_argument_the_dashboard_opens_on_gentle_line(terminal: Call) -> None:
    assert terminal().out == "gentle-line: COMPLETED\n"
    assert Dashboard.last.given[2] == "dark"


def test_options_work_for_the_dashboard_as_for_train(terminal: Call, houses: Path) -> None:
    terminal(houses, "--target", "price", "--features", "area", "--set", "optimizer.lr=1e-5")
    experiment, _, _ = Dashboard.last.given
    assert isinstance(experiment.data, Table)
    assert (experiment.data.target, experiment.data.features, experiment.optimizer.lr) == ("price", ("area",), 1e-5)


def test_a_saved_model_opens_with_its_parameters_unless_it_is_made_another_model(
    terminal: Call, tmp_path: Path
) -> None:
    path = tmp_path / "line.pt"
    save_model(path, builtin("cpu-line"), np.array([2.0, 1.0]), ["x"])
    terminal(path, "--set", "optimizer.lr=0.1")
    experiment, model, _ = Dashboard.last.given
    assert (experiment.name, experiment.optimizer.lr, model) == ("cpu-line", 0.1, path)
    terminal(path, "--set", "model.bias=false")
    assert Dashboard.last.given[1] is None


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "g", ["gentle-line", "gpu-line", "file"]),
        ([], "t", ["train", "file"]),
        (["train"], "n", ["numpy-line", "file"]),
        (["gentle-line"], "--th", ["--theme"]),
        (["train", "gentle-line"], "--s", ["--set", "--save"]),
    ],
)
def test_the_shell_completes_experiments_commands_files_and_options(
    words: list[str], incomplete: str, expected: list[str]
) -> None:
    items = ShellComplete(cli.laboratory, {}, "tui-regress", "_").get_completions(words, incomplete)
    assert [item.value if item.type == "plain" else item.type for item in items] == expected


# JSON lines


def test_json_lines_are_those_of_the_contract(call: Call) -> None:
    code, out, err = call("train", "gentle-line", "--json")
    start, *epochs, end = Result(code, out, err).events
    assert (code, err) == (Exit.DONE, "")
    assert start == {
        "event": "start",
        "experiment": "gentle-line",
        "rows": 5,
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
    assert list(start)[:4] == ["event", "experiment", "rows", "parameters"]
    assert list(epochs[0]) == ["event", "epoch", "loss", "mse", "grad_norm", "lr", "parameters"]
    assert list(end) == [
        "event", "status", "epoch", "loss", "parameters", "exact", "predictions", "seconds", "reason"
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
    assert (code, err) == (Exit.DIVERGED, "")
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
    assert start == printed[0]
    assert epoch == {**printed[1], "grad_norm": pytest.approx(printed[1]["grad_norm"], rel=1e-4)}


# Text


def test_text_is_aligned_lines_and_a_summary(call: Call) -> None:
    code, out, err = call("train", "gentle-line")
    head, lines, result, parameters, predictions = out.rstrip().split("\n\n")
    heading, ahead, *_ = head.splitlines()
    assert (code, err) == (Exit.DONE, "")
    assert heading == "gentle-line: 5 rows, 2 parameters, cpu, float32, autograd"
    assert ahead.startswith("lr 0.01 is 12 % of the limit 0.0845 (2/λmax, λmax 23.66)")
    titles, *records = lines.splitlines()
    assert titles.split() == ["epoch", "loss", "mse", "gradient", "norm", "lr"]
    assert [int(record.split()[0]) for record in records] == list(range(0, 1001, 50))
    assert {len(line) for line in (titles, *records)} == {len(titles)}
    assert re.fullmatch(r"COMPLETED after 1,000 epochs, \d+\.\d\d s\nAll 1000 epochs are done\.", result)
    assert re.fullmatch(r"parameter +value +exact\nw\[x\] +1\.9951\d+ +2\nb +0\.0174\d+ +0", without_margin(parameters))
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
    assert start["parameters"] == ["w[rooms]", "w[area]", "b"]
    assert start["rows"] == 4
    assert "1 of 5 rows" in result.err
    X = np.array([[3, 70, 1], [5, 120, 1], [2, 50, 1], [6, 130, 1]], dtype=float)
    exact = np.linalg.lstsq(X, np.array([210, 390, 150, 450.0]), rcond=None)[0]
    assert end["exact"] == pytest.approx(exact.tolist(), rel=1e-8)


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


def breaks_after_a_record(*_arguments: object) -> Iterator[Event]:
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
    assert result.err == "tui-regress: MemoryError: no room for 3 GB\n"
    end = result.events[-1]
    assert (end["event"], end["status"], end["epoch"]) == ("end", "failed", 0)
    assert end["reason"] == "MemoryError: no room for 3 GB"


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
    def load_dataset(_experiment: object) -> None:
        raise error

    monkeypatch.setattr(headless, "load_dataset", load_dataset)
    assert call("train", "gentle-line", "--json") == (code, "", line)


# The installed program, as the shell sees it


def start(*arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [SCRIPT, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


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
    assert err.count("\n") == (1 if code == 2 else 0)


def test_the_package_runs_as_a_module() -> None:
    result = subprocess.run([sys.executable, "-m", "tui_regress", "--version"], capture_output=True, text=True)
    assert result.stdout == f"tui-regress {__version__}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_the_end_line_still_comes(number: signal.Signals) -> None:
    process = start(*ENDLESS)
    assert "start" in first_line(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    *_, last, end = Result(0, out, err).events
    assert (process.returncode, err) == (Exit.INTERRUPTED, "")
    assert (end["event"], end["status"]) == ("end", "stopped")
    assert end["epoch"] == last["epoch"]


def test_ctrl_c_while_torch_is_loading_ends_at_once_with_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "tui_regress", *ENDLESS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    assert any("numpy" in line for line in process.stderr)
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
