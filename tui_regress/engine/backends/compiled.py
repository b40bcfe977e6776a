"""The backend "compiled": whole blocks of epochs in machine code, by Numba. It needs the optional extra ``fast``."""

import importlib.util
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import base
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import Floats, initial_parameters
from tui_regress.engine.shuffling import permutations
from tui_regress.experiment import Experiment, Logistic

WORTH_LOADING = 20_000
"""Steps and evaluations of a run from which on it is worth to load Numba, which takes a second."""
_PORTION = 2**24
"""Work between two breaths, ten milliseconds of it: numbers of X, where a row counts as ``_ROW`` more."""
_ROW = 32
_AS_THEY_ARE = np.empty(0, np.int64)
"""The order of rows that are not shuffled."""


def available() -> bool:
    """Whether Numba is installed."""
    return importlib.util.find_spec("numba") is not None


@dataclass(slots=True, kw_only=True)
class State(base.State):
    """Parameters, what was last computed at them, and what the optimizer has gathered: see :mod:`.kernels`."""

    values: Floats
    """Shape (2p + 2,): theta, gradient over all rows, loss and score in this order."""
    memory: Floats
    """Shape (3, p)."""
    counts: FloatArray
    """Shape (5,)."""


class Compiled:
    """Numbers in the run's precision, sums and steps in float64. The GIL is free while it computes."""

    name: ClassVar[str] = "compiled"

    def __init__(self, experiment: Experiment, dataset: Dataset) -> None:
        # Numba takes its time to load, and it may be absent.
        from tui_regress.engine.backends import compiling, kernels

        self.device = "cpu"
        self.experiment = experiment
        self._features = dataset.features
        self._parameters = dataset.features + experiment.model.bias
        self._dtype = np.dtype(experiment.device.dtype)
        self._X = self._constant(dataset.X)
        self._y = self._constant(2 * dataset.y - 1 if isinstance(experiment.model, Logistic) else dataset.y)
        self._plan = compiling.plan(experiment, dataset.rows)
        self._memory, self._counts = compiling.fresh(experiment, self._parameters, self._dtype)
        self._shuffled = experiment.training.shuffle and self._plan.batch < dataset.rows
        self._budget = max(1, _PORTION // (dataset.features + _ROW))
        nowhere = self._state(np.zeros(self._parameters), np.random.default_rng(0))
        # Here and not at the first step: while a screen still says that it is loading.
        self._descend = compiling.ready(kernels.descend, *self._arguments(nowhere, 0, _cursor(), self._table(0)))

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> State:
        """See :class:`base.Backend`."""
        seed = self.experiment.training.seed
        if theta is None:
            theta = initial_parameters(self.experiment.model, self._features, seed)
        state = self._state(theta, np.random.default_rng((seed, epoch) if epoch else seed))
        state.epoch = epoch
        rows = len(self._y)
        self._descend(*self._arguments(state, rows, _cursor(rows), self._table(1)))
        return state

    def freeze(self, state: State) -> dict[str, Plain]:
        """See :class:`base.Backend`."""
        return {
            "epoch": state.epoch,
            "lr": state.lr,
            "order": dict(state.order.bit_generator.state),
            "values": state.values.copy(),
            "memory": state.memory.copy(),
            "counts": state.counts.copy(),
        }

    def thaw(self, frozen: dict[str, Any]) -> State:
        """See :class:`base.Backend`."""
        state = self._state(np.zeros(self._parameters), np.random.default_rng(0))
        state.order.bit_generator.state = frozen["order"]
        state.lr, state.epoch = frozen["lr"], frozen["epoch"]
        for name in ("values", "memory", "counts"):
            # An array of another shape is an error here; machine code would read beyond its end.
            array = getattr(state, name)
            array[:] = np.reshape(frozen[name], array.shape)
        return state

    def record(self, state: State) -> Block:
        """See :class:`base.Backend`."""
        return self._block(state, state.values[None])

    def advance(self, state: State, epochs: int, breathe: base.Breathe) -> Block:
        """See :class:`base.Backend`."""
        out, completed = self._table(epochs), 0
        ahead = max(1, self._budget // len(self._y)) if self._shuffled else epochs
        with suppress(Stop):
            for first in range(0, epochs, ahead):
                part, cursor = out[first : first + ahead], _cursor()
                orders = self._orders(state, len(part), breathe)
                arguments = self._arguments(state, self._budget, cursor, part, orders)
                while cursor[0] < len(part):
                    self._descend(*arguments)
                    completed = first + int(cursor[0])
                    breathe()
        state.epoch += completed
        return self._block(state, out[:completed])

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        """A new state at the parameters ``theta``, shape (p,), evaluated nowhere yet."""
        values = self._rounded(np.concatenate((theta, np.zeros(self._parameters + 2))))
        lr = float(self.experiment.optimizer.lr)
        return State(lr, order, values=values, memory=self._memory.copy(), counts=self._counts.copy())

    def _arguments(
        self,
        state: State,
        budget: int,
        cursor: NDArray[np.int64],
        out: Floats,
        orders: NDArray[np.int64] = _AS_THEY_ARE,
    ) -> tuple[Any, ...]:
        """Those of :func:`.kernels.descend`, for all calls until ``out`` is full."""
        changing = state.values, state.memory, state.counts, np.zeros(self._parameters + 2), cursor
        return self._X, self._y, orders, self._plan, float(state.lr), *changing, budget, out

    def _orders(self, state: State, epochs: int, breathe: base.Breathe) -> NDArray[np.int64]:
        """Shape (epochs · n,): the orders of the rows that other backends draw, epoch by epoch."""
        if not self._shuffled:
            return _AS_THEY_ARE
        return permutations(state.order, len(self._y), epochs, breathe)

    def _table(self, epochs: int) -> Floats:
        """Room for the records of so many epochs."""
        return np.empty((epochs, 2 * self._parameters + 2), self._dtype)

    def _constant(self, array: FloatArray) -> Floats:
        """``array``, as rows, in the run's precision; read-only, a view where it can be one."""
        found = np.ascontiguousarray(self._rounded(array)).view()
        found.flags.writeable = False
        return found

    def _rounded(self, array: FloatArray) -> Floats:
        with np.errstate(over="ignore"):
            return array.astype(self._dtype, copy=False)

    def _block(self, state: State, values: Floats) -> Block:
        """The records with these ``values``, shape (k, 2p + 2), the last of which is the one of ``state.epoch``."""
        return base.block_of(values.astype(np.float64), state)


def _cursor(done: int = 0) -> NDArray[np.int64]:
    """The cursor of a first epoch of which so many rows are done."""
    return np.array([0, done], np.int64)
