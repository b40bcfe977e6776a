import gc
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import dataset, experiment, join, same
from tests.engine.test_backends import OPTIMIZERS, advance, idle, problem, sgd_by_permutation, stopping_after
from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import compiled
from tui_regress.engine.backends.compiled import Compiled
from tui_regress.engine.events import Block
from tui_regress.engine.objective import evaluate
from tui_regress.engine.shuffling import set_words, words
from tui_regress.experiment import Experiment, override

pytest.importorskip("numba")

from tui_regress.engine.backends import compiling, kernels

FIELDS = ("parameters", "gradient", "loss", "score")
STOCHASTIC: dict[str, Any] = {"training.batch_size": 7, "training.seed": 3}


def records(run: Experiment, data: Dataset, *blocks: int) -> Block:
    """Records from 0 on, computed in ``blocks`` of so many epochs."""
    backend = Compiled(run, data)
    state = backend.start()
    return join([backend.record(state), *(backend.advance(state, epochs, idle) for epochs in blocks)])


def agree(run: Experiment, data: Dataset, epochs: int, rtol: float, atol: float) -> None:
    reference = advance(override(run, {"training.gradient": "autograd"}), data, epochs)
    found = records(run, data, epochs)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), getattr(reference, field), rtol, atol, err_msg=field)


# the same numbers as autograd


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("batch", [0, 7, 1], ids=["full batch", "minibatches", "per sample"])
@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_gives_the_records_of_autograd(name: str, kind: str, batch: int, bias: bool) -> None:
    changes = {"model.kind": kind, "model.bias": bias, "model.init": "torch", "training.batch_size": batch}
    run = experiment(
        {**changes, "optimizer.lr": 0.02, "training.seed": 3, "device.dtype": "float64", **OPTIMIZERS[name]}
    )
    agree(run, problem(kind == "logistic"), 10, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_in_float32_the_records_are_those_of_autograd_to_its_precision(name: str) -> None:
    run = experiment({**STOCHASTIC, "model.init": "torch", "optimizer.lr": 0.02, **OPTIMIZERS[name]})
    data = problem(logistic=False)
    agree(run, data, 20, rtol=1e-4, atol=1e-5)
    found = records(run, data, 20)
    for field in FIELDS:
        values = getattr(found, field)
        assert values.dtype == np.float64
        assert (values.astype(np.float32) == values).all()


@pytest.mark.parametrize("batch", [0, 7])
@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse", "bce", "bce-sum"])
def test_every_loss_is_reduced_as_in_autograd(loss: str, batch: int) -> None:
    kind = "logistic" if loss.startswith("bce") else "linear"
    changes = {"model.kind": kind, "model.loss": loss, "training.batch_size": batch, "optimizer.lr": 1e-3}
    agree(experiment({**changes, "device.dtype": "float64"}), problem(kind == "logistic"), 20, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("adam", {"optimizer.betas": (0.0, 0.5)}),
        ("adamw", {"optimizer.betas": (0.9, 0.999999), "optimizer.amsgrad": True}),
        ("nadam", {"optimizer.momentum_decay": 0.5}),
        ("rmsprop", {"optimizer.alpha": 0.0, "optimizer.weight_decay": 0.1}),
        ("adagrad", {"optimizer.initial_accumulator_value": 0.3, "optimizer.weight_decay": 0.1}),
        ("sgd", {"optimizer.momentum": 0.5, "optimizer.dampening": -0.5, "optimizer.weight_decay": 0.3}),
        ("sgd", {"optimizer.weight_decay": 0.3, "training.batch_size": 1}),
    ],
)
def test_unusual_settings_mean_what_they_mean_to_torch(name: str, changes: dict[str, object]) -> None:
    run = experiment({"optimizer.name": name, "optimizer.lr": 0.02, "device.dtype": "float64", **STOCHASTIC, **changes})
    agree(run, problem(logistic=False), 100, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 40])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_the_rows_of_a_step_are_those_of_every_other_backend(shuffle: bool, d: int) -> None:
    data = problem(logistic=False, d=d)
    for batch in (1, 7, 29):
        changes = {"training.batch_size": batch, "training.shuffle": shuffle, "training.seed": 11}
        run = experiment({**changes, "device.dtype": "float64", "optimizer.lr": 0.003})
        expected = sgd_by_permutation(data, batch, 4, 0.003, 11 if shuffle else None)
        np.testing.assert_allclose(records(run, data, 4).parameters[-1], expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_records_hold_the_evaluation_over_all_rows_at_their_parameters(kind: str) -> None:
    run = experiment({"model.kind": kind, "device.dtype": "float64", "optimizer.lr": 0.05, **STOCHASTIC})
    data = problem(kind == "logistic")
    found = records(run, data, 5)
    assert (found.first, found.last) == (0, 5)
    assert found.lr.tolist() == [0.05] * 6
    for k in range(6):
        expected = evaluate(run.model, found.parameters[k], data.X, data.y)
        assert found.loss[k] == pytest.approx(expected.loss, rel=1e-12)
        assert found.score[k] == pytest.approx(expected.score, rel=1e-12)
        np.testing.assert_allclose(found.gradient[k], expected.gradient, rtol=1e-9, atol=1e-12)


def test_the_loss_of_rows_far_on_either_side_keeps_its_digits() -> None:
    run = experiment({"model.kind": "logistic", "model.init": (1.0,), "model.bias": False, "device.dtype": "float64"})
    data = dataset([-800.0, -40.0, 40.0, 800.0], [1, 0, 1, 0])
    found = records(run, data)
    expected = evaluate(run.model, np.array([1.0]), data.X, data.y)
    assert found.loss[0] == expected.loss == 400.0
    assert found.gradient[0].tolist() == expected.gradient.tolist()
    assert found.score[0] == 0.5


def test_a_batch_of_all_rows_or_more_is_full_batch() -> None:
    full = records(experiment(), problem(logistic=False), 5)
    for batch in (30, 31, 10**9):
        assert same(records(experiment({"training.batch_size": batch}), problem(logistic=False), 5), full)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [0, 2, 1])
