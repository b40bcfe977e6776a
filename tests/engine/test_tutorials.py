"""Every experiment of the tutorials gives their figures, on every backend that can run it."""

from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from tests.engine.conftest import Run
from tui_regress.data import load_dataset
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.objective import predict, sample_gradients
from tui_regress.engine.training import run
from tui_regress.experiment import Sgd, builtin, override
from tui_regress.experiments import NAMES

SGD = ("autograd", "analytic", "numpy")
CASES = [
    pytest.param(name, gradient, dtype, id=f"{name}-{gradient}-{dtype}")
    for name in NAMES
    for gradient in SGD
    if gradient != "numpy" or isinstance(builtin(name).optimizer, Sgd)
    for dtype in ("float32", "float64")
]

FIGURES: dict[str, dict[int, str]] = {
    "numpy-line": {0: "44", 1: "1.52", 2: "0.0944", 100: "1.592e-3"},
    "exploding-line": {0: "44", 1: "82.08", 2: "153.16", 3: "285.83"},
    "gentle-line": {0: "44", 1: "25.6608", 2: "14.9735", 100: "2.4474e-2", 1000: "5.511e-5"},
    "adam-line": {0: "44", 100: "0.12478"},
    "module-line": {0: "18.6667", 1: "8.352", 100: "0.018330", 1000: "4.03e-8"},
    "cpu-line": {0: "161", 50: "0.079298", 500: "5.0655e-4", 1000: "1.8456e-6"},
    "gpu-line": {0: "161", 50: "0.079298", 500: "5.0655e-4", 1000: "1.8456e-6"},
}
"""Mean squared error by record."""


@cache
def trained(name: str, gradient: str, dtype: str, on_divergence: str = "stop") -> Run:
    changes = {"training.gradient": gradient, "device.dtype": dtype, "training.on_divergence": on_divergence}
    job = override(builtin(name), changes)
    return Run(run(job, load_dataset(job)))


def cases(*names: str) -> pytest.MarkDecorator:
    """Those of ``names`` on every backend that can run them, in both precisions."""
    return pytest.mark.parametrize(("name", "gradient", "dtype"), [case for case in CASES if case.values[0] in names])


def predicted(name: str, gradient: str, dtype: str) -> list[float]:
    """At the points of the experiment, after training."""
    job = builtin(name)
    found = predict(job.model, trained(name, gradient, dtype).ended.parameters, np.array(job.predict.at))
    return [float(value) for value in found]


def agrees(found: float, figure: str, dtype: str) -> bool:
    """In every digit of the figure in float64; in float32 up to its rounding, summed up over the steps."""
    digit = 10.0 ** int(Decimal(figure).as_tuple().exponent)
    rounding = 4e-4 * abs(float(figure)) if dtype == "float32" else 0.0
    return abs(found - float(figure)) <= 0.5001 * digit + rounding


def test_all_thirteen_experiments_are_here() -> None:
    assert len(NAMES) == 13
    assert {case.values[0] for case in CASES} == set(NAMES)


@cases(*FIGURES)
def test_mean_squared_errors_are_those_of_the_tutorials(name: str, gradient: str, dtype: str) -> None:
    scores = trained(name, gradient, dtype, "continue").records.score
    found = {k: float(scores[k]) for k in FIGURES[name]}
    assert all(agrees(found[k], figure, dtype) for k, figure in FIGURES[name].items()), found


