"""What is known before the first step: the largest stable learning rate, the fastest one, and what lies beyond.

A linear model's loss is a quadratic, L(θ) = L* + ½(θ−θ*)ᵀH(θ−θ*), so the error along each eigenvector of H follows a
recursion of its own: full batches are forecast exactly. For minibatches the same recursion, which needs no targets, is
run on the batches themselves; its growth rate has a limit (Furstenberg and Kesten, 1960).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.chunks import CHUNK, chunks, design
from tui_regress.engine.objective import Exact, divisor
from tui_regress.experiment import AdamW, Experiment, Linear, Model, Sgd
from tui_regress.problems import InputError

Kind = Literal["exact", "estimated", "bound"]
Regime = Literal["monotone", "oscillating", "unstable", "bounded", "singular"]
ComplexArray = NDArray[np.complex128]
EPS = float(np.finfo(np.float64).eps)
MOST = 2000
"""Rows or parameters up to which all eigenvalues are computed: a few seconds at the most."""


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
    """Excess loss of one step of length lr in the sharpest direction: what bounded steps swing up to near the end."""
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
    loss. The eigenvalues of the last dataset are kept, so that another learning rate costs little.
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
        # AdamW takes lr·wd of the parameters away beside its step: with 2 or more they swing ever further.
        limit = 2 / optimizer.weight_decay if isinstance(optimizer, AdamW) and optimizer.weight_decay else math.inf
        hover = base.lambda_max * optimizer.lr**2 / 2
        return replace(base, limit=limit, hover=hover, regime="unstable" if base.growth else "bounded")
    if isinstance(model, Linear) and batch_size(experiment, dataset.rows) < dataset.rows:
        return _estimated(base, experiment, optimizer, dataset, start)
    if not isinstance(model, Linear):
        # A summed loss over a minibatch is a share of the whole, while the decay comes in full at each step.
        curvatures = (curvatures - decay) * _step_share(experiment, dataset.rows) + decay
    limit = _safe_q(model, optimizer) / float(curvatures[-1])
    base = replace(
        base, limit=limit, regime=_regime(optimizer, optimizer.lr * curvatures, singular=not base.lambda_min)
    )
    if not isinstance(model, Linear):
        return replace(base, regime="unstable" if base.growth else "bounded") if base.share >= 1 else base
    modes = _modes(experiment, optimizer, dataset, start, exact)
    base = replace(base, overflow_epoch=modes.overflow(float(np.finfo(base.dtype).max)) if base.growth else None)
    if not found.complete:
        return replace(base, kind="estimated")
    root_high, root_low = math.sqrt(curvatures[-1]), math.sqrt(curvatures[0])
    return replace(
        base,
        fastest=_fastest(optimizer, float(curvatures[0]), float(curvatures[-1])) if limit else None,
        epochs_to_1e6=modes.epochs_to(1e-6) if base.share < 1 else None,
        best_momentum=(
            4 / (root_high + root_low) ** 2,
            ((root_high - root_low) / (root_high + root_low)) ** 2,
        ),
    )


def growth(experiment: Experiment, dataset: Dataset) -> float | None:
    """Factor per epoch by which the loss grows in the end, None if it does not.

    Exact for full batches, an average over thousands of steps for minibatches.
    """
    model, optimizer = experiment.model, experiment.optimizer
    size = batch_size(experiment, dataset.rows)
    steps = math.ceil(dataset.rows / size)
    if isinstance(optimizer, AdamW):
        rate = math.log(max(abs(1 - optimizer.lr * optimizer.weight_decay), EPS))
    elif not isinstance(optimizer, Sgd):
        return None
    elif not isinstance(model, Linear):
        # The pull of the data is bounded: far out only the weight decay and the momentum count.
        rate = math.log(_radius(optimizer, np.array([optimizer.lr * optimizer.weight_decay]))[0])
    elif steps == 1:
        curvatures = spectrum(model, dataset).values + optimizer.weight_decay
        rate = math.log(_radius(optimizer, optimizer.lr * curvatures[curvatures > 0]).max())
    else:
        rate = float(_log_growth(experiment, optimizer, dataset, np.array([optimizer.lr]), 16000)[0])
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
    if not (
        isinstance(experiment.model, Linear)
        and isinstance(experiment.optimizer, Sgd)
        and batch_size(experiment, dataset.rows) == dataset.rows
    ):
        raise ValueError("only sgd with full batches on a linear model can be predicted exactly")
    return _modes(experiment, experiment.optimizer, dataset, start, exact).losses(epochs.astype(np.float64))


def batch_size(experiment: Experiment, rows: int) -> int:
    """Rows per step."""
    return min(experiment.training.batch_size or rows, rows)


# In words


def explain(forecast: Forecast) -> tuple[str, ...]:
    """What the forecast says, in sentences for a screen, the most important first."""
    return (_regime_words(forecast), *_outlook(forecast), *_scaling_words(forecast))


def against_limit(forecast: Forecast, lr: float) -> str:
    """``lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66)``; only where there is a limit above 0."""
    share = lr / forecast.limit
    size = f"{100 * share:.0f} % of" if share < 10 else f"{share:,.0f} times"
    what = "safe bound" if forecast.kind == "bound" else "limit"
    if forecast.hover is not None:
        why = "2 over the weight decay"
    elif forecast.kind == "estimated":
        why = "estimated" if math.isnan(forecast.lambda_min) else "estimated on this run's own batches"
    else:
        why = f"{forecast.limit * forecast.lambda_max:.3g}/λmax, λmax {short(forecast.lambda_max, 4)}"
    return f"lr {plain(lr)} is {size} the {what} {short(forecast.limit)} ({why})"


def remedy(forecast: Forecast) -> str:
    """What to do about too large an lr: a smaller one, the fastest if it keeps clear of the limit, or better scales."""
    if forecast.limit == 0:
        return "Try a momentum and a dampening below 1."
    if math.isinf(forecast.limit):
        return f"Try lr {rounded_down(forecast.lr / 10)}."
    # Too near the limit, the fastest rate forgives nothing.
    if forecast.fastest is not None and forecast.fastest < 0.99 * forecast.limit:
        rate, why = forecast.fastest, "fastest"
    else:
        rate, why = 0.9 * forecast.limit, "90 % of the limit"
    scaling = forecast.scaling
    if scaling is None or scaling.lambda_max > 0.9 * forecast.lambda_max or forecast.hover is not None:
        return f"Try lr {rounded_down(rate)} ({why})."
    columns = scaling.carriers[0][0] if scaling.features == 1 else "the columns"
    gain = "" if scaling.limit is None else f" (limit {short(scaling.limit)})"
    return f"Try lr {rounded_down(rate)} ({why}), or standardise {columns}{gain}."


def safe_lr(forecast: Forecast, lr: float) -> float:
    """A learning rate to go on with after ``lr`` has failed: smaller, and stable as far as is known."""
    if forecast.kind == "exact" and forecast.hover is None and 0 < forecast.limit < math.inf:
        known = min(forecast.fastest or math.inf, 0.9 * forecast.limit)
        return known if known < lr else lr / 2
    if 0 < forecast.limit < math.inf:
        return min(0.5 * forecast.limit, lr / 2)
    return lr / 10


def short(value: float, digits: int = 3) -> str:
    """``value`` with that many significant digits: ``0.0845``, ``1.00``, ``2.25e4``."""
    return _exponent(f"{value:#.{digits}g}").rstrip(".")


def plain(value: float) -> str:
    """``value`` as a person would type it: ``0.1``, ``1e-5``."""
    return _exponent(f"{value:g}")


def _exponent(text: str) -> str:
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def rounded_down(value: float) -> str:
    """As ``short``, but never above ``value``: a limit rounded up is none."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return short(math.floor(value / unit + 1e-9) * unit)


