"""What a backend is, and the course of an epoch that those of this project share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import CHUNK
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import Floats, initial_parameters
from tui_regress.engine.shuffling import permutation
from tui_regress.experiment import Experiment

Breathe = Callable[[], None]
"""Called often between steps, never inside one: lets other threads run, may wait, may raise Stop."""
Which = slice | NDArray[np.int64]
"""Some rows: a stretch of them, or their numbers."""


@dataclass(slots=True)
class State:
    """Everything that changes during a run; a backend adds its parameters, their last evaluation and its optimizer."""

    lr: float
    """Learning rate of the epochs to come."""
    order: np.random.Generator
    """Of the rows in shuffled minibatches."""
    epoch: int = 0
    """Epochs completed."""


S = TypeVar("S", bound=State)


class Sliceable(Protocol):
    """An array: all that is asked of it here."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Self: ...


A = TypeVar("A", bound=Sliceable)


class Backend(Protocol[S]):
    """One way to compute the gradient and run epochs. It never changes itself: what changes is in the state."""

    name: ClassVar[str]
    device: str
    """torch's name of what it computes on."""

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> S:
        """A new state at the record of ``epoch`` with the parameters ``theta``, shape (p,); by default the run's first.

        Every start of the same backend at the same place leads to the same numbers.
        """

    def freeze(self, state: S) -> dict[str, Plain]:
        """All of ``state`` in numbers that no longer change with it; not in the middle of an epoch."""

    def thaw(self, frozen: dict[str, Any]) -> S:
        """The state that :meth:`freeze` was given, or its double: what follows is the same, to the bit."""

    def record(self, state: S) -> Block:
        """The record of ``state`` as it is: a block of one."""

    def advance(self, state: S, epochs: int, breathe: Breathe) -> Block:
        """Run ``epochs`` epochs, changing ``state``; their records.

        Where ``breathe`` raises Stop, the records of the epochs completed until then, maybe none, and ``state`` is of
        no more use.
        """


