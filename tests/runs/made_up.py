"""Runs that nobody has trained, and what the tests of kept runs share."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tui_regress.data.dataset import Dataset, Rows
from tui_regress.engine.events import Block, Ended, Event, FloatArray, Noted, Started
from tui_regress.engine.metrics import LinearMetrics
from tui_regress.experiment import Experiment, builtin, override
from tui_regress.runs.blocks import KeptRecords, of_records
from tui_regress.runs.environment import environment
from tui_regress.runs.kept import KeptRun
from tui_regress.runs.recorder import recorded
from tui_regress.runs.records import Records
from tui_regress.runs.store import State, Store


def block(
    first: int,
    losses: Sequence[float] | FloatArray,
    *,
    width: int = 2,
    lr: float = 0.1,
    held: Sequence[float] | FloatArray | None = None,
) -> Block:
    """Parameter j of record i is i + j/10, its gradient twice that, its score i + ½."""
    loss = np.asarray(losses, dtype=np.float64)
    numbers = first + np.arange(len(loss), dtype=np.float64)
    parameters = numbers[:, None] + np.arange(width) / 10
    validation = None if held is None else np.asarray(held, dtype=np.float64)
    return Block(first, parameters, 2 * parameters, loss, numbers + 0.5, np.full(len(loss), lr), validation)


GENTLE_LINE = builtin("gentle-line")
"""Read once: a test takes over another user, who may not look into this folder."""


def experiment(**changes: Any) -> Experiment:
    """gentle-line with settings whose dots are written as ``__``."""
    return override(GENTLE_LINE, {key.replace("__", "."): value for key, value in changes.items()})


def dataset(*, held_out: bool = False) -> Dataset:
    """Five points on y = 2x, and two that are held out if need be."""
    x = np.arange(1.0, 6.0)
    held = Rows(np.array([[6.0], [7.0]]), np.array([12.0, 14.0])) if held_out else None
    return Dataset(x[:, None], 2 * x, ("x",), "y", validation=held)


def started(*, held_out: bool = False) -> Started:
    """The beginning of a run on ``dataset``."""
    return Started(("w[x]", "b"), 5, "cpu", "float32", "analytic", ("Mind the gap.",), None, 2 if held_out else 0)


def ended(epoch: int, **changes: Any) -> Ended:
    """The end of a run that has done what it was to do."""
    theta = np.array([1.5, 0.25])
    return replace(Ended("completed", "All epochs are done.", epoch, 0.5, theta, None, 2.5, record=epoch), **changes)


def metrics(r2: float) -> LinearMetrics:
    """Of five rows."""
    return LinearMetrics(5, r2, 0.5, 0.25)


def add_run(store: Store, *, held_out: bool = False, **changes: Any) -> int:
    """A run of this process, without a record."""
    return store.add(experiment(**changes), dataset(held_out=held_out), started(held_out=held_out), environment())


def write(store: Store, run_id: int, *blocks: Block, **changes: Any) -> None:
    """Records of a run, and its state after them."""
    last = blocks[-1] if blocks else None
    state = State(**changes)
    if last is not None:
        held = last.validation_loss
        validation_loss = None if held is None else float(held[-1])
        state = replace(state, epoch=last.last, loss=float(last.loss[-1]), validation_loss=validation_loss)
    store.write(run_id, state, [Records.of(part) for part in blocks])


Step = Event | Callable[[], object]


def feed(*events: Step) -> Iterator[Event]:
    """``events``; what can be called is called in its turn."""
    for event in events:
        if callable(event):
            event()
        else:
            yield event


def keep(path: Path, *events: Step, **settings: Any) -> list[Event]:
    """Made-up events, kept; what was passed on."""
    return list(recorded(feed(*events), path, experiment(), dataset(), **settings))


def kept(path: Path, run_id: int = 1) -> KeptRun:
    with Store(path) as store:
        return store.kept(run_id)


def stored(records: Records) -> KeptRecords:
    """``records`` as a store holds them, in one block."""
    blocks = [cast("sqlite3.Row", of_records(records))] if len(records) else []
    parameters, held_out = records.parameters.shape[1], records.validation_loss is not None
    return KeptRecords(
        lambda _columns, first: blocks if first in (None, records.first) else [], "they", parameters, held_out=held_out
    )


def until(condition: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def notes(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Noted)]
