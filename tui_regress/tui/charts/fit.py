"""The data, and what the model makes of them."""

import numpy as np
from rich.text import Text

from tui_regress.tui.charts.axes import Palette
from tui_regress.tui.charts.frame import CIRCLE, DOTTED, LINE, POINT, Frame
from tui_regress.tui.charts.scales import Axis, FloatArray, limits

Curve = tuple[FloatArray, FloatArray]
"""x and y, each of shape (k,); a straight line needs two points."""


def fit_chart(
    x: FloatArray,
    y: FloatArray,
    line: Curve | None,
    exact: Curve | None,
    width: int,
    height: int,
    palette: Palette,
    *,
    held_out: Curve | None = None,
    probability: bool = False,
    x_name: str = "x",
    y_name: str = "y",
) -> Text:
    """The data (each of shape (n,)), the model's ``line`` and the ``exact`` one: ``height`` lines of ``width`` cells.

    ``held_out`` are the points that training does not see.

    The data and the exact line set the y axis: an exploding line leaves the chart at its border, and a sentence says so
    when nothing of it is left. With ``probability``, y runs from 0 to 1, with a line at 0.5. Rows that are not finite
    are not drawn.
    """
    x, y = _finite(x, y)
    others = _finite(*held_out) if held_out else (np.empty(0), np.empty(0))
    all_x, all_y = np.append(x, others[0]), np.append(y, others[1])
    curves = [curve for curve in (line, exact) if curve is not None]
    legend = [(POINT, "train", palette.points), (CIRCLE, "valid.", palette.held_out)] if held_out else []
    legend += [(LINE, "model", palette.line)] if line else []
    legend += [(DOTTED, "exact", palette.reference)] if exact else []
    legend += [] if held_out else [(POINT, "data", palette.points)]
    drawn_y = [all_y, *([exact[1]] if exact else [])]
    y_axis = Axis(-0.06, 1.06, "probability") if probability else Axis(*limits(*drawn_y, room=0.04))
    frame = Frame(
        width,
        height,
        palette,
        Axis(*limits(all_x, *(xs for xs, _ in curves), room=0.02)),
        y_axis,
        x_name=x_name,
        y_name=y_name,
        legend=legend,
    )
    if probability:
        frame.level(0.5, palette.muted)
    sparse = frame.is_sparse(frame.places(all_x, all_y))
    if not sparse:
        _scatter(frame, (x, y), others)
    if exact:
        frame.line(*exact, palette.reference, sample=DOTTED)
    seen = line is None or frame.line(*line, palette.line)
    if sparse:
        _scatter(frame, (x, y), others, POINT, CIRCLE)
    if line and not seen:
        gone = "outside the chart" if np.isfinite(line[1]).any() else "not finite"
        frame.note((f"the model is {gone}", gone), palette.mark)
    return frame.text()


def _finite(x: FloatArray, y: FloatArray) -> Curve:
    kept = np.isfinite(x) & np.isfinite(y)
    return x[kept], y[kept]


def _scatter(frame: Frame, training: Curve, held_out: Curve, point: str = "", circle: str = "") -> None:
    """Both kinds of rows; those held out above the others, of which there are more."""
    frame.scatter(frame.places(*training), frame.palette.points, point)
    if len(held_out[0]):
        frame.scatter(frame.places(*held_out), frame.palette.held_out, circle)


def predicted_chart(
    actual: FloatArray,
    predicted: FloatArray,
    width: int,
    height: int,
    palette: Palette,
    *,
    held_out: Curve | None = None,
) -> Text:
    """``predicted`` against ``actual`` (each of shape (n,)), and the diagonal on which both are equal.

    ``held_out`` are actual and predicted values of rows that training does not see. The actual values set both axes; a
    prediction beyond them is an arrow at the border, and a sentence tells of predictions that are no number.
    """
    others = held_out or (np.empty(0), np.empty(0))
    all_actual, all_predicted = np.append(actual, others[0]), np.append(predicted, others[1])
    low, high = limits(all_actual, room=0.04)
    frame = Frame(
        width,
        height,
        palette,
        Axis(low, high),
        Axis(low, high),
        x_name="actual",
        legend=(
            (POINT, "train" if held_out else "rows", palette.points),
            *([(CIRCLE, "valid.", palette.held_out)] if held_out else []),
            (DOTTED, "equal", palette.reference),
        ),
    )

    def inside(actual: FloatArray, predicted: FloatArray) -> Curve:
        kept = np.isfinite(actual) & (predicted >= low) & (predicted <= high)
        return actual[kept], predicted[kept]

    shown, shown_others = inside(actual, predicted), inside(*others)
    sparse = frame.is_sparse(frame.places(*inside(all_actual, all_predicted)))
    if not sparse:
        _scatter(frame, shown, shown_others)
    diagonal = np.array([low, high])
    frame.line(diagonal, diagonal, palette.reference, sample=DOTTED)
    if sparse:
        _scatter(frame, shown, shown_others, POINT, CIRCLE)
    known = np.isfinite(all_actual)
    for beyond, arrow in ((known & (all_predicted > high), "▲"), (known & (all_predicted < low), "▼")):
        frame.scatter(frame.places(all_actual[beyond], all_predicted[beyond]), palette.mark, arrow)
    if np.isnan(all_predicted).any():
        frame.note(("predictions are not finite", "not finite"), palette.mark)
    return frame.text()
