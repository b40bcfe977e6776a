import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.engine.conftest import LINE_X, LINE_Y, dataset, experiment
from tui_regress.engine import chunks, newton
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.objective import (
    check_fit,
    curvature,
    evaluate,
    initial_parameters,
    logits,
    parameter_names,
    predict,
    reduce,
    sample_gradients,
    sums,
)
from tui_regress.experiment import Linear, Logistic, Model
from tui_regress.problems import ExperimentError

MODELS: list[Model] = [
    *(Linear(bias=bias, loss=loss) for bias in (True, False) for loss in ("mse", "half-mse", "sse")),
    *(Logistic(bias=bias, loss=loss) for bias in (True, False) for loss in ("bce", "bce-sum")),
]
models = pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.loss}-{'bias' if model.bias else 'none'}")


def problem(model: Model, n: int = 12, d: int = 3, seed: int = 0) -> tuple[NDArray[np.float64], ...]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = rng.normal(size=n) if isinstance(model, Linear) else (rng.random(n) < 0.5).astype(float)
    return rng.normal(size=d + model.bias), X, y


def plain_loss(model: Model, theta: NDArray[np.float64], X: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    z = X @ theta[: X.shape[1]] + (theta[-1] if model.bias else 0.0)
    if isinstance(model, Linear):
        squares = (z - y) ** 2
        return float({"mse": squares.mean(), "half-mse": squares.mean() / 2, "sse": squares.sum()}[model.loss])
    P = 1 / (1 + np.exp(-z))
    entropy = -y * np.log(P) - (1 - y) * np.log(1 - P)
    return float(entropy.mean() if model.loss == "bce" else entropy.sum())


def test_importing_the_objective_does_not_load_torch() -> None:
    code = "import sys, tui_regress.engine.objective; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_parameters_are_named_after_their_columns() -> None:
    assert parameter_names(Linear(), ("a", "b c")) == ("w[a]", "w[b c]", "b")
    assert parameter_names(Logistic(bias=False), ("a",)) == ("w[a]",)


@models
def test_loss_is_what_its_name_says(model: Model) -> None:
    theta, X, y = problem(model)
    assert evaluate(model, theta, X, y).loss == pytest.approx(plain_loss(model, theta, X, y), rel=1e-13)


@models
def test_gradient_is_the_slope_of_the_loss(model: Model) -> None:
    theta, X, y = problem(model)
    h = 1e-6 * np.eye(len(theta))
    slope = [(plain_loss(model, theta + e, X, y) - plain_loss(model, theta - e, X, y)) / 2e-6 for e in h]
    np.testing.assert_allclose(evaluate(model, theta, X, y).gradient, slope, rtol=1e-7, atol=1e-7)


def test_score_is_mse_for_linear_and_accuracy_for_logistic_models() -> None:
    theta, X, y = problem(Linear())
    mse = plain_loss(Linear(loss="mse"), theta, X, y)
    assert evaluate(Linear(loss="sse"), theta, X, y).score == pytest.approx(mse)
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    assert evaluate(Logistic(bias=False), np.array([3.0]), x, np.array([0.0, 1.0, 1.0, 1.0])).score == 0.75


def test_accuracy_counts_nothing_as_right_where_the_logits_are_not_numbers() -> None:
    found = evaluate(Logistic(bias=False), np.array([math.nan]), np.ones((3, 1)), np.array([0.0, 1.0, 0.0]))
    assert found.score == 0.0
    assert math.isnan(found.loss)


@models
def test_sums_over_parts_of_the_rows_add_up_to_those_over_all(model: Model) -> None:
    theta, X, y = problem(model)
    whole = reduce(model, sums(model, theta, X, y))
    parts = reduce(model, sums(model, theta, X[:5], y[:5]) + sums(model, theta, X[5:], y[5:]))
    assert parts.loss == pytest.approx(whole.loss, rel=1e-14)
    assert parts.score == pytest.approx(whole.score, rel=1e-14)
    np.testing.assert_allclose(parts.gradient, whole.gradient, rtol=1e-13, atol=1e-14)


@models
def test_results_do_not_depend_on_the_size_of_the_chunks(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    theta, X, y = problem(model, n=40)
    run = experiment({"model.kind": "linear" if isinstance(model, Linear) else "logistic", "model.loss": model.loss})
    loss, hessian = evaluate(model, theta, X, y).loss, curvature(model, dataset(X, y))
    exact = exact_solution(run, dataset(X, y)).parameters
    monkeypatch.setattr(chunks, "CHUNK", 7)
    assert evaluate(model, theta, X, y).loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(curvature(model, dataset(X, y)), hessian, rtol=1e-12, atol=1e-14)
    again = exact_solution(run, dataset(X, y)).parameters
    assert exact is not None
    assert again is not None
    np.testing.assert_allclose(again, exact, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_stays_exact_at_large_logits(dtype: type[np.floating]) -> None:
    model, X, theta = Logistic(bias=False), np.array([[1000.0], [-1000.0]], dtype=dtype), np.array([1.0], dtype=dtype)
    right = evaluate(model, theta, X, np.array([1, 0], dtype=dtype))
    wrong = evaluate(model, theta, X, np.array([0, 1], dtype=dtype))
    assert (right.loss, right.score) == (0.0, 1.0)
    assert (wrong.loss, wrong.score) == (1000.0, 0.0)
    assert wrong.gradient.tolist() == [1000.0]
    assert wrong.gradient.dtype == dtype


def test_small_probabilities_keep_their_digits() -> None:
    P = predict(Logistic(bias=False), np.array([1.0]), np.array([[-50.0], [0.0], [800.0]]))
    np.testing.assert_allclose(P, [math.exp(-50), 0.5, 1.0], rtol=1e-12)


def test_overflow_gives_infinity_and_no_warning() -> None:
    X, y = np.array([[1e200], [1.0]]), np.zeros(2)
    assert evaluate(Linear(), np.array([1e200, 0.0]), X, y).loss == math.inf
    assert logits(Linear(), np.array([1e200, 0.0]), X)[0] == math.inf
    assert sample_gradients(Linear(), np.array([1e100, 0.0]), X, y)[0, 0] == math.inf


def test_sample_gradients_of_the_tutorials_three_points() -> None:
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([2.0, 4.0, 6.0])
    gradients = sample_gradients(Linear(bias=False), np.array([1.0]), X, y)
    assert gradients.tolist() == [[-2.0], [-8.0], [-18.0]]


@models
def test_sample_gradients_average_to_the_gradient(model: Model) -> None:
    theta, X, y = problem(model)
    mean = sample_gradients(model, theta, X, y).mean(axis=0)
    rows = len(X) if model.loss in ("sse", "bce-sum") else 1
    np.testing.assert_allclose(mean * rows, evaluate(model, theta, X, y).gradient, rtol=1e-12)


@pytest.mark.parametrize("model", [model for model in MODELS if isinstance(model, Linear)], ids=str)
def test_curvature_is_the_change_of_a_linear_gradient(model: Model) -> None:
    theta, X, y = problem(model)
    step = np.random.default_rng(1).normal(size=len(theta))
    change = evaluate(model, theta + step, X, y).gradient - evaluate(model, theta, X, y).gradient
    np.testing.assert_allclose(curvature(model, dataset(X, y)) @ step, change, rtol=1e-12)


def test_curvature_of_the_exploding_line_gives_its_limit() -> None:
    largest = np.linalg.eigvalsh(curvature(Linear(), dataset(LINE_X, LINE_Y)))[-1]
    assert 2 / largest == pytest.approx(0.084524, abs=5e-7)


@pytest.mark.parametrize("model", [model for model in MODELS if isinstance(model, Logistic)], ids=str)
def test_curvature_of_a_logistic_model_bounds_the_change_of_its_gradient(model: Model) -> None:
    theta, X, y = problem(model)
    bound = curvature(model, dataset(X, y))
    for step in np.random.default_rng(1).normal(size=(20, len(theta))):
        change = evaluate(model, theta + step, X, y).gradient - evaluate(model, theta, X, y).gradient
        assert 0 < step @ change <= step @ bound @ step
    tiny = 1e-5 * step
    at_zero = evaluate(model, tiny, X, y).gradient - evaluate(model, -tiny, X, y).gradient
    np.testing.assert_allclose(at_zero, 2 * bound @ tiny, rtol=1e-6)


# exact solution: linear


@given(st.integers(0, 2**32), st.integers(1, 6), st.booleans())
def test_least_squares_agrees_with_lstsq(seed: int, d: int, bias: bool) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(20, d)) * 10.0 ** rng.integers(-4, 5, d), rng.normal(size=20)
    found = exact_solution(experiment({"model.bias": bias}), dataset(X, y))
    A = np.column_stack((X, np.ones(20))) if bias else X
    scale = np.abs(A).max(axis=0)
    expected, (squares,), *_ = np.linalg.lstsq(A / scale, y, rcond=None)
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters, expected / scale, rtol=1e-9)
    assert found.loss == pytest.approx(squares / 20, rel=1e-9)
    assert found.note == ""


def test_columns_of_very_different_size_are_no_reason_to_call_the_data_singular() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack((rng.normal(size=30) * 1e14, rng.normal(size=30) * 1e-6))
    found = exact_solution(experiment(), dataset(X, X @ [3e-14, 5e6] + 7))
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters, [3e-14, 5e6, 7], rtol=1e-9)
    assert found.note == ""


