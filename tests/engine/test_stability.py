import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import dataset, experiment
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.stability import explain, forecast, growth, predicted_losses, remedy, safe_lr
from tui_regress.experiment import Experiment, Linear, Points, Sgd
from tui_regress.problems import InputError

NOWHERE = Points(x=(0.0, 1.0), y=(0.0, 1.0))
X, Y = np.arange(1.0, 6), 2 * np.arange(1.0, 6)
LINE = dataset(X, Y)


def problem(random: np.random.Generator, rows: int | None = None) -> tuple[Linear, Dataset]:
    """d 1–10, n 2–500, κ up to 1e6."""
    n = rows or int(np.exp(random.uniform(np.log(2), np.log(500))))
    d = int(random.integers(1, 11))
    A = random.normal(size=(n, d)) * 10 ** np.linspace(random.uniform(-1, 1), random.uniform(-2, 2), d)
    y = A @ random.normal(size=d) + random.choice([0.0, 1.0]) * random.normal(size=n)
    return Linear(bias=bool(random.integers(2)), loss=random.choice(["mse", "half-mse", "sse"])), dataset(A, y)


def hessian(model: Linear, data: Dataset) -> FloatArray:
    A = np.column_stack((data.X, np.ones(data.rows))) if model.bias else data.X
    return A.T @ A * {"mse": 2 / data.rows, "half-mse": 1 / data.rows, "sse": 2.0}[model.loss]


def sgd_of_any_kind(random: np.random.Generator, sharpest: float) -> Sgd:
    mu = float(random.choice([0, 0.3, 0.9]))
    nesterov = bool(mu and random.integers(2))
    tau = float(random.choice([0, 0.5])) if mu and not nesterov else 0.0
    return Sgd(1.0, mu, tau, float(random.choice([0, 0.1])) * sharpest, nesterov)


def limit(sgd: Sgd, sharpest: float) -> float:
    """From the table of the issue."""
    q = (
        (2 + 2 * sgd.momentum) / (1 + 2 * sgd.momentum)
        if sgd.nesterov
        else 2 * (1 + sgd.momentum) / (1 - sgd.dampening)
    )
    return q / (sharpest + sgd.weight_decay)


def with_lr(sgd: Sgd, lr: float) -> Sgd:
    return Sgd(lr, sgd.momentum, sgd.dampening, sgd.weight_decay, sgd.nesterov)


@np.errstate(over="ignore", invalid="ignore")
def last_error(H: FloatArray, sgds: list[Sgd], start: FloatArray, epochs: int) -> FloatArray:
    """Size of the error of m runs, relative to the start: H (m, p, p), start (m, p). What torch's sgd does."""
    lr, mu, tau, decay = (
        np.array([[getattr(sgd, name)] for sgd in sgds]) for name in ("lr", "momentum", "dampening", "weight_decay")
    )
    nesterov, error, velocity = np.array([[sgd.nesterov] for sgd in sgds]), start, np.zeros_like(start)
    for epoch in range(epochs):
        pull = (H @ error[..., None])[..., 0] + decay * error
        velocity = pull if epoch == 0 else mu * velocity + (1 - tau) * pull
        error = error - lr * np.where(mu == 0, pull, np.where(nesterov, pull + mu * velocity, velocity))
    size = np.nan_to_num(np.linalg.norm(error, axis=1), nan=np.inf)
    return np.asarray(size / np.linalg.norm(start, axis=1))


def test_the_forecast_agrees_with_two_thousand_runs_on_either_side_of_their_limit() -> None:
    random = np.random.default_rng(0)
    groups: dict[int, list[tuple[FloatArray, Sgd, bool]]] = {}
    for _ in range(2000):
        model, data = problem(random)
        H = hessian(model, data)
        sharpest = float(np.linalg.eigvalsh(H)[-1])
        kind = sgd_of_any_kind(random, sharpest)
        share = random.uniform(0.5, 1.5)
        share = share if abs(share - 1) > 0.005 else 1.006
        sgd = with_lr(kind, share * limit(kind, sharpest))
        found = forecast(Experiment(NOWHERE, model, sgd), data)
        assert found.kind == "exact"
        assert found.share == pytest.approx(share, rel=1e-9)
        assert (found.growth is not None) == (found.regime == "unstable")
        groups.setdefault(len(H), []).append((H, sgd, found.regime == "unstable"))
    checked = 0
    for p, runs in groups.items():
        Hs, sgds, unstable = zip(*runs, strict=True)
        size = last_error(np.stack(Hs), list(sgds), random.normal(size=(len(runs), p)), 4000)
        np.testing.assert_array_equal(size > 1e4, unstable)
        checked += len(runs)
    assert checked == 2000


