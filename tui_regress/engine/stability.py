"""What is known before the first step: the largest stable learning rate, the fastest one, and what lies beyond.

Exact for a linear model with full batches, estimated on the run's own batches for minibatches, a safe bound for a
logistic model. Optimizers with bounded steps have no such limit.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import lyapunov, objective
from tui_regress.engine.exact import Exact
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import divisor
from tui_regress.engine.recursion import fastest_heavy_ball, fastest_lr, largest_q, modes, radius, roots
from tui_regress.engine.spectrum import Spectrum, spectrum
from tui_regress.experiment import AdamW, Experiment, Linear, Model, Optimizer, Sgd

Kind = Literal["exact", "estimated", "bound"]
Regime = Literal["monotone", "oscillating", "unstable", "bounded", "singular"]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the scales of the columns do, and what standardising them would change."""

    carriers: tuple[tuple[str, float], ...]
    """(parameter, share of λmax) for those with a tenth of it or more, largest first."""
    features: int
    lambda_max: float
    """λmax with standardised columns: mean 0 and variance 1; without a bias only a mean square of 1."""
    condition: float
    """κ with standardised columns."""
    limit: float | None
    """Limit on lr with standardised columns; None where it would have to be estimated, or there is none."""
    repeats: tuple[tuple[str, ...], ...]
    """Groups of columns that repeat each other; a column alone is constant, and so repeats the bias."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known about a run before its first step."""

    lr: float
    dtype: str
    kind: Kind
    """exact; estimated, on the run's own minibatches; or bound: ``limit`` is safe, beyond it nothing is known."""
    regime: Regime
    lambda_max: float
    """Largest eigenvalue of the Hessian of the loss, with weight decay; for logistic models of its upper bound."""
    lambda_min: float
    """Smallest eigenvalue: 0 if the data do not determine the parameters, nan where it was too costly to compute."""
    limit: float
    """Largest stable lr; inf where this optimizer is stable at any, 0 where it is at none."""
    fastest: float | None = None
    """The constant lr that brings the error down fastest in the long run, all other settings kept."""
    growth: float | None = None
    """Factor per epoch by which the loss grows in the end; None if it does not."""
    overflow_epoch: int | None = None
    """First record whose loss is not finite in ``dtype``."""
    epochs_to_1e6: int | None = None
    """Epochs that bring the excess over the lowest loss down to a millionth of what it is at the start."""
    best_momentum: tuple[float, float] | None = None
    """(lr, momentum) with which the heavy ball is fastest."""
    hover: float | None = None
    """Excess loss of one step of length lr in the steepest direction: what bounded steps swing up to near the end."""
    scaling: Scaling | None = None

    @property
    def condition(self) -> float:
        """κ = λmax/λmin."""
        return self.lambda_max / self.lambda_min if self.lambda_min else math.inf

    @property
    def share(self) -> float:
        """lr as a share of the limit."""
        return self.lr / self.limit if self.limit else math.inf

    def to_json(self) -> dict[str, float | int | str | None]:
        """What the command line's ``start`` line holds; numbers that are not finite are "nan" and "inf"."""
        fields: dict[str, float | int | str | None] = {
            "lambda_max": self.lambda_max,
            "lambda_min": self.lambda_min,
            "condition": self.condition,
            "limit": self.limit,
            "share": self.share,
            "regime": self.regime,
            "fastest": self.fastest,
            "growth": self.growth,
            "overflow_epoch": self.overflow_epoch,
            "epochs_to_1e-6": self.epochs_to_1e6,
            "kind": self.kind,
        }
        return {
            key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in fields.items()
        }


