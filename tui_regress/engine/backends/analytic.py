"""The backend "analytic": the gradient in closed form, in torch, with torch's optimizers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import compiled, in_torch
from tui_regress.engine.backends.base import Breathe
from tui_regress.engine.backends.graphs import Graphs
from tui_regress.engine.chunks import chunks
from tui_regress.engine.crew import Crew
from tui_regress.engine.objective import divisor
from tui_regress.engine.optimizers import build
from tui_regress.experiment import Experiment, Linear

_WORTH_NUMBA, _NARROW = 2**24, 2**9
"""Numbers of X from which on, and columns up to which, a logistic model's full batches are worth to load Numba. That
takes half a second, and saves two thousandths in an epoch of so many numbers; of wide rows it saves next to nothing."""
_VECTORS = 6
"""Arrays of one number a row that are in use together with the columns of X."""
_CERTAIN = 40.0
"""Log-odds beyond which log(1 + e^m) is m, to the last digit of float64."""


@dataclass(slots=True, kw_only=True)
class State(in_torch.State):
    """Parameters and what was last computed at them, views of one tensor, so that one copy of it is a record."""

    values: Tensor
    """Shape (2p + 2,): theta, gradient, loss and score in this order."""
    theta: Tensor
    """Shape (p,)."""
    gradient: Tensor
    """Shape (p,): over all rows, between the steps of an epoch over the last minibatch."""
    graphs: Graphs = field(default_factory=Graphs)
    """Of its steps on CUDA."""
    warm: int = 0
    """Epochs that were launched there kernel by kernel."""


class Analytic(in_torch.TorchDescent[State]):
    """One flat parameter vector; all rows are evaluated in about one pass over X.

    On the CPU they come in portions that stay in the cache from the first look at X to the second, and a few threads
    share them: torch itself computes the product of a tall matrix and a vector in one thread. Where Numba is installed,
    it takes a portion of a logistic model's rows in one go.
    """

    name: ClassVar[str] = "analytic"

    def __init__(self, experiment: Experiment, dataset: Dataset, device: str) -> None:
        super().__init__(experiment, dataset, device)
        p, linear = self.features + self.model.bias, isinstance(self.model, Linear)
        self._half = 2 if linear else 1
        by = divisor(self.model, self.rows)
        self._divisors = self._tensor(np.array([by / self._half] * p + [by, self.rows]))
        alone = device != "cpu" or self.rows * self.features < in_torch.WORTH_THREADS
        helpers = 0 if alone else torch.get_num_threads() - 1
        self._crew = Crew(helpers, partial(torch.set_num_threads, 1))
        tall = self.features <= _NARROW and self.rows * self.features >= _WORTH_NUMBA
        suited = tall and self._full and device == "cpu" and not linear
        self._add_up = self._in_one_pass() if suited and compiled.available() else None

    def _in_one_pass(self) -> Callable[..., None] | None:
        """Numba's way to :meth:`_sums`; None where it is there and does not work."""
        p, dtype = self.features + self.model.bias, self.experiment.device.dtype
        a_row = np.zeros((p, 1), dtype), np.zeros(1, dtype), np.zeros(p, dtype), np.zeros(p + 2)
        try:
            from tui_regress.engine.backends import compiling, cross_entropy

            return compiling.ready(cross_entropy.add_up, *a_row)
        except Exception:
            # It fails in many ways, with a NumPy that is too new for it for instance, and torch does the same.
            return None

    def _portions(self) -> Iterator[slice]:
        if self.device != "cpu":
            return super()._portions()
        return chunks(self.rows, self.features + _VECTORS)

    def _prepared(self, X: FloatArray, y: FloatArray) -> tuple[Tensor, Tensor]:
        """[X 1], or X without a bias, and the targets.

        Of a logistic model the rows of class 1 with the other sign, so that they give the log-odds of the wrong class;
        beside them is what these are below where the row is classified right.
        """
        # Straight to its place: a copy in between would be as large as all of the data.
        A = np.ones((len(X), X.shape[1] + self.model.bias), self.experiment.device.dtype)
        with np.errstate(over="ignore"):
            A[:, : X.shape[1]] = X
        rows = torch.from_numpy(A).to(self.device)
        if isinstance(self.model, Linear):
            beside = self._tensor(y)
        else:
            wrong = self._tensor(1 - 2 * y)
            rows *= wrong[:, None]
            # A logit of 0 says class 0: of that class it is right, and what is less than any other number tells it so.
            beside = wrong * torch.finfo(self._dtype).tiny
        # Products with few long columns are quicker; gathering rows is, where a row lies in one piece.
        return rows.T.contiguous().T if self._full else rows, beside

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
        misses = self._misses(state.theta, X, y)
        pull = misses if isinstance(self.model, Linear) else misses.sigmoid_()
        torch.div(X.T @ pull, divisor(self.model, len(y)) / self._half, out=state.gradient)

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
        if self._add_up is not None:
            sums = np.zeros(len(theta) + 2)
            self._add_up(X.T.numpy(), y.numpy(), theta.numpy(), sums)
            return torch.from_numpy(sums)
        misses = self._misses(theta, X, y)
        if isinstance(self.model, Linear):
            squares = misses @ misses
            return torch.hstack((X.T @ misses, squares, squares))
        gradient = X.T @ torch.sigmoid(misses)
        loss = softplus(misses, threshold=_CERTAIN).sum()
        return torch.hstack((gradient, loss, misses.lt_(y).sum()))

    def _misses(self, theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
        """Residuals of a linear model; the log-odds of the wrong class of a logistic one. Shape (r,)."""
        return torch.addmv(y, X, theta, beta=-1) if isinstance(self.model, Linear) else X @ theta

    def _evaluated(self, state: State, values: Tensor) -> None:
        state.values.copy_(values)

    def _values(self, state: State) -> Tensor:
        return state.values.clone()
