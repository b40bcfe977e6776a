"""Rows in portions, so that memory and the wait for an answer do not grow with the data."""

from collections.abc import Iterator

import numpy as np

from tui_regress.data.dataset import FloatArray

CHUNK = 2**20
"""Numbers of X handled at once: small enough for the cache, large enough to hide the overhead."""
ON_ACCELERATOR = 16
"""Times CHUNK: an accelerator has no such cache, but each of its many small tasks costs as much as a large one."""
_SHARED = 8
"""How many times smaller are the portions that NumPy works on in several threads: each stays in its core's cache."""
_LONGEST = 2**13
"""Rows in such a portion, at most: of longer columns BLAS adds up each in threads of its own."""


def chunks(rows: int, columns: int, least: int = 1, *, times: int = 1) -> Iterator[slice]:
    """Slices that cover ``rows`` rows in order, each of about CHUNK × times numbers and of ``least`` rows or more."""
    step = max(CHUNK * times // columns, least)
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


def shares(rows: int, columns: int) -> list[slice]:
    """Slices that cover ``rows`` rows in order, for several threads to work on."""
    return list(chunks(rows, max(_SHARED * columns, CHUNK // _LONGEST)))


def design(X: FloatArray, bias: bool) -> FloatArray:
    """[X 1] with a bias, else X: shape (n, p) for X of shape (n, d)."""
    return np.column_stack((X, np.ones(len(X)))) if bias else X
