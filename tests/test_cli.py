"""The command line: what it answers to questions and mistakes, settings, the dashboard, completion."""

import io
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete

from tests.calling import Call, Result
from tui_regress import __version__, cli, experiments
from tui_regress.cli import Exit
from tui_regress.cli.options import Setting
from tui_regress.data import load_dataset
from tui_regress.engine import timing
from tui_regress.engine.checkpoints import save_model
from tui_regress.experiment import Experiment, Table, builtin

# Questions


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["gentle-line", "-h"], ["--theme", "dark", "--help"]])
def test_help_tells_of_the_dashboard_and_the_commands(call: Call, arguments: list[str]) -> None:
    code, out, err = call(*arguments)
    assert (code, err) == (Exit.DONE, "")
    assert out.startswith("Usage: tui-regress [EXPERIMENT] [OPTIONS]\n       tui-regress COMMAND [ARGS]...\n")
    options = ("--target", "--features", "--drop", "--set", "--theme", "--store", "--no-store", "--version")
    for word in (*options, "Examples:"):
        assert word in out
    commands = out.partition("Commands:\n")[2].partition("\n\n")[0]
    names = [line.split()[0] for line in commands.splitlines()]
    assert names == ["train", "runs", "predict", "export", "list", "devices"]
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train", ["--json", "--every", "--save", "--set", "--no-store", "130 interrupted"]),
        ("runs", ["show", "resume", "replay", "delete", "--name", "--status", "--limit", "--json"]),
        ("runs resume", ["--json", "--every", "--save", "--store"]),
        ("predict", ["MODEL|ID", "TABLE", "--output", "probability"]),
        ("devices", ["[EXPERIMENT]", "--target", "--set", "--json"]),
        ("export", ["ID|EXPERIMENT", "script", "formula", "csv", "jsonl", "parquet", "tensorboard", "--set"]),
    ],
)
def test_help_of_a_command_names_its_options_and_has_examples_or_exit_codes(
    call: Call, command: str, words: list[str]
) -> None:
    _, out, _ = call(*command.split(), "-h")
    for word in words:
        assert word in out
    assert "Examples:" in out or "Exit codes:" in out
    # An example may be longer than the paragraphs, which are folded.
    assert max(map(len, out.splitlines())) <= 90


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


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timings take no time."""
    monkeypatch.setattr(timing, "timings", partial(timing.timings, seconds=0.001))


@pytest.mark.usefixtures("_hasty")
def test_devices_times_an_experiment_and_says_what_is_fastest(call: Call) -> None:
    code, out, _ = call("devices", "adam-line", "--set", "device.dtype=float64")
    heading, _, titles, *rest = out.splitlines()
    assert code == Exit.DONE
    assert heading == "adam-line: 5 rows, 1 feature, float64"
    assert re.split(r" {2,}", titles.strip()) == ["device", "gradient", "epochs/s", "against autograd", "first epoch"]
    table = [line.split() for line in rest[: rest.index("")]]
    assert {(device, gradient) for device, gradient, *_ in table} >= {("cpu", "autograd"), ("cpu", "compiled")}
    rates = [float(rate.replace(",", "")) for _, _, rate, *_ in table]
    assert rates == sorted(rates, reverse=True)
    assert "cpu numpy: knows only the sgd optimizer" in rest
    assert rest[-1].startswith(f"{table[0][1]} on {'the CPU' if table[0][0] == 'cpu' else table[0][0]} wins")


@pytest.mark.usefixtures("_hasty")
def test_timings_in_json_are_an_object_each_and_the_verdict_is_the_last(call: Call, houses: Path) -> None:
    result = call("devices", houses, "--target", "price", "--json")
    assert result.code == Exit.DONE
    *found, verdict = result.events
    keys = ["event", "device", "gradient", "epochs_per_second", "against_autograd", "first_seconds", "auto", "reason"]
    assert all(list(event) == keys and event["event"] == "timing" for event in found)
    autograd = found[0]
    assert (autograd["device"], autograd["gradient"], autograd["against_autograd"]) == ("cpu", "autograd", 1.0)
    assert autograd["epochs_per_second"] > 0
    assert autograd["first_seconds"] > 0
    assert sum(event["auto"] for event in found) == 1
    for event in found:
        assert bool(event["reason"]) == (event["epochs_per_second"] is None) == (event["first_seconds"] is None)
    assert list(verdict) == ["event", "device", "gradient", "message"]
    best = max(found, key=lambda event: event["epochs_per_second"] or 0)
    assert (verdict["event"], verdict["device"], verdict["gradient"]) == ("verdict", best["device"], best["gradient"])
    assert " wins" in verdict["message"]
    # What a person should know of the table is nothing for a program.
    assert result.err == "1 of 5 rows left out: a value is missing.\n"


def test_ctrl_c_ends_the_timing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(timing, "timings", interrupted)
    assert call("devices", "gentle-line").code == Exit.INTERRUPTED


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
            "No such option '--them' (did you mean one of: '--help', '--store', '--theme'?); see `tui-regress --help`.",
        ),
        (
            ["devices", "--set", "optimizer.lr=1"],
            "Missing argument 'EXPERIMENT': the other options change one; see `tui-regress devices --help`.",
        ),
        (
            ["devices", "gentle-line", "--set", "model.init=[1.0]"],
            "model.init = [1.0]: must hold 2 numbers (w[x], b), not 1.",
        ),
        (["devices", "missing.csv", "--target", "y"], "missing.csv: there is no such file."),
        (["runs", "--limi", "3"], "No such option '--limi' (did you mean '--limit'?); see `tui-regress runs --help`."),
        (
            ["trian", "gentle-line", "--json"],
            "there is no command, built-in experiment or file called 'trian'; did you mean train?",
        ),
        (["runs.csv"], "runs.csv: there is no such file."),
        (["run"], "there is no command, built-in experiment or file called 'run'; did you mean runs?"),
        (["runs", "shwo", "1"], "No such command 'shwo' (did you mean 'show'?); see `tui-regress runs --help`."),
        (
            ["runs", "show", "x"],
            (
                "Invalid value for 'ID': 'x' is not the number of a run; `tui-regress runs` lists them; "
                "see `tui-regress runs show --help`."
            ),
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

    def __init__(self, experiment: Experiment, model: Path | None, *, theme: str, store: Path | None) -> None:
        self.given = experiment, model, theme
        self.store = store
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
        for stream in (sys.stdin, sys.stdout, sys.stderr):
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
    terminal(houses, "--target", "price", "--features", "area", "--drop", "city", "--set", "optimizer.lr=1e-5")
    experiment, _, _ = Dashboard.last.given
    data = experiment.data
    assert isinstance(data, Table)
    assert (data.target, data.features, data.drop, experiment.optimizer.lr) == ("price", ("area",), ("city",), 1e-5)


def test_of_a_table_without_a_target_a_person_picks_the_columns(terminal: Call, houses: Path) -> None:
    assert terminal(houses) == (Exit.DONE, "gentle-line: COMPLETED\n", "")
    assert Dashboard.last.given == (builtin("gentle-line"), houses, "dark")


@pytest.mark.parametrize("options", [["--features", "area"], ["--drop", "city"], ["--set", "optimizer.lr=1"]])
def test_options_that_a_picking_would_lose_need_a_target(terminal: Call, houses: Path, options: list[str]) -> None:
    code, _, err = terminal(houses, *options)
    assert (code, err.count("\n")) == (Exit.WRONG, 1)
    assert "name the column to predict, with --target" in err


def test_without_a_terminal_a_table_without_a_target_says_which_columns_there_are(call: Call, houses: Path) -> None:
    code, out, err = call(houses)
    assert (code, out) == (Exit.WRONG, "")
    assert re.fullmatch(r"tui-regress: name the column to predict, with --target .* has: .*area.*price.*\.\n", err)


def test_the_dashboard_keeps_its_runs_where_it_is_told(terminal: Call, store: Path, tmp_path: Path) -> None:
    terminal("gentle-line")
    assert Dashboard.last.store == store
    terminal("gentle-line", "--store", tmp_path / "mine.sqlite")
    assert Dashboard.last.store == tmp_path / "mine.sqlite"
    terminal("--no-store")
    assert Dashboard.last.store is None


def test_a_saved_model_opens_with_its_parameters_unless_it_is_made_another_model(
    terminal: Call, tmp_path: Path
) -> None:
    path = tmp_path / "line.pt"
    save_model(path, builtin("cpu-line"), np.array([2.0, 1.0]), load_dataset(builtin("cpu-line")))
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
        (["train", "gentle-line"], "--s", ["--set", "--save", "--store"]),
        (["runs"], "re", ["resume", "replay"]),
        (["export"], "gen", ["gentle-line", "file"]),
    ],
)
def test_the_shell_completes_experiments_commands_files_and_options(
    words: list[str], incomplete: str, expected: list[str]
) -> None:
    items = ShellComplete(cli.laboratory, {}, "tui-regress", "_").get_completions(words, incomplete)
    assert [item.value if item.type == "plain" else item.type for item in items] == expected


def test_columns_may_be_named_by_several_options(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,y\n" + "".join(f"{k},{k * k % 7},{k % 3},{2 * k}\n" for k in range(12)))
    command = ["train", str(path), "--target", "y", "--no-store", "--json", "--set", "training.epochs=1"]
    for options, features in (
        (["--features", "a", "--features", "b"], ["w[a]", "w[b]", "b"]),
        (["--drop", "a", "--drop", "b"], ["w[c]", "b"]),
    ):
        assert call(*command, *options).events[0]["parameters"] == features
    code, _, err = call(*command, "--target", "a")
    assert (code, "'--target': there can be only one" in err) == (Exit.WRONG, True)


def test_a_dashboard_whose_standard_error_goes_elsewhere_has_no_screen(
    terminal: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = SimpleNamespace(stdout=_Tty(), stdin=_Tty(), stderr=io.StringIO())
    monkeypatch.setattr("tui_regress.cli.training.sys", streams)
    code, _, err = terminal("gentle-line")
    assert (code, "needs a terminal" in err) == (Exit.WRONG, True)


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True
