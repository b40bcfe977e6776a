import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress.data import load_dataset
from tui_regress.data.scaling import Standardization
from tui_regress.experiment import builtin, override


def table(seed: int, rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(0, 100, columns), 10.0 ** rng.uniform(-3, 3, columns), (rows, columns))


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(1, 5))
def test_standardised_columns_have_mean_0_and_variance_1(seed: int, rows: int, columns: int) -> None:
    X = table(seed, rows, columns)
    Z = Standardization.of(X, bias=True).apply(X)
    assert Z.mean(axis=0) == pytest.approx(np.zeros(columns), abs=1e-6)
    assert Z.var(axis=0) == pytest.approx(np.ones(columns))


def test_without_a_bias_columns_are_not_shifted() -> None:
    X = table(0, 20, 3)
    scaling = Standardization.of(X, bias=False)
    assert scaling.mean.tolist() == [0, 0, 0]
    assert np.square(scaling.apply(X)).mean(axis=0) == pytest.approx(np.ones(3))


def test_a_constant_column_stays_finite() -> None:
    X = np.column_stack((np.full(5, 1e9 / 3), np.arange(5.0)))
    assert np.isfinite(Standardization.of(X, bias=True).apply(X)).all()


@given(st.integers(0, 1000), st.booleans())
def test_parameters_mean_the_same_predictions_in_both_units(seed: int, bias: bool) -> None:
    X = table(seed, 10, 3)
    scaling = Standardization.of(X, bias=bias)
    theta = np.random.default_rng(seed).normal(size=3 + bias)
    original = scaling.to_original(theta)

    def predicted(at: np.ndarray[tuple[int, ...], np.dtype[np.float64]], p: object) -> object:
        weights = np.asarray(p)
        return at @ weights[:3] + (weights[3] if bias else 0.0)

    assert predicted(X, original) == pytest.approx(predicted(scaling.apply(X), theta), abs=1e-6, rel=1e-6)
    assert scaling.from_original(original) == pytest.approx(theta, rel=1e-6, abs=1e-6)
    both = np.stack((theta, 2 * theta))
    assert scaling.to_original(both)[0] == pytest.approx(original, rel=1e-9)


def test_the_dataset_keeps_the_units_of_the_data_and_hands_training_standardised_columns() -> None:
    plain = load_dataset(builtin("gentle-line"))
    scaled = load_dataset(override(builtin("gentle-line"), {"data.standardize": True}))
    assert plain.trained is plain
    assert scaled.X.tolist() == plain.X.tolist()
    assert scaled.trained.X.mean() == pytest.approx(0)
    assert scaled.trained is scaled.trained


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_columns_of_any_size_are_standardised_without_overflow(size: float) -> None:
    X = np.array([[-1.0], [2.0], [5.0]]) * size
    scaling = Standardization.of(X, bias=True)
    np.testing.assert_allclose(scaling.apply(X).ravel(), np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_many_rows_are_standardised_as_numpy_would(bias: bool) -> None:
    X = np.random.default_rng(0).normal([1e6, -3.0, 0.0], [1.0, 1e-3, 1e9], (400_000, 3))
    scaling = Standardization.of(X, bias=bias)
    mean = X.mean(axis=0) if bias else np.zeros(3)
    scale = np.sqrt(np.square(X - mean).mean(axis=0))
    np.testing.assert_allclose(scaling.mean, mean, rtol=1e-13, atol=1e-6)
    np.testing.assert_allclose(scaling.scale, scale, rtol=1e-11)
    np.testing.assert_array_equal(scaling.apply(X), (X - scaling.mean) / scaling.scale)


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1.7e308])
def test_the_smallest_and_the_largest_numbers_there_are_have_a_scale(size: float) -> None:
    X = np.array([[-1.0], [1.0]]) * size
    assert Standardization.of(X, bias=True).scale.tolist() == [size]
