import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.made_up import block, dataset, ended, experiment, keep, kept, metrics, notes, started
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Noted, Started
from tui_regress.runs import database, recorder
from tui_regress.runs.recorder import recorded
from tui_regress.runs.store import Store


def test_where_no_store_can_be_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = list[int]()
    events = keep(
        tmp_path / "file" / "runs.sqlite", started(), block(0, [1.0]), Checkpoint(0, {}), ended(0), on_run=told.append
    )
    assert [type(event) for event in events] == [Started, Noted, Block, Ended]
    (note,) = notes(events)
    assert note.startswith("This run is not kept: ")
    assert "file/runs.sqlite" in note
    assert told == []


def test_in_a_folder_that_may_only_be_read_training_goes_on() -> None:
    # Not in pytest's own folder, into which another user cannot look.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep(folder / "there.sqlite", started(), block(0, [1.0]), ended(0))
        (folder / "there.sqlite").chmod(0o444)
        folder.chmod(0o555)
        lines = in_a_child(keep_as_a_stranger, folder)
        folder.chmod(0o755)
        assert lines == [
            "Started Noted Block Ended",
            f"This run is not kept: {folder / 'there.sqlite'}: the store may only be read here, not written.",
            "Started Noted Block Ended",
            f"This run is not kept: {folder / 'new.sqlite'}: the store cannot be opened or created here.",
        ]
        assert len(kept(folder / "there.sqlite").records) == 1


def keep_as_a_stranger(folder: Path) -> None:
    # Once where it is allowed, so that all modules are loaded before another user takes over.
    with tempfile.TemporaryDirectory() as own:
        keep(Path(own) / "runs.sqlite", started(), block(0, [1.0]), ended(0))
    if os.getuid() == 0:  # to whom nothing is read-only
        os.setuid(65534)
    for name in ("there.sqlite", "new.sqlite"):
        events = keep(folder / name, started(), block(0, [1.0]), ended(0))
        say(" ".join(type(event).__name__ for event in events), *notes(events))


def test_a_full_disk_is_said_once_and_once_there_is_room_again_nothing_is_missing(path: Path) -> None:
    (note,) = in_a_child(keep_on_a_full_disk, path)
    assert note.startswith("Run 1 cannot be kept for now; training goes on. ")
    assert note.endswith("the disk cannot be read or written, or is full.")
    run = kept(path)
    assert (run.summary.status, run.summary.resumable) == ("stopped", True)
    np.testing.assert_array_equal(run.records.loss, LOSSES)
    assert is_whole(path)


