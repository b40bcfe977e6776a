"""What the rows of the store mean: from the database to runs and records, and back."""

import json
import math
import sqlite3
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import FloatArray, Measured, Recovered, Started, StopRule, Verdict
from tui_regress.engine.metrics import LinearMetrics, LogisticMetrics, Metrics
from tui_regress.experiment import Experiment, loads
from tui_regress.problems import InputError
from tui_regress.runs.blocks import Ask, KeptRecords
from tui_regress.runs.environment import is_alive
from tui_regress.runs.kept import KeptRun, KeptStatus, Summary, Unreadable

Columns = dict[str, Any]
"""Name and value of columns that are to be written."""
_TOLD = {"tui-regress", "python", "torch", "numpy", "platform", "host", "pid"}
"""What an environment says at least."""
_VANISHED = "The program that trained it ended before the run did."


@dataclass
class State:
    """What of a kept run changes while it is trained."""

    status: KeptStatus = "running"
    stop: StopRule | None = None
    reason: str = ""
    seconds: float = 0.0
    epoch: int = -1
    """The last record; −1: none."""
    loss: float | None = None
    """Of that record."""
    validation_loss: float | None = None
    verdict: Verdict | None = None
    recoveries: tuple[Recovered, ...] = ()
    measured: Measured | None = None
    parameters: FloatArray | None = None
    """Shape (p,): what the run gave; None before its end."""
    record: int = -1
    """The record that the parameters are of."""
    fingerprint: str | None = None
    """Of the data."""


def can_go_on(status: KeptStatus, stop: StopRule | None) -> bool:
    """Whether a checkpoint is of use to a run that ended so: by hand, also where it diverged, or interrupted."""
    return status in ("stopped", "interrupted") or stop == "asked"


def of_state(state: State) -> Columns:
    """The columns of a run that ``state`` fills."""
    measured, held = state.measured, state.measured and state.measured.validation
    metrics = measured and {"training": measured.training.to_json(), "validation": held and held.to_json()}
    return {
        "status": state.status,
        "stop": state.stop,
        "reason": state.reason,
        "seconds": state.seconds,
        "epoch": state.epoch,
        "loss": state.loss,
        "validation_loss": state.validation_loss,
        "verdict": json.dumps(state.verdict and asdict(state.verdict)),
        "recoveries": json.dumps([asdict(recovered) for recovered in state.recoveries]),
        "metrics": json.dumps(metrics),
        "measured": measured.epoch if measured else -1,
        "parameters": None if state.parameters is None else state.parameters.astype("<f8").tobytes(),
        "record": state.record,
        "fingerprint": state.fingerprint,
    }


def of_state_behind(state: State, row: sqlite3.Row) -> Columns:
    """The columns of a run that goes on and has not come again to the last records it has: they are still its last."""
    then = to_state(row)
    later = (event for event in then.recoveries if event.epoch >= state.epoch and event not in state.recoveries)
    recoveries = (*state.recoveries, *later)
    last = replace(state, epoch=then.epoch, loss=then.loss, validation_loss=then.validation_loss, recoveries=recoveries)
    return of_state(last)


def to_state(row: sqlite3.Row) -> State:
    """The state of a run, as it is in the database: whether it still runs is another question."""
    verdict, parameters = json.loads(row["verdict"]), row["parameters"]
    return State(
        status=row["status"],
        stop=row["stop"],
        reason=row["reason"],
        seconds=row["seconds"],
        epoch=row["epoch"],
        loss=_loss(row, "loss"),
        validation_loss=_loss(row, "validation_loss") if row["validation_rows"] else None,
        verdict=verdict and Verdict(**verdict),
        recoveries=tuple(Recovered(**recovered) for recovered in json.loads(row["recoveries"])),
        measured=_measured(json.loads(row["metrics"]), row["measured"]),
        parameters=None if parameters is None else np.frombuffer(parameters, dtype="<f8").astype(np.float64),
        record=row["record"],
        fingerprint=row["fingerprint"],
    )


def of_start(started: Started) -> Columns:
    """The columns of a run that its start, or its going on, fills."""
    return {
        "parameter_names": json.dumps(started.parameter_names),
        "rows": started.rows,
        "validation_rows": started.validation_rows,
        "device": started.device,
        "dtype": started.dtype,
        "gradient": started.gradient,
        "notes": json.dumps(started.notes),
        "forecast": json.dumps(started.forecast and started.forecast.to_json()),
    }


