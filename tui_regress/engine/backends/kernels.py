"""Whole blocks of epochs, to be compiled by Numba. Only where Numba is installed.

Rows, parameters, and what an optimizer remembers are in the run's precision; every sum and every step is computed in
float64 and then rounded to it, plain steps by single rows at the end of their epoch. Nothing here allocates, and no
function holds the interpreter's lock. Each row adds to the sums in its turn, so that the numbers do not depend on where
a call ends and the next one goes on.

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
_MULTIPLIER = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)
"""PCG64's, upper and lower half."""
_1, _32, _58, _63 = np.uint64(1), np.uint64(32), np.uint64(58), np.uint64(63)
_LOWER = np.uint64(2**32 - 1)

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


class Work(NamedTuple):
    """What a block of epochs is worked on with, from its first call to its last."""

    cursor: NDArray[np.int64]
    """Shape (2,): the epochs completed, and the rows done since; less than none as long as places in the order are
    open, 1 − n at first where the rows are shuffled. [0, n] is in front of an evaluation."""
    order: NDArray[np.int64]
    """Shape (n,), 0 to n − 1 at first: the rows of an epoch as they come. Shape (0,): they come as they are."""
    generator: NDArray[np.uint64]
    """Shape (6,): see shuffling.words."""
    sums: FloatArray
    """Shape (p + 2,), zeros at first."""
    exact: FloatArray
    """Shape (p,): the parameters between two plain steps, rounded only at the end of the epoch."""
    draws: NDArray[np.int64]
    """Shape (r,): room for as many rows as are done at once."""
    pulls: FloatArray
    """Shape (r,)."""


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
def _upper(a: np.uint64, b: np.uint64) -> np.uint64:
    """The upper half of the 128 bits of a · b, which Numba has no type for."""
    across = (a >> _32) * (b & _LOWER)
    middle = ((a & _LOWER) * (b & _LOWER) >> _32) + (across & _LOWER) + (a & _LOWER) * (b >> _32)
    return (a >> _32) * (b >> _32) + (across >> _32) + (middle >> _32)


@_inlined
def _deal(
    generator: NDArray[np.uint64], order: NDArray[np.int64], draws: NDArray[np.int64], last: int, many: int
) -> int:
    """Give the places ``last`` and below their rows, ``many`` of them, as numpy.random.Generator.permutation does.

    Shuffled after Fisher and Yates: a row from the places up to it comes to each place, the last one first. Which, is
    drawn by PCG64 (XSL-RR 128/64: O'Neill, HMC-CS-2014-0905), 32 bits at a time, as many of them as it takes; what is
    too large is drawn again. Returns the last place that is still to come; place 0 has no choice.
    """
    high, low, step_high, step_low, waiting, rest = generator
    place, end = last, max(0, last - many)
    mask = np.uint64(last)
    for shift in (1, 2, 4, 8, 16):
        mask |= mask >> np.uint64(shift)
    while place > end:
        if waiting:
            bits = rest
            waiting = np.uint64(0)
        else:
            high = high * _MULTIPLIER[1] + low * _MULTIPLIER[0] + _upper(low, _MULTIPLIER[1]) + step_high
            low = low * _MULTIPLIER[1] + step_low
            high += np.uint64(low < step_low)
            bits, turn = high ^ low, high >> _58
            bits = bits >> turn | bits << (np.uint64(64) - turn & _63)
            rest, waiting = bits >> _32, _1
        # One that is too large is overwritten by the next: a branch would be mispredicted one time in three.
        draw = np.int64(bits & mask)
        draws[last - place] = draw
        place -= 1 if draw <= place else 0
        if np.uint64(place) <= mask >> _1:
            mask >>= _1
    generator[0], generator[1], generator[4], generator[5] = high, low, waiting, rest
    for place in range(last, end, -1):
        draw = draws[last - place]
        order[place], order[draw] = order[draw], order[place]
    return end


@_inlined
def _row(order: NDArray[np.int64], k: int) -> np.uint64:
    """The row in place k. Without a sign: nothing has to look whether it counts from the end."""
    return np.uint64(order[k] if len(order) else k)


@_inlined
def _heads(theta: Floats, d: int) -> tuple[float, float, float]:
    """The first two weights and the bias, each 0 where there is none: they stay in registers from row to row."""
    second = np.float64(theta[1]) if d > 1 else 0.0
    bias = np.float64(theta[d]) if len(theta) > d else 0.0
    return np.float64(theta[0]), second, bias


@_inlined
def _logit(X: Floats, i: np.uint64, theta: Floats, first: float, second: float, bias: float) -> float:
    d = X.shape[1]
    z: float = bias + first * X[i, 0]
    if d > 1:
        z += second * X[i, 1]
    for j in range(2, d):
        z += np.float64(X[i, j]) * theta[j]
    return z


@_inlined
def _logistic_pull(z: float, sign: float) -> float:
    """The derivative of a row's logistic loss by its logit z: see objective.row_losses."""
    e = math.exp(-abs(sign * z))
    return -sign * (e if sign * z > 0.0 else 1.0) / (1.0 + e)


