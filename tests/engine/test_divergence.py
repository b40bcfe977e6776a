from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from numpy.typing import ArrayLike

from tests.engine.conftest import dataset, experiment
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Verdict
from tui_regress.engine.stability import forecast
from tui_regress.experiment import Device, Experiment, Linear, Points, Sgd, Training

DType = Literal["float32", "float64"]
Loss = Literal["mse", "half-mse", "sse"]
NOWHERE = Points(x=(0.0, 1.0), y=(0.0, 1.0))


def per_row(loss: Loss, rows: int) -> float:
    """Weight of one squared error in the loss."""
    return {"mse": 1 / rows, "half-mse": 0.5 / rows, "sse": 1.0}[loss]


def limits(sgd: Sgd) -> float:
    """Largest stable lr·λ, from the table in the issue."""
    if sgd.nesterov:
        return (2 + 2 * sgd.momentum) / (1 + 2 * sgd.momentum)
    return 2 * (1 + sgd.momentum) / (1 - sgd.dampening)


@dataclass
class Runs:
    """Many runs side by side: shapes (k, m), (k, m, p), (k, m, p) for k records of m runs."""

    loss: FloatArray
    theta: FloatArray
    gradient: FloatArray

    def block(self, run: int, lr: float, first: int = 0, last: int | None = None) -> Block:
        part = slice(first, last)
        loss = self.loss[part, run]
        return Block(first, self.theta[part, run], self.gradient[part, run], loss, loss, np.full(len(loss), lr))


@np.errstate(over="ignore", invalid="ignore", under="ignore")
def descend(
    A: FloatArray, y: FloatArray, start: FloatArray, weight: float, sgds: Sequence[Sgd], epochs: int, dtype: DType
) -> Runs:
    """Full-batch sgd as torch does it, on m problems at once: A (m, n, p), y (m, n), start (m, p)."""
    rows, targets, theta = A.astype(dtype), y.astype(dtype), start.astype(dtype)
    lr, mu, tau, decay = (
        np.array([[value] for value in values], dtype=dtype)
        for values in zip(*((s.lr, s.momentum, s.dampening, s.weight_decay) for s in sgds), strict=True)
    )
    nesterov = np.array([[s.nesterov] for s in sgds])
    velocity = np.zeros_like(theta)
    records: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for epoch in range(epochs + 1):
        residual = (rows @ theta[..., None])[..., 0] - targets
        gradient = ((2 * residual)[:, None, :] @ rows)[:, 0] * theta.dtype.type(weight)
        loss = np.square(residual).sum(axis=1) * theta.dtype.type(weight)
        records.append((loss.astype(float), theta.astype(float), gradient.astype(float)))
        pull = gradient + decay * theta
        velocity = pull if epoch == 0 else mu * velocity + (1 - tau) * pull
        theta = theta - lr * np.where(mu == 0, pull, np.where(nesterov, pull + mu * velocity, velocity))
    return Runs(*(np.stack(part) for part in zip(*records, strict=True)))


@dataclass
class Group:
    """Problems of one shape, with the learning rate of each at its share of the limit."""

    A: FloatArray
    y: FloatArray
    start: FloatArray
    loss: Loss
    dtype: DType
    sgds: list[Sgd]
    shares: FloatArray
    bias: bool

    def run(self, epochs: int) -> Runs:
        return descend(self.A, self.y, self.start, per_row(self.loss, self.A.shape[1]), self.sgds, epochs, self.dtype)

    def monitor(self, index: int) -> Monitor:
        X = self.A[index, :, :-1] if self.bias else self.A[index]
        data = Dataset(X.copy(), self.y[index].copy(), tuple(f"x{i}" for i in range(X.shape[1])), "y")
        model = Linear(bias=self.bias, loss=self.loss)
        return Monitor(Experiment(NOWHERE, model, self.sgds[index], device=Device(dtype=self.dtype)), data)