def _regime_words(forecast: Forecast) -> str:
    if forecast.limit == 0:
        return "A momentum or dampening of 1 or more is stable at no learning rate."
    if math.isinf(forecast.limit):
        swing = "" if forecast.hover is None else f"; near the end the loss may swing by about {short(forecast.hover)}"
        return f"No learning rate makes this optimizer explode: each step is at most about lr per parameter{swing}."
    if forecast.hover is not None and forecast.regime == "bounded":
        return f"{against_limit(forecast, forecast.lr)}: each step is bounded, nothing explodes."
    ending = {
        "monotone": "every direction goes straight downhill",
        "oscillating": "the sharpest direction overshoots and comes back, nearer each time",
        "unstable": "every step overshoots further than the last",
        "bounded": "the loss may swing at a high level, but does not explode",
        "singular": "stable, though the data do not determine all parameters",
    }[forecast.regime]
    return f"{against_limit(forecast, forecast.lr)}: {ending}."


def _outlook(forecast: Forecast) -> Iterator[str]:
    if forecast.growth is not None:
        when = (
            ""
            if forecast.overflow_epoch is None
            else f" {forecast.dtype} overflows at epoch {forecast.overflow_epoch:,}."
        )
        yield f"In the end the loss grows ×{short(forecast.growth)} per epoch.{when}"
    if forecast.epochs_to_1e6 is not None:
        yield f"The excess over the lowest loss is down to a millionth after {forecast.epochs_to_1e6:,} epochs."
    if forecast.fastest is not None:
        momentum = ""
        if forecast.best_momentum is not None and forecast.best_momentum[1] > 0.01:
            momentum = f"; with momentum {short(forecast.best_momentum[1])} it is {short(forecast.best_momentum[0])}"
        yield f"The fastest constant lr is {short(forecast.fastest)}{momentum}."
    if math.isfinite(forecast.condition):
        yield f"κ = {short(forecast.condition)}: the sharpest direction is that many times as curved as the flattest."


