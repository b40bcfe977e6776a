"""What the threads behind the dashboard say to its screen. Frozen contents only; each carries the id it answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from tui_regress.data.dataset import Dataset
from tui_regress.engine.devices import DeviceInfo
from tui_regress.engine.events import Block, Checkpoint, Ended, Measured, Recovered, Started, Verdict
from tui_regress.engine.exact import Exact
from tui_regress.engine.stability import Forecast

if TYPE_CHECKING:
    from tui_regress.engine.timing import Timing


class Told(Message):
    """Said by the threads that prepare and train."""


@dataclass
class Loading(Told):
    """The data are on their way."""

    request: int
    stage: str
    """What is being done."""
    share: float | None
    """How much of it is done, 0…1, where that is known."""


@dataclass
class Prepared(Told):
    """The data of an experiment are here: training can start."""

    request: int
    """The preparation this answers; a screen that asked again since drops it."""
    dataset: Dataset
    initial: NDArray[np.float64]
    """Shape (p,): the parameters training will start from."""


@dataclass
class Solved(Told):
    """The exact solution is known; comes after Prepared, for large logistic problems long after."""

    request: int
    exact: Exact


@dataclass
class Forecasted(Told):
    """What training will do, known before it does it; comes after Prepared."""

    request: int
    forecast: Forecast
    predicted: NDArray[np.float64] | None
    """Shape (k,): the exact loss of records 0 … k − 1, where it can be known."""


@dataclass
class PreparationFailed(Told):
    """The experiment cannot run as it stands."""

    request: int
    key: str
    """The dotted setting that is wrong; empty if none is to blame."""
    problem: str
    """One sentence; beside its field where there is a key."""


@dataclass
class DevicesFound(Message):
    """torch is loaded and has been asked what it can use."""

    devices: tuple[DeviceInfo, ...]


@dataclass
class RunStarted(Told):
    """Training is about to deliver record 0."""

    run_id: int
    started: Started


@dataclass
class EpochsCompleted(Told):
    """A block of consecutive records."""

    run_id: int
    block: Block


@dataclass
class ModelMeasured(Told):
    """How good the model is."""

    run_id: int
    measured: Measured


@dataclass
class CheckpointReached(Told):
    """From here the run can be continued."""

    run_id: int
    checkpoint: Checkpoint


@dataclass
class RunContinued(Told):
    """A run goes on from its checkpoint: records after it, where there are any, come again."""

    run_id: int
    epoch: int


@dataclass
class RunKept(Told):
    """The store has a place for the run."""

    run_id: int
    kept_id: int


@dataclass
class RunNoted(Message):
    """A sentence a person should read; training goes on."""

    run_id: int
    sentence: str


@dataclass
class DivergenceFound(Told):
    """The monitor has a verdict."""

    run_id: int
    verdict: Verdict


@dataclass
class RunRecovered(Told):
    """After a verdict the run goes on, from an earlier record."""

    run_id: int
    recovered: Recovered


@dataclass
class RunEnded(Told):
    """The training thread's last word, whatever happened: sent exactly once per run."""

    run_id: int
    ended: Ended | None
    """None if training failed."""
    failure: str = ""
    """One sentence where it did."""


@dataclass
class TimingBegun(Message):
    """The next device and gradient are being timed."""

    what: str


@dataclass
class Timed(Message):
    """How fast the experiment is on one device by one gradient, or why it is not."""

    timing: "Timing"


@dataclass
class TimingsEnded(Message):
    """The last word of the thread that times, unless it was stopped."""

    verdict: str
    """Which one wins, and why; empty if it failed."""
    failure: str = ""
    """One sentence where it did."""