def group(seed: int, shares: FloatArray, *, plain: bool = False) -> Group:
    """Random problems: d 1–10, n 2–500, κ up to 1e6, noise or none, any start, every kind of sgd unless ``plain``."""
    random = np.random.default_rng(seed)
    m, n, d = len(shares), int(np.exp(random.uniform(np.log(2), np.log(500)))), int(random.integers(1, 11))
    loss: Loss = random.choice(["mse", "half-mse", "sse"])
    dtype: DType = random.choice(["float32", "float64"])
    bias = bool(random.integers(2))
    spread = 10 ** np.linspace(0, -random.uniform(0, 3, (m, 1)), d, axis=-1)[:, 0]
    A = random.normal(size=(m, n, d)) * spread[:, None, :] * 10 ** random.uniform(-1, 2, (m, 1, 1))
    A = np.concatenate((A, np.ones((m, n, 1))), axis=2) if bias else A
    p = A.shape[2]
    scale = 10 ** random.uniform(-1, 2, (m, 1))
    y = (A @ random.normal(size=(m, p, 1)))[..., 0] + scale * random.choice([0, 0.01, 1], (m, 1)) * random.normal(
        size=(m, n)
    )
    start = random.normal(size=(m, p)) * random.choice([0, 1, 1], (m, 1))
    hessians = 2 * per_row(loss, n) * np.swapaxes(A, 1, 2) @ A
    sharpest = np.linalg.eigvalsh(hessians)[:, -1]
    sgds = []
    for share, sharp in zip(shares, sharpest, strict=True):
        mu = 0.0 if plain else float(random.choice([0, 0.5, 0.9]))
        nesterov = bool(mu and random.integers(2))
        tau = float(random.choice([0, 0.3])) if mu and not nesterov else 0.0
        decay = float(random.choice([0, 0, 0.1])) * sharp
        kind = Sgd(1.0, mu, tau, decay, nesterov)
        sgds.append(Sgd(share * limits(kind) / (sharp + decay), mu, tau, decay, nesterov))
    return Group(A, y, start, loss, dtype, sgds, shares, bias)


def verdicts(problems: Group, runs: Runs) -> Iterator[Verdict | None]:
    for index, sgd in enumerate(problems.sgds):
        monitor = problems.monitor(index)
        cuts = [0, 1, 2, 7, 40, 41, 150, len(runs.loss)]
        found = [monitor.check(runs.block(index, sgd.lr, a, b)) for a, b in pairwise(cuts)]
        assert sum(verdict is not None for verdict in found) <= 1
        yield next(filter(None, found), None)


def test_two_thousand_problems_are_flagged_above_the_limit_before_overflow_and_never_below_it() -> None:
    random = np.random.default_rng(0)
    stable = flagged = 0
    for seed in range(50):
        shares = random.uniform(0.5, 1.5, 40)
        shares = np.where(np.abs(shares - 1) < 0.005, 0.99, shares)
        problems = group(seed, shares)
        runs = problems.run(300)
        gone = np.vstack((~np.isfinite(runs.loss), np.ones((1, 40), dtype=bool)))
        overflow = np.argmax(gone, axis=0)
        for index, verdict in enumerate(verdicts(problems, runs)):
            if shares[index] < 1:
                assert verdict is None, (seed, index, verdict)
                stable += 1
            elif overflow[index] < len(runs.loss):
                assert verdict is not None, (seed, index)
                assert verdict.rule != "non-finite", (seed, index, verdict)
                assert verdict.epoch < overflow[index]
                flagged += 1
    assert stable > 800
    assert flagged > 300


def test_two_thousand_converging_runs_raise_no_alarm_however_long_they_jitter_at_the_end() -> None:
    random = np.random.default_rng(1)
    for seed in range(100, 150):
        problems = group(seed, np.append(random.uniform(0.01, 0.9, 20), random.uniform(0.9, 0.999, 20)))
        assert [v for v in verdicts(problems, problems.run(600)) if v] == []


def test_a_run_that_starts_at_the_exact_solution_raises_no_alarm() -> None:
    for seed in range(200, 210):
        problems = group(seed, np.random.default_rng(seed).uniform(0.5, 0.999, 40))
        problems.start = np.stack([np.linalg.lstsq(A, y)[0] for A, y in zip(problems.A, problems.y, strict=True)])
        assert [v for v in verdicts(problems, problems.run(300)) if v] == []


def test_one_percent_above_the_limit_is_flagged_within_50_epochs_of_the_first_rise() -> None:
    seen = 0
    for seed in range(300, 310):
        problems = group(seed, np.full(40, 1.01), plain=True)
        runs = problems.run(400)
        problems.dtype, dtype = "float64", problems.dtype
        precise = problems.run(400)
        problems.dtype = dtype
        decay = np.array([sgd.weight_decay for sgd in problems.sgds])
        falling = precise.loss + decay / 2 * np.square(precise.theta).sum(axis=2)
        for index, verdict in enumerate(verdicts(problems, runs)):
            rises = np.flatnonzero(np.diff(falling[:, index]) > 1e-9 * falling[1:, index])
            if len(rises) and rises[0] < 350:
                assert verdict is not None
                assert verdict.rule == "rising"
                assert verdict.epoch <= rises[0] + 1 + 50
                seen += 1
    assert seen > 300