def test_exploding_line_is_forecast_to_overflow_float32_at_record_134() -> None:
    found = forecast(experiment({"optimizer.lr": 0.1}), LINE)
    assert found.limit == pytest.approx(0.084524, rel=1e-5)
    assert found.overflow_epoch == 134
    assert found.growth == pytest.approx(1.8665, rel=1e-4)
    assert found.fastest == pytest.approx(1 / 12)
    assert found.regime == "unstable"


def test_the_json_has_the_keys_of_the_start_line_and_no_number_that_json_lacks() -> None:
    found = forecast(experiment({"optimizer.name": "adam"}), dataset(np.ones((3, 1)), [1, 2, 3])).to_json()
    assert list(found) == [
        *("lambda_max", "lambda_min", "condition", "limit", "share", "regime", "fastest"),
        *("growth", "overflow_epoch", "epochs_to_1e-6", "kind"),
    ]
    assert (found["limit"], found["condition"], found["lambda_min"]) == ("inf", "inf", 0.0)
    assert (found["regime"], found["growth"]) == ("bounded", None)


def simulate(model: Linear, data: Dataset, sgd: Sgd, epochs: int, dtype: str) -> FloatArray:
    """Losses of a full-batch run from zeros, the sum of squares before any division, as frameworks compute it."""
    A = (np.column_stack((data.X, np.ones(data.rows))) if model.bias else data.X).astype(dtype)
    y, theta = data.y.astype(dtype), np.zeros(A.shape[1], dtype=dtype)
    weight = {"mse": 1 / data.rows, "half-mse": 0.5 / data.rows, "sse": 1.0}[model.loss]
    losses, velocity = [], np.zeros_like(theta)
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(epochs + 1):
            residual = A @ theta - y
            losses.append(float(np.square(residual).sum()) * weight)
            pull = (2 * weight * (A.T @ residual) + sgd.weight_decay * theta).astype(dtype)
            velocity = pull if epoch == 0 else sgd.momentum * velocity + (1 - sgd.dampening) * pull
            step = pull + sgd.momentum * velocity if sgd.nesterov else velocity if sgd.momentum else pull
            theta = (theta - sgd.lr * step).astype(dtype)
            if not np.isfinite(losses[-1]):
                break
    return np.pad(losses, (0, epochs + 1 - len(losses)), constant_values=np.inf)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_overflow_is_predicted_within_one_epoch(dtype: str) -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        model, data = problem(random, rows=int(random.integers(12, 60)))
        sharpest = float(np.linalg.eigvalsh(hessian(model, data))[-1])
        kind = sgd_of_any_kind(random, sharpest)
        sgd = with_lr(kind, random.uniform(1.1, 5) * limit(kind, sharpest))
        losses = simulate(model, data, sgd, 3000, dtype)
        task = experiment({"device.dtype": dtype})
        found = forecast(Experiment(NOWHERE, model, sgd, device=task.device), data)
        assert found.overflow_epoch is not None
        assert abs(int(np.argmin(np.isfinite(losses))) - found.overflow_epoch) <= 1


def test_growth_and_the_epochs_to_a_millionth_are_those_of_the_run() -> None:
    random = np.random.default_rng(4)
    for _ in range(100):
        model, data = problem(random, rows=int(random.integers(12, 60)))
        eigenvalues = np.linalg.eigvalsh(hessian(model, data))
        up = Sgd(float(random.uniform(1.05, 3)) * 2 / eigenvalues[-1])
        losses = simulate(model, data, up, 400, "float64")
        late = np.flatnonzero(losses < 1e250)[-1]
        assert growth(Experiment(NOWHERE, model, up), data) == pytest.approx(losses[late] / losses[late - 1], rel=1e-3)
        down = Sgd(float(random.uniform(0.3, 0.9)) * 2 / eigenvalues[-1])
        task = Experiment(NOWHERE, model, down)
        epochs = forecast(task, data).epochs_to_1e6
        assert epochs is not None
        around = predicted_losses(task, data, np.array([0, max(epochs - 1, 0), epochs]))
        lowest = objective.exact_solution(task, data).loss
        assert around[2] - lowest <= 1.001e-6 * (around[0] - lowest) + 1e-12 * around[0]
        assert epochs == 0 or around[1] - lowest >= 0.999e-6 * (around[0] - lowest) - 1e-12 * around[0]


