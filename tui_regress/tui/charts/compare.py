"""The losses of several runs on one pair of axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from tui_regress.tui.charts.axes import Palette
from tui_regress.tui.charts.canvas import DOTS_ACROSS
from tui_regress.tui.charts.frame import DASHED, LINE, Frame, message_chart
from tui_regress.tui.charts.geometry import envelope
from tui_regress.tui.charts.loss import loss_axis, on_axis
from tui_regress.tui.charts.scales import Axis, FloatArray

_ROOMY = 60
"""Cells from which every line carries its letter twice."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The losses of one run."""

    mark: str
    """The letter on the line and before the label: lines can be told apart without their colours."""
    label: str
    losses: FloatArray
    """Shape (n,): of records 0 … n − 1; empty where only those over the rows held out are shown."""
    style: str
    held_out: FloatArray | None = None
    """Shape (n,): the losses over the rows held out, where they are to be shown."""


def compare_chart(series: Sequence[Series], width: int, height: int, palette: Palette, *, log: bool) -> Text:
    """The losses of all ``series`` against epochs: ``height`` lines of ``width`` cells; dashed over the rows held out.

    A line carries its letter here and there, never two letters at the same share of their lines: also of runs with
    the same losses each is seen. Where a loss stops being finite its line ends, and a cross and a sentence say so.
    """
    curves = [curve for one in series for curve in _curves(one)]
    if not curves:
        return message_chart("", width, height, palette)
    longest = max(len(curve.losses) for curve in curves)
    share = DOTS_ACROSS * width / longest
    reduced = [envelope(curve.losses, max(1, round(share * len(curve.losses)))) for curve in curves]
    extremes = np.concatenate([end for buckets in reduced for end in (buckets.low, buckets.high)])
    extremes = extremes[np.isfinite(extremes)]
    if not extremes.size:
        return message_chart("none of these losses is finite", width, height, palette, palette.mark)
    y_axis = loss_axis(extremes, log=log)
    drawn = list({curve.of.mark: curve.of for curve in curves}.values())
    legend = [(one.mark, one.label, one.style) for one in drawn]
    legend += [(DASHED, "validation", palette.text)] * any(curve.sample == DASHED for curve in curves)
    x_axis = Axis(0.0, max(1, longest - 1), "whole")
    frame = Frame(width, height, palette, x_axis, y_axis, x_name="epoch", legend=legend)
    for curve, buckets in zip(curves, reduced, strict=True):
        index, values, joined = buckets.vertices()
        frame.line(index, on_axis(values, y_axis), curve.of.style, joined, sample=curve.sample)
    for number, curve in enumerate(curves):
        _draw_letters(frame, curve, number, len(curves), 2 if width >= _ROOMY else 1, y_axis)
    for one in drawn:
        _draw_end(frame, next(_curves(one)), y_axis)
    return frame.text()


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """One line of a run."""

    of: Series
    losses: FloatArray
    sample: str
    """LINE or DASHED."""


def _curves(one: Series) -> Iterator[_Curve]:
    if len(one.losses):
        yield _Curve(one, one.losses, LINE)
    if one.held_out is not None and len(one.held_out):
        yield _Curve(one, one.held_out, DASHED)


def _draw_letters(frame: Frame, curve: _Curve, number: int, of: int, times: int, axis: Axis) -> None:
    finite = np.flatnonzero(np.isfinite(curve.losses))
    if not len(finite):
        return
    for time in range(times):
        at = finite[int((time + (number + 0.5) / of) / times * len(finite))]
        frame.point(float(at), float(on_axis(curve.losses[at : at + 1], axis)[0]), curve.of.mark, curve.of.style)


def _draw_end(frame: Frame, curve: _Curve, axis: Axis) -> None:
    """A cross on the last loss before the first that is not finite, and a sentence."""
    finite, one = np.isfinite(curve.losses), curve.of
    if finite.all():
        return
    gap = int(np.argmin(finite))
    height = axis.high
    if gap:
        height = float(on_axis(curve.losses[gap - 1 : gap], axis)[0])
        frame.point(gap - 1, height, "✕", one.style)
    frame.note((f"{one.mark} not finite from epoch {gap}", f"{one.mark} not finite"), one.style, (gap, height))
