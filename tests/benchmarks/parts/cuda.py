"""What CUDA graphs bring, where there is a card."""

from tests.benchmarks.claims import Claim, Part
from tests.benchmarks.on_cuda import steps
from tests.benchmarks.works import minibatches, pass_or_fail

CUDA = Part(
    name="cuda",
    about="analytic on a CUDA device, captured in graphs: batches of 10 from 1000×2, and a full batch of few rows",
    sides={
        "autograd, batches": steps("autograd", minibatches),
        "one by one, batches": steps("one by one", minibatches),
        "captured, batches": steps("captured", minibatches),
        "one by one, full": steps("one by one", pass_or_fail),
        "captured, full": steps("captured", pass_or_fail),
    },
    claims=(
        Claim(ours="captured, batches", theirs="autograd, batches", figure="epochs_per_second"),
        Claim(ours="captured, batches", theirs="one by one, batches", figure="epochs_per_second"),
        Claim(ours="captured, full", theirs="one by one, full", figure="epochs_per_second"),
    ),
)
