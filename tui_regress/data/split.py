"""Which rows are held out of training, to see how the model does on rows it has not met."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray, Rows
from tui_regress.data.portions import taken


def held_out(y: FloatArray, share: float, seed: int, *, stratified: bool) -> NDArray[np.bool_]:
    """Draw the rows to hold out: shape (n,), True for about ``share`` of the targets ``y``, shape (n,).

    Stratified, the share is taken of each class, 0 and 1, and a class of one row stays in training. Otherwise at least
    two rows stay. The same seed draws the same rows: exported scripts repeat these very lines.
    """
    rng = np.random.default_rng((seed, 1))
    groups = [np.flatnonzero(y == label) for label in (0, 1)] if stratified else [np.arange(len(y))]
    kept = 1 if stratified else 2
    held = np.zeros(len(y), dtype=np.bool_)
    for rows in groups:
        size = max(0, min(max(1, round(share * len(rows))), len(rows) - kept))
        held[rng.permutation(rows)[:size]] = True
    return held


def split(dataset: Dataset, held: NDArray[np.bool_]) -> Dataset:
    """``dataset`` without the rows of the mask ``held``, shape (n,), which become its validation rows, in order."""
    if not held.any():
        return dataset
    out, kept = np.flatnonzero(held), np.flatnonzero(~held)
    rows = Rows(taken(dataset.X, out), dataset.y[out])
    return replace(dataset, X=taken(dataset.X, kept), y=dataset.y[kept], validation=rows)
