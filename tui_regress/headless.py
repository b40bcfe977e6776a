"""Training without a screen: the events of a run as JSON lines, or as text for a person."""

import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine import training
from tui_regress.engine.checkpoints import save_model
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Ended, Event, FloatArray, Recovered, Started, Verdict
from tui_regress.engine.objective import Exact, check_fit, exact_solution, predict, sample_gradients
from tui_regress.engine.sentences import explain
from tui_regress.experiment import Experiment, Linear
from tui_regress.problems import describe
from tui_regress.text import printable

_SHOWN = 20
"""Rows of a table in the summary; --json leaves nothing out."""
_COLOURS = {"completed": "green", "converged": "green", "diverged": "red", "stopped": "yellow", "failed": "red"}


class Run:
    """One execution of ``experiment``: iterate over its events; then it knows how it ended.

    Creating it loads the data. Raises InputError, or ExperimentError where experiment and data do not fit.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.dataset = load_dataset(experiment)
        check_fit(experiment, self.dataset)
        self.control = Control()
        self.started: Started
        self.first: FloatArray
        """Shape (p,): the parameters of record 0."""
        self.ended: Ended

    def __iter__(self) -> Iterator[Event]:
        """The events of the run; an error in the midst of it becomes its last word, with status failed."""
        begin = time.perf_counter()
        last: Block | None = None
        try:
            for event in training.run(self.experiment, self.dataset, self.control):
                match event:
                    case Started():
                        self.started = event
                        _note(*self.dataset.notes, *event.notes)
                    case Block():
                        if event.first == 0:
                            self.first = event.parameters[0]
                        last = event
                    case Ended():
                        self.ended = event
                yield event
        except Exception as error:
            if last is None:
                raise
            seconds = time.perf_counter() - begin
            reached = last.last, float(last.loss[-1]), last.parameters[-1]
            self.ended = Ended("failed", describe(error), *reached, None, seconds)
            yield self.ended

    @cached_property
    def exact(self) -> Exact:
        """The exact solution, found when it is first asked for: nobody waits for it before the training."""
        return exact_solution(self.experiment, self.dataset)

    @property
    def points(self) -> FloatArray:
        """Shape (m, d): where the experiment asks for predictions; m may be 0."""
        return np.array(self.experiment.predict.at, dtype=np.float64).reshape(-1, self.dataset.features)

    def predictions(self, parameters: FloatArray) -> FloatArray:
        """Shape (m,): of the model with ``parameters`` at the points."""
        return np.asarray(predict(self.experiment.model, parameters, self.points), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Record:
    """What is true after ``epoch`` epochs; see :class:`Block`."""

    epoch: int
    loss: float
    score: float
    grad_norm: float
    lr: float
    parameters: FloatArray


Report = Callable[[Run], None]


def report(as_json: bool, every: int | None) -> Report:
    """The way to show a run: JSON lines, a progress bar on a terminal, or lines of text."""
    if as_json:
        return lambda run: write_json(run, every or 1)
    if every is None and sys.stdout.isatty():
        return show_progress
    return lambda run: write_text(run, every or round_step(run.experiment.training.epochs))


def train(experiment: Experiment, show: Report, save: Path | None = None) -> Ended:
    """Run ``experiment`` under the eyes of ``show``; ctrl+c and SIGTERM stop it. The model goes to ``save``, if given.

    Notes go to stderr. Raises InputError where the experiment cannot run or the model cannot be saved.
    """
    run = Run(experiment)
    with _stopping(run.control):
        show(run)
    if save is not None and run.ended.status != "failed":
        save_model(save, experiment, run.ended.parameters, run.dataset.feature_names)
        _note(f"The model is saved as {printable(str(save))}, its experiment beside it.")
    return run.ended


def _note(*sentences: str) -> None:
    for sentence in sentences:
        click.echo(sentence, err=True)


@contextmanager
def _stopping(control: Control) -> Iterator[None]:
    """Let the first ctrl+c or SIGTERM stop the run in good order; a second one ends the program at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()
        for number in before:
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def thinned(events: Iterator[Event], every: int) -> Iterator[Started | Record | Verdict | Recovered | Ended]:
    """``events`` with the blocks taken apart into records 0, N, 2N, … for N = ``every``, and the last."""
    rest: Record | None = None
    for event in events:
        if isinstance(event, Block):
            norms = event.grad_norm
            for index in range(-event.first % every, len(event.loss), every):
                yield _record(event, norms, index)
            rest = _record(event, norms, -1) if event.last % every else None
            continue
        if isinstance(event, Ended) and rest is not None:
            yield rest
        yield event


