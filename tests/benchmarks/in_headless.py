"""Trains without a screen."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from tests.benchmarks.child import serve
from tui_regress.data import load_dataset
from tui_regress.engine.events import Block
from tui_regress.experiment import load, override
from tui_regress.headless.run import Run


def main(commands: Iterable[str], answers: IO[str], experiment: str, store: str | None) -> None:
    """Load the data, then train as often as it is asked for."""
    chosen = load(Path(experiment))
    dataset = load_dataset(chosen)
    kept_in = None if store is None else Path(store)

    def train(epochs: int, seconds: float) -> Mapping[str, Any]:
        """At least so many epochs, and for so long."""
        # Data that nobody has seen yet: whatever is remembered of the last run's must not make this one faster.
        run = Run(chosen, replace(dataset), store=kept_in)
        began = time.perf_counter()
        for event in run:
            match event:
                case Block(first=0):
                    began = time.perf_counter()
                case Block(last=last) if last >= epochs and time.perf_counter() - began >= seconds:
                    run.control.stop()
        return {"epochs_per_second": run.ended.epoch / run.ended.seconds, "backend": run.started.gradient}

    def whole(epochs: int) -> Mapping[str, Any]:
        """So many epochs, counting all that comes before the first of them: from data in memory to the last record.

        How good the model is on all rows is measured after that; ``seconds`` count it in.
        """
        run = Run(override(chosen, {"training.epochs": epochs}), replace(dataset), store=kept_in)
        began = trained = time.perf_counter()
        for event in run:
            if isinstance(event, Block):
                trained = time.perf_counter()
        seconds = time.perf_counter() - began
        return {"epochs_per_second": epochs / (trained - began), "seconds": seconds, "backend": run.started.gradient}

    serve(commands, answers, {"train": train, "whole": whole})
