"""5,000,000×20, full batch, data in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.claims import Claim, Measure, Part, Scale
from tests.benchmarks.live import live
from tests.benchmarks.loops import full_batch_autograd
from tests.benchmarks.processes import dashboard, headless, trainer
from tests.benchmarks.works import least_squares, logistic

_GIGABYTES = 9.0
"""The data three times over, as 800 MB of float64 and as 400 of float32."""

_EPOCHS = 100_000
"""Beside so many the pass over the data that comes before the first of them is little, where there is but one."""


@contextmanager
def _a_hundred_epochs(scale: Scale) -> Iterator[Measure]:
    """From the data in memory to the last record, of a run that is not kept: ``epochs_per_second``."""
    with trainer("in_headless", least_squares(scale), store=False) as opened:
        yield lambda: opened.ask("whole", epochs=100)


LEAST_SQUARES = Part(
    name="least-squares",
    about="5,000,000×20 least squares, 100 epochs, against nn.Linear and autograd (a tenth of them, times ten)",
    sides={
        "autograd": full_batch_autograd("linear"),
        "100 epochs": _a_hundred_epochs,
        "dashboard": dashboard(least_squares, epochs=_EPOCHS),
        "headless": headless(least_squares, epochs=_EPOCHS),
    },
    claims=(
        Claim(ours="100 epochs", theirs="autograd", figure="epochs_per_second", least=50),
        Claim(ours="100 epochs", figure="seconds", unit="s"),
        Claim(ours="dashboard", theirs="autograd", figure="epochs_per_second"),
        *live("dashboard", "headless"),
    ),
    gigabytes=_GIGABYTES,
)

LOGISTIC = Part(
    name="logistic",
    about="5,000,000×20 logistic regression, full batch, against nn.Linear, BCEWithLogitsLoss and autograd",
    sides={
        "autograd": full_batch_autograd("logistic"),
        "dashboard": dashboard(logistic),
        "headless": headless(logistic),
        "dashboard, fast": dashboard(logistic, fast=True),
        "headless, fast": headless(logistic, fast=True),
    },
    claims=(
        Claim(ours="dashboard", theirs="autograd", figure="epochs_per_second", least=3),
        Claim(ours="dashboard, fast", theirs="autograd", figure="epochs_per_second", least=3),
        *live("dashboard", "headless"),
        *live("dashboard, fast", "headless, fast"),
    ),
    gigabytes=_GIGABYTES,
)
