"""A series of numbers that grows, and its extremes at a glance however long it is: a min/max pyramid."""

import mmap
import sys
from contextlib import suppress
from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.events import FloatArray
from tui_regress.engine.objective import Floats

_FINEST, _FACTOR = 64, 4
"""Values in a stretch of the lowest level; stretches of one level in one of the next."""
_SIZES: tuple[int, ...] = tuple(_FINEST * _FACTOR**level for level in range(12))
"""Values in a stretch of each level: enough of them for a billion values."""
_AT_FIRST = 1024
"""Values there is room for without asking for more."""
_MOST_RESERVED = 2**27
"""Values there may be room for before they come: memory that nothing was written to costs nothing, a gigabyte of it."""


class Stretches(NamedTuple):
    """A series in consecutive stretches of ``size`` values each; a last one that is not full is left out."""

    size: int
    low: FloatArray
    """Shape (m,): smallest finite value; NaN where there is none."""
    high: FloatArray
    """Shape (m,): largest finite value; NaN where there is none."""
    broken: NDArray[np.bool_]
    """Shape (m,): a value is not finite."""


class Series:
    """Numbers that come bit by bit, ``expected`` ones. What it gives is a view, good until it next changes."""

    def __init__(self, expected: int = 0) -> None:
        self._expected = min(expected, _MOST_RESERVED)
        # Half the memory as long as it holds every digit: the losses of a run in float32 are numbers of float32.
        self._values: Floats = np.empty(_AT_FIRST, np.float32)
        self._count = 0
        self._levels = [_Level() for _ in _SIZES]

    @classmethod
    def of(cls, values: FloatArray) -> Self:
        """The series of ``values``, shape (n,)."""
        series = cls()
        series.extend(values)
        return series

    def __len__(self) -> int:
        """Number of values."""
        return self._count

    @overload
    def __getitem__(self, which: int) -> np.float64: ...
    @overload
    def __getitem__(self, which: slice) -> FloatArray: ...
    def __getitem__(self, which: int | slice) -> np.float64 | FloatArray:
        """As of an array of float64, and a copy."""
        found: np.float64 | FloatArray = self.view[which].astype(np.float64)
        return found

    @property
    def view(self) -> Floats:
        """Shape (n,): all values, read-only; in float32 where every one of them is a number of float32."""
        view = self._values[: self._count]
        view.setflags(write=False)
        return view

    def extend(self, values: FloatArray) -> None:
        """Add ``values``, shape (k,), at the end."""
        first, end = self._count, self._count + len(values)
        if end > len(self._values):
            self._move(end, self._values.dtype)
        with np.errstate(over="ignore"):
            self._values[first:end] = values
        if self._values.dtype == np.float32 and not _same(self._values[first:end], values):
            self._move(end, np.dtype(np.float64))
            self._values[first:end] = values
        self._count = end
        self._levels[0].summarise(self._values[:end])
        for finer, level in pairwise(self._levels):
            if finer.count // _FACTOR == level.count:
                break
            level.gather(finer)

    def _move(self, end: int, dtype: np.dtype[Any]) -> None:
        """To where there is room for ``end`` values and, if more are expected, for them: none is ever moved again."""
        grown = _room(max(end, self._expected), max(end, len(self._values) * 5 // 4), dtype)
        grown[: self._count] = self._values[: self._count]
        self._values = grown

    def cut(self, count: int) -> None:
        """Forget all values but the first ``count``."""
        self._count = min(count, self._count)
        for size, level in zip(_SIZES, self._levels, strict=True):
            level.count = min(level.count, self._count // size)

    def head(self, count: int) -> "Series":
        """The first ``count`` values, without a copy; not to be changed."""
        head = copy(self)
        head._count = min(count, self._count)
        return head

    def stretches(self, most: int) -> Stretches | None:
        """The coarsest stretches of at most ``most`` values each; None where even the finest are longer."""
        fitting = [(size, level) for size, level in zip(_SIZES, self._levels, strict=True) if size <= most]
        if not fitting:
            return None
        size, level = fitting[-1]
        low, high, broken = level.cells[:, : self._count // size]
        return Stretches(size, low, high, broken > 0)

    def first_break(self, start: int, end: int) -> int:
        """Number of the first value from ``start`` on, before ``end``, that is not finite; ``end`` where there is none.

        It costs a look at each stretch of 64 values, not at each value.
        """
        first, last = start // _FINEST + 1, min(end, self._count) // _FINEST
        broken = np.flatnonzero(self._levels[0].cells[2, first:last])
        # At the rims the values themselves are asked.
        at = [(start, first * _FINEST), *((at, at + _FINEST) for at in (first + broken[:1]) * _FINEST)]
        for begin, stop in (*at, (max(start, last * _FINEST), end)):
            found = np.flatnonzero(~np.isfinite(self.view[begin : min(stop, end)]))
            if len(found):
                return int(begin + found[0])
        return end


class _Level:
    """Extremes of full stretches: a row each for smallest, largest, and whether a value is not finite."""

    def __init__(self) -> None:
        self.cells = np.empty((3, 0))
        self.count = 0

    def summarise(self, values: Floats) -> None:
        """Take up the stretches of ``values``, all of the series, that are full and not here yet."""
        parts = values[self.count * _FINEST : len(values) // _FINEST * _FINEST].reshape(-1, _FINEST)
        if not len(parts):
            return
        new = self._added(len(parts))
        new[0], new[1], new[2] = parts.min(axis=1), parts.max(axis=1), 0
        # A NaN is both the least and the most, an infinity one of them.
        broken = np.flatnonzero(~(np.isfinite(new[0]) & np.isfinite(new[1])))
        if len(broken):
            finite = np.where(np.isfinite(parts[broken]), parts[broken], np.nan)
            new[:, broken] = np.fmin.reduce(finite, axis=1), np.fmax.reduce(finite, axis=1), np.ones(len(broken))

    def gather(self, finer: "_Level") -> None:
        """Take up the stretches of the next ``finer`` level that make full ones here."""
        parts = finer.cells[:, self.count * _FACTOR : finer.count // _FACTOR * _FACTOR].reshape(3, -1, _FACTOR)
        new = self._added(parts.shape[1])
        new[0], new[1], new[2] = np.fmin.reduce(parts[0], 1), np.fmax.reduce(parts[1], 1), parts[2].max(axis=1)

    def _added(self, more: int) -> FloatArray:
        """Cells for ``more`` stretches at the end."""
        first, self.count = self.count, self.count + more
        if self.count > self.cells.shape[1]:
            grown = np.empty((3, 2 * self.count))
            grown[:, :first] = self.cells[:, :first]
            self.cells = grown
        return self.cells[:, first : self.count]


def _same(kept: Floats, values: FloatArray) -> bool:
    """Whether nothing of ``values`` was lost; what is no number is kept as such."""
    return bool((kept == values).all()) or np.array_equal(kept, values, equal_nan=True)


def _room(wanted: int, enough: int, dtype: np.dtype[Any]) -> Floats:
    """Room for ``wanted`` values, or for ``enough`` where the system does not promise so much.

    Raises MemoryError where it does not even promise that.
    """
    with suppress(OSError):
        return _mapped(max(wanted, enough), dtype)
    return np.empty(enough, dtype)


def _mapped(count: int, dtype: np.dtype[Any]) -> Floats:
    """Raises OSError where there is no room for ``count`` values."""
    # NumPy asks for memory in pages of two megabytes. To give one takes a virtual machine up to ten milliseconds, and
    # whoever adds the value that needs it waits.
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if sys.platform != "win32" else {}
    return np.frombuffer(mmap.mmap(-1, count * dtype.itemsize, **private), dtype)
