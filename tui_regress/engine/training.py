"""The training loop: a generator of what happens, in blocks sized by the clock."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import choose
from tui_regress.engine.backends.base import Backend, S
from tui_regress.engine.control import Control, Stop
from tui_regress.engine.devices import resolve
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Ended, Event, Recovered, Resume, Started, Status, Verdict
from tui_regress.engine.objective import check_fit, parameter_names, starting_point
from tui_regress.engine.sentences import explain, remedy
from tui_regress.engine.stability import forecast, safe_lr
from tui_regress.experiment import Experiment

__all__ = ["Control", "Resume", "run"]

_GROWTH = 10
"""By how much a block may be longer than the last: one that was short by chance must not make the next one endless."""
_MOST_RECOVERIES = 8
"""Each goes on with a smaller lr; a run that needs more is not to be saved by that."""


def run(
    experiment: Experiment,
    dataset: Dataset,
    control: Control | None = None,
    *,
    resume: Resume | None = None,
    block_seconds: float = 0.03,
) -> Generator[Event, None, None]:
    """Train: yields Started, Blocks, Verdicts and what comes of them, and at last exactly one Ended.

    Record 0 comes in a block of its own; each later block takes about ``block_seconds`` of work, an epoch that takes
    longer is one of its own, and no record is ever left out. ``control`` is asked before every block. The numbers
    depend neither on the length of the blocks nor on torch's global random numbers. After a verdict the run ends, goes
    on, or goes back to its best record, as the experiment's ``on_divergence`` says.

    Raises ExperimentError where experiment, data and device do not fit; errors of the work itself pass through, and
    then there is no Ended.
    """
    control = control or Control()
    check_fit(experiment, dataset)
    device, device_note = resolve(experiment.device, experiment.training.gradient)
    trained, epochs, policy = dataset.trained, experiment.training.epochs, experiment.training.on_divergence
    backend, choice_note = choose(experiment, trained, device)
    first = starting_point(experiment, dataset)
    if resume is None:
        state = backend.start(first)
    else:
        state = backend.start(dataset.from_original(resume.parameters), resume.epoch)
    ahead = forecast(experiment, trained, first)
    yield Started(
        parameter_names=parameter_names(experiment.model, dataset.feature_names),
        rows=dataset.rows,
        device=device,
        dtype=experiment.device.dtype,
        gradient=backend.name,
        notes=tuple(filter(None, (device_note, choice_note))),
        forecast=ahead,
    )
    began, waited = time.perf_counter(), control.waited
    seen, reached, verdict, recoveries = backend.record(state), _Reached(), None, 0
    reached.note(seen)
    announced = resume is not None
    while True:
        monitor = Monitor(experiment, trained, ahead)
        for block in _blocks(backend, state, epochs, control, block_seconds, announced=announced):
            found = monitor.check(block) if verdict is None else None
            halt = found is not None and policy != "continue"
            seen = _until(block, found.epoch) if found and halt else block
            yield replace(seen, parameters=dataset.to_original(seen.parameters))
            reached.note(seen)
            if found:
                verdict = found
                yield verdict
            if halt:
                break
        exhausted = recoveries == _MOST_RECOVERIES or seen.last >= epochs
        if verdict is None or policy != "recover" or exhausted or control.stopped or reached.best is None:
            break
        record, theta = reached.best
        recoveries, verdict, announced = recoveries + 1, None, True
        lr = safe_lr(ahead, state.lr)
        control.set_lr(lr)
        state = backend.start(theta, seen.last)
        yield Recovered(seen.last, record, lr, f"Back to the parameters of epoch {record:,}, and on with lr {lr:.3g}.")
    status, reason = _outcome(seen.last, epochs, verdict)
    if status == "completed" and seen.loss[-1] > reached.first:
        reason += f" The loss ended above where it began. {explain(ahead)[0]} {remedy(ahead)}"
    seconds = time.perf_counter() - began - (control.waited - waited)
    finite = seen.parameters[-1] if reached.finite is None else reached.finite
    yield Ended(status, reason, seen.last, float(seen.loss[-1]), dataset.to_original(finite), verdict, seconds)


class _Reached:
    """The last record in which everything is finite, and the best one: parameters as training steps them."""

    def __init__(self) -> None:
        self.finite: FloatArray | None = None
        self.best: tuple[int, FloatArray] | None = None
        """Number and parameters."""
        self.first = math.nan
        """The loss of the first record."""
        self._lowest = math.inf

    def note(self, block: Block) -> None:
        """Take account of the records of ``block``."""
        if math.isnan(self.first):
            self.first = float(block.loss[0])
        fine = np.isfinite(block.loss)
        fine &= np.isfinite(block.parameters).all(axis=1) & np.isfinite(block.gradient).all(axis=1)
        if fine.any():
            rows = np.flatnonzero(fine)
            self.finite = block.parameters[rows[-1]].copy()
            lowest = int(rows[np.argmin(block.loss[rows])])
            if block.loss[lowest] < self._lowest:
                self._lowest = float(block.loss[lowest])
                self.best = block.first + lowest, block.parameters[lowest].copy()


def _blocks(
    backend: Backend[S], state: S, epochs: int, control: Control, block_seconds: float, *, announced: bool
) -> Iterator[Block]:
    """The record of ``state``, unless it was ``announced`` before, and then all others until the last or a stop."""
    state.lr = control.take_lr(state.lr)
    if not announced:
        yield backend.record(state)
    length = 1
    while state.epoch < epochs:
        try:
            length = control.take_turn(min(length, epochs - state.epoch))
        except Stop:
            return
        state.lr = control.take_lr(state.lr)
        began, waited = time.perf_counter(), control.waited
        block = backend.advance(state, length, partial(control.breathe, alone=length == 1))
        seconds = time.perf_counter() - began - (control.waited - waited)
        control.end_turn(length)
        if len(block.loss):
            yield block
        if len(block.loss) < length:
            return
        length = max(1, min(_GROWTH * length, round(length * block_seconds / seconds)))


def _until(block: Block, epoch: int) -> Block:
    """``block`` cut after the record of ``epoch``."""
    k = epoch - block.first + 1
    parts = (block.parameters, block.gradient, block.loss, block.score, block.lr)
    return Block(block.first, *(part[:k] for part in parts))


def _outcome(epoch: int, epochs: int, verdict: Verdict | None) -> tuple[Status, str]:
    if verdict:
        return "diverged", verdict.message
    if epoch < epochs:
        return "stopped", f"Stopped after {epoch} of {epochs} epochs."
    return "completed", "The one epoch is done." if epochs == 1 else f"All {epochs} epochs are done."
