"""What a script has to do, worked out before a line of it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Recovered
from tui_regress.engine.minibatches import batch_size
from tui_regress.experiment import Experiment, Linear, Points
from tui_regress.runs.script.explosion import Explosion, foresee


@dataclass(frozen=True)
class Plan:
    """An experiment, and the course that its run has taken or is expected to take."""

    experiment: Experiment
    dataset: Dataset | None
    """None while a table is still being read."""
    epochs: int
    """Up to the record that the parameters are taken from."""
    lr: float
    """Of the first epoch."""
    rates: dict[int, float]
    """Other learning rates, by the first epoch with each."""
    recoveries: dict[int, tuple[int, float]]
    """After which epoch to go back to the parameters of which record, and the learning rate from there on."""
    ended: bool
    """The run is over: it is known that it took these epochs, and nothing has to be watched for."""

    @property
    def logistic(self) -> bool:
        """Whether the model is logistic."""
        return not isinstance(self.experiment.model, Linear)

    @property
    def features(self) -> int | None:
        """Number of features; None while a table is still being read."""
        return None if self.dataset is None else self.dataset.features

    @property
    def validation(self) -> bool:
        """Whether rows are held out."""
        return self.experiment.training.validation > 0

    @property
    def patience(self) -> int:
        """Epochs to wait for a lower validation loss; 0 where nothing has to be watched for."""
        return self.experiment.training.patience if self._watched else 0

    @property
    def tolerance(self) -> float:
        """Gradient norm at which the run has converged; 0 where nothing has to be watched for."""
        return self.experiment.training.tolerance if self._watched else 0.0

    @property
    def _watched(self) -> bool:
        """Whether a rule may end the run; one that goes on after a verdict is past all rules."""
        return not self.ended and (self.explosion is None or self.experiment.training.on_divergence != "continue")

    @property
    def batch(self) -> int:
        """Rows in a step; 0: all of them."""
        size = self.experiment.training.batch_size
        if self.dataset is None:
            return size
        return 0 if batch_size(self.experiment, self.dataset.rows) == self.dataset.rows else size

    @property
    def shuffled(self) -> bool:
        """Whether each epoch has an order of its own."""
        return self.batch > 0 and self.experiment.training.shuffle

    @property
    def written_out(self) -> bool:
        """Whether the data are points that are taken as they stand."""
        data = self.experiment.data
        return isinstance(data, Points) and not data.standardize and not self.validation

    @cached_property
    def explosion(self) -> Explosion | None:
        """How the run will explode; None where it will not as far as is known, or is known to have ended."""
        if self.ended or self.dataset is None:
            return None
        optimizer = msgspec.structs.replace(self.experiment.optimizer, lr=self.lr)
        return foresee(msgspec.structs.replace(self.experiment, optimizer=optimizer), self.dataset)


def plan(
    experiment: Experiment,
    dataset: Dataset | None,
    rates: Sequence[tuple[int, float]],
    recoveries: Sequence[Recovered],
    record: int | None,
) -> Plan:
    """The plan for a run with these learning rates and recoveries that gave the parameters of ``record``."""
    epochs = experiment.training.epochs if record is None else max(record, 0)
    backs = [event for event in recoveries if 0 < event.epoch < epochs]
    # The last rate said for the first epoch is the one it has; a recovery brings its own.
    lr = [experiment.optimizer.lr, *(rate for first, rate in rates if first <= 1)][-1]
    after = dict(rates)
    return Plan(
        experiment=experiment,
        dataset=dataset,
        epochs=epochs,
        lr=lr,
        rates={
            first: rate
            for first, rate in rates
            if 1 < first <= epochs and first - 1 not in {event.epoch for event in backs}
        },
        recoveries={event.epoch: (event.record, after.get(event.epoch + 1, event.lr)) for event in backs},
        ended=record is not None,
    )
