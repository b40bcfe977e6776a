"""The backend "statistics" for the optimizers that are no linear map: descent over p rows in place of all.

p rows can be found whose squared errors, but for a constant, are those of all n rows at any parameters. They are given
to the backend that is quickest with so few.
"""

from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import compiled
from tui_regress.engine.backends.base import Backend, Breathe, State
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import divisor, initial_parameters
from tui_regress.engine.quadratic import Quadratic, quadratic
from tui_regress.experiment import Device, Experiment, Linear
from tui_regress.problems import InputError


class Condensed:
    """See the module. ``model`` is that of ``experiment``."""

    name: ClassVar[str] = "statistics"

    def __init__(self, experiment: Experiment, dataset: Dataset, model: Linear) -> None:
        self.device = "cpu"
        self._experiment, self._features = experiment, dataset.features
        self._dtype = np.dtype(experiment.device.dtype)
        self._known = quadratic(model, dataset)
        model = Linear(bias=False, loss=model.loss)
        self._few = _condensed(self._known, model)
        self._of_few = msgspec.structs.replace(experiment, model=model, device=Device("cpu", "float64"))
        many = experiment.training.epochs >= compiled.WORTH_LOADING
        self._inner = self._stepping("compiled" if many and compiled.available() else "analytic")

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> State:
        """See :class:`base.Backend`."""
        if theta is None:
            theta = initial_parameters(self._experiment.model, self._features, self._experiment.training.seed)
        state: State = self._inner.start(self._rounded(theta), epoch)
        return state

    def freeze(self, state: State) -> dict[str, Plain]:
        """See :class:`base.Backend`."""
        return {"steps": self._inner.name, "inner": self._inner.freeze(state)}

    def thaw(self, frozen: dict[str, Any]) -> State:
        """See :class:`base.Backend`. Raises InputError where the run went by Numba, and there is none."""
        if frozen["steps"] != self._inner.name:
            # With another number of epochs, or another machine, this is not what would be chosen now.
            self._inner = self._stepping(frozen["steps"])
        state: State = self._inner.thaw(frozen["inner"])
        return state

    def record(self, state: State) -> Block:
        """See :class:`base.Backend`."""
        return self._of_all(self._inner.record(state))

    def advance(self, state: State, epochs: int, breathe: Breathe) -> Block:
        """See :class:`base.Backend`."""
        return self._of_all(self._inner.advance(state, epochs, breathe))

    def _stepping(self, steps: str) -> Backend[Any]:
        """The backend for the few rows."""
        if steps == "compiled":
            if not compiled.available():
                raise InputError("the checkpoint goes on with the package numba only: pip install 'tui-regress[fast]'.")
            return compiled.Compiled(self._of_few, self._few)
        from tui_regress.engine.backends.analytic import Analytic

        return Analytic(self._of_few, self._few, "cpu")

    def _of_all(self, block: Block) -> Block:
        """``block`` with loss and score over all rows, in the run's precision."""
        loss = block.loss + self._known.lowest
        return replace(
            block,
            parameters=self._rounded(block.parameters),
            gradient=self._rounded(block.gradient),
            loss=self._rounded(loss),
            score=self._rounded(self._known.mean_square * loss),
        )

    def _rounded(self, values: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return values.astype(self._dtype).astype(np.float64)


def _condensed(known: Quadratic, model: Linear) -> Dataset:
    """p rows whose loss, without bias, is that of all rows less the lowest."""
    theta, hessian = known.solution.parameters, known.hessian
    p = len(theta)
    scale = np.sqrt(hessian.diagonal())
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    A = np.sqrt(np.maximum(values, 0.0) * divisor(model, p) / 2)[:, None] * vectors.T * scale
    return Dataset(A, A @ theta, tuple(f"x{j}" for j in range(p)), "y")
