"""Least squares in one pass over the rows, in memory that does not grow with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from tui_regress.data.dataset import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The least-squares solution of smallest norm."""

    parameters: FloatArray
    """Shape (p,)."""
    undetermined: tuple[int, ...]
    """Columns that depend on each other, so that other parameters fit as well; () where the solution is unique."""


def fold(chunks: Iterable[FloatArray]) -> FloatArray:
    """The triangle R of the QR factorisation of all ``chunks``, each (rows, q), stacked: shape (at most q, q).

    RᵀR equals the Gram matrix of the stack without ever being formed, so nothing is lost to squaring.
    """
    rows = iter(chunks)
    R = _triangle(next(rows))
    for chunk in rows:
        R = _triangle(np.vstack((R, chunk)))
    return R


def solve(R: FloatArray, rows: int) -> Solution:
    """Least squares for the system [A b] folded into ``R``, shape (·, p + 1), from that many ``rows``.

    Whether columns depend on each other is judged with all of them at the same scale: it must not depend on units.
    """
    A, b = R[:, :-1], R[:, -1]
    scale = np.abs(A).max(axis=0)
    scale[scale == 0] = 1.0
    U, s, V = np.linalg.svd(A / scale, full_matrices=False)
    rank = int(np.count_nonzero(s > s[0] * max(rows, A.shape[1]) * np.finfo(np.float64).eps))
    coordinates = (U[:, :rank].T @ b) / s[:rank]
    if rank == A.shape[1]:
        return Solution(coordinates @ V / scale, ())
    # The smallest norm is meant in the units of the parameters, hence the second, small system.
    parameters = np.linalg.lstsq(V[:rank] * scale, coordinates, rcond=None)[0]
    outside = 1.0 - np.square(V[:rank]).sum(axis=0)
    return Solution(parameters, tuple(int(column) for column in np.flatnonzero(outside > 1e-9)))


def _triangle(A: FloatArray) -> FloatArray:
    # NumPy's type hints know only the modes that return Q as well.
    return cast("FloatArray", np.linalg.qr(A, mode="r"))
