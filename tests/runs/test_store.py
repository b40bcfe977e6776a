import math
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.made_up import add_run, block, dataset, ended, experiment, metrics, started, write
from tui_regress import __version__
from tui_regress.engine.events import Measured, Recovered, Verdict
from tui_regress.engine.metrics import LogisticMetrics
from tui_regress.problems import InputError
from tui_regress.runs import database
from tui_regress.runs.environment import environment
from tui_regress.runs.store import State, Store, default_path

ELSEWHERE = {**environment(), "host": "another-machine"}
GONE = {**environment(), "process_began": 1.0}
"""Of a process whose number this one has now."""


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


def test_a_new_run_is_in_the_list_at_once(opened: Store) -> None:
    before = datetime.now(UTC)
    run_id = add_run(opened, training__epochs=77)
    (run,) = opened.runs()
    assert run == opened.summary(run_id)
    assert before <= run.began <= datetime.now(UTC)
    assert (run.run_id, run.name, run.experiment) == (1, "gentle-line", experiment(training__epochs=77))
    assert (run.status, run.stop, run.reason, run.epoch, run.epochs) == ("running", None, "", 0, 77)
    assert (run.loss, run.validation_loss, run.metrics, run.resumable) == (None, None, None, False)
    assert (run.device, run.gradient, run.seconds) == ("cpu", "analytic", 0.0)
    assert run.environment["tui-regress"] == __version__
    assert {"python", "torch", "numpy", "platform", "host", "pid"} <= run.environment.keys()


def test_all_of_a_run_comes_back(opened: Store) -> None:
    run_id = add_run(opened, held_out=True)
    verdict = Verdict("trend", 7, 3, math.inf, "It grows.")
    recovered = Recovered(7, 2, 0.05, "Back to epoch 2.")
    measured = Measured(8, metrics(0.9), metrics(math.nan))
    end = ended(8)
    write(opened, run_id, block(0, np.linspace(9, 1, 9), held=np.linspace(8, 2, 9)))
    kept = opened.kept(run_id)
    assert (kept.verdict, kept.recoveries, kept.measured, kept.ended, kept.fingerprint) == (None, (), None, None, None)
    assert (kept.record, kept.parameters is not None and kept.parameters.tolist()) == (8, [8.0, 8.1])

    state = State(
        end.status, end.stop, end.reason, 2.5, 8, 1.0, 2.0, verdict, (recovered,), measured, end.parameters, 5, "f00d"
    )
    opened.write(run_id, state, [])
    kept = opened.kept(run_id)
    assert (kept.parameter_names, kept.feature_names, kept.target_name) == (("w[x]", "b"), ("x",), "y")
    assert (kept.rows, kept.validation_rows, kept.dtype, kept.notes) == (5, 2, "float32", ("Mind the gap.",))
    assert (kept.labels, kept.forecast, kept.fingerprint) == (None, None, "f00d")
    assert (kept.verdict, kept.recoveries) == (verdict, (recovered,))
    assert kept.measured is not None
    assert repr(kept.measured) == repr(measured)
    assert kept.summary.metrics == {"training": measured.training.to_json(), "validation": metrics(math.nan).to_json()}
    assert (kept.summary.loss, kept.summary.validation_loss) == (1.0, 2.0)
    np.testing.assert_array_equal(kept.records.loss, np.linspace(9, 1, 9))
    last = kept.ended
    assert last is not None
    assert (last.status, last.stop, last.reason, last.epoch, last.loss) == ("completed", "epochs", end.reason, 8, 1.0)
    assert (last.verdict, last.seconds, last.record, last.parameters.tolist()) == (verdict, 2.5, 5, [1.5, 0.25])
    assert last.best is not None
    assert (last.best.epoch, last.best.loss) == (8, 2.0)


def test_metrics_of_two_classes_and_their_labels_come_back(opened: Store) -> None:
    run_id = opened.add(experiment(), replace(dataset(), labels=("no", "yes")), started(), environment())
    measured = Measured(3, LogisticMetrics(5, 0.8, math.inf, math.nan, ((1, 0), (1, 3))), None)
    opened.write(run_id, State(measured=measured), [])
    kept = opened.kept(run_id)
    assert kept.labels == ("no", "yes")
    assert kept.measured is not None
    assert repr(kept.measured) == repr(measured)