@_inlined
def _gather(
    plan: Plan,
    X: Floats,
    y: Floats,
    order: NDArray[np.int64],
    begin: int,
    end: int,
    theta: Floats,
    pulls: FloatArray,
    sums: FloatArray,
    whole: bool,
) -> None:
    """Add rows ``begin`` to ``end`` of an epoch, of which ``pulls`` has room for, to the ``sums``.

    Loss and score only of the ``whole`` data. The derivatives by the logits come first: a call of exp clears all
    registers, and the sums are to stay there.
    """
    d, p = X.shape[1], len(theta)
    first, second, bias = _heads(theta, d)
    for k in range(end - begin):
        i = _row(order, begin + k)
        z = _logit(X, i, theta, first, second, bias)
        if plan.logistic:
            pulls[k] = _logistic_pull(z, y[i])
            if whole:
                margin = y[i] * z
                sums[p] += math.log1p(math.exp(-abs(margin))) - min(margin, 0.0)
                sums[p + 1] += z > 0.0 if y[i] > 0.0 else z <= 0.0
        else:
            pulls[k] = 2.0 * (z - y[i])
    by_first, by_second, by_bias, squares = sums[0], sums[1], sums[d], 0.0 if plan.logistic else sums[p]
    for k in range(end - begin):
        i = _row(order, begin + k)
        pull = pulls[k]
        by_first += pull * X[i, 0]
        if d > 1:
            by_second += pull * X[i, 1]
        for j in range(2, d):
            sums[j] += pull * X[i, j]
        by_bias += pull
        squares += 0.25 * pull * pull
    sums[0] = by_first
    if d > 1:
        sums[1] = by_second
    if p > d:
        sums[d] = by_bias
    if whole and not plan.logistic:
        sums[p] = sums[p + 1] = squares


@_inlined
def _moved(
    X: Floats, i: np.uint64, way: float, theta: FloatArray, first: float, second: float, bias: float
) -> tuple[float, float, float]:
    """Move ``theta`` by ``way`` against row i; its heads before and after."""
    d = X.shape[1]
    theta[0] = first = first - way * X[i, 0]
    if d > 1:
        theta[1] = second = second - way * X[i, 1]
    if len(theta) > d:
        theta[d] = bias = bias - way
    for j in range(2, d):
        theta[j] -= way * X[i, j]
    return first, second, bias


@_inlined
def _follow(
    plan: Plan,
    X: Floats,
    y: Floats,
    order: NDArray[np.int64],
    begin: int,
    end: int,
    lr: float,
    theta: FloatArray,
) -> None:
    """A plain step along the gradient of each of these rows: what :func:`_sgd` would do, without a way over sums."""
    size = lr / (plan.by_rows + plan.by)
    first, second, bias = _heads(theta, X.shape[1])
    if plan.logistic:
        for k in range(begin, end):
            i = _row(order, k)
            way = size * _logistic_pull(_logit(X, i, theta, first, second, bias), y[i])
            first, second, bias = _moved(X, i, way, theta, first, second, bias)
    else:
        for k in range(begin, end):
            i = _row(order, k)
            way = 2.0 * size * _logit(X, i, theta, first, second, bias - y[i])
            first, second, bias = _moved(X, i, way, theta, first, second, bias)


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
    plan: Plan,
    lr: float,
    values: Floats,
    memory: Floats,
    counts: FloatArray,
    work: Work,
    budget: int,
    out: Floats,
) -> None:
    """Run epochs until ``out``, shape (epochs, 2p + 2), is full of their records or the ``budget`` is spent.

    X, shape (n, d), y, shape (n,), of classes as −1 and 1, ``values``, ``memory`` and ``out`` are of one precision, X
    and y read-only. The ``budget`` is in rows, each of which comes three times in an epoch of minibatches: it gets its
    place in the order, is in a step, and in the evaluation for the record. A call goes on where the last one has left
    ``work``. From a cursor in front of an evaluation, with an ``out`` of one record, nothing else is done.
    """
    cursor, order, generator, sums, exact, draws, pulls = work
    n = len(X)
    p = memory.shape[1]
    theta = values[:p]
    plain = plan.batch == 1 and plan.optimizer == SGD and plan.momentum == 0.0 and plan.decay == 0.0
    epoch, done = cursor[0], cursor[1]
    while epoch < len(out) and budget > 0:
        while done < 0 and budget > 0:
            before = done
            done = -_deal(generator, order, draws, -done, min(len(draws), budget))
            budget -= done - before
        begin = done - done % plan.batch
        while 0 <= done < n and budget > 0:
            if plan.batch == n:
                # The evaluation at the last record was over the very rows of this step: its gradient is still there.
                done = n
            elif plain:
                until = min(n, done + budget)
                if done == 0:
                    exact[:] = theta
                _follow(plan, X, y, order, done, until, lr, exact)
                budget -= until - done
                done = until
                if done == n:
                    theta[:] = exact
                continue
            else:
                end = min(begin + plan.batch, n)
                until = min(end, done + min(len(pulls), budget))
                _gather(plan, X, y, order, done, until, theta, pulls, sums, False)
                budget -= until - done
                done = until
                if done < end:
                    continue
                _reduce(plan, end - begin, values, sums, False)
                begin = end
            _step(plan, lr, values, memory, counts)
        while done >= n and budget > 0:
            until = min(2 * n, done + min(len(pulls), budget))
            _gather(plan, X, y, order[:0], done - n, until - n, theta, pulls, sums, True)
            budget -= until - done
            done = until
            if done == 2 * n:
                _reduce(plan, n, values, sums, True)
                out[epoch] = values
                epoch += 1
                done = min(0, 1 - len(order))
                for k in range(len(order)):
                    order[k] = k
    cursor[0] = epoch
    cursor[1] = done
