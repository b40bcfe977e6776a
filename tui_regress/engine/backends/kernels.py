"""Whole blocks of epochs, to be compiled by Numba. Only where Numba is installed.

Rows, parameters, and what an optimizer remembers are in the run's precision; every sum and every step is computed in
float64 and then rounded to it. Nothing here allocates, and no function holds the interpreter's lock. Each row adds to
the sums in its turn, so that the numbers do not depend on where a call ends and the next one goes on.

``values``, shape (2p + 2,), are parameters, gradient, loss and score of a record. ``memory``, shape (3, p), and
``counts``, shape (5,), are what an optimizer gathers; :func:`.compiling.fresh` makes new ones.

All that becomes machine code is in this one file: what Numba keeps of it is void when the file changes, no other.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.objective import Floats

F = TypeVar("F", bound=Callable[..., object])

SGD, ADAM, ADAMW, NADAM, RMSPROP, ADAGRAD = range(6)
_LAST_STEP = 2.0**24
"""torch counts steps in float32, which knows no odd number beyond."""
_VANISHED = 1e-30
"""Far below what 1 − x can tell; smaller numbers would end in the slow ones at the end of float64."""

# Called once for each step, they are made part of the caller: a call with so many arrays would take longer than they.
_inlined = cast(Callable[[F], F], njit(nogil=True, error_model="numpy", inline="always"))


class Plan(NamedTuple):
    """All that is the same in every step of a run."""

    logistic: bool
    batch: int
    """Rows per step."""
    by_rows: float
    by: float
    """A sum of losses over k rows is divided by ``by_rows`` · k + ``by``."""
    optimizer: int
    decay: float
    """Weight decay."""
    momentum: float = 0.0
    dampening: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    """Also RMSprop's alpha."""
    eps: float = 0.0
    fading: float = 0.0
    """Adagrad's lr_decay; the factor by which NAdam's warm-up fades in a step."""
    variant: bool = False
    """nesterov, amsgrad or centered."""


@_inlined
def _shrunk(power: float, factor: float) -> float:
    return power * factor if power > _VANISHED else 0.0


@_inlined
def _slope(plan: Plan, values: Floats, p: int, j: int) -> float:
    """The derivative by parameter j, coupled weight decay included."""
    g = np.float64(values[p + j])
    # 0 times a parameter beyond all numbers would be none.
    return g + plan.decay * values[j] if plan.decay != 0.0 else g


@_inlined
def _sgd(plan: Plan, lr: float, values: Floats, memory: Floats, counts: FloatArray) -> None:
    p = memory.shape[1]
    if plan.momentum == 0.0:
        for j in range(p):
            values[j] -= lr * _slope(plan, values, p, j)
        return
    first = counts[0] == 0.0
    counts[0] = 1.0
    for j in range(p):
        g = _slope(plan, values, p, j)
        memory[0, j] = g if first else plan.momentum * memory[0, j] + (1.0 - plan.dampening) * g
        values[j] -= lr * (g + plan.momentum * memory[0, j] if plan.variant else np.float64(memory[0, j]))


@_inlined
def _adam(plan: Plan, lr: float, values: Floats, memory: Floats, counts: FloatArray) -> None:
    p = memory.shape[1]
    counts[1] = _shrunk(counts[1], plan.beta1)
    counts[2] = _shrunk(counts[2], plan.beta2)
    size = lr / (1.0 - counts[1])
    root = math.sqrt(1.0 - counts[2])
    for j in range(p):
        if plan.optimizer == ADAM:
            g = _slope(plan, values, p, j)
        else:
            g = np.float64(values[p + j])
            values[j] *= 1.0 - lr * plan.decay
        memory[0, j] += (1.0 - plan.beta1) * (g - memory[0, j])
        memory[1, j] = plan.beta2 * memory[1, j] + (1.0 - plan.beta2) * g * g
        square = np.float64(memory[1, j])
        if plan.variant:
            memory[2, j] = max(memory[2, j], memory[1, j])
            square = np.float64(memory[2, j])
        values[j] -= size * memory[0, j] / (math.sqrt(square) / root + plan.eps)