def test_predicted_losses_are_those_of_the_run() -> None:
    random = np.random.default_rng(5)
    for _ in range(100):
        model, data = problem(random)
        sharpest = float(np.linalg.eigvalsh(hessian(model, data))[-1])
        kind = sgd_of_any_kind(random, sharpest)
        sgd = with_lr(kind, float(random.uniform(0.05, 1.2)) * limit(kind, sharpest))
        task = Experiment(NOWHERE, model, sgd)
        epochs = np.array([0, 1, 2, 3, 10, 100, 300])
        exact = objective.exact_solution(task, data)
        run = simulate(model, data, sgd, 300, "float64")[epochs]
        found = predicted_losses(task, data, epochs, exact=exact)
        np.testing.assert_allclose(found, run, rtol=1e-6, atol=1e-11 * run[0])
        np.testing.assert_allclose(predicted_losses(task, data, epochs), run, rtol=1e-6, atol=1e-11 * run[0])


def test_the_prediction_begins_where_the_run_begins() -> None:
    task = experiment({"model.init": [1.5, 0.3]})
    start = objective.evaluate(task.model, np.array([1.5, 0.3]), LINE.X, LINE.y).loss
    assert predicted_losses(task, LINE, np.array([0]))[0] == pytest.approx(start)
    assert predicted_losses(task, LINE, np.array([0]), start=np.zeros(2))[0] == pytest.approx(44)


@pytest.mark.parametrize("changes", [{"training.batch_size": 2}, {"optimizer.name": "adam"}])
def test_only_full_batch_sgd_is_predicted_exactly(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="only sgd with full batches"):
        predicted_losses(experiment(changes), LINE, np.array([0]))


def test_a_full_batch_by_its_size_is_one() -> None:
    assert forecast(experiment({"training.batch_size": 5}), LINE).kind == "exact"


def test_the_fastest_rate_beats_its_neighbours() -> None:
    random = np.random.default_rng(6)
    for _ in range(40):
        model, data = problem(random, rows=60)
        H = hessian(model, data)
        kind = sgd_of_any_kind(random, float(np.linalg.eigvalsh(H)[-1]))
        fastest = forecast(Experiment(NOWHERE, model, kind), data).fastest
        assert fastest is not None
        radii = [radius(H, with_lr(kind, factor * fastest)) for factor in (0.8, 1.0, 1.1)]
        assert radii[1] <= min(radii) + 1e-6


def test_the_best_momentum_beats_every_other_heavy_ball() -> None:
    H = hessian(Linear(), LINE)
    best = forecast(experiment(), LINE).best_momentum
    assert best is not None
    kappa = np.linalg.cond(H)
    assert radius(H, Sgd(*best)) == pytest.approx((math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1), rel=1e-6)
    others = [radius(H, Sgd(lr, mu)) for lr in np.linspace(0.01, 0.3, 30) for mu in np.linspace(0.01, 0.99, 50)]
    assert radius(H, Sgd(*best)) <= min(others) + 1e-6


def radius(H: FloatArray, sgd: Sgd) -> float:
    """Long-run factor per step: the spectral radius of the whole step (error, velocity) → (error, velocity)."""
    one, K = np.eye(len(H)), H + sgd.weight_decay * np.eye(len(H))
    pull = (1 - sgd.dampening if sgd.momentum else 1.0) * K
    ahead = K + sgd.momentum * pull if sgd.nesterov else pull
    carry = sgd.momentum * (sgd.momentum if sgd.nesterov else 1.0) * one
    step = np.block([[one - sgd.lr * ahead, -sgd.lr * carry], [pull, sgd.momentum * one]])
    return float(np.abs(np.linalg.eigvals(step)).max())


