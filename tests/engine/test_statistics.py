"""The backend "statistics": the records of autograd, without the rows."""

from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import LINE_X, LINE_Y, dataset, experiment, join, same
from tests.engine.test_backends import OPTIMIZERS, SGD, advance, idle, problem
from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import choose, compiled
from tui_regress.engine.backends.statistics import Statistics
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block
from tui_regress.experiment import Experiment, decode, override
from tui_regress.problems import ExperimentError, InputError

LINE = dataset(LINE_X, LINE_Y)
FIELDS = ("parameters", "gradient", "loss", "score")


def job(changes: dict[str, Any] | None = None) -> Experiment:
    return experiment({"training.gradient": "statistics", "device.dtype": "float64"} | (changes or {}))


def started(run: Experiment, data: Dataset) -> tuple[Any, Any]:
    backend, _ = choose(run, data, "cpu")
    return backend, backend.start()


def close(one: Block, other: Block, rtol: float, atol: float) -> None:
    for field in FIELDS:
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=rtol, atol=atol)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_records_are_those_of_autograd(name: str, loss: str, bias: bool) -> None:
    lr = 0.002 if loss == "sse" else 0.02
    run = job({"model.init": "torch", "model.bias": bias, "model.loss": loss, "optimizer.lr": lr, **OPTIMIZERS[name]})
    data = problem(logistic=False)
    reference = advance(override(run, {"training.gradient": "autograd"}), data, 300)
    close(advance(run, data, 300), reference, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_in_float32_records_are_those_of_autograd_to_its_precision(name: str) -> None:
    run = job({"optimizer.lr": 0.02, "device.dtype": "float32", **OPTIMIZERS[name]})
    data = problem(logistic=False)
    reference = advance(override(run, {"training.gradient": "autograd"}), data, 300)
    found = advance(run, data, 300)
    close(found, reference, rtol=2e-5, atol=2e-5)
    for field in FIELDS:
        assert (getattr(found, field).astype(np.float32) == getattr(found, field)).all()


@pytest.mark.parametrize("changes", [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.2, "optimizer.momentum": 0.9}])
def test_an_explosion_is_that_of_autograd_up_to_the_end_of_the_numbers(changes: dict[str, Any]) -> None:
    run = job({"device.dtype": "float32", **changes})
    reference = advance(override(run, {"training.gradient": "autograd"}), LINE, 600)
    found = advance(run, LINE, 600)
    end = int(np.argmin(np.isfinite(reference.loss)))
    assert end > 40
    assert int(np.argmin(np.isfinite(found.loss))) == end
    np.testing.assert_allclose(found.loss[:end], reference.loss[:end], rtol=1e-3)
    np.testing.assert_allclose(found.parameters[:end], reference.parameters[:end], rtol=1e-3)
    assert np.isnan(found.loss[-1])


@pytest.mark.parametrize("name", [*SGD, "adam"])
def test_other_blocks_give_the_same_bits(name: str) -> None:
    run = job({"model.init": "normal", **OPTIMIZERS[name]})
    backend, state = started(run, problem(logistic=False))
    once = join([backend.record(state), backend.advance(state, 10_000, idle)])
    again = backend.start()
    blocks = [backend.record(again), *(backend.advance(again, k, idle) for k in (1, 2, 4096, 1, 5900))]
    assert same(join(blocks), once)


@pytest.mark.parametrize("epochs", [0, 1, 7, 4096, 4097, 5000])
@pytest.mark.parametrize("new_lr", [None, 0.05])
def test_a_state_frozen_anywhere_goes_on_to_the_same_bits(epochs: int, new_lr: float | None) -> None:
    backend, state = started(job({"optimizer.momentum": 0.9}), problem(logistic=False))
    backend.advance(state, 3, idle)
    state.lr = 0.01
    backend.advance(state, epochs, idle)
    state.lr = new_lr or state.lr
    frozen = backend.freeze(state)
    double = backend.thaw(frozen)
    assert same(backend.record(double), backend.record(state))
    assert same(backend.advance(double, 5000, idle), backend.advance(state, 5000, idle))


def test_a_stop_keeps_the_records_of_the_stretches_completed() -> None:
    backend, state = started(job(), problem(logistic=False))
    breaths = iter(range(1))

    def breathe() -> None:
        if next(breaths, None) is None:
            raise Stop

    found = backend.advance(state, 100_000, breathe)
    whole = backend.advance(backend.start(), len(found.loss), idle)
    assert 0 < len(found.loss) < 100_000
    assert same(found, whole)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_no_epoch_looks_at_the_rows(name: str) -> None:
    data = problem(logistic=False)
    backend, state = started(job({"optimizer.name": name}), data)
    expected = backend.advance(backend.start(), 100, idle)
    data.X.setflags(write=True)
    data.X[:] = np.nan
    assert same(backend.advance(state, 100, idle), expected)