def test_minibatch_runs_below_their_limit_raise_no_alarm_and_explosions_are_flagged() -> None:
    random = np.random.default_rng(2)
    shares = np.append(np.linspace(0.1, 0.95, 50), [1.5, 2.0, 3.0])
    flagged = 0
    for seed in range(10):
        n, d, size = int(random.integers(10, 60)), int(random.integers(1, 4)), int(random.integers(1, 9))
        A = np.concatenate((random.normal(size=(n, d)) * 10 ** random.uniform(-1, 1, d), np.ones((n, 1))), axis=1)
        y = A @ random.normal(size=d + 1) + random.normal(size=n)
        rates = shares * minibatch_limit(A, size)
        theta = np.zeros((len(rates), d + 1))
        records = []
        with np.errstate(all="ignore"):
            for _ in range(81):
                residual = theta @ A.T - y
                records.append((np.square(residual).mean(axis=1), theta, residual @ A * (2 / n)))
                order = random.permutation(n)
                for rows in (order[i : i + size] for i in range(0, n, size)):
                    theta = theta - rates[:, None] * ((theta @ A[rows].T - y[rows]) @ A[rows]) * (2 / len(rows))
        runs = Runs(*(np.stack(part) for part in zip(*records, strict=True)))
        for index, rate in enumerate(rates):
            task = Experiment(NOWHERE, Linear(), Sgd(float(rate)), Training(batch_size=size))
            verdict = Monitor(task, dataset(A[:, :-1], y)).check(runs.block(index, float(rate)))
            if shares[index] < 1:
                assert verdict is None, (seed, shares[index], verdict)
            else:
                assert verdict is not None
                flagged += verdict.rule == "trend"
    assert flagged > 20


def minibatch_limit(A: FloatArray, size: int) -> float:
    """Where the error under random minibatches neither grows nor shrinks, by simulation."""
    random = np.random.default_rng(5)
    n = len(A)
    rates = np.geomspace(0.02, 4, 60) / np.linalg.eigvalsh(A.T @ A / n)[-1]
    error, total = random.normal(size=(60, A.shape[1])), np.zeros(60)
    for step in range(6000):
        rows = A[random.permutation(n)[:size]]
        error = error - rates[:, None] * (error @ rows.T @ rows) * (2 / size)
        norm = np.linalg.norm(error, axis=1)
        error /= norm[:, None]
        total += np.log(norm) if step > 1000 else 0
    return float(rates[np.argmax(total > 0) - 1])


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RMSprop", "Adagrad"])
def test_a_hundred_runs_of_each_adaptive_optimizer_raise_no_alarm(name: str) -> None:
    random = np.random.default_rng(len(name))
    for lr in 10 ** random.uniform(-4, 0, 10):
        problems = group(int(random.integers(10**6)), np.full(10, 0.5))
        rows, y = torch.from_numpy(problems.A), torch.from_numpy(problems.y)
        theta = torch.from_numpy(problems.start)
        weight = per_row(problems.loss, rows.shape[1])
        optimizer = getattr(torch.optim, name)([theta], lr=float(lr))
        records = []
        for _ in range(200):
            residual = (rows @ theta[:, :, None])[..., 0] - y
            theta.grad = 2 * weight * (residual[:, None, :] @ rows)[:, 0]
            loss = weight * residual.square().sum(dim=1)
            records.append((loss.numpy(), theta.numpy().copy(), theta.grad.numpy()))
            optimizer.step()
        runs = Runs(*(np.stack(part) for part in zip(*records, strict=True)))
        changes = {"optimizer.name": name.lower(), "optimizer.lr": float(lr), "model.loss": problems.loss}
        task = experiment(changes | {"model.bias": problems.bias, "device.dtype": "float64"})
        for index in range(10):
            data = problems.A[index, :, :-1] if problems.bias else problems.A[index]
            assert Monitor(task, dataset(data, problems.y[index])).check(runs.block(index, float(lr))) is None


def logistic_run(lr: float, decay: float, epochs: int) -> Block:
    """x = 1, 2, 3, classes 1, 0, 1: overlapping, so that large rates throw the loss back and forth."""
    A, y, theta = np.array([[1.0, 1], [2, 1], [3, 1]]), np.array([1.0, 0, 1]), np.zeros(2)
    losses, thetas, gradients = [], [], []
    for _ in range(epochs):
        z = A @ theta
        gradient = A.T @ (1 / (1 + np.exp(np.clip(-z, -700, 700))) - y) / 3
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
        thetas.append(theta)
        gradients.append(gradient)
        theta = theta - lr * (gradient + decay * theta)
    loss = np.array(losses)
    return Block(0, np.array(thetas), np.array(gradients), loss, loss, np.full(epochs, lr))


