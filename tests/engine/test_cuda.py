"""What holds on an accelerator and can be seen without one.

Tensors on torch's device "meta" have shapes and no numbers: whatever needs one of their numbers fails.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.conftest import dataset, experiment
from tests.engine.test_backends import OPTIMIZERS
from tui_regress.engine.backends.analytic import Analytic
from tui_regress.engine.backends.autograd import Autograd
from tui_regress.experiment import Experiment

BACKENDS = (Analytic, Autograd)
EPOCHS, ROWS, BATCH = 4, 30, 7


class Border(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch does not say its types
    """Counts the copies onto the device, and those off it, which alone let the CPU wait for the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # nor here
        self.uploads = 0
        self.downloads = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        settings = dict(kwargs or {})
        if func is torch.ops.aten._to_copy.default:
            (tensor,) = args
            there = torch.device(settings.get("device") or tensor.device).type
            self.uploads += tensor.device.type == "cpu" and there == "meta"
            if tensor.device.type == "meta" and there == "cpu":
                self.downloads += 1
                return torch.zeros(tensor.shape, dtype=settings.get("dtype") or tensor.dtype)
        return func(*args, **settings)


def crossings(kind: type[Analytic | Autograd], run: Experiment, epochs: int) -> Border:
    """Those of one block of so many epochs."""
    rng = np.random.default_rng(0)
    data = dataset(rng.normal(size=(ROWS, 3)), np.arange(ROWS) % 2)
    backend: Any = kind(run, data, "meta")
    state = backend.start()
    border = Border()
    with border:
        block = backend.advance(state, epochs, lambda: None)
    assert len(block.loss) == epochs
    return border


@pytest.mark.parametrize("batch", [0, BATCH], ids=["full batch", "minibatches"])
@pytest.mark.parametrize("model", ["linear", "logistic"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", BACKENDS)
def test_numbers_leave_the_device_once_a_block_and_only_the_order_of_the_rows_goes_there(
    kind: type[Analytic | Autograd], optimizer: str, model: str, batch: int
) -> None:
    run = experiment({"model.kind": model, "training.batch_size": batch, **OPTIMIZERS[optimizer]})
    border = crossings(kind, run, EPOCHS)
    assert (border.downloads, border.uploads) == (1, EPOCHS if batch else 0)


def test_rows_in_their_own_order_need_no_uploads() -> None:
    run = experiment({"training.batch_size": BATCH, "training.shuffle": False})
    assert crossings(Analytic, run, EPOCHS).uploads == 0


def test_a_look_at_a_number_on_the_device_would_be_noticed() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        float(torch.zeros((), device="meta"))
    border = Border()
    with border:
        torch.zeros(2, device="meta").cpu()
        torch.zeros(2).to("meta")
    assert (border.downloads, border.uploads) == (1, 1)


@pytest.mark.parametrize(
    ("is_cuda", "expected"), [(True, ["pinned", ("cpu", {"non_blocking": True})]), (False, [("cpu", {})])]
)
def test_the_order_of_the_rows_goes_out_of_pinned_memory_without_waiting_and_only_so(
    monkeypatch: pytest.MonkeyPatch, is_cuda: bool, expected: list[object]
) -> None:
    class There:
        def __getitem__(self, index: object) -> object:
            return index

    There.is_cuda = is_cuda  # type: ignore[attr-defined] # as torch's tensors have it
    run = experiment({"training.batch_size": 2})
    backend = Analytic(run, dataset([1, 2, 3, 4], [1, 2, 3, 4]), "cpu")
    steps: list[object] = []

    def pinned(tensor: Tensor) -> Tensor:
        steps.append("pinned")
        return tensor

    def moved(tensor: Tensor, device: str, **settings: object) -> Tensor:
        steps.append((device, settings))
        return tensor

    monkeypatch.setattr(Tensor, "pin_memory", pinned)
    monkeypatch.setattr(Tensor, "to", moved)
    monkeypatch.setattr(backend, "_X", There())
    monkeypatch.setattr(backend, "_y", There())
    rows, _ = backend._rows(np.array([2, 0]))
    assert steps == expected
    assert rows.tolist() == [2, 0]