@pytest.mark.parametrize("name", ["sgd", "momentum", "decay"])
def test_overflow_comes_at_the_record_where_torch_has_it_and_warns_of_nothing(
    name: str, batch: int, dtype: str
) -> None:
    changes = {**OPTIMIZERS[name], "optimizer.lr": 1e30, "training.batch_size": batch, "device.dtype": dtype}
    data = problem(logistic=False)
    reference = advance(experiment({**changes, "training.gradient": "autograd"}), data, 20)
    found = records(experiment(changes), data, 20)
    assert np.isfinite(found.loss[0])
    assert np.isnan(found.loss[-1])
    for field in FIELDS:
        np.testing.assert_array_equal(np.isnan(getattr(found, field)), np.isnan(getattr(reference, field)))
        np.testing.assert_array_equal(np.isinf(getattr(found, field)), np.isinf(getattr(reference, field)))


def test_data_beyond_the_precision_of_the_run_are_infinite_to_it() -> None:
    found = records(experiment(), dataset([1e200, 1.0], [1.0, 2.0]), 1)
    assert not np.isfinite(found.loss[1])


def test_the_data_are_left_as_they_are() -> None:
    data = problem(logistic=True)
    X, y = data.X.copy(), data.y.copy()
    records(experiment({"model.kind": "logistic", "device.dtype": "float64", **STOCHASTIC}), data, 3)
    assert (data.X == X).all()
    assert (data.y == y).all()


# orders


def dealt(order: np.random.Generator, rows: int, room: int) -> list[int]:
    """The next permutation of ``order`` in machine code, ``room`` places at once."""
    generator, places, draws = words(order), np.arange(rows), np.empty(room, np.int64)
    last = rows - 1
    while last > 0:
        last = kernels._deal(generator, places, draws, last, room)
    set_words(order, generator)
    return places.tolist()


@pytest.mark.parametrize("waiting", [False, True], ids=["whole", "half a number waits"])
@pytest.mark.parametrize("room", [1, 7, 256])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 63, 64, 65, 1000, 4097])
def test_an_order_is_the_permutation_that_numpy_draws_and_leaves_its_state(rows: int, room: int, waiting: bool) -> None:
    for seed in range(10):
        order, own = np.random.default_rng(seed), np.random.default_rng(seed)
        for generator in (order, own) if waiting else ():
            generator.integers(0, 10, dtype=np.uint32)
        for _ in range(3):
            assert dealt(order, rows, room) == own.permutation(rows).tolist()
            assert order.bit_generator.state == own.bit_generator.state


def test_a_long_order_is_the_permutation_that_numpy_draws() -> None:
    order, own = np.random.default_rng(5), np.random.default_rng(5)
    assert dealt(order, 2**20 + 3, 256) == own.permutation(2**20 + 3).tolist()
    assert order.bit_generator.state == own.bit_generator.state


