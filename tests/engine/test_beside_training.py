"""What a run tells beside its records: metrics, checkpoints, the best record, why it ended."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import LINE_X, LINE_Y, Run, dataset, experiment
from tui_regress.data.scaling import Standardization
from tui_regress.engine import course, validation
from tui_regress.engine.budget import Budget
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured
from tui_regress.engine.metrics import Metrics, measure
from tui_regress.engine.objective import evaluate
from tui_regress.engine.training import run

HELD = ([6, 7], [12.3, 13.8])
LINE = dataset(LINE_X, LINE_Y, held=HELD)
ALONE = dataset(LINE_X, LINE_Y)
CALM: dict[str, Any] = {"optimizer.lr": 0.01, "training.epochs": 300}


class Clock:
    """A time that passes where a test says so, and hardly otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "perf_counter", self._read)

    def _read(self) -> float:
        self.now += 1e-6
        return self.now


# a budget


def test_a_budget_lets_something_be_done_at_once_and_then_only_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = Clock(monkeypatch), Budget(1.0, 0.1)
    assert budget.due()
    with budget:
        clock.now += 0.05
    clock.now += 0.99
    assert not budget.due()
    clock.now += 0.02
    assert budget.due()


def test_what_costs_much_is_done_the_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = Clock(monkeypatch), Budget(1.0, 0.1)
    with budget:
        clock.now += 0.5
    clock.now += 4.9
    assert not budget.due()
    clock.now += 0.2
    assert budget.due()


def test_what_is_wanted_soon_waits_for_its_share_of_the_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = Clock(monkeypatch), Budget(1.0, 0.1)
    with budget:
        clock.now += 0.01
    clock.now += 0.09
    assert not budget.due(soon=True)
    clock.now += 0.02
    assert budget.due(soon=True)
    assert not budget.due()


def test_what_is_thought_to_cost_much_is_not_done_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = Clock(monkeypatch), Budget(1.0, 0.1, cost=2.0)
    budget.wait()
    clock.now += 19.9
    assert not budget.due()
    clock.now += 0.2
    assert budget.due()


def test_a_budget_may_begin_with_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = Clock(monkeypatch), Budget(1.0, 0.1)
    budget.wait()
    assert not budget.due()
    clock.now += 1.01
    assert budget.due()


# validation


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
@pytest.mark.parametrize("standardised", [False, True])
def test_every_record_holds_the_loss_over_the_rows_held_out(standardised: bool, gradient: str) -> None:
    data = replace(LINE, scaling=Standardization.of(LINE.X, bias=True)) if standardised else LINE
    job = experiment({**CALM, "training.gradient": gradient, "device.dtype": "float64"})
    found = Run(run(job, data))
    assert found.started.rows == 5
    assert found.started.validation_rows == 2
    assert found.records.validation_loss is not None
    for k in (0, 1, 7, 300):
        X, y = np.array(HELD[0], dtype=float)[:, None], np.array(HELD[1])
        expected = evaluate(job.model, found.records.parameters[k], X, y).loss
        assert found.records.validation_loss[k] == pytest.approx(expected, rel=1e-9)


def test_without_rows_held_out_there_is_no_validation_loss() -> None:
    found = Run(run(experiment(CALM), ALONE))
    assert found.started.validation_rows == 0
    assert {block.validation_loss is None for block in found.blocks} == {True}
    assert {measured.validation is None for measured in found.measured} == {True}


def test_rows_held_out_change_no_number_of_the_training() -> None:
    with_them, without = (Run(run(experiment(CALM), data)).records for data in (LINE, ALONE))
    assert with_them.parameters.tolist() == without.parameters.tolist()
    assert with_them.loss.tolist() == without.loss.tolist()


def test_a_stop_takes_effect_within_a_long_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    data = dataset(LINE_X, [0, 0, 1, 0, 1], held=(rng.normal(size=100_000), rng.random(100_000) < 0.5))
    monkeypatch.setattr(validation, "CHUNK", 10)
    control = Control()
    breathe, breaths = control.breathe, iter(range(500))

    def stop_after_some(*, alone: bool) -> None:
        if next(breaths, None) is None:
            control.stop()
        breathe(alone=alone)

    monkeypatch.setattr(control, "breathe", stop_after_some)
    job = experiment({**CALM, "training.epochs": 100_000, "model.kind": "logistic"})
    seen = list(run(job, data, control))
    ended = seen[-1]
    assert isinstance(ended, Ended)
    assert ended.stop == "asked"
    assert sum(len(event.loss) for event in seen if isinstance(event, Block)) == ended.epoch + 1
    assert next(breaths, None) is None


# metrics


@pytest.mark.parametrize("standardised", [False, True])
def test_the_parameters_that_a_run_gives_are_measured_on_both_parts_of_the_data(standardised: bool) -> None:
    data = replace(LINE, scaling=Standardization.of(LINE.X, bias=True)) if standardised else LINE
    job = experiment({**CALM, "optimizer.lr": 0.01})
    found = Run(run(job, data))
    last, theta = found.measured[-1], found.ended.parameters
    assert data.validation is not None
    assert last.epoch == found.ended.record == 300
    for part, rows in ((last.training, data), (last.validation, data.validation)):
        assert part is not None
        expected = measure(job.model, theta, rows.X, rows.y).to_json()
        assert part.to_json() == pytest.approx(expected, rel=1e-9)


