"""The same run from Python, as arrays.

>>> from tui_regress import open_table, train
>>> result = train(open_table("houses.csv", target="price"), settings={"training.epochs": 500})
>>> result.losses, result.theta, result.metrics

Same experiment, same seed, same device, same backend: the same numbers to the bit as on screen and on the command
line. Settings are those of an experiment file under their dotted keys, such as ``optimizer.lr``. What is wrong with an
input is told by an InputError, or by an ExperimentError where it can name the setting.
"""

import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tui_regress.data import Dataset, load_dataset
from tui_regress.data.opening import open_experiment
from tui_regress.data.progress import INTERVAL, Progress, silent
from tui_regress.engine import objective, training
from tui_regress.engine.checkpoints import save_model
from tui_regress.engine.control import Control
from tui_regress.engine.events import (
    Best,
    Block,
    Ended,
    Event,
    FloatArray,
    Measured,
    Noted,
    Recovered,
    Started,
    Status,
    StopRule,
    Verdict,
)
from tui_regress.engine.stability import Forecast
from tui_regress.experiment import Experiment, anchored, override
from tui_regress.problems import InputError
from tui_regress.runs.formula import formula
from tui_regress.runs.recorder import recorded
from tui_regress.runs.script import script
from tui_regress.text import short

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """What a run gave: its k records as arrays, and how it ended. Record i is what holds after i epochs.

    Parameters are one weight per feature, then the bias where the model has one: p numbers, in the units of the data.
    """

    experiment: Experiment
    dataset: Dataset
    """``X``, shape (n, d), and ``y``, shape (n,), of the training rows; the rows held out are its ``validation``."""
    parameter_names: tuple[str, ...]
    """p names: ``w[feature]`` …, ``b``."""

    epochs: NDArray[np.int64]
    """Shape (k,): 0, 1, 2, …"""
    losses: FloatArray
    """Shape (k,): over all training rows, in the experiment's own loss."""
    validation_losses: FloatArray | None
    """Shape (k,): over the rows held out; None where there are none."""
    scores: FloatArray
    """Shape (k,): mean squared error of a linear model, accuracy in 0…1 of a logistic one."""
    grad_norms: FloatArray
    """Shape (k,): Euclidean norm of the gradient that training steps along, which is that of standardised columns where
    training sees them."""
    lr: FloatArray
    """Shape (k,): learning rate of the epoch that led to the record."""
    parameters: FloatArray
    """Shape (k, p): of every record."""

    theta: FloatArray
    """Shape (p,): the parameters that the run gives, those of ``record``."""
    record: int
    """The last record in which all is finite, or the best one where the run was stopped early."""
    best: Best | None
    """The record of the lowest validation loss, or of the lowest loss where no rows are held out."""
    status: Status
    """completed, converged, diverged or stopped."""
    stop: StopRule
    """Which rule ended the run: epochs, early-stopping, tolerance, divergence or asked."""
    reason: str
    """The same in a sentence."""
    seconds: float
    """Of training."""
    forecast: Forecast | None
    """What was known before the first step."""
    verdict: Verdict | None
    """What the monitor found; None where training did not diverge."""
    recoveries: tuple[Recovered, ...]
    """Each time the run went back to an earlier record; the arrays hold all that was trained, in the order it was."""
    metrics: Measured | None
    """How good ``theta`` is: ``metrics.training`` and, where rows are held out, ``metrics.validation``."""
    notes: tuple[str, ...]
    """Sentences a person should read."""
    run_id: int | None
    """The number of the run in the store; None where it is not kept."""

    @cached_property
    def exact(self) -> objective.Exact:
        """The best parameters there are, computed without descent when they are first asked for.

        Least squares, or Newton's method for a logistic model: a million rows take it a while.
        """
        return objective.exact_solution(self.experiment, self.dataset)

    def predict(self, X: ArrayLike) -> FloatArray:
        """Shape (m,): the prediction for each row of X, shape (m, d); of a logistic model the probability of class 1.

        X holds the features as ``dataset.feature_names`` has them, in the units of the data; of shape (d,) it is one
        row, and with a single feature one row per number. Raises InputError where it has another shape.
        """
        names = self.dataset.feature_names
        rows = np.asarray(X, dtype=np.float64)
        rows = rows.reshape(-1, 1) if rows.ndim < 2 and len(names) == 1 else np.atleast_2d(rows)
        if rows.ndim != 2 or rows.shape[1] != len(names):
            columns = f"one column, {names[0]}" if len(names) == 1 else f"{len(names)} columns, {', '.join(names)}"
            raise InputError(f"X has the shape {np.shape(X)}; it must have {columns}.")
        return np.asarray(objective.predict(self.experiment.model, self.theta, rows), dtype=np.float64)

    def save(self, path: str | Path) -> None:
        """Save the model to ``path``, which ends in .pt, and the experiment beside it with .toml.

        ``torch.nn.Linear(d, 1)`` loads the one with ``load_state_dict``; ``tui-regress`` opens the two. Raises
        InputError where they cannot be written.
        """
        save_model(Path(path), self.experiment, self.theta, self.dataset)

    def script(self) -> str:
        """The run as a Python file in plain PyTorch, which gives ``theta`` again when it is executed."""
        starts = np.flatnonzero(np.diff(self.lr, prepend=np.nan))
        rates = [(int(start), float(self.lr[start])) for start in starts]
        return script(self.experiment, self.dataset, rates, self.recoveries, record=self.record)

    def formula(self) -> str:
        """The model in one line, such as ``y = 1.995·x + 0.017``."""
        return formula(self.experiment, self.theta, self.dataset)

    def __repr__(self) -> str:
        """Like ``<gentle-line: completed after 1,000 epochs, loss 5.51e-5, R² 1.00, RMSE 0.00742, MAE 0.00637>``."""
        epochs = "1 epoch" if len(self.epochs) == 2 else f"{self.epochs[-1]:,} epochs"
        facts = [f"{self.status} after {epochs}", f"loss {short(float(self.losses[-1]))}"]
        if self.metrics is not None:
            held = self.metrics.validation
            facts += [f"{name} {short(value)}" for name, value in (held or self.metrics.training).figures()]
            facts += ["on the rows held out"] if held else []
        return f"<{self.experiment.name}: {', '.join(facts)}>"


