"""Linear and logistic regression: loss, gradient, curvature. NumPy only, no torch.

Everywhere θ, called ``theta``, has shape (p,): one weight per column of X, then the bias if the model has one.
"""

import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import chunks, design
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.moments import MOST, manageable, moments
from tui_regress.experiment import AdamW, Experiment, Linear, Logistic, Model
from tui_regress.problems import ExperimentError

Floats = NDArray[np.floating]
"""float64, or float32 where a run computes in it: every function here keeps the precision it is given."""


def parameter_names(model: Model, feature_names: Sequence[str]) -> tuple[str, ...]:
    """``w[column]`` for each feature, then ``b`` if the model has a bias."""
    return (*(f"w[{name}]" for name in feature_names), *(["b"] if model.bias else []))


class Evaluation(NamedTuple):
    """What a record holds of the objective at some parameters."""

    loss: float
    """In the experiment's own loss."""
    gradient: Floats
    """Shape (p,): of that loss."""
    score: float
    """Mean squared error of a linear model, accuracy in 0…1 of a logistic one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over rows, before the experiment's reduction: those of parts of the data add up to those of all."""

    loss: float
    """Sum of squared errors, or of binary cross-entropies."""
    gradient: Floats
    """Shape (p,): gradient of ``loss``."""
    score: float
    """Sum of squared errors, or the number of rows classified right."""
    count: int
    """Number of rows."""

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.loss + other.loss,
            self.gradient + other.gradient,
            self.score + other.score,
            self.count + other.count,
        )


def divisor(model: Model, count: int) -> int:
    """What a sum of squared errors or cross-entropies over ``count`` rows is divided by to give the model's loss."""
    return {"mse": count, "half-mse": 2 * count, "sse": 1, "bce": count, "bce-sum": 1}[model.loss]


@np.errstate(over="ignore", invalid="ignore")
def logits(model: Model, theta: Floats, X: Floats) -> Floats:
    """Xw + b, shape (n,): the prediction of a linear model, the log-odds of y = 1 of a logistic one."""
    if not model.bias:
        return X @ theta
    z = X @ theta[:-1]
    z += theta[-1]
    return z


@np.errstate(over="ignore", invalid="ignore")
def predict(model: Model, theta: Floats, X: Floats) -> Floats:
    """Shape (m,): the prediction for each row of X, shape (m, d); P(y = 1) for a logistic model."""
    z = logits(model, theta, X)
    return z if isinstance(model, Linear) else np.exp(-np.logaddexp(0, -z))


