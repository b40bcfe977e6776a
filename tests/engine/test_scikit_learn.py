"""Standardised training on scikit-learn's bundled tables reaches scikit-learn's answers, and so does Newton's method.

breast cancer and wine are separable: without a penalty they have no best parameters. There a small weight decay stands
against scikit-learn's C, as 1 / (C·n) for the mean loss. Weight decay reaches the bias too: on scikit-learn's side the
bias is therefore the weight of a column of ones.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from tests.engine.conftest import dataset, experiment
from tests.engine.tables import LOGISTIC, Name, table
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.data.scaling import Standardization
from tui_regress.engine.events import Ended
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.metrics import LogisticMetrics, measure
from tui_regress.engine.objective import predict
from tui_regress.engine.stability import forecast
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment, override

DECAY: dict[Name, float] = {"diabetes": 0.0, "breast cancer": 1e-3, "iris": 0.0, "wine": 1e-3}
FLATTEST: dict[Name, float] = {"diabetes": 0.017, "breast cancer": 1e-3, "iris": 1e-4, "wine": 1e-3}
"""About the smallest curvature on the way: it says which momentum is fast."""

ADAM: dict[Name, float] = {"diabetes": 1.0, "breast cancer": 0.05, "iris": 0.3, "wine": 0.05}
"""Learning rates: a step is about that long, whatever the target's units."""


def standardised(name: Name) -> Dataset:
    X, y = table(name)
    return replace(dataset(X, y), scaling=Standardization.of(X, bias=True))


def job(name: Name, changes: dict[str, Any] | None = None) -> Experiment:
    """Nesterov's descent as it suits the curvature that the forecast knows."""
    settings = {
        "model.kind": "logistic" if name in LOGISTIC else "linear",
        "optimizer.weight_decay": DECAY[name],
        "training.epochs": 6000,
        "training.tolerance": 1e-9,
        "device.dtype": "float64",
    }
    steepest = forecast(experiment(settings), standardised(name).trained).lambda_max
    root = (steepest / FLATTEST[name]) ** 0.5
    fast = {"optimizer.lr": 1 / steepest, "optimizer.momentum": (root - 1) / (root + 1), "optimizer.nesterov": True}
    return override(experiment(settings), {**fast, **(changes or {})})


def trained(experiment: Experiment, data: Dataset) -> Ended:
    *_, last = run(experiment, data)
    assert isinstance(last, Ended)
    return last


def scikit_learns(name: Name) -> FloatArray:
    """Weights and bias for the columns as they are."""
    data = standardised(name)
    X, y = data.trained.X, data.y
    if name == "diabetes":
        line = LinearRegression().fit(X, y)
        return data.to_original(np.append(line.coef_, line.intercept_))
    C = np.inf if DECAY[name] == 0 else 1 / (DECAY[name] * len(y))
    ones = np.column_stack((X, np.ones(len(y))))
    classifier = LogisticRegression(C=C, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(ones, y)
    return data.to_original(classifier.coef_[0])


def apart(name: Name, theta: FloatArray, other: FloatArray) -> float:
    """The largest difference between the two, as a share of the largest, in the units that training sees."""
    data = standardised(name)
    one, two = data.from_original(theta), data.from_original(other)
    return float(np.abs(one - two).max() / np.abs(two).max())


@pytest.mark.parametrize("name", ["diabetes", "breast cancer", "iris", "wine"])
def test_training_and_the_exact_solution_reach_scikit_learns_parameters(name: Name) -> None:
    data, expected = standardised(name), scikit_learns(name)
    ended = trained(job(name), data)
    assert ended.stop == "tolerance"
    assert apart(name, ended.parameters, expected) < 1e-6
    exact = exact_solution(job(name), data)
    assert exact.parameters is not None
    assert apart(name, exact.parameters, expected) < 1e-6


@pytest.mark.parametrize("name", ["diabetes", "breast cancer", "iris", "wine"])
def test_a_run_in_float32_with_adam_predicts_what_scikit_learn_predicts(name: Name) -> None:
    data, expected = standardised(name), scikit_learns(name)
    changes = {"optimizer.name": "adam", "optimizer.lr": ADAM[name], "training.epochs": 2000, "device.dtype": "float32"}
    ended = trained(override(job(name), {"training.tolerance": 0.0, **changes}), data)
    model = job(name).model
    one, two = predict(model, ended.parameters, data.X), predict(model, expected, data.X)
    assert np.abs(one - two).max() < 1e-4 * np.abs(two).max()


@pytest.mark.parametrize("name", LOGISTIC)
def test_what_is_called_right_is_what_scikit_learn_calls_right(name: Name) -> None:
    data = standardised(name)
    ours = measure(job(name).model, trained(job(name), data).parameters, data.X, data.y)
    theirs = measure(job(name).model, scikit_learns(name), data.X, data.y)
    assert isinstance(ours, LogisticMetrics)
    assert isinstance(theirs, LogisticMetrics)
    assert ours.confusion == theirs.confusion
