"""The device check: what is timed, and what is said of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import LINE_X, LINE_Y, dataset, experiment
from tests.engine.test_devices import Machine
from tests.engine.test_devices import machine as machine
from tui_regress.data.dataset import Dataset
from tui_regress.engine import timing, training
from tui_regress.engine.backends import choose, compiled
from tui_regress.engine.control import Control
from tui_regress.engine.events import Started
from tui_regress.engine.timing import GRADIENTS, Timing, against_autograd, lasting, times, timings, verdict, winner
from tui_regress.experiment import Experiment
from tui_regress.problems import ExperimentError

LINE = dataset(LINE_X, LINE_Y)
MANY = dataset(np.linspace(0, 1, 30), np.arange(30) % 2)
MINIBATCHES = {"training.batch_size": 2}
LOGISTIC = {"model.kind": "logistic", "model.loss": "bce"}


def timed(run: Experiment, data: Dataset = LINE, control: Control | None = None) -> list[Timing]:
    return list(timings(run, data, control, seconds=0.001))


def line(found: list[Timing], gradient: str, device: str = "cpu") -> Timing:
    return next(timing for timing in found if (timing.device, timing.gradient) == (device, gradient))


@pytest.mark.usefixtures("machine")
def test_every_gradient_that_can_run_the_experiment_is_timed_and_every_device_is_named() -> None:
    found = timed(experiment())
    assert [(timing.device, timing.gradient) for timing in found] == [
        *(("cpu", gradient) for gradient in GRADIENTS),
        ("cuda:0", ""),
        ("mps", ""),
    ]
    for one in found[: len(GRADIENTS)]:
        assert one.epochs_per_second is not None
        assert one.first_seconds is not None
        assert one.epochs_per_second > 0
        assert one.first_seconds > 0
        assert one.reason == ""
    assert found[-2].reason == "this torch is built without CUDA"
    assert (found[-2].epochs_per_second, found[-2].first_seconds) == (None, None)


@pytest.mark.parametrize(
    ("changes", "gradient", "reason"),
    [
        ({"optimizer.name": "adam"}, "numpy", "knows only the sgd optimizer"),
        (LOGISTIC, "statistics", "knows only linear models"),
        (MINIBATCHES, "statistics", "needs full batches, a batch_size of 0 or of 30 rows and more"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_a_gradient_that_cannot_run_the_experiment_comes_with_the_reason_and_no_advice(
    changes: dict[str, Any], gradient: str, reason: str
) -> None:
    found = timed(experiment(changes), MANY)
    assert line(found, gradient) == Timing("cpu", gradient, reason=reason)
    assert line(found, "autograd").epochs_per_second


@pytest.mark.usefixtures("machine")
def test_without_numba_compiled_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "available", lambda: False)
    reason = "needs the package numba: pip install 'tui-regress[fast]'"
    assert line(timed(experiment()), "compiled") == Timing("cpu", "compiled", reason=reason)


def test_an_apple_gpu_says_that_it_knows_no_float64(machine: Machine) -> None:
    machine.mps(available=True)
    found = timed(experiment({"device.dtype": "float64"}))
    assert line(found, "analytic", "mps").reason == "must be float32 on mps, which knows no float64"


def test_an_accelerator_is_timed_with_the_gradients_that_can_use_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.cards("Big Card")
    asked: list[str] = []

    def on_the_cpu(run: Experiment, data: Dataset, device: str) -> Any:
        asked.append(device)
        return choose(run, data, "cpu")

    monkeypatch.setattr(timing, "choose", on_the_cpu)
    monkeypatch.setattr(timing, "_wake", lambda _device: None)
    found = timed(experiment())
    on_the_card = [one for one in found if one.device == "cuda:0"]
    assert [one.gradient for one in on_the_card] == ["autograd", "analytic"]
    assert all(one.epochs_per_second for one in on_the_card)
    assert asked.count("cuda:0") == 2


def test_a_device_that_fails_says_how_and_the_others_are_timed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.cards("Old Card")

    def wake(device: str) -> None:
        if device != "cpu":
            raise RuntimeError("no kernel image is \x1b[1m available\nand more")

    monkeypatch.setattr(timing, "_wake", wake)
    found = timed(experiment())
    assert line(found, "autograd", "cuda:0").reason == "RuntimeError: no kernel image is �[1m available"
    assert line(found, "autograd").epochs_per_second


@pytest.mark.parametrize("changes", [{}, MINIBATCHES, LOGISTIC, {"training.epochs": 100_000, **MINIBATCHES}])
@pytest.mark.usefixtures("machine")
def test_auto_is_marked_where_training_takes_it(changes: dict[str, Any]) -> None:
    run = experiment(changes)
    started = next(training.run(run, MANY))
    assert isinstance(started, Started)
    found = timed(run, MANY)
    assert [(one.device, one.gradient) for one in found if one.auto] == [(started.device, started.gradient)]


@pytest.mark.usefixtures("machine")
def test_a_gradient_that_the_experiment_names_and_cannot_have_is_no_obstacle() -> None:
    found = timed(experiment({"training.gradient": "statistics", **MINIBATCHES}))
    assert line(found, "analytic").epochs_per_second


def test_an_experiment_that_does_not_fit_its_data_is_an_error() -> None:
    with pytest.raises(ExperimentError, match=r"model\.init"):
        timed(experiment({"model.init": [1.0]}))


@pytest.mark.usefixtures("machine")
def test_it_is_told_what_comes_next_and_how_far_it_is() -> None:
    told: list[tuple[str, float | None]] = []
    list(timings(experiment(), LINE, seconds=0.001, progress=lambda what, share: told.append((what, share))))
    assert [what for what, _ in told] == [f"timing {gradient} on the CPU" for gradient in GRADIENTS]
    shares = [share for _, share in told]
    assert shares == [index / (len(GRADIENTS) + 2) for index in range(len(GRADIENTS))]


@pytest.mark.usefixtures("machine")
def test_a_stop_is_heard_between_two_gradients() -> None:
    control = Control()
    found = []
    for one in timings(experiment(), LINE, control, seconds=0.001):
        found.append(one)
        control.stop()
    assert [one.gradient for one in found] == ["autograd"]


class Impatient(Control):
    """Stops itself at the third breath."""

    breaths = 0

    def breathe(self, *, alone: bool) -> None:
        self.breaths += 1
        if self.breaths == 3:
            self.stop()
        super().breathe(alone=alone)


@pytest.mark.parametrize("changes", [{}, MINIBATCHES])
@pytest.mark.usefixtures("machine")
def test_a_stop_is_heard_within_the_work(changes: dict[str, Any]) -> None:
    control = Impatient()
    assert list(timings(experiment(changes), MANY, control, seconds=1e9)) == []
    assert control.breaths == 3


@pytest.mark.usefixtures("machine")
def test_an_epoch_that_takes_too_long_is_estimated_from_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_PATIENCE", -1)
    found = line(timed(experiment(MINIBATCHES), MANY), "autograd")
    assert found.reason == "estimated from 1 of 15 steps"
    assert found.epochs_per_second
    assert found.first_seconds
    assert found.first_seconds >= 1 / found.epochs_per_second


@pytest.mark.usefixtures("machine")
def test_a_full_batch_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_PATIENCE", -1)
    found = line(timed(experiment(LOGISTIC), MANY), "autograd")
    assert (found.epochs_per_second, found.reason) == (None, "an epoch takes longer than under 1 ms")


# What is said of it


def of_size(rows: int, features: int) -> Dataset:
    """Takes no memory."""
    names = tuple(f"x{i}" for i in range(features))
    return Dataset(np.broadcast_to(0.0, (rows, features)), np.broadcast_to(0.0, rows), names, "y")


def cpu(gradient: str, rate: float, first: float = 0.001, *, auto: bool = False) -> Timing:
    return Timing("cpu", gradient, rate, first, auto)


def card(gradient: str, rate: float, first: float = 0.001, *, auto: bool = False) -> Timing:
    return Timing("cuda:0", gradient, rate, first, auto)


def said(found: list[Timing], rows: int, features: int = 1, **changes: object) -> str:
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    return verdict(found, experiment(settings), of_size(rows, features))


def test_statistics_wins_because_no_row_is_needed_again() -> None:
    found = [cpu("autograd", 4_000), cpu("analytic", 9_000), cpu("statistics", 8_000_000, auto=True)]
    assert said(found, 11) == (
        "statistics on the CPU wins, 2,000× autograd: full-batch least squares needs no row after the first pass. "
        "auto takes it, too."
    )


@pytest.mark.parametrize("gradient", ["compiled", "numpy"])
@pytest.mark.parametrize(("batch", "words"), [(10, "10 rows a step"), (1, "1 row a step")])
def test_small_steps_are_dearer_to_call_for_than_to_do(gradient: str, batch: int, words: str) -> None:
    found = [cpu("autograd", 100), cpu("analytic", 200), cpu(gradient, 21_400)]
    assert said(found, 1000, 2, training__batch_size=batch) == (
        f"{gradient} on the CPU wins, 214× autograd: with {words}, calling torch costs more than the work."
    )


def test_large_steps_are_compared_with_torch_itself() -> None:
    found = [cpu("autograd", 5), cpu("analytic", 20), cpu("compiled", 50)]
    assert said(found, 1_000_000, 20, training__batch_size=100_000) == (
        "compiled on the CPU wins, 10× autograd: it is 2.5× as fast as torch on 100,000 × 20 numbers a step."
    )


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (11, "with 11 rows a step, autograd's calls cost more than the work"),
        (5_000_000, "the gradient in closed form needs fewer looks at the rows than autograd"),
    ],
)
def test_analytic_wins_by_fewer_calls_on_few_rows_and_by_fewer_looks_on_many(rows: int, why: str) -> None:
    found = [cpu("autograd", 1000), cpu("analytic", 2500, auto=True)]
    assert said(found, rows, 20) == f"analytic on the CPU wins, 2.5× autograd: {why}. auto takes it, too."


def test_autograd_that_wins_is_not_compared_with_itself() -> None:
    assert said([cpu("autograd", 30), cpu("analytic", 20)], 500, 3) == (
        "autograd on the CPU wins: nothing else that can run here is quicker at 500 × 3 numbers a step."
    )


def test_an_accelerator_wins_where_there_is_enough_to_do() -> None:
    found = [cpu("autograd", 10), cpu("analytic", 40), card("autograd", 2_000), card("analytic", 4_000, auto=True)]
    assert said(found, 5_000_000, 20) == (
        "analytic on cuda:0 wins, 400× autograd: 5,000,000 × 20 numbers a step keep it busy. auto takes it, too."
    )


def test_an_accelerator_may_win_though_it_is_not_busy() -> None:
    found = [cpu("autograd", 10), card("analytic", 100)]
    assert "1,000 × 2 numbers a step are more than the CPU does while a kernel is launched." in said(found, 1000, 2)


def test_an_accelerator_loses_with_few_rows_to_the_launching_of_kernels() -> None:
    found = [cpu("autograd", 4_000), cpu("numpy", 60_000), card("autograd", 1_000), card("analytic", 6_000, auto=True)]
    assert said(found, 11) == (
        "numpy on the CPU wins, 15× autograd: with 11 rows a step, calling torch costs more than the work. "
        "cuda:0 takes 10× as long: with 11 rows a step, launching a kernel costs more than the work. "
        "auto, which goes by sizes and times nothing, takes analytic on cuda:0."
    )


def test_a_busy_accelerator_loses_to_statistics_by_the_rows_it_has_to_look_at() -> None:
    found = [cpu("statistics", 1_000_000), card("analytic", 4_000)]
    assert said(found, 5_000_000, 20) == (
        "statistics on the CPU wins: full-batch least squares needs no row after the first pass. "
        "cuda:0 takes 250× as long: it looks at all 5,000,000 rows in every epoch."
    )


def test_rates_that_hardly_differ_are_no_victory() -> None:
    assert "wins, but numpy on the CPU is only 4 % slower:" in said([cpu("compiled", 104), cpu("numpy", 100)], 11)
    assert "wins, but numpy on the CPU is as fast:" in said([cpu("compiled", 100.1), cpu("numpy", 100)], 11)
    level = said([cpu("compiled", 104), cpu("numpy", 100, auto=True)], 11)
    assert level.endswith(" auto takes numpy on the CPU.")


def test_auto_takes_what_begins_sooner_where_the_run_is_too_short_for_the_faster_one() -> None:
    # 1 ms an epoch against next to nothing: 500 ms are made up for in 500 epochs.
    found = [cpu("numpy", 1_000, 0.1, auto=True), cpu("compiled", 1e9, 0.6)]
    assert said(found, 11, training__epochs=400).endswith(
        " auto takes numpy on the CPU, which begins 500 ms sooner: "
        "that counts for more up to 500 epochs, and this run has 400."
    )
    assert "sooner" not in said(found, 11, training__epochs=600)


def test_auto_does_without_numba_in_short_runs_also_where_it_is_loaded_already() -> None:
    found = [cpu("numpy", 1_000, auto=True), cpu("compiled", 1e6)]
    assert said(found, 10, training__epochs=1000, training__batch_size=2).endswith(
        " auto takes numpy on the CPU: to load Numba takes a second, which pays from about 20,000 steps on, "
        "and this run has 6,000."
    )


def test_nothing_that_can_be_timed_has_no_winner() -> None:
    found = [Timing("cpu", "autograd", reason="no memory"), Timing("mps", reason="no Apple GPU")]
    assert winner(found) is None
    assert said(found, 11) == "Nothing here can run this experiment."


def test_rates_are_compared_with_autograd_on_the_cpu() -> None:
    found = [cpu("autograd", 100), Timing("cpu", "numpy", reason="no"), card("autograd", 50)]
    assert [against_autograd(one, found) for one in found] == [1.0, None, 0.5]
    assert against_autograd(found[2], found[1:]) is None


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (times, 61_234.0, "61,200×"),
        (times, 214.4, "214×"),
        (times, 9.96, "10×"),
        (times, 1.28, "1.3×"),
        (times, 0.042, "0.042×"),
        (times, 0.000062, "6.2e-5×"),
        (lasting, 0.0004, "under 1 ms"),
        (lasting, 0.0123, "12 ms"),
        (lasting, 1.26, "1.3 s"),
        (lasting, 1234.0, "1,234 s"),
    ],
)
def test_figures_have_few_digits(write: Callable[[float], str], value: float, text: str) -> None:
    assert write(value) == text