@pytest.mark.parametrize("last", [math.nan, math.inf, -math.inf])
def test_a_last_loss_that_is_not_finite_is_told_from_none(opened: Store, last: float) -> None:
    run_id = add_run(opened, held_out=True)
    write(opened, run_id, block(0, [1.0, last], held=[1.0, last]))
    run = opened.summary(run_id)
    assert repr((run.loss, run.validation_loss)) == repr((last, last))


def test_records_are_written_bit_by_bit_and_replaced_from_where_a_run_goes_on(opened: Store) -> None:
    run_id = add_run(opened)
    write(opened, run_id, block(0, [9.0, 8.0, 7.0]), block(3, [6.0, 5.0]))
    write(opened, run_id, block(5, [4.0, 3.0, 2.0]))
    write(opened, run_id, block(4, [5.5, 4.5], lr=0.2))
    kept = opened.kept(run_id)
    assert kept.records.loss.tolist() == [9.0, 8.0, 7.0, 6.0, 5.5, 4.5]
    assert kept.records.rates == ((0, 0.1), (4, 0.2))
    assert kept.records.parameters[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert kept.summary.epoch == 5
    write(opened, run_id, block(0, [1.0]))
    assert opened.kept(run_id).records.loss.tolist() == [1.0]


def test_a_gap_in_the_records_is_refused_and_nothing_is_changed(opened: Store) -> None:
    run_id = add_run(opened)
    write(opened, run_id, block(0, [2.0, 1.0]))
    with pytest.raises(InputError, match="record 2 must come next, not 3"):
        write(opened, run_id, block(3, [0.5]), reason="gap")
    assert opened.summary(run_id).reason == ""
    assert len(opened.kept(run_id).records) == 2


def test_runs_are_listed_newest_first_by_name_and_by_status(opened: Store) -> None:
    for name in ("one", "Two", "three", "TWO again"):
        add_run(opened, name=name)
    opened.write(2, State("completed", "epochs"), [])
    assert [run.run_id for run in opened.runs()] == [4, 3, 2, 1]
    assert [run.run_id for run in opened.runs(name="two")] == [4, 2]
    assert [run.run_id for run in opened.runs(status="running")] == [4, 3, 1]
    assert [run.run_id for run in opened.runs(name="two", status="completed")] == [2]
    assert [run.run_id for run in opened.runs(limit=2)] == [4, 3]
    assert [run.run_id for run in opened.runs(status="running", limit=2)] == [4, 3]
    assert opened.runs(name="%") == []


def test_a_run_whose_process_is_gone_is_interrupted(opened: Store) -> None:
    here = add_run(opened)
    gone = opened.add(experiment(), dataset(), started(), GONE)
    ended_child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    killed = opened.add(experiment(), dataset(), started(), {**environment(), "pid": int(ended_child.stdout)})
    elsewhere = opened.add(experiment(), dataset(), started(), ELSEWHERE)
    assert {run.run_id: run.status for run in opened.runs()} == {
        here: "running",
        gone: "interrupted",
        killed: "interrupted",
        elsewhere: "running",
    }
    assert [run.run_id for run in opened.runs(status="interrupted")] == [killed, gone]
    assert opened.summary(gone).reason == "The program that trained it ended before the run did."
    assert opened.summary(elsewhere).environment["host"] == "another-machine"


@pytest.mark.parametrize(
    ("status", "resumable"),
    [("stopped", True), ("interrupted", True), ("running", False), ("completed", False), ("diverged", False)],
)
def test_what_was_stopped_or_interrupted_can_go_on_from_its_checkpoint(
    opened: Store, status: Any, resumable: bool
) -> None:
    run_id = add_run(opened)
    opened.write(run_id, State(status), [])
    assert not opened.summary(run_id).resumable
    checkpoint = opened.checkpoint_path(run_id)
    assert checkpoint == opened.path.with_name("runs.sqlite.checkpoints") / "1.pt"
    checkpoint.parent.mkdir()
    checkpoint.touch()
    assert opened.summary(run_id).resumable == resumable


def test_a_run_that_goes_on_is_running_again_here_and_now(opened: Store) -> None:
    run_id = opened.add(experiment(), dataset(), started(), GONE)
    recovered, verdict = Recovered(3, 1, 0.05, "Back."), Verdict("trend", 3, 1, 2.0, "It grows.")
    gave = {"parameters": np.array([0.5, 0.5]), "record": 2}
    before = {"seconds": 7.5, "verdict": verdict, "status": "diverged", "stop": "divergence", "reason": "Why."}
    write(opened, run_id, block(0, [4.0, 3.0, 2.0, 9.0]), **before, **gave)
    state = opened.take_up(run_id, replace(started(), device="cuda:0"), environment(), recovered)
    assert (state.seconds, state.epoch, state.verdict, state.recoveries) == (7.5, 3, None, (recovered,))
    kept = opened.kept(run_id)
    assert (kept.summary.status, kept.summary.reason, kept.summary.device) == ("running", "", "cuda:0")
    assert kept.summary.environment == environment()
    assert len(kept.records) == 4
    assert kept.recoveries == (recovered,)
    assert kept.parameters is not None
    assert (kept.record, kept.parameters.tolist()) == (3, [3.0, 3.1])
    with pytest.raises(InputError, match="run 1 is still running; it cannot go on twice"):
        opened.take_up(run_id, started(), environment(), None)


def test_what_is_deleted_is_gone_with_its_checkpoint_and_its_number_is_not_given_again(opened: Store) -> None:
    for _ in range(3):
        run_id = add_run(opened)
        write(opened, run_id, block(0, np.random.default_rng(0).normal(size=5_000), width=20), status="stopped")
    checkpoint = opened.checkpoint_path(3)
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"state")
    checkpoint.with_name(".3.pt.4711.part").touch()
    checkpoint.with_name(".1.pt.4711.part").touch()
    pages = pages_of(opened.path)
    assert opened.delete([3, 2, 3]) == 2
    assert [run.run_id for run in opened.runs()] == [1]
    assert [path.name for path in checkpoint.parent.iterdir()] == [".1.pt.4711.part"]
    assert pages_of(opened.path) < 0.5 * pages
    assert add_run(opened) == 4