def keep_on_a_full_disk(path: Path) -> None:
    """The quota of a file stands for the disk: to SQLite it is the same."""
    said = list[str]()
    most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def course() -> Iterator[Event]:
        yield from (started(), block(0, LOSSES[:1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most[1]))
        yield from (block(1, LOSSES[1:50_000]), Checkpoint(49_999, {}))
        yield from waiting_for(said)
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        yield from (block(50_000, LOSSES[50_000:]), ended(99_999, status="stopped"))

    listen(recorded(course(), path, experiment(), dataset()), said)
    say(*said)


def test_a_disk_that_stays_full_leaves_the_store_whole(path: Path) -> None:
    (note,) = in_a_child(keep_on_a_disk_that_stays_full, path)
    assert note.startswith("The end of run 2 is not kept, or only in part. ")
    assert is_whole(path)
    with Store(path) as store:
        # Of the second, whose process is gone, nobody could write any more what became of it.
        assert [run.status for run in store.runs()] == ["interrupted", "completed"]


def keep_on_a_disk_that_stays_full(path: Path) -> None:
    keep(path, started(), block(0, [1.0]), ended(0))
    fill = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    say(*notes(keep(path, started(), fill, block(0, LOSSES), ended(99_999))))


LOSSES = np.random.default_rng(0).normal(size=100_000)


def say(*lines: str) -> None:
    """For the one that waits for this process."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def in_a_child(work: Callable[[Path], None], path: Path) -> list[str]:
    """The lines that ``work``, a function of a test module, prints in a process of its own."""
    module, name = work.__module__, work.__name__
    program = f"import sys; from pathlib import Path; from {module} import *; {name}(Path(sys.argv[1]))"
    found = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def listen(events: Iterator[Event], said: list[str]) -> None:
    """Put the notes among ``events`` into ``said``, as they come."""
    for event in events:
        said += notes([event])


def waiting_for(said: list[str]) -> Iterator[Event]:
    """Events that mean nothing, until there is a note in ``said``."""
    deadline = time.monotonic() + 30
    while not said:
        assert time.monotonic() < deadline, "nothing was said"
        time.sleep(0.01)
        yield Measured(0, metrics(0.5), None)


def is_whole(path: Path) -> bool:
    """SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
    return [*found] == [("ok",)]


def test_a_lock_is_said_once_and_once_it_is_gone_nothing_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    said = list[str]()

    def course() -> Iterator[Event]:
        yield started()
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield from (block(0, [3.0, 2.0]), Checkpoint(1, {}))
            yield from waiting_for(said)
        yield from (block(2, [1.0]), ended(2, status="stopped"))

    listen(recorded(course(), path, experiment(), dataset()), said)
    (note,) = said
    assert note.endswith("another program holds on to the store.")
    run = kept(path)
    assert (run.summary.status, run.records.loss.tolist()) == ("stopped", [3.0, 2.0, 1.0])
    assert run.summary.resumable


def test_whether_the_end_of_a_run_is_kept_is_told_before_it_is_passed_on(path: Path) -> None:
    lost = list[str]()
    keep(path, started(), block(0, [2.0]), ended(0), on_loss=lambda: lost.append("one"))
    keep(path, started(), path.unlink, block(0, [2.0]), ended(0), on_loss=lambda: lost.append("two"))
    assert lost == ["two"]


def test_a_store_that_is_deleted_meanwhile_is_said_and_training_goes_on(path: Path) -> None:
    said = list[str]()

    def course() -> Iterator[Event]:
        yield started()
        path.unlink()
        yield block(0, [2.0])
        yield from waiting_for(said)
        yield ended(0)

    listen(recorded(course(), path, experiment(), dataset()), said)
    at_once, at_the_end = said
    assert at_once.startswith("Run 1 cannot be kept for now; training goes on. ")
    assert at_the_end.startswith("The end of run 1 is not kept, or only in part. ")
    for note in said:
        assert note.endswith("runs.sqlite: the store has been moved or deleted.")
    assert not path.exists()


def test_a_run_that_is_deleted_meanwhile_is_said_and_does_not_come_back(path: Path) -> None:
    said = list[str]()

    def course() -> Iterator[Event]:
        yield started()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM runs")
        yield block(0, [2.0])
        yield from waiting_for(said)
        yield ended(0)

    listen(recorded(course(), path, experiment(), dataset()), said)
    assert len(said) == 2
    for note in said:
        assert note.endswith("run 1 has been deleted from the store.")
    with Store(path) as store:
        assert store.runs() == []


class SlowDisk:
    """Every write waits until ``go`` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.waits = threading.Event(), threading.Event()
        original = Store.write

        def write(*arguments: Any) -> None:
            self.waits.set()
            self.go.wait(30)
            original(*arguments)

        monkeypatch.setattr(Store, "write", write)


def test_a_slow_disk_holds_nothing_up_and_what_waits_takes_little_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, size, parts = SlowDisk(monkeypatch), 1000, 400
    template = block(0, np.linspace(2, 1, size), width=20)
    tracemalloc.start()

    def course() -> Iterator[Event]:
        yield from (started(), template)
        disk.waits.wait(30)
        before, _ = tracemalloc.get_traced_memory()
        for part in range(1, parts):
            yield replace(template, first=part * size)
        held, _ = tracemalloc.get_traced_memory()
        # All in full would be 131 MB, the losses alone are 3.
        assert held - before < 15e6
        assert not disk.go.is_set()
        disk.go.set()
        yield ended(parts * size - 1)

    list(recorded(course(), path, experiment(), dataset()))
    tracemalloc.stop()
    records = kept(path).records
    np.testing.assert_array_equal(records.loss, np.tile(template.loss, parts))
    assert records.stride > 1


def test_a_disk_that_is_too_slow_for_too_long_costs_the_last_records_but_not_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 1000)
    disk = SlowDisk(monkeypatch)

    def course() -> Iterator[Event]:
        yield from (started(), block(0, np.ones(100)))
        disk.waits.wait(30)
        for first in range(100, 2000, 100):
            yield from (block(first, np.ones(100)), Checkpoint(first + 99, {}))
        disk.go.set()
        yield ended(1999, status="stopped")

    (note,) = notes(list(recorded(course(), path, experiment(), dataset())))
    assert note.startswith("The store could not be written for too long: the last records of run 1 are not kept.")
    run = kept(path)
    assert (run.summary.status, run.summary.epoch, run.summary.loss, len(run.records)) == ("stopped", 99, 1.0, 100)
    # A checkpoint of a later record would leave a gap.
    assert not run.summary.resumable


def test_checkpoints_that_cannot_be_written_are_said_and_the_records_are_kept(path: Path) -> None:
    said = list[str]()

    def course() -> Iterator[Event]:
        yield started()
        path.with_name("runs.sqlite.checkpoints").touch()
        yield from (block(0, [2.0]), Checkpoint(0, {}))
        yield from waiting_for(said)
        yield ended(0, status="stopped")

    listen(recorded(course(), path, experiment(), dataset()), said)
    at_once, at_the_end = said
    assert at_once.startswith("Run 1 cannot be kept for now; training goes on. ")
    assert at_the_end.startswith("The end of run 1 is not kept, or only in part. ")
    for note in said:
        assert "runs.sqlite.checkpoints" in note
        assert "Error" not in note
    assert (kept(path).summary.status, len(kept(path).records)) == ("stopped", 1)
