import numpy as np
import pytest
from msgspec.structs import replace

from tests.engine.conftest import dataset
from tests.engine.descent import X, Y, hessian, problem
from tui_regress.engine.spectrum import spectrum
from tui_regress.experiment import Linear, Logistic
from tui_regress.problems import InputError


def test_eigenvalues_and_eigenvectors_make_up_the_hessian_of_every_loss() -> None:
    random = np.random.default_rng(1)
    for _ in range(100):
        model, data = problem(random)
        found, H = spectrum(model, data), hessian(model, data)
        assert found.complete
        assert (np.diff(found.values) >= 0).all()
        np.testing.assert_allclose(
            found.vectors * found.values @ found.vectors.T, H, rtol=1e-9, atol=1e-12 * found.values[-1]
        )


def test_the_bound_of_a_logistic_model_is_an_eighth_of_the_curvature_of_mse() -> None:
    data = dataset(X, [0, 0, 1, 0, 1])
    np.testing.assert_allclose(spectrum(Logistic(), data).values, spectrum(Linear(), data).values / 8)


def test_fewer_rows_than_parameters_leave_some_directions_undetermined() -> None:
    random = np.random.default_rng(11)
    data = dataset(random.normal(size=(6, 20)), random.normal(size=6))
    found, H = spectrum(Linear(), data), hessian(Linear(), data)
    assert (found.complete, found.singular, found.standardised) == (True, True, None)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(H)[-6:])
    np.testing.assert_allclose(found.vectors * found.values @ found.vectors.T, H, atol=1e-12 * found.values[-1])


def test_of_thousands_of_rows_and_columns_the_largest_eigenvalue_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_regress.engine.spectrum.MOST", 40)
    monkeypatch.setattr("tui_regress.engine.moments.MOST", 40)
    random = np.random.default_rng(12)
    data = dataset(random.uniform(0, 1, (100, 60)), random.normal(size=100))
    values, vectors = np.linalg.eigh(hessian(Linear(), data))
    found = spectrum(Linear(), data)
    assert (found.complete, found.singular) == (False, False)
    assert found.values[-1] == pytest.approx(values[-1], rel=1e-6)
    assert abs(found.vectors[:, -1] @ vectors[:, -1]) == pytest.approx(1)
    np.testing.assert_array_equal(spectrum(Linear(), dataset(data.X, data.y)).values, found.values)


def test_parameters_whose_columns_depend_on_each_other_are_grouped() -> None:
    random = np.random.default_rng(8)
    a, b, c = random.normal(size=(3, 50))
    data = dataset(np.column_stack((a, b, a + 2 * b, c, np.full(50, 7.0))), c)
    found = spectrum(Linear(), data)
    assert found.singular
    assert found.repeats == ((0, 1, 2), (4,))


def test_columns_on_very_different_scales_do_not_repeat_each_other() -> None:
    random = np.random.default_rng(9)
    data = dataset(random.normal(size=(50, 3)) * [1e9, 1.0, 1e-6] + [0, 100.0, 0], random.normal(size=50))
    found = spectrum(Linear(), data)
    assert not found.singular
    assert found.repeats == ()
    assert found.standardised is not None
    assert found.standardised[-1] / found.standardised[0] < 10


@pytest.mark.parametrize("bias", [True, False])
def test_the_standardised_eigenvalues_are_those_of_standardised_columns(bias: bool) -> None:
    random = np.random.default_rng(10)
    A = random.uniform(20, [120, 30, 400], (200, 3))
    model = replace(Linear(), bias=bias)
    # Without a bias nothing could make up for a shift, so the columns are only scaled.
    scaled = (A - A.mean(axis=0)) / A.std(axis=0) if bias else A / np.sqrt(np.square(A).mean(axis=0))
    found = spectrum(model, dataset(A, A[:, 0])).standardised
    assert found is not None
    np.testing.assert_allclose(found, np.linalg.eigvalsh(hessian(model, dataset(scaled, A[:, 0]))))


def test_numbers_too_large_to_be_squared_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="too large: the sum of their squares must stay below 1e300"):
        spectrum(Linear(), dataset(X * 1e160, Y))
