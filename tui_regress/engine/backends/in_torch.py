"""What the backends in torch share."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import base
from tui_regress.engine.chunks import ON_ACCELERATOR, chunks
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import Floats
from tui_regress.engine.optimizers import set_lr
from tui_regress.experiment import Experiment


@dataclass(slots=True, kw_only=True)
class State(base.State):
    """A state with an optimizer of torch's, which holds the parameters and what it has gathered of their gradients."""

    optimizer: torch.optim.Optimizer


S = TypeVar("S", bound=State)

WORTH_THREADS = 2**15
"""Numbers of X in a step below which torch computes in one thread. Most of it does so anyway; but the cross-entropy
calls for all threads even for three rows, and waiting for them takes milliseconds where the other cores are busy."""


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute in ``count`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TorchDescent(base.Descent[S, Tensor]):
    """Descent over rows that lie on a device of torch's, in the run's precision."""

    def __init__(self, experiment: Experiment, dataset: Dataset, device: str) -> None:
        super().__init__(experiment, dataset, device)
        self._dtype = getattr(torch, experiment.device.dtype)
        self._threads = 1 if self._batch_size * self.features < WORTH_THREADS else torch.get_num_threads()
        self._full = self._batch_size == self.rows
        portions = self._portions()
        with threads(1):
            # The full batch part by part: nothing as large as X is made on the way to the run's precision.
            if self._full:
                self._chunks = [self._prepared(dataset.X[rows], dataset.y[rows]) for rows in portions]
            else:
                self._X, self._y = self._prepared(dataset.X, dataset.y)
                self._chunks = [self._rows(rows) for rows in portions]

    def _portions(self) -> Iterator[slice]:
        """The rows of each portion in which all of them are evaluated."""
        return chunks(self.rows, self.features, times=1 if self.device == "cpu" else ON_ACCELERATOR)

    @abstractmethod
    def _prepared(self, X: FloatArray, y: FloatArray) -> tuple[Tensor, Tensor]:
        """Rows of X, shape (r, d), and y, shape (r,), in the form in which this backend takes them."""

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> S:
        """See :class:`base.Backend`."""
        with threads(self._threads):
            return super().start(theta, epoch)

    def advance(self, state: S, epochs: int, breathe: base.Breathe) -> Block:
        """See :class:`base.Backend`."""
        with threads(self._threads):
            return super().advance(state, epochs, breathe)

    def _gathered(self, state: S) -> Plain:
        return [
            {name: self._array(value) for name, value in state.optimizer.state[parameter].items()}
            for parameter in state.optimizer.param_groups[0]["params"]
        ]

    def _refill(self, state: S, values: Floats, gathered: Any) -> None:
        # Not load_state_dict, which would make float64 of what NAdam multiplies up in float32.
        for parameter, found in zip(state.optimizer.param_groups[0]["params"], gathered, strict=True):
            state.optimizer.state[parameter] = {
                # torch keeps single numbers, such as the count of steps, on the CPU.
                name: torch.tensor(array, device=self.device if array.ndim else "cpu")
                for name, array in found.items()
            }
        self._evaluated(state, self._tensor(values))

    @abstractmethod
    def _evaluated(self, state: S, values: Tensor) -> None:
        """Put gradient, loss and score of ``values``, shape (2p + 2,), into ``state``."""

    def _array(self, values: Tensor) -> Floats:
        found: Floats = values.detach().to("cpu", copy=True).numpy()
        return found

    def _tensor(self, array: Floats) -> Tensor:
        return torch.tensor(array, dtype=self._dtype, device=self.device)

    def _rows(self, which: base.Which) -> tuple[Tensor, Tensor]:
        index = which if isinstance(which, slice) else self._uploaded(torch.from_numpy(which))
        return self._X[index], self._y[index]

    def _uploaded(self, host: Tensor) -> Tensor:
        """``host`` on the device. Out of pinned memory, no step under way is waited for."""
        if self._X.is_cuda:
            return host.pin_memory().to(self.device, non_blocking=True)
        return host.to(self.device)

    def _step(self, state: S) -> None:
        set_lr(state.optimizer, state.lr)
        state.optimizer.step()

    def _stack(self, values: Sequence[Tensor]) -> FloatArray:
        # One copy off the device for the whole block: no step waits for a device to answer.
        return torch.stack(list(values)).cpu().double().numpy()