def _record(block: Block, norms: FloatArray, index: int) -> Record:
    return Record(
        epoch=block.first + index % len(block.loss),
        loss=float(block.loss[index]),
        score=float(block.score[index]),
        grad_norm=float(norms[index]),
        lr=float(block.lr[index]),
        parameters=block.parameters[index],
    )


def round_step(epochs: int, lines: int = 20) -> int:
    """The step of 1, 2 or 5 times a power of ten that comes closest to ``lines`` lines over ``epochs``."""
    steps: list[int] = [digit * 10**power for power in range(9) for digit in (1, 2, 5)]
    return min(steps, key=lambda step: abs(math.log(step * lines / epochs)))


def write_json(run: Run, every: int) -> None:
    """One object a line on stdout: start, epoch …, divergence, recovery, end. Not finite: "nan", "inf", "-inf"."""
    for item in thinned(iter(run), every):
        click.echo(json.dumps(_as_json(run, item), allow_nan=False, separators=(",", ":")))


def _as_json(run: Run, item: Started | Record | Verdict | Recovered | Ended) -> dict[str, Any]:
    match item:
        case Started():
            return {
                "event": "start",
                "experiment": run.experiment.name,
                "rows": item.rows,
                "parameters": item.parameter_names,
                "device": item.device,
                "dtype": item.dtype,
                "gradient": item.gradient,
                "forecast": None if item.forecast is None else item.forecast.to_json(),
            }
        case Record():
            return {
                "event": "epoch",
                "epoch": item.epoch,
                "loss": _number(item.loss),
                _score_name(run.experiment): _number(item.score),
                "grad_norm": _number(item.grad_norm),
                "lr": _number(item.lr),
                "parameters": _numbers(item.parameters),
            }
        case Verdict():
            return {"event": "divergence", "epoch": item.epoch, "rule": item.rule, "message": item.message}
        case Recovered():
            return {
                "event": "recovery",
                "epoch": item.epoch,
                "record": item.record,
                "lr": _number(item.lr),
                "message": item.message,
            }
        case Ended():
            before, after = run.predictions(run.first), run.predictions(item.parameters)
            return {
                "event": "end",
                "status": item.status,
                "epoch": item.epoch,
                "loss": _number(item.loss),
                "parameters": _numbers(item.parameters),
                "exact": None if run.exact.parameters is None else _numbers(run.exact.parameters),
                "predictions": [
                    {"x": list(x), "before": first, "after": last}
                    for x, first, last in zip(run.experiment.predict.at, _numbers(before), _numbers(after), strict=True)
                ],
                "seconds": _number(item.seconds),
                "reason": item.reason,
            }


def _score_name(experiment: Experiment) -> str:
    return "mse" if isinstance(experiment.model, Linear) else "accuracy"


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _numbers(values: FloatArray) -> list[float | str]:
    return [_number(value) for value in values.tolist()]


def write_text(run: Run, every: int) -> None:
    """Aligned lines on stdout, and the summary."""
    for item in thinned(iter(run), every):
        match item:
            case Started():
                names = "epoch", "loss", _score_name(run.experiment), "gradient norm", "lr"
                click.echo(f"{_heading(run)}\n\n" + "{:>10}{:>14}{:>14}{:>15}{:>10}".format(*names))
            case Verdict() if run.experiment.training.on_divergence != "stop":
                click.echo(item.message)
            case Recovered():
                click.echo(item.message)
            case Record():
                numbers = f"{item.loss:14.6g}{item.score:14.6g}{item.grad_norm:15.6g}{item.lr:10.4g}"
                click.echo(f"{item.epoch:10}{numbers}")
    _summarise(run)


