"""Full-batch gradient descent written down once more, and problems for it: what the program must agree with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec.structs import replace

from tests.engine.conftest import LINE_X, LINE_Y, dataset
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.events import Block
from tui_regress.experiment import Linear, Points, Sgd

DType = Literal["float32", "float64"]
Loss = Literal["mse", "half-mse", "sse"]
NOWHERE = Points(x=(0.0, 1.0), y=(0.0, 1.0))
X, Y = np.array(LINE_X, dtype=float), np.array(LINE_Y, dtype=float)
LINE = dataset(X, Y)


def per_row(loss: Loss, rows: int) -> float:
    """Weight of one squared error in the loss."""
    return {"mse": 1 / rows, "half-mse": 0.5 / rows, "sse": 1.0}[loss]


def columns(model: Linear, data: Dataset) -> FloatArray:
    return np.column_stack((data.X, np.ones(data.rows))) if model.bias else data.X


def hessian(model: Linear, data: Dataset) -> FloatArray:
    A = columns(model, data)
    return A.T @ A * (2 * per_row(model.loss, data.rows))


def stable_q(sgd: Sgd) -> float:
    """Largest stable lr·λ, by the textbook."""
    if sgd.nesterov:
        return (2 + 2 * sgd.momentum) / (1 + 2 * sgd.momentum)
    return 2 * (1 + sgd.momentum) / (1 - sgd.dampening)


def at_share(sgd: Sgd, share: float, sharpest: float) -> Sgd:
    """``sgd`` with an lr of that share of its limit, where ``sharpest`` is the largest eigenvalue of the Hessian."""
    return replace(sgd, lr=float(share * stable_q(sgd) / (sharpest + sgd.weight_decay)))


def problem(random: np.random.Generator, rows: int | None = None) -> tuple[Linear, Dataset]:
    """d 1–10, n 2–500, κ up to 1e6."""
    n = rows or int(np.exp(random.uniform(np.log(2), np.log(500))))
    d = int(random.integers(1, 11))
    A = random.normal(size=(n, d)) * 10 ** np.linspace(random.uniform(-1, 1), random.uniform(-2, 2), d)
    y = A @ random.normal(size=d) + random.choice([0.0, 1.0]) * random.normal(size=n)
    return Linear(bias=bool(random.integers(2)), loss=random.choice(["mse", "half-mse", "sse"])), dataset(A, y)


def sgd_of_any_kind(random: np.random.Generator, sharpest: float) -> Sgd:
    mu = float(random.choice([0, 0.3, 0.9]))
    nesterov = bool(mu and random.integers(2))
    tau = float(random.choice([0, 0.5])) if mu and not nesterov else 0.0
    return Sgd(1.0, mu, tau, float(random.choice([0, 0.1])) * sharpest, nesterov)


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


def losses(model: Linear, data: Dataset, sgd: Sgd, epochs: int, dtype: DType = "float64") -> FloatArray:
    """Shape (epochs + 1,): of a run from zeros."""
    A = columns(model, data)
    start, weight = np.zeros((1, A.shape[1])), per_row(model.loss, data.rows)
    return descend(A[None], data.y[None], start, weight, [sgd], epochs, dtype).loss[:, 0]