def _scaling_words(forecast: Forecast) -> Iterator[str]:
    scaling = forecast.scaling
    if scaling is None:
        return
    if scaling.lambda_max < 0.9 * forecast.lambda_max or scaling.condition < 0.5 * forecast.condition:
        carriers = " and ".join(f"{name} ({100 * share:.0f} %)" for name, share in scaling.carriers)
        gain = "" if scaling.limit is None else f"the limit would be {short(scaling.limit)} and "
        yield f"λmax comes from {carriers}. With standardised columns {gain}κ would be {short(scaling.condition)}."
    for group in scaling.repeats:
        yield f"{group[0]} is constant." if len(group) == 1 else f"{', '.join(group)} repeat each other."


# Curvature


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Eigenvalues and eigenvectors of the Hessian of the loss, without weight decay."""

    values: FloatArray
    """Shape (r,), ascending, none negative; r < p where the rest are 0 or unknown."""
    vectors: FloatArray
    """Shape (p, r)."""
    complete: bool
    """Whether these are all eigenvalues above 0."""
    singular: bool
    """Whether the data leave some direction undetermined, judged with all columns at the same scale."""
    standardised: FloatArray | None = None
    """Eigenvalues above 0, ascending, with standardised columns; None with fewer rows than parameters, or thousands."""
    repeats: tuple[tuple[int, ...], ...] = ()
    """Groups of parameters whose columns depend on each other."""


@lru_cache(maxsize=1)
def spectrum(model: Model, dataset: Dataset) -> Spectrum:
    """The spectrum for ``model`` on ``dataset``, in float64; the last one is kept.

    Raises InputError where the numbers are too large to be squared.
    """
    n, p = dataset.rows, dataset.features + model.bias
    with np.errstate(over="ignore"):
        if not np.einsum("ij,ij->", dataset.X, dataset.X) < 1e300:
            raise InputError("the numbers in the data are too large: the sum of their squares must stay below 1e300.")
    # What a column of ones has as its curvature.
    unit = float(objective.curvature(msgspec.structs.replace(model, bias=False), np.ones((n, 1)))[0, 0])
    if p <= min(n, MOST):
        hessian = objective.curvature(model, dataset.X)
        values, vectors = np.linalg.eigh(hessian)
        standardised, repeats = _standardise(hessian, unit, bias=model.bias)
        # Rounding must leave no direction out that the data determine, nor let one in that they do not.
        floor = 4 * p * EPS * values[-1]
        values = np.where(values > floor, values, 0.0 if repeats else floor)
        values[-1] = max(values[-1], float(np.finfo(np.float64).tiny))
        return Spectrum(
            values, vectors, complete=True, singular=bool(repeats), standardised=standardised, repeats=repeats
        )
    A = design(dataset.X, model.bias)
    if n <= MOST:
        squares, left = np.linalg.eigh(A @ A.T)
        kept = squares > n * EPS * squares[-1]
        vectors = A.T @ left[:, kept] / np.sqrt(squares[kept])
        return Spectrum(squares[kept] * unit / n, vectors, complete=True, singular=True)
    # Thousands of rows and columns: torch's randomised iteration finds the largest without the p × p matrix.
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, singular_values, right = torch.svd_lowrank(torch.tensor(A), q=24, niter=24)
    squares, vectors = singular_values.numpy()[::-1] ** 2, right.numpy()[:, ::-1]
    return Spectrum(squares * unit / n, vectors, complete=False, singular=n < p)


def _standardise(hessian: FloatArray, unit: float, *, bias: bool) -> tuple[FloatArray, tuple[tuple[int, ...], ...]]:
    """Eigenvalues above 0 with standardised columns, and the groups of parameters that depend on each other."""
    raw = hessian.diagonal().copy()
    centred = hessian.copy()
    if bias:
        centred[:-1, :-1] -= np.outer(hessian[:-1, -1], hessian[-1, :-1]) / unit
        centred[:-1, -1] = centred[-1, :-1] = 0.0
    variance = centred.diagonal().copy()
    # A spread below 3e-7 of the mean is lost in float32, and nearly so in the difference above.
    constant = variance <= 1e-13 * raw
    scale = np.sqrt(np.where(constant, unit, variance) / unit)
    centred[constant] = centred[:, constant] = 0.0
    values, vectors = np.linalg.eigh(centred / np.outer(scale, scale))
    # What centring and the sums before it may have lost, column by column.
    blur = 8 * len(values) * EPS * unit * np.where(constant, 1.0, raw / np.where(constant, 1.0, variance))
    lost = values <= blur @ np.square(vectors)
    together = np.abs(vectors[:, lost] @ vectors[:, lost].T) > 1e-6
    return values[~lost], tuple(_groups(together))


def _groups(together: NDArray[np.bool_]) -> Iterator[tuple[int, ...]]:
    """Connected groups in the symmetric relation ``together``."""
    left = set(np.flatnonzero(together.diagonal()).tolist())
    while left:
        group, reached = set(), {min(left)}
        while reached:
            group |= reached
            reached = set(np.flatnonzero(together[list(group)].any(axis=0)).tolist()) - group
        left -= group
        yield tuple(sorted(group))


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


# The recursion of the error along one eigenvector


def largest_q(sgd: Sgd) -> float:
    """Largest stable lr·λ: the point where a root of the recursion reaches −1."""
    if sgd.momentum == 0:
        return 2.0
    if sgd.momentum >= 1 or sgd.dampening >= 1:
        return 0.0
    if sgd.nesterov:
        return (2 + 2 * sgd.momentum) / (1 + 2 * sgd.momentum)
    return 2 * (1 + sgd.momentum) / (1 - sgd.dampening)


def _safe_q(model: Model, sgd: Sgd) -> float:
    """``largest_q``; for a curvature that changes on the way, the part of it that is proven (Ghadimi et al., 2015)."""
    return largest_q(sgd) if isinstance(model, Linear) else max(2 * (1 - sgd.momentum), 0.0)


def _roots(sgd: Sgd, q: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """Roots r of eₖ₊₁ = t·eₖ − m·eₖ₋₁, the larger first, for lr·λ = ``q``."""
    mu = sgd.momentum
    if sgd.nesterov:
        t, m = 1 + mu - q * (1 + mu), mu * (1 - q)
    else:
        t, m = 1 + mu - q * (1 - (sgd.dampening if mu else 0.0)), np.full_like(q, mu)
    gap = np.sqrt((t * t / 4 - m).astype(np.complex128))
    # A double root would need a formula of its own; a millionth of a percent beside it, this one holds to 1e-8.
    gap = np.where(np.abs(gap) < 1e-8, 1e-8, gap) * np.where(t < 0, -1, 1)
    middle = (t / 2).astype(np.complex128)
    return middle + gap, middle - gap


def _radius(sgd: Sgd, q: FloatArray) -> FloatArray:
    """Factor per step of the error in the long run, for lr·λ = ``q``."""
    return np.abs(_roots(sgd, q)[0])


def _regime(sgd: Sgd, q: FloatArray, *, singular: bool) -> Regime:
    """The regime of the recursions for lr·λ = ``q``, shape (r,), ascending."""
    if q[-1] >= largest_q(sgd):
        return "unstable"
    if singular:
        return "singular"
    first, second = _roots(sgd, q)
    # A real root below 0 changes sides at each step, complex ones in the course of some.
    within = 1e-7
    smooth = (np.abs(first.imag) < within) & (first.real > -within) & (second.real > -within)
    return "monotone" if smooth.all() else "oscillating"


def _fastest(sgd: Sgd, low: float, high: float) -> float:
    """The lr with the smallest long-run factor over all eigenvalues from ``low`` to ``high``."""
    if sgd.momentum == 0:
        return 2 / (low + high)
    # The factor falls, then rises with lr·λ: the worst eigenvalue is the first or the last.
    limit = largest_q(sgd) / high
    rates = limit * np.geomspace(1e-6, 1.0, 400)
    for _ in range(3):
        best = int(np.argmin(np.maximum(_radius(sgd, rates * low), _radius(sgd, rates * high))))
        rates = np.geomspace(rates[max(best - 1, 0)], rates[min(best + 1, len(rates) - 1)], 100)
    return float(rates[50])


@dataclass(frozen=True, slots=True, eq=False)
class _Modes:
    """The error along each of r eigenvectors: offset + A·r₁ᵏ + B·r₂ᵏ after k epochs. All arrays have shape (r,)."""

    curvature: FloatArray
    """Of the loss alone."""
    decay: float
    """Weight decay: what descends is loss + ½·decay·|θ|²."""
    offset: FloatArray
    """Where the descent ends, seen from the lowest loss: the weight decay's doing."""
    first: ComplexArray
    second: ComplexArray
    A: ComplexArray
    B: ComplexArray
    lowest: float
    """The lowest loss there is."""
    per_square: float
    """Sum of squared errors per unit of loss."""

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def losses(self, epochs: FloatArray) -> FloatArray:
        """Shape (k,): the losses of the records ``epochs``, shape (k,)."""
        total = np.full(len(epochs), self.lowest)
        modes = zip(self.curvature, self.offset, self.first, self.second, self.A, self.B, strict=True)
        for curvature, offset, first, second, A, B in modes:
            error = offset + (A * first**epochs + B * second**epochs).real
            total += curvature / 2 * error**2
        return np.where(np.isnan(total), np.inf, total)

    @np.errstate(divide="ignore")
    def _log_excess(self, curvature: FloatArray, epoch: int) -> float:
        """log of Σ ½·curvature·(distance from the end)², which may be far beyond float64."""
        turn = np.where(self.first == 0, 0, self.second / np.where(self.first == 0, 1, self.first))
        size = epoch * np.log(np.abs(self.first)) if epoch else 0.0
        logs = np.log(curvature / 2) + 2 * (size + np.log(np.abs(self.A + self.B * turn**epoch)))
        return float(np.logaddexp.reduce(logs))

    def overflow(self, largest: float) -> int | None:
        """First epoch whose sum of squared errors is beyond ``largest``: a mean takes the sum first."""
        bound = math.log(largest) - math.log(self.per_square)
        return _first(lambda epoch: self._log_excess(self.curvature, epoch) > bound)

    def epochs_to(self, fraction: float) -> int | None:
        """First epoch with at most that fraction of the excess at the start, in what descends."""
        curvature = self.curvature + self.decay
        goal = self._log_excess(curvature, 0) + math.log(fraction)
        return _first(lambda epoch: self._log_excess(curvature, epoch) <= goal)


