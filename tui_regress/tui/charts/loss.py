"""The loss against epochs."""

from dataclasses import dataclass

import numpy as np
from rich.text import Text

from tui_regress.engine.series import Series
from tui_regress.tui.charts.axes import Palette
from tui_regress.tui.charts.canvas import DOTS_ACROSS
from tui_regress.tui.charts.frame import DASHED, DOTTED, LINE, POINT, Frame, message_chart
from tui_regress.tui.charts.geometry import Envelope, envelope
from tui_regress.tui.charts.scales import LARGEST, Axis, FloatArray, limits, log_limits

Losses = FloatArray | Series
"""Of consecutive records, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An epoch to point at, such as the one at which a verdict fired."""

    epoch: int
    label: str


def loss_chart(
    losses: Losses,
    first_epoch: int,
    width: int,
    height: int,
    palette: Palette,
    *,
    log: bool,
    validation: Losses | None = None,
    predicted: Losses | None = None,
    mark: Mark | None = None,
) -> Text:
    """``losses`` (shape (n,)) of the epochs from ``first_epoch`` on: ``height`` lines of ``width`` cells.

    Every spike is seen however long the series; one that is a Series costs the same at any length. Where the loss is
    not finite the line ends, and a cross, a vertical line and a sentence say so. On a log axis losses of 0 lie at the
    bottom, named 0. ``validation`` (shape (n,)), the losses over rows held out, is a dashed line; ``predicted`` (shape
    (n,)), a dotted line, does not move the axes.
    Without losses the chart is empty.
    """
    if not len(losses):
        return message_chart("", width, height, palette)
    most = max(1, DOTS_ACROSS * width)
    buckets = envelope(losses, most)
    held_out = None if validation is None else envelope(validation, most)
    extremes = np.concatenate([end for shown in (buckets, held_out) if shown for end in (shown.low, shown.high)])
    extremes = extremes[np.isfinite(extremes)]
    if not extremes.size:
        return message_chart(f"not finite from epoch {first_epoch}", width, height, palette, palette.mark)
    y_axis = loss_axis(extremes, log=log)
    frame = Frame(
        width,
        height,
        palette,
        Axis(first_epoch, first_epoch + max(1, len(losses) - 1), "whole"),
        y_axis,
        x_name="epoch",
        legend=_legend(palette, held_out=held_out is not None, predicted=predicted is not None),
    )
    gaps = _gaps(losses, buckets)
    # Where the loss stops being finite, the cross says all that a mark could say.
    ruled = mark is not None and 0 <= mark.epoch - first_epoch < len(losses) and mark.epoch - first_epoch not in gaps
    marks = [mark] if mark is not None and ruled else []
    for epoch in [first_epoch + gap for gap in gaps] + [shown.epoch for shown in marks]:
        frame.rule(epoch, palette.mark)
    if predicted is not None and len(predicted):
        index, values, joined = envelope(predicted, most).vertices()
        frame.line(first_epoch + index, on_axis(values, y_axis), palette.reference, joined, sample=DOTTED)
    index, values, joined = buckets.vertices()
    frame.line(first_epoch + index, on_axis(values, y_axis), palette.line, joined)
    if held_out is not None:
        # Above the other, which is seen through the gaps where the two are one.
        index, values, joined = held_out.vertices()
        frame.line(first_epoch + index, on_axis(values, y_axis), palette.held_out, joined, sample=DASHED)
    if len(losses) == 1:
        frame.point(first_epoch, float(on_axis(losses[:1], y_axis)[0]), POINT, palette.line)
    for gap in reversed(gaps):
        _draw_end(frame, losses, first_epoch, gap, y_axis, first=gap == gaps[0])
    for shown in marks:
        frame.note((shown.label, f"epoch {shown.epoch}"), palette.mark, (shown.epoch, y_axis.high))
    return frame.text()


def _legend(palette: Palette, *, held_out: bool, predicted: bool) -> tuple[tuple[str, str, str], ...]:
    """A lone line needs none."""
    entries = [(LINE, "training" if held_out else "loss", palette.line)]
    entries += [(DASHED, "validation", palette.held_out)] if held_out else []
    entries += [(DOTTED, "predicted", palette.reference)] if predicted else []
    return tuple(entries) if len(entries) > 1 else ()


def _draw_end(frame: Frame, losses: Losses, first_epoch: int, gap: int, axis: Axis, *, first: bool) -> None:
    """A cross on the last finite loss before ``gap``, and the sentence beside the ``first`` one."""
    height = axis.high
    if gap and np.isfinite(losses[gap - 1]):
        height = float(on_axis(losses[gap - 1 : gap], axis)[0])
        frame.point(first_epoch + gap - 1, height, "✕", frame.palette.mark)
    if first:
        epoch = first_epoch + gap
        wordings = (f"not finite from epoch {epoch}", f"not finite, epoch {epoch}", "not finite")
        frame.note(wordings, frame.palette.mark, (epoch, height))


def loss_axis(losses: FloatArray, *, log: bool) -> Axis:
    """An axis for finite losses; linear where a logarithm shows nothing."""
    positive = losses[losses > 0]
    if log and positive.size:
        low, high = log_limits(float(positive.min()), float(positive.max()))
        zero = bool(losses.min() <= 0)
        return Axis(low - max(1.0, (high - low) / 8) if zero else low, high, "log", zero=zero)
    low, high = limits(losses)
    return Axis(0.0 if low < high / 4 and losses.min() >= 0 else low, high)


def on_axis(losses: FloatArray, axis: Axis) -> FloatArray:
    """Finite ``losses`` as positions on ``axis``."""
    if axis.kind != "log":
        return losses
    exponents = np.log10(np.minimum(losses, LARGEST), out=np.full_like(losses, axis.low), where=losses > 0)
    return np.maximum(exponents, axis.low)


def _gaps(losses: Losses, buckets: Envelope) -> list[int]:
    """Where the loss stops being finite, at most once a bucket."""
    begins = buckets.broken.copy()
    begins[1:] &= ~buckets.broken[:-1]
    edges = zip(buckets.edges[:-1][begins].tolist(), buckets.edges[1:][begins].tolist(), strict=True)
    if isinstance(losses, Series):
        return [losses.first_break(start, end) for start, end in edges]
    return [start + int(np.argmin(np.isfinite(losses[start:end]))) for start, end in edges]
