"""Which part of the screen is drawn when, on a clock that a test sets."""

from collections import Counter

import pytest

from tui_regress.tui.turns import LONGEST, REST, SHARE, TURN, Turns

LEAST = 3.0


class Day:
    """Time, and what the processor has worked, as far as a test lets them go on."""

    def __init__(self, **parts: float) -> None:
        self.now = self.worked = 0.0
        self.turns = Turns(parts, clock=lambda: self.now, work=lambda: self.worked)

    def passes(self, seconds: float, work: float = 0.0) -> None:
        self.now += seconds
        self.worked += work


def test_without_news_nothing_is_drawn() -> None:
    day = Day(a=LEAST, b=LEAST)
    day.passes(10.0)
    assert not day.turns
    assert day.turns.take() is None


def test_each_part_has_its_turn_one_at_a_time_and_only_once() -> None:
    day = Day(a=LEAST, b=LEAST, c=LEAST)
    day.turns.news()
    drawn = []
    for _ in range(5):
        drawn.append(day.turns.take())
        assert day.turns.take() is None
        day.passes(TURN)
    assert sorted(filter(None, drawn)) == ["a", "b", "c"]
    assert drawn[3:] == [None, None]
    assert not day.turns


def test_news_amid_a_round_costs_nobody_the_place() -> None:
    day = Day(a=LEAST, b=LEAST, c=LEAST)
    drawn = []
    for _ in range(9):
        day.turns.news()
        drawn.append(day.turns.take())
        day.passes(1.0)
    assert drawn[:3] == drawn[3:6] == drawn[6:]
    assert set(drawn) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("cost", "pause"),
    [(0.0, TURN), (0.2 * SHARE, 0.2), (10.0, 1 / LEAST)],
    ids=["cheap: as often as is seen", "dear: within the share", "far too dear: the least"],
)
def test_the_pause_after_a_turn_goes_by_what_it_cost(cost: float, pause: float) -> None:
    day = Day(a=LEAST)
    day.turns.news()
    assert day.turns.take() == "a"
    day.turns.news()
    day.passes(0.85 * pause, cost)
    assert day.turns.take() is None
    day.passes(0.1 * pause)
    assert day.turns.take() == "a"


def test_a_part_that_is_dear_does_not_hold_up_one_that_is_cheap() -> None:
    day, drawn = Day(dear=2.0, cheap=LEAST), Counter[str | None]()
    for _ in range(1000):
        day.turns.news()
        part = day.turns.take()
        drawn[part] += 1
        day.passes(0.01, 0.05 if part == "dear" else 0.0)
    assert 18 <= drawn["dear"] <= 24
    assert drawn["cheap"] > 90


def test_when_all_is_drawn_nobody_waits() -> None:
    day = Day(a=LEAST, b=LEAST)
    day.turns.news()
    day.turns.clear()
    assert not day.turns
    assert day.turns.take() is None


def test_after_a_key_there_is_a_rest() -> None:
    day = Day(a=LEAST, b=LEAST)
    day.turns.news()
    first = day.turns.take()
    day.passes(0.2)
    day.turns.rest()
    day.passes(0.9 * REST)
    assert day.turns.take() is None
    day.passes(0.2 * REST)
    assert {first, day.turns.take()} == {"a", "b"}


def test_a_key_held_down_does_not_stop_the_turns() -> None:
    day = Day(a=LEAST, b=LEAST)
    day.turns.news()
    assert day.turns.take()
    waited = 0.0
    while day.turns.take() is None:
        day.turns.rest()
        day.passes(REST / 4)
        waited += REST / 4
    assert REST < waited < LONGEST + REST / 4
