"""How a run divides the rows into steps."""

import math
from collections.abc import Iterator

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.chunks import CHUNK, design
from tui_regress.experiment import Experiment


def batch_size(experiment: Experiment, rows: int) -> int:
    """Rows per step; the last step of an epoch may have fewer."""
    return min(experiment.training.batch_size or rows, rows)


def designs(experiment: Experiment, dataset: Dataset, steps: int) -> Iterator[FloatArray]:
    """[X 1] of the minibatches, in the order in which training takes them, without end: shapes (b, p).

    Unshuffled epochs of more than ``steps`` are thinned, so that those steps see all parts of the data.
    """
    training, rows = experiment.training, dataset.rows
    size = batch_size(experiment, rows)
    order = np.random.default_rng(training.seed)
    stride = size if training.shuffle else size * math.ceil(rows / size / steps)
    many = stride * max(1, CHUNK // (stride * dataset.features))
    while True:
        permutation = order.permutation(rows) if training.shuffle else np.arange(rows)
        for first in range(0, rows, many):
            A = design(dataset.X[permutation[first : first + many]], experiment.model.bias)
            for start in range(0, len(A), stride):
                yield A[start : start + size]
