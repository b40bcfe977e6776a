"""The records of a run that stand out: those that are worth keeping in full where others are thinned."""

from dataclasses import dataclass

import numpy as np

from tui_regress.engine.divergence import finite
from tui_regress.engine.events import Block


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
    rows = np.flatnonzero(finite(block))
    last = len(block.loss) - 1
    if not len(rows):
        return Landmarks(last, None, None, None)
    held = None
    if block.validation_loss is not None and len(fine := rows[np.isfinite(block.validation_loss[rows])]):
        held = int(fine[np.argmin(block.validation_loss[fine])])
    return Landmarks(last, int(rows[-1]), int(rows[np.argmin(block.loss[rows])]), held)