@pytest.mark.parametrize(
    ("X", "names"),
    [
        ([[1, 2, 5], [2, 4, 1], [3, 6, 2], [4, 8, 2]], "w[x1] and w[x2]"),
        ([[1, 0], [2, 0], [3, 0], [4, 0]], "w[x2]"),
        ([[1, 7], [2, 7], [3, 7], [4, 7]], "w[x2] and b"),
        ([[1, 2, 9, 4], [3, 5, 6, 1]], "w[x1], w[x2], w[x3], w[x4] and b"),
    ],
    ids=["multiples", "zero column", "constant column", "fewer rows than columns"],
)
def test_singular_data_give_the_solution_of_smallest_norm_and_name_the_columns(
    X: list[list[float]], names: str
) -> None:
    y = np.arange(len(X)) ** 2.0
    found = exact_solution(experiment(), dataset(X, y))
    A = np.column_stack((X, np.ones(len(X))))
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters, np.linalg.pinv(A) @ y, rtol=1e-9, atol=1e-12)
    assert f"do not determine {names} (" in found.note


def test_a_long_list_of_columns_is_shortened() -> None:
    X = np.ones((4, 9))
    note = exact_solution(experiment(), dataset(X, [1, 2, 3, 4])).note
    assert "w[x1], w[x2], w[x3], w[x4], w[x5] and 5 more" in note


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "rmsprop", "adagrad"])
def test_weight_decay_in_the_gradient_is_part_of_what_is_minimised(optimizer: str, loss: str) -> None:
    run = experiment({"model.loss": loss, "optimizer.name": optimizer, "optimizer.weight_decay": 0.25})
    _, X, y = problem(run.model)
    found = exact_solution(run, dataset(X, y))
    assert found.parameters is not None
    at = evaluate(run.model, found.parameters, X, y)
    np.testing.assert_allclose(at.gradient, -0.25 * found.parameters, rtol=1e-10)
    assert found.loss == pytest.approx(at.loss)
    assert "0.25" in found.note