def test_the_minibatch_limit_is_within_ten_percent_of_that_of_real_runs() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        n, d, size = int(random.integers(10, 100)), int(random.integers(1, 4)), int(random.integers(1, 12))
        A = random.normal(size=(n, d)) * 10 ** random.uniform(-1, 1, d)
        y = A @ random.normal(size=d) + random.normal(size=n)
        momentum = float(random.choice([0, 0, 0.5]))
        data, task = dataset(A, y), experiment({"training.batch_size": size, "optimizer.momentum": momentum})
        found = forecast(task, data)
        assert found.kind == "estimated"
        low, high = 0.4 * found.limit, 2.5 * found.limit
        for _ in range(2):
            rates = np.geomspace(low, high, 12)
            explodes = real_minibatch_runs(np.column_stack((A, np.ones(n))), y, rates, size, momentum)
            first = int(np.argmax(explodes))
            assert first > 0
            low, high = rates[first - 1], rates[first]
        assert found.limit == pytest.approx(math.sqrt(low * high), rel=0.1)


def real_minibatch_runs(A: FloatArray, y: FloatArray, rates: FloatArray, size: int, momentum: float) -> FloatArray:
    """Whether the loss of a run with each of ``rates`` has grown beyond all bounds after 8,000 steps."""
    random, n = np.random.default_rng(1), len(A)
    theta, velocity = np.zeros((len(rates), A.shape[1])), np.zeros((len(rates), A.shape[1]))
    with np.errstate(all="ignore"):
        for _ in range(8_000 * size // n):
            order = random.permutation(n)
            for rows in (order[i : i + size] for i in range(0, n, size)):
                gradient = ((theta @ A[rows].T - y[rows]) @ A[rows]) * (2 / len(rows))
                velocity = momentum * velocity + gradient
                theta = theta - rates[:, None] * velocity
        loss = np.square(theta @ A.T - y).mean(axis=1)
    return np.asarray(~(loss < 1e12 * np.square(y).mean()))


def test_one_sample_per_step_in_order_has_the_limit_of_its_product() -> None:
    found = forecast(
        experiment({"model.bias": False, "training.batch_size": 1, "training.shuffle": False, "optimizer.lr": 0.25}),
        dataset([1, 2, 3], [2, 4, 6]),
    )
    product = np.polymul(np.polymul([-2, 1], [-8, 1]), [-18, 1])
    edges = np.concatenate([np.roots(np.polyadd(product, [end])) for end in (-1, 1)])
    first = min(edge.real for edge in edges if edge.real > 1e-9 and abs(edge.imag) < 1e-9)
    assert found.limit == pytest.approx(first, rel=0.02)
    assert found.growth == pytest.approx(((1 - 0.5) * (1 - 2) * (1 - 4.5)) ** 2, rel=1e-3)
    assert found.regime == "unstable"
    assert found.overflow_epoch is not None


def test_minibatches_of_a_summed_loss_are_judged_by_their_own_sum() -> None:
    summed = forecast(experiment({"model.loss": "sse", "training.batch_size": 1}), LINE)
    mean = forecast(experiment({"model.loss": "mse", "training.batch_size": 1}), LINE)
    assert summed.limit == pytest.approx(mean.limit, rel=0.02)


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "rmsprop", "adagrad"])
def test_the_adam_family_is_bounded_at_any_rate(name: str) -> None:
    found = forecast(experiment({"optimizer.name": name, "optimizer.lr": 1.0}), LINE)
    assert (found.regime, found.growth) == ("bounded", None)
    assert found.share < 0.01
    assert found.hover == pytest.approx(23.6619 / 2, rel=1e-4)


def test_adamw_explodes_by_a_weight_decay_beyond_two_over_lr() -> None:
    settings = {"optimizer.name": "adamw", "optimizer.lr": 0.1, "optimizer.weight_decay": 25.0}
    found = forecast(experiment(settings), LINE)
    assert found.limit == pytest.approx(0.08)
    assert found.regime == "unstable"
    assert found.growth == pytest.approx(1.5**2)


LOGISTIC = {"model.kind": "logistic", "model.loss": "bce", "data.y": [0, 0, 1, 0, 1]}


