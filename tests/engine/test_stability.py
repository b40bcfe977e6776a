import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import dataset, experiment
from tests.engine.descent import LINE, NOWHERE, X, Y, at_share, hessian, losses, problem, sgd_of_any_kind
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.stability import forecast, growth, predicted_losses, readable, safe_lr
from tui_regress.experiment import Experiment, Linear, Sgd


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
        sgd = at_share(kind, share, sharpest)
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


def test_a_stable_rate_has_no_overflow_but_an_epoch_near_the_end() -> None:
    found = forecast(experiment({"optimizer.lr": 0.1, "model.loss": "half-mse"}), LINE)
    assert (found.growth, found.overflow_epoch, found.epochs_to_1e6) == (None, None, 206)
    root = math.sqrt(np.linalg.cond(hessian(Linear(), LINE)))
    assert found.best_momentum is not None
    assert found.best_momentum[1] == pytest.approx(((root - 1) / (root + 1)) ** 2)


def test_the_json_has_the_keys_of_the_start_line_and_no_number_that_json_lacks() -> None:
    found = forecast(experiment({"optimizer.name": "adam"}), dataset(np.ones((3, 1)), [1, 2, 3])).to_json()
    assert list(found) == [
        *("lambda_max", "lambda_min", "condition", "limit", "share", "regime", "fastest"),
        *("growth", "overflow_epoch", "epochs_to_1e-6", "kind"),
    ]
    assert (found["limit"], found["condition"], found["lambda_min"]) == ("inf", "inf", 0.0)
    assert (found["regime"], found["growth"]) == ("bounded", None)


def test_growth_is_that_of_the_run() -> None:
    random = np.random.default_rng(4)
    for _ in range(100):
        model, data = problem(random, rows=int(random.integers(12, 60)))
        sgd = at_share(Sgd(), random.uniform(1.05, 3), float(np.linalg.eigvalsh(hessian(model, data))[-1]))
        run = losses(model, data, sgd, 400)
        late = np.flatnonzero(run < 1e250)[-1]
        assert growth(Experiment(NOWHERE, model, sgd), data) == pytest.approx(run[late] / run[late - 1], rel=1e-3)


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


def test_adamw_does_not_grow_where_its_weight_decay_takes_all_of_the_parameters_away() -> None:
    settings = {"optimizer.name": "adamw", "optimizer.lr": 0.1, "optimizer.weight_decay": 10.0}
    assert forecast(experiment(settings), LINE).growth is None


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


@pytest.mark.parametrize("size", [0, 2])
def test_momentum_of_one_or_more_is_stable_at_no_rate(size: int) -> None:
    settings = {"optimizer.momentum": 1.2, "optimizer.lr": 0.1, "training.batch_size": size}
    found = forecast(experiment(settings), LINE)
    assert (found.limit, found.regime, found.fastest) == (0.0, "unstable", None)
    if size == 0:
        assert found.growth == pytest.approx(1.2)


@pytest.mark.parametrize(("share", "regime"), [(0.3, "monotone"), (0.7, "oscillating"), (1.0, "unstable")])
def test_the_regime_follows_from_the_share_of_the_limit(share: float, regime: str) -> None:
    found = forecast(experiment({"optimizer.lr": share * 0.08452405257734978}), LINE)
    assert found.regime == regime


def test_columns_that_repeat_each_other_make_it_singular_and_are_named() -> None:
    random = np.random.default_rng(8)
    a, b, c = random.normal(size=(3, 50))
    data = Dataset(
        np.column_stack((a, b, a + 2 * b, c, np.full(50, 7.0))), c.copy(), ("a", "b", "sum", "c", "seven"), "y"
    )
    found = forecast(experiment(), data)
    assert (found.regime, found.lambda_min, found.condition) == ("singular", 0.0, math.inf)
    assert found.scaling is not None
    assert found.scaling.repeats == (("a", "b", "sum"), ("seven",))


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


def test_fewer_rows_than_parameters_leave_the_limit_and_the_losses_exact() -> None:
    random = np.random.default_rng(11)
    data = dataset(random.normal(size=(6, 20)), random.normal(size=6))
    found = forecast(experiment({"optimizer.lr": 0.05}), data)
    assert found.lambda_max == pytest.approx(np.linalg.eigvalsh(hessian(Linear(), data))[-1])
    assert (found.kind, found.regime) == ("exact", "singular")
    np.testing.assert_allclose(
        predicted_losses(experiment({"optimizer.lr": 0.05}), data, np.arange(51)),
        losses(Linear(), data, Sgd(0.05), 50),
        rtol=1e-6,
    )


def test_thousands_of_rows_and_columns_are_estimated_from_the_largest_eigenvalue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui_regress.engine.spectrum.MOST", 40)
    monkeypatch.setattr("tui_regress.engine.moments.MOST", 40)
    random = np.random.default_rng(12)
    data = dataset(random.uniform(0, 1, (100, 60)), random.normal(size=100))
    found = forecast(experiment({"optimizer.lr": 1.0}), data)
    assert (found.kind, found.regime, found.fastest) == ("estimated", "unstable", None)
    assert math.isnan(found.lambda_min)
    run = losses(Linear(), data, Sgd(1.0), 60, "float32")
    assert found.overflow_epoch == pytest.approx(int(np.argmin(np.isfinite(run))), abs=1)


def test_data_that_are_all_zero_have_no_limit_worth_the_name() -> None:
    found = forecast(experiment({"model.bias": False}), dataset(np.zeros((4, 2)), [1, 2, 3, 4]))
    assert found.limit > 1e300
    assert found.regime == "singular"


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


@pytest.mark.parametrize("lr", [0.08, 0.09, 0.095, 0.1, 0.1015, 0.2])
def test_the_regime_of_minibatches_is_unstable_beyond_their_own_limit_and_only_there(lr: float) -> None:
    told = forecast(experiment({"optimizer.lr": lr, "training.batch_size": 1}), LINE)
    assert (told.regime == "unstable") == (told.share >= 1)


@pytest.mark.parametrize(
    ("lr", "shown"), [(0.0760716, 0.076), (0.0999, 0.099), (0.05, 0.05), (1.23e-7, 1.2e-7), (987.0, 980.0)]
)
def test_a_safe_rate_is_one_a_person_can_read_and_never_rounded_up(lr: float, shown: float) -> None:
    assert readable(lr) == shown
