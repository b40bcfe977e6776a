"""The best parameters there are, computed without descent: least squares, and Newton's method for logistic models."""

import math
from dataclasses import dataclass

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import newton
from tui_regress.engine.moments import manageable
from tui_regress.engine.objective import coupled_decay, divisor, evaluate, listed, parameter_names
from tui_regress.engine.quadratic import least_squares, quadratic
from tui_regress.experiment import AdamW, Experiment, Linear


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """The best parameters there are, computed without descent."""

    parameters: FloatArray | None
    """Shape (p,); None where no best parameters exist."""
    loss: float
    """The experiment's loss there; without best parameters, what the loss falls towards."""
    note: str
    """One sentence where there is something to say, else empty."""


_SEPARABLE = (
    "none: separable data. A cut leaves no row on the wrong side, so the loss keeps falling while the weights grow "
    "without end."
)
_SQUARABLE = 1e150
"""The square of a larger number, summed over rows, is beyond float64."""
_OUT_OF_RANGE = "none: the data hold numbers too large or too small to compute with."


@np.errstate(over="ignore", invalid="ignore")
def exact_solution(experiment: Experiment, dataset: Dataset) -> Exact:
    """Least squares for a linear model, Newton's method for a logistic one, in float64.

    Weight decay that an optimizer adds to the gradient (all but AdamW's) is part of what is minimised, as it is of
    where the descent ends; ``loss`` is the experiment's loss without it. Solved for the columns that training sees,
    reported in the units of the data.
    """
    model, trained = experiment.model, dataset.trained
    decay = coupled_decay(experiment, dataset.rows)
    if max(trained.X.max(), -trained.X.min(), trained.y.max(), -trained.y.min()) > _SQUARABLE:
        return Exact(None, math.nan, _OUT_OF_RANGE)
    if isinstance(model, Linear):
        parameters, undetermined = _least_squares(model, trained, decay)
    else:
        by = divisor(model, dataset.rows)
        fit = newton.fit(trained.X, trained.y, model.bias, decay * by)
        if fit is None:
            return Exact(None, math.nan, f"none found: Newton's method did not settle in {newton.STEPS} steps.")
        if fit.parameters is None:
            return Exact(None, fit.loss / by, _SEPARABLE)
        parameters, undetermined = fit.parameters, fit.undetermined
    if not np.isfinite(parameters).all():
        return Exact(None, math.nan, _OUT_OF_RANGE)
    note = ""
    if undetermined:
        names = parameter_names(model, dataset.feature_names)
        note = (
            f"The data alone do not determine {listed([names[i] for i in undetermined])} (their columns depend "
            "on each other): of the equally good parameters, these have the smallest norm."
        )
    elif decay:
        note = f"The weight decay of {experiment.optimizer.weight_decay:g} is part of what is minimised."
    elif isinstance(experiment.optimizer, AdamW) and experiment.optimizer.weight_decay:
        note = "AdamW's weight decay is not part of the loss: training settles a little beside these parameters."
    loss = float(evaluate(model, parameters, trained.X, trained.y).loss)
    return Exact(dataset.to_original(parameters), loss, note)


def _least_squares(model: Linear, trained: Dataset, decay: float) -> tuple[FloatArray, tuple[int, ...]]:
    """The parameters and, of those, the ones that the data leave open."""
    if not manageable(trained, model.bias):
        solution = least_squares(model, trained, decay)
        return solution.parameters, solution.undetermined
    known = quadratic(model, trained)
    return known.settled(decay), () if decay else known.solution.undetermined
