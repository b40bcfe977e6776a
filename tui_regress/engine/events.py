"""What training says, in the order it says it, and where it may be taken up.

Frozen, plain arrays and numbers: all that ever crosses a thread.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tui_regress.engine.metrics import Metrics
    from tui_regress.engine.stability import Forecast

FloatArray = NDArray[np.float64]
Status = Literal["completed", "converged", "diverged", "stopped", "failed"]
StopRule = Literal["epochs", "early-stopping", "tolerance", "divergence", "asked", "error"]
"""Why a run ended: all its epochs are done; the validation loss no longer falls; the gradient is as good as 0; it
diverges; a person stopped it; something went wrong."""
Plain = None | bool | int | float | str | NDArray[np.generic] | list["Plain"] | dict[str, "Plain"]
"""What a checkpoint is made of: nothing that could be executed."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run is about to yield record 0."""

    parameter_names: tuple[str, ...]
    """``w[column]`` for each of the d features, then ``b`` if the model has a bias: p names."""
    rows: int
    """Of training; those held out come on top."""
    device: str
    dtype: str
    gradient: str
    """The backend that computes the gradient: autograd, analytic, numpy, statistics or compiled."""
    notes: tuple[str, ...] = ()
    """Sentences a person should read, such as why the CPU is used where an accelerator was asked for."""
    forecast: "Forecast | None" = None
    """What is known about the run before its first step; a run always says it."""
    validation_rows: int = 0


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Rows of a block whose records are worth keeping in full where others are thinned; None where there is none."""

    last: int
    finite: int | None
    """The last in which loss, gradient and parameters are all finite."""
    best: int | None
    """Of the finite ones, that with the lowest loss; the first of equals."""
    best_validation: int | None
    """Of the finite ones, that with the lowest validation loss."""

    @property
    def rows(self) -> list[int]:
        """All of them."""
        return [row for row in (self.last, self.finite, self.best, self.best_validation) if row is not None]


@dataclass(frozen=True)
class Block:
    """Records ``first`` … ``first + k − 1``; record i holds what is true *after i epochs*, over all training rows."""

    first: int
    parameters: FloatArray
    """Shape (k, p): weights in column order, bias last; in the units of the data."""
    gradient: FloatArray
    """Shape (k, p): gradient of the loss by the parameters that training steps: those of its own columns, which are
    not the ``parameters`` shown where the columns are standardised."""
    loss: FloatArray
    """Shape (k,): in the experiment's own loss."""
    score: FloatArray
    """Shape (k,): mean squared error for linear models, accuracy in 0…1 for logistic ones."""
    lr: FloatArray
    """Shape (k,): learning rate of the epoch that led to the record; for record 0 the first one."""
    validation_loss: FloatArray | None = None
    """Shape (k,): the loss over the rows held out; None where there are none."""

    @property
    def last(self) -> int:
        """Number of the last record."""
        return self.first + len(self.loss) - 1

    @property
    def grad_norm(self) -> FloatArray:
        """Shape (k,): Euclidean norm of the gradient; inf where the square overflows float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(np.linalg.norm(self.gradient, axis=1), dtype=np.float64)

    # Asked for by all who take a block: each looks at every number of it, so once must do.
    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """Shape (k,): whether loss, parameters and gradient of a record are all finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            # A sum is quick, and hardly ever anything but a number where all of its terms are.
            total = self.loss.sum() + self.parameters.sum() + self.gradient.sum()
        if np.isfinite(total):
            return np.ones(len(self.loss), dtype=np.bool_)
        fine = np.isfinite(self.loss) & np.isfinite(self.parameters).all(axis=1)
        return np.asarray(fine & np.isfinite(self.gradient).all(axis=1))

    @cached_property
    def landmarks(self) -> Landmarks:
        """What stands out; there must be a record at least."""
        fine, last = self.finite, len(self.loss) - 1
        if not fine.any():
            return Landmarks(last, None, None, None)
        found = last if fine[last] else int(np.flatnonzero(fine)[-1])
        return Landmarks(last, found, _lowest(self.loss, fine), _lowest(self.validation_loss, fine))


def _lowest(losses: FloatArray | None, fine: NDArray[np.bool_]) -> int | None:
    """Where the finite ones among ``losses``, shape (k,), of records that are ``fine`` are lowest."""
    if losses is None:
        return None
    row = int(np.argmin(losses))
    if fine.all() and np.isfinite(losses[row]):
        # A NaN is the lowest to argmin, and so there is none; inf is lowest only where all are.
        return row
    candidates = np.where(fine & np.isfinite(losses), losses, np.inf)
    row = int(np.argmin(candidates))
    return row if np.isfinite(candidates[row]) else None


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the model is at one record. Comes now and then while training, and always once before the end."""

    epoch: int
    training: "Metrics"
    validation: "Metrics | None"
    """None where no rows are held out."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything a run needs to go on from a record as if it had never stopped: to the same numbers."""

    epoch: int
    content: dict[str, Plain]
    """For :func:`training.run` alone to understand."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A sentence a person should read; training goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Training diverges."""

    rule: Literal["non-finite", "rising", "trend"]
    epoch: int
    """The record at which the rule fired."""
    since: int
    """The first record of the trouble."""
    growth: float | None
    """Factor by which the loss grows per epoch; None where it jumped out of the numbers at once."""
    message: str
    """For a person: since when, how fast, which learning rate, what to try."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """After a verdict the run goes on, from an earlier record."""

    epoch: int
    """The last record before; the next one comes of one epoch from ``record``."""
    record: int
    """The best finite record so far, to which the parameters are set back."""
    lr: float
    """The learning rate from here on."""
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best finite record: of the lowest validation loss, or of the lowest loss where no rows are held out."""

    epoch: int
    loss: float
    """That loss."""
    parameters: FloatArray
    """Shape (p,): in the units of the data."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word of a run."""

    status: Status
    reason: str
    """One sentence."""
    epoch: int
    """The last record yielded."""
    loss: float
    """Of that record; may be non-finite."""
    parameters: FloatArray
    """Shape (p,): what the run gives, of the last record in which everything was finite; where it was stopped early,
    those of the best record."""
    verdict: Verdict | None
    seconds: float
    """Of training: neither pauses nor the measuring of metrics count."""
    stop: StopRule = "epochs"
    record: int = -1
    """The record that ``parameters`` are of; −1 where there is none."""
    best: Best | None = None
    """None where no record was finite."""


Event = Started | Block | Measured | Checkpoint | Verdict | Recovered | Noted | Ended


@dataclass(frozen=True, slots=True, eq=False)
class Resume:
    """Where an earlier run is taken up."""

    epoch: int
    """Its last record; the next one follows on it."""
    parameters: FloatArray
    """Shape (p,): in the units of the data; the optimizer begins afresh."""
