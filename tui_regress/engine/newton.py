"""Maximum likelihood for logistic regression by Newton's method, and the proof where there is none."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.chunks import chunks, design
from tui_regress.engine.least_squares import fold, solve

STEPS = 500
"""A few dozen are enough even for columns of very different sizes."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What Newton's method found."""

    parameters: FloatArray | None
    """Shape (p,), of smallest norm where several fit equally well; None if there is no minimum."""
    loss: float
    """Sum of the cross-entropies there (without the decay); without a minimum, what it falls towards."""
    undetermined: tuple[int, ...] = ()
    """Columns that depend on each other."""


@np.errstate(over="ignore", invalid="ignore")
def fit(X: FloatArray, y: FloatArray, bias: bool, decay: float = 0.0) -> Fit | None:
    """Minimise the sum of cross-entropies + ½ ``decay`` |θ|² over the rows of X, shape (n, d), with targets 0 and 1.

    Returns None if STEPS steps were not enough. Each step solves its weighted least-squares problem by QR and is halved
    until it descends, but never below ln(1 + β)/β, with β the largest change of a logit: that much always descends,
    since along a step the third derivative of the loss is at most β times the second (Bach 2010, Self-concordant
    analysis for logistic regression).
    """
    if bias and not decay:
        # Around their middle no digits are lost to columns that lie far from 0; the bias takes up the shift.
        center = np.median(X, axis=0)
        found = _fit(X - center, y, bias, decay)
        if found and found.parameters is not None:
            found.parameters[-1] -= center @ found.parameters[:-1]
    else:
        found = _fit(X, y, bias, decay)
    if found is None or found.parameters is None or decay:
        return found
    z = _logits(X, found.parameters, bias)
    p = len(found.parameters)
    same = solve(fold(np.column_stack((design(X[rows], bias), z[rows])) for rows in chunks(len(X), p, least=p)), len(X))
    return Fit(same.parameters, found.loss, same.undetermined) if same.undetermined else found


def _fit(X: FloatArray, y: FloatArray, bias: bool, decay: float) -> Fit | None:
    sign = 2 * y - 1
    theta = np.zeros(X.shape[1] + bias)
    for _ in range(STEPS):
        margin = sign * _logits(X, theta, bias)
        R = fold(_newton_system(X, sign, margin, theta, bias, decay))
        step = solve(R, len(X)).parameters
        if not decay:
            for direction in (theta, step):
                if (cut := _cut(X, sign, direction, bias)) is not None:
                    rest = _fit(X[cut], y[cut], bias, 0.0) if cut.any() else Fit(None, 0.0)
                    return rest and Fit(None, rest.loss)
        change = sign * _logits(X, step, bias)
        largest = float(np.abs(change).max())
        safe = math.log1p(largest) / largest if largest else 1.0
        loss, length = _loss(margin), 1.0
        before = loss + decay / 2 * _square(theta)
        while length > safe and _loss(margin + length * change) + decay / 2 * _square(theta + length * step) >= before:
            length /= 2
        theta = theta + max(length, safe) * step
        if _square(R[:, :-1] @ step) <= 1e-16 * loss:
            return Fit(theta, loss)
    return None


def _logits(X: FloatArray, theta: FloatArray, bias: bool) -> FloatArray:
    return X @ theta[:-1] + theta[-1] if bias else X @ theta


def _loss(margin: FloatArray) -> float:
    return float(np.logaddexp(0, -margin).sum())


def _square(vector: FloatArray) -> float:
    return float(vector @ vector)


def _newton_system(
    X: FloatArray, sign: FloatArray, margin: FloatArray, theta: FloatArray, bias: bool, decay: float
) -> Iterator[FloatArray]:
    """Chunks of [√W X, W^(−½) (y − P)], whose least-squares solution is the Newton step; the decay as p more rows."""
    p = len(theta)
    for rows in chunks(len(X), p, least=p):
        m = margin[rows]
        root = 0.5 / np.cosh(m / 2)
        yield np.column_stack((design(X[rows], bias) * root[:, None], sign[rows] * np.exp(-m / 2)))
    if decay:
        yield math.sqrt(decay) * np.column_stack((np.eye(p), -theta))


def _cut(X: FloatArray, sign: FloatArray, direction: FloatArray, bias: bool) -> NDArray[np.bool_] | None:
    """Which rows lie on the cut, shape (n,), if ``direction`` puts none on the wrong side and some on the right.

    Then the loss falls without end along ``direction``, and there is no minimum (Albert and Anderson 1984). A row
    counts as on the cut where the terms of its logit cancel to 8 digits, half of what float64 holds and more than
    float32 training can tell apart; weights beyond the 12th digit of the largest, at one scale, are noise.
    """
    size = np.append(np.maximum(X.max(axis=0), -X.min(axis=0)), [1.0] * bias)
    size[size == 0] = 1.0
    noise = 1e-8 * np.abs(direction) + 1e-12 * np.abs(direction * size).max() / size
    on_cut = np.zeros(len(X), dtype=bool)
    some_right = False
    for rows in chunks(len(X), len(direction)):
        A = design(X[rows], bias)
        margin, slack = sign[rows] * (A @ direction), np.abs(A) @ noise
        if (margin < -slack).any():
            return None
        on_cut[rows] = margin <= slack
        some_right = some_right or not on_cut[rows].all()
    return on_cut if some_right else None