def test_a_logistic_model_has_a_safe_bound_beyond_which_it_swings_but_does_not_explode() -> None:
    classes = dataset(X, [0, 0, 1, 0, 1])
    A = np.column_stack((X, np.ones(5)))
    bound = 2 / float(np.linalg.eigvalsh(A.T @ A / 20)[-1])
    below = forecast(experiment(LOGISTIC | {"optimizer.lr": 0.4 * bound}), classes)
    beyond = forecast(experiment(LOGISTIC | {"optimizer.lr": 5 * bound}), classes)
    assert below.limit == beyond.limit == pytest.approx(bound)
    assert (below.kind, below.regime) == ("bound", "monotone")
    assert (beyond.regime, beyond.growth) == ("bounded", None)


def test_momentum_of_one_or_more_is_stable_at_no_rate() -> None:
    found = forecast(experiment({"optimizer.momentum": 1.2, "optimizer.lr": 0.1}), LINE)
    assert (found.limit, found.regime) == (0.0, "unstable")
    assert found.growth == pytest.approx(1.2)
    assert explain(found)[0] == "A momentum or dampening of 1 or more is stable at no learning rate."
    assert remedy(found) == "Try a momentum and a dampening below 1."


@pytest.mark.parametrize(("share", "regime"), [(0.3, "monotone"), (0.7, "oscillating"), (1.0, "unstable")])
def test_the_regime_follows_from_the_share_of_the_limit(share: float, regime: str) -> None:
    found = forecast(experiment({"optimizer.lr": share * 0.08452405257734978}), LINE)
    assert found.regime == regime


def test_columns_that_repeat_each_other_are_named() -> None:
    random = np.random.default_rng(8)
    a, b, c = random.normal(size=(3, 50))
    data = Dataset(
        np.column_stack((a, b, a + 2 * b, c, np.full(50, 7.0))), c.copy(), ("a", "b", "sum", "c", "seven"), "y"
    )
    found = forecast(experiment(), data)
    assert (found.regime, found.lambda_min, found.condition) == ("singular", 0.0, math.inf)
    assert found.scaling is not None
    assert found.scaling.repeats == (("a", "b", "sum"), ("seven",))
    sentences = explain(found)
    assert "a, b, sum repeat each other." in sentences
    assert "seven is constant." in sentences


def test_columns_on_very_different_scales_do_not_repeat_each_other() -> None:
    random = np.random.default_rng(9)
    data = dataset(random.normal(size=(50, 3)) * [1e9, 1.0, 1e-6] + [0, 100.0, 0], random.normal(size=50))
    found = forecast(experiment(), data)
    assert found.regime != "singular"
    assert found.scaling is not None
    assert found.scaling.repeats == ()
    assert found.scaling.condition < 10


def test_the_scaling_diagnosis_is_that_of_the_standardised_columns() -> None:
    random = np.random.default_rng(10)
    A = np.column_stack((random.uniform(40, 120, 200), random.uniform(20, 100, 200)))
    data = Dataset(A, random.normal(size=200), ("area", "age"), "price")
    found = forecast(experiment({"optimizer.lr": 0.1}), data)
    standard = dataset((A - A.mean(axis=0)) / A.std(axis=0), data.y)
    standardised = forecast(experiment({"optimizer.lr": 0.1}), standard)
    assert found.limit == pytest.approx(8.9e-5, rel=0.1)
    assert found.overflow_epoch in (5, 6, 7)
    assert found.scaling is not None
    assert found.scaling.limit == pytest.approx(standardised.limit)
    assert found.scaling.condition == pytest.approx(standardised.condition)
    assert [name for name, _ in found.scaling.carriers] == ["area", "age"]
    assert "or standardise the columns (limit 0.9" in remedy(found)


def test_fewer_rows_than_parameters_leave_the_limit_exact() -> None:
    random = np.random.default_rng(11)
    A = random.normal(size=(6, 20))
    data = dataset(A, random.normal(size=6))
    found = forecast(experiment({"optimizer.lr": 0.05}), data)
    assert found.lambda_max == pytest.approx(np.linalg.eigvalsh(hessian(Linear(), data))[-1])
    assert (found.kind, found.regime) == ("exact", "singular")
    run = simulate(Linear(), data, Sgd(0.05), 50, "float64")
    np.testing.assert_allclose(
        predicted_losses(experiment({"optimizer.lr": 0.05}), data, np.arange(51)), run, rtol=1e-6
    )