@_inlined
def _nadam(plan: Plan, lr: float, values: Floats, memory: Floats, counts: FloatArray) -> None:
    p = memory.shape[1]
    counts[2] = _shrunk(counts[2], plan.beta2)
    counts[3] = _shrunk(counts[3], plan.fading)
    momentum = plan.beta1 * (1.0 - 0.5 * counts[3])
    following = plan.beta1 * (1.0 - 0.5 * counts[3] * plan.fading)
    # torch keeps this product in float32 whatever the run's precision, and its first digits count.
    counts[4] = np.float32(counts[4]) * np.float32(momentum)
    now = lr * (1.0 - momentum) / (1.0 - counts[4])
    ahead = lr * following / (1.0 - counts[4] * following)
    for j in range(p):
        g = _slope(plan, values, p, j)
        memory[0, j] += (1.0 - plan.beta1) * (g - memory[0, j])
        memory[1, j] = plan.beta2 * memory[1, j] + (1.0 - plan.beta2) * g * g
        values[j] -= (now * g + ahead * memory[0, j]) / (math.sqrt(memory[1, j] / (1.0 - counts[2])) + plan.eps)


@_inlined
def _rmsprop(plan: Plan, lr: float, values: Floats, memory: Floats) -> None:
    p = memory.shape[1]
    for j in range(p):
        g = _slope(plan, values, p, j)
        memory[0, j] = plan.beta2 * memory[0, j] + (1.0 - plan.beta2) * g * g
        square = np.float64(memory[0, j])
        if plan.variant:
            memory[1, j] += (1.0 - plan.beta2) * (g - memory[1, j])
            square -= np.float64(memory[1, j]) * memory[1, j]
        g /= math.sqrt(square) + plan.eps
        if plan.momentum > 0.0:
            memory[2, j] = plan.momentum * memory[2, j] + g
            g = np.float64(memory[2, j])
        values[j] -= lr * g


@_inlined
def _adagrad(plan: Plan, lr: float, values: Floats, memory: Floats, counts: FloatArray) -> None:
    p = memory.shape[1]
    size = lr / (1.0 + (counts[0] - 1.0) * plan.fading)
    for j in range(p):
        g = _slope(plan, values, p, j)
        memory[0, j] += g * g
        values[j] -= size * g / (math.sqrt(memory[0, j]) + plan.eps)


@_inlined
def _step(plan: Plan, lr: float, values: Floats, memory: Floats, counts: FloatArray) -> None:
    """One step of the optimizer along the gradient in ``values``, with the formulas of torch.optim."""
    if plan.optimizer == SGD:
        _sgd(plan, lr, values, memory, counts)
        return
    counts[0] = min(counts[0] + 1.0, _LAST_STEP)
    if plan.optimizer == ADAM or plan.optimizer == ADAMW:
        _adam(plan, lr, values, memory, counts)
    elif plan.optimizer == NADAM:
        _nadam(plan, lr, values, memory, counts)
    elif plan.optimizer == RMSPROP:
        _rmsprop(plan, lr, values, memory)
    else:
        _adagrad(plan, lr, values, memory, counts)


@_inlined
def _logit(X: Floats, i: int, theta: Floats) -> float:
    d = X.shape[1]
    z = np.float64(theta[d]) if len(theta) > d else 0.0
    for j in range(d):
        z += np.float64(X[i, j]) * theta[j]
    return z


@_inlined
def _pull(plan: Plan, z: float, target: float) -> float:
    """The derivative of a row's loss by its logit z: see objective.row_losses."""
    if plan.logistic:
        e = math.exp(-abs(target * z))
        return -target * (e if target * z > 0.0 else 1.0) / (1.0 + e)
    return 2.0 * (z - target)


@_inlined
def _gather(
    plan: Plan,
    X: Floats,
    y: Floats,
    order: NDArray[np.int64],
    first: int,
    last: int,
    theta: Floats,
    sums: FloatArray,
    whole: bool,
) -> None:
    """Add rows ``first`` to ``last`` of an epoch to the ``sums``; loss and score only of the ``whole`` data."""
    d = X.shape[1]
    p = len(theta)
    for k in range(first, last):
        i = k if whole or len(order) == 0 else order[k]
        z = _logit(X, i, theta)
        pull = _pull(plan, z, y[i])
        for j in range(d):
            sums[j] += pull * X[i, j]
        if p > d:
            sums[d] += pull
        if whole and plan.logistic:
            margin = y[i] * z
            sums[p] += math.log1p(math.exp(-abs(margin))) - min(margin, 0.0)
            sums[p + 1] += z > 0.0 if y[i] > 0.0 else z <= 0.0
        elif whole:
            residual = 0.5 * pull
            sums[p] += residual * residual
            sums[p + 1] = sums[p]


