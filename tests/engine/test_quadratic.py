import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.conftest import dataset
from tui_regress.engine import chunks
from tui_regress.engine.moments import manageable, moments
from tui_regress.engine.objective import evaluate
from tui_regress.engine.quadratic import quadratic
from tui_regress.experiment import Linear


@given(st.integers(0, 2**32), st.integers(1, 6), st.booleans(), st.sampled_from(["mse", "half-mse", "sse"]))
def test_the_quadratic_is_the_loss_everywhere(seed: int, d: int, bias: bool, loss: str) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(20, d)) * 10.0 ** rng.integers(-2, 3, d), rng.normal(size=20)
    model = Linear(bias=bias, loss=loss)  # type: ignore[arg-type]
    theta = rng.normal(size=d + bias)
    found, expected = quadratic(model, dataset(X, y)).at(theta), evaluate(model, theta, X, y)
    most = float(np.abs(expected.gradient).max())
    assert found.loss == pytest.approx(expected.loss, rel=1e-10)
    assert found.score == pytest.approx(expected.score, rel=1e-10)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-8, atol=1e-8 * most)


def test_moments_do_not_depend_on_the_size_of_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    A = np.column_stack((X, np.ones(50)))
    monkeypatch.setattr(chunks, "CHUNK", 21)
    found = moments(dataset(X, y), True)
    np.testing.assert_allclose(found.gram, A.T @ A, rtol=1e-13)
    np.testing.assert_allclose(found.target, A.T @ y, rtol=1e-13)
    assert found.squares == pytest.approx(y @ y)
    assert found.count == 50
    assert moments(dataset(X, y), False).gram.shape == (3, 3)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (700, 1), (9000, 2), (700, 32), (700, 33), (90, 80)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_moments_are_the_products_whatever_the_shape_and_the_layout(rows: int, columns: int, order: str) -> None:
    rng = np.random.default_rng(rows)
    X, y = np.array(rng.normal(size=(rows, columns)), order=order), rng.normal(size=rows)  # type: ignore[call-overload]
    A = np.column_stack((X, np.ones(rows)))
    found = moments(dataset(X, y), True)
    np.testing.assert_allclose(found.gram, A.T @ A, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found.target, A.T @ y, rtol=1e-11, atol=1e-11)


def test_sums_of_many_columns_take_no_more_memory_than_two_matrices_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2**12)
    X = np.random.default_rng(0).normal(size=(20_000, 60))
    wide = dataset(X, X[:, 0])
    tracemalloc.start()
    moments(wide, False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * 60 * 60 * 8


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
def test_columns_far_from_zero_cost_no_digits_of_the_solution(shift: float) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2)) + np.array([shift, 0.0])
    y = X @ [3.0, -2.0] + 5.0
    found = quadratic(Linear(), dataset(X, y))
    np.testing.assert_allclose(found.solution.parameters[:2], [3.0, -2.0], rtol=1e-9)
    assert found.lowest < 1e-16 * float(y @ y)


def test_columns_that_repeat_each_other_are_left_to_the_rows() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=30)
    found = quadratic(Linear(), dataset(np.column_stack((x, 2 * x)), x))
    assert found.solution.undetermined == (0, 1)
    np.testing.assert_allclose(found.solution.parameters, [0.2, 0.4, 0.0], atol=1e-12)


def test_with_weight_decay_the_descent_settles_where_the_slope_of_both_is_zero() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    found = quadratic(Linear(), dataset(X, y))
    theta = found.settled(0.7)
    np.testing.assert_allclose(found.at(theta).gradient + 0.7 * theta, 0, atol=1e-14)


def test_sums_are_manageable_where_there_are_more_rows_than_parameters() -> None:
    X = np.ones((3, 3))
    assert not manageable(dataset(X, [1, 2, 3]), True)
    assert manageable(dataset(X, [1, 2, 3]), False)