def test_thousands_of_rows_and_columns_are_estimated_from_the_largest_eigenvalue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui_regress.engine.stability.MOST", 40)
    random = np.random.default_rng(12)
    data = dataset(random.uniform(0, 1, (100, 60)), random.normal(size=100))
    found = forecast(experiment({"optimizer.lr": 1.0}), data)
    assert found.lambda_max == pytest.approx(np.linalg.eigvalsh(hessian(Linear(), data))[-1], rel=1e-6)
    assert (found.kind, found.regime, found.fastest) == ("estimated", "unstable", None)
    assert math.isnan(found.lambda_min)
    run = simulate(Linear(), data, Sgd(1.0), 60, "float32")
    assert found.overflow_epoch == pytest.approx(int(np.argmin(np.isfinite(run))), abs=1)


def test_data_that_are_all_zero_have_no_limit_worth_the_name() -> None:
    found = forecast(experiment({"model.bias": False}), dataset(np.zeros((4, 2)), [1, 2, 3, 4]))
    assert found.limit > 1e300
    assert found.regime == "singular"


def test_numbers_too_large_to_be_squared_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="too large"):
        forecast(experiment(), dataset(X * 1e160, Y))


def test_the_sentences_tell_why_the_same_rate_lives_with_half_the_loss() -> None:
    dead = explain(forecast(experiment({"optimizer.lr": 0.1}), LINE))
    alive = explain(forecast(experiment({"optimizer.lr": 0.1, "model.loss": "half-mse"}), LINE))
    assert dead[:2] == (
        "lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66): every step overshoots further than the last.",
        "In the end the loss grows ×1.87 per epoch. float32 overflows at epoch 134.",
    )
    assert alive[0].endswith("the sharpest direction overshoots and comes back, nearer each time.")
    assert alive[1:] == (
        "The excess over the lowest loss is down to a millionth after 206 epochs.",
        "The fastest constant lr is 0.167; with momentum 0.619 it is 0.270.",
        "κ = 70.0: the sharpest direction is that many times as curved as the flattest.",
        "λmax comes from x1 (93 %). With standardised columns the limit would be 2.00 and κ would be 1.00.",
    )


def test_a_rate_advised_is_never_rounded_up_beyond_what_is_safe() -> None:
    assert remedy(forecast(experiment({"optimizer.lr": 0.1}), LINE)) == (
        "Try lr 0.0833 (fastest), or standardise x1 (limit 1.00)."
    )
    wide = dataset(np.arange(11.0) * 10, np.arange(11.0))
    found = forecast(experiment({"optimizer.lr": 0.1}), wide)
    advised = float(remedy(found).removeprefix("Try lr ").split(" ")[0])
    assert 0.85 * found.limit < advised <= 0.9 * found.limit


@pytest.mark.parametrize("lr", [0.01, 0.0846, 0.1, 1e6])
@pytest.mark.parametrize(
    "changes", [{}, {"training.batch_size": 2}, {"optimizer.momentum": 0.9}, {"optimizer.name": "adam"}]
)
def test_the_rate_to_go_on_with_is_smaller_and_stable(changes: dict[str, Any], lr: float) -> None:
    safer = safe_lr(forecast(experiment(changes | {"optimizer.lr": lr}), LINE), lr)
    assert safer < lr
    assert forecast(experiment(changes | {"optimizer.lr": safer}), LINE).growth is None


@pytest.mark.parametrize("changes", [{}, {"training.batch_size": 2}])
def test_an_unstable_run_that_starts_at_the_exact_solution_has_no_overflow_to_forecast(changes: dict[str, Any]) -> None:
    found = forecast(experiment(changes | {"optimizer.lr": 1.0, "model.init": [2.0, 0.0]}), LINE)
    assert found.growth is not None
    assert found.overflow_epoch is None


@pytest.mark.parametrize("changes", [{}, {"training.batch_size": 2}])
def test_targets_beyond_all_squares_are_survived(changes: dict[str, Any]) -> None:
    found = forecast(experiment(changes | {"optimizer.lr": 1.0}), dataset(X, Y * 1e300))
    assert found.regime == "unstable"


def test_forecast_monitor_and_history_load_no_torch() -> None:
    code = (
        "import sys, tui_regress.engine.divergence, tui_regress.engine.history, tui_regress.engine.stability;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
