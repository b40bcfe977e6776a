"""The data and what the model makes of them."""

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from tui_regress.engine.objective import logits, predict
from tui_regress.experiment import Linear, Logistic
from tui_regress.tui import charts
from tui_regress.tui.session import Session
from tui_regress.tui.themes import palette
from tui_regress.tui.widgets.pane import ChartPane

SHOWN_ROWS = 5000
"""Rows drawn at most, evenly spread over the data: more would not change the picture, only its price."""

_STEEP = 30.0

FloatArray = NDArray[np.float64]


class FitPane(ChartPane):
    """One feature: scatter, current line, exact line. Several: predicted against actual, or classes along the logit."""

    def __init__(self) -> None:
        super().__init__(id="fit", classes="pane result")
        self.border_title = "Fit"

    def present(self, session: Session) -> None:
        """The chart, and what it is of."""
        self.head(_title(session))
        super().present(session)

    def draw(self, session: Session, width: int, height: int) -> Text:
        """See :class:`ChartPane`."""
        colours = palette(self.app)
        if session.dataset is None:
            return charts.message_chart(_waiting(session), width, height, colours)
        dataset, model, now = session.dataset, session.experiment.model, session.parameters
        X, y = _some(dataset.X, dataset.y)
        held = _some(dataset.validation.X, dataset.validation.y) if dataset.validation else None
        if dataset.features > 1:
            if now is None:
                return charts.message_chart("no model yet", width, height, colours)
            if isinstance(model, Linear):
                others = (held[1], _predicted(model, now, held[0])) if held else None
                predicted = _predicted(model, now, X)
                return charts.predicted_chart(y, predicted, width, height, colours, held_out=others)
            return self._logit_chart(model, now, (X, y), held)
        exact = session.exact.parameters if session.exact else None
        x = X[:, 0]
        # The curve reaches as far as the experiment's predictions: there it has something to say.
        reach = np.append(x, [point[0] for point in session.experiment.predict.at])
        return charts.fit_chart(
            x,
            y,
            _curve(model, now, reach),
            _curve(model, exact, reach),
            width,
            height,
            colours,
            held_out=(held[0][:, 0], held[1]) if held else None,
            probability=isinstance(model, Logistic),
            x_name=dataset.feature_names[0],
            y_name=dataset.target_name,
        )

    def _logit_chart(self, model: Logistic, now: FloatArray, training: charts.Curve, held: charts.Curve | None) -> Text:
        z, y = _logits(model, now, training[0]), training[1]
        others = (_logits(model, now, held[0]), held[1]) if held else None
        widest = z if others is None else np.append(z, others[0])
        grid = np.linspace(min(-6.0, float(widest.min())), max(6.0, float(widest.max())), 200)
        return charts.fit_chart(
            z,
            y,
            (grid, 1 / (1 + np.exp(-grid))),
            None,
            *self.content_size,
            palette(self.app),
            held_out=others,
            probability=True,
            x_name="logit",
            y_name="P(1)",
        )


def _waiting(session: Session) -> str:
    """What there is to say while there are no data."""
    if session.problems:
        return "no data yet"
    stage, share = session.loading or ("loading", None)
    return f"{stage} …" if share is None else f"{stage} … {share:.0%}"


def _some(X: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    stride = max(1, len(y) // SHOWN_ROWS)
    return X[::stride], y[::stride]


def _logits(model: Logistic, parameters: FloatArray, X: FloatArray) -> FloatArray:
    # Beyond 30 the probability is 0 or 1 to the eye: such rows stand at the border.
    return np.clip(logits(model, parameters, X), -_STEEP, _STEEP).astype(np.float64)


def _predicted(model: Linear | Logistic, parameters: FloatArray, X: FloatArray) -> FloatArray:
    return np.asarray(predict(model, parameters, X), dtype=np.float64)


def _title(session: Session) -> str:
    if session.dataset is None or session.dataset.features == 1:
        return "Fit"
    return "Fit · predicted" if isinstance(session.experiment.model, Linear) else "Fit · by logit"


def _curve(
    model: Linear | Logistic, parameters: FloatArray | None, x: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """The model along the range of ``x`` and a little beyond."""
    if parameters is None or not len(x):
        return None
    low, high = float(x.min()), float(x.max())
    margin = 0.05 * (high - low or 1.0)
    xs = np.linspace(low - margin, high + margin, 200 if isinstance(model, Logistic) else 2)
    return xs, _predicted(model, parameters, xs[:, None])
