"""Minibatches: how fast the error grows when each step multiplies it by a matrix of its own, I − lr·H_B.

The size of a product of such matrices grows by a constant factor per step in the long run (Furstenberg and Kesten,
1960). Its logarithm, the top Lyapunov exponent, needs no targets: it is estimated on the batches of the run itself.
"""

from itertools import islice

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import chunks
from tui_regress.engine.minibatches import batch_size, designs
from tui_regress.engine.objective import divisor
from tui_regress.engine.recursion import largest_q
from tui_regress.engine.spectrum import spectrum
from tui_regress.experiment import Experiment, Sgd

_COARSE, _FINE = 4000, 16000
"""Steps for a search over decades of rates, and for the answer itself."""
_LEAST = 80
"""Steps that even the largest batches take."""
_WORK = 2e8
"""Rates · parameters · rows per step · steps, at most: large batches cost more and vary less."""
_RENORMALISED = 8
"""Steps between two renormalisations: few enough for no error to leave float64."""


def exponent(experiment: Experiment, sgd: Sgd, dataset: Dataset) -> float:
    """Mean log growth of the error per step at the lr of ``sgd``; 0 if too small to tell from rounding and chance."""
    return float(_exponents(experiment, sgd, dataset, np.array([sgd.lr]), _FINE)[0])


def stable_rates(experiment: Experiment, sgd: Sgd, dataset: Dataset, average: float) -> tuple[float, float]:
    """The largest stable lr and the one that brings the error down fastest, where there is a stable one.

    ``average``: the largest eigenvalue of the Hessian of an average step, with weight decay.
    """
    model, size = experiment.model, batch_size(experiment, dataset.rows)
    longest = max(float(np.square(dataset.X[part]).sum(axis=1).max()) for part in chunks(*dataset.X.shape))
    steepest = 2 * (longest + model.bias) * size / divisor(model, size) + sgd.weight_decay
    # Below the first rate every step shrinks the error, even where momentum adds up steps of the steepest batch.
    first = (1 - sgd.momentum) / max(1.0, 1 - sgd.dampening) / steepest
    rates = np.geomspace(first, 8 * largest_q(sgd) / average, 40)
    grown = _exponents(experiment, sgd, dataset, rates, _COARSE)
    over = int(np.argmax(grown > 0)) if (grown > 0).any() else len(rates) - 1
    closer = np.linspace(rates[max(over - 1, 0)], rates[over], 16)
    beyond = _exponents(experiment, sgd, dataset, closer, _FINE) > 0
    limit = closer[max(int(np.argmax(beyond)) - 1, 0) if beyond.any() else -1]
    return float(limit), float(rates[np.argmin(grown[: over + 1])])


@np.errstate(under="ignore")
def _exponents(experiment: Experiment, sgd: Sgd, dataset: Dataset, rates: FloatArray, most: int) -> FloatArray:
    """Shape (l,): the exponent at each of ``rates``, shape (l,), from ``most`` steps at most."""
    model = experiment.model
    size, p = batch_size(experiment, dataset.rows), dataset.features + model.bias
    steps = int(np.clip(_WORK / (len(rates) * p * size), _LEAST, most) / _RENORMALISED) * _RENORMALISED
    # Near the direction that explodes first, so that few steps find the rest of the way.
    error = spectrum(model, dataset).vectors[:, -1:] + np.random.default_rng(0).normal(0, 0.1, (p, len(rates)))
    velocity = np.zeros_like(error)
    total, counted = np.zeros(len(rates)), 0
    for step, A in enumerate(islice(designs(experiment, dataset, steps), steps), start=1):
        gradient = A.T @ (A @ error) * (2 / divisor(model, len(A))) + sgd.weight_decay * error
        if sgd.momentum:
            velocity = gradient if step == 1 else sgd.momentum * velocity + (1 - sgd.dampening) * gradient
            gradient = gradient + sgd.momentum * velocity if sgd.nesterov else velocity
        error = error - rates * gradient
        if step % _RENORMALISED == 0:
            norm = np.sqrt(np.square(error).sum(axis=0) + np.square(rates * velocity).sum(axis=0)) + 1e-300
            error, velocity = error / norm, velocity / norm
            # The first quarter turns the error into its lasting direction.
            if step > steps // 4:
                total += np.log(norm)
                counted += _RENORMALISED
    return np.where(total > 1, total, np.minimum(total, 0)) / counted