def test_weight_decay_of_adamw_is_not_part_of_it_and_the_note_says_so() -> None:
    _, X, y = problem(Linear())
    plain = exact_solution(experiment(), dataset(X, y))
    found = exact_solution(experiment({"optimizer.name": "adamw", "optimizer.weight_decay": 0.01}), dataset(X, y))
    assert found.parameters is not None
    assert plain.parameters is not None
    assert found.parameters.tolist() == plain.parameters.tolist()
    assert "AdamW" in found.note


def test_weight_decay_weighs_as_many_times_as_a_summed_loss_has_minibatches() -> None:
    _, X, y = problem(Linear(), n=20)
    run = experiment({"model.loss": "sse", "optimizer.weight_decay": 0.5, "training.batch_size": 5})
    found = exact_solution(run, dataset(X, y)).parameters
    A, theta = np.column_stack((X, np.ones(20))), np.zeros(4)
    for _ in range(4000):
        for batch in np.arange(20).reshape(4, 5):
            theta -= 2e-4 * (2 * A[batch].T @ (A[batch] @ theta - y[batch]) + 0.5 * theta)
    assert found is not None
    np.testing.assert_allclose(found, theta, atol=2e-3)


# exact solution: logistic


@pytest.mark.parametrize("loss", ["bce", "bce-sum"])
@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e7])
def test_newton_finds_where_the_gradient_vanishes(loss: str, scale: float) -> None:
    run = experiment({"model.kind": "logistic", "model.loss": loss})
    _, X, y = problem(run.model, n=200)
    found = exact_solution(run, dataset(X * [scale, 1, 1], y))
    assert found.parameters is not None
    at = evaluate(run.model, found.parameters * [scale, 1, 1, 1], X, y)
    assert np.abs(at.gradient).max() < 1e-12 * (1 if loss == "bce" else 200)
    assert found.loss == pytest.approx(at.loss)
    assert found.note == ""


