"""Standardised columns: what training sees, and the way back to the units of the data."""

from dataclasses import dataclass

import numpy as np

from tui_regress.data.portions import FloatArray, reduced, spread, spread_out, strips

_SMALLEST = -1000
"""Exponent of the numbers that are made larger before they are squared; two to the power of −exponent is finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Standardization:
    """z = (x − mean) / scale, column by column.

    Parameters have shape (…, p): one weight per column, then the bias where the model has one. Xw + b and Zv + c are
    the same predictions for w = v / scale and b = c − Σ v·mean / scale.
    """

    mean: FloatArray
    """Shape (d,); 0 for a model without a bias, which could not make up for the shift."""
    scale: FloatArray
    """Shape (d,): the standard deviation, without a bias the root mean square; 1 for a column without any."""

    @classmethod
    def of(cls, X: FloatArray, *, bias: bool) -> "Standardization":
        """The one that gives the columns of X, shape (n, d), a mean of 0 (with a bias) and a mean square of 1."""
        n, d = X.shape
        largest = reduced(np.maximum, lambda rows, out: np.abs(X[rows], out=out), n, d)
        # Powers of two change no digit, and keep the squares of large numbers finite.
        exponent = np.maximum(np.frexp(largest)[1], _SMALLEST)
        unit = spread_out(np.ldexp(1.0, -exponent), n)
        mean = np.zeros(d)
        if bias:
            mean = reduced(np.add, lambda rows, out: np.multiply(X[rows], unit[: len(out)], out=out), n, d) / n
        centre = spread_out(mean, n)

        def squares(rows: slice, out: FloatArray) -> None:
            np.multiply(X[rows], unit[: len(out)], out=out)
            np.subtract(out, centre[: len(out)], out=out)
            np.square(out, out=out)

        scale = np.sqrt(reduced(np.add, squares, n, d) / n)
        negligible = scale <= 1e-12 * np.ldexp(largest, -exponent)
        return cls(np.ldexp(mean, exponent), np.where(negligible, 1.0, np.ldexp(scale, exponent)))

    def apply(self, X: FloatArray) -> FloatArray:
        """The standardised columns of X, shape (m, d)."""
        m, d = X.shape
        mean, scale, Z = spread_out(self.mean, m), spread_out(self.scale, m), np.empty((m, d))

        def of_portion(portion: slice) -> None:
            for rows in strips(portion, d):
                size = rows.stop - rows.start
                np.subtract(X[rows], mean[:size], out=Z[rows])
                np.divide(Z[rows], scale[:size], out=Z[rows])

        spread(of_portion, m, d)
        return Z

    def to_original(self, theta: FloatArray) -> FloatArray:
        """Parameters for the columns as they are, from those for the standardised ones: shape (…, p)."""
        d = len(self.scale)
        original = theta.copy()
        original[..., :d] /= self.scale
        if theta.shape[-1] > d:
            original[..., d] -= original[..., :d] @ self.mean
        return original

    def from_original(self, theta: FloatArray) -> FloatArray:
        """The way back of :meth:`to_original`."""
        d = len(self.scale)
        scaled = theta.copy()
        if theta.shape[-1] > d:
            scaled[..., d] += theta[..., :d] @ self.mean
        scaled[..., :d] *= self.scale
        return scaled
