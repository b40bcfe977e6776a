"""Eleven points, full batch: the dashboard against the tutorial's own loop."""

from tests.benchmarks.claims import Claim, Part
from tests.benchmarks.live import live
from tests.benchmarks.loops import autograd_loop
from tests.benchmarks.processes import dashboard, headless
from tests.benchmarks.works import cpu_line, cpu_line_autograd

_EPOCHS = 100_000

CPU_LINE = Part(
    name="cpu-line",
    about="cpu-line, 100,000 epochs or more, live on the dashboard, against the tutorial's autograd loop",
    sides={
        "autograd loop": autograd_loop,
        "dashboard": dashboard(cpu_line, epochs=_EPOCHS),
        "headless": headless(cpu_line, epochs=_EPOCHS),
        "dashboard, fast": dashboard(cpu_line, epochs=_EPOCHS, fast=True),
        "headless, fast": headless(cpu_line, epochs=_EPOCHS, fast=True),
    },
    claims=(
        Claim(ours="dashboard", theirs="autograd loop", figure="epochs_per_second", least=20),
        Claim(ours="dashboard, fast", theirs="autograd loop", figure="epochs_per_second", least=200),
        *live("dashboard", "headless"),
        *live("dashboard, fast", "headless, fast"),
    ),
)

AUTOGRAD = Part(
    name="autograd",
    about="cpu-line by autograd: the dashboard against the same run headless",
    sides={"dashboard": dashboard(cpu_line_autograd), "headless": headless(cpu_line_autograd)},
    claims=live("dashboard", "headless", share=0.85),
)
