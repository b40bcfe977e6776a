"""1000×2 in minibatches, and one sample per step."""

from tests.benchmarks.claims import Claim, Part
from tests.benchmarks.live import live
from tests.benchmarks.loops import dataloader_loop, lightning, sgd_regressor
from tests.benchmarks.processes import dashboard, headless
from tests.benchmarks.works import minibatches, per_sample

MINIBATCHES = Part(
    name="minibatches",
    about="1000×2, batches of 10, live on the dashboard, against the tutorial's DataLoader loop and against Lightning",
    sides={
        "DataLoader loop": dataloader_loop,
        "Lightning": lightning,
        "dashboard": dashboard(minibatches),
        "headless": headless(minibatches),
        "dashboard, fast": dashboard(minibatches, fast=True),
        "headless, fast": headless(minibatches, fast=True),
    },
    claims=(
        Claim(ours="dashboard", theirs="DataLoader loop", figure="epochs_per_second", least=20),
        Claim(ours="dashboard, fast", theirs="DataLoader loop", figure="epochs_per_second", least=200),
        Claim(ours="dashboard", theirs="Lightning", figure="epochs_per_second", least=60),
        *live("dashboard", "headless"),
        *live("dashboard, fast", "headless, fast"),
    ),
)

PER_SAMPLE = Part(
    name="per-sample",
    about="1000×2, one sample per step, against scikit-learn's SGDRegressor",
    sides={
        "SGDRegressor": sgd_regressor,
        "dashboard, fast": dashboard(per_sample, fast=True),
        "headless, fast": headless(per_sample, fast=True),
    },
    claims=(
        Claim(ours="headless, fast", theirs="SGDRegressor", figure="epochs_per_second", least=1.5),
        *live("dashboard, fast", "headless, fast"),
    ),
)
