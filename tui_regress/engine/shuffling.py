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


def words(order: np.random.Generator) -> NDArray[np.uint64]:
    """Shape (6,): the state of its PCG64 in words of 64 bits.

    They are the halves, upper and lower, of its state and of its increment, whether half of its last number is still to
    be given away, and that half.
    """
    now = order.bit_generator.state
    large = [half for number in now["state"].values() for half in divmod(number, 2**64)]
    return np.array([*large, now["has_uint32"], now["uinteger"]], np.uint64)


def set_words(order: np.random.Generator, found: NDArray[np.uint64]) -> None:
    """Let ``order`` go on from the state that :func:`words` gives as ``found``."""
    upper, lower, step_upper, step_lower, waiting, rest = found.tolist()
    order.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": upper << 64 | lower, "inc": step_upper << 64 | step_lower},
        "has_uint32": waiting,
        "uinteger": rest,
    }
