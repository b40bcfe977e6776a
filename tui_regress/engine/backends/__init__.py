"""Ways to compute the gradient and run epochs."""

import math
from typing import Any

from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import compiled
from tui_regress.engine.backends.base import Backend
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.moments import manageable
from tui_regress.experiment import Experiment, Linear, Sgd
from tui_regress.problems import ExperimentError

_SMALL = 5000
"""Rows in a step above which torch, which takes many at a time, is quicker than anything that calls less."""


def choose(experiment: Experiment, dataset: Dataset, device: str) -> tuple[Backend[Any], str]:
    """The backend for ``experiment`` on torch's ``device``, and why where the experiment left the choice open.

    Where it left the device open too, a backend may be better off on the CPU. Only the backends in torch load torch.
    """
    gradient, reason = str(experiment.training.gradient), ""
    if gradient == "auto":
        gradient, reason = _best(experiment, dataset, anywhere=device == "cpu" or experiment.device.name == "auto")
    match gradient, experiment.model, experiment.optimizer:
        case "numpy", _, Sgd() as sgd:
            from tui_regress.engine.backends.by_hand import ByHand

            return ByHand(experiment, dataset, sgd), reason
        case "statistics", Linear() as model, Sgd() as sgd:
            from tui_regress.engine.backends.statistics import Statistics

            return Statistics(experiment, dataset, model, sgd), reason
        case "statistics", Linear() as model, _:
            from tui_regress.engine.backends.condensed import Condensed

            return Condensed(experiment, dataset, model), reason
        case "compiled", _, _:
            if not compiled.available():
                hint = "needs the package numba: pip install 'tui-regress[fast]'; or use auto or analytic."
                raise ExperimentError("training.gradient", "compiled", hint)
            return compiled.Compiled(experiment, dataset), reason
        case "autograd", _, _:
            from tui_regress.engine.backends.autograd import Autograd

            return Autograd(experiment, dataset, device), reason
        case _:
            from tui_regress.engine.backends.analytic import Analytic
            from tui_regress.engine.backends.captured import Captured, pays

            kind = Captured if pays(experiment, dataset, device) else Analytic
            return kind(experiment, dataset, device), reason


def _best(experiment: Experiment, dataset: Dataset, *, anywhere: bool) -> tuple[str, str]:
    """The gradient that suits the problem, and the reason; ``anywhere``: not only on one accelerator."""
    model, rows = experiment.model, dataset.rows
    batch = batch_size(experiment, rows)
    if anywhere and isinstance(model, Linear) and batch == rows and manageable(dataset, model.bias):
        return "statistics", "Full-batch least squares needs only XᵀX and Xᵀy: no epoch looks at the rows again."
    calls = experiment.training.epochs * (math.ceil(rows / batch) + 1)
    if anywhere and batch <= _SMALL:
        if calls >= compiled.WORTH_LOADING and compiled.available():
            return "compiled", "So many small steps are quickest compiled: none has to call torch."
        if isinstance(experiment.optimizer, Sgd):
            return "numpy", "For steps this small calling NumPy costs less than calling torch."
    return "analytic", "The gradient is known in closed form: analytic needs no autograd."