def forecast(
    experiment: Experiment, dataset: Dataset, start: FloatArray | None = None, exact: Exact | None = None
) -> Forecast:
    """The forecast for ``experiment`` on ``dataset``.

    ``start``, shape (p,), is where the run begins: by default where the experiment says. ``exact`` sharpens the lowest
    loss. The eigenvalues of the last dataset are kept, so that another learning rate costs little. Raises InputError
    where the numbers are too large to be squared.
    """
    model, optimizer = experiment.model, experiment.optimizer
    found = spectrum(model, dataset)
    decay = 0.0 if isinstance(optimizer, AdamW) else optimizer.weight_decay
    curvatures = found.values[found.values + decay > 0] + decay
    base = Forecast(
        lr=optimizer.lr,
        dtype=experiment.device.dtype,
        kind="exact" if isinstance(model, Linear) else "bound",
        regime="bounded",
        lambda_max=float(curvatures[-1]),
        lambda_min=decay if found.singular else float(curvatures[0]) if found.complete else math.nan,
        limit=math.inf,
        growth=growth(experiment, dataset),
        scaling=_scaling(experiment, dataset, found),
    )
    if not isinstance(optimizer, Sgd):
        return _adaptive(base, optimizer)
    if not isinstance(model, Linear):
        return _logistic(base, experiment, optimizer, dataset.rows, curvatures)
    theta = _start(experiment, dataset) if start is None else start
    if batch_size(experiment, dataset.rows) < dataset.rows:
        return _minibatch(base, experiment, optimizer, dataset, theta)
    base = replace(
        base,
        limit=largest_q(optimizer) / base.lambda_max,
        regime=_regime(optimizer, optimizer.lr * curvatures, singular=not base.lambda_min),
    )
    course = modes(model, optimizer, dataset, theta, exact)
    if base.growth:
        base = replace(base, overflow_epoch=course.overflow(float(np.finfo(base.dtype).max)))
    if not found.complete:
        return replace(base, kind="estimated")
    low, high = float(curvatures[0]), float(curvatures[-1])
    return replace(
        base,
        fastest=fastest_lr(optimizer, low, high) if base.limit else None,
        epochs_to_1e6=course.epochs_to(1e-6) if base.share < 1 else None,
        best_momentum=fastest_heavy_ball(low, high),
    )


def growth(experiment: Experiment, dataset: Dataset) -> float | None:
    """Factor per epoch by which the loss grows in the end, None if it does not.

    Exact for full batches, an average over thousands of steps for minibatches.
    """
    model, optimizer = experiment.model, experiment.optimizer
    steps = math.ceil(dataset.rows / batch_size(experiment, dataset.rows))
    if isinstance(optimizer, AdamW):
        # Below 1 nothing grows, and 0 has no logarithm.
        rate = math.log(max(abs(1 - optimizer.lr * optimizer.weight_decay), 1.0))
    elif not isinstance(optimizer, Sgd):
        return None
    elif not isinstance(model, Linear):
        # The pull of the data is bounded: far out only the weight decay and the momentum count.
        rate = math.log(radius(optimizer, np.array([optimizer.lr * optimizer.weight_decay]))[0])
    elif steps == 1:
        curvatures = spectrum(model, dataset).values + optimizer.weight_decay
        rate = math.log(radius(optimizer, optimizer.lr * curvatures[curvatures > 0]).max())
    else:
        rate = lyapunov.exponent(experiment, optimizer, dataset)
    # The squared error grows with the square of the parameters, the cross-entropy as they do.
    exponent = (2 if isinstance(model, Linear) else 1) * steps * rate
    return math.exp(min(exponent, 700.0)) if exponent > 1e-12 else None


def predicted_losses(
    experiment: Experiment,
    dataset: Dataset,
    epochs: NDArray[np.integer],
    start: FloatArray | None = None,
    exact: Exact | None = None,
) -> FloatArray:
    """Shape (k,): the exact loss of the records ``epochs``, shape (k,), inf once beyond float64.

    For a linear model, sgd and full batches; raises ValueError for anything else. ``start``, ``exact``: see forecast.
    """
    model, optimizer = experiment.model, experiment.optimizer
    full = batch_size(experiment, dataset.rows) == dataset.rows
    if not (isinstance(model, Linear) and isinstance(optimizer, Sgd) and full):
        raise ValueError("only sgd with full batches on a linear model can be predicted exactly")
    theta = _start(experiment, dataset) if start is None else start
    return modes(model, optimizer, dataset, theta, exact).losses(epochs.astype(np.float64))


def safe_lr(forecast: Forecast, lr: float) -> float:
    """A learning rate to go on with after ``lr`` has failed: smaller, and stable as far as is known."""
    if not 0 < forecast.limit < math.inf:
        return readable(lr / 10)
    if forecast.kind == "exact" and forecast.hover is None:
        known = min(forecast.fastest or math.inf, 0.9 * forecast.limit)
        return readable(known if known < lr else lr / 2)
    return readable(min(0.5 * forecast.limit, lr / 2))


def readable(lr: float) -> float:
    """``lr`` rounded down to two significant digits: a number for a person, and no less safe."""
    unit = 10.0 ** (math.floor(math.log10(lr)) - 1)
    return float(f"{math.floor(lr / unit + 1e-9) * unit:.2g}")


