import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tui_regress.data import synthetic
from tui_regress.data.synthetic import from_points, generate
from tui_regress.experiment import LinearData, LogisticData, Points, builtin
from tui_regress.problems import ExperimentError


def d2l(**changes: Any) -> LinearData:
    data = LinearData(weights=(2.0, -3.4), bias=4.2, rows=1000, noise_scale=0.01)
    return replace(data, **changes)


def problem(data: LinearData | LogisticData) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        generate(data)
    return caught.value


def test_points_stand_as_written() -> None:
    line = from_points(Points(x=(1, 2, 3), y=(2, 4, 6)))
    assert line.X.tolist() == [[1.0], [2.0], [3.0]]
    assert line.y.tolist() == [2.0, 4.0, 6.0]
    assert (line.feature_names, line.target_name, line.true_parameters) == (("x",), "y", None)
    plane = from_points(Points(x=((1.0, 2.0), (3.0, 4.0)), y=(0.0, 1.0)))
    assert plane.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert plane.feature_names == ("x1", "x2")


def test_least_squares_finds_the_true_parameters_again() -> None:
    dataset = generate(d2l())
    design = np.column_stack([dataset.X, np.ones(dataset.rows)])
    solution, residual, *_ = np.linalg.lstsq(design, dataset.y)
    assert dataset.true_parameters is not None
    assert dataset.true_parameters.tolist() == [2.0, -3.4, 4.2]
    # The standard error is 0.01/√1000 ≈ 3e-4, the residual 1000 × 1e-4 with a standard deviation of 4.5 %.
    np.testing.assert_allclose(solution, [2.0, -3.4, 4.2], atol=1.5e-3)
    np.testing.assert_allclose(residual, 0.1, rtol=0.2)
    assert dataset.feature_names == ("x1", "x2")


def test_normal_x_has_mean_zero_and_variance_one() -> None:
    X = generate(LinearData(rows=100_000)).X
    assert abs(X.mean()) < 0.015
    assert abs(X.var() - 1) < 0.02


def test_first_numbers_of_seed_0_stay_what_they_are() -> None:
    x_stream, noise_stream, _ = map(np.random.default_rng, np.random.SeedSequence(0).spawn(3))
    x = x_stream.standard_normal((1000, 2))
    dataset = generate(d2l())
    np.testing.assert_array_equal(dataset.X, x)
    noise = 0.01 * noise_stream.standard_normal(1000)
    np.testing.assert_allclose(dataset.y, 2 * x[:, 0] - 3.4 * x[:, 1] + 4.2 + noise, rtol=0, atol=1e-13)


def test_same_seed_gives_the_same_bits_and_another_seed_other_data() -> None:
    first, again, other = generate(d2l(seed=7)), generate(d2l(seed=7)), generate(d2l(seed=8))
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.isclose(first.X, other.X).any()


@pytest.mark.parametrize("change", [{"noise_scale": 3.0}, {"noise": "uniform"}, {"weights": (1.0, 1.0)}, {"bias": 0.0}])
def test_x_stays_where_it_is_when_something_else_changes(change: dict[str, Any]) -> None:
    np.testing.assert_array_equal(generate(d2l()).X, generate(d2l(**change)).X)


def test_uniform_x_fills_its_interval() -> None:
    X = generate(LinearData(x="uniform", low=-3.0, high=5.0, rows=10_000)).X
    assert -3 <= X.min() < -2.99
    assert 4.99 < X.max() < 5


def test_interval_defaults_to_0_1_and_rows_to_100() -> None:
    X = generate(LinearData(x="range")).X
    np.testing.assert_array_equal(X[:, 0], np.linspace(0, 1, 100))


def test_range_by_rows_is_evenly_spaced_with_both_ends() -> None:
    x = generate(LinearData(x="range", low=-1.0, high=2.0, rows=4)).X[:, 0]
    assert x.tolist() == [-1.0, 0.0, 1.0, 2.0]


def test_range_of_the_tutorial_has_exactly_100_rows() -> None:
    x = generate(LinearData(x="range", low=0.0, high=9.9, step=0.1)).X[:, 0]
    assert x.tolist() == [index * 0.1 for index in range(100)]


