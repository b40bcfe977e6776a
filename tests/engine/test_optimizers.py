import math
from collections.abc import Callable

import msgspec
import pytest
import torch

from tui_regress.engine.optimizers import build, set_lr
from tui_regress.experiment import Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop, Sgd

OPTIMIZERS: list[tuple[Optimizer, type[torch.optim.Optimizer]]] = [
    (Sgd(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.2), torch.optim.SGD),
    (Sgd(lr=0.1, momentum=0.9, nesterov=True), torch.optim.SGD),
    (Adam(lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2, amsgrad=True), torch.optim.Adam),
    (AdamW(lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2, amsgrad=True), torch.optim.AdamW),
    (NAdam(lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2, momentum_decay=0.01), torch.optim.NAdam),
    (RMSprop(lr=0.1, alpha=0.9, eps=1e-6, weight_decay=0.2, momentum=0.5, centered=True), torch.optim.RMSprop),
    (Adagrad(lr=0.1, lr_decay=0.1, weight_decay=0.2, initial_accumulator_value=0.3, eps=1e-6), torch.optim.Adagrad),
]


@pytest.mark.parametrize(("optimizer", "kind"), OPTIMIZERS, ids=lambda value: type(value).__name__)
def test_every_setting_reaches_torchs_optimizer(optimizer: Optimizer, kind: type[torch.optim.Optimizer]) -> None:
    built = build(optimizer, [torch.zeros(2)])
    assert type(built) is kind
    assert msgspec.structs.asdict(optimizer).items() <= built.param_groups[0].items()


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [
        (Sgd(), torch.optim.SGD),
        (Adam(), torch.optim.Adam),
        (AdamW(), torch.optim.AdamW),
        (NAdam(), torch.optim.NAdam),
        (RMSprop(), torch.optim.RMSprop),
        (Adagrad(), torch.optim.Adagrad),
    ],
    ids=lambda value: type(value).__name__,
)
def test_defaults_are_torchs_own(optimizer: Optimizer, kind: Callable[..., torch.optim.Optimizer]) -> None:
    assert build(optimizer, [torch.zeros(2)]).defaults == kind([torch.zeros(2)]).defaults


def test_a_new_learning_rate_counts_from_the_next_step_and_keeps_the_momentum() -> None:
    theta = torch.zeros(1)
    theta.grad = torch.ones(1)
    built = build(Sgd(lr=1.0, momentum=0.5), [theta])
    built.step()
    set_lr(built, 10.0)
    built.step()
    assert math.isclose(theta.item(), -1.0 - 10.0 * 1.5)