def test_what_is_running_or_not_there_is_not_deleted(opened: Store) -> None:
    for state in (State("completed"), State("running")):
        opened.write(add_run(opened), state, [])
    opened.add(experiment(), dataset(), started(), ELSEWHERE)
    with pytest.raises(InputError, match="run 2 is still running; stop it first"):
        opened.delete([1, 2])
    with pytest.raises(InputError, match="run 3 is still running on another-machine; stop it first"):
        opened.delete([1, 3])
    with pytest.raises(InputError, match="there is no run 12; `tui-regress runs` lists them"):
        opened.delete([1, 12])
    assert len(opened.runs()) == 3


@pytest.mark.parametrize("ask", [Store.summary, Store.kept])
def test_a_run_that_is_not_there_is_named(opened: Store, ask: Any) -> None:
    with pytest.raises(InputError, match="there is no run 7; `tui-regress runs` lists them"):
        ask(opened, 7)


def test_writing_to_a_deleted_run_or_a_deleted_store_is_refused(opened: Store) -> None:
    run_id = add_run(opened)
    write(opened, run_id, block(0, [1.0]), status="completed")
    opened.delete([run_id])
    with pytest.raises(InputError, match="run 1 has been deleted from the store"):
        write(opened, run_id, block(1, [0.5]))
    another = add_run(opened)
    opened.path.unlink()
    with pytest.raises(InputError, match=r"runs\.sqlite: the store has been moved or deleted"):
        write(opened, another, block(0, [1.0]))


# -- the file


def test_the_store_is_in_the_folder_for_data_unless_it_is_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_path().name == "runs.sqlite"
    assert default_path().parent.name == "tui-regress"


def test_a_store_opens_again_and_others_can_read_while_it_is_written(opened: Store) -> None:
    add_run(opened)
    with Store(opened.path) as other:
        assert [run.run_id for run in other.runs()] == [1]
        add_run(opened)
        assert [run.run_id for run in other.runs()] == [2, 1]
        assert other.delete([]) == 0


