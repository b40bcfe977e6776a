"""The backend "numpy": gradient and update written out by hand. It knows stochastic gradient descent only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.backends import base
from tui_regress.engine.chunks import design
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import Floats, divisor
from tui_regress.experiment import Experiment, Linear, Sgd


@dataclass(slots=True, kw_only=True)
class State(base.State):
    """Parameters, what was last computed at them, and the momentum."""

    theta: Floats
    """Shape (p,)."""
    gradient: Floats
    """Shape (p,): over all rows, between the steps of an epoch over the last minibatch."""
    loss: float = math.nan
    score: float = math.nan
    velocity: Floats | None = None
    """Shape (p,): the running sum of gradients; None before the first step."""


class ByHand(base.Descent[State, Floats]):
    """Everything in NumPy, in the run's precision. ``optimizer`` is that of ``experiment``."""

    name: ClassVar[str] = "numpy"

    def __init__(self, experiment: Experiment, dataset: Dataset, optimizer: Sgd) -> None:
        super().__init__(experiment, dataset)
        self._sgd = optimizer
        self._dtype = np.dtype(experiment.device.dtype)
        self._linear = isinstance(self.model, Linear)
        with np.errstate(over="ignore"):
            self._X, self._y = dataset.X.astype(self._dtype), dataset.y.astype(self._dtype)
        # With minibatches, what a step takes costs more to call than to compute: the fewer calls the better.
        steps = self._batch_size < self.rows
        self._A = design(self._X, self.model.bias).astype(self._dtype) if steps else self._X
        self._targets = self._y if self._linear else 2 * self._y - 1

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        with np.errstate(over="ignore"):
            start = theta.astype(self._dtype)
        return State(self._sgd.lr, order, theta=start, gradient=np.zeros_like(start))

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def advance(self, state: State, epochs: int, breathe: base.Breathe) -> Block:
        """See :class:`base.Backend`."""
        return super().advance(state, epochs, breathe)

    def _step(self, state: State) -> None:
        sgd, gradient = self._sgd, state.gradient
        if sgd.weight_decay:
            gradient = gradient + sgd.weight_decay * state.theta
        if sgd.momentum:
            if state.velocity is None:
                state.velocity = gradient
            else:
                state.velocity = sgd.momentum * state.velocity + (1 - sgd.dampening) * gradient
            gradient = gradient + sgd.momentum * state.velocity if sgd.nesterov else state.velocity
        state.theta = state.theta - state.lr * gradient

    def _differentiate(self, state: State, rows: tuple[Floats, Floats]) -> None:
        A, targets = rows
        if self._linear:
            pull = A @ state.theta
            pull -= targets
            pull *= 2 / divisor(self.model, len(targets))
        else:
            # Through the log-odds of the right class: P − y would round to 0.
            pull = np.exp(targets * (A @ state.theta))
            pull += 1
            np.divide(targets, pull, out=pull)
            pull *= -1 / divisor(self.model, len(targets))
        state.gradient = pull @ A

    def _evaluate(self, state: State, breathe: base.Breathe) -> None:
        found = objective.evaluate(self.model, state.theta, self._X, self._y, breathe)
        state.loss, state.gradient, state.score = found

    def _rows(self, which: slice | NDArray[np.int64]) -> tuple[Floats, Floats]:
        return self._A[which], self._targets[which]

    def _values(self, state: State) -> Floats:
        return np.concatenate((state.theta, state.gradient, [state.loss, state.score]))

    def _gathered(self, state: State) -> Plain:
        return state.velocity

    def _refill(self, state: State, values: Floats, gathered: Any) -> None:
        p = len(state.theta)
        state.gradient, state.velocity = values[p : 2 * p].astype(self._dtype), gathered
        state.loss, state.score = values[-2:].tolist()

    def _array(self, values: Floats) -> Floats:
        return values

    def _stack(self, values: Sequence[Floats]) -> FloatArray:
        return np.array(values, dtype=np.float64).reshape(len(values), -1)
