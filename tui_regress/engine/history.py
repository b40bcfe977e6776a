"""The history of a run: every loss exactly, the parameters as densely as memory allows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.events import Block, FloatArray
from tui_regress.engine.objective import Floats
from tui_regress.engine.series import Series

_ROOM_FOR_THINNED = 32 * 2**20
_MOST_SAMPLES = 2**16

Rates = Sequence[tuple[int, float]]
"""Learning rates: (first record, lr) of each stretch of records with the same one."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is true after ``epoch`` epochs, in full."""

    epoch: int
    parameters: FloatArray
    """Shape (p,): weights in column order, bias last."""
    gradient: FloatArray
    """Shape (p,)."""
    loss: float
    """In the experiment's own loss."""
    score: float
    """Mean squared error for linear models, accuracy in 0…1 for logistic ones."""
    lr: float
    grad_norm: float
    validation_loss: float | None = None
    """None where no rows are held out."""


class History:
    """All records of one run, for one thread.

    Exact at any length: ``losses``, ``validation_losses`` and ``rates``. Thinned: ``parameters``, ``scores`` and
    ``grad_norms``, which hold the records whose number is a multiple of ``stride``; the stride doubles whenever they
    would outgrow their room (32 MiB, and 65,536 samples). In full: the latest record, the last finite one and the best.
    Every array is a view, good until the next ``append``. It may take any number of records; where as many come as were
    ``expected``, none of them is moved on the way.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected = expected
        self.clear()

    @classmethod
    def restored(
        cls,
        losses: FloatArray,
        validation_losses: FloatArray | None,
        rates: Rates,
        stride: int,
        numbers: NDArray[np.int64],
        sample: Block,
    ) -> "History":
        """The history of a run that was kept: ``sample`` holds the records ``numbers``, shape (s,), in full.

        Among them must be the multiples of ``stride``, a power of two, and the records that are to be the latest, the
        last finite and the best ones. ``losses``, shape (k,), are those of all records, and so ``validation_losses``.
        """
        history = cls()
        if not len(losses):
            return history
        history.loss_series.extend(losses)
        if validation_losses is not None:
            history.validation_series.extend(validation_losses)
        history.rates = list(rates)
        history.stride = stride
        history._make_room(sample.parameters.shape[1], len(losses) - 1)
        history._thin(_rows(sample, np.flatnonzero(numbers % history.stride == 0)))
        history._mark(sample, numbers)
        return history

    def clear(self) -> None:
        """Forget everything: the next block must begin with record 0."""
        self.loss_series = Series(self._expected)
        """The loss of every record, as charts take it."""
        self.validation_series = Series(self._expected)
        """The validation loss of every record; without any where no rows are held out."""
        self._thinned = np.empty((0, 0))
        self._samples = 0
        self.stride = 1
        """The thinned arrays hold every ``stride``-th record."""
        self.rates: list[tuple[int, float]] = []
        """See Rates."""
        self.latest: Record | None = None
        self.last_finite: Record | None = None
        """The latest record in which loss, gradient and parameters are all finite."""
        self.best: Record | None = None
        """The finite record with the lowest loss; the first of equals."""
        self.best_validation: Record | None = None
        """The finite record with the lowest validation loss; None where no rows are held out."""

    def __len__(self) -> int:
        """Number of records."""
        return len(self.loss_series)

    @property
    def losses(self) -> Floats:
        """Shape (len,): the loss of every record so far, a read-only view; in float32 where that is exact."""
        return self.loss_series.view

    @property
    def validation_losses(self) -> Floats:
        """Shape (len,): the validation loss of every record, or (0,) without rows held out. A view like ``losses``."""
        return self.validation_series.view

    @property
    def epochs(self) -> NDArray[np.int64]:
        """Shape (s,): the numbers of the thinned records."""
        return np.arange(self._samples, dtype=np.int64) * self.stride

    @property
    def parameters(self) -> FloatArray:
        """Shape (s, p): parameters of the records ``epochs``."""
        return self._thinned[: self._samples, 2:]

    @property
    def scores(self) -> FloatArray:
        """Shape (s,): scores of the records ``epochs``."""
        return self._thinned[: self._samples, 0]

    @property
    def grad_norms(self) -> FloatArray:
        """Shape (s,): gradient norms of the records ``epochs``."""
        return self._thinned[: self._samples, 1]

    def append(self, block: Block) -> None:
        """Take over the records of ``block``, which must follow directly on what is there.

        Raises ValueError if they do not.
        """
        if block.first != len(self):
            raise ValueError(f"record {len(self)} must come next, not {block.first}")
        self.loss_series.extend(block.loss)
        if block.validation_loss is not None:
            self.validation_series.extend(block.validation_loss)
        self._make_room(block.parameters.shape[1], block.last)
        self._thin(_rows(block, slice(-block.first % self.stride, None, self.stride)))
        before = self.rates[-1][1] if self.rates else None
        self.rates += [rate for rate in rates(block) if rate[1] != before or rate[0] != block.first]
        self._mark(block, range(block.first, block.last + 1))

    def cut(self, last: int) -> None:
        """Forget the records after ``last``, which come again where a run goes on from an earlier one.

        Where they were the latest, the last finite or the best ones, the thinned records up to ``last`` stand in for
        them, their gradients unknown: nan.
        """
        if last >= len(self) - 1:
            return
        self.loss_series.cut(last + 1)
        self.validation_series.cut(last + 1)
        self.rates = [rate for rate in self.rates if rate[0] <= last]
        self._samples = last // self.stride + 1
        if _is_after(last, self.latest):
            self.latest = self._stand_in(self._samples - 1)
        rows = np.flatnonzero(np.isfinite(self._thinned[: self._samples]).all(axis=1))
        rows = rows[np.isfinite(self.losses[self.epochs[rows]])]
        if _is_after(last, self.last_finite):
            self.last_finite = self._stand_in(int(rows[-1])) if len(rows) else None
        if _is_after(last, self.best):
            self.best = self._lowest(self.losses, rows)
        if _is_after(last, self.best_validation):
            self.best_validation = self._lowest(self.validation_losses, rows)

    def _lowest(self, losses: Floats, rows: NDArray[np.int64]) -> Record | None:
        """Of the thinned records in ``rows`` that with the lowest of ``losses``, which are those of all records."""
        candidates = losses[self.epochs[rows]]
        rows = rows[np.isfinite(candidates)]
        return self._stand_in(int(rows[np.argmin(losses[self.epochs[rows]])])) if len(rows) else None

    def _stand_in(self, row: int) -> Record:
        """The thinned record in ``row``, as far as it is known."""
        epoch, held = row * self.stride, self.validation_losses
        score, grad_norm, *_ = self._thinned[row].tolist()
        parameters = self._thinned[row, 2:].copy()
        return Record(
            epoch=epoch,
            parameters=parameters,
            gradient=np.full_like(parameters, np.nan),
            loss=float(self.losses[epoch]),
            score=score,
            lr=next(lr for first, lr in reversed(self.rates) if first <= epoch),
            grad_norm=grad_norm,
            validation_loss=float(held[epoch]) if len(held) else None,
        )

    def _make_room(self, parameters: int, last: int) -> None:
        """For the thinned records up to ``last``: where they do not fit in, the stride doubles."""
        columns = parameters + 2
        if self._thinned.shape[1] != columns:
            rows = max(2, min(_MOST_SAMPLES, _ROOM_FOR_THINNED // (8 * columns)))
            self._thinned = np.empty((rows, columns))
        while last // self.stride >= len(self._thinned):
            kept = self._thinned[: self._samples : 2].copy()
            self._samples = len(kept)
            self._thinned[: self._samples] = kept
            self.stride *= 2

    def _thin(self, sample: Block) -> None:
        """Take over all of ``sample``."""
        new = self._thinned[self._samples : self._samples + len(sample.loss)]
        new[:, 0] = sample.score
        new[:, 1] = sample.grad_norm
        new[:, 2:] = sample.parameters
        self._samples += len(sample.loss)

    def _mark(self, block: Block, numbers: Sequence[int] | NDArray[np.int64]) -> None:
        """Note which of the records ``numbers``, the rows of ``block``, are worth keeping in full."""
        found = block.landmarks
        self.latest = _record(block, numbers, found.last)
        if found.finite is not None:
            self.last_finite = _record(block, numbers, found.finite)
        if found.best is not None and (self.best is None or block.loss[found.best] < self.best.loss):
            self.best = _record(block, numbers, found.best)
        if found.best_validation is not None:
            lowest = _record(block, numbers, found.best_validation)
            held = self.validation_losses
            if self.best_validation is None or held[lowest.epoch] < held[self.best_validation.epoch]:
                self.best_validation = lowest


def rates(block: Block) -> list[tuple[int, float]]:
    """The learning rates of ``block``, the first of which is that of its first record: see Rates."""
    # Hardly ever does it change: one look at all of them must do then.
    same = block.lr == block.lr[0]
    starts = [0] if same.all() else np.flatnonzero(np.concatenate(([True], np.diff(block.lr) != 0))).tolist()
    return [(block.first + start, float(block.lr[start])) for start in starts]


def _is_after(last: int, record: Record | None) -> bool:
    return record is not None and record.epoch > last


def _rows(block: Block, chosen: slice | NDArray[np.int64]) -> Block:
    """Some of the rows of ``block``, whose numbers are for the caller to know."""
    held = block.validation_loss
    return replace(
        block,
        parameters=block.parameters[chosen],
        gradient=block.gradient[chosen],
        loss=block.loss[chosen],
        score=block.score[chosen],
        lr=block.lr[chosen],
        validation_loss=None if held is None else held[chosen],
    )


def _record(block: Block, numbers: Sequence[int] | NDArray[np.int64], row: int) -> Record:
    # Copies: a view would keep the whole block in memory.
    one = _rows(block, slice(row, row + 1))
    return Record(
        epoch=int(numbers[row]),
        parameters=one.parameters[0].copy(),
        gradient=one.gradient[0].copy(),
        loss=float(one.loss[0]),
        score=float(one.score[0]),
        lr=float(one.lr[0]),
        grad_norm=float(one.grad_norm[0]),
        validation_loss=None if one.validation_loss is None else float(one.validation_loss[0]),
    )