def test_the_loss_of_an_exact_fit_falls_to_rounding_and_not_to_the_rounding_of_sums() -> None:
    data = dataset(LINE_X, np.array(LINE_Y) + 1e6)
    records = advance(job({"optimizer.lr": 0.05}), data, 20_000)
    assert records.loss[-1] < 1e-18
    np.testing.assert_allclose(records.parameters[-1], [2.0, 1e6], rtol=1e-10)


def test_a_direction_that_the_data_leave_open_stays_as_it_was() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    data = dataset(np.column_stack((x, x)), 3 * x)
    run = job({"model.init": [5.0, 1.0, 0.0], "model.bias": True, "optimizer.lr": 0.1})
    reference = advance(override(run, {"training.gradient": "autograd"}), data, 500)
    close(advance(run, data, 500), reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("epochs", [5, 30_000])
def test_what_is_frozen_in_the_midst_of_adam_goes_on_to_the_same_bits(epochs: int) -> None:
    run = job({"optimizer.name": "adam", "training.epochs": epochs})
    backend, state = started(run, problem(logistic=False))
    backend.advance(state, 5, idle)
    # Another number of epochs may be reason for other steps, but not in the midst of a run.
    other, _ = choose(override(run, {"training.epochs": 30_005 - epochs}), problem(logistic=False), "cpu")
    double = other.thaw(backend.freeze(state))
    assert same(backend.record(state), other.record(double))
    assert same(backend.advance(state, 200, idle), other.advance(double, 200, idle))


def test_without_numba_adam_takes_torchs_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    run = job({"optimizer.name": "adam", "training.epochs": 30_000})
    with_it = advance(run, problem(logistic=False), 100)
    monkeypatch.setattr(compiled, "available", lambda: False)
    without = advance(run, problem(logistic=False), 100)
    close(without, with_it, rtol=1e-10, atol=1e-12)


def test_a_checkpoint_made_with_numba_does_not_go_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    run = job({"optimizer.name": "adam", "training.epochs": 30_000})
    backend, state = started(run, LINE)
    frozen = backend.freeze(state)
    monkeypatch.setattr(compiled, "available", lambda: False)
    other, _ = choose(run, LINE, "cpu")
    with pytest.raises(InputError, match="numba"):
        other.thaw(frozen)


@pytest.mark.parametrize("decay", [1e-3, 10.0])
def test_weight_decay_moves_the_end(decay: float) -> None:
    run = job({"optimizer.weight_decay": decay, "optimizer.lr": 0.02})
    reference = advance(override(run, {"training.gradient": "autograd"}), LINE, 5000)
    close(advance(run, LINE, 5000), reference, rtol=1e-9, atol=1e-13)


def test_a_learning_rate_beyond_all_numbers_gives_numbers_and_then_none() -> None:
    records = advance(job({"optimizer.lr": 1e30}), LINE, 40)
    assert np.isfinite(records.loss[0])
    assert np.isnan(records.loss[-1])


def test_at_the_very_solution_of_huge_steps_nothing_moves() -> None:
    data = dataset([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    records = advance(job({"optimizer.lr": 1e30}), data, 40)
    assert (records.loss == 0).all()
    assert (records.parameters == 0).all()


def test_a_logistic_model_has_no_such_statistics() -> None:
    with pytest.raises(ExperimentError, match="knows only linear models"):
        job({"model.kind": "logistic"})


@pytest.mark.parametrize(
    ("changes", "rows", "sentence"),
    [({"training.batch_size": 7}, 30, "full batches"), ({}, 3, "more rows than parameters")],
)
def test_what_statistics_cannot_do_is_said_before_the_run(changes: dict[str, Any], rows: int, sentence: str) -> None:
    from tui_regress.engine.training import run

    with pytest.raises(ExperimentError, match=sentence):
        next(run(job(changes), problem(logistic=False, n=rows)))


def test_on_a_gpu_there_are_no_statistics() -> None:
    with pytest.raises(ExperimentError, match="computes on the cpu only"):
        decode(
            {
                "data": {"source": "points", "x": [1, 2], "y": [1, 2]},
                "training": {"gradient": "statistics"},
                "device": {"name": "cuda"},
            }
        )


def test_the_backend_knows_where_it_computes() -> None:
    backend, _ = started(job(), LINE)
    assert isinstance(backend, Statistics)
    assert backend.device == "cpu"
