"""The curvature of the loss: eigenvalues and eigenvectors of its Hessian, as the columns are and standardised."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import objective
from tui_regress.engine.chunks import design
from tui_regress.engine.moments import MOST, manageable, moments
from tui_regress.experiment import Model
from tui_regress.problems import InputError
from tui_regress.text import plain

_SQUARABLE = 1e300
"""What the sum of the squares of X must stay below: float64 ends at 1.8e308, and the eigenvalues need room."""
_EPS = float(np.finfo(np.float64).eps)


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
    """The spectrum for ``model`` on ``dataset``, in float64; the last one is kept. Of a logistic model, of its bound.

    Raises InputError where the numbers are too large to be squared.
    """
    n = dataset.rows
    known = moments(dataset, model.bias) if manageable(dataset, model.bias) else None
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->", dataset.X, dataset.X) if known is None else known.gram.trace()
    if not squares < _SQUARABLE:
        most = plain(_SQUARABLE)
        raise InputError(f"the numbers in the data are too large: the sum of their squares must stay below {most}.")
    unit = objective.curvature_of_ones(model, n)
    if known is not None:
        return _of_hessian(objective.curvature(model, dataset), unit, bias=model.bias)
    A = design(dataset.X, model.bias)
    return _of_few_rows(A, unit) if n <= MOST else _largest(A, unit)


def _of_hessian(hessian: FloatArray, unit: float, *, bias: bool) -> Spectrum:
    values, vectors = np.linalg.eigh(hessian)
    standardised, repeats = _standardise(hessian, unit, bias=bias)
    # Rounding must leave no direction out that the data determine, nor let one in that they do not.
    floor = 4 * len(values) * _EPS * values[-1]
    values = np.where(values > floor, values, 0.0 if repeats else floor)
    values[-1] = max(values[-1], float(np.finfo(np.float64).tiny))
    return Spectrum(values, vectors, complete=True, singular=bool(repeats), standardised=standardised, repeats=repeats)


def _of_few_rows(A: FloatArray, unit: float) -> Spectrum:
    """Fewer rows than parameters: AAᵀ, shape (n, n), has the eigenvalues above 0 of AᵀA."""
    n = len(A)
    squares, left = np.linalg.eigh(A @ A.T)
    kept = squares > n * _EPS * squares[-1]
    vectors = A.T @ left[:, kept] / np.sqrt(squares[kept])
    return Spectrum(squares[kept] * unit / n, vectors, complete=True, singular=True)


def _largest(A: FloatArray, unit: float) -> Spectrum:
    """Thousands of rows and columns: torch's randomised iteration finds the largest without the p × p matrix."""
    import torch

    n, p = A.shape
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
    blur = 8 * len(values) * _EPS * unit * np.where(constant, 1.0, raw / np.where(constant, 1.0, variance))
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
