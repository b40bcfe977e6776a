"""How good a model is on some rows: R², RMSE, MAE; accuracy, log-loss, AUC and the confusion matrix.

Everything is computed in float64, whatever precision the run has, and agrees with scikit-learn's functions of the same
names but in two places: of a target that never changes R² is nan (scikit-learn makes it 0 or 1), and no probability is
clipped, so that a row called with certainty counts with what its log-odds say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.chunks import chunks, shares
from tui_regress.engine.crew import Crew, cores
from tui_regress.engine.objective import logits
from tui_regress.experiment import Linear, Logistic, Model

_VECTORS = 16
"""How many times fewer numbers of a single array are in a portion than of X: enough for the cache, and no overhead."""


@dataclass(frozen=True, slots=True)
class LinearMetrics:
    """Of a linear model; errors in the units of the target."""

    rows: int
    r2: float
    """Share of the target's variance that the model explains: 1 at best, 0 for what is no better than the mean of these
    rows, below 0 for worse; nan where the target never changes, and there is nothing to explain."""
    rmse: float
    """Root of the mean squared error."""
    mae: float
    """Mean absolute error."""

    def figures(self) -> tuple[tuple[str, float], ...]:
        """(name, value) for a person, the most telling first."""
        return ("R²", self.r2), ("RMSE", self.rmse), ("MAE", self.mae)

    def to_json(self) -> dict[str, Any]:
        """The fields; numbers that are not finite are "nan", "inf" and "-inf"."""
        return {"rows": self.rows} | _finite({"r2": self.r2, "rmse": self.rmse, "mae": self.mae})


@dataclass(frozen=True, slots=True)
class LogisticMetrics:
    """Of a logistic model, which calls a row 1 where P > 1/2."""

    rows: int
    accuracy: float
    """Share of the rows called right, in 0…1."""
    log_loss: float
    """Mean binary cross-entropy, in nats."""
    auc: float
    """Area under the ROC curve: how often a row of class 1 is given a higher P than one of class 0, a tie counting
    half; nan where there is only one class."""
    confusion: tuple[tuple[int, int], tuple[int, int]]
    """Numbers of rows: ``confusion[true][called]``."""

    def figures(self) -> tuple[tuple[str, float], ...]:
        """(name, value) for a person, the most telling first."""
        return ("accuracy", self.accuracy), ("log-loss", self.log_loss), ("AUC", self.auc)

    def to_json(self) -> dict[str, Any]:
        """The fields; numbers that are not finite are "nan", "inf" and "-inf"."""
        shares = _finite({"accuracy": self.accuracy, "log_loss": self.log_loss, "auc": self.auc})
        return {"rows": self.rows} | shares | {"confusion": [list(row) for row in self.confusion]}


Metrics = LinearMetrics | LogisticMetrics


@np.errstate(over="ignore", invalid="ignore")
def measure(model: Model, theta: FloatArray, X: FloatArray, y: FloatArray) -> Metrics:
    """How good ``theta``, shape (p,), is on the rows of X, shape (m, d), with targets y, shape (m,).

    ``theta`` is meant in the units of X. A logistic model's targets are 0 and 1. There must be a row at least.
    """
    portions = shares(*X.shape)
    crew = Crew(cores() - 1 if len(portions) > 1 else 0)
    if isinstance(model, Linear):
        errors = crew.map(lambda rows: _errors(model, theta, X[rows], y[rows]), portions)
        return _linear(errors, crew.map(lambda rows: _spread(y[rows]), list(chunks(len(y), _VECTORS))))
    return _logistic(crew, crew.map(lambda rows: _calls(model, theta, X[rows], y[rows]), portions))


@np.errstate(over="ignore", invalid="ignore")
def _errors(model: Linear, theta: FloatArray, X: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Sums over the rows: of the squared errors, and of their absolute values."""
    residual = logits(model, theta, X)
    residual -= y
    squares = float(np.dot(residual, residual))
    return squares, float(np.abs(residual, out=residual).sum())


@np.errstate(over="ignore", invalid="ignore")
def _spread(y: FloatArray) -> tuple[int, float, float]:
    """Number of values, their mean, and the sum of their squared distances from it."""
    # Shifted by one of the values, a target that never changes has a spread of exactly 0.
    away = y - y[0]
    shift = away.mean()
    away -= shift
    return len(y), float(y[0] + shift), float(np.square(away, out=away).sum())


@np.errstate(over="ignore", invalid="ignore")
def _linear(errors: Sequence[tuple[float, float]], spreads: Sequence[tuple[int, float, float]]) -> LinearMetrics:
    squares, sizes = np.sum(errors, axis=0).tolist()
    counts, means, within = np.transpose(spreads)
    rows = int(counts.sum())
    # The spread about the mean of all rows, from those about the means of the parts (Chan, Golub, LeVeque 1983).
    away = means - means[0]
    away -= np.dot(counts, away) / rows
    spread = float(within.sum() + np.dot(counts, away * away))
    r2 = 1 - squares / spread if spread else math.nan
    return LinearMetrics(rows, r2, math.sqrt(squares / rows), sizes / rows)


class _Calls(NamedTuple):
    """Of a logistic model on some rows."""

    confusion: NDArray[np.int64]
    """Shape (2, 2)."""
    loss: float
    """Sum of the cross-entropies."""
    zeros: FloatArray
    """The logits of the rows of class 0."""
    ones: FloatArray
    """Those of the rows of class 1."""


@np.errstate(over="ignore", invalid="ignore")
def _calls(model: Logistic, theta: FloatArray, X: FloatArray, y: FloatArray) -> _Calls:
    z = np.asarray(logits(model, theta, X), dtype=np.float64)
    true = y > 0
    confusion = np.bincount(2 * true + (z > 0), minlength=4).reshape(2, 2)
    # log(1 + e^m) for the log-odds m of the wrong class.
    loss = np.maximum(np.where(true, -z, z), 0.0).sum() + np.log1p(np.exp(-np.abs(z))).sum()
    return _Calls(confusion, float(loss), z[~true], z[true])


def _logistic(crew: Crew, parts: Sequence[_Calls]) -> LogisticMetrics:
    confusion = np.sum([part.confusion for part in parts], axis=0)
    rows = int(confusion.sum())
    classes = [np.concatenate([part.zeros for part in parts]), np.concatenate([part.ones for part in parts])]
    log_loss = sum(part.loss for part in parts) / rows
    (a, b), (c, d) = confusion.tolist()
    return LogisticMetrics(rows, (a + d) / rows, log_loss, _auc(crew, *classes), ((a, b), (c, d)))


def _auc(crew: Crew, zeros: FloatArray, ones: FloatArray) -> float:
    """Mann and Whitney's count of the pairs in the right order, from the logits of both classes, which get sorted."""
    crew.map(lambda values: values.sort(), (zeros, ones))
    # No number is sorted to the end.
    if not len(zeros) or not len(ones) or np.isnan((zeros[-1], ones[-1])).any():
        return math.nan

    def lower(ties: bool) -> int:
        return int(np.searchsorted(zeros, ones, "right" if ties else "left").sum())

    return sum(crew.map(lower, (False, True))) / (2 * len(zeros) * len(ones))


def _finite(values: dict[str, float]) -> dict[str, float | str]:
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}
