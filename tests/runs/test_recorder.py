import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.made_up import Step, block, dataset, ended, experiment, feed, keep, kept, metrics, started, until
from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import load_checkpoint
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Noted, Recovered, Started, Verdict
from tui_regress.engine.training import run
from tui_regress.experiment import Table, decode
from tui_regress.runs import recorder
from tui_regress.runs.fingerprint import fingerprint
from tui_regress.runs.recorder import recorded
from tui_regress.runs.store import Store

VERDICT = Verdict("trend", 3, 1, 2.0, "It grows.")


def test_events_are_passed_on_but_for_checkpoints(path: Path) -> None:
    events: list[Event] = [
        started(),
        block(0, [9.0]),
        Checkpoint(0, {}),
        block(1, [8.0, 7.0]),
        Measured(2, metrics(0.5), None),
        ended(2),
    ]
    assert keep(path, *events) == [event for event in events if not isinstance(event, Checkpoint)]


def test_the_number_is_told_and_the_run_is_listed_before_it_starts(path: Path) -> None:
    told = list[int]()
    events = recorded(feed(started(), block(0, [1.0])), path, experiment(), dataset(), on_run=told.append)
    assert isinstance(next(events), Started)
    assert told == [1]
    with Store(path) as store:
        assert [run.status for run in store.runs()] == ["running"]


def test_all_is_written_before_the_last_word(path: Path) -> None:
    first, second, measured = block(0, [9.0]), block(1, [8.0, 7.0], lr=0.05), Measured(2, metrics(0.5), None)
    events = feed(started(), first, second, measured, Noted("By the way."), ended(2, verdict=VERDICT))
    for event in recorded(events, path, experiment(), dataset()):
        if isinstance(event, Ended):
            run = kept(path)
            assert run.summary.status == "completed"
            assert run.records.loss.tolist() == [9.0, 8.0, 7.0]
            assert run.records.rates == ((0, 0.1), (1, 0.05))
            assert (run.verdict, run.measured, run.record) == (VERDICT, measured, 2)
            assert run.parameters is not None
            assert run.parameters.tolist() == event.parameters.tolist()
            assert run.fingerprint == fingerprint(dataset())


def test_what_is_new_is_written_soon_also_when_nothing_more_happens(path: Path) -> None:
    def in_the_store() -> bool:
        run = kept(path)
        return len(run.records) == 2 and run.verdict == VERDICT

    keep(path, started(), block(0, [9.0, 8.0]), VERDICT, lambda: until(in_the_store), ended(1))


def test_it_is_written_no_more_often_than_about_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, writes = time.monotonic(), list[float]()
    original = Store.write

    def write(*arguments: Any) -> None:
        writes.append(time.monotonic())
        original(*arguments)

    monkeypatch.setattr(Store, "write", write)
    steps = list[Step]()
    for record in range(200):
        steps += [block(record, [1.0]), partial(time.sleep, 0.01)]
    keep(path, started(), *steps, ended(199))
    assert len(writes) <= (time.monotonic() - began) / recorder.PERIOD + 1
    assert len(kept(path).records) == 200


def test_a_recovery_belongs_to_the_run(path: Path) -> None:
    recovered = Recovered(1, 0, 0.05, "Back.")
    keep(path, started(), block(0, [1.0, 9.0]), VERDICT, recovered, block(2, [0.5]), ended(2))
    assert kept(path).recoveries == (recovered,)
    assert kept(path).verdict is None


@pytest.mark.parametrize(("status", "stays"), [("stopped", True), ("completed", False), ("diverged", False)])
def test_the_checkpoint_stays_for_as_long_as_a_run_can_go_on(path: Path, status: Any, stays: bool) -> None:
    checkpoint = Checkpoint(1, {"number": 0.1, "array": np.arange(3.0)})

    def there() -> bool:
        with Store(path) as store:
            return store.checkpoint_path(1).exists()

    keep(path, started(), block(0, [2.0, 1.0]), checkpoint, lambda: until(there), ended(1, status=status))
    assert there() == stays
    assert kept(path).summary.resumable == stays
    if stays:
        with Store(path) as store:
            found = load_checkpoint(store.checkpoint_path(1))
        assert repr(found) == repr(checkpoint)