class Descent(ABC, Generic[S, A]):
    """A backend that steps through the rows, which are arrays of type A."""

    name: ClassVar[str]

    def __init__(self, experiment: Experiment, dataset: Dataset, device: str = "cpu") -> None:
        self.device = device
        self.experiment = experiment
        self.model = experiment.model
        self.rows = dataset.rows
        self.features = dataset.features
        self._batch_size = batch_size(experiment, dataset.rows)
        self._steps_at_once = max(1, CHUNK // (self._batch_size * dataset.features))

    @abstractmethod
    def _state(self, theta: FloatArray, order: np.random.Generator) -> S:
        """A new state at the parameters ``theta``, shape (p,), evaluated nowhere yet."""

    @abstractmethod
    def _step(self, state: S) -> None:
        """Let the optimizer take one step along the gradient in ``state``."""

    @abstractmethod
    def _differentiate(self, state: S, rows: tuple[A, A]) -> None:
        """Put the gradient of the loss over ``rows`` (X, y), those of a minibatch, into ``state``."""

    @abstractmethod
    def _evaluate(self, state: S, breathe: Breathe) -> None:
        """Put loss, gradient and score over all rows into ``state``."""

    @abstractmethod
    def _rows(self, which: Which) -> tuple[A, A]:
        """X and y of some rows, in that order."""

    @abstractmethod
    def _values(self, state: S) -> A:
        """A copy of parameters, gradient, loss and score of ``state``: shape (2p + 2,)."""

    @abstractmethod
    def _gathered(self, state: S) -> Plain:
        """What the optimizer has gathered of the gradients so far."""

    @abstractmethod
    def _refill(self, state: S, values: Floats, gathered: Any) -> None:
        """Put gradient, loss and score of ``values``, and what the optimizer had ``gathered``, into a new state."""

    @abstractmethod
    def _array(self, values: A) -> Floats:
        """``values`` in NumPy, without loss of precision."""

    @abstractmethod
    def _stack(self, values: Sequence[A]) -> FloatArray:
        """``values`` as rows: shape (k, 2p + 2)."""

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> S:
        """See :class:`Backend`."""
        seed = self.experiment.training.seed
        if theta is None:
            theta = initial_parameters(self.model, self.features, seed)
        state = self._state(theta, np.random.default_rng((seed, epoch) if epoch else seed))
        state.epoch = epoch
        self._evaluate(state, breathe=lambda: None)
        return state

    def freeze(self, state: S) -> dict[str, Plain]:
        """See :class:`Backend`."""
        return {
            "epoch": state.epoch,
            "lr": state.lr,
            "order": dict(state.order.bit_generator.state),
            "values": self._array(self._values(state)),
            "gathered": self._gathered(state),
        }

    def thaw(self, frozen: dict[str, Any]) -> S:
        """See :class:`Backend`."""
        order = np.random.default_rng(0)
        order.bit_generator.state = frozen["order"]
        values = frozen["values"]
        state = self._state(values[: len(values) // 2 - 1].astype(np.float64), order)
        state.lr, state.epoch = frozen["lr"], frozen["epoch"]
        self._refill(state, values, frozen["gathered"])
        return state

    def record(self, state: S) -> Block:
        """See :class:`Backend`."""
        return self._block(state, [self._values(state)])

    def advance(self, state: S, epochs: int, breathe: Breathe) -> Block:
        """See :class:`Backend`."""
        values: list[A] = []
        with suppress(Stop):
            for _ in range(epochs):
                self._epoch(state, breathe)
                self._evaluate(state, breathe)
                state.epoch += 1
                values.append(self._values(state))
                breathe()
        return self._block(state, values)

    def _epoch(self, state: S, breathe: Breathe) -> None:
        if self._batch_size == self.rows:
            # The evaluation at the last record was over the very rows of this step: its gradient is still there.
            self._step(state)
            return
        for which in self._stretches(state.order, breathe):
            self._stretch(state, which, breathe)

    def _stretches(self, order: np.random.Generator, breathe: Breathe) -> Iterator[Which]:
        """The rows of one epoch in the order of its steps, those of many small minibatches at a time.

        They are slices of one permutation, drawn here and nowhere else: every backend sees the rows in the same order.
        """
        rank = permutation(order, self.rows, breathe) if self.experiment.training.shuffle else None
        many = self._batch_size * self._steps_at_once
        for first in range(0, self.rows, many):
            some = slice(first, min(first + many, self.rows))
            yield some if rank is None else rank[some]

    def _stretch(self, state: S, which: Which, breathe: Breathe) -> None:
        """Take the steps of the minibatches that ``which`` rows make."""
        self._descend(state, self._rows(which), breathe)

    def _descend(self, state: S, rows: tuple[A, A], breathe: Breathe) -> None:
        """Take a step for each minibatch of ``rows`` (X, y), the last one maybe short."""
        X, y = rows
        for first in range(0, len(X), self._batch_size):
            batch = slice(first, first + self._batch_size)
            self._differentiate(state, (X[batch], y[batch]))
            self._step(state)
            breathe()

    def _block(self, state: S, values: Sequence[A]) -> Block:
        """The records with these ``values``, the last of which is the one of ``state.epoch``."""
        p = self.features + self.model.bias
        table = self._stack(values) if values else np.empty((0, 2 * p + 2))
        return block_of(table, state)


def block_of(table: FloatArray, state: State) -> Block:
    """The records in ``table``, shape (k, 2p + 2): parameters, gradient, loss, score; the last is that of ``state``."""
    p = table.shape[1] // 2 - 1
    return Block(
        first=state.epoch + 1 - len(table),
        parameters=table[:, :p],
        gradient=table[:, p : 2 * p],
        loss=table[:, -2],
        score=table[:, -1],
        lr=np.full(len(table), state.lr),
    )
