"""The dashboard with a hand on it: presses its keys, and says what the run itself says of its speed."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil

from tests.benchmarks.child import say
from tui_regress.engine.events import Block, Started
from tui_regress.experiment import load
from tui_regress.tui import app, messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.session import RunState

_GLANCE = 0.05
"""Seconds between two looks at whether something has come about: each takes time from what is measured."""
_MANY = 100_000
"""Made-up records in a block, before one by one comes."""
_BETWEEN = 0.04
"""Seconds from one made-up block to the next: more often than a frame is painted."""


class Driven(LabApp):
    """Does task after task."""

    CSS_PATH = str(Path(app.__file__).with_name(LabApp.CSS_PATH))

    def connect(self, commands: IO[str], answers: IO[str]) -> None:
        """The pipes from and to the process that measures."""
        self._commands, self._answers = commands, answers
        self._tasks: Mapping[str, Callable[..., Awaitable[Mapping[str, Any]]]] = {
            "train": self._train,
            "begin": self._begin,
            "end": self._end,
            "remember": self._remember,
            "replay": self._replay,
        }

    def on_ready(self) -> None:
        """As soon as the screen is there."""
        self.run_worker(self._serve())

    async def _serve(self) -> None:
        session = self.lab.session
        # Before torch is loaded and the data are solved, the dashboard itself has other things to do.
        await _until(lambda: session.exact is not None and self.lab.devices is not None)
        say(self._answers, {})
        while line := await asyncio.to_thread(self._commands.readline):
            asked = json.loads(line)
            say(self._answers, await self._tasks[asked.pop("task")](**asked))
        self.exit()

    async def _train(self, epochs: int, seconds: float) -> Mapping[str, Any]:
        """Press start; stop after so many epochs and so long, whichever comes last."""
        session = self.lab.session
        await self._begin()
        began = time.monotonic()
        await _until(
            lambda: session.state.finished or (len(session.history) > epochs and time.monotonic() - began >= seconds)
        )
        ended_at = time.monotonic()
        await self._end()
        ended, started = session.ended, session.started
        if ended is None or started is None:
            raise RuntimeError(f"the run failed: {session.failure}")
        speed = ended.epoch / ended.seconds
        return {"epochs_per_second": speed, "backend": started.gradient, "began": began, "ended": ended_at}

    async def _begin(self) -> Mapping[str, Any]:
        """Press start, and wait for the first record."""
        session, before = self.lab.session, self.lab.session.run_id
        self.simulate_key("s")
        await _until(lambda: session.run_id != before)
        await _until(lambda: len(session.history) if session.state is RunState.RUNNING else session.state.finished)
        return {"backend": session.started.gradient if session.started else ""}

    async def _end(self) -> Mapping[str, Any]:
        """Press stop, and wait for the last word."""
        self.simulate_key("x")
        await _until(lambda: self.lab.session.state.finished)
        return {}

    async def _remember(self, epochs: int, seconds: float) -> Mapping[str, Any]:
        """Train so many epochs, if that takes no longer than so long: memory before and at most, in MB."""
        session, process = self.lab.session, psutil.Process()
        before = most = process.memory_info().rss
        await self._begin()
        deadline = time.monotonic() + seconds
        while len(session.history) <= epochs and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            most = max(most, process.memory_info().rss)
        await self._end()
        most = max(most, process.memory_info().rss)
        backend = session.started.gradient if session.started else ""
        return {"epochs": len(session.history) - 1, "growth_mb": (most - before) / 1e6, "backend": backend}

    async def _replay(self, records: int, seconds: float) -> Mapping[str, Any]:
        """Show a run of ``records`` made-up records to which one by one more come, as if it were training.

        The seconds of the processor's time that this thread took, which paints, and between when and when.
        """
        session, run_id = self.lab.session, self.lab.session.begin()
        session.started = Started(session.names, 11, "cpu", "float32", "made-up")
        session.state = RunState.RUNNING
        for first in range(0, records, _MANY):
            session.append(_made_up(first, min(_MANY, records - first)))
        began = time.monotonic()
        used = time.thread_time()
        while time.monotonic() - began < seconds:
            self.lab.post_message(messages.EpochsCompleted(run_id, _made_up(len(session.history), 1)))
            await asyncio.sleep(_BETWEEN)
        found = {"began": began, "ended": time.monotonic(), "processor_seconds": time.thread_time() - used}
        session.reset()
        return found


def _made_up(first: int, count: int) -> Block:
    """Consecutive records of a loss that falls, noisily."""
    k = np.arange(first, first + count)
    loss = 100.0 / (1.0 + k) * (1.5 + np.sin(k * 12.9898))
    pairs = np.column_stack((2 - loss, 1 + loss))
    return Block(first, pairs, -pairs / 100, loss, loss, np.full(count, 0.01))


async def _until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(_GLANCE)


def main(commands: IO[str], answers: IO[str], experiment: str, store: str | None) -> None:
    """Open the dashboard, and do what it is told."""
    driven = Driven(load(Path(experiment)), store=None if store is None else Path(store))
    driven.connect(commands, answers)
    driven.run()
    sys.exit(driven.return_code)
