"""The order of the rows in an epoch."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

_LONG = 2**20
"""Rows from which on a permutation takes tens of milliseconds, all in one piece."""
_PATIENCE = 0.01
"""Seconds."""


def permutation(order: np.random.Generator, rows: int, breathe: Callable[[], None]) -> NDArray[np.int64]:
    """``order.permutation(rows)``, shape (rows,); while a long one is drawn, ``breathe`` is called.

    Where ``breathe`` raises, ``order`` is of no more use.
    """
    if rows < _LONG:
        return order.permutation(rows)
    drawer = ThreadPoolExecutor(1)
    drawn = drawer.submit(order.permutation, rows)
    drawer.shutdown(wait=False)
    while not wait([drawn], _PATIENCE).done:
        breathe()
    return drawn.result()


def permutations(order: np.random.Generator, rows: int, epochs: int, breathe: Callable[[], None]) -> NDArray[np.int64]:
    """What so many calls of :func:`permutation` give one after the other, shape (epochs · rows,), and at once."""
    if rows >= _LONG:
        return np.concatenate([permutation(order, rows, breathe) for _ in range(epochs)])
    # One call, in which other threads may run, in place of many: NumPy draws the same numbers for each.
    drawn = np.tile(np.arange(rows), (epochs, 1))
    return order.permuted(drawn, axis=1, out=drawn).ravel()