def test_newton_minimises_the_weight_decay_too_even_of_separable_data() -> None:
    run = experiment({"model.kind": "logistic", "optimizer.weight_decay": 1e-3})
    data = dataset([1, 2, 3], [0, 0, 1])
    found = exact_solution(run, data)
    assert found.parameters is not None
    gradient = evaluate(run.model, found.parameters, data.X, data.y).gradient
    np.testing.assert_allclose(gradient, -1e-3 * found.parameters, rtol=1e-9)


def test_logistic_data_with_repeated_columns_give_the_fit_of_smallest_norm() -> None:
    _, X, y = problem(Logistic(), n=60, d=2)
    run = experiment({"model.kind": "logistic"})
    once = exact_solution(run, dataset(X, y)).parameters
    twice = exact_solution(run, dataset(X[:, [0, 1, 1]], y))
    assert once is not None
    assert twice.parameters is not None
    np.testing.assert_allclose(twice.parameters, [once[0], once[1] / 2, once[1] / 2, once[2]], rtol=1e-9)
    assert "w[x2] and w[x3]" in twice.note


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=9).filter(
        lambda rows: len({y for _, y in rows}) == 2
    ),
    st.booleans(),
)
def test_separable_data_are_recognised_and_no_others(rows: list[tuple[int, bool]], bias: bool) -> None:
    x, y = np.array([x for x, _ in rows], dtype=float), np.array([y for _, y in rows], dtype=float)
    if bias:
        cut = x[y == 0].max() <= x[y == 1].min() or x[y == 1].max() <= x[y == 0].min()
        separable = bool(cut and len(set(x)) > 1)
    else:
        signed = np.where(y == 1, x, -x)
        separable = bool((signed >= 0).all() != (signed <= 0).all())
    run = experiment({"model.kind": "logistic", "model.bias": bias})
    data = dataset(x, y)
    found = exact_solution(run, data)
    if separable:
        assert found.parameters is None
        assert found.note.startswith("none: separable")
    else:
        assert found.parameters is not None
        assert np.abs(evaluate(run.model, found.parameters, data.X, data.y).gradient).max() < 1e-12


def test_loss_of_separable_data_is_what_it_falls_towards() -> None:
    run = experiment({"model.kind": "logistic", "model.loss": "bce-sum"})
    assert exact_solution(run, dataset([1, 2, 3], [0, 0, 1])).loss == 0
    on_the_cut = exact_solution(run, dataset([1, 2, 2, 3], [0, 0, 1, 1]))
    assert on_the_cut.parameters is None
    assert on_the_cut.loss == pytest.approx(2 * math.log(2))