def _adaptive(base: Forecast, optimizer: Optimizer) -> Forecast:
    """Every step is bounded, but for the weight decay that AdamW adds to it."""
    # AdamW takes lr·wd of the parameters away beside its step: with 2 or more they swing ever further.
    limit = 2 / optimizer.weight_decay if isinstance(optimizer, AdamW) and optimizer.weight_decay else math.inf
    hover = base.lambda_max * optimizer.lr**2 / 2
    return replace(base, limit=limit, hover=hover, regime="unstable" if base.growth else "bounded")


def _logistic(base: Forecast, experiment: Experiment, sgd: Sgd, rows: int, curvatures: FloatArray) -> Forecast:
    """A bound that is safe; beyond it the loss may swing, but only weight decay and momentum can make it explode."""
    # A summed loss over a minibatch is a share of the whole, while the decay comes in full at each step.
    curvatures = (curvatures - sgd.weight_decay) * _step_share(experiment, rows) + sgd.weight_decay
    base = replace(base, limit=_safe_q(experiment.model, sgd) / float(curvatures[-1]))
    if base.share >= 1:
        return replace(base, regime="unstable" if base.growth else "bounded")
    return replace(base, regime=_regime(sgd, sgd.lr * curvatures, singular=not base.lambda_min))


def _minibatch(base: Forecast, experiment: Experiment, sgd: Sgd, dataset: Dataset, start: FloatArray) -> Forecast:
    """What the recursion on the run's own minibatches tells."""
    model, rows = experiment.model, dataset.rows
    base = replace(base, kind="estimated")
    if largest_q(sgd) == 0:
        return replace(base, limit=0.0, regime="unstable")
    average = (base.lambda_max - sgd.weight_decay) * _step_share(experiment, rows) + sgd.weight_decay
    limit, fastest = lyapunov.stable_rates(experiment, sgd, dataset, average)
    base = replace(base, limit=limit, fastest=fastest)
    regime = _regime(sgd, np.array([sgd.lr * average]), singular=not base.lambda_min)
    # The batches have the last word: a rate beyond the limit of the average curvature may be within theirs.
    if (base.share >= 1) != (regime == "unstable"):
        regime = "unstable" if base.share >= 1 else "oscillating"
    base = replace(base, regime=regime)
    if base.growth is None:
        return base
    squares = objective.evaluate(model, start, dataset.X, dataset.y).loss * divisor(model, rows)
    if not 0 < squares < math.inf:
        return base
    room = math.log(np.finfo(base.dtype).max) - math.log(squares)
    return replace(base, overflow_epoch=math.ceil(room / math.log(base.growth)))


def _scaling(experiment: Experiment, dataset: Dataset, found: Spectrum) -> Scaling | None:
    if found.standardised is None or not len(found.standardised):
        return None
    optimizer = experiment.optimizer
    names = (*dataset.feature_names, "b")
    shares = np.square(found.vectors[:, -1])
    high, low = float(found.standardised[-1]), float(found.standardised[0])
    limit = None
    if isinstance(optimizer, Sgd) and batch_size(experiment, dataset.rows) == dataset.rows:
        limit = _safe_q(experiment.model, optimizer) / (high + optimizer.weight_decay)
    return Scaling(
        carriers=tuple((names[i], float(shares[i])) for i in np.argsort(-shares) if shares[i] >= 0.1),
        features=dataset.features,
        lambda_max=high,
        condition=high / low,
        limit=limit,
        repeats=tuple(tuple(names[i] for i in group) for group in found.repeats),
    )


def _regime(sgd: Sgd, q: FloatArray, *, singular: bool) -> Regime:
    """The regime of the recursions for lr·λ = ``q``, shape (r,), ascending."""
    if q[-1] >= largest_q(sgd):
        return "unstable"
    if singular:
        return "singular"
    first, second = roots(sgd, q)
    # A real root below 0 changes sides at each step, complex ones in the course of some.
    within = 1e-7
    smooth = (np.abs(first.imag) < within) & (first.real > -within) & (second.real > -within)
    return "monotone" if smooth.all() else "oscillating"


def _safe_q(model: Model, sgd: Sgd) -> float:
    """``largest_q``; for a curvature that changes on the way, the part of it that is proven (Ghadimi et al., 2015)."""
    return largest_q(sgd) if isinstance(model, Linear) else max(2 * (1 - sgd.momentum), 0.0)


def _step_share(experiment: Experiment, rows: int) -> float:
    """Average curvature of one step's loss as a share of the whole loss's: below 1 for sums over a part of the rows."""
    size = batch_size(experiment, rows)
    return (size / divisor(experiment.model, size)) / (rows / divisor(experiment.model, rows))


def _start(experiment: Experiment, dataset: Dataset) -> FloatArray:
    return objective.initial_parameters(experiment.model, dataset.features, experiment.training.seed)
