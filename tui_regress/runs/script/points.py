"""Points that stand in the experiment itself."""

from functools import lru_cache

from tui_regress.experiment import Points
from tui_regress.runs.script.writing import row, sequence


@lru_cache(maxsize=4)
def arrays(points: Points, function: str, options: str, y_shape: str = "") -> tuple[str, ...]:
    """Lines that make X, shape (n, d), and y: ``function(values, options)``, to which ``y_shape`` is applied.

    Kept, because a person who turns a knob asks for the same thousands of points again and again.
    """
    x = points.x
    if isinstance(x[0], tuple):
        X = sequence((row(values) for values in x if isinstance(values, tuple)), f"X = {function}(", f"{options})")
    else:
        X = sequence(map(repr, x), f"X = {function}(", f"{options}).reshape(-1, 1)")
    return *X, *sequence(map(repr, points.y), f"y = {function}(", f"{options}){y_shape}")
