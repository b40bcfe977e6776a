"""The records of a run on their way to the disk and back: what every one of them says exactly, all of some.

A stretch takes on the disk what a second of training may: the losses and learning rates of all its records, and in
full at most 4,096 of them, or 2 MiB. Numbers are stored as bytes of like weight side by side, which zlib makes a
quarter or a half shorter without losing a bit; differences of neighbours would help smooth losses and harm noisy ones.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.events import Best, Block, FloatArray
from tui_regress.engine.history import History, rates

_MOST_IN_FULL = 4096
_ROOM_IN_FULL = 2 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Consecutive records ``first`` … ``last``, k of them."""

    first: int
    loss: FloatArray
    """Shape (k,): in the experiment's own loss."""
    validation_loss: FloatArray | None
    """Shape (k,); None where no rows are held out."""
    rates: tuple[tuple[int, float], ...]
    """(first record, lr) of each stretch of records with the same learning rate."""
    stride: int
    """A power of two: every record whose number is a multiple of it is there in full."""
    numbers: NDArray[np.int64]
    """Shape (s,), ascending: the records that are there in full. Among them, unless the run has gone on from an earlier
    one, the last, the last finite, and the finite ones of the lowest loss and of the lowest validation loss."""
    full: FloatArray
    """Shape (s, 2p + 1): score, parameters and gradient of the records ``numbers``; see Block."""

    @classmethod
    def of(cls, block: Block, stride: int = 1) -> "Records":
        """The records of ``block``, in full those that are multiples of ``stride`` or more, as there is room for."""
        p = block.parameters.shape[1]
        stride = _stride(block.first, block.last, p, stride)
        chosen = np.zeros(len(block.loss), dtype=np.bool_)
        chosen[-block.first % stride :: stride] = True
        chosen[block.landmarks.rows] = True
        rows = np.flatnonzero(chosen)
        # Copies: a view would keep the whole block in memory.
        return cls(
            block.first,
            block.loss.copy(),
            None if block.validation_loss is None else block.validation_loss.copy(),
            tuple(rates(block)),
            stride,
            block.first + rows,
            np.column_stack([block.score[rows], block.parameters[rows], block.gradient[rows]]),
        )

    def __len__(self) -> int:
        """k."""
        return len(self.loss)

    @property
    def last(self) -> int:
        """Number of the last record."""
        return self.first + len(self.loss) - 1

    @property
    def lr(self) -> FloatArray:
        """Shape (k,): learning rate of the epoch that led to the record; for record 0 the first one."""
        return self._lr_of(np.arange(self.first, self.last + 1))

    @property
    def score(self) -> FloatArray:
        """Shape (s,): of the records ``numbers``."""
        return self.full[:, 0]

    @property
    def parameters(self) -> FloatArray:
        """Shape (s, p): of the records ``numbers``."""
        return self.full[:, 1 : 1 + self.full.shape[1] // 2]

    @property
    def gradient(self) -> FloatArray:
        """Shape (s, p): of the records ``numbers``."""
        return self.full[:, 1 + self.full.shape[1] // 2 :]

    @property
    def grad_norm(self) -> FloatArray:
        """Shape (s,): of the records ``numbers``."""
        return self.sample.grad_norm

    @property
    def sample(self) -> Block:
        """The records ``numbers`` as the rows of one block, though they do not follow each other."""
        rows, held = self.numbers - self.first, self.validation_loss
        return Block(
            self.first,
            self.parameters,
            self.gradient,
            self.loss[rows],
            self.score,
            self._lr_of(self.numbers),
            None if held is None else held[rows],
        )

    def thinned(self, halvings: int = 0) -> "Records":
        """Those in full as many as there is room for, halved so many times, with a larger stride if need be."""
        stride = _stride(self.first, self.last, self.full.shape[1] // 2, self.stride, halvings)
        chosen = self.numbers % stride == 0
        chosen[self.sample.landmarks.rows] = True
        return replace(self, stride=stride, numbers=self.numbers[chosen], full=self.full[chosen])

    def _lr_of(self, numbers: NDArray[np.int64]) -> FloatArray:
        starts = np.array([first for first, _ in self.rates], dtype=np.int64)
        values = np.array([lr for _, lr in self.rates], dtype=np.float64)
        return values[np.searchsorted(starts, numbers, side="right") - 1]

    @property
    def best(self) -> Best | None:
        """The best finite record: of the lowest validation loss, or of the lowest loss where no rows are held out."""
        found, held = self.sample.landmarks, self.validation_loss
        row, losses = (found.best, self.loss) if held is None else (found.best_validation, held)
        if row is None:
            return None
        number = int(self.numbers[row])
        return Best(number, float(losses[number - self.first]), self.parameters[row])

    @property
    def last_finite(self) -> tuple[int, FloatArray] | None:
        """Number and parameters, shape (p,), of the last record in which all is finite."""
        row = self.sample.landmarks.finite
        return None if row is None else (int(self.numbers[row]), self.parameters[row])

    def until(self, last: int) -> "Records":
        """The records up to ``last``, in full those that are so here."""
        k, s = last - self.first + 1, int(np.searchsorted(self.numbers, last, side="right"))
        return replace(
            self,
            loss=self.loss[:k],
            validation_loss=None if self.validation_loss is None else self.validation_loss[:k],
            rates=tuple(rate for rate in self.rates if rate[0] <= last),
            numbers=self.numbers[:s],
            full=self.full[:s],
        )

    def since(self, first: int) -> "Records":
        """The records from ``first`` on, in full those that are so here."""
        k, s = first - self.first, int(np.searchsorted(self.numbers, first))
        later = tuple(rate for rate in self.rates if rate[0] > first)
        return replace(
            self,
            first=first,
            loss=self.loss[k:],
            validation_loss=None if self.validation_loss is None else self.validation_loss[k:],
            rates=((first, float(self._lr_of(np.array([first]))[0])), *later),
            numbers=self.numbers[s:],
            full=self.full[s:],
        )

    def repeats(self, other: "Records") -> bool:
        """Whether losses and learning rates of the records that both have, one at least, are the same to the bit."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        mine, its = (part.since(first).until(last) for part in (self, other))
        return np.array_equal(mine.loss, its.loss, equal_nan=True) and np.array_equal(mine.lr, its.lr)

    def history(self) -> History:
        """The history of a run with these records, for the screen."""
        return History.restored(self.loss, self.validation_loss, self.rates, self.stride, self.numbers, self.sample)


def joined(parts: Sequence[Records]) -> Records:
    """``parts``, at least one, which must follow each other, as one; in full are all that are so in their part.

    Raises ValueError if they do not follow each other.
    """
    first = parts[0].first
    for part in parts:
        if part.first != first:
            raise ValueError(f"record {first} must come next, not {part.first}")
        first = part.last + 1
    held = [part.validation_loss for part in parts if part.validation_loss is not None]
    return Records(
        parts[0].first,
        np.concatenate([part.loss for part in parts]),
        np.concatenate(held) if held else None,
        tuple(changes(rate for part in parts for rate in part.rates)),
        max(part.stride for part in parts),
        np.concatenate([part.numbers for part in parts]),
        np.concatenate([part.full for part in parts]),
    )


def none(parameters: int, *, held_out: bool) -> Records:
    """No record of a run with that many parameters, p."""
    empty = np.empty(0)
    numbers = np.empty(0, dtype=np.int64)
    return Records(0, empty, empty if held_out else None, (), 1, numbers, np.empty((0, 2 * parameters + 1)))


def changes(rates: Iterable[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    """``rates``, (first record, lr) in order, without those that only repeat the last one."""
    before: float | None = None
    for first, lr in rates:
        if lr != before:
            yield first, lr
        before = lr


def packed(values: NDArray[np.float64] | NDArray[np.int64]) -> bytes:
    """Numbers of eight bytes, shape (k,) or (k, c), for :func:`unpacked`."""
    columns = np.ascontiguousarray(values.T, dtype=values.dtype.newbyteorder("<"))
    return zlib.compress(columns.reshape(-1).view(np.uint8).reshape(-1, 8).T.tobytes(), level=1)


def unpacked(blob: bytes) -> FloatArray:
    """Shape (k · c,), column by column: what :func:`packed` was given; whole numbers are to be viewed as such.

    Raises ValueError where the blob is damaged.
    """
    try:
        weights = np.frombuffer(zlib.decompress(blob), dtype=np.uint8).reshape(8, -1)
    except zlib.error as error:
        raise ValueError("cannot be unpacked") from error
    return np.ascontiguousarray(weights.T).reshape(-1).view("<f8").astype(np.float64, copy=False)


def room(parameters: int) -> int:
    """How many records of that many parameters, p, a stretch holds in full."""
    return max(1, min(_MOST_IN_FULL, _ROOM_IN_FULL // (8 * (2 * parameters + 1))))


def _stride(first: int, last: int, parameters: int, stride: int, halvings: int = 0) -> int:
    """``stride``, doubled until there is room for its multiples among the records ``first`` … ``last``."""
    while last // stride - (first - 1) // stride > max(1, room(parameters) >> halvings):
        stride *= 2
    return stride