def row_losses(model: Model, z: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Each row's squared error or cross-entropy, and its derivative by the logit z, in the shape of z: (…, n)."""
    if isinstance(model, Linear):
        residual = z - y
        return residual * residual, 2 * residual
    # Through the log-odds of the right class: P − y would round to 0, and log(1 + e^z) − z lose its digits.
    sign = 2 * y - 1
    margin = sign * z
    losses = np.logaddexp(0, -margin)
    return losses, -sign * np.exp(-margin - losses)


@np.errstate(over="ignore", invalid="ignore")
def sums(model: Model, theta: Floats, X: Floats, y: Floats) -> Sums:
    """Loss, gradient and score summed over the rows of X, shape (n, d), with targets y, shape (n,).

    A logistic row counts as right where P > 1/2 and y = 1, or P ≤ 1/2 and y = 0.
    """
    z = logits(model, theta, X)
    losses, pull = row_losses(model, z, y)
    gradient = X.T @ pull
    if model.bias:
        gradient = np.append(gradient, pull.sum())
    loss = losses.sum()
    score = loss if isinstance(model, Linear) else float(np.where(y > 0, z > 0, z <= 0).sum())
    return Sums(loss, gradient, score, len(y))


@np.errstate(over="ignore", invalid="ignore")
def reduce(model: Model, total: Sums) -> Evaluation:
    """``total`` in the model's own loss: a mean, half a mean, or the sum itself."""
    by = divisor(model, total.count)
    return Evaluation(total.loss / by, total.gradient / by, total.score / total.count)


def evaluate(
    model: Model, theta: Floats, X: Floats, y: Floats, breathe: Callable[[], None] = lambda: None
) -> Evaluation:
    """Loss, gradient and score at ``theta`` over all rows of X, shape (n, d), with targets y, shape (n,).

    ``breathe`` is called after each portion of the rows.
    """

    def parts() -> Iterator[Sums]:
        for rows in chunks(*X.shape):
            yield sums(model, theta, X[rows], y[rows])
            breathe()

    return reduce(model, functools.reduce(operator.add, parts()))


@np.errstate(over="ignore", invalid="ignore")
def sample_gradients(model: Model, theta: FloatArray, X: FloatArray, y: FloatArray) -> FloatArray:
    """Shape (n, p): for each row the gradient of its own loss.

    That is its squared error (mse, sse), half of it (half-mse) or its cross-entropy (bce, bce-sum).
    """
    _, pull = row_losses(model, logits(model, theta, X), y)
    return pull[:, None] * design(X, model.bias) / (2 if model.loss == "half-mse" else 1)


def curvature(model: Model, dataset: Dataset) -> FloatArray:
    """Shape (p, p): the Hessian of a linear model's loss over the rows of ``dataset``, constant in θ.

    Of a logistic model, whose Hessian Σ P(1−P) x xᵀ moves with θ, its upper bound ¼ Σ x xᵀ in the same reduction:
    P(1−P) is at most ¼.
    """
    return moments(dataset, model.bias).gram * (curvature_of_ones(model, dataset.rows) / dataset.rows)


def curvature_of_ones(model: Model, rows: int) -> float:
    """What a column of ones has as its curvature, as in :func:`curvature`."""
    return (2.0 if isinstance(model, Linear) else 0.25) * rows / divisor(model, rows)


def coupled_decay(experiment: Experiment, rows: int) -> float:
    """Factor of ½|θ|² in the objective whose gradient the optimizer follows, beside the loss over all rows."""
    if isinstance(experiment.optimizer, AdamW):
        return 0.0
    # A summed loss over a minibatch is a share of the whole, while the decay comes in full at each step.
    steps = math.ceil(rows / batch_size(experiment, rows)) if experiment.model.loss in ("sse", "bce-sum") else 1
    return experiment.optimizer.weight_decay * steps


def check_fit(experiment: Experiment, dataset: Dataset) -> None:
    """Raise ExperimentError, naming the setting, where experiment and data do not fit each other."""
    model = experiment.model
    names = parameter_names(model, dataset.feature_names)
    if isinstance(model.init, tuple) and len(model.init) != len(names):
        hint = f"must hold {_numbers(len(names))} ({listed(names, ', ')}), not {len(model.init)}."
        raise ExperimentError("model.init", model.init, hint)
    for index, row in enumerate(experiment.predict.at):
        if len(row) != dataset.features:
            hint = f"must hold {_numbers(dataset.features)} ({listed(dataset.feature_names, ', ')}), not {len(row)}."
            raise ExperimentError(f"predict.at[{index}]", row, hint)
    if experiment.training.gradient == "statistics":
        if batch_size(experiment, dataset.rows) < dataset.rows:
            hint = f"needs full batches, a batch_size of 0 or of {dataset.rows} rows and more; use auto or analytic."
            raise ExperimentError("training.gradient", "statistics", hint)
        if not manageable(dataset, model.bias):
            hint = f"needs more rows than parameters, and at most {MOST:,} of those; use auto or analytic."
            raise ExperimentError("training.gradient", "statistics", hint)
    if isinstance(model, Logistic):
        other = dataset.y[(dataset.y != 0) & (dataset.y != 1)]
        if len(other):
            hint = f"needs a target of 0 and 1; {dataset.target_name} also holds {other[0]:g}."
            raise ExperimentError("model.kind", "logistic", hint)
        if len(classes := np.unique(dataset.y)) == 1:
            hint = f"needs rows of both classes; {dataset.target_name} is {classes[0]:g} in every row."
            raise ExperimentError("model.kind", "logistic", hint)


def starting_point(experiment: Experiment, dataset: Dataset) -> FloatArray:
    """Shape (p,): where a run starts, for the columns that training sees.

    Explicit numbers are meant in the units of the data; the other starts are what they are in training.
    """
    theta = initial_parameters(experiment.model, dataset.features, experiment.training.seed)
    return dataset.from_original(theta) if isinstance(experiment.model.init, tuple) else theta


def initial_parameters(model: Model, features: int, seed: int) -> FloatArray:
    """Shape (p,): where a run starts.

    "torch" gives what ``torch.manual_seed(seed); torch.nn.Linear(features, 1)`` holds, and leaves torch's own random
    numbers alone; it is the only start that loads torch.
    """
    bias = np.zeros(int(model.bias))
    match model.init:
        case "zeros":
            return np.append(np.zeros(features), bias)
        case "normal":
            return np.append(np.random.default_rng(seed).normal(0.0, 0.01, features), bias)
        case "torch":
            return _torch_start(features, model.bias, seed)
        case numbers:
            return np.array(numbers, dtype=np.float64)


def _torch_start(features: int, bias: bool, seed: int) -> FloatArray:
    import torch

    generator = torch.Generator().manual_seed(seed)
    weight = torch.nn.init.kaiming_uniform_(torch.empty(1, features), a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(features)
    rest = torch.empty(int(bias)).uniform_(-bound, bound, generator=generator)
    return np.append(weight.double().numpy().ravel(), rest.double().numpy())


def listed(names: Sequence[str], last: str = " and ") -> str:
    """``names`` in a sentence, five at the most where they are many."""
    if len(names) > 6:
        return ", ".join(names[:5]) + f" and {len(names) - 5} more"
    return last.join(filter(None, (", ".join(names[:-1]), names[-1])))


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"
