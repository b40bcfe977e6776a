"""Predicts the rows of a table, and says what memory it took."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil

from tests.benchmarks.child import serve
from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import save_model
from tui_regress.experiment import builtin
from tui_regress.runs.predict import predict

_GLANCE = 0.005
"""Seconds between two looks at the memory. The system's own record of the most is no help: a process inherits it."""


def main(commands: Iterable[str], answers: IO[str], folder: str) -> None:
    """Save a model in ``folder``, and use it."""
    experiment = builtin("d2l-concise")
    model, out = Path(folder, "model.pt"), Path(folder, "predicted.csv")
    save_model(model, experiment, np.array([2.0, -3.4, 4.2]), load_dataset(experiment))

    def predict_all(table: str) -> Mapping[str, Any]:
        """To a file of its own."""
        began = time.perf_counter()
        with _watched() as seen:
            rows = predict(model, Path(table), out).rows
        return {"rows_per_second": rows / (time.perf_counter() - began), "peak_mb": max(seen) / 1e6}

    serve(commands, answers, {"predict": predict_all})


@contextmanager
def _watched() -> Iterator[list[int]]:
    """Resident memory of this process in bytes, again and again, until the end of the block."""
    process, over = psutil.Process(), threading.Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not over.wait(_GLANCE):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
