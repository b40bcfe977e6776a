"""The backend "compiled": whole blocks of epochs in machine code, by Numba. It needs the optional extra ``fast``."""

import importlib.util
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import base
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import Floats, initial_parameters
from tui_regress.engine.shuffling import set_words, words
from tui_regress.experiment import Experiment, Logistic

if TYPE_CHECKING:
    from tui_regress.engine.backends.kernels import Work

WORTH_LOADING = 20_000
"""Steps and evaluations of a run from which on it is worth to load Numba, which takes a second."""
_PORTION = 2**24
"""Work between two breaths, ten milliseconds of it: numbers of X, where a row counts as ``_ROW`` more."""
_ROW = 32
_AT_ONCE = 256, 2**13
"""Rows, and numbers of X, that are worked on at once at most: they stay in the fastest cache."""


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
        idle = self._arguments(nowhere, self._work(nowhere), 0, self._table(0))
        self._descend = compiling.ready(kernels.descend, *idle)

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> State:
        """See :class:`base.Backend`."""
        seed = self.experiment.training.seed
        if theta is None:
            theta = initial_parameters(self.experiment.model, self._features, seed)
        state = self._state(theta, np.random.default_rng((seed, epoch) if epoch else seed))
        state.epoch = epoch
        rows, work = len(self._y), self._work(state)
        work.cursor[1] = rows
        self._descend(*self._arguments(state, work, rows, self._table(1)))
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
        work, out = self._work(state), self._table(epochs)
        arguments = self._arguments(state, work, self._budget, out)
        with suppress(Stop):
            while work.cursor[0] < epochs:
                self._descend(*arguments)
                breathe()
        set_words(state.order, work.generator)
        completed = int(work.cursor[0])
        state.epoch += completed
        return self._block(state, out[:completed])

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        """A new state at the parameters ``theta``, shape (p,), evaluated nowhere yet."""
        values = self._rounded(np.concatenate((theta, np.zeros(self._parameters + 2))))
        lr = float(self.experiment.optimizer.lr)
        return State(lr, order, values=values, memory=self._memory.copy(), counts=self._counts.copy())

    def _work(self, state: State) -> "Work":
        """That of a new block, in front of its first epoch."""
        from tui_regress.engine.backends.kernels import Work

        rows, at_once = len(self._y), max(1, min(_AT_ONCE[0], _AT_ONCE[1] // self._features))
        return Work(
            cursor=np.array([0, 1 - rows if self._shuffled else 0]),
            order=np.arange(rows if self._shuffled else 0),
            generator=words(state.order),
            sums=np.zeros(self._parameters + 2),
            exact=np.empty(self._parameters),
            draws=np.empty(at_once, np.int64),
            pulls=np.empty(at_once),
        )

    def _arguments(self, state: State, work: "Work", budget: int, out: Floats) -> tuple[Any, ...]:
        """Those of :func:`.kernels.descend`, for all calls until ``out`` is full."""
        changing = state.values, state.memory, state.counts
        return self._X, self._y, self._plan, float(state.lr), *changing, work, budget, out

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
