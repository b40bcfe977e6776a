"""Work in many pieces, done by a few threads."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many threads can work at the same time in this process."""
    # Not every system tells which of its cores a process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """The calling thread and ``helpers`` more, which start when first needed and end with the crew.

    Each helper calls ``prepare`` first, if given. Work that holds the GIL is not done any sooner by more of them.
    """

    def __init__(self, helpers: int, prepare: Callable[[], None] | None = None) -> None:
        self._helpers = helpers
        self._pool = ThreadPoolExecutor(helpers, initializer=prepare) if helpers else None

    def map(self, work: Callable[[T], R], items: Sequence[T], breathe: Callable[[], None] = lambda: None) -> list[R]:
        """``work`` of each item, in their order, whichever thread has done it.

        ``breathe`` is called in the calling thread, after each piece that it has done itself. Where it or ``work``
        raises, nothing is begun any more, and what was begun is waited for.
        """
        found: dict[int, R] = {}
        # The iterator of a list gives each piece to one thread only.
        left = iter(list(enumerate(items)))

        def help_out() -> None:
            for index, item in left:
                found[index] = work(item)

        helpers = []
        if self._pool is not None:
            helpers = [self._pool.submit(help_out) for _ in range(min(self._helpers, len(items) - 1))]
        try:
            for index, item in left:
                found[index] = work(item)
                breathe()
        finally:
            for _ in left:
                pass
            wait(helpers)
        for helper in helpers:
            helper.result()
        return [found[index] for index in range(len(items))]
