import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import Queue

import numpy as np
import pytest
import torch

from tests.engine.conftest import LINE_X, LINE_Y, Run, dataset, experiment, same
from tui_regress.data.dataset import Dataset
from tui_regress.engine import course, devices
from tui_regress.engine.control import Control
from tui_regress.engine.devices import DeviceInfo
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Plain, Started, Verdict
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment
from tui_regress.problems import ExperimentError

LINE = dataset(LINE_X, LINE_Y)
ENDLESS = 1_000_000_000


class FiresAt:
    """A monitor that calls out at one record, whatever it holds."""

    epoch = 7

    def __init__(self, *_: object) -> None:
        self.checks = 0

    def check(self, block: Block) -> Verdict | None:
        if block.first <= self.epoch <= block.last:
            return Verdict("rising", self.epoch, self.epoch - 2, 2.0, "It rises.")
        assert block.last < self.epoch, "checked again after the verdict"
        return None

    def freeze(self) -> dict[str, Plain]:
        return {}


class Watched(Control):
    """Lets a test wait until the run has nothing more to say and waits itself."""

    def __init__(self, *, paused: bool = False) -> None:
        super().__init__(paused=paused)
        self._arrivals = threading.Semaphore(0)

    def wait(self) -> None:
        self._arrivals.release()
        super().wait()

    def until_the_run_waits(self) -> None:
        assert self._arrivals.acquire(timeout=20)


class Thread:
    """A run in a thread of its own, its events one by one."""

    def __init__(self, run: Experiment, data: Dataset, control: Control) -> None:
        self.events: Queue[Event | Exception] = Queue()
        self.seen: list[Event] = []
        self._thread = threading.Thread(target=self._work, args=(run, data, control), daemon=True)
        self._thread.start()

    def _work(self, experiment: Experiment, data: Dataset, control: Control) -> None:
        try:
            for event in run(experiment, data, control):
                self.events.put(event)
        except Exception as error:
            self.events.put(error)

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        """The next event that is ``wanted``."""
        while True:
            event = self.events.get(timeout=20)
            assert not isinstance(event, Exception), event
            self.seen.append(event)
            if wanted(event):
                return event

    def until_record(self, k: int) -> Block:
        found = self.until(lambda event: isinstance(event, Block) and event.last >= k)
        assert isinstance(found, Block)
        return found

    def rest(self) -> list[Event]:
        """The events that are there."""
        already = len(self.seen)
        while not self.events.empty():
            self.until(lambda _: True)
        return self.seen[already:]

    def end(self) -> Run:
        self.until(lambda event: isinstance(event, Ended))
        self._thread.join(10)
        assert not self._thread.is_alive()
        return Run(self.seen)


# events


def test_a_run_tells_what_starts_every_record_and_how_it_ended() -> None:
    found = Run(run(experiment({"training.epochs": 50, "device.name": "cpu"}), LINE))
    assert found.started.forecast is not None
    known = Started(("w[x1]", "b"), 5, "cpu", "float32", "statistics", found.started.notes, found.started.forecast)
    assert found.started == known
    assert "XᵀX" in found.started.notes[0]
    assert found.blocks[0].first == found.blocks[0].last == 0
    assert found.records.first == 0
    assert found.records.last == 50
    ended = found.ended
    assert (ended.status, ended.reason, ended.epoch, ended.verdict) == (
        "completed",
        "All 50 epochs are done.",
        50,
        None,
    )
    assert ended.loss == found.records.loss[-1]
    assert ended.parameters.tolist() == found.records.parameters[-1].tolist()
    assert 0 < ended.seconds < 20


def test_the_fallback_to_the_cpu_is_noted() -> None:
    found = Run(run(experiment({"training.epochs": 1, "training.gradient": "autograd"}), LINE))
    if found.started.device == "cpu":
        assert found.started.notes == (devices.NO_ACCELERATOR,)


def test_a_single_epoch_is_told_in_the_singular() -> None:
    assert Run(run(experiment({"training.epochs": 1}), LINE)).ended.reason == "The one epoch is done."


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
@pytest.mark.parametrize("batch", [0, 2])
def test_the_length_of_blocks_changes_no_number(batch: int, gradient: str) -> None:
    job = experiment(
        {
            "training.epochs": 300,
            "training.gradient": gradient,
            "training.batch_size": batch,
            "model.init": "torch",
            "optimizer.lr": 0.01,
        }
    )
    one_by_one = Run(run(job, LINE, block_seconds=1e-9))
    by_the_clock = Run(run(job, LINE))
    at_once = Run(run(job, LINE, block_seconds=1e9))
    assert [len(block.loss) for block in one_by_one.blocks] == [1] * 301
    assert [len(block.loss) for block in at_once.blocks] == [1, 1, 10, 100, 189]
    assert same(one_by_one.records, by_the_clock.records)
    assert same(one_by_one.records, at_once.records)


