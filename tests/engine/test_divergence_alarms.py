from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.engine.conftest import dataset, experiment
from tests.engine.descent import NOWHERE, DType, Loss, Runs, at_share, descend, per_row, sgd_of_any_kind
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Verdict
from tui_regress.experiment import Device, Experiment, Linear, Sgd, Training


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
    kinds = [sgd_of_any_kind(random, sharp) for sharp in sharpest]
    if plain:
        kinds = [Sgd(weight_decay=kind.weight_decay) for kind in kinds]
    sgds = [at_share(*each) for each in zip(kinds, shares, sharpest, strict=True)]
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
        precise = replace(problems, dtype="float64").run(400)
        # The first rise is that of exact arithmetic, but one that float32 can tell from its rounding.
        visible = 1e-9 if problems.dtype == "float64" else 1e-6
        decay = np.array([sgd.weight_decay for sgd in problems.sgds])
        falling = precise.loss + decay / 2 * np.square(precise.theta).sum(axis=2)
        for index, verdict in enumerate(verdicts(problems, runs)):
            rises = np.flatnonzero(np.diff(falling[:, index]) > visible * falling[1:, index])
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
