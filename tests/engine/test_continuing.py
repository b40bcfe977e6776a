"""A run continued from a checkpoint ends with the numbers of one that was never interrupted, to the bit."""

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import LINE_X, LINE_Y, dataset, experiment, join, same
from tests.engine.test_backends import BACKENDS, OPTIMIZERS, SGD
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.data.scaling import Standardization
from tui_regress.engine import training
from tui_regress.engine.checkpoints import load_checkpoint, save_checkpoint
from tui_regress.engine.control import Control, Scripted
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Plain, Recovered, Resume, Started, Verdict
from tui_regress.engine.stability import Forecast, forecast
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment, override
from tui_regress.problems import InputError

LINE = dataset(LINE_X, LINE_Y, held=([6, 7], [12.3, 13.8]))


class StopsAfter(Control):
    """A hand that stops the run after one record."""

    last: int

    def take_turn(self, most: int, record: int) -> int:
        if record == self.last:
            self.stop()
        return super().take_turn(min(most, self.last - record), record)


class StopsScript(StopsAfter, Scripted):
    """The same, of a run whose learning rate changes."""


Rates = tuple[tuple[int, float], ...]


def hand(rates: Rates) -> Control:
    return Scripted(rates) if rates else Control()


def stopping_hand(record: int, rates: Rates = ()) -> Control:
    control = StopsScript(rates) if rates else StopsAfter()
    control.last = record
    return control


class StopsAtBreath(Control):
    """A hand that stops the run in the middle of whatever it does."""

    def __init__(self, breath: int) -> None:
        super().__init__()
        self._left = breath

    def breathe(self, *, alone: bool) -> None:
        self._left -= 1
        if not self._left:
            self.stop()
        super().breathe(alone=alone)


