"""Standardised columns: what training sees, and the way back to the units of the data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


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
        # Powers of two change no digit, and keep the squares of large numbers finite.
        largest, exponent = np.frexp(np.abs(X).max(axis=0, initial=0.0))
        Z = np.ldexp(X, -exponent)
        mean = Z.mean(axis=0) if bias else np.zeros(X.shape[1])
        Z -= mean
        scale = np.sqrt(np.mean(np.square(Z, out=Z), axis=0))
        negligible = scale <= 1e-12 * largest
        return cls(np.ldexp(mean, exponent), np.where(negligible, 1.0, np.ldexp(scale, exponent)))

    def apply(self, X: FloatArray) -> FloatArray:
        """The standardised columns of X, shape (m, d)."""
        return (X - self.mean) / self.scale

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
