"""The backend "analytic": the gradient in closed form, in torch, with torch's optimizers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import in_torch
from tui_regress.engine.backends.base import Breathe
from tui_regress.engine.objective import divisor
from tui_regress.engine.optimizers import build
from tui_regress.experiment import Linear


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
    """One flat parameter vector; X carries a column of ones for the bias."""

    name: ClassVar[str] = "analytic"

    def _prepared(self, dataset: Dataset) -> tuple[Tensor, Tensor]:
        X = self._tensor(np.ones((self.rows, self.features + self.model.bias)))
        X[:, : self.features] = self._tensor(dataset.X)
        # The classes as −1 and 1: times the logit, that is positive where a row is classified right.
        return X, self._tensor(dataset.y if isinstance(self.model, Linear) else 2 * dataset.y - 1)

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        p = len(theta)
        values = self._tensor(np.concatenate((theta, np.zeros(p + 2))))
        start, gradient = values[:p], values[p : 2 * p]
        start.grad = gradient
        optimizer = build(self.experiment.optimizer, [start])
        lr = self.experiment.optimizer.lr
        return State(lr, order, optimizer=optimizer, values=values, theta=start, gradient=gradient)

    def _differentiate(self, state: State, rows: tuple[Tensor, Tensor]) -> None:
        gradient, _, _ = self._sums(state.theta, *rows)
        torch.div(gradient, divisor(self.model, len(rows[1])), out=state.gradient)

    def _evaluate(self, state: State, breathe: Breathe) -> None:
        gradient, loss, score = self._sums(state.theta, *self._chunks[0])
        for rows in self._chunks[1:]:
            breathe()
            more = self._sums(state.theta, *rows)
            gradient, loss, score = gradient + more[0], loss + more[1], score + more[2]
        by = divisor(self.model, self.rows)
        torch.div(gradient, by, out=state.gradient)
        torch.stack((loss / by, score / self.rows), out=state.values[-2:])

    def _sums(self, theta: Tensor, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient, shape (p,), loss and score summed over rows: :class:`objective.Sums` in torch."""
        z = X @ theta
        if isinstance(self.model, Linear):
            residual = z - y
            squares = residual @ residual
            return X.T @ (2 * residual), squares, squares
        margin = y * z
        loss = -torch.nn.functional.logsigmoid(margin).sum()
        right = torch.where(y > 0, z > 0, z <= 0).sum(dtype=self._dtype)
        return X.T @ (-y * torch.sigmoid(-margin)), loss, right

    def _evaluated(self, state: State, values: Tensor) -> None:
        state.values.copy_(values)

    def _values(self, state: State) -> Tensor:
        return state.values.clone()