def test_an_epoch_longer_than_a_block_is_a_block_of_its_own() -> None:
    rng = np.random.default_rng(0)
    data = dataset(rng.normal(size=(400, 2)), rng.normal(size=400))
    job = experiment({"training.epochs": 4, "training.batch_size": 1, "training.gradient": "numpy"})
    assert [len(block.loss) for block in Run(run(job, data, block_seconds=1e-4)).blocks] == [1] * 5


def test_torchs_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    job = experiment(
        {"model.init": "torch", "training.epochs": 5, "training.batch_size": 2, "training.gradient": "autograd"}
    )
    Run(run(job, LINE))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_that_is_closed_early_is_simply_over() -> None:
    events = run(experiment({"training.epochs": ENDLESS}), LINE)
    assert next(event for event in events if isinstance(event, Block) and event.last > 0)
    events.close()
    assert list(events) == []


def test_a_run_in_numpy_does_not_load_torch() -> None:
    code = """
import sys
from tests.engine.conftest import LINE_X, LINE_Y, Run, dataset, experiment
from tui_regress.engine.training import run
job = experiment({"training.gradient": "numpy", "training.epochs": 10, "optimizer.lr": 0.01})
assert Run(run(job, dataset(LINE_X, LINE_Y))).ended.status == "completed"
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# what cannot run


def test_an_experiment_that_does_not_fit_its_data_fails_before_it_starts() -> None:
    with pytest.raises(ExperimentError, match=r"model\.init"):
        next(run(experiment({"model.init": [1.0]}), LINE))


def test_a_device_that_is_not_there_fails_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = (DeviceInfo("cpu", "CPU", usable=True), DeviceInfo("cuda:0", "GPU", usable=False, reason="it is away"))
    monkeypatch.setattr(devices, "list_devices", lambda: absent)
    with pytest.raises(ExperimentError, match="it is away"):
        next(run(experiment({"device.name": "cuda"}), LINE))


def test_errors_of_the_work_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(Monitor, "check", fail)
    with pytest.raises(MemoryError, match="too large"):
        list(run(experiment(), LINE))


# divergence


@pytest.mark.parametrize("block_seconds", [1e-9, 1e9])
def test_a_verdict_ends_the_run_at_its_record_whatever_the_blocks(
    block_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "Monitor", FiresAt)
    found = Run(run(experiment({"training.epochs": 40, "optimizer.lr": 0.01}), LINE, block_seconds=block_seconds))
    assert found.records.last == 7
    assert found.ended.status == "diverged"
    assert found.ended.reason == "It rises."
    assert found.ended.epoch == 7
    assert found.ended.parameters.tolist() == found.records.parameters[-1].tolist()


def test_a_verdict_follows_the_block_that_holds_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "Monitor", FiresAt)
    *_, block, verdict, _, ended = run(experiment({"training.epochs": 40}), LINE)
    assert isinstance(block, Block)
    assert block.last == 7
    assert isinstance(verdict, Verdict)
    assert isinstance(ended, Ended)


def test_a_run_may_go_on_after_the_verdict_and_still_ends_as_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "Monitor", FiresAt)
    job = experiment({"training.epochs": 40, "training.on_divergence": "continue", "optimizer.lr": 0.01})
    found = Run(run(job, LINE))
    assert found.records.last == 40
    assert found.verdict is not None
    assert (found.ended.status, found.ended.epoch) == ("diverged", 40)


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
def test_the_last_parameters_at_which_everything_was_finite_are_kept(gradient: str) -> None:
    changes = {"optimizer.lr": 0.1, "training.on_divergence": "continue", "training.gradient": gradient}
    found = Run(run(experiment({"training.epochs": 300, **changes}), LINE))
    records = found.records
    numbers = np.column_stack((records.parameters, records.gradient, records.loss))
    last = max(k for k in range(301) if np.isfinite(numbers[k]).all())
    assert last < 300
    assert found.ended.parameters.tolist() == records.parameters[last].tolist()
    assert not np.isfinite(found.ended.loss)


def test_a_run_that_was_never_finite_keeps_its_start() -> None:
    job = experiment({"model.init": [3.0, 4.0], "training.gradient": "numpy", "training.epochs": 2})
    found = Run(run(job, dataset([1e38, 2e38], [-1e38, 2e38])))
    assert found.ended.status == "diverged"
    assert found.ended.parameters.tolist() == [3.0, 4.0]


# control


def test_a_run_created_paused_shows_record_0_and_waits() -> None:
    control = Watched(paused=True)
    thread = Thread(experiment({"training.epochs": 5, "optimizer.lr": 0.01}), LINE, control)
    control.until_the_run_waits()
    _, block, checkpoint = thread.rest()
    assert isinstance(block, Block)
    assert block.last == 0
    assert isinstance(checkpoint, Checkpoint)
    control.resume()
    assert thread.end().ended.epoch == 5


def test_pauses_do_not_count_as_time_of_training() -> None:
    control = Watched(paused=True)
    began = time.perf_counter()
    thread = Thread(experiment({"training.epochs": 5, "training.gradient": "numpy"}), LINE, control)
    control.until_the_run_waits()
    time.sleep(0.2)
    control.resume()
    seconds = thread.end().ended.seconds
    assert control.waited >= 0.2
    assert 0 < seconds <= time.perf_counter() - began - control.waited


def test_pause_step_and_resume_lead_to_the_numbers_of_a_run_left_alone() -> None:
    job = experiment({"training.epochs": 2000, "training.batch_size": 2, "optimizer.lr": 0.01})
    control = Watched()
    thread = Thread(job, LINE, control)
    thread.until_record(1)
    control.pause()
    control.until_the_run_waits()
    thread.rest()
    last = [event for event in thread.seen if isinstance(event, Block)][-1].last
    for k in range(last + 1, last + 4):
        control.step()
        control.until_the_run_waits()
        block, *_, checkpoint = thread.rest()
        assert isinstance(block, Block)
        assert (block.first, block.last) == (k, k)
        assert isinstance(checkpoint, Checkpoint)
        assert checkpoint.epoch == k, "a paused run that is killed loses nothing"
    control.resume()
    assert same(thread.end().records, Run(run(job, LINE)).records)


def test_a_stop_ends_the_run_at_the_last_completed_epoch() -> None:
    control = Control()
    thread = Thread(experiment({"training.epochs": ENDLESS, "optimizer.lr": 0.01}), LINE, control)
    thread.until_record(100)
    control.stop()
    found = thread.end()
    assert found.ended.status == "stopped"
    assert found.ended.epoch >= 100
    assert found.ended.reason == f"Stopped after {found.ended.epoch} of {ENDLESS} epochs."


def test_a_stop_ends_a_paused_run() -> None:
    control = Control(paused=True)
    thread = Thread(experiment(), LINE, control)
    thread.until_record(0)
    control.stop()
    found = thread.end()
    assert (found.ended.status, found.ended.epoch) == ("stopped", 0)


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
def test_a_stop_takes_effect_inside_an_endless_epoch(gradient: str) -> None:
    rng = np.random.default_rng(0)
    data = dataset(rng.normal(size=1_000_000), rng.normal(size=1_000_000))
    control = Control()
    job = experiment({"training.epochs": 3, "training.batch_size": 1, "training.gradient": gradient})
    thread = Thread(job, data, control)
    thread.until_record(0)
    time.sleep(0.05)
    control.stop()
    asked = time.perf_counter()
    found = thread.end()
    assert time.perf_counter() - asked < 2, "an epoch takes many seconds; a busy machine may take part of one"
    assert (found.ended.status, found.ended.epoch) == ("stopped", 0)


def test_a_new_learning_rate_counts_from_the_next_block_on() -> None:
    control = Control(paused=True)
    thread = Thread(experiment({"training.epochs": ENDLESS, "optimizer.lr": 0.01}), LINE, control)
    thread.until_record(0)
    control.step()
    before = thread.until_record(1)
    control.set_lr(0.02)
    control.step()
    after = thread.until_record(2)
    control.stop()
    assert before.lr.tolist() == [0.01]
    assert after.lr.tolist() == [0.02]
    np.testing.assert_allclose(after.parameters, before.parameters - 0.02 * before.gradient, rtol=1e-6)
    assert thread.end().records.lr.tolist() == [0.01, 0.01, 0.02]
