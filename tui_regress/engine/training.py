"""The training loop: a generator of what happens, in blocks sized by the clock."""

import time
from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import choose
from tui_regress.engine.backends.base import Backend, S
from tui_regress.engine.control import Control, Stop
from tui_regress.engine.devices import resolve
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Ended, Event, Started, Status, Verdict
from tui_regress.engine.objective import check_fit, initial_parameters, parameter_names
from tui_regress.experiment import Experiment

__all__ = ["Control", "run"]

_GROWTH = 10
"""By how much a block may be longer than the last: one that was short by chance must not make the next one endless."""


def run(
    experiment: Experiment, dataset: Dataset, control: Control | None = None, *, block_seconds: float = 0.03
) -> Generator[Event, None, None]:
    """Train: yields Started, Blocks, at most one Verdict, and at last exactly one Ended.

    Record 0 comes in a block of its own; each later block takes about ``block_seconds`` of work, an epoch that takes
    longer is one of its own, and no record is ever left out. ``control`` is asked before every block. The numbers
    depend neither on the length of the blocks nor on torch's global random numbers.

    Raises ExperimentError where experiment, data and device do not fit; errors of the work itself pass through, and
    then there is no Ended.
    """
    control = control or Control()
    check_fit(experiment, dataset)
    device, device_note = resolve(experiment.device, experiment.training.gradient)
    backend, choice_note = choose(experiment, dataset, device)
    state = backend.start()
    yield Started(
        parameter_names=parameter_names(experiment.model, dataset.feature_names),
        rows=dataset.rows,
        device=device,
        dtype=experiment.device.dtype,
        gradient=backend.name,
        notes=tuple(filter(None, (device_note, choice_note))),
    )
    monitor, verdict = Monitor(experiment, dataset), None
    began, waited = time.perf_counter(), control.waited
    finite = initial_parameters(experiment.model, dataset.features, experiment.training.seed)
    for block in _blocks(backend, state, experiment.training.epochs, control, block_seconds):
        found = monitor.check(block) if verdict is None else None
        halt = found is not None and experiment.training.on_divergence == "stop"
        seen = _until(block, found.epoch) if found and halt else block
        yield seen
        finite = _last_finite(seen, finite)
        if found:
            verdict = found
            yield verdict
        if halt:
            break
    status, reason = _outcome(seen.last, experiment.training.epochs, verdict)
    seconds = time.perf_counter() - began - (control.waited - waited)
    yield Ended(status, reason, seen.last, float(seen.loss[-1]), finite, verdict, seconds)


def _blocks(backend: Backend[S], state: S, epochs: int, control: Control, block_seconds: float) -> Iterator[Block]:
    """Record 0, and then all others, until the last epoch or a stop."""
    state.lr = control.take_lr(state.lr)
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


def _last_finite(block: Block, before: FloatArray) -> FloatArray:
    """Shape (p,): parameters of the last record of ``block`` in which everything is finite, else ``before``."""
    finite = np.isfinite(block.loss)
    finite &= np.isfinite(block.parameters).all(axis=1) & np.isfinite(block.gradient).all(axis=1)
    return block.parameters[np.flatnonzero(finite)[-1]].copy() if finite.any() else before


def _outcome(epoch: int, epochs: int, verdict: Verdict | None) -> tuple[Status, str]:
    if verdict:
        return "diverged", verdict.message
    if epoch < epochs:
        return "stopped", f"Stopped after {epoch} of {epochs} epochs."
    return "completed", "The one epoch is done." if epochs == 1 else f"All {epochs} epochs are done."
