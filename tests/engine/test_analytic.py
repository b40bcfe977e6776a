import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.engine.conftest import dataset, experiment, join, same
from tui_regress.data.dataset import Dataset
from tui_regress.engine import chunks
from tui_regress.engine.backends import base
from tui_regress.engine.backends.analytic import Analytic
from tui_regress.engine.backends.autograd import Autograd
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block
from tui_regress.engine.objective import evaluate
from tui_regress.experiment import Experiment


@pytest.fixture(autouse=True)
def torch_threads() -> Iterator[None]:
    """As many as before, after each test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def idle() -> None:
    """Nobody to wait for."""


def problem(logistic: bool, n: int = 20_000, d: int = 3) -> Dataset:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, d))
    return dataset(X, rng.random(n) < 0.5 if logistic else X @ np.arange(1, d + 1) + rng.normal(size=n))


def job(logistic: bool, changes: dict[str, object] | None = None) -> Experiment:
    return experiment({"model.kind": "logistic" if logistic else "linear", "optimizer.lr": 0.05, **(changes or {})})


def records(run: Experiment, data: Dataset, threads: int) -> Block:
    """Records 0 to 5, computed in so many threads."""
    torch.set_num_threads(threads)
    backend = Analytic(run, data, "cpu")
    state = backend.start()
    blocks = [backend.record(state), backend.advance(state, 5, idle)]
    assert torch.get_num_threads() == threads
    return join(blocks)


@pytest.mark.parametrize("batch", [0, 999], ids=["full batch", "minibatches"])
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
def test_the_number_of_threads_does_not_change_a_bit(
    logistic: bool, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2**14)
    run, data = job(logistic, {"training.batch_size": batch}), problem(logistic)
    alone = records(run, data, threads=1)
    assert same(records(run, data, threads=2), alone)
    assert same(records(run, data, threads=4), alone)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
def test_large_data_in_single_precision_agree_with_the_objective_in_double(
    logistic: bool, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2**14)
    run, data = job(logistic, {"model.bias": bias, "device.dtype": "float32"}), problem(logistic)
    found = records(run, data, threads=2)
    for k in range(6):
        expected = evaluate(run.model, found.parameters[k], data.X, data.y)
        assert found.loss[k] == pytest.approx(expected.loss, rel=1e-6)
        assert found.score[k] == pytest.approx(expected.score, rel=1e-6)
        np.testing.assert_allclose(found.gradient[k], expected.gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("logit", [1e-6, 0.5, 3.0, 20.0, 80.0])
@pytest.mark.parametrize("side", [1, -1])
def test_no_digits_are_lost_far_from_the_cut_or_near_it(side: int, logit: float, dtype: str) -> None:
    run = job(True, {"model.init": [1.0], "model.bias": False, "device.dtype": dtype})
    data = dataset([side * logit, -side * logit], [1, 0])
    data = Dataset(data.X.astype(dtype).astype(float), data.y, data.feature_names, "y")
    backend = Analytic(run, data, "cpu")
    record = backend.record(backend.start())
    expected = evaluate(run.model, np.ones(1), data.X, data.y)
    precision = 1e-6 if dtype == "float32" else 1e-14
    assert record.loss[0] == pytest.approx(expected.loss, rel=precision)
    assert record.gradient[0] == pytest.approx(expected.gradient, rel=precision)
    assert record.score[0] == expected.score == (side > 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_logit_of_zero_says_class_0(bias: bool, dtype: str) -> None:
    data = dataset([1, 2, 3, 4], [0, 1, 1, 1])
    run = job(True, {"model.bias": bias, "device.dtype": dtype})
    analytic, autograd = Analytic(run, data, "cpu"), Autograd(run, data, "cpu")
    found = [analytic.record(analytic.start()), autograd.record(autograd.start())]
    assert [record.score[0] for record in found] == [0.25, 0.25]
    assert [record.loss[0] for record in found] == pytest.approx([np.log(2)] * 2)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_stop_between_portions_gives_up_the_epoch(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2**10)
    torch.set_num_threads(threads)
    backend = Analytic(job(True), problem(logistic=True), "cpu")

    def breathe() -> None:
        raise Stop

    block = backend.advance(backend.start(), 5, breathe)
    assert (block.first, len(block.loss)) == (1, 0)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
def test_nothing_as_large_as_the_data_is_made_in_double_precision(
    logistic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2**12)
    data = problem(logistic)
    tracemalloc.start()
    try:
        Analytic(job(logistic), data, "cpu")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < data.X.nbytes / 2


@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
def test_portions_of_minibatch_runs_give_the_numbers_of_one_piece(
    logistic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = job(logistic, {"training.batch_size": 500, "device.dtype": "float64"})
    data = problem(logistic)
    whole = records(run, data, threads=2)
    monkeypatch.setattr(chunks, "CHUNK", 2**12)
    monkeypatch.setattr(base, "CHUNK", 2**12)
    parts = records(run, data, threads=2)
    for field in ("parameters", "gradient", "loss", "score"):
        np.testing.assert_allclose(getattr(parts, field), getattr(whole, field), rtol=1e-9, atol=1e-12)
