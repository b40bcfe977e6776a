"""The sums over rows that say everything about least squares."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import chunks, shares
from tui_regress.engine.crew import Crew, cores

MOST = 2000
"""Parameters up to which a matrix of them by them is worked with: a few seconds at the most."""

_NARROW = 32
"""Columns up to which all cores share the portions."""
_Sums = tuple[FloatArray, FloatArray, FloatArray, float, float]
"""XᵀX, Xᵀ1, Xᵀy, 1ᵀy and yᵀy over some rows."""
_DEEP = 256
"""Rows in a product of narrow matrices: few enough for BLAS to take it as a small one, in one thread."""


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
def moments(dataset: Dataset, bias: bool) -> Moments:
    """The sums for all rows of ``dataset``, in float64, in one pass; those of the last two datasets are kept."""
    X, y, d = dataset.X, dataset.y, dataset.features
    # BLAS shares the product of wide rows among threads of its own, but leaves that of narrow ones to one.
    parts: Iterable[_Sums]
    if d <= _NARROW:
        parts = Crew(cores() - 1).map(lambda rows: _sums(X[rows], y[rows]), shares(dataset.rows, d))
    else:
        # One by one: matrices for all portions would take more memory than the data.
        parts = (_sums(X[rows], y[rows]) for rows in chunks(dataset.rows, d, d))
    with np.errstate(over="ignore", invalid="ignore"):
        upper, ones, target, total, squares = reduce(_plus, parts)
        gram = np.zeros((d + bias, d + bias))
        gram[:d, :d] = np.triu(upper) + np.triu(upper, 1).T
    if bias:
        gram[:d, d] = gram[d, :d] = ones
        gram[d, d] = dataset.rows
    return Moments(gram, np.append(target, [total] * bias), float(squares), dataset.rows)


@np.errstate(over="ignore", invalid="ignore")
def _sums(X: FloatArray, y: FloatArray) -> _Sums:
    """XᵀX, on and above its diagonal, Xᵀ1, Xᵀy, yᵀ1 and yᵀy; no [X 1] is formed, copying would take longer."""
    # np.dot lets other threads work meanwhile, where @ does so only for results of many numbers.
    ones = np.ones(len(y))
    return _upper(X), np.dot(ones, X), np.dot(y, X), float(np.dot(ones, y)), float(np.dot(y, y))


def _plus(one: _Sums, other: _Sums) -> _Sums:
    (a, b, c, d, e), (f, g, h, i, j) = one, other
    a += f
    return a, b + g, c + h, d + i, e + j


def _upper(X: FloatArray) -> FloatArray:
    """XᵀX, of which the part on and above the diagonal holds."""
    d = X.shape[1]
    if d > _NARROW or not X.flags.c_contiguous:
        return np.asarray(X.T @ X)
    # BLAS is quickest with many small products of two matrices; for that of a matrix with itself NumPy asks it for half
    # of the numbers only, which takes it longer. So the first column is left out on one side.
    whole = len(X) // _DEEP * _DEEP
    stack, rest = X[:whole].reshape(-1, _DEEP, d), X[whole:]
    upper = np.zeros((d, d))
    upper[:, 1:] = (stack.transpose(0, 2, 1) @ stack[:, :, 1:]).sum(axis=0) + np.dot(rest.T, rest[:, 1:])
    upper[0, 0] = np.dot(X[:, 0], X[:, 0])
    return upper
