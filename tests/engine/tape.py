"""CUDA graphs as they behave, without CUDA: what torch is asked for while work is captured can be done again.

As on a device, nothing is carried out while it is captured, a number that Python gave stays what it was, memory stays
where it was, and whatever the CPU would have to wait for is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
_WAITING = {_aten._local_scalar_dense.default, _aten.lift_fresh.default, _aten.nonzero.default, _aten.equal.default}
"""They bring a number to the CPU or take one from there, as .item(), torch.tensor() and the likes ask for."""


class Tape(TorchDispatchMode):
    """Captures within its ``with``; afterwards it is called to replay. All tensors must be on ``device``."""

    def __init__(self, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch does not say its types
        self.replays = 0
        self._device = device
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        settings = dict(kwargs or {})
        if func in _WAITING:
            raise RuntimeError(f"{func} is not permitted when a stream is capturing")
        for tensor in _tensors((args, settings)):
            if tensor.device.type != self._device:
                raise RuntimeError(f"{func} takes a tensor on {tensor.device}, which is read now and never again")
        for tensor in _written(func, args, settings):
            if _memory(tensor) not in self._before:
                whole = tensor.as_strided((tensor.untyped_storage().nbytes() // tensor.element_size(),), (1,), 0)
                self._before[_memory(tensor)] = whole, whole.clone()
        found = func(*args, **settings)
        self._calls.append((func, args, settings, found))
        return found

    def end(self) -> None:
        """Make all memory what it is while a device has only been told what to do."""
        for tensor in {id(tensor): tensor for *call, found in self._calls for tensor in _made(call, found)}.values():
            tensor.fill_(torch.nan if tensor.is_floating_point() else -1)
        for tensor, before in self._before.values():
            tensor.copy_(before)

    def __call__(self) -> None:
        self.replays += 1
        for func, args, settings, found in self._calls:
            again = func(*args, **settings)
            made = list(_made((func, args, settings), found))
            for tensor, value in zip(made, _made((func, args, settings), again), strict=True):
                tensor.copy_(value)


class Recorder:
    """Captures on tapes, and keeps them."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.tapes: list[Tape] = []

    def __call__(self, work: Callable[[], object], *, paced: bool = False) -> Tape:
        del paced
        tape = Tape(self.device)
        with tape:
            work()
        tape.end()
        self.tapes.append(tape)
        return tape

    @property
    def replays(self) -> int:
        """Of all tapes."""
        return sum(tape.replays for tape in self.tapes)


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _memory(tensor: Tensor) -> int:
    """Which piece of memory it looks at."""
    return int(tensor.untyped_storage()._cdata)


def _made(call: Sequence[Any], found: Any) -> Iterator[Tensor]:
    """The tensors of ``found`` that are new, and no views of what the call was given."""
    given = {_memory(tensor) for tensor in _tensors(call)}
    return (tensor for tensor in _tensors(found) if _memory(tensor) not in given)


def _written(func: Any, args: tuple[Any, ...], settings: Mapping[str, Any]) -> Iterator[Tensor]:
    """Those that the call changes."""
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from _tensors(args[index] if index < len(args) else settings.get(argument.name))
