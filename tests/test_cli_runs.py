"""Kept runs on the command line: listed, shown, continued, run again, deleted."""

import io
import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.shell_completion import ShellComplete

from tests.calling import SCRIPT, Call
from tests.runs.made_up import block
from tests.test_imports import HEAVY, loaded_by
from tui_regress import cli
from tui_regress.cli import Exit
from tui_regress.engine.events import Block, Verdict
from tui_regress.experiment import builtin, encode, override
from tui_regress.headless import run as headless
from tui_regress.problems import InputError
from tui_regress.runs import blocks
from tui_regress.runs.records import Records
from tui_regress.runs.replay import Comparison
from tui_regress.runs.store import State, Store

FEW = ["--set", "training.epochs=3"]


def stopped_early(store: Path, name: str, **changes: Any) -> int:
    """A kept run that was stopped after a block or two; the number of its last record."""

    def stop_at_once(run: headless.Run) -> None:
        for event in run:
            if isinstance(event, Block) and event.last >= 1:
                run.control.stop()

    experiment = override(builtin(name), {key.replace("__", "."): value for key, value in changes.items()})
    run = headless.train(experiment, stop_at_once, store=store)
    assert (run.run_id, run.ended.status) == (1, "stopped")
    return run.ended.epoch


# The list


def test_without_a_run_the_list_says_how_to_begin_and_leaves_no_file_behind(call: Call, store: Path) -> None:
    sentence = "No runs are kept yet; `tui-regress train` keeps one.\n"
    assert call("runs") == (Exit.DONE, "", sentence)
    assert call("runs", "--json") == (Exit.DONE, "", "")
    assert not store.exists()


