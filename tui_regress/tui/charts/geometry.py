"""From data to what a few hundred dots can show: reduction, clipping, dots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.objective import Floats
from tui_regress.engine.series import Series, Stretches
from tui_regress.tui.charts.scales import LARGEST, Axis, FloatArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A long series in k buckets; every bucket keeps its extremes, so no spike is lost."""

    edges: IntArray
    """Shape (k + 1,): bucket i holds the values edges[i] … edges[i + 1] − 1."""
    low: FloatArray
    """Shape (k,): smallest finite value; NaN where there is none."""
    high: FloatArray
    """Shape (k,): largest finite value; NaN where there is none."""
    rising: BoolArray
    """Shape (k,): the bucket ends no lower than it begins."""
    broken: BoolArray
    """Shape (k,): the bucket holds a value that is not finite."""

    def vertices(self) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Index, value and whether a line leads here from the vertex before: at most 2k of each.

        The line ends in a broken bucket, and begins anew after it.
        """
        middle: FloatArray = (self.edges[:-1] + self.edges[1:] - 1) / 2
        ends, joined = np.empty((len(middle), 2)), np.ones((len(middle), 2), dtype=bool)
        ends[:, 0] = np.where(self.rising, self.low, self.high)
        ends[:, 1] = np.where(self.rising, self.high, self.low)
        # Nothing stands before the first bucket kept, and what a dropped bucket broke stays broken.
        joined[:1, 0], joined[1:, 0] = False, ~self.broken[:-1]
        keep = np.isfinite(self.low)
        return np.repeat(middle[keep], 2), ends[keep].ravel(), joined[keep].ravel()


def envelope(values: FloatArray | Series, buckets: int) -> Envelope:
    """``values`` (shape (n,), n ≥ 1) in at most ``buckets`` buckets of nearly one length.

    A long Series costs no more than a short one: its buckets begin where the series has a stretch of its own beginning,
    a quarter of a bucket off at most.
    """
    count = min(len(values), buckets)
    edges = np.linspace(0, len(values), count + 1).astype(np.intp)
    parts = values.stretches(len(values) // (2 * count)) if isinstance(values, Series) else None
    all_values: Floats = values.view if isinstance(values, Series) else values
    if parts is not None:
        return _from_stretches(all_values, parts, edges)
    starts = edges[:-1]
    return Envelope(edges, *_extremes(all_values, starts), _rising(all_values, edges), _broken(all_values, starts))


def _from_stretches(values: Floats, parts: Stretches, edges: IntArray) -> Envelope:
    """What :func:`envelope` gives, its ``edges`` moved to the nearest stretches but for the first and the last."""
    firsts = (edges[:-1] + parts.size // 2) // parts.size
    edges = np.append(firsts * parts.size, edges[-1])
    low, high = np.fmin.reduceat(parts.low, firsts), np.fmax.reduceat(parts.high, firsts)
    broken = np.logical_or.reduceat(parts.broken, firsts)
    # The values behind the last full stretch belong to the last bucket.
    rest = values[len(parts.low) * parts.size :]
    if len(rest):
        start = np.zeros(1, dtype=np.intp)
        (lowest,), (highest,) = _extremes(rest, start)
        low[-1], high[-1] = np.fmin(low[-1], lowest), np.fmax(high[-1], highest)
        broken[-1] |= _broken(rest, start)[0]
    return Envelope(edges, low, high, _rising(values, edges), broken)


def _extremes(values: Floats, starts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest finite value of each part from one of ``starts`` to the next."""
    if not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, np.nan)
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return low.astype(np.float64, copy=False), high.astype(np.float64, copy=False)


def _broken(values: Floats, starts: IntArray) -> BoolArray:
    """Which of these parts holds a value that is not finite."""
    return np.asarray(np.logical_or.reduceat(~np.isfinite(values), starts))


def _rising(values: Floats, edges: IntArray) -> BoolArray:
    return np.asarray(values[edges[1:] - 1] >= values[edges[:-1]])


