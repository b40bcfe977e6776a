from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.runs.made_up import add_run, block, dataset, ended, experiment, keep, kept, started, write
from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import load_checkpoint
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Checkpoint, Ended, Recovered, Resume
from tui_regress.engine.training import run
from tui_regress.experiment import builtin, decode, override
from tui_regress.problems import InputError
from tui_regress.runs import recorder
from tui_regress.runs.environment import environment
from tui_regress.runs.kept import KeptRun
from tui_regress.runs.recorder import recorded
from tui_regress.runs.store import Store

GONE = {**environment(), "process_began": 1.0}

RESUMED = {
    "minibatches with momentum": {
        "data": {"source": "linear", "rows": 60, "weights": [1.0, -2.0], "noise_scale": 0.1, "seed": 3},
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        "training": {"epochs": 60, "batch_size": 7, "seed": 5},
    },
    "adam with rows held out and patience": {
        "data": {"source": "linear", "rows": 60, "weights": [1.0, -2.0], "noise_scale": 2.0, "seed": 3},
        "optimizer": {"name": "adam", "lr": 0.2},
        "training": {"epochs": 400, "validation": 0.3, "patience": 20},
    },
    "a recovery": {
        "data": {"source": "points", "x": [1, 2, 3, 4, 5], "y": [2, 4, 6, 8, 10]},
        "optimizer": {"name": "sgd", "lr": 0.1},
        "training": {"epochs": 60, "on_divergence": "recover"},
    },
}


@pytest.mark.parametrize("case", RESUMED)
@pytest.mark.parametrize("stop_after", [0, 1, 17])
def test_a_stopped_run_that_goes_on_is_kept_as_one_that_was_never_stopped(
    path: Path, case: str, stop_after: int
) -> None:
    chosen = decode({**RESUMED[case], "device": {"name": "cpu"}})
    data = load_dataset(chosen)
    list(recorded(run(chosen, data, block_seconds=0), path, chosen, data))

    control = Control()
    for event in recorded(run(chosen, data, control, block_seconds=0), path, chosen, data):
        if isinstance(event, Block) and event.last >= stop_after:
            control.stop()
    assert kept(path, 2).summary.resumable
    assert kept(path, 2).summary.seconds > 0
    before = kept(path, 2).summary.seconds
    with Store(path) as store:
        checkpoint = load_checkpoint(store.checkpoint_path(2))
    list(recorded(run(chosen, data, resume=checkpoint, block_seconds=0), path, chosen, data, run_id=2))

    straight, resumed = kept(path, 1), kept(path, 2)
    assert resumed.summary.seconds > before
    assert_same(straight, resumed)


def assert_same(one: KeptRun, other: KeptRun) -> None:
    for name in ("loss", "validation_loss", "lr"):
        np.testing.assert_array_equal(getattr(one.records, name), getattr(other.records, name))
    shared = np.intersect1d(one.records.numbers, other.records.numbers)
    rows = [np.isin(run.records.numbers, shared) for run in (one, other)]
    np.testing.assert_array_equal(one.records.full[rows[0]], other.records.full[rows[1]])
    np.testing.assert_array_equal(one.parameters, other.parameters)
    assert (one.verdict, one.recoveries, one.record) == (other.verdict, other.recoveries, other.record)
    for field in ("status", "stop", "reason", "epoch", "loss", "metrics"):
        assert getattr(one.summary, field) == getattr(other.summary, field)
    assert one.best is not None
    assert other.best is not None
    assert (one.best.epoch, one.best.loss, one.best.parameters.tolist()) == (
        other.best.epoch,
        other.best.loss,
        other.best.parameters.tolist(),
    )


@pytest.mark.parametrize("case", RESUMED)
def test_what_is_kept_is_what_the_run_said(path: Path, case: str) -> None:
    chosen = decode({**RESUMED[case], "device": {"name": "cpu"}})
    data = load_dataset(chosen)
    *_, measured, last = list(recorded(run(chosen, data), path, chosen, data))
    assert isinstance(last, Ended)
    found = kept(path).ended
    assert found is not None
    assert replace(found, parameters=last.parameters, best=None) == replace(last, best=None)
    np.testing.assert_array_equal(found.parameters, last.parameters)
    assert found.best is not None
    assert last.best is not None
    assert (found.best.epoch, found.best.loss) == (last.best.epoch, last.best.loss)
    np.testing.assert_allclose(found.best.parameters, last.best.parameters, rtol=1e-15)
    assert kept(path).measured == measured


