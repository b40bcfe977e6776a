"""The words of a run, gathered into its result."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from tui_regress.api.result import Result
from tui_regress.data.dataset import Dataset
from tui_regress.data.progress import Progress
from tui_regress.engine.events import Block, Ended, Event, FloatArray, Measured, Noted, Recovered, Started
from tui_regress.experiment import Experiment
from tui_regress.text import short


class Collected:
    """What a run says, until it makes a result."""

    def __init__(self, epochs: int, tell: Progress, on_block: Callable[[Block], object] | None) -> None:
        self._epochs = epochs
        self._tell = tell
        self._on_block = on_block
        self._parts = defaultdict[str, list[FloatArray]](list)
        self._recoveries = list[Recovered]()
        self._notes = list[str]()
        self._measured: Measured | None = None
        self._run_id: int | None = None
        self._started: Started
        self._ended: Ended

    def kept_as(self, run_id: int) -> None:
        """The store has given the run its number."""
        self._run_id = run_id

    def take(self, event: Event) -> None:
        """Take account of the next event."""
        match event:
            case Started():
                self._started = event
                self._notes += event.notes
            case Block():
                self._extend(event)
            case Measured():
                self._measured = event
            case Recovered():
                self._recoveries.append(event)
            case Noted(message=message):
                self._notes.append(message)
            case Ended():
                self._ended = event

    def _extend(self, block: Block) -> None:
        for name in ("loss", "score", "grad_norm", "lr", "parameters"):
            self._parts[name].append(getattr(block, name))
        if block.validation_loss is not None:
            self._parts["validation_loss"].append(block.validation_loss)
        self._tell(f"epoch {block.last:,}, loss {short(float(block.loss[-1]))}", block.last / self._epochs)
        if self._on_block is not None:
            self._on_block(block)

    def result(self, experiment: Experiment, dataset: Dataset) -> Result:
        """All of it, once the run has ended."""
        # One array after the other: the parts of each are gone before the next one is made.
        whole = {name: np.concatenate(self._parts.pop(name)) for name in list(self._parts)}
        started, ended = self._started, self._ended
        return Result(
            experiment=experiment,
            dataset=dataset,
            parameter_names=started.parameter_names,
            epochs=np.arange(len(whole["loss"]), dtype=np.int64),
            losses=whole["loss"],
            validation_losses=whole.get("validation_loss"),
            scores=whole["score"],
            grad_norms=whole["grad_norm"],
            lr=whole["lr"],
            parameters=whole["parameters"],
            theta=ended.parameters,
            record=ended.record,
            best=ended.best,
            status=ended.status,
            stop=ended.stop,
            reason=ended.reason,
            seconds=ended.seconds,
            forecast=started.forecast,
            verdict=ended.verdict,
            recoveries=tuple(self._recoveries),
            metrics=self._measured,
            notes=(*dataset.notes, *self._notes),
            run_id=self._run_id,
        )
