import numpy as np
import pytest

from tests.engine.conftest import dataset, experiment
from tui_regress.data.dataset import FloatArray
from tui_regress.engine.stability import forecast


def test_the_limit_is_within_ten_percent_of_that_of_real_runs() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        n, d, size = int(random.integers(10, 100)), int(random.integers(1, 4)), int(random.integers(1, 12))
        A = random.normal(size=(n, d)) * 10 ** random.uniform(-1, 1, d)
        y = A @ random.normal(size=d) + random.normal(size=n)
        momentum = float(random.choice([0, 0, 0.5]))
        data, task = dataset(A, y), experiment({"training.batch_size": size, "optimizer.momentum": momentum})
        found = forecast(task, data)
        assert found.kind == "estimated"
        low, high = 0.4 * found.limit, 2.5 * found.limit
        for _ in range(2):
            rates = np.geomspace(low, high, 12)
            explodes = real_runs(np.column_stack((A, np.ones(n))), y, rates, size, momentum)
            first = int(np.argmax(explodes))
            assert first > 0
            low, high = rates[first - 1], rates[first]
        assert found.limit == pytest.approx(np.sqrt(low * high), rel=0.1)


def real_runs(A: FloatArray, y: FloatArray, rates: FloatArray, size: int, momentum: float) -> FloatArray:
    """Whether the loss of a run with each of ``rates`` has grown beyond all bounds after 8,000 steps."""
    random, n = np.random.default_rng(1), len(A)
    theta, velocity = np.zeros((len(rates), A.shape[1])), np.zeros((len(rates), A.shape[1]))
    with np.errstate(all="ignore"):
        for _ in range(8_000 * size // n):
            order = random.permutation(n)
            for rows in (order[i : i + size] for i in range(0, n, size)):
                gradient = ((theta @ A[rows].T - y[rows]) @ A[rows]) * (2 / len(rows))
                velocity = momentum * velocity + gradient
                theta = theta - rates[:, None] * velocity
        loss = np.square(theta @ A.T - y).mean(axis=1)
    return np.asarray(~(loss < 1e12 * np.square(y).mean()))


def test_one_sample_per_step_in_order_has_the_limit_of_its_product() -> None:
    found = forecast(
        experiment({"model.bias": False, "training.batch_size": 1, "training.shuffle": False, "optimizer.lr": 0.25}),
        dataset([1, 2, 3], [2, 4, 6]),
    )
    product = np.polymul(np.polymul([-2, 1], [-8, 1]), [-18, 1])
    edges = np.concatenate([np.roots(np.polyadd(product, [end])) for end in (-1, 1)])
    first = min(edge.real for edge in edges if edge.real > 1e-9 and abs(edge.imag) < 1e-9)
    assert found.limit == pytest.approx(first, rel=0.02)
    assert found.growth == pytest.approx(((1 - 0.5) * (1 - 2) * (1 - 4.5)) ** 2, rel=1e-3)
    assert found.regime == "unstable"
    assert found.overflow_epoch is not None


def test_batches_of_a_summed_loss_are_judged_by_their_own_sum() -> None:
    line = dataset([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    summed = forecast(experiment({"model.loss": "sse", "training.batch_size": 1}), line)
    mean = forecast(experiment({"model.loss": "mse", "training.batch_size": 1}), line)
    assert summed.limit == pytest.approx(mean.limit, rel=0.02)
