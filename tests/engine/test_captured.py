"""The same work on a tape everywhere, and on a card where there is one."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import experiment, join, same
from tests.engine.tape import Recorder
from tests.engine.test_backends import OPTIMIZERS, idle, problem
from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import analytic, captured, choose, graphs, in_torch
from tui_regress.engine.backends.analytic import Analytic
from tui_regress.engine.backends.captured import Captured, pays
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block
from tui_regress.experiment import Experiment

CAPTURABLE = [name for name in OPTIMIZERS if name != "adagrad"]
BLOCKS = 2, 3, 9
"""Epochs, of which those in the first are not captured."""
ROWS, BATCH = 30, 7


class Counting:
    """Captures on a card, and counts."""

    def __init__(self) -> None:
        self.replays = 0
        self._on = graphs.on("cuda")

    def __call__(self, work: Callable[[], None], *, paced: bool = False) -> Callable[[], None]:
        replay = self._on(work, paced=paced)

        def counted() -> None:
            self.replays += 1
            replay()

        return counted


@dataclass
class Place:
    """Where to compute, and how to capture there."""

    device: str
    capture: Recorder | Counting

    def plain(self, run: Experiment, data: Dataset) -> Analytic:
        return Analytic(run, data, self.device)

    def captured(self, run: Experiment, data: Dataset) -> Captured:
        return Captured(run, data, self.device, self.capture)


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    counted_anywhere(monkeypatch)
    return Place(request.param, Recorder() if request.param == "cpu" else Counting())


def counted_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch's optimizers count their steps on devices that cannot capture them, too."""
    for name in ("adam", "nadam", "rmsprop"):
        # torch.optim itself has functions of these names.
        module = importlib.import_module(f"torch.optim.{name}")
        monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda **_: ["cpu", "cuda", "meta"])


def settings(
    name: str, *, logistic: bool = False, batch: int = 0, more: Mapping[str, object] | None = None
) -> Experiment:
    kind = "logistic" if logistic else "linear"
    changes = {"model.kind": kind, "optimizer.lr": 0.02, "training.batch_size": batch, "device.dtype": "float64"}
    return experiment({**changes, **OPTIMIZERS[name], **(more or {})})


def blocks(backend: Analytic, lengths: tuple[int, ...] = BLOCKS, lrs: tuple[float, ...] = ()) -> list[Block]:
    state = backend.start()
    found = [backend.record(state)]
    for index, length in enumerate(lengths):
        if lrs:
            state.lr = lrs[index]
        found.append(backend.advance(state, length, idle))
    return found


def assert_close(found: list[Block], expected: list[Block], rtol: float = 1e-9, atol: float = 1e-12) -> None:
    one, other = join(found), join(expected)
    for field in ("parameters", "gradient", "loss", "score"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=rtol, atol=atol)


@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("batch", [0, BATCH, 10, 1])
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
@pytest.mark.parametrize("name", CAPTURABLE)
def test_captured_steps_give_the_records_of_those_launched_one_by_one(
    place: Place, name: str, logistic: bool, batch: int, shuffle: bool
) -> None:
    run = settings(name, logistic=logistic, batch=batch, more={"training.shuffle": shuffle})
    data = problem(logistic, ROWS)
    # torch multiplies up NAdam's momentum in float32, and rounds it on the device in another order.
    tolerance = (1e-6, 1e-7) if name == "nadam" else ()
    assert_close(blocks(place.captured(run, data)), blocks(place.plain(run, data)), *tolerance)
    # All but the first block: the steps of each epoch, and the evaluation after them.
    assert place.capture.replays == 2 * sum(BLOCKS[1:])


def test_float32_runs_stay_within_its_precision(place: Place) -> None:
    run = settings("adam", logistic=True, batch=BATCH, more={"device.dtype": "float32"})
    data = problem(logistic=True, n=ROWS)
    found, expected = join(blocks(place.captured(run, data))), join(blocks(place.plain(run, data)))
    np.testing.assert_allclose(found.parameters, expected.parameters, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-5)


