"""What a logistic model's rows add up to, in one pass over them, to be compiled by Numba. Only where it is installed.

The rows go through in tiles that stay in their core's cache from the logits to the gradient. Each loop over them is one
that becomes vector instructions; so exp and log1p are polynomials here, a library's would be called for every row.
Rows are in the run's precision, sums over a tile too; those over tiles are in float64. What is not finite counts as
such: an infinite logit costs 0 or infinity, and NaN gives NaN. No function holds the interpreter's lock.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.extending import overload

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.objective import Floats

F = TypeVar("F", bound=Callable[..., object])

_TILE = 2**12
"""Rows: their logits stay in the fastest cache, some dozens of their columns in the next one."""

# A product and a sum may be one instruction, and sums over rows be in any order, or they would not be vectors. No more:
# NaN and infinity are to be told apart, and a reduction of exp's argument is worthless in another order.
_EXACT: Any = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
_SUMMED = _EXACT | {"fastmath": {"contract", "nsz", "reassoc"}}


def _compiled(options: Any) -> Callable[[F], F]:
    return cast(Callable[[F], F], njit(**options))


def _instead_of(function: Callable[..., Any]) -> Callable[[F], F]:
    """Numba compiles what the decorated function returns for the types that ``function`` is called with."""
    return cast(Callable[[F], F], overload(function, jit_options=_EXACT))


class _Digits(NamedTuple):
    """exp and log1p in one precision."""

    last: np.floating
    """exp(−a) is a normal number up to this a."""
    log2e: np.floating
    high: np.floating
    """ln 2 less ``low``, with so few digits that its product with an exponent is exact (Cody and Waite)."""
    low: np.floating
    magic: np.floating
    """What is added to it is rounded to a whole number k, and the lowest bits hold k as the exponent of 2^k."""
    exp: tuple[np.floating, ...]
    """(eʳ − 1 − r) / r² for |r| ≤ ln √2, coefficients of rising powers, with the least relative error of eʳ (Remez).

    Here and there their number is a multiple of five."""
    log1p: tuple[np.floating, ...]
    """(log(1 + e) − e) / e² for 0 ≤ e ≤ 1, in the same way."""


def _digits(kind: Any, last: float, high: float, low: float, magic: float, exp: str, log1p: str) -> _Digits:
    def numbers(text: str) -> tuple[Any, ...]:
        return tuple(map(kind, text.split()))

    return _Digits(
        kind(last), kind(1.4426950408889634), kind(high), kind(low), kind(magic), numbers(exp), numbers(log1p)
    )


# Relative errors of the polynomials: 3e-9 and 8e-10, 4e-18 and 9e-18.
_SINGLE = _digits(
    np.float32,
    87.3,
    0.693359375,
    -2.1219444005469057e-4,
    1.5 * 2**23 + 127,
    "0.4999999344937648 0.1666652063455933 0.04166838758226733 0.00836871673643461 0.0013814627146004899",
    """-0.49999987292704756 0.333326898216005 -0.24988579519194978 0.19897935161388938 -0.16129347510249048
    0.12467149618805133 -0.08307445820227181 0.04198169681231044 -0.013631640210373873 0.002072979919619893""",
)
_DOUBLE = _digits(
    np.float64,
    708.3,
    0.6931471805598903,
    5.497923018708371e-14,
    1.5 * 2**52 + 1023,
    """0.5000000000000011 0.16666666666666413 0.041666666666530155 0.008333333333494399 0.0013888888943631085
    0.00019841269506688846 2.4801493097828538e-05 2.755758629088442e-06 2.763024879588082e-07 2.500008442577437e-08""",
    """-0.4999999999999946 0.3333333333323507 -0.24999999993677888 0.19999999791354206 -0.16666662498937082
    0.14285658901018602 -0.1249947963467061 0.11107506080094087 -0.0998101512775725 0.09013153899358341
    -0.0808121129370389 0.0703554057283208 -0.05750197823606389 0.042300054337816514 -0.02674388564705379
    0.013838518080835941 -0.005543063195312385 0.001595722010722764 -0.0002917564949425566 2.532941248064575e-05""",
)


def _polynomial(coefficients: Any, x: Any) -> Any: ...
def _power(shifted: Any) -> Any: ...
def _exp(a: Any) -> Any: ...
def _log1p(e: Any) -> Any: ...


@_instead_of(_polynomial)
def _by_length(coefficients: Any, x: Any) -> Callable[..., Any]:  # noqa: ARG001 - Numba looks for the same names
    """Horner's scheme. Not in a loop: it would be left as one inside that over the rows."""

    def five(coefficients: Any, x: Any) -> Any:
        a, b, c, d, e = coefficients
        return a + x * (b + x * (c + x * (d + x * e)))

    def more(coefficients: Any, x: Any) -> Any:
        a, b, c, d, e = coefficients[:5]
        return a + x * (b + x * (c + x * (d + x * (e + x * _polynomial(coefficients[5:], x)))))

    return five if len(coefficients) == 5 else more


