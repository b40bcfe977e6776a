"""Work in many pieces, done by a few threads."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Semaphore
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_Tasks = SimpleQueue[Callable[[], None] | None]
"""None: there will be no more."""


def cores() -> int:
    """How many threads can work at the same time in this process."""
    # Not every system tells which of its cores a process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """The calling thread and ``helpers`` more, which start when first needed and end with the crew.

    Each helper calls ``prepare`` first, if given. Work that holds the GIL is not done any sooner by more of them. They
    keep no program from ending, as threads of a pool would.
    """

    def __init__(self, helpers: int, prepare: Callable[[], None] = lambda: None) -> None:
        self._helpers, self._started, self._prepare = helpers, 0, prepare
        self._tasks: _Tasks = SimpleQueue()
        weakref.finalize(self, _dismiss, self._tasks, helpers)

    def map(self, work: Callable[[T], R], items: Sequence[T], breathe: Callable[[], None] = lambda: None) -> list[R]:
        """``work`` of each item, in their order, whichever thread has done it.

        ``breathe`` is called in the calling thread, after each piece that it has done itself. Where it or ``work``
        raises, nothing is begun any more, and what was begun is waited for.
        """
        found: dict[int, R] = {}
        wrong: list[BaseException] = []
        # The iterator of a list gives each piece to one thread only.
        left = iter(list(enumerate(items)))
        done = Semaphore(0)

        def help_out() -> None:
            try:
                for index, item in left:
                    found[index] = work(item)
            except BaseException as error:  # whatever it is, the calling thread raises it
                wrong.append(error)
                _drop(left)
            finally:
                done.release()

        helpers = max(0, min(self._helpers, len(items) - 1))
        self._call(helpers)
        for _ in range(helpers):
            self._tasks.put(help_out)
        try:
            for index, item in left:
                found[index] = work(item)
                breathe()
        finally:
            _drop(left)
            for _ in range(helpers):
                done.acquire()
        if wrong:
            raise wrong[0]
        return [found[index] for index in range(len(items))]

    def _call(self, helpers: int) -> None:
        for _ in range(self._started, helpers):
            threading.Thread(target=_serve, args=(self._tasks, self._prepare), daemon=True).start()
        self._started = max(self._started, helpers)


def _serve(tasks: _Tasks, prepare: Callable[[], None]) -> None:
    prepare()
    while (task := tasks.get()) is not None:
        task()
        # While it waits for the next one, it holds nothing of the last.
        del task


def _dismiss(tasks: _Tasks, helpers: int) -> None:
    for _ in range(helpers):
        tasks.put(None)


def _drop(left: Iterator[object]) -> None:
    """Leave nothing in it."""
    for _ in left:
        pass
