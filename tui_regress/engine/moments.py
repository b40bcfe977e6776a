"""The sums over rows that say everything about least squares."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import chunks

MOST = 2000
"""Parameters up to which a matrix of them by them is worked with: a few seconds at the most."""

_NARROW = 8
"""How many times smaller than elsewhere the portions are."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over rows: of one part of the rows and another they add up to those of both."""

    gram: FloatArray
    """Shape (p, p): [X 1]ᵀ[X 1], or XᵀX without a bias."""
    target: FloatArray
    """Shape (p,): [X 1]ᵀy."""
    squares: float
    """yᵀy."""
    count: int
    """Number of rows."""


def manageable(dataset: Dataset, bias: bool) -> bool:
    """Whether the sums are smaller than the rows themselves, and small enough to work with."""
    return dataset.features + bias <= min(dataset.rows, MOST)


@lru_cache(maxsize=2)
@np.errstate(over="ignore", invalid="ignore")
def moments(dataset: Dataset, bias: bool) -> Moments:
    """The sums for all rows of ``dataset``, in float64, in one pass; those of the last two datasets are kept."""
    d = dataset.features
    gram, cross = np.zeros((d + bias, d + bias)), np.zeros((2, d))
    squares = total = 0.0
    # Portions that stay in the cache from the one product to the other; no [X 1] is formed, copying would take longer.
    for rows in chunks(dataset.rows, _NARROW * d):
        X, y = dataset.X[rows], dataset.y[rows]
        gram[:d, :d] += X.T @ X
        cross[0] += y @ X
        cross[1] += np.ones(len(y)) @ X
        squares += float(y @ y)
        total += float(y.sum())
    if bias:
        gram[:d, d] = gram[d, :d] = cross[1]
        gram[d, d] = dataset.rows
    return Moments(gram, np.append(cross[0], [total] * bias), squares, dataset.rows)
