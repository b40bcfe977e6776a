import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.engine.conftest import dataset, experiment, join, same
from tui_regress.data.dataset import Dataset
from tui_regress.engine import chunks
from tui_regress.engine.backends import base, choose, compiled
from tui_regress.engine.backends.analytic import Analytic
from tui_regress.engine.backends.captured import Captured
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block
from tui_regress.engine.objective import evaluate
from tui_regress.experiment import Experiment, encode, override
from tui_regress.problems import ExperimentError

BACKENDS = ("autograd", "analytic", "numpy")
OPTIMIZERS: dict[str, dict[str, object]] = {
    "sgd": {},
    "momentum": {"optimizer.momentum": 0.9, "optimizer.dampening": 0.2},
    "nesterov": {"optimizer.momentum": 0.9, "optimizer.nesterov": True},
    "decay": {"optimizer.weight_decay": 0.1, "optimizer.momentum": 0.5},
    "adam": {"optimizer.name": "adam"},
    "amsgrad": {"optimizer.name": "adam", "optimizer.amsgrad": True, "optimizer.weight_decay": 0.1},
    "adamw": {"optimizer.name": "adamw", "optimizer.weight_decay": 0.1},
    "nadam": {"optimizer.name": "nadam", "optimizer.weight_decay": 0.1},
    "rmsprop": {"optimizer.name": "rmsprop", "optimizer.momentum": 0.5, "optimizer.centered": True},
    "adagrad": {"optimizer.name": "adagrad", "optimizer.lr_decay": 0.01},
}
SGD = ("sgd", "momentum", "nesterov", "decay")


def idle() -> None:
    """Nobody to wait for."""


def problem(logistic: bool, n: int = 30, d: int = 3) -> Dataset:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, d))
    return dataset(X, rng.random(n) < 0.5 if logistic else X @ np.arange(1, d + 1) + rng.normal(size=n))


def advance(run: Experiment, data: Dataset, epochs: int) -> Block:
    """Records 0 to ``epochs``."""
    backend, _ = choose(run, data, "cpu")
    state = backend.start()
    return join([backend.record(state), backend.advance(state, epochs, idle)])


def torch_loop(run: Experiment, data: Dataset, epochs: int) -> NDArray[np.float64]:
    """Parameters after each epoch, shape (epochs + 1, p): full batch, as anyone would write it in PyTorch."""
    with torch.random.fork_rng(devices=[]):
        module = torch.nn.Linear(data.features, 1, dtype=torch.float64)
    torch.nn.init.zeros_(module.weight)
    torch.nn.init.zeros_(module.bias)
    settings = encode(run)["optimizer"]
    kinds = {kind.__name__.lower(): kind for kind in vars(torch.optim).values() if isinstance(kind, type)}
    optimizer = kinds[settings.pop("name")](module.parameters(), **settings)
    X, y = torch.tensor(data.X), torch.tensor(data.y)[:, None]
    path = [[0.0] * (data.features + 1)]
    for _ in range(epochs):
        optimizer.zero_grad()
        torch.autograd.backward(torch.nn.functional.mse_loss(module(X), y))
        optimizer.step()
        path.append([*module.weight.flatten().tolist(), module.bias.item()])
    return np.array(path)


