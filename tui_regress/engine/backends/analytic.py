"""The backend "analytic": the gradient in closed form, in torch, with torch's optimizers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import in_torch
from tui_regress.engine.backends.base import Breathe
from tui_regress.engine.backends.crew import Crew
from tui_regress.engine.chunks import chunks
from tui_regress.engine.objective import divisor
from tui_regress.engine.optimizers import build
from tui_regress.experiment import Experiment, Linear

_VECTORS = 6
"""Arrays of one number a row that are in use together with the columns of X."""


@dataclass(slots=True, kw_only=True)
class State(in_torch.State):
    """Parameters and what was last computed at them, views of one tensor, so that one copy of it is a record."""

    values: Tensor
    """Shape (2p + 2,): theta, gradient, loss and score in this order."""
    theta: Tensor
    """Shape (p,)."""
    gradient: Tensor
    """Shape (p,): over all rows, between the steps of an epoch over the last minibatch."""


class Analytic(in_torch.TorchDescent[State]):
    """One flat parameter vector; all rows are evaluated in about one pass over X.

    On the CPU they come in portions that stay in the cache from the first look at X to the second, and a few threads
    share them: torch itself computes the product of a tall matrix and a vector in one thread.
    """

    name: ClassVar[str] = "analytic"

    def __init__(self, experiment: Experiment, dataset: Dataset, device: str) -> None:
        super().__init__(experiment, dataset, device)
        p, linear = self.features + self.model.bias, isinstance(self.model, Linear)
        self._half = 2 if linear else 1
        by = divisor(self.model, self.rows)
        self._divisors = self._tensor(np.array([by / self._half] * p + [by, self.rows]))
        self._one, self._tiny = self._tensor(np.array([1, torch.finfo(self._dtype).tiny]))
        alone = device != "cpu" or self.rows * self.features < in_torch.WORTH_THREADS
        helpers = 0 if alone else torch.get_num_threads() - 1
        self._crew = Crew(helpers, partial(torch.set_num_threads, 1))

    def _portions(self) -> Iterator[slice]:
        if self.device != "cpu":
            return super()._portions()
        return chunks(self.rows, self.features + _VECTORS)

    def _prepared(self, X: FloatArray, y: FloatArray) -> tuple[Tensor, Tensor]:
        rows = self._tensor(X)
        # Products with few long columns are quicker; gathering rows is, where a row lies in one piece.
        columns = rows.T.contiguous().T if self._full else rows
        # The classes 1 and 0 as −1 and 1: times the logit, that is negative where a row is classified right.
        return columns, self._tensor(y if isinstance(self.model, Linear) else 1 - 2 * y)

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        p = len(theta)
        values = self._tensor(np.concatenate((theta, np.zeros(p + 2))))
        start, gradient = values[:p], values[p : 2 * p]
        start.grad = gradient
        optimizer = build(self.experiment.optimizer, [start])
        lr = self.experiment.optimizer.lr
        return State(lr, order, optimizer=optimizer, values=values, theta=start, gradient=gradient)

    def _differentiate(self, state: State, rows: tuple[Tensor, Tensor]) -> None:
        X, y = rows
        pull = self._misses(state.theta, X, y)
        if not isinstance(self.model, Linear):
            pull = pull.sigmoid_().mul_(y)
        gradient = torch.hstack(self._gradient(X, pull))
        torch.div(gradient, divisor(self.model, len(y)) / self._half, out=state.gradient)

    def _evaluate(self, state: State, breathe: Breathe) -> None:
        if len(self._chunks) == 1:
            total = self._sums(state.theta, self._chunks[0])
        else:
            with in_torch.threads(1):
                parts = self._crew.map(partial(self._sums, state.theta), self._chunks, breathe)
            total = torch.stack(parts).sum(0)
        torch.div(total, self._divisors, out=state.values[-len(total) :])

    def _sums(self, theta: Tensor, rows: tuple[Tensor, Tensor]) -> Tensor:
        """Gradient, loss and score summed over rows, shape (p + 2,): :class:`objective.Sums` in torch.

        The gradient of a linear model is half that of its squared errors.
        """
        X, y = rows
        misses = self._misses(theta, X, y)
        if isinstance(self.model, Linear):
            squares = misses @ misses
            return torch.hstack((*self._gradient(X, misses), squares, squares))
        right = torch.count_nonzero(misses < 0)
        wrong = torch.sigmoid(misses)
        # log(1 + e^m) = max(m, 0) − log(1 − min(P, 1 − P)) with P of the wrong class: no digits lost on either side.
        rest = torch.minimum(wrong, self._one - wrong).neg_().log1p_().sum()
        gradient = self._gradient(X, wrong.mul_(y))
        return torch.hstack((*gradient, misses.clamp_(min=0).sum() - rest, right))

    def _misses(self, theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
        """Residuals of a linear model; the log-odds of the wrong class of a logistic one. Shape (r,)."""
        z = torch.addmv(theta[-1], X, theta[:-1]) if self.model.bias else X @ theta
        if isinstance(self.model, Linear):
            return z.sub_(y)
        # A logit of 0 says class 0; less than any other number, what it is shifted by tells that side too.
        return z.sub_(self._tiny).mul_(y)

    def _gradient(self, X: Tensor, pull: Tensor) -> tuple[Tensor, ...]:
        """That of the weights and that of the bias, if any, where ``pull`` is the loss's derivative by the logits."""
        return (X.T @ pull, pull.sum()) if self.model.bias else (X.T @ pull,)

    def _evaluated(self, state: State, values: Tensor) -> None:
        state.values.copy_(values)

    def _values(self, state: State) -> Tensor:
        return state.values.clone()