def open_table(
    path: str | Path,
    target: str | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] = _NONE,
) -> Experiment:
    """An experiment on a table (CSV, TSV, Parquet): ``target`` from ``features``, which are columns.

    Without ``features``: from every other column of numbers or of two values, but those in ``drop``. The model is
    logistic where the target has two values, else linear; the columns are standardised for training, at a learning rate
    that is stable for them, and of 50 rows or more a fifth is held out. ``settings`` change that, and anything else.

    Raises InputError where the file cannot be opened or the target is not named (it lists the columns), ExperimentError
    where a column or a setting is wrong.
    """
    return _settled(open_experiment(str(path), target, features, drop), settings)


def train(
    experiment: Experiment | str,
    *,
    settings: Mapping[str, Any] = _NONE,
    progress: bool = False,
    store: str | Path | None = None,
    on_block: Callable[[Block], object] | None = None,
) -> Result:
    """Train, and return all records: k = epochs + 1 of them, or fewer where the run ends before.

    ``experiment`` is one, or what names one: a built-in name, an experiment file (.toml) or a saved model (.pt).
    ``settings`` replace some of its settings. ``progress`` shows a line on stderr. With ``store``, a file, the run is
    kept there; the command line's own is ``tui_regress.runs.store.default_path()``. ``on_block`` is given the new
    records a few dozen times a second.

    KeyboardInterrupt, from ctrl+c or from ``on_block``, stops the run in good order: the result holds what there is
    then, with status "stopped". A second ctrl+c is not held back. The result takes 8·(p + 6) bytes an epoch.

    Raises InputError where the data cannot be loaded, ExperimentError where a setting is wrong or does not fit them.
    Errors of the work itself, such as memory that does not suffice, pass through.
    """
    chosen = _settled(open_experiment(experiment) if isinstance(experiment, str) else experiment, settings)
    with _line(progress) as tell:
        dataset = load_dataset(chosen, tell)
        collected = _Collected(chosen.training.epochs, tell, on_block)
        control = Control()
        run = training.run(chosen, dataset, control)
        # Closed, not left to the garbage collector: a notebook holds on to what an error went through.
        with closing(_kept(run, store, chosen, dataset, collected.kept_as)) as events, _interrupting(control):
            for event in events:
                try:
                    collected.take(event)
                except KeyboardInterrupt:
                    control.stop()
    return collected.result(chosen, dataset)