LOGISTIC = {"model.kind": "logistic", "model.loss": "bce", "data.x": [1, 2, 3], "data.y": [1, 0, 1]}


@pytest.mark.parametrize("lr", [0.01, 1.0, 10.0, 1e4, 1e8])
def test_a_logistic_loss_that_swings_at_a_high_level_is_no_explosion(lr: float) -> None:
    task = experiment(LOGISTIC | {"optimizer.lr": lr})
    block = logistic_run(lr, 0.0, 3000)
    assert block.loss.max() > 0.5
    assert Monitor(task, dataset([1, 2, 3], [1, 0, 1])).check(block) is None


def test_a_logistic_run_that_its_weight_decay_drives_apart_is_flagged() -> None:
    task = experiment(LOGISTIC | {"optimizer.lr": 1.0, "optimizer.weight_decay": 2.5})
    verdict = Monitor(task, dataset([1, 2, 3], [1, 0, 1])).check(logistic_run(1.0, 2.5, 300))
    assert verdict is not None
    assert verdict.rule == "trend"


X, Y = np.arange(1.0, 6), 2 * np.arange(1.0, 6)
LINE = np.column_stack((X, np.ones(5)))[None]


def line(sgd: Sgd, epochs: int = 150, start: ArrayLike = (0.0, 0.0)) -> Block:
    """Records of exploding-line with another optimizer, in float32."""
    runs = descend(LINE, Y[None], np.array([start]), 1 / 5, [sgd], epochs, "float32")
    return runs.block(0, sgd.lr)


def test_exploding_line_is_proven_at_record_3_to_diverge_since_record_1() -> None:
    verdict = Monitor(experiment({"optimizer.lr": 0.1}), dataset(X, Y)).check(line(Sgd(0.1)))
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since) == ("rising", 3, 1)
    assert verdict.growth == pytest.approx(1.8665, rel=1e-3)
    assert verdict.message == (
        "Diverging since epoch 1: the loss grows ×1.87 per epoch. float32 would overflow at epoch 134. "
        "lr 0.1 is too large: try lr 0.0422. Scaling the columns may help."
    )


def test_with_a_forecast_the_message_names_the_limit_and_the_way_out() -> None:
    task, data = experiment({"optimizer.lr": 0.1}), dataset(X, Y)
    verdict = Monitor(task, data, forecast(task, data)).check(line(Sgd(0.1)))
    assert verdict is not None
    assert verdict.message == (
        "Diverging since epoch 1: the loss grows ×1.87 per epoch. lr 0.1 is 118 % of the limit 0.0845 "
        "(2/λmax, λmax 23.66). float32 would overflow at epoch 134. Try lr 0.0833 (fastest), or standardise x1 "
        "(limit 1.00)."
    )


def test_the_rate_advised_without_a_forecast_is_below_the_limit() -> None:
    for lr in (0.0855, 0.2, 50.0):
        verdict = Monitor(experiment({"optimizer.lr": lr}), dataset(X, Y)).check(line(Sgd(lr)))
        assert verdict is not None
        advised = float(verdict.message.split("try lr ")[1].split(". ")[0])
        assert 0.04 < advised < 0.0845


def test_columns_of_unit_scale_are_not_blamed() -> None:
    small = X / 5
    sgd = Sgd(1.5)
    runs = descend(np.stack((small, np.ones(5)), axis=1)[None], Y[None], np.zeros((1, 2)), 1 / 5, [sgd], 50, "float32")
    verdict = Monitor(experiment({"optimizer.lr": 1.5}), dataset(small, Y)).check(runs.block(0, 1.5))
    assert verdict is not None
    assert "Scaling" not in verdict.message


