"""The experiments that are measured: on the CPU, without an end, their gradient left to the program."""

from typing import Any

from tests.benchmarks.claims import Scale
from tui_regress.experiment import Experiment, builtin, decode, override

ENDLESS = 1_000_000_000
FEATURES = 20
ROWS = 5_000_000


def cpu_line(_scale: Scale) -> Experiment:
    """Eleven points, full batch."""
    return _free(builtin("cpu-line"))


def cpu_line_autograd(_scale: Scale) -> Experiment:
    """The same by autograd."""
    return override(_free(builtin("cpu-line")), {"training.gradient": "autograd"})


def minibatches(_scale: Scale) -> Experiment:
    """1000×2, batches of 10."""
    return _free(builtin("d2l-concise"))


def per_sample(_scale: Scale) -> Experiment:
    """1000×2, one sample per step, of half the squared error: what SGDRegressor minimises."""
    settings = {"training.batch_size": 1, "model.loss": "half-mse", "optimizer.lr": 0.01}
    return override(_free(builtin("d2l-concise")), settings)


def pass_or_fail(_scale: Scale) -> Experiment:
    """A few rows of two classes, full batch."""
    return _free(builtin("pass-or-fail"))


def least_squares(scale: Scale) -> Experiment:
    """5,000,000×20, full batch."""
    return _large("linear", scale, lr=0.1)


def logistic(scale: Scale) -> Experiment:
    """5,000,000×20, full batch."""
    return _large("logistic", scale, lr=0.5)


def _free(experiment: Experiment) -> Experiment:
    settings = {"training.gradient": "auto", "training.epochs": ENDLESS, "device.name": "cpu"}
    return override(experiment, settings)


def _large(kind: str, scale: Scale, lr: float) -> Experiment:
    weights = [0.1 * (-1) ** k * (k + 1) / FEATURES for k in range(FEATURES)]
    data: dict[str, Any] = {"source": kind, "rows": scale.of(ROWS), "weights": weights, "bias": 0.5}
    data |= {"noise_scale": 0.1} if kind == "linear" else {}
    tables = {"data": data, "model": {"kind": kind}, "optimizer": {"name": "sgd", "lr": lr}, "name": f"large-{kind}"}
    return _free(decode(tables))
