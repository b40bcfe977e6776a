import threading

import pytest

from tui_regress.engine import crew
from tui_regress.engine.control import Stop
from tui_regress.engine.crew import Crew


def nothing() -> None:
    """Neither to prepare nor to wait for."""


class Meeting:
    """Pieces of work of which each goes on only when ``size`` threads are at one."""

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size, timeout=30)
        self.begun: list[int] = []

    def __call__(self, item: int) -> int:
        self.begun.append(item)
        self._barrier.wait()
        return item * item


@pytest.mark.parametrize("helpers", [0, 1, 3])
@pytest.mark.parametrize("pieces", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_pieces_and_each_piece_is_done_once(helpers: int, pieces: int) -> None:
    done: list[int] = []

    def work(item: int) -> int:
        done.append(item)
        return item * item

    assert Crew(helpers, nothing).map(work, range(pieces), nothing) == [i * i for i in range(pieces)]
    assert sorted(done) == list(range(pieces))


def test_helpers_work_at_the_same_time_each_prepared_once() -> None:
    prepared: list[int] = []
    crew = Crew(2, lambda: prepared.append(threading.get_ident()))
    for _ in range(2):
        assert crew.map(Meeting(3), range(3), nothing) == [0, 1, 4]
    assert len(prepared) == len(set(prepared)) == 2
    assert threading.get_ident() not in prepared


def test_breathing_is_for_the_calling_thread() -> None:
    breathed: list[int] = []
    Crew(1, nothing).map(Meeting(2), range(2), lambda: breathed.append(threading.get_ident()))
    assert breathed == [threading.get_ident()]


def test_after_a_stop_no_piece_is_begun_and_none_is_left_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, stopped = Meeting(2), threading.Event()
    ended: list[int] = []

    def work(item: int) -> int:
        if item < 2:
            return meeting(item)
        # The other thread may be at its next piece when the stop comes.
        stopped.wait(30)
        ended.append(item)
        return item

    def breathe() -> None:
        raise Stop

    class Waited(threading.Semaphore):
        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            stopped.set()
            return super().acquire(blocking, timeout)

    monkeypatch.setattr(crew, "Semaphore", Waited)
    some = Crew(1, nothing)
    with pytest.raises(Stop):
        some.map(work, range(1000), breathe)
    assert ended in ([], [2])
    assert some.map(lambda item: item, range(5), nothing) == [0, 1, 2, 3, 4]
    assert sorted(meeting.begun) == [0, 1]


@pytest.mark.parametrize("failing", [0, 1])
def test_what_goes_wrong_in_any_thread_is_raised_in_the_calling_one(failing: int) -> None:
    barrier = threading.Barrier(2, timeout=30)

    def work(item: int) -> int:
        barrier.wait()
        if item == failing:
            raise MemoryError(item)
        return item

    with pytest.raises(MemoryError):
        Crew(1, nothing).map(work, range(2), nothing)


def test_where_a_helper_fails_no_other_piece_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, failed, calling = Meeting(2), threading.Event(), threading.get_ident()

    class Released(threading.Semaphore):
        def release(self, n: int = 1) -> None:
            super().release(n)
            failed.set()

    def work(item: int) -> int:
        meeting(item)
        if threading.get_ident() != calling:
            raise MemoryError(item)
        assert failed.wait(30)
        return item

    monkeypatch.setattr(crew, "Semaphore", Released)
    with pytest.raises(MemoryError):
        Crew(1, nothing).map(work, range(1000))
    assert sorted(meeting.begun) == [0, 1]


def test_helpers_hold_up_no_end_of_the_program_and_end_with_the_crew() -> None:
    helping: list[threading.Thread] = []
    some = Crew(1, lambda: helping.append(threading.current_thread()))
    some.map(Meeting(2), range(2))
    (helper,) = helping
    assert helper.daemon
    assert helper.is_alive()
    del some
    helper.join(30)
    assert not helper.is_alive()