def test_the_list_has_a_line_per_run_the_newest_first(call: Call) -> None:
    for name in ("gentle-line", "exploding-line", "pass-or-fail"):
        call("train", name, *FEW)
    code, out, err = call("runs")
    titles, *lines = [re.split("  +", line.strip()) for line in out.splitlines()]
    assert (code, err) == (Exit.DONE, "")
    assert titles == [
        "run", "began", "experiment", "status", "optimizer", "epochs", "loss", "validation", "metric", "time"
    ]  # fmt: skip
    assert [(line[0], line[2], line[3], line[4]) for line in lines] == [
        ("3", "pass-or-fail", "completed", "sgd 0.01"),
        ("2", "exploding-line", "diverged", "sgd 0.1"),
        ("1", "gentle-line", "completed", "sgd 0.01"),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", lines[0][1])


def test_the_list_is_filtered_by_name_and_status_and_cut_to_the_newest(call: Call) -> None:
    for name in ("gentle-line", "exploding-line", "gentle-line", "adam-line"):
        call("train", name, *FEW)

    def listed(*options: str) -> list[int]:
        return [run["run"] for run in call("runs", "--json", *options).events]

    assert listed() == [4, 3, 2, 1]
    assert listed("--name", "GENTLE") == [3, 1]
    assert listed("--status", "diverged") == [2]
    assert listed("--limit", "3", "--status", "completed") == [4, 3, 1]
    assert listed("--name", "gentle", "--limit", "1") == [3]
    assert call("runs", "--name", "houses") == (Exit.DONE, "", "No such run is kept.\n")


def test_list_is_what_the_group_does_by_itself(call: Call, tmp_path: Path) -> None:
    for name in ("gentle-line", "exploding-line"):
        call("train", name, *FEW)
    assert call("runs", "list") == call("runs")
    assert call("runs", "list", "--json", "--name", "gentle") == call("runs", "--json", "--name", "gentle")
    none = tmp_path / "none.sqlite"
    assert call("runs", "--store", none, "list") == call("runs", "--store", none)


def test_a_run_of_a_newer_version_is_listed_as_unreadable_and_can_be_deleted(
    call: Call, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        call("train", "gentle-line", *FEW)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE runs SET experiment = replace(experiment, '\"sgd\"', '\"muon\"') WHERE id = 1")
    connection.close()
    code, out, err = call("runs")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (Exit.DONE, ["run", "2"])
    assert err.startswith("Run 1, gentle-line, cannot be read by this version: its experiment: optimizer.name = 'muon'")
    assert err.endswith("`tui-regress runs delete 1` removes it.\n")
    assert call("runs", "--json").err == err
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    code, out, asked = call("runs", "delete", "1")
    assert (code, asked) == (Exit.DONE, f"{err}1 run deleted.\n")
    assert call("runs").err == ""


def test_of_many_runs_the_newest_are_listed_and_the_others_hinted_at(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_regress.cli.kept_runs._LISTED", 2)
    for _ in range(3):
        call("train", "gentle-line", *FEW)
    _, out, err = call("runs")
    assert [line.split()[0] for line in out.splitlines()] == ["run", "3", "2"]
    assert err == "These are the 2 newest; --limit N shows more.\n"
    assert len(call("runs", "--json").events) == 3
    assert call("runs", "--limit", "3").err == ""


def test_a_narrow_terminal_gets_whole_words_in_fewer_columns(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("train", "gentle-line", *FEW)
    monkeypatch.setattr("tui_regress.cli.pages.get_terminal_size", lambda: os.terminal_size((60, 20)))
    _, out, _ = call("runs")
    assert len(out.splitlines()[0]) > 60, "a pipe has room for all"
    # Here, not earlier: capsys puts a stream of its own in place for the test.
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    out = re.sub(r"\x1b\[[\d;]*m", "", call("runs").out)
    assert max(map(len, out.splitlines())) <= 60
    assert "gentle-line" in out
    assert "completed" in out


def test_an_object_of_the_list_is_all_that_a_program_needs_to_choose(call: Call) -> None:
    call("train", "gentle-line", *FEW)
    [listed] = call("runs", "--json").events
    assert list(listed) == [
        "run", "experiment", "status", "stop", "reason", "began", "seconds", "epoch", "epochs", "loss",
        "validation_loss", "metrics", "device", "gradient", "resumable",
    ]  # fmt: skip
    assert (listed["run"], listed["status"], listed["stop"], listed["resumable"]) == (1, "completed", "epochs", False)
    assert (listed["epoch"], listed["epochs"], listed["validation_loss"]) == (3, 3, None)
    assert listed["metrics"]["training"]["rows"] == 5
    assert listed["began"].endswith("+00:00")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_takes_what_is_said_to_it_and_harms_nothing(call: Call, store: Path, closed: str) -> None:
    call("train", "gentle-line", *FEW)
    command = f'"$1" runs --store "$2" {closed}'
    found = subprocess.run(["/bin/sh", "-c", command, "sh", SCRIPT, store], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (Exit.DONE, "")
    assert ("gentle-line" in found.stdout) == (closed == "2>&-")
    assert call("runs", "--json").events[0]["run"] == 1


def test_a_store_without_a_name_is_refused_in_a_sentence(call: Call) -> None:
    code, out, err = call("runs", "--store", "")
    assert (code, out) == (Exit.WRONG, "")
    assert err == "tui-regress: .: is a folder; the store is a file, such as runs.sqlite in it.\n"


def test_listing_and_showing_runs_loads_neither_torch_nor_polars_nor_textual(call: Call) -> None:
    call("train", "gentle-line", *FEW)
    loaded = loaded_by("from tui_regress import cli; assert cli.run(['runs']) == 0; assert cli.run(['runs', '1']) == 0")
    assert "sqlite3" in loaded
    assert not loaded & {"torch", "polars", "textual", "plotext", "sympy"}


def test_help_of_what_concerns_runs_loads_nothing_heavy() -> None:
    asked = [["runs", "--help"], ["runs", "resume", "--help"], ["predict", "--help"], ["export", "--help"]]
    loaded = loaded_by(f"from tui_regress import cli; assert [cli.run(words) for words in {asked}] == [0] * 4")
    assert not loaded & HEAVY


# One run


@pytest.mark.parametrize("words", [["show", "1"], ["1"]])
def test_the_page_of_a_run_tells_what_it_was_how_it_ended_and_what_it_gave(call: Call, words: list[str]) -> None:
    call("train", "gentle-line", "--set", "optimizer.momentum=0.5")
    code, out, err = call("runs", *words)
    head, end, facts, parameters, metrics = out.rstrip().split("\n\n")
    assert (code, err) == (Exit.DONE, "")
    assert head == "Run 1: gentle-line\nSGD, lr 0.01: slow and steady"
    assert re.fullmatch(r"COMPLETED after 1,000 of 1,000 epochs, .* s\nAll 1000 epochs are done\.", end)
    told = dict(re.split("  +", line, maxsplit=1) for line in facts.splitlines())
    assert list(told) == [
        "began", "computed", "rows", "data", "model", "optimizer", "training", "versions", "platform"
    ]  # fmt: skip
    assert told["computed"] == "cpu, float32, autograd"
    assert told["data"] == "points · x 1, 2, 3, 4, 5 · y 2, 4, 6, 8, 10"
    assert told["optimizer"] == "sgd · lr 0.01 · momentum 0.5"
    assert re.match(r"tui-regress \S+, python 3\.\d+\.\d+, torch \S+, numpy \S+$", told["versions"])
    assert re.match(r"parameter +epoch 1,000\nw\[x\] +(2|1\.99\d*) *\nb ", parameters)
    assert metrics.split()[:2] == ["training", "R²"]


def test_the_page_of_a_diverged_run_gives_the_verdict_and_the_best_parameters(call: Call) -> None:
    call("train", "exploding-line")
    out = call("runs", "show", "1").out
    assert re.search(r"\nDIVERGED after 3 of 1,000 epochs, .*\nDiverging since epoch 1: ", out)
    assert re.search(r"parameter +epoch 3 +best, epoch 0\n", out)


def test_the_page_of_a_run_and_what_it_predicts_read_no_more_of_its_records_than_they_say(
    call: Call, store: Path, houses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, original = list[int](), blocks.to_records

    def to_records(row: sqlite3.Row) -> Records:
        decoded.append(row["first"])
        return original(row)

    monkeypatch.setattr(blocks, "to_records", to_records)
    call("train", houses, "--target", "price", *FEW)
    with Store(store) as opened:
        run = opened.kept(1)
        ended = State("completed", "epochs", epoch=49, loss=4.0, parameters=run.parameters, record=49)
        width = len(run.parameter_names)
        parts = (block(10 * part, np.full(10, abs(3.0 - part) + 2), width=width) for part in range(5))
        opened.write(1, ended, [Records.of(part) for part in parts])
    decoded.clear()
    assert call("export", 1, "--to", "formula").code == Exit.DONE
    assert call("predict", 1, houses).code == Exit.DONE
    assert decoded == []
    assert re.search("epoch 49 +best, epoch 30", call("runs", "show", 1).out)
    assert decoded == [30]


def test_damaged_records_are_said_before_anything_is_shown(call: Call, store: Path) -> None:
    call("train", "gentle-line", *FEW)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE blocks SET in_full = x'00'")
    connection.close()
    assert call("runs", "show", 1) == (Exit.WRONG, "", f"tui-regress: {store}: the records of run 1 are damaged.\n")
    code, out, err = call("export", 1, "--to", "formula")
    assert (code, err) == (Exit.DONE, "")
    assert out.startswith("y = ")


def test_the_page_as_an_object_holds_settings_parameters_and_environment(call: Call) -> None:
    call("train", "exploding-line")
    [page] = call("runs", "show", "1", "--json").events
    assert page["settings"] == json.loads(json.dumps(encode(builtin("exploding-line"))))
    assert page["parameters"].keys() == {"w[x]", "b"}
    assert page["best"] == {"epoch": 0, "loss": 44.0, "parameters": [0.0, 0.0]}
    assert page["divergence"]["rule"] == "rising"
    assert page["forecast"]["overflow_epoch"] == 134
    assert {"python", "torch", "host", "pid"} <= page["environment"].keys()


def test_numbers_of_a_kept_run_that_are_not_finite_are_strings(call: Call) -> None:
    settings = ["--set", "training.on_divergence=continue", "--set", "training.epochs=134"]
    call("train", "exploding-line", *settings)
    [listed] = call("runs", "--json").events
    assert listed["loss"] == "inf"
    assert call("runs", "show", "1", "--json").events[0]["loss"] == "inf"


def test_what_a_table_brings_cannot_act_on_the_terminal(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31mred[b].csv"
    path.write_text("\x1b]0;title\x07x,[bold]z,y\n" + "1,2,a\x1b[2J\n2,1,b\n3,5,a\x1b[2J\n" * 3, encoding="utf-8")
    results = [
        call("train", path, "--target", "y", *FEW),
        call("runs"),
        call("runs", "show", "1"),
        call("export", "1", "--to", "formula"),
    ]
    assert [result.code for result in results] == [Exit.DONE] * 4
    for result in results:
        assert not set(map(ord, result.out + result.err)) & {*range(10), *range(11, 32), 127}
    assert "[bold]z" in results[2].out


@pytest.mark.parametrize("command", [["show"], ["delete"], ["replay"], ["resume"]])
def test_a_run_that_is_not_there_is_refused_in_one_line(call: Call, command: list[str]) -> None:
    call("train", "gentle-line", *FEW)
    sentence = "tui-regress: there is no run 7; `tui-regress runs` lists them.\n"
    assert call("runs", *command, "7") == (Exit.WRONG, "", sentence)


@pytest.mark.parametrize("words", [["runs", "show", "1"], ["predict", "1", "x.csv"], ["export", "1", "--to", "csv"]])
def test_a_store_that_is_not_there_is_refused_and_not_made(call: Call, store: Path, words: list[str]) -> None:
    sentence = f"tui-regress: no runs are kept in {store} yet; `tui-regress train` keeps them.\n"
    assert call(*words) == (Exit.WRONG, "", sentence)
    assert not store.exists()


def test_the_store_can_be_named_before_or_after_the_command(call: Call, tmp_path: Path) -> None:
    mine = tmp_path / "mine.sqlite"
    call("train", "gentle-line", *FEW, "--store", mine)
    for words in (["runs", "--store", mine, "show", "1"], ["runs", "show", "1", "--store", mine]):
        assert call(*words).out.startswith("Run 1: gentle-line")


# Going on


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gentle-line", {"training__epochs": 5000, "training__gradient": "analytic"}),
        ("d2l-concise", {"training__epochs": 20, "training__gradient": "analytic"}),
    ],
)
def test_a_stopped_run_goes_on_to_the_numbers_of_one_that_was_never_stopped(
    call: Call, store: Path, name: str, settings: dict[str, Any]
) -> None:
    epoch = stopped_early(store, name, **settings)
    options = [word for key, value in settings.items() for word in ("--set", f"{key.replace('__', '.')}={value}")]
    start, *events = call("train", name, "--no-store", "--json", *options).events
    result = call("runs", "resume", "1", "--json")
    restart, *rest = result.events
    assert (result.code, result.err) == (Exit.DONE, "Kept as run 1; `tui-regress runs show 1` tells about it.\n")
    assert restart == start | {"run": 1}
    assert [event["epoch"] for event in rest] == [*range(epoch + 1, events[-1]["epoch"] + 1), events[-1]["epoch"]]
    assert rest[:-1] == events[epoch + 1 : -1]
    assert {**rest[-1], "seconds": 0} == {**events[-1], "seconds": 0}
    [listed] = call("runs", "--json").events
    assert (listed["status"], listed["epoch"], listed["loss"]) == ("completed", events[-1]["epoch"], rest[-1]["loss"])


def test_a_run_goes_on_in_text_and_can_be_saved(call: Call, store: Path, tmp_path: Path) -> None:
    epoch = stopped_early(store, "gentle-line", training__epochs=2000, training__gradient="analytic")
    assert "`tui-regress runs resume 1` goes on from there." in call("runs", "show", "1").out
    code, out, _ = call("runs", "resume", "1", "--every", "500", "--save", tmp_path / "line.pt")
    assert (code, (tmp_path / "line.toml").exists()) == (Exit.DONE, True)
    numbers = [int(number) for number in re.findall(r"^ +(\d+) ", out, flags=re.MULTILINE)]
    assert numbers == [number for number in (500, 1000, 1500, 2000) if number > epoch]
    assert "COMPLETED after 2,000 epochs" in out


def test_a_run_that_has_ended_does_not_go_on(call: Call) -> None:
    call("train", "gentle-line", *FEW)
    sentence = "run 1 is completed; only one that was stopped or interrupted can go on."
    assert call("runs", "resume", "1") == (Exit.WRONG, "", f"tui-regress: {sentence}\n")


def test_a_run_interrupted_before_its_first_checkpoint_begins_anew(call: Call, store: Path) -> None:
    call("train", "gentle-line", *FEW)
    before = call("export", "1", "--to", "csv").out
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE runs SET status = 'interrupted', stop = NULL, parameters = NULL, epoch = -1")
        connection.execute("DELETE FROM blocks")
    connection.close()
    code, _, err = call("runs", "resume", "1")
    assert (code, err.splitlines()) == (
        Exit.DONE,
        [
            "Run 1 was interrupted before its first checkpoint; it begins anew.",
            "Kept as run 1; `tui-regress runs show 1` tells about it.",
        ],
    )
    assert call("export", "1", "--to", "csv").out == before


def test_a_stopped_run_whose_checkpoint_is_gone_says_so(call: Call, store: Path) -> None:
    stopped_early(store, "gentle-line", training__epochs=5000, training__gradient="analytic")
    with Store(store) as opened:
        opened.checkpoint_path(1).unlink()
    sentence = "the checkpoint of run 1 is gone; it can only be trained again."
    assert call("runs", "resume", "1") == (Exit.WRONG, "", f"tui-regress: {sentence}\n")


def test_a_run_whose_end_is_lost_is_not_said_to_be_kept(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_arguments: object) -> None:
        raise InputError("the disk is full.")

    monkeypatch.setattr(Store, "write", write)
    err = call("train", "gentle-line", *FEW).err
    assert err.endswith("The end of run 1 is not kept, or only in part. the disk is full.\n")
    assert "Kept as" not in err


def test_a_run_whose_data_have_changed_is_not_run_again(call: Call, houses: Path) -> None:
    call("train", houses, "--target", "price", *FEW)
    houses.write_text(houses.read_text(encoding="utf-8").replace("450", "460"), encoding="utf-8")
    code, out, err = call("runs", "replay", "1")
    assert (code, out) == (Exit.WRONG, "")
    assert err == (
        "tui-regress: the data of run 1 have changed since it was trained: as many numbers as then, but others.\n"
    )


# Again


def test_a_replay_says_that_the_numbers_match(call: Call) -> None:
    call("train", "d2l-concise")
    assert call("runs", "replay", "1") == (Exit.DONE, "All 4 records match to the bit.\n", "")
    assert len(call("runs", "--json").events) == 1


def test_a_replay_that_does_not_match_says_where_and_ends_with_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("train", "gentle-line", *FEW)
    sentence = "The numbers differ from record 2 on: loss 1 then, 2 now."

    def replay_of(*_arguments: object) -> Iterator[Verdict | Comparison]:
        yield Verdict("rising", 3, 1, 2.0, "Up.")
        yield Comparison(matches=False, exact=False, epoch=2, sentence=sentence)

    monkeypatch.setattr(headless, "replay_of", replay_of)
    assert call("runs", "replay", "1") == (Exit.FAILED, f"{sentence}\n", "")


# Deleting


class Keyboard(io.StringIO):
    """A terminal at which somebody answers."""

    def isatty(self) -> bool:
        return True


def test_where_nobody_could_answer_nothing_is_deleted_without_yes(call: Call) -> None:
    for _ in range(3):
        call("train", "gentle-line", *FEW)
    sentence = "tui-regress: there is no terminal to ask on; `--yes` deletes without a question.\n"
    assert call("runs", "delete", "1", "3", "1") == (Exit.WRONG, "", sentence)
    assert call("runs", "delete", "1", "3", "1", "--yes") == (Exit.DONE, "", "2 runs deleted.\n")
    assert [run["run"] for run in call("runs", "--json").events] == [2]


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_the_runs_are_shown_and_deleted_after_a_yes(
    call: Call, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    call("train", "gentle-line", *FEW)
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    code, out, _ = call("runs", "delete", "1")
    assert code == Exit.DONE
    assert "gentle-line" in out
    assert "Delete for good?" in out
    assert len(call("runs", "--json").events) == left


def test_yes_is_said_beforehand_with_an_option(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("train", "gentle-line", *FEW)
    monkeypatch.setattr("sys.stdin", Keyboard(""))
    assert call("runs", "delete", "1", "--yes") == (Exit.DONE, "", "1 run deleted.\n")


def test_where_one_run_is_not_there_none_is_deleted(call: Call) -> None:
    call("train", "gentle-line", *FEW)
    assert call("runs", "delete", "1", "2").code == Exit.WRONG
    assert len(call("runs", "--json").events) == 1


# Completion


def completed(*words: str, incomplete: str) -> list[tuple[str, str | None]]:
    items = ShellComplete(cli.laboratory, {}, "tui-regress", "_").get_completions(list(words), incomplete)
    return [(item.value, item.help) for item in items if item.type == "plain"]


def test_the_shell_completes_the_numbers_of_runs_with_what_they_are(call: Call, tmp_path: Path) -> None:
    assert completed("runs", "show", incomplete="") == []
    for _ in range(11):
        call("train", "gentle-line", *FEW)
    assert completed("runs", "delete", incomplete="1") == [
        (str(number), "gentle-line, completed") for number in (11, 10, 1)
    ]
    assert completed("predict", incomplete="9") == [("9", "gentle-line, completed")]
    assert ("2", "gentle-line, completed") in completed("export", incomplete="")
    assert completed("runs", "show", "--store", str(tmp_path / "other.sqlite"), incomplete="1") == []