def test_one_row_far_out_does_not_make_data_separable() -> None:
    run = experiment({"model.kind": "logistic"})
    data = dataset([0, 1, 2, 3, 1e9], [0, 1, 0, 1, 1])
    found = exact_solution(run, data)
    assert found.parameters is not None
    assert np.abs(evaluate(run.model, found.parameters, data.X, data.y).gradient).max() < 1e-12


def test_newton_that_does_not_settle_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton, "STEPS", 1)
    found = exact_solution(experiment({"model.kind": "logistic"}), dataset([1, 2, 3, 4], [0, 1, 0, 1]))
    assert found.parameters is None
    assert math.isnan(found.loss)
    assert found.note == "none found: Newton's method did not settle in 1 steps."


@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("x", [[1e308, -1e308, 3e307, 1], [1e-320, 2e-320, 3e-320, 0]], ids=["large", "small"])
def test_numbers_at_the_ends_of_float64_have_no_exact_solution(x: list[float], kind: str) -> None:
    found = exact_solution(experiment({"model.kind": kind}), dataset(x, [0, 1, 0, 1]))
    assert found.parameters is None
    assert found.note == "none: the data hold numbers too large or too small to compute with."


# fit of experiment and data


@pytest.mark.parametrize(
    ("changes", "y", "sentence"),
    [
        (
            {"model.init": [1.0, 2.0, 3.0]},
            [1, 2],
            "model.init = [1.0, 2.0, 3.0]: must hold 2 numbers (w[x1], b), not 3.",
        ),
        (
            {"model.init": [1.0, 2.0], "model.bias": False},
            [1, 2],
            "model.init = [1.0, 2.0]: must hold 1 number (w[x1]), not 2.",
        ),
        (
            {"predict.at": [[1.0], [1.0, 2.0]]},
            [1, 2],
            "predict.at[1] = [1.0, 2.0]: must hold 1 number (x1), not 2.",
        ),
        (
            {"model.kind": "logistic"},
            [1, 2.5],
            "model.kind = 'logistic': needs a target of 0 and 1; y also holds 2.5.",
        ),
        (
            {"model.kind": "logistic"},
            [1, 1],
            "model.kind = 'logistic': needs rows of both classes; y is 1 in every row.",
        ),
    ],
)
def test_an_experiment_that_does_not_fit_its_data_is_told_in_one_sentence(
    changes: dict[str, object], y: list[float], sentence: str
) -> None:
    with pytest.raises(ExperimentError) as caught:
        check_fit(experiment(changes), dataset([1, 2], y))
    assert str(caught.value) == sentence


def test_an_experiment_that_fits_passes() -> None:
    check_fit(experiment({"model.init": [1.0, 2.0], "predict.at": [[6.0]]}), dataset(LINE_X, LINE_Y))
    check_fit(experiment({"model.kind": "logistic"}), dataset([1, 2], [0, 1]))


# start


def test_zeros_and_explicit_starts_are_what_they_say() -> None:
    assert initial_parameters(Linear(), 2, 0).tolist() == [0, 0, 0]
    assert initial_parameters(Linear(bias=False, init=(3.0, 4.0)), 2, 0).tolist() == [3, 4]


def test_normal_start_is_small_random_weights_and_no_bias() -> None:
    theta = initial_parameters(Linear(init="normal"), 10_000, 5)
    assert theta[-1] == 0
    assert theta[:-1].std() == pytest.approx(0.01, rel=0.05)
    assert theta.tolist() == initial_parameters(Linear(init="normal"), 10_000, 5).tolist()
    assert theta[0] != initial_parameters(Linear(init="normal"), 10_000, 6)[0]


@pytest.mark.parametrize(("features", "bias"), [(1, True), (7, True), (3, False)])
def test_torch_start_is_that_of_nn_linear_and_leaves_torchs_random_numbers_alone(features: int, bias: bool) -> None:
    before = torch.get_rng_state()
    theta = initial_parameters(Linear(bias=bias, init="torch"), features, 2**63 - 1)
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2**63 - 1)
        module = torch.nn.Linear(features, 1, bias=bias)
    expected = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    assert theta.tolist() == expected.double().tolist()
