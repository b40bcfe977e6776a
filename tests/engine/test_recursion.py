import math

import numpy as np
import pytest
from msgspec.structs import replace

from tests.engine.descent import LINE, NOWHERE, DType, at_share, hessian, losses, problem, sgd_of_any_kind, stable_q
from tui_regress.data.dataset import FloatArray
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.recursion import fastest_heavy_ball, fastest_lr, largest_q, modes
from tui_regress.experiment import Experiment, Linear, Sgd


def radius(H: FloatArray, sgd: Sgd) -> float:
    """Long-run factor per step: the spectral radius of the whole step (error, velocity) → (error, velocity)."""
    one, K = np.eye(len(H)), H + sgd.weight_decay * np.eye(len(H))
    pull = (1 - sgd.dampening if sgd.momentum else 1.0) * K
    ahead = K + sgd.momentum * pull if sgd.nesterov else pull
    carry = sgd.momentum * (sgd.momentum if sgd.nesterov else 1.0) * one
    step = np.block([[one - sgd.lr * ahead, -sgd.lr * carry], [pull, sgd.momentum * one]])
    return float(np.abs(np.linalg.eigvals(step)).max())


def test_the_error_neither_grows_nor_shrinks_at_the_largest_stable_rate() -> None:
    random = np.random.default_rng(2)
    for _ in range(40):
        sgd = sgd_of_any_kind(random, 1.0)
        assert largest_q(sgd) == pytest.approx(stable_q(sgd))
        at_limit = replace(sgd, lr=largest_q(sgd), weight_decay=0.0)
        assert radius(np.eye(1), at_limit) == pytest.approx(1)


@pytest.mark.parametrize("sgd", [Sgd(momentum=1.0), Sgd(momentum=0.5, dampening=1.0)])
def test_momentum_or_dampening_of_one_is_stable_at_no_rate(sgd: Sgd) -> None:
    assert largest_q(sgd) == 0
    assert radius(np.eye(1), replace(sgd, lr=1e-3)) >= 1


def test_the_fastest_rate_beats_its_neighbours() -> None:
    random = np.random.default_rng(6)
    for _ in range(40):
        H = hessian(*problem(random, rows=60))
        eigenvalues = np.linalg.eigvalsh(H)
        sgd = sgd_of_any_kind(random, float(eigenvalues[-1]))
        fastest = fastest_lr(sgd, *(eigenvalues[[0, -1]] + sgd.weight_decay))
        radii = [radius(H, replace(sgd, lr=factor * fastest)) for factor in (0.8, 1.0, 1.1)]
        assert radii[1] <= min(radii) + 1e-6


def test_the_fastest_heavy_ball_beats_every_other() -> None:
    H = hessian(Linear(), LINE)
    lr, momentum = fastest_heavy_ball(*np.linalg.eigvalsh(H))
    kappa = np.linalg.cond(H)
    best = radius(H, Sgd(lr, momentum))
    assert best == pytest.approx((math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1), rel=1e-6)
    assert best <= 1e-6 + min(
        radius(H, Sgd(lr, mu)) for lr in np.linspace(0.01, 0.3, 30) for mu in np.linspace(0.01, 0.99, 50)
    )


def test_the_losses_are_those_of_the_run() -> None:
    random = np.random.default_rng(5)
    epochs = np.array([0, 1, 2, 3, 10, 100, 300])
    for _ in range(100):
        model, data = problem(random)
        H = hessian(model, data)
        sharpest = float(np.linalg.eigvalsh(H)[-1])
        sgd = at_share(sgd_of_any_kind(random, sharpest), random.uniform(0.05, 1.2), sharpest)
        run = losses(model, data, sgd, 300)[epochs]
        for exact in (None, exact_solution(Experiment(NOWHERE, model, sgd), data)):
            found = modes(model, sgd, data, np.zeros(len(H)), exact).losses(epochs.astype(float))
            np.testing.assert_allclose(found, run, rtol=1e-6, atol=1e-11 * run[0])


def test_the_losses_begin_at_the_given_start() -> None:
    found = modes(Linear(), Sgd(0.01), LINE, np.array([1.5, 0.3]), None).losses(np.array([0.0]))
    residual = 1.5 * LINE.X[:, 0] + 0.3 - LINE.y
    assert found == pytest.approx(np.square(residual).mean())


def test_losses_beyond_float64_are_infinite() -> None:
    found = modes(Linear(), Sgd(0.1), LINE, np.zeros(2), None).losses(np.array([100.0, 5000.0]))
    assert np.isfinite(found).tolist() == [True, False]
    assert found[1] == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_overflow_is_predicted_within_one_epoch(dtype: DType) -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        model, data = problem(random, rows=int(random.integers(12, 60)))
        H = hessian(model, data)
        sharpest = float(np.linalg.eigvalsh(H)[-1])
        sgd = at_share(sgd_of_any_kind(random, sharpest), random.uniform(1.1, 5), sharpest)
        predicted = modes(model, sgd, data, np.zeros(len(H)), None).overflow(float(np.finfo(dtype).max))
        assert predicted is not None
        finite = np.isfinite(losses(model, data, sgd, predicted + 1, dtype))
        assert finite[: predicted - 1].all()
        assert not finite[-1]


def test_the_epochs_to_a_millionth_are_those_of_the_run() -> None:
    random = np.random.default_rng(4)
    for _ in range(100):
        model, data = problem(random, rows=int(random.integers(12, 60)))
        H = hessian(model, data)
        sgd = at_share(Sgd(), random.uniform(0.3, 0.9), float(np.linalg.eigvalsh(H)[-1]))
        course = modes(model, sgd, data, np.zeros(len(H)), None)
        epochs = course.epochs_to(1e-6)
        assert epochs is not None
        start, before, then = course.losses(np.array([0, max(epochs - 1, 0), epochs], dtype=float))
        lowest = exact_solution(Experiment(NOWHERE, model, sgd), data).loss
        assert then - lowest <= 1.001e-6 * (start - lowest) + 1e-12 * start
        assert epochs == 0 or before - lowest >= 0.999e-6 * (start - lowest) - 1e-12 * start


def test_what_never_comes_about_is_not_forecast() -> None:
    from_exact = modes(Linear(), Sgd(0.1), LINE, np.array([2.0, 0.0]), None)
    assert from_exact.overflow(3e38) is None
    assert modes(Linear(), Sgd(1e-16), LINE, np.zeros(2), None).epochs_to(1e-6) is None
