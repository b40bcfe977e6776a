"""The data, and what the model makes of them."""

import numpy as np
from rich.text import Text

from tui_regress.tui.charts.frame import DOTTED, LINE, POINT, Frame, Palette
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
    probability: bool = False,
    x_name: str = "x",
    y_name: str = "y",
) -> Text:
    """The data (each of shape (n,)), the model's ``line`` and the ``exact`` one: ``height`` lines of ``width`` cells.

    The data and the exact line set the y axis: an exploding line leaves the chart at its border, and a sentence says so
    when nothing of it is left. With ``probability``, y runs from 0 to 1, with a line at 0.5. Rows that are not finite
    are not drawn.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all():
        x, y = x[finite], y[finite]
    curves = [curve for curve in (line, exact) if curve is not None]
    legend = [(POINT, "data", palette.points)]
    legend += [(LINE, "model", palette.line)] if line else []
    legend += [(DOTTED, "exact", palette.reference)] if exact else []
    y_axis = (
        Axis(-0.06, 1.06, "probability") if probability else Axis(*limits(y, *([exact[1]] if exact else []), room=0.04))
    )
    frame = Frame(
        width,
        height,
        palette,
        Axis(*limits(x, *(xs for xs, _ in curves), room=0.02)),
        y_axis,
        x_name=x_name,
        y_name=y_name,
        legend=legend,
    )
    if probability:
        frame.level(0.5, palette.muted)
    places = frame.places(x, y)
    sparse = frame.is_sparse(places)
    if not sparse:
        frame.scatter(places, palette.points)
    if exact:
        frame.line(*exact, palette.reference, dotted=True)
    seen = line is None or frame.line(*line, palette.line)
    if sparse:
        frame.scatter(places, palette.points)
    if line and not seen:
        gone = "outside the chart" if np.isfinite(line[1]).any() else "not finite"
        frame.note((f"the model is {gone}", gone), palette.mark)
    return frame.text()


def predicted_chart(actual: FloatArray, predicted: FloatArray, width: int, height: int, palette: Palette) -> Text:
    """``predicted`` against ``actual`` (each of shape (n,)), and the diagonal on which both are equal.

    The actual values set both axes; a prediction beyond them is an arrow at the border, and a sentence tells of
    predictions that are no number.
    """
    low, high = limits(actual, room=0.04)
    frame = Frame(
        width,
        height,
        palette,
        Axis(low, high),
        Axis(low, high),
        x_name="actual",
        y_name="predicted",
        legend=((POINT, "rows", palette.points), (DOTTED, "equal", palette.reference)),
    )
    known = np.isfinite(actual)
    inside = known & (predicted >= low) & (predicted <= high)
    diagonal = np.array([low, high])
    places = frame.places(actual[inside], predicted[inside])
    sparse = frame.is_sparse(places)
    if not sparse:
        frame.scatter(places, palette.points)
    frame.line(diagonal, diagonal, palette.reference, dotted=True)
    if sparse:
        frame.scatter(places, palette.points)
    for beyond, arrow in ((known & (predicted > high), "▲"), (known & (predicted < low), "▼")):
        frame.scatter(frame.places(actual[beyond], predicted[beyond]), palette.mark, arrow)
    if np.isnan(predicted).any():
        frame.note(("predictions are not finite", "not finite"), palette.mark)
    return frame.text()
