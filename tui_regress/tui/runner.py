"""The threads behind the dashboard. They know no widget: they compute, and post messages."""

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine import stability
from tui_regress.engine.control import Control
from tui_regress.engine.events import (
    Block,
    Checkpoint,
    Ended,
    Event,
    Measured,
    Noted,
    Recovered,
    Resume,
    Started,
    Verdict,
)
from tui_regress.engine.exact import Exact, exact_solution
from tui_regress.engine.objective import check_fit, starting_point
from tui_regress.experiment import Experiment, Linear, Training
from tui_regress.problems import ExperimentError, describe
from tui_regress.tui import messages

log = logging.getLogger(__name__)

_COLLECT_AFTER = 5_000
"""New objects from which Python looks for garbage, once all is loaded: some milliseconds each time."""
PREDICTED = 100_000
"""Records whose loss is predicted at most."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that the store has, and that goes on."""

    run_id: int
    """The store's number of it."""
    recovered: Recovered | None = None
    """How it goes on after an explosion, where a person has said so."""


class Runner:
    """Prepares and trains in threads of its own; ``post`` must be safe to call from any thread.

    Runs are kept in ``store``, if there is one.
    """

    def __init__(self, post: Callable[[Message], object], store: Path | None = None) -> None:
        self._post = post
        self.store = store
        self._training: threading.Thread | None = None
        self._control: Control | None = None
        self._preparing: threading.Thread | None = None
        self._asked = threading.Condition()
        self._latest: Callable[[], None] | None = None

    def survey_devices(self) -> None:
        """Load plotext and torch, and ask what that can use; answers with DevicesFound."""
        self._spawn("devices", self._survey_devices)

    def prepare(self, request: int, experiment: Experiment, dataset: Dataset | None) -> None:
        """Load the data unless ``dataset`` already holds them, and look ahead.

        Answers with Prepared, then Forecasted and Solved, or with PreparationFailed; a request that another one
        overtakes while it waits for its turn is not answered.
        """
        with self._asked:
            self._latest = partial(self._prepare, request, experiment, dataset)
            self._asked.notify()
        if self._preparing is None:
            self._preparing = self._spawn("prepare", self._prepare_latest)

    def train(
        self,
        run_id: int,
        experiment: Experiment,
        dataset: Dataset,
        control: Control,
        resume: Resume | Checkpoint | Path | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Train, from the start or from where ``resume`` says: parameters, a checkpoint, or the file of one.

        Answers with RunStarted, EpochsCompleted …, and always, last, RunEnded.
        """
        if self._control is not None:
            self._control.stop()
        self._control = control
        self._training = self._spawn(
            "training", self._train, self._training, run_id, experiment, dataset, control, resume, kept
        )

    def time(
        self, experiment: Experiment, dataset: Dataset, control: Control, post: Callable[[Message], object]
    ) -> None:
        """Time ``experiment`` on each device by each gradient, and tell ``post``, which any thread may call.

        Answers with TimingBegun and Timed …, and last, unless it is stopped, TimingsEnded. A training stops it.
        """
        self._control = control
        self._training = self._spawn("timing", self._time, self._training, experiment, dataset, control, post)

    def close(self, timeout: float) -> None:
        """Stop training and wait for its thread, ``timeout`` seconds at most."""
        if self._control is not None:
            self._control.stop()
        if self._training is not None:
            self._training.join(timeout)

    def _spawn(self, name: str, work: Callable[..., None], *arguments: object) -> threading.Thread:
        # A daemon: a thread deep inside a long native call must not hold up the exit of the program.
        thread = threading.Thread(target=work, args=arguments, name=f"tui-regress {name}", daemon=True)
        thread.start()
        return thread

    def _survey_devices(self) -> None:
        # The first line of a chart needs it, and must not wait until it is imported, least of all while training.
        import plotext  # noqa: F401

        from tui_regress.engine.devices import list_devices

        found = list_devices()
        # What is there by now stays: to search it for garbage would halt all threads for a fifth of a second. And from
        # now on it is looked for often, where there is little: in many milliseconds no key would be answered.
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        self._post(messages.DevicesFound(found))

    def _prepare_latest(self) -> None:
        while True:
            with self._asked:
                while (work := self._latest) is None:
                    self._asked.wait()
                self._latest = None
            work()

    def _prepare(self, request: int, experiment: Experiment, dataset: Dataset | None) -> None:
        try:
            dataset = dataset or load_dataset(experiment, partial(self._tell_progress, request))
            check_fit(experiment, dataset)
            start, trained = starting_point(experiment, dataset), dataset.trained
            self._post(messages.Prepared(request, dataset, dataset.to_original(start)))
            # Newton's method takes its time on large data; a linear model's solution is quick and helps the forecast.
            exact = _exact(_without_lr(experiment), dataset) if isinstance(experiment.model, Linear) else None
            forecast = stability.forecast(experiment, trained, start, exact)
            predicted = None if exact is None else _predicted(experiment, trained, start, exact)
            if predicted is not None and forecast.overflow_epoch is not None:
                predicted[forecast.overflow_epoch :] = np.inf
            self._post(messages.Forecasted(request, forecast, predicted))
            self._post(messages.Solved(request, exact or _exact(_without_lr(experiment), dataset)))
        except ExperimentError as error:
            self._post(messages.PreparationFailed(request, error.key, error.hint if error.key else str(error)))
        except Exception as error:  # whatever goes wrong in a thread must reach the screen
            self._post(messages.PreparationFailed(request, "", describe(error)))

    def _train(
        self,
        before: threading.Thread | None,
        run_id: int,
        experiment: Experiment,
        dataset: Dataset,
        control: Control,
        resume: Resume | Checkpoint | Path | None,
        kept: Kept | None,
    ) -> None:
        # An earlier run, stopped, may still be at its last step: two never train side by side.
        if before is not None:
            before.join()
        ended: Ended | None = None
        failure = ""
        try:
            from tui_regress.engine import training
            from tui_regress.engine.checkpoints import load_checkpoint

            if isinstance(resume, Path):
                resume = load_checkpoint(resume)
            if isinstance(resume, Checkpoint):
                self._post(messages.RunContinued(run_id, resume.epoch))
            events: Iterator[Event] = training.run(experiment, dataset, control, resume=resume)
            events = self._telling_checkpoints(events, run_id)
            if self.store is not None:
                events = self._recorded(events, run_id, experiment, dataset, kept)
            for event in events:
                match event:
                    case Started():
                        self._post(messages.RunStarted(run_id, event))
                    case Block():
                        self._post(messages.EpochsCompleted(run_id, event))
                    case Measured():
                        self._post(messages.ModelMeasured(run_id, event))
                    case Verdict():
                        self._post(messages.DivergenceFound(run_id, event))
                    case Recovered():
                        self._post(messages.RunRecovered(run_id, event))
                    case Noted():
                        self._post(messages.RunNoted(run_id, event.message))
                    case Ended():
                        ended = event
        except Exception as error:
            log.debug("training failed", exc_info=True)
            failure = describe(error)
        finally:
            self._post(messages.RunEnded(run_id, ended, failure))

    def _time(
        self,
        before: threading.Thread | None,
        experiment: Experiment,
        dataset: Dataset,
        control: Control,
        post: Callable[[Message], object],
    ) -> None:
        if before is not None:
            before.join()
        try:
            from tui_regress.engine.timing import Timing, timings, verdict

            def tell(what: str, _share: float | None) -> None:
                post(messages.TimingBegun(what))

            found: list[Timing] = []
            for timing in timings(experiment, dataset, control, progress=tell):
                found.append(timing)
                post(messages.Timed(timing))
            if not control.stopped:
                post(messages.TimingsEnded(verdict(found, experiment, dataset)))
        except Exception as error:
            log.debug("timing failed", exc_info=True)
            post(messages.TimingsEnded("", describe(error)))

    def _telling_checkpoints(self, events: Iterator[Event], run_id: int) -> Iterator[Event]:
        """Pass ``events`` on; the store, if there is one, keeps the checkpoints for itself."""
        for event in events:
            if isinstance(event, Checkpoint):
                self._post(messages.CheckpointReached(run_id, event))
            yield event

    def _recorded(
        self, events: Iterator[Event], run_id: int, experiment: Experiment, dataset: Dataset, kept: Kept | None
    ) -> Iterator[Event]:
        from tui_regress.runs.recorder import recorded

        def tell_number(kept_id: int) -> None:
            self._post(messages.RunKept(run_id, kept_id))

        assert self.store is not None, "asked before"  # noqa: S101 - for the type checker
        return recorded(
            events,
            self.store,
            experiment,
            dataset,
            run_id=None if kept is None else kept.run_id,
            recovered=None if kept is None else kept.recovered,
            on_run=tell_number,
        )

    def _tell_progress(self, request: int, stage: str, share: float | None) -> None:
        self._post(messages.Loading(request, stage, share))


@lru_cache(maxsize=1)
def _exact(experiment: Experiment, dataset: Dataset) -> Exact:
    return exact_solution(experiment, dataset)


def _without_lr(experiment: Experiment) -> Experiment:
    """``experiment`` as far as the exact solution depends on it: another learning rate is no other problem."""
    training = Training(batch_size=experiment.training.batch_size)
    optimizer = msgspec.structs.replace(experiment.optimizer, lr=1.0)
    return Experiment(experiment.data, experiment.model, optimizer, training)


def _predicted(
    experiment: Experiment, trained: Dataset, start: NDArray[np.float64], exact: Exact
) -> NDArray[np.float64] | None:
    """Shape (k,): the loss of the records to come, where theory knows it; at most PREDICTED of them."""
    epochs = np.arange(min(experiment.training.epochs, PREDICTED) + 1)
    try:
        return stability.predicted_losses(experiment, trained, epochs, start, exact)
    except ValueError:
        return None