def test_what_was_written_by_a_newer_version_is_refused(path: Path) -> None:
    Store(path).close()
    sqlite("PRAGMA user_version = 99", path)
    with pytest.raises(
        InputError, match=r"runs\.sqlite: was written by a newer tui-regress; this one cannot read it\."
    ):
        Store(path)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    sqlite("CREATE TABLE songs (title TEXT)", path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="is a database of another program, not a store of runs"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"rooms,rent\n" * 1000, b"SQLite format 3\0" + b"\xff" * 5000], ids=["a table", "a damaged header"]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"runs\.sqlite: (is not a store of runs|the store is damaged)"):
        Store(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_said_to_be_one(opened: Store) -> None:
    for _ in range(30):
        write(opened, add_run(opened), block(0, np.random.default_rng(0).normal(size=500)))
    opened.close()
    content = bytearray(opened.path.read_bytes())
    content[2 * 4096 : -4096] = b"\x5a" * (len(content) - 3 * 4096)
    opened.path.write_bytes(content)
    with Store(opened.path) as damaged, pytest.raises(InputError, match=r"runs\.sqlite: the store is damaged"):
        damaged.runs()


def test_damaged_records_are_said_to_be_so_and_the_other_runs_are_there(opened: Store) -> None:
    for _ in range(2):
        write(opened, add_run(opened), block(0, [2.0, 1.0]))
    sqlite("UPDATE blocks SET loss = x'00' WHERE run = 1", opened.path)
    with pytest.raises(InputError, match=r"the records of run 1 are damaged\."):
        opened.kept(1)
    assert len(opened.runs()) == 2
    assert len(opened.kept(2).records) == 2


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("experiment = replace(experiment, '\"sgd\"', '\"muon\"')", "its experiment: optimizer.name = 'muon': must be"),
        ("experiment = 'data = '", "its experiment: "),
        ("environment = '{}', status = 'running'", "what the store holds of it is damaged."),
        ("environment = '[]'", "what the store holds of it is damaged."),
        ("metrics = '{'", "what the store holds of it is damaged."),
        ("verdict = '7'", "what the store holds of it is damaged."),
        ("recoveries = '[{}]'", "what the store holds of it is damaged."),
        ("metrics = '[]'", "what the store holds of it is damaged."),
    ],
)
def test_a_run_that_cannot_be_read_leaves_the_others_readable_and_can_be_deleted(
    opened: Store, damage: str, reason: str
) -> None:
    for _ in range(2):
        write(opened, add_run(opened), block(0, [2.0, 1.0]), status="completed")
    sqlite(f"UPDATE runs SET {damage} WHERE id = 1", opened.path)  # noqa: S608 - what the test itself says
    assert [run.run_id for run in opened.runs()] == [2]
    readable, [unreadable] = opened.listed()
    assert [run.run_id for run in readable] == [2]
    assert (unreadable.run_id, unreadable.name) == (1, "gentle-line")
    assert unreadable.reason.startswith(reason)
    for ask in (opened.summary, opened.kept):
        with pytest.raises(InputError) as caught:
            ask(1)
        assert str(caught.value).startswith(f"run 1 cannot be read by this version: {reason}")
        assert str(caught.value).endswith("`tui-regress runs delete 1` removes it.")
    assert opened.delete([1]) == 1
    assert opened.listed() == (readable, [])


def test_a_place_where_no_file_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/runs\.sqlite: (Not a directory|File exists)\."):
        Store(tmp_path / "file" / "runs.sqlite")
    with pytest.raises(InputError, match=r": is a folder; the store is a file, such as runs\.sqlite in it\."):
        Store(tmp_path)


def test_a_name_with_control_characters_prints_as_itself(tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31mb.sqlite"
    odd.write_text("no database, " * 100)
    with pytest.raises(InputError) as caught:
        Store(odd)
    assert "\x1b" not in str(caught.value)


def test_a_lock_is_waited_for_and_then_named(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    holder = sqlite3.connect(opened.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Store(opened.path) as waiting, pytest.raises(InputError, match="another program holds on to the store"):
        add_run(waiting)
    holder.close()


def test_two_who_make_the_same_store_at_once_wait_for_each_other(path: Path) -> None:
    path.parent.mkdir()
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("BEGIN IMMEDIATE")
    # SQLite itself would not wait here: the other must be refused at once, and try again.
    release = threading.Timer(0.2, first.execute, ["ROLLBACK"])
    release.start()
    with Store(path) as opened:
        add_run(opened)
    release.join()
    first.close()


def test_two_programs_write_to_one_store_at_once(path: Path) -> None:
    children = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path)]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    with Store(path) as opened:
        runs = opened.runs()
        assert {run.status for run in runs} == {"completed"}
        assert len(runs) == 10
        for run in runs:
            assert opened.kept(run.run_id).records.loss.tolist() == [*range(10)]
    assert sqlite("PRAGMA integrity_check", path) == [("ok",)]


_WRITER = """
import sys
from pathlib import Path
from tests.runs.made_up import add_run, block, write
from tui_regress.runs.store import State, Store

with Store(Path(sys.argv[1])) as store:
    for _ in range(5):
        run_id = add_run(store)
        for record in range(10):
            write(store, run_id, block(record, [record]), status="completed")
            store.runs(limit=3)
"""


def sqlite(statement: str, path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    with connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    return found


def pages_of(path: Path) -> int:
    return int(sqlite("PRAGMA page_count", path)[0][0])
