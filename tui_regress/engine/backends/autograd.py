"""The backend "autograd": nn.Linear, torch's losses, backward() and torch's optimizers. The reference."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import in_torch
from tui_regress.engine.backends.base import Breathe
from tui_regress.engine.objective import divisor
from tui_regress.engine.optimizers import build
from tui_regress.experiment import Experiment, Linear


class HalfMSELoss(nn.MSELoss):
    """Half the mean squared error: its gradient is the one usually written by hand."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - the name nn.MSELoss gives it
        """Shape ()."""
        return super().forward(input, target) / 2


_CRITERIA = {
    "mse": nn.MSELoss(),
    "half-mse": HalfMSELoss(),
    "sse": nn.MSELoss(reduction="sum"),
    "bce": nn.BCEWithLogitsLoss(),
    "bce-sum": nn.BCEWithLogitsLoss(reduction="sum"),
}


@dataclass(slots=True, kw_only=True)
class State(in_torch.State):
    """The module and what was last computed with it.

    Its parameters hold the gradient over all rows; between the steps of an epoch that over the last minibatch.
    """

    module: nn.Linear
    parameters: list[Tensor]
    """Those of the module: weight and bias."""
    loss: Tensor
    """Shape ()."""
    score: Tensor
    """Shape ()."""


class Autograd(in_torch.TorchDescent[State]):
    """What a PyTorch tutorial writes, one call after the other."""

    name: ClassVar[str] = "autograd"

    def __init__(self, experiment: Experiment, dataset: Dataset, device: str) -> None:
        super().__init__(experiment, dataset, device)
        self._criterion = _CRITERIA[self.model.loss]
        # A mean over part of the rows counts with the share of those rows.
        by = divisor(self.model, self.rows)
        self._shares = [self._tensor(np.array(divisor(self.model, len(y)) / by)) for _, y in self._chunks]

    def _prepared(self, X: FloatArray, y: FloatArray) -> tuple[Tensor, Tensor]:
        return self._tensor(X), self._tensor(y[:, None])

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        # By way of "meta": elsewhere nn.Linear starts with draws from torch's global random numbers.
        module = nn.Linear(self.features, 1, bias=self.model.bias, dtype=self._dtype, device="meta")
        module = module.to_empty(device=self.device)
        with torch.no_grad():
            module.weight.copy_(self._tensor(theta[None, : self.features]))
            if self.model.bias:
                module.bias.copy_(self._tensor(theta[-1:]))
        parameters: list[Tensor] = list(module.parameters())
        optimizer = build(self.experiment.optimizer, parameters)
        lr, nan = self.experiment.optimizer.lr, self._tensor(np.array(math.nan))
        return State(lr, order, optimizer=optimizer, module=module, parameters=parameters, loss=nan, score=nan)

    def _differentiate(self, state: State, rows: tuple[Tensor, Tensor]) -> None:
        X, y = rows
        state.optimizer.zero_grad()
        self._criterion(state.module(X), y).backward()

    def _evaluate(self, state: State, breathe: Breathe) -> None:
        state.optimizer.zero_grad()
        losses, right = [], []
        for (X, y), share in zip(self._chunks, self._shares, strict=True):
            z = state.module(X)
            loss = self._criterion(z, y)
            loss.backward(share)
            losses.append(loss.detach() * share)
            if not isinstance(self.model, Linear):
                right.append(torch.where(y > 0, z > 0, z <= 0).sum(dtype=self._dtype))
            breathe()
        state.loss = sum(losses[1:], losses[0])
        if isinstance(self.model, Linear):
            state.score = state.loss * (divisor(self.model, self.rows) / self.rows)
        else:
            state.score = sum(right[1:], right[0]) / self.rows

    def _evaluated(self, state: State, values: Tensor) -> None:
        p, d = self.features + self.model.bias, self.features
        state.module.weight.grad = values[None, p : p + d].clone()
        if self.model.bias:
            state.module.bias.grad = values[p + d : 2 * p].clone()
        state.loss, state.score = values[-2], values[-1]

    def _values(self, state: State) -> Tensor:
        gradient = [parameter.grad.flatten() for parameter in state.parameters if parameter.grad is not None]
        parameters = [parameter.detach().flatten() for parameter in state.parameters]
        return torch.cat((*parameters, *gradient, torch.stack((state.loss, state.score))))