def of_dataset(dataset: Dataset) -> Columns:
    """The columns of a run that its data fill."""
    return {
        "feature_names": json.dumps(dataset.feature_names),
        "target_name": dataset.target_name,
        "labels": json.dumps(dataset.labels),
    }


def to_status(row: sqlite3.Row) -> KeptStatus:
    """The status of a run: one whose process is gone no longer runs."""
    status: KeptStatus = row["status"]
    if status != "running":
        return status
    try:
        return "running" if is_alive(json.loads(row["environment"])) else "interrupted"
    except (KeyError, TypeError, ValueError):  # of a process that cannot be told from others nothing is known
        return "interrupted"


def read(row: sqlite3.Row, *, has_checkpoint: bool) -> Summary | Unreadable:
    """A run of the list, whatever became of its row; ``has_checkpoint``: the file of its last checkpoint is there."""
    try:
        return to_summary(row, has_checkpoint=has_checkpoint)
    except InputError as error:
        reason = str(error)
    except (AttributeError, KeyError, TypeError, ValueError):
        reason = "what the store holds of it is damaged."
    return Unreadable(row["id"], row["name"], reason)


def to_summary(row: sqlite3.Row, *, has_checkpoint: bool) -> Summary:
    """A run of the list; ``has_checkpoint``: the file of its last checkpoint is there.

    Raises ExperimentError where its experiment is of a kind that is unknown here; KeyError, TypeError, ValueError and
    the like where the row is damaged.
    """
    state, status, environment = to_state(row), to_status(row), json.loads(row["environment"])
    if not environment.keys() >= _TOLD:
        raise KeyError("environment")
    vanished = status == "interrupted" and state.status == "running"
    return Summary(
        run_id=row["id"],
        experiment=_experiment(row["experiment"]),
        name=row["name"],
        status=status,
        stop=state.stop,
        reason=_VANISHED if vanished else state.reason,
        began=datetime.fromtimestamp(row["began"], UTC),
        seconds=state.seconds,
        epoch=max(state.epoch, 0),
        epochs=row["epochs"],
        loss=state.loss,
        validation_loss=state.validation_loss,
        device=row["device"],
        gradient=row["gradient"],
        metrics=json.loads(row["metrics"]),
        resumable=can_go_on(status, state.stop) and has_checkpoint,
        environment=environment,
    )


def to_kept(row: sqlite3.Row, summary: Summary, ask: Ask, whose: str) -> KeptRun:
    """All of a run; of its records only those are read that say what an unfinished one gives. See KeptRecords."""
    names, state = tuple(json.loads(row["parameter_names"])), to_state(row)
    stored = KeptRecords(ask, whose, len(names), held_out=row["validation_rows"] > 0)
    record, parameters = state.record, state.parameters
    if parameters is None and stored.last_finite is not None:
        record, parameters = stored.last_finite
    labels = json.loads(row["labels"])
    return KeptRun(
        summary=summary,
        parameter_names=names,
        feature_names=tuple(json.loads(row["feature_names"])),
        target_name=row["target_name"],
        labels=labels and tuple(labels),
        rows=row["rows"],
        validation_rows=row["validation_rows"],
        dtype=row["dtype"],
        notes=tuple(json.loads(row["notes"])),
        forecast=json.loads(row["forecast"]),
        fingerprint=state.fingerprint,
        verdict=state.verdict,
        recoveries=state.recoveries,
        measured=state.measured,
        parameters=parameters,
        record=record,
        stored=stored,
    )


@lru_cache(maxsize=4096)
def _experiment(text: str) -> Experiment:
    # A list of runs is read again and again; this is most of the work.
    return loads(text, "its experiment")


def _loss(row: sqlite3.Row, column: str) -> float | None:
    """SQLite knows no nan: it is NULL, as is a loss that is not there."""
    if row["epoch"] < 0:
        return None
    return math.nan if row[column] is None else float(row[column])


def _measured(metrics: dict[str, Any] | None, epoch: int) -> Measured | None:
    if metrics is None:
        return None
    held = metrics["validation"]
    return Measured(epoch, _metrics(metrics["training"]), None if held is None else _metrics(held))


def _metrics(figures: dict[str, Any]) -> Metrics:
    # Not strict: "nan" and "inf" are numbers.
    if "confusion" in figures:
        return msgspec.convert(figures, LogisticMetrics, strict=False)
    return msgspec.convert(figures, LinearMetrics, strict=False)