def _settled(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    # Also without settings: an experiment put together in Python has not been checked before.
    return anchored(override(experiment, settings), Path.cwd())


def _kept(
    events: Iterator[Event],
    store: str | Path | None,
    experiment: Experiment,
    dataset: Dataset,
    on_run: Callable[[int], None],
) -> Generator[Event, None, None]:
    yield from events if store is None else recorded(events, Path(store), experiment, dataset, on_run=on_run)


class _Collected:
    """What a run says, until it makes a result."""

    def __init__(self, epochs: int, tell: Progress, on_block: Callable[[Block], object] | None) -> None:
        self._epochs = epochs
        self._tell = tell
        self._on_block = on_block
        self._parts = defaultdict[str, list[FloatArray]](list)
        self._recoveries = list[Recovered]()
        self._notes = list[str]()
        self._measured: Measured | None = None
        self._run_id: int | None = None
        self._started: Started
        self._ended: Ended

    def kept_as(self, run_id: int) -> None:
        """The store has given the run its number."""
        self._run_id = run_id

    def take(self, event: Event) -> None:
        """Take account of the next event."""
        match event:
            case Started():
                self._started = event
                self._notes += event.notes
            case Block():
                self._extend(event)
            case Measured():
                self._measured = event
            case Recovered():
                self._recoveries.append(event)
            case Noted(message=message):
                self._notes.append(message)
            case Ended():
                self._ended = event

    def _extend(self, block: Block) -> None:
        for name in ("loss", "score", "grad_norm", "lr", "parameters"):
            self._parts[name].append(getattr(block, name))
        if block.validation_loss is not None:
            self._parts["validation_loss"].append(block.validation_loss)
        self._tell(f"epoch {block.last:,}, loss {short(float(block.loss[-1]))}", block.last / self._epochs)
        if self._on_block is not None:
            self._on_block(block)

    def result(self, experiment: Experiment, dataset: Dataset) -> Result:
        """All of it, once the run has ended."""
        # One array after the other: the parts of each are gone before the next one is made.
        whole = {name: np.concatenate(self._parts.pop(name)) for name in list(self._parts)}
        started, ended = self._started, self._ended
        return Result(
            experiment=experiment,
            dataset=dataset,
            parameter_names=started.parameter_names,
            epochs=np.arange(len(whole["loss"]), dtype=np.int64),
            losses=whole["loss"],
            validation_losses=whole.get("validation_loss"),
            scores=whole["score"],
            grad_norms=whole["grad_norm"],
            lr=whole["lr"],
            parameters=whole["parameters"],
            theta=ended.parameters,
            record=ended.record,
            best=ended.best,
            status=ended.status,
            stop=ended.stop,
            reason=ended.reason,
            seconds=ended.seconds,
            forecast=started.forecast,
            verdict=ended.verdict,
            recoveries=tuple(self._recoveries),
            metrics=self._measured,
            notes=(*dataset.notes, *self._notes),
            run_id=self._run_id,
        )


@contextmanager
def _line(shown: bool) -> Iterator[Progress]:
    """A way to tell how far things are: on one line of stderr that writes over itself, or not at all."""
    if not shown:
        yield silent
        return
    width, next_at = 0, 0.0

    def tell(doing: str, share: float | None) -> None:
        nonlocal width, next_at
        if (now := time.monotonic()) < next_at and share != 1:
            return
        next_at = now + INTERVAL
        text = doing if share is None else f"{share:4.0%}  {doing}"
        sys.stderr.write("\r" + text.ljust(width))
        sys.stderr.flush()
        width = len(text)

    try:
        yield tell
    finally:
        sys.stderr.write("\n")


@contextmanager
def _interrupting(control: Control) -> Iterator[None]:
    """Let the first ctrl+c stop the run in good order, as far as this thread is the one that hears of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