@_instead_of(_power)
def _by_bits(shifted: Any) -> Callable[..., Any]:
    """2^k of magic + k."""

    def single(shifted: Any) -> Any:
        return np.int32(np.float32(shifted).view(np.int32) << 23).view(np.float32)

    def double(shifted: Any) -> Any:
        return np.int64(np.float64(shifted).view(np.int64) << 52).view(np.float64)

    return single if shifted == types.float32 else double


@_instead_of(_exp)
def _vanishing(a: Any) -> Callable[..., Any]:
    """exp(−a) for a ≥ 0, 0 where it would be less than any normal number."""
    last, log2e, high, low, magic, coefficients, _ = _SINGLE if a == types.float32 else _DOUBLE
    zero, one = type(last)(0), type(last)(1)

    def exp(a: Any) -> Any:
        gone = a > last
        x = -last if gone else -a
        shifted = magic + x * log2e
        k = shifted - magic
        r = (x - k * high) - k * low
        found = _power(shifted) * (one + (r + r * r * _polynomial(coefficients, r)))
        return zero if gone else found

    return exp


@_instead_of(_log1p)
def _near_one(e: Any) -> Callable[..., Any]:
    """log(1 + e) for 0 ≤ e ≤ 1."""
    coefficients = (_SINGLE if e == types.float32 else _DOUBLE).log1p

    def log1p(e: Any) -> Any:
        return e + e * e * _polynomial(coefficients, e)

    return log1p


@_compiled(_SUMMED)
def _add(misses: Floats, a: Any, b: Any, c: Any, d: Any, A: Floats, B: Floats, C: Floats, D: Floats) -> None:
    for i in range(len(misses)):
        misses[i] += a * A[i] + b * B[i] + c * C[i] + d * D[i]


@_compiled(_SUMMED)
def _add_one(misses: Floats, a: Any, A: Floats) -> None:
    for i in range(len(misses)):
        misses[i] += a * A[i]


@_compiled(_SUMMED)
def _products(pulls: Floats, A: Floats, B: Floats, C: Floats, D: Floats) -> tuple[Any, Any, Any, Any]:
    a = b = c = d = pulls.dtype.type(0)
    for i in range(len(pulls)):
        a += pulls[i] * A[i]
        b += pulls[i] * B[i]
        c += pulls[i] * C[i]
        d += pulls[i] * D[i]
    return a, b, c, d


@_compiled(_SUMMED)
def _product(pulls: Floats, A: Floats) -> Any:
    a = pulls.dtype.type(0)
    for i in range(len(pulls)):
        a += pulls[i] * A[i]
    return a


@_compiled(_SUMMED)
def _pull(misses: Floats, limits: Floats) -> tuple[Any, Any]:
    """Loss and rows classified right; the derivatives of the loss by ``misses`` take their place."""
    zero, one = misses.dtype.type(0), misses.dtype.type(1)
    loss = right = zero
    for i in range(len(misses)):
        miss = misses[i]
        e = _exp(abs(miss))
        share = one / (one + e)
        wrong = miss > zero
        misses[i] = share if wrong else e * share
        loss += (miss if wrong else zero) + _log1p(e)
        right += one if miss < limits[i] else zero
    return loss, right


def add_up(columns: Floats, limits: Floats, theta: Floats, sums: FloatArray) -> None:
    """Add gradient, loss and number of right rows of the ``columns``, shape (p, r), to ``sums``, shape (p + 2,).

    Each column lies in one piece; of rows of class 1 all numbers have the other sign, so that with ``theta``, shape
    (p,), they give the log-odds of the wrong class. Those below ``limits``, shape (r,), are right. All are of one
    precision but the sums.
    """
    p, r = columns.shape
    fours = p - p % 4
    room = np.empty(_TILE, columns.dtype)
    for begin in range(0, r, _TILE):
        rows = slice(begin, min(begin + _TILE, r))
        misses = room[: rows.stop - begin]
        misses[:] = 0
        # Four at a time: the logits are read and written four times less often.
        for j in range(0, fours, 4):
            A, B, C, D = columns[j, rows], columns[j + 1, rows], columns[j + 2, rows], columns[j + 3, rows]
            _add(misses, theta[j], theta[j + 1], theta[j + 2], theta[j + 3], A, B, C, D)
        for j in range(fours, p):
            _add_one(misses, theta[j], columns[j, rows])
        loss, right = _pull(misses, limits[rows])
        sums[p] += loss
        sums[p + 1] += right
        for j in range(0, fours, 4):
            A, B, C, D = columns[j, rows], columns[j + 1, rows], columns[j + 2, rows], columns[j + 3, rows]
            a, b, c, d = _products(misses, A, B, C, D)
            sums[j] += a
            sums[j + 1] += b
            sums[j + 2] += c
            sums[j + 3] += d
        for j in range(fours, p):
            sums[j] += _product(misses, columns[j, rows])
