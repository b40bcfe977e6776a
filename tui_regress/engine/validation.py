"""The loss over the rows held out, for many records at once."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray, Rows
from tui_regress.engine.chunks import CHUNK, chunks
from tui_regress.engine.moments import manageable, moments
from tui_regress.engine.objective import divisor, row_losses
from tui_regress.engine.quadratic import Quadratic, quadratic
from tui_regress.experiment import Linear, Model


@np.errstate(over="ignore", invalid="ignore")
def losses(model: Model, theta: FloatArray, held: Rows, breathe: Callable[[], None] = lambda: None) -> FloatArray:
    """Shape (k,): the model's loss over the m rows ``held`` at each of the parameters ``theta``, shape (k, p).

    In float64. What a record gives does not depend on the other records, to the bit: neither early stopping nor a run
    that is continued may depend on the length of the blocks. ``breathe`` is called between portions of the work.
    """
    if isinstance(model, Linear) and (known := _quadratic(model, held)) is not None:
        error = theta - known.solution.parameters
        # einsum adds up record by record; a product of matrices would round differently with their number.
        slopes = np.einsum("kj,ji->ki", error, known.hessian)
        found = known.lowest + np.einsum("kj,kj->k", error, slopes) / 2
        return np.where(np.isnan(found) & ~np.isnan(theta).any(axis=1), np.inf, found)
    total = np.zeros(len(theta))
    d = held.X.shape[1]
    begun = False
    for rows in chunks(*held.X.shape):
        X, y = held.X[rows], held.y[rows]
        many = max(1, 16 * CHUNK // (len(y) * (d + 16)))
        for first in range(0, len(theta), many):
            if begun:
                breathe()
            begun = True
            some = slice(first, first + many)
            # One matrix times one vector after the other: one product of two matrices would be faster, but round
            # differently with the number of records.
            z = (X @ theta[some, :d, None])[:, :, 0]
            if model.bias:
                z += theta[some, d:]
            total[some] += row_losses(model, z, y)[0].sum(axis=1)
    return total / divisor(model, len(held))


@lru_cache(maxsize=1)
def _quadratic(model: Linear, held: Rows) -> Quadratic | None:
    """The loss over the rows, without the rows; None where there are too few of them, or their squares overflow."""
    names = tuple(f"x{j}" for j in range(held.X.shape[1]))
    rows = Dataset(held.X, held.y, names, "y")
    if not manageable(rows, model.bias) or not np.isfinite(moments(rows, model.bias).gram).all():
        return None
    return quadratic(model, rows)
