"""When which part of the screen is drawn: one at a time, and never for more than a small share of the time."""

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

MOST, LEAST = 12, 6
"""Times a second that each part is drawn: at most, because nobody sees more; at least, however long it takes."""
SHARE = 0.08
"""Of the time, for drawing, as long as LEAST allows it."""
REST, LONGEST = 0.1, 0.4
"""Seconds without a turn after a key, so that what it does comes first; after the last turn, whatever is pressed."""

T = TypeVar("T")


class Turns(Generic[T]):
    """The parts that news waits for, each in its turn: a key waits for one of them at most, not for a whole screen.

    What drawing costs is what the processor did for this thread since the last turn: the painting comes after the
    drawing, out of reach, and other threads do not count.
    """

    def __init__(
        self,
        parts: Sequence[T],
        clock: Callable[[], float] = time.perf_counter,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self._parts = list(parts)
        self._clock, self._work = clock, work
        self._waiting: list[T] = []
        self._began = self._worked = self._rests = float("-inf")

    def __bool__(self) -> bool:
        """Whether news waits anywhere."""
        return bool(self._waiting)

    @property
    def seconds(self) -> float:
        """The shortest time from one turn to the next."""
        return 1 / (MOST * len(self._parts))

    def news(self) -> None:
        """There is something new for all; those already waiting keep their places."""
        self._waiting += [part for part in self._parts if part not in self._waiting]

    def rest(self) -> None:
        """Somebody pressed a key."""
        now = self._clock()
        self._rests = now + REST if now - self._began < LONGEST - REST else self._rests

    def clear(self) -> None:
        """All has been drawn."""
        self._waiting = []

    def take(self) -> T | None:
        """The part to draw now; None where it is too early, or nothing waits."""
        now, worked = self._clock(), self._work()
        pause = min(max((worked - self._worked) / SHARE, self.seconds), 1 / (LEAST * len(self._parts)))
        # A timer is a little early at times: that is no reason to wait for the next one.
        if not self._waiting or now - self._began < 0.9 * pause or now < self._rests:
            return None
        self._began, self._worked = now, worked
        return self._waiting.pop(0)
