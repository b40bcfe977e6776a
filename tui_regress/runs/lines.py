"""What a run says, as JSON objects: the lines of ``train --json`` and of an exported run.

Numbers that are not finite are the texts "nan", "inf" and "-inf".
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.events import Best, Block, Ended, Event, Measured, Recovered, Started, Verdict
from tui_regress.engine.objective import predict
from tui_regress.experiment import Experiment, Linear, Model


@dataclass(frozen=True, slots=True)
class Record:
    """What is true after ``epoch`` epochs; see :class:`Block`."""

    epoch: int
    loss: float
    score: float
    grad_norm: float
    lr: float
    parameters: FloatArray
    """Shape (p,)."""
    validation_loss: float | None = None
    """None where no rows are held out."""


def thinned(events: Iterable[Event], every: int) -> Iterator[Event | Record]:
    """``events`` with the blocks taken apart into records 0, N, 2N, … for N = ``every``, and the last."""
    rest: Record | None = None
    for event in events:
        if isinstance(event, Block):
            norms = event.grad_norm
            for index in range(-event.first % every, len(event.loss), every):
                yield record(event.first + index, event, norms, index)
            rest = record(event.last, event, norms, len(event.loss) - 1) if event.last % every else None
            continue
        if isinstance(event, Ended) and rest is not None:
            yield rest
        yield event


def record(epoch: int, block: Block, norms: FloatArray, index: int) -> Record:
    """The record of ``epoch``, in row ``index`` of ``block``, whose gradient norms are ``norms``."""
    held = block.validation_loss
    return Record(
        epoch=epoch,
        loss=float(block.loss[index]),
        score=float(block.score[index]),
        grad_norm=float(norms[index]),
        lr=float(block.lr[index]),
        parameters=block.parameters[index],
        validation_loss=None if held is None else float(held[index]),
    )


def round_step(epochs: int, lines: int = 20) -> int:
    """The step of 1, 2 or 5 times a power of ten that comes closest to ``lines`` lines over ``epochs``, at least 1."""
    steps: list[int] = [digit * 10**power for power in range(9) for digit in (1, 2, 5)]
    return min(steps, key=lambda step: abs(math.log(step * lines / max(epochs, 1))))


def dumps(line: dict[str, Any]) -> str:
    """``line`` as JSON, on one line."""
    return json.dumps(line, allow_nan=False, separators=(",", ":"))


def score_name(model: Model) -> str:
    """What ``score`` is for a model of this kind."""
    return "mse" if isinstance(model, Linear) else "accuracy"


def start(event: Started, experiment: Experiment, run_id: int | None) -> dict[str, Any]:
    """The first line; ``run_id`` is None for a run that is not kept."""
    return {
        "event": "start",
        "experiment": experiment.name,
        "run": run_id,
        "rows": event.rows,
        "validation_rows": event.validation_rows,
        "parameters": list(event.parameter_names),
        "device": event.device,
        "dtype": event.dtype,
        "gradient": event.gradient,
        "forecast": None if event.forecast is None else event.forecast.to_json(),
    }


def epoch(record: Record, model: Model) -> dict[str, Any]:
    """One record."""
    held = {} if record.validation_loss is None else {"validation_loss": _number(record.validation_loss)}
    return {
        "event": "epoch",
        "epoch": record.epoch,
        "loss": _number(record.loss),
        **held,
        score_name(model): _number(record.score),
        "grad_norm": _number(record.grad_norm),
        "lr": _number(record.lr),
        "parameters": _numbers(record.parameters),
    }


def divergence(verdict: Verdict) -> dict[str, Any]:
    """Training diverges."""
    return {"event": "divergence", "epoch": verdict.epoch, "rule": verdict.rule, "message": verdict.message}


def recovery(event: Recovered) -> dict[str, Any]:
    """The run goes on from an earlier record."""
    return {
        "event": "recovery",
        "epoch": event.epoch,
        "record": event.record,
        "lr": _number(event.lr),
        "message": event.message,
    }


def end(
    event: Ended, experiment: Experiment, first: FloatArray, exact: FloatArray | None, measured: Measured | None
) -> dict[str, Any]:
    """The last line: ``first`` are the parameters of record 0, shape (p,), ``exact`` the best ones if there are any."""
    return {
        "event": "end",
        "status": event.status,
        "stop": event.stop,
        "epoch": event.epoch,
        "record": event.record,
        "loss": _number(event.loss),
        "parameters": _numbers(event.parameters),
        "exact": None if exact is None else _numbers(exact),
        "best": None if event.best is None else _best(event.best),
        "metrics": None if measured is None else _metrics(measured),
        "predictions": _predictions(experiment, first, event.parameters),
        "seconds": _number(event.seconds),
        "reason": event.reason,
    }


def _best(best: Best) -> dict[str, Any]:
    return {"epoch": best.epoch, "loss": _number(best.loss), "parameters": _numbers(best.parameters)}


def _metrics(measured: Measured) -> dict[str, Any]:
    held = measured.validation
    return {"training": measured.training.to_json(), "validation": None if held is None else held.to_json()}


def _predictions(experiment: Experiment, first: FloatArray, last: FloatArray) -> list[dict[str, Any]]:
    points = experiment.predict.at
    if not points:
        return []
    X = np.array(points, dtype=np.float64)
    before, after = (_numbers(np.asarray(predict(experiment.model, theta, X))) for theta in (first, last))
    return [{"x": list(x), "before": b, "after": a} for x, b, a in zip(points, before, after, strict=True)]


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _numbers(values: FloatArray) -> list[float | str]:
    return [_number(value) for value in values.tolist()]