def clip(
    x: FloatArray, y: FloatArray, joined: BoolArray, x_axis: Axis, y_axis: Axis
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The parts of a line inside the axes, as segments from (x0, y0) to (x1, y1).

    ``joined[i]`` says that a line leads from vertex i − 1 to vertex i; a lone vertex is a segment of no length.
    Vertices that are not finite break the line. A line that leaves the chart ends where it crosses the border
    (Liang–Barsky).
    """
    finite = np.isfinite(x) & np.isfinite(y)
    joined = joined.copy()
    joined[:1] = False
    joined[1:] &= finite[:-1]
    x, y = (np.minimum(np.maximum(values[finite], -LARGEST), LARGEST) for values in (x, y))
    joined = joined[finite]
    onward = np.zeros_like(joined)
    onward[:-1] = joined[1:]
    first = np.flatnonzero(onward | ~joined)
    last = first + onward[first]
    x0, y0, x1, y1 = x[first], y[first], x[last], y[last]
    if ((x >= x_axis.low) & (x <= x_axis.high) & (y >= y_axis.low) & (y <= y_axis.high)).all():
        return x0, y0, x1, y1
    (x_enter, x_leave), (y_enter, y_leave) = _crossings(x0, x1, x_axis), _crossings(y0, y1, y_axis)
    enter, leave = np.maximum(x_enter, y_enter), np.minimum(x_leave, y_leave)
    # A line of slope 1e30 enters and leaves at times too close for float64, yet on different borders.
    rising = y1 > y0
    below, above = np.where(rising, y_axis.low, y_axis.high), np.where(rising, y_axis.high, y_axis.low)
    start = np.where((y_enter > 0) & (y_enter >= x_enter), below, y0 + enter * (y1 - y0))
    end = np.where((y_leave < 1) & (y_leave <= x_leave), above, y0 + leave * (y1 - y0))
    inside = enter <= leave
    left, right = (np.clip(x0 + time * (x1 - x0), x_axis.low, x_axis.high) for time in (enter, leave))
    start, end = (np.clip(values, y_axis.low, y_axis.high) for values in (start, end))
    return left[inside], start[inside], right[inside], end[inside]


def _crossings(start: FloatArray, end: FloatArray, axis: Axis) -> tuple[FloatArray, FloatArray]:
    """When, from 0 at ``start`` to 1 at ``end``, segments are first and last within ``axis``; never: first > last."""
    change = end - start
    moves = change != 0
    with np.errstate(over="ignore"):
        low, high = (
            np.divide(border - start, change, out=np.zeros_like(start), where=moves) for border in (axis.low, axis.high)
        )
    first = np.where(moves, np.clip(np.minimum(low, high), 0.0, 1.0), 0.0)
    last = np.where(moves, np.clip(np.maximum(low, high), 0.0, 1.0), 1.0)
    outside = (np.maximum(start, end) < axis.low) | (np.minimum(start, end) > axis.high)
    return np.where(outside, 2.0, first), last


def dot(positions: FloatArray, axis: Axis, dots: int) -> IntArray:
    """The dot, 0 … ``dots`` − 1, on which each of ``positions`` (any shape, no NaN) falls; beyond the axis: its end."""
    with np.errstate(over="ignore"):
        places = (positions - axis.low) * (dots / (axis.high - axis.low))
    return np.minimum(np.maximum(places, 0), dots - 1).astype(np.intp)


def chain(start: IntArray, end: IntArray) -> tuple[IntArray, BoolArray]:
    """Segments between dots (each (k, 2)) as vertices (m, 2), and whether a line leads to each from the one before."""
    keep, leads = np.ones((len(start), 2), dtype=bool), np.zeros((len(start), 2), dtype=bool)
    keep[1:, 0] = (start[1:] != end[:-1]).any(axis=1)
    keep[:, 1] = leads[:, 1] = (start != end).any(axis=1)
    return np.stack([start, end], axis=1)[keep], leads[keep]


def straightened(vertices: IntArray, joined: BoolArray) -> tuple[IntArray, BoolArray]:
    """The same line through fewer vertices (as from ``chain``): without those that it passes level or upright.

    A line between two dots of one row or column covers all between them, and so the dots stay the same.
    """
    steps = np.sign(np.diff(vertices, axis=0))
    # Slanting lines would round differently.
    goes_on = (steps[1:] == steps[:-1]).all(axis=1) & (steps[1:] == 0).any(axis=1) & joined[1:-1] & joined[2:]
    keep = np.r_[True, ~goes_on, True][: len(vertices)]
    return vertices[keep], joined[keep]


def every(gap: float, vertices: IntArray, joined: BoolArray) -> IntArray:
    """Dots along the line through ``vertices`` (as from ``chain``), ``gap`` dots apart: a dotted line, shape (m, 2)."""
    if not len(vertices):
        return vertices
    length = np.cumsum(np.hypot(*np.diff(vertices, axis=0, prepend=vertices[:1]).T) * joined)
    at = np.arange(0.0, length[-1] + gap / 2, gap)
    return np.stack([np.interp(at, length, vertices[:, side]) for side in (0, 1)], axis=1).round().astype(np.intp)


def dashes(vertices: IntArray, joined: BoolArray) -> IntArray:
    """Dots along the line through ``vertices`` (as from ``chain``), in dashes of eight with gaps of four."""
    dots = every(1.0, vertices, joined)
    return dots[np.arange(len(dots)) % 12 < 8]


def occupied(places: IntArray, columns: int, rows: int) -> IntArray:
    """The different ones among ``places`` (shape (n, 2)) on a grid, shape (m, 2): a million cost no sorting."""
    taken = np.zeros(columns * rows, dtype=bool)
    taken[places[:, 0] * rows + places[:, 1]] = True
    return np.stack(np.divmod(np.flatnonzero(taken), max(1, rows)), axis=1)
