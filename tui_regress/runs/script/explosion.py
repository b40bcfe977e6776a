"""Whether a run that has not begun will explode, and how it will notice; see engine/divergence.py."""

import math
from typing import Literal, NamedTuple

import numpy as np

from tui_regress.data.dataset import Dataset
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import divisor, evaluate, starting_point
from tui_regress.engine.stability import growth
from tui_regress.experiment import Experiment, Linear, Sgd

_WORK = 2e7
"""Multiplications that take a few milliseconds."""
_SQUARABLE = 1e300
"""What the sum of the squares of X must stay below for its curvature to be computed."""
_RISES = 3
"""In a row, which prove that the learning rate is too large."""
_FAR = 100.0
"""Times the loss at the start, or of predicting 0."""


class Explosion(NamedTuple):
    """How a run whose loss grows for ever ends."""

    sign: Literal["rises", "far", "overflow"]
    """Three rises in a row, a loss above ``far``, or the first number that is not finite."""
    far: float = math.inf


def foresee(experiment: Experiment, dataset: Dataset) -> Explosion | None:
    """The explosion that is to come; None where there will be none, as far as a look of milliseconds can tell.

    Not looked into are large data, and a run that recovers by itself: how that goes on, only the run can tell.
    """
    model, sgd, policy = experiment.model, experiment.optimizer, experiment.training.on_divergence
    if not isinstance(model, Linear) or not isinstance(sgd, Sgd) or policy == "recover":
        return None
    rows, p = dataset.rows, dataset.features + model.bias
    if rows * p * p > _WORK or not np.square(dataset.X).sum() < _SQUARABLE:
        return None
    trained, full = dataset.trained, batch_size(experiment, rows) == rows
    if not full and _is_gentle(experiment, sgd, trained):
        return None
    factor = growth(experiment, trained)
    if factor is None:
        return None
    proof = full and sgd.momentum == 0
    first = float(evaluate(model, starting_point(experiment, dataset), trained.X, trained.y).loss)
    room = math.log(np.finfo(experiment.device.dtype).max) - math.log(max(first, 1.0))
    if policy == "continue" or room < (_RISES if proof else 1) * math.log(factor):
        return Explosion("overflow")
    nothing = float(trained.y @ trained.y) / divisor(model, rows)
    return Explosion("rises") if proof else Explosion("far", _FAR * max(first, nothing))


def _is_gentle(experiment: Experiment, sgd: Sgd, trained: Dataset) -> bool:
    """Whether every minibatch has a curvature that is safe (Ghadimi et al., 2015): then none has to be tried."""
    model, size = experiment.model, batch_size(experiment, trained.rows)
    longest = float(np.einsum("ij,ij->i", trained.X, trained.X).max()) + model.bias
    steepest = 2 * longest * size / divisor(model, size)
    return sgd.lr * (steepest + sgd.weight_decay) < 2 * (1 - sgd.momentum)