def show_progress(run: Run) -> None:
    """A bar on the terminal while training, then the summary."""
    loss = TextColumn("loss {task.fields[loss]}")
    with Progress(
        TextColumn("{task.completed:,} epochs"), BarColumn(), loss, TimeRemainingColumn(), transient=True
    ) as bar:
        task = bar.add_task("", total=run.experiment.training.epochs, loss="")
        for event in run:
            if isinstance(event, Block):
                bar.update(task, completed=event.last, loss=f"{event.loss[-1]:.6g}")
    click.echo(_heading(run))
    _summarise(run)


def _heading(run: Run) -> str:
    started = run.started
    count = len(started.parameter_names)
    parameters = "1 parameter" if count == 1 else f"{count:,} parameters"
    parts = f"{started.rows:,} rows", parameters, started.device, started.dtype, started.gradient
    heading = f"{printable(run.experiment.name)}: {', '.join(parts)}"
    lines = [heading]
    if run.dataset.scaling is not None:
        lines.append(
            "Trained on standardised columns, of which the forecast speaks; all else is in the units of the data."
        )
    return "\n".join((*lines, *(explain(started.forecast) if started.forecast else ())))


def _summarise(run: Run) -> None:
    """Status and reason, parameters, predictions: what a person wants to take away."""
    # In a pipe nothing is folded or cut: a table is as wide as its columns.
    console = Console(width=None if sys.stdout.isatty() else 10_000, markup=False, highlight=False, soft_wrap=True)
    experiment, dataset, ended = run.experiment, run.dataset, run.ended
    console.print()
    console.print(
        Text(ended.status.upper(), _COLOURS[ended.status]), f"after {ended.epoch:,} epochs, {ended.seconds:.2f} s"
    )
    console.print(ended.reason)

    names = run.started.parameter_names
    columns: dict[str, Sequence[str] | FloatArray] = {"parameter": names, "value": ended.parameters}
    if run.exact.parameters is not None:
        columns["exact"] = _without_rounding(run.exact.parameters)
    if dataset.true_parameters is not None:
        columns["true"] = dataset.true_parameters[: len(names)]
    console.print()
    _print_table(console, columns)
    if run.exact.note:
        console.print(f"Exact solution: {run.exact.note}")

    if len(run.points):
        subject = dataset.target_name if isinstance(experiment.model, Linear) else _probability(dataset)
        at = [", ".join(f"{value:g}" for value in x) for x in run.points]
        before, after = run.predictions(run.first), run.predictions(ended.parameters)
        console.print()
        _print_table(console, {f"{subject} at": at, "before": before, "after": after})

    if experiment.training.batch_size == 1 and dataset.rows <= _SHOWN:
        gradients = sample_gradients(experiment.model, ended.parameters, dataset.X, dataset.y)
        by_name = {f"gradient of {name}": column for name, column in zip(names, gradients.T, strict=True)}
        console.print()
        _print_table(console, {"sample": [str(number + 1) for number in range(dataset.rows)], **by_name})


def _probability(dataset: Dataset) -> str:
    return f"P({dataset.target_name} = {dataset.labels[1] if dataset.labels else 1})"


def _without_rounding(values: FloatArray) -> FloatArray:
    """``values`` with 0 for what is no more than the rounding of the largest."""
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def _print_table(console: Console, columns: dict[str, Sequence[str] | FloatArray]) -> None:
    """Text to the left, numbers to the right; of many rows the first ones."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    cells = [[x if isinstance(x, str) else f"{x:.6g}" for x in column[:_SHOWN]] for column in columns.values()]
    for index, name in enumerate(columns):
        table.add_column(Text(name), justify="right" if index else "left")
    for row in zip(*cells, strict=True):
        table.add_row(*map(Text, row))
    console.print(table)
    if (more := max(map(len, columns.values())) - _SHOWN) > 0:
        console.print(f"… and {more:,} more")