@given(
    st.sampled_from(["mse", "half-mse", "sse", "bce", "bce-sum"]),
    st.booleans(),
    st.integers(1, 6),
    st.integers(2, 30),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 1.0, 30.0]),
)
def test_loss_gradient_and_score_agree_with_autograd_on_random_problems(
    loss: str, bias: bool, d: int, n: int, seed: int, size: float
) -> None:
    rng = np.random.default_rng(seed)
    logistic = loss.startswith("bce")
    X = rng.normal(size=(n, d)) * size
    data = dataset(X, rng.random(n) < 0.5 if logistic else rng.normal(size=n))
    run = experiment(
        {
            "model.kind": "logistic" if logistic else "linear",
            "model.loss": loss,
            "model.bias": bias,
            "model.init": rng.normal(size=d + bias).tolist(),
            "device.dtype": "float64",
        }
    )
    found = {}
    for name in BACKENDS:
        backend, _ = choose(override(run, {"training.gradient": name}), data, "cpu")
        found[name] = backend.record(backend.start())
    reference = found.pop("autograd")
    for record in found.values():
        np.testing.assert_allclose(record.gradient, reference.gradient, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(record.loss, reference.loss, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(record.score, reference.score, rtol=1e-10)
        assert record.parameters.tolist() == reference.parameters.tolist()


@pytest.mark.parametrize("gradient", ["autograd", "analytic"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_steps_of_a_plain_torch_loop(name: str, gradient: str) -> None:
    run = experiment(
        {"optimizer.lr": 0.02, "device.dtype": "float64", "training.gradient": gradient, **OPTIMIZERS[name]}
    )
    data = problem(logistic=False)
    np.testing.assert_allclose(advance(run, data, 50).parameters, torch_loop(run, data, 50), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch", [0, 7])
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_gives_the_same_records_on_every_backend(name: str, logistic: bool, batch: int) -> None:
    kind = "logistic" if logistic else "linear"
    run = experiment(
        {
            "model.kind": kind,
            "model.init": "torch",
            "optimizer.lr": 0.02,
            "training.batch_size": batch,
            "training.seed": 3,
            "device.dtype": "float64",
            **OPTIMIZERS[name],
        }
    )
    data = problem(logistic)
    reference = advance(override(run, {"training.gradient": "autograd"}), data, 50)
    for gradient in ("analytic", *(["numpy"] if name in SGD else [])):
        records = advance(override(run, {"training.gradient": gradient}), data, 50)
        for field in ("parameters", "gradient", "loss", "score"):
            np.testing.assert_allclose(getattr(records, field), getattr(reference, field), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
def test_records_hold_the_evaluation_over_all_rows_at_their_parameters(logistic: bool, gradient: str) -> None:
    changes = {"training.batch_size": 7, "device.dtype": "float64", "training.gradient": gradient, "optimizer.lr": 0.05}
    run = experiment({"model.kind": "logistic" if logistic else "linear", **changes})
    data = problem(logistic)
    records = advance(run, data, 5)
    assert records.first == 0
    assert records.lr.tolist() == [0.05] * 6
    for k in range(6):
        expected = evaluate(run.model, records.parameters[k], data.X, data.y)
        assert records.loss[k] == pytest.approx(expected.loss, rel=1e-12)
        assert records.score[k] == pytest.approx(expected.score, rel=1e-12)
        np.testing.assert_allclose(records.gradient[k], expected.gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gradient", BACKENDS)
def test_float32_runs_hold_float32_numbers(gradient: str) -> None:
    records = advance(experiment({"training.gradient": gradient}), problem(logistic=False), 10)
    for values in (records.parameters, records.gradient, records.loss, records.score):
        assert values.dtype == np.float64
        assert (values.astype(np.float32) == values).all()


# minibatches


def sgd_by_permutation(data: Dataset, batch: int, epochs: int, lr: float, seed: int | None) -> NDArray[np.float64]:
    """Parameters after plain minibatch SGD on mse, with rows in the order of ``default_rng(seed)``, or as they are."""
    A, theta = np.column_stack((data.X, np.ones(data.rows))), np.zeros(data.features + 1)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = np.arange(data.rows) if seed is None else rng.permutation(data.rows)
        for first in range(0, data.rows, batch):
            rows = order[first : first + batch]
            theta = theta - lr * 2 / len(rows) * A[rows].T @ (A[rows] @ theta - data.y[rows])
    return theta


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [1, 7, 10, 29])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_minibatches_are_slices_of_one_permutation_per_epoch(shuffle: bool, batch: int, gradient: str) -> None:
    run = experiment(
        {
            "training.gradient": gradient,
            "training.batch_size": batch,
            "training.shuffle": shuffle,
            "training.seed": 11,
            "device.dtype": "float64",
            "optimizer.lr": 0.03,
        }
    )
    data = problem(logistic=False)
    expected = sgd_by_permutation(data, batch, 4, 0.03, 11 if shuffle else None)
    np.testing.assert_allclose(advance(run, data, 4).parameters[-1], expected, rtol=1e-11)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("loss", ["mse", "sse", "bce", "bce-sum"])
def test_a_batch_of_all_rows_or_more_is_full_batch(loss: str, gradient: str) -> None:
    kind = "logistic" if loss.startswith("bce") else "linear"
    run = experiment({"model.kind": kind, "model.loss": loss, "training.gradient": gradient})
    data = problem(logistic=kind == "logistic")
    full = advance(run, data, 5)
    for batch in (30, 31, 10**9):
        assert same(advance(override(run, {"training.batch_size": batch}), data, 5), full)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [0, 1, 7])
@pytest.mark.parametrize("loss", ["mse", "sse", "bce", "bce-sum"])
def test_rows_in_chunks_give_the_numbers_of_rows_in_one_piece(
    loss: str, batch: int, gradient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment(
        {
            "model.kind": "logistic" if loss.startswith("bce") else "linear",
            "model.loss": loss,
            "training.gradient": gradient,
            "training.batch_size": batch,
            "device.dtype": "float64",
        }
    )
    data = problem(logistic=loss.startswith("bce"))
    whole = advance(run, data, 5)
    monkeypatch.setattr(chunks, "CHUNK", 24)
    monkeypatch.setattr(base, "CHUNK", 24)
    parts = advance(run, data, 5)
    for field in ("parameters", "gradient", "loss", "score"):
        np.testing.assert_allclose(getattr(parts, field), getattr(whole, field), rtol=1e-9, atol=1e-12)


# state


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [0, 7])
def test_another_start_and_other_blocks_give_the_same_bits(batch: int, gradient: str) -> None:
    run = experiment(
        {
            "model.init": "normal",
            "optimizer.momentum": 0.9,
            "training.gradient": gradient,
            "training.batch_size": batch,
        }
    )
    backend, _ = choose(run, problem(logistic=False), "cpu")
    state = backend.start()
    once = join([backend.record(state), backend.advance(state, 20, idle)])
    again = backend.start()
    blocks = [backend.record(again), *(backend.advance(again, k, idle) for k in (1, 2, 16, 1))]
    assert same(join(blocks), once)


@pytest.mark.parametrize("gradient", BACKENDS)
def test_a_new_learning_rate_in_the_state_counts_from_the_next_epoch(gradient: str) -> None:
    run = experiment({"optimizer.lr": 0.01, "training.gradient": gradient, "device.dtype": "float64"})
    backend, _ = choose(run, problem(logistic=False), "cpu")
    state = backend.start()
    before = backend.record(state)
    state.lr = 0.5
    after = backend.advance(state, 1, idle)
    assert after.lr.tolist() == [0.5]
    np.testing.assert_allclose(after.parameters, before.parameters - 0.5 * before.gradient, rtol=1e-12)


def stopping_after(breaths: int) -> Callable[[], None]:
    """The breath after so many is the last."""
    left = iter(range(breaths))

    def breathe() -> None:
        if next(left, None) is None:
            raise Stop

    return breathe


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [0, 7])
def test_a_stop_keeps_the_records_of_the_epochs_completed(batch: int, gradient: str) -> None:
    run = experiment({"training.gradient": gradient, "training.batch_size": batch})
    backend, _ = choose(run, problem(logistic=False), "cpu")
    whole = backend.advance(backend.start(), 5, idle)

    lengths = set()
    for breaths in range(40):
        block = backend.advance(backend.start(), 5, stopping_after(breaths))
        k = len(block.loss)
        lengths.add(k)
        assert block.first == 1
        assert block.parameters.tolist() == whole.parameters[:k].tolist()
    assert lengths >= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("gradient", BACKENDS)
def test_an_epoch_is_interruptible_between_minibatches_and_between_chunks(
    gradient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 30)
    backend, _ = choose(experiment({"training.gradient": gradient}), problem(logistic=False), "cpu")
    breaths: list[None] = []
    backend.advance(backend.start(), 1, lambda: breaths.append(None))
    assert len(breaths) >= 3
    run = experiment({"training.gradient": gradient, "training.batch_size": 1})
    backend, _ = choose(run, problem(logistic=False), "cpu")
    breaths.clear()
    backend.advance(backend.start(), 1, lambda: breaths.append(None))
    assert len(breaths) >= 30


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [0, 2])
def test_overflow_fills_records_with_what_it_gives_and_warns_of_nothing(batch: int, dtype: str, gradient: str) -> None:
    run = experiment(
        {
            "optimizer.lr": 1e30,
            "optimizer.momentum": 0.9,
            "training.gradient": gradient,
            "training.batch_size": batch,
            "device.dtype": dtype,
        }
    )
    records = advance(run, problem(logistic=False), 40)
    assert records.last == 40
    assert np.isfinite(records.loss[0])
    assert np.isnan(records.loss[-1])
    logistic = override(run, {"model.kind": "logistic"})
    assert np.isfinite(advance(logistic, problem(logistic=True), 2).loss[0])


@pytest.mark.parametrize("gradient", BACKENDS)
def test_training_leaves_torchs_random_numbers_alone(gradient: str) -> None:
    before = torch.get_rng_state()
    run = experiment({"training.gradient": gradient, "model.init": "torch", "training.batch_size": 7})
    advance(run, problem(logistic=False), 2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("gradient", ["autograd", "analytic"])
@pytest.mark.parametrize(
    ("rows", "batch", "expected"),
    [(30, 0, 1), (20_000, 2000, 1), (20_000, 0, 3)],
    ids=["few rows", "small steps", "large"],
)
def test_small_steps_are_computed_in_one_thread(rows: int, batch: int, expected: int, gradient: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        run = experiment({"training.gradient": gradient, "training.batch_size": batch})
        backend, _ = choose(run, problem(logistic=True, n=rows), "cpu")
        used: set[int] = set()
        backend.advance(backend.start(), 1, lambda: used.add(torch.get_num_threads()))
        assert used == {expected}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


# choice


@pytest.mark.parametrize(
    ("changes", "device", "expected", "because"),
    [
        ({}, "cpu", "statistics", "XᵀX"),
        ({"training.batch_size": 30}, "cpu", "statistics", "XᵀX"),
        ({}, "cuda:0", "statistics", "XᵀX"),
        ({"device.name": "cuda:0"}, "cuda:0", "analytic", "closed form"),
        ({"training.batch_size": 7, "training.epochs": 9999}, "cpu", "compiled", "small steps"),
        ({"training.batch_size": 7, "training.epochs": 9}, "cuda:0", "numpy", "calling NumPy"),
        ({"training.batch_size": 7, "training.epochs": 9, "optimizer.name": "adam"}, "cpu", "analytic", "closed form"),
        ({"model.kind": "logistic", "training.epochs": 20_000, "optimizer.name": "adam"}, "cpu", "compiled", "steps"),
    ],
)
def test_auto_chooses_what_suits_the_problem_and_says_why(
    changes: dict[str, object], device: str, expected: str, because: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no such device here: it is enough to hear what would be computed where.
    made: list[str] = []
    for kind in (Analytic, Captured):
        monkeypatch.setattr(kind, "__init__", lambda *arguments: made.append(arguments[-1]))
    data = problem(logistic="model.kind" in changes)
    backend, reason = choose(experiment(changes), data, device)
    assert backend.name == expected
    assert because in reason
    assert made == ([device] if expected == "analytic" else [])


def test_without_numba_small_steps_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "available", lambda: False)
    backend, _ = choose(experiment({"training.batch_size": 7}), problem(logistic=False), "cpu")
    assert backend.name == "numpy"
    with pytest.raises(ExperimentError, match=r"training.gradient = 'compiled': needs the package numba"):
        choose(experiment({"training.gradient": "compiled"}), problem(logistic=False), "cpu")


def test_large_steps_are_for_torch() -> None:
    data = dataset(np.ones((6000, 1)), np.arange(6000) % 2)
    backend, _ = choose(experiment({"model.kind": "logistic", "training.epochs": 10**6}), data, "cpu")
    assert backend.name == "analytic"


def test_more_parameters_than_rows_are_no_case_for_statistics() -> None:
    backend, _ = choose(experiment(), problem(logistic=False, n=3, d=3), "cpu")
    assert backend.name == "numpy"


@pytest.mark.parametrize("gradient", BACKENDS)
def test_a_backend_asked_for_is_taken_without_words(gradient: str) -> None:
    backend, reason = choose(experiment({"training.gradient": gradient}), problem(logistic=False), "cpu")
    assert (backend.name, reason) == (gradient, "")


def test_the_numpy_backend_does_not_load_torch() -> None:
    code = """
import sys
from tests.engine.conftest import dataset, experiment
from tui_regress.engine.backends import choose
backend, _ = choose(experiment({"training.gradient": "numpy"}), dataset([1, 2], [2, 4]), "cpu")
assert backend.advance(backend.start(), 3, lambda: None).last == 3
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
