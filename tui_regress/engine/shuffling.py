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
