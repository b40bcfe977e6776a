"""The records of a run that stand out: those that are worth keeping in full where others are thinned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.divergence import finite
from tui_regress.engine.events import Block, FloatArray


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Rows of a block whose records are worth keeping in full; None where there is none."""

    last: int
    finite: int | None
    """The last in which loss, gradient and parameters are all finite."""
    best: int | None
    """Of the finite ones, that with the lowest loss; the first of equals."""
    best_validation: int | None
    """Of the finite ones, that with the lowest validation loss."""

    @property
    def rows(self) -> list[int]:
        """All of them."""
        return [row for row in (self.last, self.finite, self.best, self.best_validation) if row is not None]


def landmarks(block: Block) -> Landmarks:
    """What stands out in ``block``, which must hold a record at least."""
    fine = finite(block)
    last = len(fine) - 1
    if not fine.any():
        return Landmarks(last, None, None, None)
    found = last if fine[last] else int(np.flatnonzero(fine)[-1])
    return Landmarks(last, found, _lowest(block.loss, fine), _lowest(block.validation_loss, fine))


def _lowest(losses: FloatArray | None, fine: NDArray[np.bool_]) -> int | None:
    """Where the finite ones among ``losses``, shape (k,), of records that are ``fine`` are lowest."""
    if losses is None:
        return None
    row = int(np.argmin(losses))
    if fine.all() and np.isfinite(losses[row]):
        # A NaN is the lowest to argmin, and so there is none; inf is lowest only where all are.
        return row
    candidates = np.where(fine & np.isfinite(losses), losses, np.inf)
    row = int(np.argmin(candidates))
    return row if np.isfinite(candidates[row]) else None
