"""Metrics against scikit-learn's, to 1e-6."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LinearRegression, LogisticRegression

from tests.engine.tables import LOGISTIC, Name, table
from tui_regress.data.dataset import FloatArray
from tui_regress.engine.metrics import LinearMetrics, LogisticMetrics, measure
from tui_regress.engine.objective import predict
from tui_regress.experiment import Linear, Logistic


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-6, abs=1e-6)


def linear(theta: FloatArray, X: FloatArray, y: FloatArray) -> LinearMetrics:
    found = measure(Linear(), theta, X, y)
    assert isinstance(found, LinearMetrics)
    return found


def logistic(theta: FloatArray, X: FloatArray, y: FloatArray) -> LogisticMetrics:
    found = measure(Logistic(), theta, X, y)
    assert isinstance(found, LogisticMetrics)
    return found


def by_logits(z: list[float], y: list[int]) -> LogisticMetrics:
    """Of a model whose log-odds are ``z``."""
    return logistic(np.array([1.0, 0.0]), np.array(z)[:, None], np.array(y, dtype=float))


def agrees_with_scikit_learn(found: LogisticMetrics, p: FloatArray, y: FloatArray) -> None:
    called = (p > 0.5).astype(float)
    assert found.rows == len(y)
    assert found.accuracy == close(sk.accuracy_score(y, called))
    assert found.log_loss == close(sk.log_loss(y, p, labels=[0, 1]))
    assert np.array(found.confusion).tolist() == sk.confusion_matrix(y, called, labels=[0, 1]).tolist()
    if len(np.unique(y)) == 2:
        assert found.auc == close(sk.roc_auc_score(y, p))


def agrees_with_scikit_learns_regression(found: LinearMetrics, predicted: FloatArray, y: FloatArray) -> None:
    assert found.rows == len(y)
    assert found.r2 == close(sk.r2_score(y, predicted))
    assert found.rmse == close(sk.root_mean_squared_error(y, predicted))
    assert found.mae == close(sk.mean_absolute_error(y, predicted))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, 1.5])
def test_the_metrics_of_a_line_through_the_diabetes_table_are_scikit_learns(share: float) -> None:
    X, y = table("diabetes")
    fitted = LinearRegression().fit(X, y)
    theta = share * np.append(fitted.coef_, fitted.intercept_)
    agrees_with_scikit_learns_regression(linear(theta, X, y), X @ theta[:-1] + theta[-1], y)


@pytest.mark.parametrize("name", LOGISTIC)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_metrics_of_a_classifier_of_a_bundled_table_are_scikit_learns(name: Name, share: float) -> None:
    X, y = table(name)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    fitted = LogisticRegression(C=0.05).fit(X, y)
    theta = share * np.append(fitted.coef_, fitted.intercept_)
    agrees_with_scikit_learn(logistic(theta, X, y), predict(Logistic(), theta, X).astype(np.float64), y)


@given(st.integers(2, 40), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 1e4]))
def test_the_metrics_of_any_line_are_scikit_learns(n: int, d: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    X, theta = rng.normal(size=(n, d)), rng.normal(size=d + 1)
    y = size * rng.normal(size=n) + 10 * size
    agrees_with_scikit_learns_regression(linear(theta, X, y), X @ theta[:-1] + theta[-1], y)


@given(st.lists(st.tuples(st.integers(-12, 12), st.integers(0, 1)), min_size=1, max_size=40))
def test_the_metrics_of_any_classifier_are_scikit_learns_ties_and_all(rows: list[tuple[int, int]]) -> None:
    z, y = [row[0] / 4 for row in rows], [row[1] for row in rows]
    found = by_logits(z, y)
    agrees_with_scikit_learn(found, 1 / (1 + np.exp(-np.array(z))), np.array(y, dtype=float))
    assert math.isnan(found.auc) == (len(set(y)) == 1)


def test_a_target_that_never_changes_leaves_nothing_to_explain() -> None:
    for y in ([0.1, 0.1, 0.1], [1e300, 1e300], [5.0]):
        rows = np.zeros((len(y), 1))
        assert math.isnan(linear(np.array([0.0, y[0]]), rows, np.array(y)).r2)
        assert math.isnan(linear(np.zeros(2), rows, np.array(y)).r2)


def test_the_variance_of_a_target_far_from_zero_keeps_its_digits() -> None:
    y = 1e9 + np.array([1.0, 2.0, 3.0, 4.0])
    found = measure(Linear(bias=False), np.array([1.0]), y[:, None] + 0.5, y)
    assert isinstance(found, LinearMetrics)
    assert found.r2 == pytest.approx(1 - 4 * 0.25 / 5, rel=1e-9)


def test_certainty_costs_what_the_log_odds_say_and_ties_are_told_apart() -> None:
    found = by_logits([800.0, 900.0, -800.0], [0, 1, 0])
    assert found.log_loss == pytest.approx(800 / 3)
    assert found.auc == 1.0


def test_a_row_at_one_half_is_called_0() -> None:
    assert by_logits([0.0, 0.0, 0.0], [0, 0, 1]).confusion == ((2, 0), (1, 0))


def test_what_a_person_and_what_a_program_reads() -> None:
    found = linear(np.array([0.0, 1.0]), np.zeros((2, 1)), np.array([1.0, 1.0]))
    assert found.to_json() == {"rows": 2, "r2": "nan", "rmse": 0.0, "mae": 0.0}
    assert [name for name, _ in found.figures()] == ["R²", "RMSE", "MAE"]
    assert found.figures()[1:] == (("RMSE", 0.0), ("MAE", 0.0))
    called = by_logits([1.0, -1.0, 2.0], [1, 0, 0])
    shown = {**called.to_json(), "log_loss": 0}
    assert shown == {"rows": 3, "accuracy": 2 / 3, "log_loss": 0, "auc": 0.5, "confusion": [[1, 1], [0, 1]]}
    assert called.figures() == (("accuracy", 2 / 3), ("log-loss", called.log_loss), ("AUC", 0.5))
    assert by_logits([math.inf], [0]).to_json()["log_loss"] == "inf"


def test_errors_too_large_to_square_are_infinite_and_warn_of_nothing() -> None:
    found = linear(np.array([1e200, 0.0]), np.ones((3, 1)), np.array([1.0, 2.0, 3.0]))
    assert (found.r2, found.rmse) == (-math.inf, math.inf)
    assert found.to_json()["r2"] == "-inf"