def test_a_checkpoint_is_never_ahead_of_its_records(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[tuple[int, int]]()
    monkeypatch.setattr(
        recorder, "save_checkpoint", lambda _path, checkpoint: seen.append((checkpoint.epoch, kept(path).records.last))
    )
    steps = list[Step]()
    for record in range(100):
        steps += [block(record, [1.0]), Checkpoint(record, {}), partial(time.sleep, 0.02)]
    keep(path, started(), *steps, ended(99, status="stopped"))
    assert seen[-1] == (99, 99)
    assert all(epoch <= last for epoch, last in seen)


def test_a_run_that_fails_is_kept_as_failed_and_the_error_passes_through(path: Path) -> None:
    def fail() -> None:
        raise MemoryError("no room for 12 GB")

    with pytest.raises(MemoryError, match="no room"):
        keep(path, started(), block(0, [2.0, 1.0]), Checkpoint(1, {}), fail)
    run = kept(path)
    assert (run.summary.status, run.summary.stop) == ("failed", "error")
    assert run.summary.reason == "MemoryError: no room for 12 GB"
    assert run.records.loss.tolist() == [2.0, 1.0]
    assert not run.summary.resumable


def test_an_error_before_the_start_leaves_nothing_behind(path: Path) -> None:
    def fail() -> None:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        keep(path, fail)
    assert not path.exists()


def test_a_run_that_is_given_up_is_interrupted_and_can_go_on(path: Path) -> None:
    events = recorded(
        feed(started(), block(0, [2.0, 1.0]), Checkpoint(1, {}), block(2, [0.5])), path, experiment(), dataset()
    )
    for event in events:
        if isinstance(event, Block) and event.first == 2:
            break
    events.close()  # type: ignore[attr-defined]  # a generator, which a loop that is left closes in the same way
    run = kept(path).summary
    assert (run.status, run.stop, run.reason) == ("interrupted", None, "Interrupted after epoch 2.")
    assert run.resumable
    assert kept(path).ended is None


def test_an_interrupt_from_the_keyboard_interrupts_the_run(path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(path, started(), interrupt)
    assert kept(path).summary.reason == "Interrupted before its first record."


def test_a_program_that_just_ends_leaves_its_run_interrupted(path: Path) -> None:
    program = f"""
from tests.runs.made_up import *
from tui_regress.runs.recorder import recorded

events = recorded(iter([started(), block(0, [2.0, 1.0]), ended(1)]), Path({str(path)!r}), experiment(), dataset())
next(events), next(events)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert kept(path).summary.reason == "Interrupted after epoch 1."


def test_several_runs_are_kept_in_one_store_at_once(path: Path) -> None:
    def work(lr: float) -> None:
        blocks = [block(record, [float(record)], lr=lr) for record in range(200)]
        keep(path, started(), *blocks, Checkpoint(199, {}), ended(199, status="stopped"))

    threads = [threading.Thread(target=work, args=[lr]) for lr in (0.1, 0.2, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = [kept(path, run_id) for run_id in (1, 2, 3)]
    assert sorted(run.records.rates for run in runs) == [((0, 0.1),), ((0, 0.2),), ((0, 0.3),)]
    assert all(run.records.loss.tolist() == [*range(200)] and run.summary.resumable for run in runs)


def test_a_table_is_kept_with_its_columns_pinned_down(path: Path, tmp_path: Path) -> None:
    table = tmp_path / "rooms.csv"
    table.write_text("rooms,city,rent\n1,Bern,3\n2,Oslo,5\n3,Rome,7\n4,Bern,9\n")
    chosen = decode(
        {
            "data": {"source": "table", "path": str(table), "target": "rent", "features": ["rooms", "city"]},
            "training": {"epochs": 2},
        }
    )
    data = load_dataset(chosen)
    list(recorded(run(chosen, data), path, chosen, data))
    found = kept(path)
    assert isinstance(found.summary.experiment.data, Table)
    assert [column.values for column in found.summary.experiment.data.columns] == [(), ("Bern", "Oslo", "Rome")]
    assert found.feature_names == ("rooms", "city=Oslo", "city=Rome")
    assert fingerprint(load_dataset(found.summary.experiment)) == found.fingerprint


def test_many_records_are_written_before_their_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD", 3600.0)
    monkeypatch.setattr(recorder, "MANY_WAITING", 150)

    ones = np.ones(100)
    keep(path, started(), block(0, ones), block(100, ones), lambda: until(lambda: _epoch(path) == 199), ended(199))
    assert len(kept(path).records) == 200


def _epoch(path: Path) -> int:
    return kept(path).summary.epoch
