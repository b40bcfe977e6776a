"""A linear model's loss as what it is: a quadratic, known in full after one pass over the rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import chunks, design
from tui_regress.engine.least_squares import Solution, fold, solve
from tui_regress.engine.moments import Moments, moments
from tui_regress.engine.objective import Evaluation, divisor, evaluate
from tui_regress.experiment import Linear

_WELL = 1e-10
"""Smallest eigenvalue of XᵀX over the largest, with all columns at one scale, down to which normal equations will do:
squared, the columns' dependence on each other is still far from rounding."""
_EXACT = 1e-12
"""Relative error of the solution that needs no correction."""
_CLEAR = 1e-6
"""Share of yᵀy that the squared errors must be for their difference to keep ten digits."""
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """L(θ) = lowest + ½(θ−θ*)ᵀH(θ−θ*)."""

    solution: Solution
    """θ*, shape (p,), and what the data leave open of it."""
    hessian: FloatArray
    """H, shape (p, p)."""
    lowest: float
    """L(θ*), in the model's own loss."""
    mean_square: float
    """Mean squared error per unit of loss."""

    @np.errstate(over="ignore", invalid="ignore")
    def at(self, theta: FloatArray) -> Evaluation:
        """What a record holds at ``theta``, shape (p,)."""
        error = theta - self.solution.parameters
        gradient = self.hessian @ error
        loss = self.lowest + float(error @ gradient) / 2
        return Evaluation(loss, gradient, self.mean_square * loss)

    def settled(self, decay: float) -> FloatArray:
        """Shape (p,): where L(θ) + ½·decay·|θ|² is lowest."""
        theta = self.solution.parameters
        if not decay:
            return theta
        return np.asarray(np.linalg.solve(self.hessian + decay * np.eye(len(theta)), self.hessian @ theta))


@lru_cache(maxsize=2)
@np.errstate(over="ignore", invalid="ignore")
def quadratic(model: Linear, dataset: Dataset) -> Quadratic:
    """The loss of ``model`` on ``dataset``, whose moments must be manageable; the last two are kept.

    θ* comes of the normal equations, corrected by further passes over the rows where those lose digits (iterative
    refinement), and of a QR factorisation where columns nearly depend on each other.
    """
    found = moments(dataset, model.bias)
    by = divisor(model, found.count)
    solution, error = _normal_equations(found)
    if solution is None:
        solution = least_squares(model, dataset)
    theta = solution.parameters
    lowest = (found.squares - float(found.target @ theta)) / by
    if error > _EXACT or not lowest * by > _CLEAR * found.squares:
        # The rows themselves know their errors to the last digit, where the sums only know a difference.
        here = evaluate(model, theta, dataset.X, dataset.y)
        while _EXACT < error < 1:
            slope = here.gradient.astype(np.float64) * (by / 2)
            theta, error = np.asarray(theta - _solve(found.gram, slope)), error**2
            here = evaluate(model, theta, dataset.X, dataset.y)
        lowest = float(here.loss)
    return Quadratic(
        Solution(theta, solution.undetermined), found.gram * (2 / by), lowest, mean_square=by / found.count
    )


def least_squares(model: Linear, dataset: Dataset, decay: float = 0.0) -> Solution:
    """Where the loss + ½·``decay``·|θ|² is lowest, by a QR factorisation of the rows: the most exact way there is."""
    return solve(fold(_system(model, dataset, decay)), dataset.rows)


def _system(model: Linear, dataset: Dataset, decay: float) -> Iterator[FloatArray]:
    """Chunks of [X 1 y]; the weight decay as p more rows."""
    p = dataset.features + model.bias
    for rows in chunks(dataset.rows, p, least=p):
        yield np.column_stack((design(dataset.X[rows], model.bias), dataset.y[rows]))
    if decay:
        yield np.eye(p, p + 1) * math.sqrt(decay * divisor(model, dataset.rows) / 2)


def _normal_equations(found: Moments) -> tuple[Solution | None, float]:
    """θ* and an estimate of its relative error; None and 1 where XᵀX is too near to singular to say."""
    scale = np.sqrt(found.gram.diagonal())
    if not np.isfinite(found.gram).all() or not scale.all():
        return None, 1.0
    values = np.linalg.eigvalsh(found.gram / np.outer(scale, scale))
    if values[0] <= _WELL * values[-1]:
        return None, 1.0
    return Solution(_solve(found.gram, found.target), ()), float(8 * _EPS * values[-1] / values[0])


def _solve(gram: FloatArray, right: FloatArray) -> FloatArray:
    """gram⁻¹ · right, with all columns at one scale."""
    scale = np.sqrt(gram.diagonal())
    return np.asarray(np.linalg.solve(gram / np.outer(scale, scale), right / scale) / scale)
