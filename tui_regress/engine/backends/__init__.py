"""Ways to compute the gradient and run epochs."""

from typing import Any

from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends.base import Backend
from tui_regress.experiment import Experiment, Sgd


def choose(experiment: Experiment, dataset: Dataset, device: str) -> tuple[Backend[Any], str]:
    """The backend for ``experiment`` on torch's ``device``, and why where the experiment left the choice open.

    Only the backends in torch load torch.
    """
    match experiment.training.gradient, experiment.optimizer:
        case "numpy", Sgd() as sgd:
            from tui_regress.engine.backends.by_hand import ByHand

            return ByHand(experiment, dataset, sgd), ""
        case "autograd", _:
            from tui_regress.engine.backends.autograd import Autograd

            return Autograd(experiment, dataset, device), ""
        case gradient, _:
            from tui_regress.engine.backends.analytic import Analytic

            reason = "The gradient is known in closed form: analytic needs no autograd." if gradient == "auto" else ""
            return Analytic(experiment, dataset, device), reason