def test_metrics_come_now_and_then_and_are_those_of_the_record_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "Budget", always_due)
    job = experiment({**CALM, "training.epochs": 30})
    seen = list(run(job, LINE, block_seconds=1e-9))
    at = [i for i, event in enumerate(seen) if isinstance(event, Measured)]
    assert len(at) == 31 + 1, "after each block, and at the end"
    for i in at[:-1]:
        block, measured = seen[i - 1], seen[i]
        assert isinstance(block, Block)
        assert isinstance(measured, Measured)
        assert measured.epoch == block.last
        assert measured.training == measure(job.model, block.parameters[-1], LINE.X, LINE.y)


def always_due(*_of_its_own: float) -> Budget:
    return Budget(-1.0, 1e9)


def test_metrics_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    costs = iter([0.04] * 1000)

    def slow(*arguments: Any) -> Any:
        clock.now += next(costs)
        return measure(*arguments)

    monkeypatch.setattr(course, "measure", slow)
    events: Iterator[Event] = run(experiment({**CALM, "training.epochs": 200}), ALONE, block_seconds=1e-9)
    times, now = list[float](), clock.now
    for event in events:
        clock.now += 0.01
        if isinstance(event, Measured):
            times.append(clock.now - now)
    between = np.diff(times[:-1])
    assert len(between) >= 1
    assert times[0] >= 0.25
    assert (between >= 20 * 0.04).all()


def test_a_record_that_is_not_finite_is_not_measured_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "Budget", always_due)
    job = experiment({"optimizer.lr": 0.1, "training.on_divergence": "continue", "training.epochs": 300})
    found = Run(run(job, ALONE, block_seconds=1e-9))
    assert not np.isfinite(found.records.parameters[-1]).all()
    for measured in found.measured:
        assert np.isfinite(found.records.parameters[measured.epoch]).all()
    assert found.measured[-1].epoch == found.ended.record < 300


# checkpoints


def test_checkpoints_come_about_once_a_second_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    told = list[tuple[float, int]]()
    last = -1
    for event in run(
        experiment({**CALM, "training.epochs": 5000, "training.gradient": "numpy"}), ALONE, block_seconds=5e-5
    ):
        if isinstance(event, Block):
            clock.now += 0.1
            last = event.last
        elif isinstance(event, Checkpoint):
            told.append((clock.now, event.epoch))
            assert event.epoch <= last
    (_, first), *regular, (_, end) = told
    assert first == 0, "a run that is killed at once can go on all the same"
    assert end == 5000
    between = np.diff([moment for moment, _ in regular])
    assert len(between) > 3
    assert ((between > 1.0) & (between < 1.4)).all()


def test_every_epoch_that_takes_long_begins_with_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    last = -1
    seen = list[int]()
    for event in run(experiment({**CALM, "training.epochs": 20}), ALONE, block_seconds=1e-9):
        if isinstance(event, Block):
            clock.now += 0.05
            assert event.first == last + 1
            assert event.last == event.first
            last = event.last
            assert seen[-1:] == ([last - 1] if last else []), "a pause inside the epoch loses nothing"
        elif isinstance(event, Checkpoint):
            seen.append(event.epoch)
    assert seen == list(range(21))


@pytest.mark.parametrize("policy", ["stop", "continue", "recover"])
def test_a_run_ends_with_a_checkpoint_unless_a_verdict_has_stopped_it(policy: str) -> None:
    job = experiment({"optimizer.lr": 0.1, "training.epochs": 50, "training.on_divergence": policy})
    *_, before, measured, ended = run(job, ALONE)
    assert isinstance(measured, Measured)
    assert isinstance(ended, Ended)
    assert isinstance(before, Checkpoint) == (policy != "stop")


def test_measuring_does_not_count_as_time_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    measured = 0

    def slow(*given: Any) -> Metrics:
        nonlocal measured
        measured += 1
        clock.now += 5.0
        return measure(*given)

    monkeypatch.setattr(course, "measure", slow)
    for event in run(experiment({**CALM, "training.epochs": 400}), ALONE, block_seconds=1e-9):
        if isinstance(event, Block):
            clock.now += 1.0
    assert measured > 2, "in the course of the run, and at its end"
    assert isinstance(event, Ended)
    assert event.seconds == pytest.approx(401.0, abs=0.1)


# how it ended


def outcome(data: Any = ALONE, **settings: Any) -> tuple[str, str, int, int | None]:
    """Status, stop, record and the best record."""
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    *_, ended = run(experiment({**CALM, **changes}), data)
    assert isinstance(ended, Ended)
    return ended.status, ended.stop, ended.record, None if ended.best is None else ended.best.epoch


def test_every_end_names_its_rule_and_its_records() -> None:
    assert outcome() == ("completed", "epochs", 300, 300)
    assert outcome(training__tolerance=1.0)[:2] == ("converged", "tolerance")
    assert outcome(optimizer__lr=0.1) == ("diverged", "divergence", 3, 0)
    assert outcome(optimizer__lr=0.1, training__on_divergence="recover") == ("completed", "epochs", 300, 300)
    status, stop, record, best = outcome(optimizer__lr=0.1, training__on_divergence="continue")
    assert (status, stop, best) == ("diverged", "epochs", 0)
    assert 3 < record < 300


def test_a_run_that_was_never_finite_has_no_record_and_no_best_one() -> None:
    data = dataset([1e38, 2e38], [-1e38, 2e38])
    assert outcome(data, model__init=[3.0, 4.0], training__gradient="numpy") == ("diverged", "divergence", -1, None)


def test_a_run_stopped_by_hand_gives_its_last_record() -> None:
    control = Control()
    events = run(experiment({**CALM, "training.epochs": 10**9}), LINE, control)
    for event in events:
        if isinstance(event, Block) and event.last >= 100:
            control.stop()
            break
    *_, ended = events
    assert isinstance(ended, Ended)
    assert (ended.status, ended.stop) == ("stopped", "asked")
    assert ended.record == ended.epoch >= 100
