from itertools import islice

import numpy as np
import pytest

from tests.engine.conftest import dataset, experiment
from tui_regress.engine.backends import choose
from tui_regress.engine.minibatches import batch_size, designs


@pytest.mark.parametrize(("asked", "size"), [(0, 5), (1, 1), (3, 3), (5, 5), (7, 5)])
def test_a_batch_of_0_or_of_more_rows_than_there_are_is_all_of_them(asked: int, size: int) -> None:
    assert batch_size(experiment({"training.batch_size": asked}), 5) == size


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_batches_are_those_of_training_in_its_order(shuffle: bool, bias: bool) -> None:
    random = np.random.default_rng(0)
    # With targets of 0 the parameters are the error itself.
    data = dataset(random.normal(size=(11, 2)), np.zeros(11))
    start = [1.0, -2.0, 3.0] if bias else [1.0, -2.0]
    settings = {"training.batch_size": 3, "training.shuffle": shuffle, "training.seed": 5, "device.dtype": "float64"}
    run = experiment({"model.bias": bias, "model.init": start, "optimizer.lr": 0.1} | settings)
    backend, _ = choose(run, data, "cpu")
    trained = backend.advance(backend.start(), 3, lambda: None).parameters[-1]
    error = np.array(start)
    for A in islice(designs(run, data, 12), 12):
        error = error - 0.1 * 2 / len(A) * A.T @ (A @ error)
    np.testing.assert_allclose(error, trained, rtol=1e-12)


def test_few_batches_of_a_long_unshuffled_epoch_still_come_from_all_its_parts() -> None:
    data = dataset(np.arange(1000.0), np.zeros(1000))
    run = experiment({"training.batch_size": 2, "training.shuffle": False})
    batches = [A[:, 0].tolist() for A in islice(designs(run, data, 10), 10)]
    assert batches == [[first, first + 1] for first in range(0, 1000, 100)]
