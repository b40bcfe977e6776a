"""The error of sgd on a quadratic, L(θ) = L* + ½(θ−θ*)ᵀH(θ−θ*): a recursion of its own along each eigenvector of H.

With q = lr·λ, momentum μ and dampening τ: eₖ₊₁ = t·eₖ − m·eₖ₋₁, where t = 1 + μ − q(1 − τ), m = μ, or with Nesterov's
momentum t = (1 + μ)(1 − q), m = μ(1 − q). Its roots tell all there is to know about full batches.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.chunks import CHUNK
from tui_regress.engine.exact import Exact
from tui_regress.engine.moments import manageable
from tui_regress.engine.objective import divisor
from tui_regress.engine.quadratic import quadratic
from tui_regress.engine.spectrum import spectrum
from tui_regress.experiment import Linear, Sgd

ComplexArray = NDArray[np.complex128]
_ENDLESS = 10**12
"""Epochs beyond which an event is not forecast."""


def largest_q(sgd: Sgd) -> float:
    """Largest stable lr·λ: the point where a root of the recursion reaches −1."""
    if sgd.momentum == 0:
        return 2.0
    if sgd.momentum >= 1 or sgd.dampening >= 1:
        return 0.0
    if sgd.nesterov:
        return (2 + 2 * sgd.momentum) / (1 + 2 * sgd.momentum)
    return 2 * (1 + sgd.momentum) / (1 - sgd.dampening)


def roots(sgd: Sgd, q: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """The two roots of the recursion for each lr·λ = ``q``, the larger first: shapes (r,)."""
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


def radius(sgd: Sgd, q: FloatArray) -> FloatArray:
    """Factor per step of the error in the long run for each lr·λ = ``q``: shape (r,)."""
    return np.abs(roots(sgd, q)[0])


def fastest_lr(sgd: Sgd, low: float, high: float) -> float:
    """The lr with the smallest long-run factor over all eigenvalues from ``low`` to ``high``."""
    if sgd.momentum == 0:
        return 2 / (low + high)
    # The factor falls, then rises with lr·λ: the worst eigenvalue is the first or the last.
    limit = largest_q(sgd) / high
    rates = limit * np.geomspace(1e-6, 1.0, 400)
    for _ in range(3):
        best = int(np.argmin(np.maximum(radius(sgd, rates * low), radius(sgd, rates * high))))
        rates = np.geomspace(rates[max(best - 1, 0)], rates[min(best + 1, len(rates) - 1)], 100)
    return float(rates[50])


def fastest_heavy_ball(low: float, high: float) -> tuple[float, float]:
    """(lr, momentum) with which the heavy ball is fastest over all eigenvalues from ``low`` to ``high``."""
    root_low, root_high = math.sqrt(low), math.sqrt(high)
    return 4 / (root_high + root_low) ** 2, ((root_high - root_low) / (root_high + root_low)) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """The error along each of r eigenvectors: offset + A·r₁ᵏ + B·r₂ᵏ after k epochs. All arrays have shape (r,)."""

    curvature: FloatArray
    """Of the loss alone."""
    decay: float
    """Weight decay: what descends is loss + ½·decay·|θ|²."""
    offset: FloatArray
    """Where the descent ends, seen from the lowest loss: the weight decay's doing."""
    first: ComplexArray
    """r₁."""
    second: ComplexArray
    """r₂."""
    A: ComplexArray
    B: ComplexArray
    lowest: float
    """The lowest loss there is."""
    per_square: float
    """Sum of squared errors per unit of loss."""

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def losses(self, epochs: FloatArray) -> FloatArray:
        """Shape (k,): the losses of the records ``epochs``, shape (k,); inf once beyond float64."""
        total = np.full(len(epochs), self.lowest)
        modes = zip(self.curvature, self.offset, self.first, self.second, self.A, self.B, strict=True)
        for curvature, offset, first, second, A, B in modes:
            error = offset + (A * first**epochs + B * second**epochs).real
            total += curvature / 2 * error**2
        return np.where(np.isnan(total), np.inf, total)

    def overflow(self, largest: float) -> int | None:
        """First epoch whose sum of squared errors is beyond ``largest``: a mean takes the sum first."""
        bound = math.log(largest) - math.log(self.per_square)
        return _first(lambda epoch: self._log_excess(self.curvature, epoch) > bound)

    def epochs_to(self, fraction: float) -> int | None:
        """First epoch with at most that fraction of the excess at the start, in what descends."""
        curvature = self.curvature + self.decay
        goal = self._log_excess(curvature, 0) + math.log(fraction)
        return _first(lambda epoch: self._log_excess(curvature, epoch) <= goal)

    @np.errstate(divide="ignore")
    def _log_excess(self, curvature: FloatArray, epoch: int) -> float:
        """log of Σ ½·curvature·(distance from the end)², which may be far beyond float64."""
        turn = np.where(self.first == 0, 0, self.second / np.where(self.first == 0, 1, self.first))
        size = epoch * np.log(np.abs(self.first)) if epoch else 0.0
        logs = np.log(curvature / 2) + 2 * (size + np.log(np.abs(self.A + self.B * turn**epoch)))
        return float(np.logaddexp.reduce(logs))


@np.errstate(over="ignore", invalid="ignore")
def modes(model: Linear, sgd: Sgd, dataset: Dataset, start: FloatArray, exact: Exact | None) -> Modes:
    """The recursion of a linear model under ``sgd`` with full batches from ``start``, shape (p,), and its first step.

    ``exact`` sharpens the lowest loss.
    """
    # Few rows are asked themselves: where a run begins at the very solution, the gradient is then 0 and no rounding.
    few = dataset.X.size <= CHUNK or not manageable(dataset, model.bias)
    at = objective.evaluate(model, start, dataset.X, dataset.y) if few else quadratic(model, dataset).at(start)
    found = spectrum(model, dataset)
    curvature, decay = found.values, sgd.weight_decay
    slope = found.vectors.T @ at.gradient
    pull = slope + decay * (found.vectors.T @ start)
    above = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
    error = np.divide(pull, curvature + decay, out=np.zeros_like(slope), where=curvature + decay > 0)
    offset = above - error
    if exact is None:
        lowest = max(at.loss - float(curvature @ above**2) / 2, 0.0)
    else:
        lowest = exact.loss - float(curvature @ offset**2) / 2
    q = sgd.lr * (curvature + decay)
    first, second = roots(sgd, q)
    # torch's first step has no dampening, and Nesterov's looks one step ahead already.
    stepped = error * (1 - q * (1 + sgd.momentum if sgd.nesterov else 1))
    A = (stepped - second * error) / (first - second)
    return Modes(
        curvature=curvature,
        decay=decay,
        offset=offset,
        first=first,
        second=second,
        A=A,
        B=error - A,
        lowest=lowest,
        per_square=float(divisor(model, dataset.rows)),
    )


def _first(holds: Callable[[int], bool]) -> int | None:
    """The first number from 0 on for which ``holds``, given that it then holds for all; None if too far off."""
    if holds(0):
        return 0
    high = 1
    while not holds(high):
        high *= 2
        if high > _ENDLESS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