@cases(*(name for name in NAMES if name != "exploding-line"))
def test_every_experiment_but_one_runs_to_its_end(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    assert found.ended.status == "completed"
    assert found.ended.epoch == builtin(name).training.epochs
    assert found.started.gradient == gradient
    assert np.isfinite(found.records.loss).all()


@cases("numpy-line")
def test_numpy_line_reaches_the_line_at_the_rate_that_explodes_elsewhere(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    tolerance = 1e-7 if dtype == "float64" else 2e-6
    assert found.ended.parameters.tolist() == pytest.approx([2, 0], abs=tolerance)
    assert predicted(name, gradient, dtype) == pytest.approx([12], rel=tolerance)
    assert found.records.loss[:3].tolist() == pytest.approx([22, 0.76, 0.0472], rel=1e-5)
    if dtype == "float64":
        assert 6.5e-17 < found.records.score[-1] < 7.5e-17


@cases("exploding-line")
def test_exploding_line_ends_as_diverged_in_its_third_epoch(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    assert (found.ended.status, found.ended.epoch) == ("diverged", 3)
    assert found.verdict is not None
    assert found.verdict.since == 1
    assert np.isfinite(found.ended.parameters).all()


@cases("exploding-line")
def test_exploding_line_left_alone_grows_by_the_same_factor_until_it_overflows(
    name: str, gradient: str, dtype: str
) -> None:
    found = trained(name, gradient, dtype, "continue")
    loss = found.records.loss
    assert loss[5:130] / loss[4:129] == pytest.approx(np.full(125, 1.8665), abs=1e-4)
    assert found.ended.status == "diverged"
    if dtype == "float32":
        assert np.flatnonzero(~np.isfinite(loss))[0] == 134


@cases("gentle-line")
def test_gentle_line_comes_close_to_the_line(name: str, gradient: str, dtype: str) -> None:
    w, b = trained(name, gradient, dtype).ended.parameters
    assert agrees(w, "1.99518", dtype)
    assert agrees(b, "0.01740", dtype)
    assert agrees(predicted(name, gradient, dtype)[0], "11.98848", dtype)


@cases("adam-line")
def test_adam_line_settles_at_the_line(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    assert found.records.loss[1000:].max() < 1e-12
    assert found.ended.parameters.tolist() == pytest.approx([2, 0], abs=1e-6)


@cases("d2l-scratch", "d2l-concise")
def test_three_epochs_of_minibatches_come_within_the_noise_of_the_truth(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    noise = 5e-5 if name == "d2l-scratch" else 1e-4
    assert found.ended.loss == pytest.approx(noise, rel=0.1)
    assert found.ended.parameters.tolist() == pytest.approx([2, -3.4, 4.2], abs=0.002)


def test_the_exact_solution_of_d2l_is_that_of_the_normal_equations() -> None:
    data = load_dataset(builtin("d2l-scratch"))
    found = exact_solution(builtin("d2l-scratch"), data)
    X = np.column_stack((data.X, np.ones(data.rows)))
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters, np.linalg.solve(X.T @ X, X.T @ data.y), rtol=1e-10)


@cases("slope-by-hand", "slope-autograd")
def test_the_slope_without_noise_takes_the_tutorials_course(name: str, gradient: str, dtype: str) -> None:
    changes = {"data.noise_scale": 0.0, "training.gradient": gradient, "device.dtype": dtype}
    job = override(builtin(name), changes)
    w = Run(run(job, load_dataset(job))).records.parameters[:, 0]
    figures = {1: "0.13134", 21: "1.51967", 41: "1.87654", 61: "1.96826", 81: "1.99184"}
    assert all(agrees(float(w[k]), figure, dtype) for k, figure in figures.items()), w


@cases("slope-by-hand", "slope-autograd")
def test_the_slope_makes_up_for_the_lift(name: str, gradient: str, dtype: str) -> None:
    (w,) = trained(name, gradient, dtype).ended.parameters
    assert w == pytest.approx(2.15, abs=0.03)
    assert predicted(name, gradient, dtype) == pytest.approx([7 * w, 5 * w])


@cases("slope-by-hand")
def test_the_slope_by_hand_is_the_slope_with_autograd(name: str, gradient: str, dtype: str) -> None:
    by_hand, reference = (
        trained(name, gradient, dtype).records,
        trained("slope-autograd", "autograd", "float64").records,
    )
    np.testing.assert_allclose(by_hand.parameters, reference.parameters, rtol=1e-12 if dtype == "float64" else 1e-5)


@cases("per-sample")
def test_per_sample_follows_each_point_in_order(name: str, gradient: str, dtype: str) -> None:
    w = trained(name, gradient, dtype).records.parameters[:, 0]
    figures = {0: "1", 1: "1.260688", 2: "1.453418", 20: "1.997620"}
    assert all(agrees(float(w[k]), figure, dtype) for k, figure in figures.items()), w
    job, data = builtin(name), load_dataset(builtin(name))
    assert sample_gradients(job.model, np.array([1.0]), data.X, data.y).ravel().tolist() == [-2, -8, -18]
    assert predict(job.model, np.array([1.0]), np.array(job.predict.at)).tolist() == [4]
    assert predicted(name, gradient, dtype) == pytest.approx([8], rel=1e-6)


@cases("module-line")
def test_module_line_predicts_what_the_tutorial_prints(name: str, gradient: str, dtype: str) -> None:
    assert agrees(predicted(name, gradient, dtype)[0], "7.9996", dtype)
    records = trained(name, gradient, dtype).records
    np.testing.assert_allclose(records.loss, 3 * records.score, rtol=1e-6)


@cases("pass-or-fail")
def test_pass_or_fail_grows_steeper_and_has_no_best_parameters(name: str, gradient: str, dtype: str) -> None:
    found = trained(name, gradient, dtype)
    figures = {0: "2.07944", 100: "1.88275", 1000: "1.045854"}
    assert all(agrees(float(found.records.loss[k]), figure, dtype) for k, figure in figures.items())
    w, b = found.ended.parameters
    assert agrees(w, "1.19895", dtype)
    assert agrees(b, "-2.89643", dtype)
    exact = exact_solution(builtin(name), load_dataset(builtin(name)))
    assert exact.parameters is None
    assert exact.loss == 0
    assert exact.note.startswith("none: separable")


@cases("cpu-line")
def test_gpu_line_gives_the_numbers_of_cpu_line(name: str, gradient: str, dtype: str) -> None:
    there, here = trained("gpu-line", gradient, dtype), trained(name, gradient, dtype)
    np.testing.assert_allclose(
        there.records.parameters, here.records.parameters, rtol=1e-5 if dtype == "float32" else 1e-12
    )
    if there.started.device == "cpu":
        assert len(there.started.notes) == 1