@np.errstate(over="ignore", invalid="ignore")
def _modes(experiment: Experiment, sgd: Sgd, dataset: Dataset, start: FloatArray | None, exact: Exact | None) -> _Modes:
    """The recursion of a linear model under ``sgd`` with full batches, from its own first step on."""
    model = experiment.model
    theta = _start(experiment, dataset) if start is None else start
    at = objective.evaluate(model, theta, dataset.X, dataset.y)
    found = spectrum(model, dataset)
    curvature, decay = found.values, sgd.weight_decay
    slope = found.vectors.T @ at.gradient
    pull = slope + decay * (found.vectors.T @ theta)
    above = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
    error = np.divide(pull, curvature + decay, out=np.zeros_like(slope), where=curvature + decay > 0)
    offset = above - error
    if exact is None:
        lowest = max(at.loss - float(curvature @ above**2) / 2, 0.0)
    else:
        lowest = exact.loss - float(curvature @ offset**2) / 2
    q = sgd.lr * (curvature + decay)
    first, second = _roots(sgd, q)
    # torch's first step has no dampening, and Nesterov's looks one step ahead already.
    stepped = error * (1 - q * (1 + sgd.momentum if sgd.nesterov else 1))
    A = (stepped - second * error) / (first - second)
    rows = dataset.rows
    return _Modes(curvature, decay, offset, first, second, A, error - A, lowest, float(divisor(model, rows)))