def test_records_after_the_checkpoint_are_replaced_and_those_before_it_stay(path: Path) -> None:
    with Store(path) as store:
        run_id = store.add(experiment(), dataset(), started(), GONE)
        old = (Recovered(2, 1, 0.05, "Back."), Recovered(4, 1, 0.01, "Back again."))
        write(store, run_id, block(0, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0]), recoveries=old, seconds=10.0)
    keep(path, started(), block(4, [5.5, 4.5], lr=0.3), ended(5), run_id=run_id)
    found = kept(path)
    assert found.records.loss.tolist() == [9.0, 8.0, 7.0, 6.0, 5.5, 4.5]
    assert found.records.rates == ((0, 0.1), (4, 0.3))
    assert found.recoveries == old[:1]
    assert (found.summary.seconds, found.summary.epoch) == (12.5, 5)


def test_a_run_stopped_again_before_its_next_record_keeps_what_it_had(path: Path) -> None:
    with Store(path) as store:
        run_id = store.add(experiment(), dataset(), started(), GONE)
        write(store, run_id, block(0, [9.0, 8.0, 7.0]))
    keep(path, started(), Checkpoint(1, {}), ended(1, status="stopped", stop="asked"), run_id=run_id)
    found = kept(path).summary
    assert (found.status, found.epoch, found.loss, found.resumable) == ("stopped", 2, 7.0, True)


def test_a_run_that_diverged_and_was_stopped_by_hand_goes_on_to_the_numbers_of_one_never_stopped(path: Path) -> None:
    settings = {"training.on_divergence": "continue", "training.epochs": 120, "training.gradient": "numpy"}
    chosen = override(builtin("exploding-line"), settings)
    data = load_dataset(chosen)
    list(recorded(run(chosen, data, block_seconds=0), path, chosen, data))
    control = Control()
    for event in recorded(run(chosen, data, control, block_seconds=0), path, chosen, data):
        if isinstance(event, Block) and event.last >= 20:
            control.stop()
    stopped = kept(path, 2).summary
    assert (stopped.status, stopped.stop, stopped.resumable) == ("diverged", "asked", True)
    with Store(path) as store:
        checkpoint = load_checkpoint(store.checkpoint_path(2))
    list(recorded(run(chosen, data, resume=checkpoint, block_seconds=0), path, chosen, data, run_id=2))
    assert_same(kept(path, 1), kept(path, 2))
    assert not kept(path, 2).summary.resumable


def test_after_an_explosion_a_run_goes_on_by_hand_as_the_same_one(path: Path) -> None:
    exploding = builtin("exploding-line")
    data = load_dataset(exploding)
    *_, last = list(recorded(run(exploding, data), path, exploding, data))
    assert isinstance(last, Ended)
    assert last.best is not None
    recovered = Recovered(last.epoch, last.best.epoch, 0.05, "Back, and on.")
    control = Control()
    control.set_lr(0.05)
    resume = Resume(last.epoch, last.best.parameters)
    calmer = override(exploding, {"optimizer.lr": 0.05})
    list(recorded(run(calmer, data, control, resume=resume), path, calmer, data, run_id=1, recovered=recovered))
    found = kept(path)
    assert found.summary.experiment == exploding
    assert (found.summary.status, found.verdict, found.recoveries) == ("completed", None, (recovered,))
    assert found.records.rates == ((0, 0.1), (last.epoch + 1, 0.05))
    assert (len(found.records), found.summary.epoch) == (1001, 1000)
    with Store(path) as store:
        assert len(store.runs()) == 1


def test_the_more_of_a_run_is_kept_in_full_the_fewer_of_its_later_records_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = np.random.default_rng(0).normal(size=4096)
    monkeypatch.setattr(recorder, "BUDGET", 500)
    added = list[int]()
    for part in range(4):
        first = 4096 * part
        end = ended(first + 4095, status="stopped", stop="asked")
        keep(path, started(), block(first, losses), end, run_id=1 if part else None)
        added.append(len(kept(path).records.numbers))
    whole, *more = np.diff([0, *added]).tolist()
    assert whole == 4096
    assert more == sorted(more, reverse=True)
    assert max(more) < 1000
    records = kept(path).records
    np.testing.assert_array_equal(records.loss, np.tile(losses, 4))
    assert records.last in records.numbers
    assert records.best is not None
    assert records.best.loss == losses.min()


def test_a_run_that_goes_on_elsewhere_is_not_trained_twice(path: Path) -> None:
    with Store(path) as store:
        write(store, add_run(store), block(0, [2.0]))
    told = list[int]()
    trained = list[int]()
    with pytest.raises(InputError, match="run 1 is still running; it cannot go on twice"):
        keep(path, started(), lambda: trained.append(1), block(1, [1.0]), ended(1), run_id=1, on_run=told.append)
    assert trained == []
    assert told == []
    assert (kept(path).summary.status, len(kept(path).records)) == ("running", 1)