@pytest.mark.parametrize("batch", [BATCH, 1])
def test_an_epoch_of_more_steps_than_a_graph_holds_is_replayed_in_stretches(
    place: Place, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(captured, "_STEPS", 4)
    run, data = settings("momentum", batch=batch), problem(logistic=False, n=ROWS)
    assert_close(blocks(place.captured(run, data)), blocks(place.plain(run, data)))
    stretches = -(-ROWS // (4 * batch))
    assert stretches > 1
    assert place.capture.replays == (stretches + 1) * sum(BLOCKS[1:])


@pytest.mark.parametrize("batch", [0, BATCH])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_another_learning_rate_counts_from_the_next_epoch_on(place: Place, name: str, batch: int) -> None:
    run, data = settings(name, batch=batch), problem(logistic=False, n=ROWS)
    lrs = 0.02, 0.02, 0.005
    assert_close(blocks(place.captured(run, data), lrs=lrs), blocks(place.plain(run, data), lrs=lrs))


@pytest.mark.parametrize("batch", [0, BATCH])
@pytest.mark.parametrize("name", ["momentum", "adam", "nadam"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_a_state_that_was_frozen_goes_on_to_the_bit(place: Place, name: str, batch: int, shuffle: bool) -> None:
    run = settings(name, batch=batch, more={"training.shuffle": shuffle})
    data = problem(logistic=False, n=ROWS)
    backend = place.captured(run, data)
    state = backend.start()
    for length in BLOCKS:
        backend.advance(state, length, idle)
    double = backend.thaw(backend.freeze(state))
    expected = backend.advance(state, 4, idle)
    assert same(join([backend.advance(double, 2, idle), backend.advance(double, 2, idle)]), expected)


def test_a_checkpoint_goes_on_where_nothing_can_be_captured(place: Place) -> None:
    run, data = settings("adam"), problem(logistic=False, n=ROWS)
    backend, plain = place.captured(run, data), Analytic(run, data, "cpu")
    state = backend.start()
    for length in BLOCKS:
        backend.advance(state, length, idle)
    elsewhere = plain.thaw(backend.freeze(state))
    assert_close([plain.advance(elsewhere, 4, idle)], [backend.advance(state, 4, idle)])


def test_a_stop_takes_effect_after_the_stretch_that_is_under_way(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "_STEPS", 2)
    run, data = settings("sgd", batch=BATCH), problem(logistic=False, n=ROWS)
    backend = place.captured(run, data)
    state = backend.start()
    backend.advance(state, BLOCKS[0], idle)
    breaths = iter(range(100))

    def breathe() -> None:
        # Three for the stretches of an epoch, and one after it.
        if next(breaths) == 5:
            raise Stop

    block = backend.advance(state, 9, breathe)
    assert (block.first, len(block.loss)) == (BLOCKS[0] + 1, 1)


def test_where_the_device_refuses_to_capture_each_kernel_is_launched_by_itself_and_it_is_not_asked_again() -> None:
    asked: list[bool] = []

    def refuse(work: Callable[[], None], *, paced: bool = False) -> graphs.Replay:
        del work
        asked.append(paced)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    run, data = settings("momentum", batch=BATCH), problem(logistic=False, n=ROWS)
    lrs = 0.02, 0.02, 0.005
    expected = blocks(Analytic(run, data, "cpu"), lrs=lrs)
    for one, other in zip(blocks(Captured(run, data, "cpu", refuse), lrs=lrs), expected, strict=True):
        assert same(one, other)
    assert len(asked) == 1


@pytest.mark.parametrize("batch", [0, BATCH])
def test_data_in_several_portions_have_only_their_steps_captured(
    place: Place, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    for module in (analytic, in_torch):
        monkeypatch.setattr(module, "chunks", lambda rows, *_, **__: iter((slice(0, 13), slice(13, rows))))
    run, data = settings("adam", logistic=True, batch=batch), problem(logistic=True, n=ROWS)
    assert_close(blocks(place.captured(run, data)), blocks(place.plain(run, data)))
    assert place.capture.replays == sum(BLOCKS[1:])


@pytest.mark.parametrize("batch", [0, BATCH])
@pytest.mark.parametrize("logistic", [False, True], ids=["linear", "logistic"])
@pytest.mark.parametrize("name", CAPTURABLE)
def test_a_graph_never_looks_at_memory_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, name: str, logistic: bool, batch: int
) -> None:
    counted_anywhere(monkeypatch)
    recorder = Recorder("meta")
    backend = Captured(settings(name, logistic=logistic, batch=batch), problem(logistic, ROWS), "meta", recorder)
    state = backend.start()
    for length in BLOCKS:
        with numbers_of_the_device_unknown(monkeypatch):
            backend.advance(state, length, idle)
    assert recorder.replays == 2 * sum(BLOCKS[1:])


@contextmanager
def numbers_of_the_device_unknown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the records at the end of a block be anything: tensors on "meta" hold no numbers."""
    with monkeypatch.context() as patch:
        patch.setattr(Captured, "_stack", lambda _, values: np.zeros((len(values), len(values[0]))))
        yield


def test_it_is_chosen_on_cuda_where_steps_are_small() -> None:
    data = problem(logistic=True, n=ROWS)
    run = settings("adam", logistic=True)
    assert pays(run, data, "cuda:0")
    assert not pays(run, data, "cpu")
    assert not pays(run, data, "mps")
    assert not pays(settings("adagrad", logistic=True), data, "cuda:0")


def test_large_steps_are_not_captured_but_minibatches_of_large_data_are() -> None:
    rows = np.broadcast_to(np.ones(16), (2**20 + 1, 16))
    data = Dataset(rows, rows[:, 0], tuple(f"x{j}" for j in range(16)), "y")
    assert not pays(settings("sgd"), data, "cuda:0")
    assert pays(settings("sgd", batch=32), data, "cuda:0")


def test_the_choice_says_analytic_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    run, data = settings("sgd", more={"training.gradient": "analytic"}), problem(logistic=False)
    kinds: list[Any] = []
    for answer in (True, False):
        monkeypatch.setattr(captured, "pays", lambda *_, answer=answer: answer)
        backend, _ = choose(run, data, "meta")
        assert backend.name == "analytic"
        kinds.append(type(backend))
    assert kinds == [Captured, Analytic]


def test_what_is_captured_on_a_tape_is_not_carried_out_and_its_numbers_stay() -> None:
    lr, theta, gradient = 0.5, torch.ones(2), torch.tensor([1.0, 2.0])

    def step() -> None:
        theta.sub_(gradient * lr)

    tape = Recorder()(step)
    assert theta.tolist() == [1, 1]
    lr = 0.0
    tape()
    gradient.mul_(2)
    tape()
    assert theta.tolist() == [1 - 0.5 - 1, 1 - 1 - 2]


@pytest.mark.parametrize(
    "look", [lambda x: x.item(), lambda x: x.add_(torch.tensor(1.0)), lambda x: bool((x > 0).all())]
)
def test_a_tape_refuses_what_a_device_would(look: Callable[[torch.Tensor], object]) -> None:
    x = torch.ones(())
    with pytest.raises(RuntimeError, match="not permitted"):
        Recorder()(lambda: look(x))


def test_a_tape_refuses_numbers_of_the_cpu() -> None:
    count, there = torch.ones(()), torch.ones(3, device="meta")
    with pytest.raises(RuntimeError, match="takes a tensor on cpu"):
        Recorder("meta")(lambda: there.mul_(count))
