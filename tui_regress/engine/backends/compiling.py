"""From an experiment to the kernels and their arguments. Only where Numba is installed."""

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import DTypeLike

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.backends import kernels
from tui_regress.engine.backends.kernels import Plan
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import Floats, divisor
from tui_regress.experiment import Adagrad, Adam, AdamW, Experiment, Logistic, NAdam, RMSprop, Sgd

F = TypeVar("F", bound=Callable[..., object])

_COMPILED = 50_000
"""New objects that only compiling leaves."""


def plan(experiment: Experiment, rows: int) -> Plan:
    """That of ``experiment`` on ``rows`` rows of training."""
    model, by = experiment.model, float(divisor(experiment.model, 0))
    by_rows = divisor(model, 1) - by
    start = isinstance(model, Logistic), batch_size(experiment, rows), by_rows, by
    match experiment.optimizer:
        case Sgd() as o:
            return Plan(*start, kernels.SGD, o.weight_decay, o.momentum, o.dampening, variant=o.nesterov)
        case Adam() as o:
            return Plan(*start, kernels.ADAM, o.weight_decay, 0.0, 0.0, *o.betas, o.eps, variant=o.amsgrad)
        case AdamW() as o:
            return Plan(*start, kernels.ADAMW, o.weight_decay, 0.0, 0.0, *o.betas, o.eps, variant=o.amsgrad)
        case NAdam() as o:
            return Plan(*start, kernels.NADAM, o.weight_decay, 0.0, 0.0, *o.betas, o.eps, 0.96**o.momentum_decay)
        case RMSprop() as o:
            return Plan(
                *start, kernels.RMSPROP, o.weight_decay, o.momentum, beta2=o.alpha, eps=o.eps, variant=o.centered
            )
        case Adagrad() as o:
            return Plan(*start, kernels.ADAGRAD, o.weight_decay, eps=o.eps, fading=o.lr_decay)


def fresh(experiment: Experiment, parameters: int, dtype: DTypeLike) -> tuple[Floats, FloatArray]:
    """``memory`` and ``counts`` of an optimizer that has taken no step yet."""
    memory = np.zeros((3, parameters), dtype)
    if isinstance(experiment.optimizer, Adagrad):
        memory[0] = experiment.optimizer.initial_accumulator_value
    # Steps taken; beta1, beta2 and the fading to that power; NAdam's product of its momenta.
    return memory, np.array([0.0, 1.0, 1.0, 1.0, 1.0])


@functools.cache
def _kernel(function: Callable[..., object], *, kept: bool) -> Callable[..., object]:
    """One and the same for one and the same function: what it has compiled serves all runs."""
    return cast(Callable[..., object], njit(nogil=True, error_model="numpy", cache=kept)(function))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without searches for garbage, each of which would halt all threads for a tenth of a second and more."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # What compiling has left is left unsearched, or the search would come now: among the oldest objects, or where
        # there are some already among those that are never searched.
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        elif gc.get_count()[0] > _COMPILED:
            gc.freeze()
        gc.enable()


def ready(function: F, *idle: object) -> F:
    """``function``, one of those for Numba, in machine code for arguments such as ``idle``: it is called with them.

    Compiled it takes seconds; so it is kept in a file, beside this one or in the user's cache, or in NUMBA_CACHE_DIR.
    """
    with _nothing_collected():
        try:
            kernel = _kernel(function, kept=True)
            kernel(*idle)
        except Exception:
            # There may be no such folder, no room in it, or a damaged file: it goes without.
            kernel = _kernel(function, kept=False)
            kernel(*idle)
    return cast(F, kernel)
