"""CUDA graphs: work that is captured once and replayed with a single launch, however many kernels it takes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

Replay = Callable[[], None]
"""Do the captured work again: the same kernels on the same memory, with the very numbers that Python gave them."""

_ONE_BY_ONE = Lock()
"""Of all that a process does on CUDA, torch can capture but one thing at a time."""


class Capture(Protocol):
    """Captures on one device."""

    def __call__(self, work: Callable[[], None], *, paced: bool = False) -> Replay:
        """``work``, which is not carried out meanwhile, and must neither wait for the device nor use the CPU's memory.

        ``paced``: no more than two replays are ever under way, the next one waits. Raises RuntimeError where the device
        cannot capture it.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Graphs:
    """What has been captured of a state; where there is nothing, each kernel is launched by itself."""

    lr: float = math.nan
    """The learning rate that the steps were captured with."""
    step: Replay | None = None
    """One step along the gradient that is there."""
    evaluation: Replay | None = None
    """Of all rows, at the parameters that are there."""
    stretches: Mapping[int, tuple[Tensor, Replay]] = field(default_factory=dict)
    """By the number of rows: where their numbers are to be put, and the steps of their minibatches."""
    refused: bool = False
    """The device could not capture; it is not asked again."""


def on(device: str) -> Capture:
    """How to capture on ``device``, torch's name of one of CUDA's."""

    def capture(work: Callable[[], None], *, paced: bool = False) -> Replay:
        graph, stream = torch.cuda.CUDAGraph(), _stream(device)
        # Where torch cannot capture it leaves its stream the current one: so this is set here, and set back.
        with (
            _ONE_BY_ONE,
            torch.cuda.device(device),
            torch.cuda.stream(stream),
            torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
        ):
            work()
        return _paced(graph.replay, device) if paced else graph.replay

    return capture


def _paced(replay: Replay, device: str) -> Replay:
    # Else thousands might wait in line, and a stop for all of them.
    before: list[torch.cuda.Event] = []

    def one_ahead() -> None:
        replay()
        event = torch.cuda.Event()  # type: ignore[no-untyped-call] # torch does not say its types
        event.record(torch.cuda.current_stream(device))
        before.append(event)
        if len(before) > 1:
            before.pop(0).synchronize()

    return one_ahead


@cache
def _stream(device: str) -> torch.cuda.Stream:
    """One for all that is captured on ``device``: libraries such as cuBLAS keep memory for each stream they are on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # nor here
