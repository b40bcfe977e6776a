"""What the main screen knows: the experiment, its data, the run. No widget and no thread in here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Block, Checkpoint, Ended, Measured, Recovered, Started, Verdict
from tui_regress.engine.exact import Exact
from tui_regress.engine.history import History
from tui_regress.engine.objective import parameter_names, predict
from tui_regress.engine.series import Series
from tui_regress.engine.stability import Forecast
from tui_regress.experiment import Experiment, LinearData, LogisticData, override
from tui_regress.tui.draft import Draft

if TYPE_CHECKING:
    from tui_regress.runs.kept import KeptRun, Summary

LADDER = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Learning rates the ``-`` and ``+`` keys step through."""


_TYPED_POINTS = 20
"""Points a person can still read and edit in a field."""


class RunState(Enum):
    """Where a run stands: the word on the screen."""

    IDLE = "IDLE"
    LOADING = "LOADING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    CONVERGED = "CONVERGED"
    DIVERGED = "DIVERGED"
    FAILED = "FAILED"

    @property
    def active(self) -> bool:
        """A training thread is at work, or about to be."""
        return self in (RunState.LOADING, RunState.RUNNING, RunState.PAUSED, RunState.STOPPING)

    @property
    def finished(self) -> bool:
        """A run has come to its end."""
        return self in (RunState.STOPPED, RunState.COMPLETED, RunState.CONVERGED, RunState.DIVERGED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One point of the experiment's ``[predict]``: the model's answer before training and now."""

    x: tuple[float, ...]
    before: float
    after: float | None
    """None before the first record."""


class Session:
    """The state of the main screen and the rules by which it changes; only the UI thread touches it."""

    def __init__(self, experiment: Experiment, clock: Callable[[], float] = time.monotonic) -> None:
        self.draft = Draft(experiment)
        self.state = RunState.IDLE
        self.run_id = 0
        self.request = 0
        self.history = History()
        self.dataset: Dataset | None = None
        self.exact: Exact | None = None
        self.initial: NDArray[np.float64] | None = None
        self.forecast: Forecast | None = None
        self.predicted: Series | None = None
        """The loss that theory predicts for records 0 … k − 1, where it can."""
        self.loaded: NDArray[np.float64] | None = None
        """Shape (p,): parameters of a saved model that was opened; None otherwise."""
        self.started: Started | None = None
        self.verdict: Verdict | None = None
        self.ended: Ended | None = None
        self.failure = ""
        self.interruption: tuple[str, str] | None = None
        """Heading and sentence of a run of the past that has no end."""
        self.recoveries: list[Recovered] = []
        self.choosing = False
        """The run has exploded, and nobody has said yet what to do."""
        self.ran: Experiment | None = None
        """What the records come from: the experiment as it was at the start, at the learning rate of now."""
        self.measured: Measured | None = None
        self.checkpoint: Checkpoint | Path | None = None
        """From where the run can be continued: that place, or the file that holds it."""
        self.kept_id: int | None = None
        """The store's number of the run."""
        self.loading: tuple[str, float | None] | None = None
        """While the data are on their way: what is being done, and how much of it, where that is known."""
        self.obstacle: tuple[str, str] | None = None
        """Setting ("" for none) and sentence: why the data could not be prepared."""
        self._clock = clock
        self._marks: list[tuple[float, int]] = []
        """When which record was there: the first, the last of the first epochs, for which torch may have had to wake up
        first, and later ones."""
        self.epochs_per_second = 0.0

    # -- the experiment

    @property
    def experiment(self) -> Experiment:
        """The experiment as it is set now."""
        return self.draft.experiment

    @property
    def problems(self) -> dict[str, str]:
        """Dotted setting → what is wrong with it; the empty key is for what no single field is to blame for."""
        return self.draft.problems | (dict([self.obstacle]) if self.obstacle else {})

    def open(self, experiment: Experiment, parameters: NDArray[np.float64] | None = None) -> None:
        """Another experiment, or a saved model with its ``parameters``; nothing of the last one stays."""
        self.draft = Draft(experiment)
        self.forget_data()
        self.reset()
        self.loaded = parameters

    def open_kept(self, kept: "KeptRun", checkpoint: Path | None) -> None:
        """A run of the past: its experiment, records and results. ``checkpoint`` is the file to continue it from."""
        summary = kept.summary
        self.open(summary.experiment)
        self.ran = summary.experiment
        self.history = kept.history()
        self.kept_id, self.checkpoint, self.verdict = summary.run_id, checkpoint, kept.verdict
        self.recoveries = list(kept.recoveries)
        self.measured = kept.measured
        self.ended, self.failure = kept.ended, summary.reason if summary.status == "failed" else ""
        if summary.status in ("running", "interrupted"):
            self.state = RunState.STOPPED
            self.interruption = _interruption(summary, resumable=checkpoint is not None)
        else:
            self.state = RunState[summary.status.upper()]

    def edit(self, changes: Mapping[str, Any]) -> bool:
        """Apply settings; what is wrong waits, named in ``problems``. Returns whether the experiment changed.

        While training only the learning rate can change.
        """
        if self.state.active and changes.keys() != {"optimizer.lr"}:
            return False
        before = self.experiment
        self.draft.edit(changes)
        after = self.experiment
        if _source(after) != _source(before):
            self.forget_data()
        if not self.state.active:
            if _beginning(after) != _beginning(before):
                self.reset()
        elif self.ran is not None:
            self.ran = override(self.ran, {"optimizer.lr": after.optimizer.lr})
        return after != before

    def step_lr(self, direction: int) -> bool:
        """One rung down (−1) or up (+1) the ladder. Returns whether there was one."""
        lr = self.experiment.optimizer.lr
        rungs = [rung for rung in LADDER if (rung - lr) * direction > 1e-9 * lr]
        return bool(rungs) and self.edit({"optimizer.lr": rungs[0] if direction > 0 else rungs[-1]})

    def change_source(self, source: str) -> bool:
        """Points or a generator instead of the present data, with the model that suits them."""
        changes: dict[str, Any] = {"data.source": source}
        if source == "points":
            shown = self.dataset
            few = shown is not None and shown.features == 1 and shown.rows <= _TYPED_POINTS
            changes["data.x"] = shown.X[:, 0].tolist() if shown and few else [1.0, 2.0, 3.0, 4.0, 5.0]
            changes["data.y"] = shown.y.tolist() if shown and few else [2.0, 4.0, 6.0, 8.0, 10.0]
        elif source != self.experiment.model.__struct_config__.tag:
            changes["model.kind"] = source
        return self.edit(changes)

    @property
    def can_draw_new_data(self) -> bool:
        """The data come from a generator with a seed."""
        return isinstance(self.experiment.data, LinearData | LogisticData)

    def draw_new_data(self) -> None:
        """The next seed."""
        if isinstance(self.experiment.data, LinearData | LogisticData):
            self.edit({"data.seed": self.experiment.data.seed + 1})

    # -- the data

    def forget_data(self) -> None:
        """What was prepared no longer fits, nor does what is still on its way."""
        self.request += 1
        self.obstacle = self.loading = None
        self.dataset = None
        self.exact = None
        self.initial = None
        self.forecast = None
        self.predicted = None

    def ask(self) -> int:
        """A new request for preparation; answers to earlier ones are stale from now on."""
        self.request += 1
        self.obstacle = self.loading = None
        return self.request

    def prepared(self, dataset: Dataset, initial: NDArray[np.float64]) -> None:
        """The data that the latest request asked for, and where training starts."""
        self.dataset, self.initial, self.loading = dataset, initial, None

    # -- the run

    @property
    def can_start(self) -> bool:
        """Nothing is wrong and nothing runs."""
        return not self.problems and not self.state.active

    def begin(self) -> int:
        """A new run from the start; its id."""
        self.reset()
        self.ran = self.experiment
        self.state = RunState.LOADING
        return self.run_id

    def reset(self) -> None:
        """No records; messages of earlier runs are stale from now on."""
        self.run_id += 1
        self.state = RunState.IDLE
        self.history = History(self.experiment.training.epochs + 1)
        self.started = self.verdict = self.ended = self.loaded = self.ran = None
        self.measured = self.checkpoint = self.kept_id = self.interruption = None
        self.failure = ""
        self.recoveries = []
        self.choosing = False
        self._marks = []
        self.epochs_per_second = 0.0

    def recovered(self, event: Recovered) -> None:
        """The run goes on from an earlier record: its verdict is history."""
        self.recoveries.append(event)
        self.verdict = None
        self.edit({"optimizer.lr": event.lr})

    def go_on(self, event: Recovered) -> None:
        """A run that has ended goes on from an earlier record, its records kept."""
        self.continue_()
        self.recovered(event)

    def continue_(self) -> None:
        """A run that has ended goes on, its records kept."""
        self.ended = self.interruption = None
        self.choosing = False
        self.state = RunState.LOADING

    @property
    def can_continue(self) -> bool:
        """The run was stopped, there are epochs left, and its settings are still those of the screen."""
        stopped = self.state is RunState.STOPPED and not self.problems
        return stopped and self.checkpoint is not None and self.is_as_it_ran

    @property
    def is_as_it_ran(self) -> bool:
        """The settings on the screen are those the records come from."""
        return self.ran is not None and _substance(self.ran) == _substance(self.experiment)

    @property
    def fastest(self) -> float | None:
        """The fastest stable learning rate, where it is known and not the one in use."""
        if self.forecast is None or self.forecast.fastest is None:
            return None
        fastest = float(f"{min(self.forecast.fastest, 0.99 * self.forecast.limit):.3g}")
        return fastest if fastest != self.experiment.optimizer.lr else None

    @property
    def can_go_on(self) -> bool:
        """There are epochs left, and a record to begin them from."""
        latest = self.history.latest
        return latest is not None and self.history.best is not None and latest.epoch < self.experiment.training.epochs

    def append(self, block: Block) -> None:
        """New records."""
        self.history.append(block)
        now = self._clock()
        if len(self._marks) < 2:
            self._marks.append((now, block.last))
        elif now - self._marks[-1][0] >= 0.5:
            then, epoch = self._marks[-1]
            self.epochs_per_second = (block.last - epoch) / (now - then)
            self._marks[2:] = [(now, block.last)]

    def end(self, ended: Ended | None, failure: str) -> None:
        """The run's last word."""
        self.ended, self.failure = ended, failure
        self.state = RunState[ended.status.upper()] if ended else RunState.FAILED
        self.choosing = self.state is RunState.DIVERGED
        if ended and len(self._marks) > 1:
            (began, _), (begun, epoch), *_ = self._marks
            seconds = ended.seconds - (begun - began)
            self.epochs_per_second = (ended.epoch - epoch) / seconds if seconds > 0 else 0.0

    # -- what there is to see

    @property
    def recorded(self) -> Experiment:
        """The experiment the records and parameters come from; without a run, the one that is set."""
        return self.ran or self.experiment

    @property
    def came_down(self) -> bool:
        """The loss is lower than it was at the start."""
        losses = self.history.losses
        return len(losses) > 0 and bool(losses[-1] <= losses[0])

    @property
    def names(self) -> tuple[str, ...]:
        """p parameter names, () while there are no data."""
        return parameter_names(self.experiment.model, self.dataset.feature_names) if self.dataset else ()

    @property
    def parameters(self) -> NDArray[np.float64] | None:
        """Shape (p,): what the run has given, else those of an opened model; None before both.

        The last finite ones; after early stopping the best ones on validation.
        """
        if self.ended is not None and self.history.latest is not None:
            return self.ended.parameters
        return self.history.last_finite.parameters if self.history.last_finite else self.loaded

    @property
    def shown_parameters(self) -> NDArray[np.float64] | None:
        """Shape (p,): ``parameters``, or before the first record those training will start from."""
        return self.initial if self.parameters is None else self.parameters

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """At the experiment's ``[predict]`` points."""
        at = self.experiment.predict.at
        if not at or self.initial is None:
            return ()
        points = np.asarray(at, dtype=np.float64)
        before = predict(self.experiment.model, self.initial, points)
        now = self.parameters
        after = predict(self.experiment.model, now, points) if now is not None else None
        return tuple(
            Prediction(tuple(x), float(b), None if after is None else float(after[i]))
            for i, (x, b) in enumerate(zip(at, before, strict=True))
        )


def _interruption(summary: "Summary", *, resumable: bool) -> tuple[str, str]:
    reached = f"{summary.epoch:,} of {summary.epochs:,} epochs"
    if summary.status == "running":
        return "Still training.", f"Another process is at it; here it stands as it was read, at {reached}."
    goes_on = "c goes on from its checkpoint." if resumable else "There is no checkpoint to go on from."
    return "Interrupted.", f"The process that trained it ended at {reached}. {goes_on}"


def _beginning(experiment: Experiment) -> tuple[object, ...]:
    """What record 0 depends on."""
    return _source(experiment), experiment.model, experiment.training.seed


def _substance(experiment: Experiment) -> tuple[object, ...]:
    """What the numbers of a run depend on: all but the story told of it, and the points to predict at."""
    return experiment.data, experiment.model, experiment.optimizer, experiment.training, experiment.device


def _source(experiment: Experiment) -> tuple[object, ...]:
    """What the dataset depends on."""
    share = experiment.training.validation
    held_out = (share, experiment.training.seed) if share else None
    return experiment.data, type(experiment.model), experiment.model.bias, held_out
