import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tui_regress.engine.control import Control, Scripted, Stop


@contextmanager
def waiting(wait: Callable[[], object]) -> Iterator[threading.Thread]:
    """A thread inside ``wait``; it must have come out by the end."""
    thread = threading.Thread(target=wait)
    thread.start()
    yield thread
    thread.join(10)
    assert not thread.is_alive()


def still_inside(thread: threading.Thread) -> bool:
    thread.join(0.05)
    return thread.is_alive()


def test_a_new_control_lets_a_run_go_for_as_long_as_it_likes() -> None:
    control = Control()
    assert not control.paused
    assert control.take_turn(500, 0) == 500
    control.end_turn(500)
    assert control.take_turn(7, 500) == 7


def test_a_paused_run_gets_no_turn_and_waits_until_it_may_resume() -> None:
    control = Control(paused=True)
    assert control.take_turn(5, 0) == 0
    with waiting(control.wait) as thread:
        assert still_inside(thread)
        control.resume()
    assert control.waited >= 0.05
    assert control.take_turn(5, 0) == 5


def test_a_run_that_waits_says_so() -> None:
    control = Control(paused=True)
    seen: list[bool] = [control.waiting]
    with waiting(control.wait) as thread:
        assert still_inside(thread)
        seen.append(control.waiting)
        control.resume()
    assert [*seen, control.waiting] == [False, True, False]


def test_a_pause_that_is_over_before_the_wait_is_none() -> None:
    control = Control(paused=True)
    assert control.take_turn(5, 0) == 0
    control.resume()
    with waiting(control.wait):
        pass


def test_steps_are_taken_one_by_one_and_then_the_run_waits() -> None:
    control = Control(paused=True)
    control.step()
    control.step()
    for record in range(2):
        assert control.paused
        assert control.take_turn(500, record) == 1
        control.end_turn(1)
    assert control.take_turn(500, 2) == 0
    with waiting(control.wait) as thread:
        assert still_inside(thread)
        control.step()
    assert control.take_turn(500, 2) == 1


def test_a_step_of_a_running_run_is_its_last_epoch_before_a_pause() -> None:
    control = Control()
    control.step()
    assert control.take_turn(500, 0) == 1
    control.end_turn(1)
    assert control.take_turn(500, 1) == 0


def test_a_step_asked_for_during_a_long_block_comes_after_it() -> None:
    control = Control()
    assert control.take_turn(500, 0) == 500
    control.pause()
    control.step()
    control.end_turn(500)
    assert control.take_turn(500, 500) == 1


def test_a_stop_ends_the_wait() -> None:
    control = Control(paused=True)
    with waiting(control.wait) as thread:
        assert still_inside(thread)
        control.stop()
    assert control.stopped


def test_a_pause_holds_an_epoch_that_is_alone_in_its_block_until_its_end_is_asked_for() -> None:
    control = Control()
    control.take_turn(1, 0)
    control.breathe(alone=True)
    control.pause()
    with waiting(lambda: control.breathe(alone=True)) as thread:
        assert still_inside(thread)
        control.step()
    control.end_turn(1)
    assert control.take_turn(1, 1) == 0


def test_a_stop_ends_a_pause_inside_an_epoch() -> None:
    control = Control(paused=True)
    seen: list[bool] = []

    def breathe() -> None:
        with pytest.raises(Stop):
            control.breathe(alone=True)
        seen.append(control.stopped)

    with waiting(breathe) as thread:
        assert still_inside(thread)
        control.stop()
    assert seen == [True]


def test_a_pause_lets_a_block_of_several_epochs_run_to_its_end() -> None:
    control = Control()
    control.take_turn(500, 0)
    control.pause()
    control.breathe(alone=False)


def test_a_step_in_progress_is_not_held() -> None:
    control = Control(paused=True)
    control.step()
    control.take_turn(1, 0)
    control.breathe(alone=True)


@pytest.mark.parametrize("alone", [True, False])
def test_a_stop_is_raised_at_the_next_breath(alone: bool) -> None:
    control = Control()
    control.stop()
    with pytest.raises(Stop):
        control.breathe(alone=alone)


def test_breathing_lets_other_threads_run_but_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps: list[float] = []
    clock = iter([0.01, 0.0101, 0.0102, 0.02, 0.0201])
    monkeypatch.setattr(time, "sleep", sleeps.append)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    control = Control()
    for _ in range(5):
        control.breathe(alone=False)
    assert sleeps == [0, 0]


def test_the_last_learning_rate_set_is_the_one_taken() -> None:
    control = Control()
    assert control.take_lr(0.1, 1) == 0.1
    control.set_lr(0.2)
    control.set_lr(0.3)
    assert control.take_lr(0.1, 1) == 0.3


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_that_is_none_is_refused(lr: float) -> None:
    with pytest.raises(ValueError, match="finite number above 0"):
        Control().set_lr(lr)


# a run's learning rates once more


def test_the_learning_rates_of_an_earlier_run_come_at_the_same_records() -> None:
    control = Scripted([(0, 0.1), (5, 0.2), (6, 0.05)])
    assert [control.take_lr(1.0, record) for record in range(9)] == [0.1] * 5 + [0.2] + [0.05] * 3


def test_before_the_first_rate_of_a_script_that_of_the_experiment_counts() -> None:
    control = Scripted([(3, 0.1)])
    assert [control.take_lr(1.0, record) for record in range(5)] == [1.0] * 3 + [0.1] * 2


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_no_block_reaches_over_a_change_of_the_learning_rate(most: int) -> None:
    control = Scripted([(0, 0.1), (5, 0.2), (6, 0.05)])
    record, stretches = 0, []
    while record < 20:
        turn = control.take_turn(min(most, 20 - record), record)
        rates = {control.take_lr(1.0, k) for k in range(record + 1, record + turn + 1)}
        assert len(rates) == 1
        stretches.append(turn)
        record += turn
    assert max(stretches) == min(most, 15)


def test_a_script_can_be_paused_and_stepped_through() -> None:
    control = Scripted([(0, 0.1)], paused=True)
    assert control.take_turn(5, 0) == 0
    control.step()
    assert control.take_turn(5, 0) == 1
