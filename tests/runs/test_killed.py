"""kill -9, again and again: what is lost, what is there, and how the run ends all the same."""

import multiprocessing
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from tests.runs.made_up import kept
from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import load_checkpoint
from tui_regress.engine.events import Block, Event
from tui_regress.engine.training import run
from tui_regress.experiment import decode
from tui_regress.runs.recorder import recorded
from tui_regress.runs.store import Store

EXPERIMENT = decode(
    {
        "data": {"source": "linear", "rows": 40, "weights": [1.0, -2.0], "noise_scale": 0.5},
        "optimizer": {"name": "sgd", "lr": 0.001, "momentum": 0.9},
        "training": {"epochs": 12_000, "batch_size": 15, "validation": 0.2, "gradient": "numpy"},
        "device": {"name": "cpu"},
    }
)
DATASET = load_dataset(EXPERIMENT)
KILLS = 20
STALL = 0.5
"""Seconds for which a machine that has other things to do may keep a process waiting."""


def test_a_run_that_is_killed_twenty_times_loses_a_second_at_most_and_ends_as_if_nothing_had_been(path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", __name__])
    straight = path.with_name("straight.sqlite")
    for _ in recorded(run(EXPERIMENT, DATASET), straight, EXPERIMENT, DATASET):
        pass
    whole = kept(straight)
    delays = random.Random(4)  # noqa: S311 - chance, no secret
    run_id: int | None = None
    lost = list[float]()
    for _ in range(KILLS):
        mine, its = processes.Pipe(duplex=False)
        child = processes.Process(target=train_slowly, args=(path, run_id, its))
        child.start()
        its.close()
        said = [mine.recv()]
        killed = time.monotonic() + delays.uniform(0, 2)
        while mine.poll(max(0, killed - time.monotonic())):
            said.append(mine.recv())
        child.kill()
        killed = time.monotonic()
        child.join()

        assert_is_whole(path)
        with Store(path) as store:
            newest = store.runs()[0]
        assert newest.status == "interrupted"
        records = kept(path, newest.run_id).records
        np.testing.assert_array_equal(records.loss, whole.records.loss[: len(records)])
        missing = [when for when, record in said if record > records.last]
        lost.append(killed - missing[0] if missing else 0.0)
        run_id = newest.run_id if newest.resumable else None
    assert max(lost) < 1 + STALL
    assert statistics.median(lost) < 1
    assert run_id is not None
    assert kept(path, run_id).records.last > 200

    for _ in recorded(goes_on(path, run_id), path, EXPERIMENT, DATASET, run_id=run_id):
        pass
    resumed = kept(path, run_id)
    for name in ("loss", "validation_loss", "lr"):
        np.testing.assert_array_equal(getattr(resumed.records, name), getattr(whole.records, name))
    assert resumed.parameters is not None
    assert whole.parameters is not None
    assert resumed.parameters.tolist() == whole.parameters.tolist()
    assert (resumed.summary.status, resumed.summary.reason) == (whole.summary.status, whole.summary.reason)
    assert resumed.measured == whole.measured


def goes_on(path: Path, run_id: int | None) -> Iterator[Event]:
    if run_id is None:
        return run(EXPERIMENT, DATASET, block_seconds=0)
    with Store(path) as store:
        checkpoint = load_checkpoint(store.checkpoint_path(run_id))
    return run(EXPERIMENT, DATASET, resume=checkpoint, block_seconds=0)


def train_slowly(path: Path, run_id: int | None, said: Connection) -> None:
    """Train, and say of every block of records when it is out."""
    for event in recorded(goes_on(path, run_id), path, EXPERIMENT, DATASET, run_id=run_id):
        if isinstance(event, Block):
            said.send((time.monotonic(), event.last))
            time.sleep(0.004)


def assert_is_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
