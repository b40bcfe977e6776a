"""How good a model is on some rows: R², RMSE, MAE; accuracy, log-loss, AUC and the confusion matrix.

Everything is computed in float64, whatever precision the run has, and agrees with scikit-learn's functions of the same
names but in two places: of a target that never changes R² is nan (scikit-learn makes it 0 or 1), and no probability is
clipped, so that a row called with certainty counts with what its log-odds say.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.chunks import chunks
from tui_regress.engine.objective import logits
from tui_regress.experiment import Linear, Model


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
    if isinstance(model, Linear):
        return _linear(model, theta, X, y)
    z = np.concatenate([logits(model, theta, X[rows]) for rows in chunks(*X.shape)])
    return _logistic(np.asarray(z, dtype=np.float64), y)


def _linear(model: Linear, theta: FloatArray, X: FloatArray, y: FloatArray) -> LinearMetrics:
    squares = sizes = total = spread = 0.0
    for rows in chunks(*X.shape):
        residual = logits(model, theta, X[rows]) - y[rows]
        squares += float(residual @ residual)
        sizes += float(np.abs(residual, out=residual).sum())
        # Shifted by one of the values, a target that never changes has a variance of exactly 0.
        total += float((y[rows] - y[0]).sum())
    middle = y[0] + total / len(y)
    for rows in chunks(len(y), 1):
        away = y[rows] - middle
        spread += float(away @ away)
    r2 = 1 - squares / spread if spread else math.nan
    return LinearMetrics(len(y), r2, math.sqrt(squares / len(y)), sizes / len(y))


def _logistic(z: FloatArray, y: FloatArray) -> LogisticMetrics:
    (a, b), (c, d) = np.bincount(2 * (y > 0) + (z > 0), minlength=4).reshape(2, 2).tolist()
    log_loss = float(np.logaddexp(0, np.where(y > 0, -z, z)).mean())
    return LogisticMetrics(len(y), (a + d) / len(y), log_loss, _auc(z, y), ((a, b), (c, d)))


def _auc(z: FloatArray, y: FloatArray) -> float:
    """Mann and Whitney's count of the pairs in the right order."""
    zeros, ones = np.sort(z[y <= 0]), np.sort(z[y > 0])
    if not len(zeros) or not len(ones) or np.isnan(z).any():
        return math.nan
    lower = np.searchsorted(zeros, ones, "left").sum() + np.searchsorted(zeros, ones, "right").sum()
    return float(lower / (2 * len(zeros) * len(ones)))


def _finite(values: dict[str, float]) -> dict[str, float | str]:
    return {name: value if math.isfinite(value) else str(value) for name, value in values.items()}