def _start(experiment: Experiment, dataset: Dataset) -> FloatArray:
    return objective.initial_parameters(experiment.model, dataset.features, experiment.training.seed)


def _first(holds: Callable[[int], bool], most: int = 10**12) -> int | None:
    """The first number from 0 on for which ``holds``, given that it then holds for all; None beyond ``most``."""
    if holds(0):
        return 0
    high = 1
    while not holds(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


# Minibatches


def _step_share(experiment: Experiment, rows: int) -> float:
    """Average curvature of one step's loss as a share of the whole loss's: below 1 for sums over a part of the rows."""
    size = batch_size(experiment, rows)
    return (size / divisor(experiment.model, size)) / (rows / divisor(experiment.model, rows))


def _estimated(
    base: Forecast, experiment: Experiment, sgd: Sgd, dataset: Dataset, start: FloatArray | None
) -> Forecast:
    """``base`` with what the recursion on the run's own minibatches tells."""
    model, size = experiment.model, batch_size(experiment, dataset.rows)
    average = (base.lambda_max - sgd.weight_decay) * _step_share(experiment, dataset.rows) + sgd.weight_decay
    longest = max(float(np.square(dataset.X[part]).sum(axis=1).max()) for part in chunks(*dataset.X.shape))
    steepest = 2 * (longest + model.bias) * size / divisor(model, size) + sgd.weight_decay
    largest = largest_q(sgd)
    if largest == 0:
        return replace(base, kind="estimated", limit=0.0, regime="unstable")
    # Below the first rate every step shrinks the error, even where momentum adds up steps of the steepest batch.
    first = (1 - sgd.momentum) / max(1.0, 1 - sgd.dampening) / steepest
    rates = np.geomspace(first, 8 * largest / average, 40)
    grown = _log_growth(experiment, sgd, dataset, rates, 4000)
    over = int(np.argmax(grown > 0)) if (grown > 0).any() else len(rates) - 1
    closer = np.linspace(rates[max(over - 1, 0)], rates[over], 16)
    beyond = _log_growth(experiment, sgd, dataset, closer, 16000) > 0
    limit = float(closer[max(int(np.argmax(beyond)) - 1, 0) if beyond.any() else -1])
    base = replace(base, kind="estimated", limit=limit, fastest=float(rates[np.argmin(grown[: over + 1])]))
    regime = "unstable" if base.share >= 1 else _regime(sgd, np.array([sgd.lr * average]), singular=not base.lambda_min)
    if base.growth is None:
        return replace(base, regime=regime)
    theta = _start(experiment, dataset) if start is None else start
    squares = objective.evaluate(model, theta, dataset.X, dataset.y).loss * divisor(model, dataset.rows)
    if not 0 < squares < math.inf:
        return replace(base, regime=regime)
    room = math.log(np.finfo(base.dtype).max) - math.log(squares)
    return replace(base, regime=regime, overflow_epoch=math.ceil(room / math.log(base.growth)))


@np.errstate(under="ignore")
def _log_growth(experiment: Experiment, sgd: Sgd, dataset: Dataset, rates: FloatArray, most: int) -> FloatArray:
    """Shape (l,): mean log growth of the error per step, over ``most`` steps, at each of ``rates``, shape (l,).

    0 where it is too small to tell from rounding and chance.
    """
    model = experiment.model
    size, p = batch_size(experiment, dataset.rows), dataset.features + model.bias
    # Large batches cost more and vary less. A multiple of the steps between two renormalisations.
    steps = 8 * int(np.clip(2e8 / (len(rates) * p * size), 80, most) / 8)
    # Near the direction that explodes first, so that few steps find the rest of the way.
    error = spectrum(model, dataset).vectors[:, -1:] + np.random.default_rng(0).normal(0, 0.1, (p, len(rates)))
    velocity = np.zeros_like(error)
    total, counted = np.zeros(len(rates)), 0
    for step, A in enumerate(islice(_batches(experiment, dataset, steps), steps), start=1):
        gradient = A.T @ (A @ error) * (2 / divisor(model, len(A))) + sgd.weight_decay * error
        if sgd.momentum:
            velocity = gradient if step == 1 else sgd.momentum * velocity + (1 - sgd.dampening) * gradient
            gradient = gradient + sgd.momentum * velocity if sgd.nesterov else velocity
        error = error - rates * gradient
        if step % 8 == 0:
            norm = np.sqrt(np.square(error).sum(axis=0) + np.square(rates * velocity).sum(axis=0)) + 1e-300
            error, velocity = error / norm, velocity / norm
            # The first quarter turns the error into its lasting direction.
            if step > steps // 4:
                total += np.log(norm)
                counted += 8
    return np.where(total > 1, total, np.minimum(total, 0)) / counted


def _batches(experiment: Experiment, dataset: Dataset, steps: int) -> Iterator[FloatArray]:
    """Rows [X 1] of the minibatches, in the order in which training takes them, without end.

    Unshuffled epochs of more than ``steps`` are thinned, so that those steps see all parts of the data.
    """
    training, rows = experiment.training, dataset.rows
    size = batch_size(experiment, rows)
    order = np.random.default_rng(training.seed)
    stride = size if training.shuffle else size * math.ceil(rows / size / steps)
    many = stride * max(1, CHUNK // (stride * dataset.features))
    while True:
        permutation = order.permutation(rows) if training.shuffle else np.arange(rows)
        for first in range(0, rows, many):
            A = design(dataset.X[permutation[first : first + many]], experiment.model.bias)
            for start in range(0, len(A), stride):
                yield A[start : start + size]
