"""The history of a run: every loss exactly, the parameters as densely as memory allows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.events import Block, FloatArray

_ROOM_FOR_THINNED = 32 * 2**20
_MOST_SAMPLES = 2**16


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


class History:
    """All records of one run, for one thread.

    Exact at any length: ``losses`` and ``rates``. Thinned: ``parameters``, ``scores`` and ``grad_norms``, which hold
    the records whose number is a multiple of ``stride``; the stride doubles whenever they would outgrow their room
    (32 MiB, and 65,536 samples). In full: the latest record, the last finite one and the best. Every array is a view,
    good until the next ``append``.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: the next block must begin with record 0."""
        self._losses = np.empty(1024)
        self._count = 0
        self._thinned = np.empty((0, 0))
        self._samples = 0
        self.stride = 1
        """The thinned arrays hold every ``stride``-th record."""
        self.rates: list[tuple[int, float]] = []
        """Learning rates: (first record, lr) of each stretch of records with the same one."""
        self.latest: Record | None = None
        self.last_finite: Record | None = None
        """The latest record in which loss, gradient and parameters are all finite."""
        self.best: Record | None = None
        """The finite record with the lowest loss; the first of equals."""

    def __len__(self) -> int:
        """Number of records."""
        return self._count

    @property
    def losses(self) -> FloatArray:
        """Shape (len,): the loss of every record. A read-only view, of what is there now."""
        view = self._losses[: self._count]
        view.setflags(write=False)
        return view

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
        if block.first != self._count:
            raise ValueError(f"record {self._count} must come next, not {block.first}")
        norms = block.grad_norm
        self._keep_losses(block.loss)
        self._thin(block, norms)
        self._note_rates(block)
        self.latest = _record(block, norms, len(block.loss) - 1)
        finite = (
            np.isfinite(block.loss)
            & np.isfinite(block.parameters).all(axis=1)
            & np.isfinite(block.gradient).all(axis=1)
        )
        if finite.any():
            rows = np.flatnonzero(finite)
            self.last_finite = _record(block, norms, int(rows[-1]))
            lowest = int(rows[np.argmin(block.loss[rows])])
            if self.best is None or block.loss[lowest] < self.best.loss:
                self.best = _record(block, norms, lowest)

    def _keep_losses(self, losses: FloatArray) -> None:
        end = self._count + len(losses)
        if end > len(self._losses):
            grown = np.empty(max(end, 2 * len(self._losses)))
            grown[: self._count] = self._losses[: self._count]
            self._losses = grown
        self._losses[self._count : end] = losses
        self._count = end

    def _thin(self, block: Block, norms: FloatArray) -> None:
        columns = block.parameters.shape[1] + 2
        if self._thinned.shape[1] != columns:
            rows = max(2, min(_MOST_SAMPLES, _ROOM_FOR_THINNED // (8 * columns)))
            self._thinned = np.empty((rows, columns))
        while block.last // self.stride >= len(self._thinned):
            kept = self._thinned[: self._samples : 2].copy()
            self._samples = len(kept)
            self._thinned[: self._samples] = kept
            self.stride *= 2
        chosen = slice(-block.first % self.stride, None, self.stride)
        end = block.last // self.stride + 1
        new = self._thinned[self._samples : end]
        new[:, 0] = block.score[chosen]
        new[:, 1] = norms[chosen]
        new[:, 2:] = block.parameters[chosen]
        self._samples = end

    def _note_rates(self, block: Block) -> None:
        before = self.rates[-1][1] if self.rates else None
        changed = np.flatnonzero(np.diff(block.lr)) + 1
        starts = changed if block.lr[0] == before else np.concatenate(([0], changed))
        self.rates += [(block.first + int(start), float(block.lr[start])) for start in starts]


def _record(block: Block, norms: FloatArray, row: int) -> Record:
    # Copies: a view would keep the whole block in memory.
    return Record(
        epoch=block.first + row,
        parameters=block.parameters[row].copy(),
        gradient=block.gradient[row].copy(),
        loss=float(block.loss[row]),
        score=float(block.score[row]),
        lr=float(block.lr[row]),
        grad_norm=float(norms[row]),
    )