@pytest.mark.parametrize("setting", ["dampening", "momentum", "weight_decay"])
def test_the_verdict_does_not_depend_on_how_the_records_were_cut(setting: str) -> None:
    block = line(replace(Sgd(0.17), **{setting: 0.9}))
    task = experiment({"optimizer.lr": 0.17, f"optimizer.{setting}": 0.9})
    whole = Monitor(task, dataset(X, Y)).check(block)
    assert whole is not None
    for size in (1, 2, 3, 5, 11):
        monitor = Monitor(task, dataset(X, Y))
        found = [monitor.check(cut(block, first, first + size)) for first in range(0, len(block.loss), size)]
        assert [verdict for verdict in found if verdict] == [whole]
        assert found[whole.epoch // size] == whole


def cut(block: Block, first: int, last: int) -> Block:
    parts = (block.parameters, block.gradient, block.loss, block.score, block.lr)
    return Block(block.first + first, *(part[first:last] for part in parts))


def test_after_its_verdict_the_monitor_is_silent() -> None:
    monitor, block = Monitor(experiment({"optimizer.lr": 0.1}), dataset(X, Y)), line(Sgd(0.1))
    assert monitor.check(cut(block, 0, 4)) is not None
    assert monitor.check(cut(block, 4, 150)) is None


@pytest.mark.parametrize("name", ["loss", "gradient", "parameters"])
def test_the_first_number_that_is_not_finite_ends_it_whatever_the_optimizer(name: str) -> None:
    block = line(Sgd(0.01), 20)
    getattr(block, name)[13] = np.nan
    verdict = Monitor(experiment({"optimizer.name": "adam"}), dataset(X, Y)).check(block)
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since, verdict.growth) == ("non-finite", 13, 13, None)
    assert "epoch 13" in verdict.message


def test_an_explosion_faster_than_three_records_is_told_from_its_first() -> None:
    verdict = Monitor(experiment({"optimizer.lr": 1e12}), dataset(X, Y)).check(line(Sgd(1e12), 5))
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since) == ("non-finite", 2, 1)
    assert verdict.growth == pytest.approx((1e12 * 23.6619) ** 2, rel=0.01)


def test_data_too_large_for_the_first_record_are_blamed_themselves() -> None:
    block = line(Sgd(0.01), 1)
    block.loss[0] = np.inf
    verdict = Monitor(experiment(), dataset(X * 1e25, Y)).check(block)
    assert verdict is not None
    assert verdict.message == (
        "The loss is not finite before the first step: the numbers are too large for float32. Scale the columns."
    )


def test_a_change_of_lr_begins_the_count_of_rises_anew() -> None:
    before = cut(line(Sgd(0.1)), 0, 3)
    after = line(Sgd(0.01), 200, start=before.parameters[-1] - 0.01 * before.gradient[-1])
    later = Block(3, after.parameters, after.gradient, after.loss, after.score, after.lr)
    monitor = Monitor(experiment({"optimizer.lr": 0.1}), dataset(X, Y))
    assert monitor.check(before) is None
    assert monitor.check(later) is None


def test_a_rate_raised_too_far_while_training_is_flagged_from_that_record_on() -> None:
    calm = line(Sgd(0.05), 100)
    wild = line(Sgd(0.2), 30, start=calm.parameters[-1] - 0.2 * calm.gradient[-1])
    monitor = Monitor(experiment({"optimizer.lr": 0.05}), dataset(X, Y))
    joined = Block(
        0,
        *(
            np.concatenate((getattr(calm, name), getattr(wild, name)))
            for name in ("parameters", "gradient", "loss", "score", "lr")
        ),
    )
    verdict = monitor.check(joined)
    assert verdict is not None
    first_rise = 101 + int(np.argmax(np.diff(wild.loss) > 0)) + 1
    assert (verdict.rule, verdict.since) == ("rising", first_rise)
    assert "lr 0.2 is too large" in verdict.message


def test_momentum_beyond_one_is_named_as_the_cause() -> None:
    task = experiment({"optimizer.lr": 0.001, "optimizer.momentum": 1.5})
    verdict = Monitor(task, dataset(X, Y)).check(line(Sgd(0.001, momentum=1.5)))
    assert verdict is not None
    assert verdict.rule == "trend"
    assert verdict.message.endswith("Try a momentum and a dampening below 1.")


def test_the_transient_rise_of_the_heavy_ball_is_no_explosion() -> None:
    sgd = Sgd(3.95 / 23.6619, momentum=0.99)
    block = line(sgd, 400)
    assert block.loss.max() > 100 * block.loss[0]
    task = experiment({"optimizer.lr": sgd.lr, "optimizer.momentum": 0.99})
    assert Monitor(task, dataset(X, Y)).check(block) is None


def test_adamw_pulled_apart_by_its_weight_decay_is_flagged() -> None:
    weights = 3.0 * (-2.0) ** np.arange(30)
    theta = np.stack((weights, weights), axis=1)
    loss = np.square(theta @ LINE[0].T - Y).mean(axis=1)
    block = Block(0, theta, theta, loss, loss, np.full(30, 0.1))
    task = experiment({"optimizer.name": "adamw", "optimizer.lr": 0.1, "optimizer.weight_decay": 30.0})
    verdict = Monitor(task, dataset(X, Y)).check(block)
    assert verdict is not None
    assert verdict.rule == "trend"
    assert "×4.00 in the end" in verdict.message