@pytest.mark.parametrize("rows", [2, 30])
@pytest.mark.parametrize("batch", [1, 7])
def test_after_a_block_the_generator_is_where_other_backends_have_it(batch: int, rows: int) -> None:
    backend = Compiled(experiment({"training.batch_size": batch}), problem(logistic=False, n=rows))
    state, own = backend.start(), np.random.default_rng(0)
    for epochs in (1, 3):
        backend.advance(state, epochs, idle)
        for _ in range(epochs if batch < rows else 0):
            own.permutation(rows)
        assert backend.freeze(state)["order"] == own.bit_generator.state


@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("batch", [0, 300, 1])
def test_rows_beyond_those_done_at_once_give_the_records_of_autograd(batch: int, kind: str) -> None:
    changes = {"model.kind": kind, "training.batch_size": batch, "optimizer.lr": 1e-3, "device.dtype": "float64"}
    agree(experiment(changes), problem(kind == "logistic", n=700), 3, rtol=1e-9, atol=1e-12)


# blocks, portions, stops


@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("batch", [0, 7, 1])
@pytest.mark.parametrize("rows", [1, 5, 31, 89])
def test_other_blocks_and_other_portions_of_the_rows_give_the_same_bits(
    rows: int, batch: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"model.kind": kind, "training.batch_size": batch, "optimizer.momentum": 0.9, "optimizer.lr": 0.01}
    data = problem(kind == "logistic")
    once = records(experiment(changes), data, 20)
    portions(monkeypatch, rows)
    assert same(records(experiment(changes), data, 1, 2, 16, 1), once)


def portions(monkeypatch: pytest.MonkeyPatch, rows: int, features: int = 3) -> None:
    """From here on a backend breathes after so many rows."""
    monkeypatch.setattr(compiled, "_PORTION", rows * (features + compiled._ROW))