@given(
    low=st.integers(-1000, 1000).map(lambda tenths: tenths / 10),
    step=st.sampled_from([0.1, 0.3, 1 / 3, 0.7, 1e-3, 2.5]),
    steps=st.integers(1, 2000),
)
def test_range_includes_high_when_it_is_on_the_grid(low: float, step: float, steps: int) -> None:
    x = generate(LinearData(x="range", low=low, high=low + steps * step, step=step)).X[:, 0]
    assert len(x) == steps + 1
    assert math.isclose(x[-1], low + steps * step, abs_tol=1e-9)


@given(steps=st.integers(1, 2000), share=st.floats(0.01, 0.99))
def test_range_stops_before_high_when_it_is_off_the_grid(steps: int, share: float) -> None:
    x = generate(LinearData(x="range", low=0.0, high=(steps + share) * 0.1, step=0.1)).X[:, 0]
    assert len(x) == steps + 1


def test_uniform_noise_lifts_by_0_to_its_scale() -> None:
    dataset = generate(LinearData(rows=10_000, noise="uniform", noise_scale=2.0))
    noise = dataset.y - 2 * dataset.X[:, 0]
    assert -1e-12 <= noise.min() < 0.01
    assert 1.99 < noise.max() < 2 + 1e-12


def test_slope_without_bias_heads_for_2_15() -> None:
    data = builtin("slope-by-hand").data
    assert isinstance(data, LinearData)
    dataset = generate(data)
    x = dataset.X[:, 0]
    assert 2.13 < x @ dataset.y / (x @ x) < 2.17


def test_logistic_labels_follow_the_sigmoid() -> None:
    dataset = generate(LogisticData(weights=(1.5,), bias=-0.5, rows=200_000))
    assert set(dataset.y) == {0.0, 1.0}
    for low in (-2.0, -1.0, 0.0, 1.0):
        bin_ = (dataset.X[:, 0] >= low) & (dataset.X[:, 0] < low + 0.1)
        expected = 1 / (1 + math.exp(0.5 - 1.5 * (low + 0.05)))
        assert abs(dataset.y[bin_].mean() - expected) < 0.03


def test_steep_logistic_data_overflow_nowhere() -> None:
    dataset = generate(LogisticData(weights=(1e300,)))
    np.testing.assert_array_equal(dataset.y, dataset.X[:, 0] > 0)


def test_logistic_target_without_a_chance_for_one_class_blames_the_bias() -> None:
    assert str(problem(LogisticData(bias=100.0))) == "data.bias = 100.0: leaves no chance for a 0; lower it."
    assert str(problem(LogisticData(bias=-100.0))) == "data.bias = -100.0: leaves no chance for a 1; raise it."


def test_logistic_target_constant_by_chance_blames_the_seed() -> None:
    # Two tosses of a fair coin: about half of the seeds draw the same side twice.
    hints = Counter(_problem_of_two_tosses(seed) for seed in range(200))
    assert set(hints) == {"", *(f"draws no {side}; use another seed or more rows." for side in "01")}
    assert 60 < hints[""] < 140


def _problem_of_two_tosses(seed: int) -> str:
    try:
        generate(LogisticData(weights=(0.0,), rows=2, seed=seed))
    except ExperimentError as error:
        assert error.key == "data.seed"  # noqa: PT017 (either outcome is right)
        return error.hint
    return ""


def test_more_data_than_memory_holds_is_refused_with_the_number_that_fits() -> None:
    error = problem(LinearData(weights=(1.0, 1.0, 1.0), rows=100_000_000))
    assert str(error) == "data.rows = 100000000: makes 2.4 GB of data; at most 83,333,333 rows fit."
    error = problem(LinearData(x="range", high=1.0, step=1e-9))
    assert (error.key, error.found) == ("data.step", 1e-9)


def test_refusal_is_exact_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "LARGEST", 8 * 2 * 10)
    assert generate(d2l(rows=10)).rows == 10
    assert problem(d2l(rows=11)).key == "data.rows"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (LinearData(weights=(1e308,), bias=1e308, rows=50), "data.weights"),
        (LinearData(x="uniform", low=-1e308, high=1e308), "data.high"),
        (LinearData(x="range", low=-1e308, high=1e308, step=1.0), "data.high"),
        (LinearData(x="range", low=0.0, high=1e300, step=1e-300), "data.step"),
    ],
)
def test_numbers_beyond_floating_point_are_told_in_a_sentence(data: LinearData, key: str) -> None:
    assert problem(data).key == key
