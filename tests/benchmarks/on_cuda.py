"""Epochs of a backend in torch by itself: no screen, and no records kept."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.claims import Figures, Measure, MissingError, Scale, Side
from tests.benchmarks.processes import Make
from tui_regress.data import load_dataset

_BLOCK = 0.1
"""Seconds of work to call a backend for, as training does."""


def steps(kind: str, make: Make, device: str = "cuda:0") -> Side:
    """``epochs_per_second`` of autograd, or of analytic: with its kernels launched "one by one" or "captured"."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        import torch

        from tui_regress.engine.backends.analytic import Analytic
        from tui_regress.engine.backends.autograd import Autograd
        from tui_regress.engine.backends.captured import Captured

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise MissingError("torch finds no CUDA device")
        kinds = {"autograd": Autograd, "one by one": Analytic, "captured": Captured}
        experiment = make(scale)
        backend: Any = kinds[kind](experiment, load_dataset(experiment), device)
        state = backend.start()

        def seconds(epochs: int) -> float:
            began = time.perf_counter()
            backend.advance(state, epochs, lambda: None)
            return time.perf_counter() - began

        # One of these captures.
        for _ in range(3):
            seconds(1)
        length = 1
        while seconds(length) < _BLOCK:
            length *= 2

        def measure() -> Figures:
            epochs, spent = 0, 0.0
            while spent < scale.seconds:
                epochs, spent = epochs + length, spent + seconds(length)
            return {"epochs_per_second": epochs / spent}

        yield measure

    return side
