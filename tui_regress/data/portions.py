"""Many rows at once: on all cores, in pieces that fit the cache, and with the same result on any number of cores."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_S = TypeVar("_S")
_T = TypeVar("_T")

_PORTION = 2**20
"""Numbers that one thread takes at a time. Sums depend on it in their last digits, and so it is the same everywhere."""
_STRIP = 2**14
"""Numbers that are handled in one call: they and what is made of them stay in the cache."""
_THREADS = min(8, os.cpu_count() or 1)
"""More would only wait for the memory."""


def each(work: Callable[[_S], _T], items: Sequence[_S]) -> list[_T]:
    """What ``work`` returns for each of ``items``, in order; it is called from several threads."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(_THREADS, len(items))) as threads:
        return list(threads.map(work, items))


def spread(work: Callable[[slice], _T], rows: int, columns: int, most: int | None = None) -> list[_T]:
    """What ``work`` returns for each portion of ``rows`` rows, in order; it is called from several threads.

    A portion has ``most`` numbers, if nothing is said as many as sums are made of.
    """
    return each(work, list(_slices(0, rows, max(1, (most or _PORTION) // max(columns, 1)))))


def strips(portion: slice, columns: int) -> Iterator[slice]:
    """The rows of ``portion`` in order, a few at a time: at most as many as ``spread_out`` repeats."""
    return _slices(portion.start, portion.stop, _strip(columns))


def spread_out(row: FloatArray, rows: int) -> FloatArray:
    """``row``, shape (d,), once for each row of a strip of a table of ``rows``: shape (s, d).

    NumPy is several times as fast on two arrays of one shape as on many short rows and one that is broadcast.
    """
    return np.tile(row, (min(_strip(len(row)), rows), 1))


def reduced(combine: np.ufunc, terms: Callable[[slice, FloatArray], object], rows: int, columns: int) -> FloatArray:
    """``combine``, starting from 0, over ``rows`` rows of what ``terms`` writes for some of them: shape (columns,).

    ``terms`` takes a strip and where to write, shape (rows of the strip, columns); it is called from several threads.
    """

    def of_portion(portion: slice) -> FloatArray:
        height = min(_strip(columns), portion.stop - portion.start)
        so_far, written = np.zeros((height, columns)), np.empty((height, columns))
        for strip in strips(portion, columns):
            size = strip.stop - strip.start
            terms(strip, written[:size])
            combine(so_far[:size], written[:size], out=so_far[:size])
        return np.asarray(combine.reduce(so_far, axis=0))

    return np.asarray(combine.reduce(spread(of_portion, rows, columns), axis=0))


def taken(X: FloatArray, places: NDArray[np.intp]) -> FloatArray:
    """The rows of X, shape (n, d), at ``places``, shape (m,), in a new array of shape (m, d)."""
    out = np.empty((len(places), X.shape[1]))
    # "clip" spares numpy a buffer; the places are rows of X.
    spread(lambda rows: np.take(X, places[rows], axis=0, out=out[rows], mode="clip"), *out.shape)
    return out


def _strip(columns: int) -> int:
    return max(1, _STRIP // max(columns, 1))


def _slices(start: int, stop: int, step: int) -> Iterator[slice]:
    return (slice(first, min(first + step, stop)) for first in range(start, stop, step))
