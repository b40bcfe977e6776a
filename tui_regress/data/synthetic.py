"""Datasets that need no file: points written into the experiment, and rows drawn from a known model."""

import math

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.experiment import LinearData, LogisticData, Points
from tui_regress.problems import ExperimentError

DEFAULT_ROWS = 100

LARGEST = 2_000_000_000
"""Bytes of X. Training holds about two more copies of it, so this is what a machine with 8 GB still carries."""


def from_points(points: Points) -> Dataset:
    """Take the points as they stand in the experiment."""
    X = np.array(points.x, dtype=np.float64).reshape(len(points.x), -1)
    return Dataset(X, np.array(points.y, dtype=np.float64), feature_names(X.shape[1]), "y")


def generate(data: LinearData | LogisticData) -> Dataset:
    """Draw rows from the model that ``data`` describes; its weights and bias are the true parameters.

    x, noise and labels have a random stream each, spawned from the seed: a change of the noise, the weights or the
    bias leaves every x where it is. Raises ExperimentError.
    """
    rows, features = _rows(data), len(data.weights)
    if (size := 8 * rows * features) > LARGEST:
        key, found = ("data.step", data.step) if data.step is not None else ("data.rows", rows)
        largest = LARGEST // (8 * features)
        raise ExperimentError(key, found, f"makes {size / 1e9:,.1f} GB of data; at most {largest:,} rows fit.")
    x_stream, noise_stream, label_stream = map(np.random.default_rng, np.random.SeedSequence(data.seed).spawn(3))
    with np.errstate(over="ignore", invalid="ignore"):  # found below and told in a sentence
        X = _inputs(data, rows, x_stream)
        score = X @ np.array(data.weights) + data.bias + _noise(data, rows, noise_stream)
    if not np.isfinite(score).all():
        hint = "give, with the bias and the noise, values beyond 1.8e308; use smaller ones."
        raise ExperimentError("data.weights", list(data.weights), hint)
    y = _labels(data, score, label_stream) if isinstance(data, LogisticData) else score
    return Dataset(X, y, feature_names(features), "y", true_parameters=np.array([*data.weights, data.bias]))


def feature_names(features: int) -> tuple[str, ...]:
    """What features without names are called: ``x``, or ``x1``, ``x2``, …."""
    return ("x",) if features == 1 else tuple(f"x{number}" for number in range(1, features + 1))


def _interval(data: LinearData | LogisticData) -> tuple[float, float]:
    low = data.low or 0.0
    high = 1.0 if data.high is None else data.high
    if not math.isfinite(high - low):
        raise ExperimentError("data.high", data.high, "lies too far from low; use a narrower interval.")
    return low, high


def _rows(data: LinearData | LogisticData) -> int:
    if data.step is None:
        return data.rows or DEFAULT_ROWS
    low, high = _interval(data)
    steps = (high - low) / data.step
    if not math.isfinite(steps):
        raise ExperimentError("data.step", data.step, f"is too small for an interval of {high - low:g}.")
    # 0.3 / 0.1 is 2.9999999999999996 in floating point: high is on the grid if it is as good as on the grid.
    nearest = round(steps)
    return 1 + (nearest if math.isclose(steps, nearest, rel_tol=1e-9) else math.floor(steps))


def _inputs(data: LinearData | LogisticData, rows: int, stream: np.random.Generator) -> FloatArray:
    shape = (rows, len(data.weights))
    if data.x == "normal":
        return stream.standard_normal(shape)
    low, high = _interval(data)
    if data.x == "uniform":
        return stream.uniform(low, high, shape)
    grid = np.linspace(low, high, rows) if data.step is None else low + data.step * np.arange(rows, dtype=np.float64)
    return grid.reshape(shape)


def _noise(data: LinearData | LogisticData, rows: int, stream: np.random.Generator) -> FloatArray:
    unit = stream.standard_normal(rows) if data.noise == "normal" else stream.random(rows)
    return data.noise_scale * unit


def _labels(data: LogisticData, score: FloatArray, stream: np.random.Generator) -> FloatArray:
    probability = 0.5 * (1 + np.tanh(0.5 * score))  # the sigmoid, which exp(−score) would overflow
    y = (stream.random(len(score)) < probability).astype(np.float64)
    if y.min() == y.max():
        expected = probability.sum()
        missing = "0" if y[0] else "1"
        if min(expected, len(score) - expected) >= 0.5:
            raise ExperimentError("data.seed", data.seed, f"draws no {missing}; use another seed or more rows.")
        direction = "lower" if y[0] else "raise"
        raise ExperimentError("data.bias", data.bias, f"leaves no chance for a {missing}; {direction} it.")
    return y
