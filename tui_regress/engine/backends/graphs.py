"""CUDA graphs: work that is captured once and replayed with a single launch, however many kernels it takes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

Replay = Callable[[], None]
"""Do the captured work again: the same kernels on the same memory, with the very numbers that Python gave them."""
Capture = Callable[[Callable[[], None]], Replay]
"""Captures work, which is not carried out meanwhile. It must neither wait for the device nor use memory of the CPU.

Raises RuntimeError where the device cannot capture it.
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


def on(device: str) -> Capture:
    """How to capture on ``device``, torch's name of one of CUDA's."""

    def capture(work: Callable[[], None]) -> Replay:
        graph, stream = torch.cuda.CUDAGraph(), _stream(device)
        # What other threads do on a device meanwhile is no part of this.
        with torch.cuda.device(device), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
        return graph.replay

    return capture


@cache
def _stream(device: str) -> torch.cuda.Stream:
    """One for all that is captured on ``device``: libraries such as cuBLAS keep memory for each stream they are on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # torch does not say its types
