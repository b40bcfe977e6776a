"""The experiment's optimizers as those of torch: same names, same settings."""

from typing import Any

import msgspec
import torch

from tui_regress.experiment import Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop, Sgd

_CLASSES: dict[type[Optimizer], type[torch.optim.Optimizer]] = {
    Sgd: torch.optim.SGD,
    Adam: torch.optim.Adam,
    AdamW: torch.optim.AdamW,
    NAdam: torch.optim.NAdam,
    RMSprop: torch.optim.RMSprop,
    Adagrad: torch.optim.Adagrad,
}


def build(optimizer: Optimizer, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    """torch's optimizer with the settings of ``optimizer`` for ``parameters``, on their device."""
    settings: dict[str, Any] = msgspec.structs.asdict(optimizer)
    return _CLASSES[type(optimizer)](parameters, **settings)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Another learning rate from the next step on; whatever the optimizer has gathered stays."""
    for group in optimizer.param_groups:
        group["lr"] = lr
