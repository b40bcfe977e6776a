"""What is measured, in the order of the table."""

from tests.benchmarks.parts.cpu_line import AUTOGRAD, CPU_LINE
from tests.benchmarks.parts.cuda import CUDA
from tests.benchmarks.parts.keeping import RECORDER, TABLE
from tests.benchmarks.parts.large import LEAST_SQUARES, LOGISTIC
from tests.benchmarks.parts.memory import MEMORY, PREDICTION
from tests.benchmarks.parts.minibatches import MINIBATCHES, PER_SAMPLE
from tests.benchmarks.parts.screen import FIRST_PAINT, FRAME_TIME, KEYS

PARTS = (
    CPU_LINE,
    AUTOGRAD,
    MINIBATCHES,
    PER_SAMPLE,
    LEAST_SQUARES,
    LOGISTIC,
    CUDA,
    KEYS,
    FRAME_TIME,
    MEMORY,
    FIRST_PAINT,
    TABLE,
    RECORDER,
    PREDICTION,
)