@pytest.fixture(autouse=True)
def quick_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of full batches: trying out minibatches takes a second, and the same run is begun again and again here."""

    def of_full_batches(job: Experiment, data: Dataset, start: FloatArray) -> Forecast:
        return forecast(override(job, {"training.batch_size": 0}), data, start)

    monkeypatch.setattr(training, "forecast", of_full_batches)


@cache
def problem(*, logistic: bool = False, n: int = 30, d: int = 3) -> Dataset:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n + 8, d))
    y = rng.random(n + 8) < 0.5 if logistic else X @ np.arange(1, d + 1) + rng.normal(size=n + 8)
    return dataset(X[:n], y[:n], held=(X[n:], y[n:]))


def ended(events: list[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


def outcome(events: list[Event]) -> dict[str, object]:
    """How they end, but for the time it took, arrays to the bit."""
    last = ended(events)
    found: dict[str, object] = {}
    for field in fields(last):
        value = getattr(last, field.name)
        found[field.name] = value.tobytes() if isinstance(value, np.ndarray) else repr(value)
    best = last.best
    return found | {"seconds": 0, "best": best and (best.epoch, best.loss, best.parameters.tobytes())}


def told(events: list[Event]) -> list[Verdict | Recovered]:
    return [event for event in events if isinstance(event, Verdict | Recovered)]


def records(events: list[Event], last: int | None = None) -> list[Block]:
    """The blocks, those up to record ``last`` only."""
    blocks = [event for event in events if isinstance(event, Block)]
    return blocks if last is None else [block for block in blocks if block.last <= last]


def last_checkpoint(events: list[Event]) -> Checkpoint:
    return [event for event in events if isinstance(event, Checkpoint)][-1]


def through_a_file(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    save_checkpoint(folder / "checkpoint.pt", checkpoint)
    return load_checkpoint(folder / "checkpoint.pt")


def continues_exactly(
    job: Experiment, data: Dataset, whole: list[Event], stop: Control, again: Control, folder: Path
) -> None:
    """A run stopped by ``stop`` and continued goes through the records of ``whole``, and ends as it does."""
    part = list(run(job, data, stop, block_seconds=1e-4))
    checkpoint = last_checkpoint(part)
    rest = list(run(job, data, again, resume=through_a_file(checkpoint, folder)))
    started, begun = rest[0], whole[0]
    assert isinstance(started, Started)
    assert started == begun
    before = records(part, checkpoint.epoch)
    assert before[-1].last == checkpoint.epoch
    assert same(join([*before, *records(rest)]), join(records(whole)))
    known = [event for event in told(part) if event.epoch <= checkpoint.epoch]
    assert known + told(rest) == told(whole)
    assert outcome(rest) == outcome(whole)


def stopped_anywhere(
    job: Experiment, data: Dataset, folder: Path, seed: int, rates: Rates = (), stops: int = 2
) -> list[Event]:
    """Stops at random records; gives the run that was never interrupted."""
    whole = list(run(job, data, hand(rates)))
    for record in np.random.default_rng(seed).integers(0, ended(whole).epoch, stops).tolist():
        continues_exactly(job, data, whole, stopping_hand(record, rates), hand(rates), folder)
    return whole


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [0, 7, 1], ids=["full batch", "minibatches", "per sample"])
@pytest.mark.parametrize(
    ("name", "gradient"), [(n, g) for n in OPTIMIZERS for g in BACKENDS if g != "numpy" or n in SGD]
)
def test_every_optimizer_goes_on_as_if_never_stopped(
    name: str, gradient: str, batch: int, dtype: str, tmp_path: Path
) -> None:
    job = experiment(
        {
            "model.init": "torch",
            "optimizer.lr": 0.02,
            "training.epochs": 10,
            "training.batch_size": batch,
            "training.gradient": gradient,
            "device.dtype": dtype,
            **OPTIMIZERS[name],
        }
    )
    stopped_anywhere(job, problem(n=12), tmp_path, seed=len(name) + batch, stops=1)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [0, 7])
def test_a_logistic_run_on_standardised_columns_goes_on_as_if_never_stopped(
    batch: int, gradient: str, tmp_path: Path
) -> None:
    data = problem(logistic=True)
    data = replace(data, scaling=Standardization.of(data.X, bias=True))
    changes = {"model.kind": "logistic", "training.batch_size": batch, "training.gradient": gradient}
    stopped_anywhere(experiment({"optimizer.lr": 0.5, "training.epochs": 40, **changes}), data, tmp_path, seed=batch)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("batch", [0, 7, 1])
@pytest.mark.parametrize("breath", [1, 2, 40, 211])
def test_a_run_stopped_in_the_middle_of_anything_goes_on_as_if_never_stopped(
    breath: int, batch: int, gradient: str, tmp_path: Path
) -> None:
    changes = {"training.batch_size": batch, "training.gradient": gradient, "optimizer.momentum": 0.9}
    job = experiment({"optimizer.lr": 0.01, "training.epochs": 40, **changes})
    data = problem()
    continues_exactly(job, data, list(run(job, data)), StopsAtBreath(breath), Control(), tmp_path)


def test_changes_of_the_learning_rate_are_kept(tmp_path: Path) -> None:
    rates = ((0, 0.01), (5, 0.02), (6, 0.005), (31, 0.07))
    for gradient in BACKENDS:
        job = experiment({"training.epochs": 60, "training.gradient": gradient, "training.batch_size": 2})
        whole = stopped_anywhere(job, LINE, tmp_path, 3, rates)
        assert join(records(whole)).lr[[0, 4, 5, 6, 30, 31, 60]].tolist() == [
            0.01,
            0.01,
            0.02,
            0.005,
            0.005,
            0.07,
            0.07,
        ]


def test_a_learning_rate_set_by_hand_is_kept_though_it_was_not_yet_used(tmp_path: Path) -> None:
    control = stopping_hand(5)
    job = experiment({"optimizer.lr": 0.01, "training.epochs": 10})
    part = list[Event]()
    for event in run(job, LINE, control, block_seconds=1e-9):
        part.append(event)
        if isinstance(event, Block) and event.last == 5:
            control.set_lr(0.02)
    checkpoint = last_checkpoint(part)
    rest = join(records(list(run(job, LINE, resume=through_a_file(checkpoint, tmp_path)))))
    assert rest.first == 6
    assert rest.lr.tolist() == [0.02] * 5


def test_a_learning_rate_set_by_hand_outlives_a_process_that_is_killed_the_moment_after() -> None:
    control, told = Control(), list[Checkpoint]()
    job = experiment({"optimizer.lr": 0.01, "training.epochs": 10**9})
    changed = -1
    for event in run(job, LINE, control):
        if isinstance(event, Block) and event.last > 1000 and changed < 0:
            control.set_lr(0.02)
            changed = event.last
        elif isinstance(event, Block) and event.first > changed > 0:
            break
        elif isinstance(event, Checkpoint):
            told.append(event)
    assert told[-1].epoch == changed
    rest = join(records(list(run(override(job, {"training.epochs": changed + 2}), LINE, resume=told[-1]))))
    assert rest.lr.tolist() == [0.02] * 2


EXPLODING: dict[str, Any] = {"optimizer.lr": 0.1, "training.epochs": 60}


@pytest.mark.parametrize("policy", ["stop", "continue", "recover"])
@pytest.mark.parametrize(
    "changes", [{}, {"optimizer.momentum": 0.9, "optimizer.lr": 1.0}, {"training.batch_size": 2, "optimizer.lr": 0.5}]
)
def test_divergence_is_found_at_the_same_record_and_ends_the_same(
    changes: dict[str, Any], policy: str, tmp_path: Path
) -> None:
    job = experiment({**EXPLODING, **changes, "training.on_divergence": policy})
    whole = list(run(job, LINE))
    assert told(whole)
    last = ended(whole)
    for record in range(0, last.epoch, 1 if last.epoch < 20 else 13):
        continues_exactly(job, LINE, whole, stopping_hand(record), Control(), tmp_path)


def test_recoveries_are_counted_on(tmp_path: Path) -> None:
    hopeless = experiment(
        {"optimizer.momentum": 1.5, "optimizer.lr": 1.0, "training.epochs": 400, "training.on_divergence": "recover"}
    )
    whole = list(run(hopeless, LINE))
    assert sum(isinstance(event, Recovered) for event in whole) == 8
    last = ended(whole)
    for record in range(1, last.epoch, last.epoch // 5):
        continues_exactly(hopeless, LINE, whole, stopping_hand(record), Control(), tmp_path)


@pytest.mark.parametrize("patience", [1, 4, 30])
def test_early_stopping_comes_at_the_same_record(patience: int, tmp_path: Path) -> None:
    job = experiment(
        {"training.validation": 0.2, "training.patience": patience, "training.batch_size": 7, "optimizer.lr": 0.05}
    )
    whole = stopped_anywhere(job, problem(), tmp_path, patience)
    assert ended(whole).stop == "early-stopping"


def test_early_stopping_after_a_recovery_comes_at_the_same_record(tmp_path: Path) -> None:
    changes = {"training.validation": 0.2, "training.patience": 15, "training.on_divergence": "recover"}
    whole = stopped_anywhere(experiment({**EXPLODING, "training.epochs": 900, **changes}), LINE, tmp_path, 1)
    assert ended(whole).stop == "early-stopping"
    assert any(isinstance(event, Recovered) for event in whole)


def test_convergence_comes_at_the_same_record(tmp_path: Path) -> None:
    whole = stopped_anywhere(experiment({"optimizer.lr": 0.05, "training.tolerance": 1e-3}), LINE, tmp_path, 1)
    assert ended(whole).stop == "tolerance"


def test_a_run_that_is_over_ends_again_at_once(tmp_path: Path) -> None:
    job = experiment({"optimizer.lr": 0.01, "training.epochs": 20})
    whole = list(run(job, LINE))
    checkpoint = last_checkpoint(whole)
    assert checkpoint.epoch == 20
    again = list(run(job, LINE, resume=through_a_file(checkpoint, tmp_path)))
    assert records(again) == []
    assert outcome(again) == outcome(whole)


def test_a_run_that_is_over_may_be_continued_for_more_epochs() -> None:
    job = experiment({"optimizer.lr": 0.01, "training.epochs": 20, "optimizer.momentum": 0.5})
    longer = override(job, {"training.epochs": 50})
    rest = list(run(longer, LINE, resume=last_checkpoint(list(run(job, LINE)))))
    whole = join(records(list(run(longer, LINE))))
    assert join(records(rest)).parameters.tolist() == whole.parameters[21:].tolist()


def plain(value: Plain) -> bool:
    """Whether it is made of the very types, not of subclasses that a file could not hold."""
    if isinstance(value, dict):
        return all(type(name) is str and plain(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return type(value) in (type(None), bool, int, float, str, np.ndarray)


@pytest.mark.parametrize("gradient", BACKENDS)
@pytest.mark.parametrize("policy", ["continue", "recover"])
def test_a_checkpoint_holds_nothing_but_numbers_text_lists_and_tables(policy: str, gradient: str) -> None:
    for changes in ({}, {"optimizer.momentum": 0.9, "training.batch_size": 2, "optimizer.lr": 1.0}):
        job = experiment({**EXPLODING, **changes, "training.on_divergence": policy, "training.gradient": gradient})
        found = [event for event in run(job, LINE, block_seconds=1e-9) if isinstance(event, Checkpoint)]
        assert len(found) > 1
        assert all(plain(checkpoint.content) for checkpoint in found)


# what does not fit


def test_a_run_goes_on_with_the_gradient_it_had_where_another_would_be_chosen_now() -> None:
    job = experiment({"training.epochs": 5, "optimizer.lr": 0.01})
    checkpoint = last_checkpoint(list(run(override(job, {"training.gradient": "numpy"}), LINE)))
    started = next(run(override(job, {"training.epochs": 9}), LINE, resume=checkpoint))
    assert isinstance(started, Started)
    assert started.gradient == "numpy"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"training.gradient": "autograd"}, "its gradient is analytic, here it is autograd."),
        ({"device.dtype": "float64"}, "its dtype is float32, here it is float64."),
        ({"optimizer.name": "adam"}, "its optimizer is sgd, here it is adam."),
        ({"model.bias": False}, "its bias is True, here it is False."),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(changes: dict[str, Any], sentence: str) -> None:
    job = experiment({"training.epochs": 5, "optimizer.lr": 0.01, "training.gradient": "analytic"})
    checkpoint = last_checkpoint(list(run(job, LINE)))
    with pytest.raises(InputError, match="is of another run") as caught:
        next(run(override(job, changes), LINE, resume=checkpoint))
    assert str(caught.value).endswith(sentence)


def test_a_checkpoint_of_other_data_is_refused() -> None:
    job = experiment({"training.epochs": 5, "optimizer.lr": 0.01})
    checkpoint = last_checkpoint(list(run(job, LINE)))
    with pytest.raises(InputError, match="its number of rows is 5, here it is 2"):
        next(run(job, dataset([1, 2], [2, 4]), resume=checkpoint))


@pytest.mark.parametrize("key", ["run", "state", "monitor", "reached", "recoveries"])
def test_a_checkpoint_that_lacks_something_is_refused(key: str) -> None:
    job = experiment({"training.epochs": 5, "optimizer.lr": 0.01})
    checkpoint = last_checkpoint(list(run(job, LINE)))
    content = {name: value for name, value in checkpoint.content.items() if name != key}
    with pytest.raises(InputError, match="does not hold what it takes"):
        next(run(job, LINE, resume=Checkpoint(5, content)))


def test_a_run_taken_up_by_hand_needs_no_checkpoint() -> None:
    job = experiment({"training.epochs": 5, "optimizer.lr": 0.01})
    rest = list(run(job, LINE, resume=Resume(3, np.array([1.0, 0.5]))))
    assert join(records(rest)).first == 4
    assert last_checkpoint(rest).epoch == 5
