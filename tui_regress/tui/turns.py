"""When which part of the screen is drawn: one at a time, and never for more than a small share of the time."""

import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

TURN = 1 / 30
"""Seconds from one turn to the next at least, whichever part has it: nobody sees more."""
SHARE = 0.004
"""Of the time, for drawing each part, as long as it is drawn as often as it must be."""
REST, LONGEST = 0.1, 0.4
"""Seconds without a turn after a key, so that what it does comes first; after the last turn, whatever is pressed."""

T = TypeVar("T")


class Turns(Generic[T]):
    """The parts that news waits for, each in its turn: a key waits for one of them at most, not for a whole screen.

    What drawing a part costs is what the processor did for this thread from its turn to the next: the painting comes
    after the drawing, out of reach, and other threads do not count.
    """

    def __init__(
        self,
        parts: Mapping[T, float],
        clock: Callable[[], float] = time.perf_counter,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        """``parts``, each with the times a second that it is drawn at least, however long that takes."""
        self._least = dict(parts)
        self._clock, self._work = clock, work
        self._waiting: set[T] = set()
        self._drawn = dict.fromkeys(parts, float("-inf"))
        self._cost = dict.fromkeys(parts, 0.0)
        self._last: T | None = None
        self._began = self._worked = self._rests = float("-inf")

    def __bool__(self) -> bool:
        """Whether news waits anywhere."""
        return bool(self._waiting)

    def news(self) -> None:
        """There is something new for all."""
        self._waiting.update(self._least)

    def rest(self) -> None:
        """Somebody pressed a key."""
        now = self._clock()
        self._rests = now + REST if now - self._began < LONGEST - REST else self._rests

    def clear(self) -> None:
        """All has been drawn."""
        self._waiting.clear()

    def take(self) -> T | None:
        """The part to draw now, of those that are due the one that waits longest; None where none is."""
        now, worked = self._clock(), self._work()
        # A timer is a little early at times: that is no reason to wait for the next one.
        if now < self._rests or now - self._began < 0.9 * TURN:
            return None
        if self._last is not None:
            self._cost[self._last], self._last = worked - self._worked, None
        due = [part for part in self._waiting if now - self._drawn[part] >= 0.9 * self._pause(part)]
        if not due:
            return None
        self._last = min(due, key=lambda part: self._drawn[part])
        self._waiting.remove(self._last)
        self._began = self._drawn[self._last] = now
        self._worked = worked
        return self._last

    def _pause(self, part: T) -> float:
        """Seconds from one drawing of ``part`` to the next."""
        return min(max(self._cost[part] / SHARE, TURN), 1 / self._least[part])
