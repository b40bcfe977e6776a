"""A run in the store, as those see it who list, show, open or export it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tui_regress.engine.events import Best, Ended, FloatArray, Measured, Recovered, Status, StopRule, Verdict
from tui_regress.engine.history import History
from tui_regress.experiment import Experiment
from tui_regress.runs.blocks import KeptRecords
from tui_regress.runs.records import Records

KeptStatus = Status | Literal["running", "interrupted"]
"""interrupted: the process that trained it ended, or gave it up, before the run did."""


@dataclass(frozen=True)
class Summary:
    """What a list of runs says of one."""

    run_id: int
    experiment: Experiment
    """As it was at the start; of a table with its columns pinned down."""
    name: str
    """Of the experiment."""
    status: KeptStatus
    stop: StopRule | None
    """None while it runs, and where it was interrupted."""
    reason: str
    """One sentence: why it ended; empty while it runs."""
    began: datetime
    """UTC."""
    seconds: float
    """Of training; while it runs, and where it was interrupted, with its pauses."""
    epoch: int
    """The last record kept; 0 also where there is none yet."""
    epochs: int
    """As many as the experiment asks for."""
    loss: float | None
    """Of the last record; None where there is none yet."""
    validation_loss: float | None
    """Of the last record; None where there is none yet, or no rows are held out."""
    device: str
    gradient: str
    """The backend: autograd, analytic, numpy, statistics or compiled."""
    metrics: dict[str, Any] | None
    """``{"training": {…}, "validation": {…} or None}``, each as the metrics' ``to_json``; None before the first."""
    resumable: bool
    """Stopped by hand or interrupted, and its checkpoint is there: it can go on to the numbers of an uninterrupted
    run."""
    environment: dict[str, Any]
    """Of the process that trained it, or does: versions, platform, host, pid."""


@dataclass(frozen=True)
class Unreadable:
    """A run of which this version cannot say more: a newer one wrote it, or it is damaged."""

    run_id: int
    name: str
    reason: str
    """One sentence."""


Listed = Summary | Unreadable
"""A run of the list."""


@dataclass(frozen=True, eq=False)
class KeptRun:
    """All that the store holds of a run; its records are read from there when they are asked for."""

    summary: Summary
    parameter_names: tuple[str, ...]
    """p names: ``w[column]`` for each feature, then ``b`` if the model has a bias."""
    feature_names: tuple[str, ...]
    target_name: str
    labels: tuple[str, str] | None
    """What 0 and 1 stand for in a two-valued target."""
    rows: int
    """Of training."""
    validation_rows: int
    dtype: str
    notes: tuple[str, ...]
    """Sentences that a person should have read."""
    forecast: dict[str, Any] | None
    """What the command line's ``start`` line holds."""
    fingerprint: str | None
    """Of the data; None where the run ended before it was taken."""
    verdict: Verdict | None
    recoveries: tuple[Recovered, ...]
    measured: Measured | None
    parameters: FloatArray | None
    """Shape (p,): what the run gave, in the units of the data; of one that has not ended, those of its last finite
    record. None where there is none."""
    record: int
    """The record that ``parameters`` are of; −1 where there is none."""
    stored: KeptRecords
    """Its records where they lie. What is asked for below is read when it is first asked for, in the asking thread;
    that raises InputError where the store cannot be read any more, or the records are damaged."""

    @property
    def records(self) -> Records:
        """All of them; may be none."""
        return self.stored.all

    @property
    def losses(self) -> tuple[FloatArray, FloatArray | None]:
        """Losses and validation losses of all k records, each of shape (k,); None where no rows are held out."""
        return self.stored.losses

    @property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """(first record, lr) of each stretch of records with the same learning rate."""
        return self.stored.rates

    @property
    def first_parameters(self) -> FloatArray | None:
        """Shape (p,): the parameters of record 0; None without a record."""
        return self.stored.first_parameters

    @property
    def best(self) -> Best | None:
        """The best finite record: of the lowest validation loss, or of the lowest loss where no rows are held out."""
        return self.stored.best

    @property
    def ended(self) -> Ended | None:
        """The last word of the run; None where it has none, because it runs or was interrupted."""
        run = self.summary
        if run.status == "running" or run.status == "interrupted" or run.stop is None or self.parameters is None:
            return None
        loss = float("nan") if run.loss is None else run.loss
        return Ended(
            run.status,
            run.reason,
            run.epoch,
            loss,
            self.parameters,
            self.verdict,
            run.seconds,
            run.stop,
            self.record,
            self.best,
        )

    def history(self) -> History:
        """Its records for the screen."""
        return self.records.history()