@_inlined
def _follow(
    plan: Plan,
    X: Floats,
    y: Floats,
    order: NDArray[np.int64],
    first: int,
    last: int,
    lr: float,
    theta: Floats,
) -> None:
    """A plain step along the gradient of each of these rows: what :func:`_sgd` would do, without a way over sums."""
    d = X.shape[1]
    size = lr / (plan.by_rows + plan.by)
    for k in range(first, last):
        i = order[k] if len(order) else k
        way = size * _pull(plan, _logit(X, i, theta), y[i])
        for j in range(d):
            theta[j] -= way * X[i, j]
        if len(theta) > d:
            theta[d] -= way


@_inlined
def _reduce(plan: Plan, rows: int, values: Floats, sums: FloatArray, whole: bool) -> None:
    """Put the gradient in ``values``, of the ``whole`` data also loss and score, and clear the ``sums``."""
    p = len(sums) - 2
    share = 1.0 / (plan.by_rows * rows + plan.by)
    for j in range(p):
        values[p + j] = sums[j] * share
        sums[j] = 0.0
    if whole:
        values[2 * p] = sums[p] * share
        values[2 * p + 1] = sums[p + 1] / rows
        sums[p] = sums[p + 1] = 0.0


def descend(
    X: Floats,
    y: Floats,
    orders: NDArray[np.int64],
    plan: Plan,
    lr: float,
    values: Floats,
    memory: Floats,
    counts: FloatArray,
    sums: FloatArray,
    cursor: NDArray[np.int64],
    budget: int,
    out: Floats,
) -> None:
    """Run epochs until ``out``, shape (epochs, 2p + 2), is full of their records or the ``budget`` is spent.

    X, shape (n, d), y, shape (n,), of classes as −1 and 1, ``values``, ``memory`` and ``out`` are of one precision, X
    and y read-only. ``orders``, shape (epochs · n,), holds the rows of each epoch as they come; shape (0,): as they
    are. The ``budget`` is in rows, each of which comes twice in an epoch of minibatches, once in the steps and once in
    the evaluation for the record. A call goes on where the last one has left ``cursor``, the epochs completed and the
    rows done since, zeros at first, and ``sums``, shape (p + 2,), zeros too. [0, n] is in front of an evaluation: with
    an ``out`` of one record nothing else is done.
    """
    n = len(X)
    p = memory.shape[1]
    theta = values[:p]
    plain = plan.batch == 1 and plan.optimizer == SGD and plan.momentum == 0.0 and plan.decay == 0.0
    epoch, done = cursor[0], cursor[1]
    while epoch < len(out) and budget > 0:
        order = orders[epoch * n : (epoch + 1) * n]
        begin = done - done % plan.batch
        while done < n and budget > 0:
            if plan.batch == n:
                # The evaluation at the last record was over the very rows of this step: its gradient is still there.
                done = n
            elif plain:
                until = min(n, done + budget)
                _follow(plan, X, y, order, done, until, lr, theta)
                budget -= until - done
                done = until
                continue
            else:
                end = min(begin + plan.batch, n)
                until = min(end, done + budget)
                _gather(plan, X, y, order, done, until, theta, sums, False)
                budget -= until - done
                done = until
                if done < end:
                    break
                _reduce(plan, end - begin, values, sums, False)
                begin = end
            _step(plan, lr, values, memory, counts)
        if done >= n and budget > 0:
            until = min(2 * n, done + budget)
            _gather(plan, X, y, order, done - n, until - n, theta, sums, True)
            budget -= until - done
            done = until
            if done == 2 * n:
                _reduce(plan, n, values, sums, True)
                out[epoch] = values
                epoch += 1
                done = 0
    cursor[0] = epoch
    cursor[1] = done