@pytest.mark.parametrize("batch", [0, 7, 1])
def test_a_stop_keeps_the_records_of_the_epochs_completed(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    portions(monkeypatch, 11)
    backend = Compiled(experiment({"training.batch_size": batch}), problem(logistic=False))
    whole = backend.advance(backend.start(), 5, idle)
    lengths = set()
    for breaths in range(50):
        state = backend.start()
        block = backend.advance(state, 5, stopping_after(breaths))
        lengths.add(len(block.loss))
        assert block.first == 1
        assert state.epoch == len(block.loss)
        assert block.parameters.tolist() == whole.parameters[: len(block.loss)].tolist()
    assert lengths == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(("batch", "visits"), [(0, 30), (1, 89), (29, 89)])
def test_no_more_rows_are_done_between_two_breaths_than_a_portion(
    batch: int, visits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    portions(monkeypatch, 3)
    backend = Compiled(experiment({"training.batch_size": batch}), problem(logistic=False))
    breaths: list[None] = []
    backend.advance(backend.start(), 2, lambda: breaths.append(None))
    assert len(breaths) >= 2 * visits / 3


@pytest.mark.parametrize("batch", [0, 1])
def test_a_long_block_of_short_epochs_takes_few_breaths(batch: int) -> None:
    backend = Compiled(experiment({"training.batch_size": batch}), problem(logistic=False))
    breaths: list[None] = []
    assert backend.advance(backend.start(), 1000, lambda: breaths.append(None)).last == 1000
    assert 1 <= len(breaths) <= 3


def test_python_runs_while_epochs_are_computed() -> None:
    backend = Compiled(experiment(), problem(logistic=False, n=1000))
    out = np.empty((200, 10), np.float32)
    calls, seen = 0, threading.Event()

    def train() -> None:
        nonlocal calls
        state = backend.start()
        while calls < 1000 and not seen.is_set():
            backend._descend(*backend._arguments(state, backend._work(state), 10**9, out))
            calls += 1

    interval = sys.getswitchinterval()
    # From here on no thread gives up the GIL unless it wants to.
    sys.setswitchinterval(3600)
    try:
        thread = threading.Thread(target=train)
        thread.start()
        seen.set()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert calls < 1000


# state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [0, 7])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_thawed_goes_on_to_the_bit(name: str, batch: int, dtype: str) -> None:
    changes = {"training.batch_size": batch, "device.dtype": dtype, "optimizer.lr": 0.02, **OPTIMIZERS[name]}
    backend = Compiled(experiment(changes), problem(logistic=False))
    state = backend.start()
    backend.advance(state, 3, idle)
    state.lr = 0.01
    frozen = backend.freeze(state)
    whole = backend.advance(state, 5, idle)
    again = Compiled(experiment(changes), problem(logistic=False)).thaw(frozen)
    assert (again.epoch, again.lr) == (3, 0.01)
    assert same(backend.advance(again, 5, idle), whole)


@pytest.mark.parametrize("name", ["values", "memory", "counts"])
def test_a_checkpoint_with_an_array_of_another_size_is_refused(name: str) -> None:
    backend = Compiled(experiment(), problem(logistic=False))
    frozen = backend.freeze(backend.start())
    array = frozen[name]
    assert isinstance(array, np.ndarray)
    with pytest.raises(ValueError, match="reshape"):
        backend.thaw(frozen | {name: array[..., :-1]})


def test_a_run_taken_up_by_hand_draws_other_orders_than_from_the_start() -> None:
    backend = Compiled(experiment(STOCHASTIC), problem(logistic=False))
    theta = np.arange(4.0)
    found = [backend.advance(backend.start(theta, epoch), 1, idle) for epoch in (0, 5, 5)]
    assert [block.first for block in found] == [1, 6, 6]
    assert same(found[1], found[2])
    assert found[0].parameters.tolist() != found[1].parameters.tolist()


def test_a_new_learning_rate_in_the_state_counts_from_the_next_epoch() -> None:
    backend = Compiled(experiment({"optimizer.lr": 0.01, "device.dtype": "float64"}), problem(logistic=False))
    state = backend.start()
    before = backend.record(state)
    state.lr = 0.5
    after = backend.advance(state, 1, idle)
    assert after.lr.tolist() == [0.5]
    np.testing.assert_allclose(after.parameters, before.parameters - 0.5 * before.gradient, rtol=1e-12)


def test_steps_are_counted_as_far_as_torch_counts_them() -> None:
    backend = Compiled(experiment({"optimizer.name": "adagrad"}), problem(logistic=False))
    state = backend.start()
    for count in (2.0, 2.0**24 - 1, 2.0**24):
        state.counts[0] = count
        backend.advance(state, 1, idle)
        assert state.counts[0] == float(torch.tensor(count) + 1)


def test_the_bias_correction_of_a_long_run_ends_at_1() -> None:
    backend = Compiled(experiment({"optimizer.name": "adam"}), problem(logistic=False))
    state = backend.start()
    backend.advance(state, 10_000, idle)
    assert state.counts[1] == 0
    assert state.counts[2] == pytest.approx(0.999**10_000)


# Numba itself


def test_without_numba_it_is_quietly_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.available()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not compiled.available()


def test_numba_is_loaded_by_a_run_that_needs_it_only() -> None:
    code = """
import sys
from tui_regress.engine import training
from tui_regress.engine.backends import compiled
assert compiled.available()
sys.exit("numba" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def double(array: Any) -> None:
    for i in range(len(array)):
        array[i] *= 2


@contextmanager
def moved(function: Callable[..., object], path: str) -> Iterator[None]:
    """With ``function`` as if it came from the file ``path``."""
    before = function.__code__
    function.__code__ = before.replace(co_filename=path)
    try:
        yield
    finally:
        function.__code__ = before


def test_where_machine_code_cannot_be_kept_it_is_made_anew() -> None:
    array = np.ones(3)
    with moved(double, "nowhere"):
        kernel = compiling.ready(double, array[:0])
    kernel(array)
    assert kernel is not double
    assert array.tolist() == [2, 2, 2]


def test_an_error_in_the_kernel_itself_is_told() -> None:
    def wrong(array: Any) -> None:
        array.no_such_attribute()

    with pytest.raises(Exception, match="no_such_attribute"):
        compiling.ready(wrong, np.ones(3))
    assert gc.isenabled()


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_collected_while_numba_compiles(enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    during: list[bool] = []

    def kernel() -> None:
        during.append(gc.isenabled())

    def njit(**_: object) -> Callable[[object], Callable[[], None]]:
        return lambda _: kernel

    monkeypatch.setattr(compiling, "njit", njit)
    if not enabled:
        gc.disable()
    try:
        compiling.ready(kernel)
        assert during == [False]
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_what_is_never_searched_for_garbage_stays_so_when_numba_has_compiled() -> None:
    def kernel(array: Any) -> None:
        array[0] = 3.0

    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        assert frozen > 0
        compiling.ready(kernel, np.ones(1))
        assert gc.get_freeze_count() >= frozen // 2
    finally:
        gc.unfreeze()
