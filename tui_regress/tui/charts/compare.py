"""The losses of several runs on one pair of axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from tui_regress.tui.charts.canvas import DOTS_ACROSS
from tui_regress.tui.charts.frame import Frame, Palette, message_chart
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
    """Shape (n,): of records 0 … n − 1."""
    style: str


def compare_chart(series: Sequence[Series], width: int, height: int, palette: Palette, *, log: bool) -> Text:
    """The losses of all ``series`` against epochs: ``height`` lines of ``width`` cells.

    A line carries its letter here and there, never two letters at the same share of their lines: also of runs with
    the same losses each is seen. Where a loss stops being finite its line ends, and a cross and a sentence say so.
    """
    drawn = [one for one in series if len(one.losses)]
    if not drawn:
        return message_chart("", width, height, palette)
    longest = max(len(one.losses) for one in drawn)
    share = DOTS_ACROSS * width / longest
    reduced = [envelope(one.losses, max(1, round(share * len(one.losses)))) for one in drawn]
    extremes = np.concatenate([end for buckets in reduced for end in (buckets.low, buckets.high)])
    extremes = extremes[np.isfinite(extremes)]
    if not extremes.size:
        return message_chart("none of these losses is finite", width, height, palette, palette.mark)
    y_axis = loss_axis(extremes, log=log)
    legend = [(one.mark, one.label, one.style) for one in drawn]
    x_axis = Axis(0.0, max(1, longest - 1), "whole")
    frame = Frame(width, height, palette, x_axis, y_axis, x_name="epoch", legend=legend)
    for one, buckets in zip(drawn, reduced, strict=True):
        index, values, joined = buckets.vertices()
        frame.line(index, on_axis(values, y_axis), one.style, joined)
    for number, one in enumerate(drawn):
        _draw_letters(frame, one, number, len(drawn), 2 if width >= _ROOMY else 1, y_axis)
    for one in drawn:
        _draw_end(frame, one, y_axis)
    return frame.text()


def _draw_letters(frame: Frame, one: Series, number: int, of: int, times: int, axis: Axis) -> None:
    finite = np.flatnonzero(np.isfinite(one.losses))
    if not len(finite):
        return
    for time in range(times):
        at = finite[int((time + (number + 0.5) / of) / times * len(finite))]
        frame.point(float(at), float(on_axis(one.losses[at : at + 1], axis)[0]), one.mark, one.style)


def _draw_end(frame: Frame, one: Series, axis: Axis) -> None:
    """A cross on the last loss before the first that is not finite, and a sentence."""
    finite = np.isfinite(one.losses)
    if finite.all():
        return
    gap = int(np.argmin(finite))
    height = axis.high
    if gap:
        height = float(on_axis(one.losses[gap - 1 : gap], axis)[0])
        frame.point(gap - 1, height, "✕", one.style)
    frame.note((f"{one.mark} not finite from epoch {gap}", f"{one.mark} not finite"), one.style, (gap, height))
