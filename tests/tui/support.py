"""For tests of the dashboard: waiting on conditions, a runner that does nothing, made-up records."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from textual.message import Message
from textual.pilot import Pilot

from tui_regress.engine.control import Control
from tui_regress.engine.devices import DeviceInfo
from tui_regress.engine.events import Block, Checkpoint, Resume, Started
from tui_regress.experiment import Experiment
from tui_regress.tui import messages
from tui_regress.tui.runner import Kept, Runner

PATIENCE = 20.0
DEVICES = (
    DeviceInfo("cpu", "2 threads", usable=True, reason=""),
    DeviceInfo("cuda:0", "", usable=False, reason="no NVIDIA driver found"),
    DeviceInfo("mps", "", usable=False, reason="no Apple GPU"),
)


async def until(pilot: Pilot[Any], holds: Callable[[], object], why: str = "condition") -> None:
    """Wait until ``holds()``; fails after PATIENCE seconds."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await pilot.pause(0.01)
    except TimeoutError:
        raise AssertionError(f"{why} did not come about within {PATIENCE:g} s") from None


class StillRunner(Runner):
    """Prepares data at once, in the caller's thread; never trains, never loads torch: tests make the records up."""

    def __init__(self, post: Callable[[Message], object], store: Path | None = None) -> None:
        super().__init__(post, store)
        self.trained: list[int] = []

    def survey_devices(self) -> None:
        self._post(messages.DevicesFound(DEVICES))

    def prepare(self, request: int, experiment: Experiment, dataset: object) -> None:
        del dataset
        self._prepare(request, experiment, None)

    def train(
        self,
        run_id: int,
        experiment: Experiment,
        dataset: object,
        control: Control,
        resume: Resume | Checkpoint | Path | None = None,
        kept: Kept | None = None,
    ) -> None:
        del experiment, dataset, control, resume, kept
        self.trained.append(run_id)


def made_up_block(
    losses: list[float],
    parameters: list[list[float]],
    first: int = 0,
    lr: float = 0.01,
    score: float | None = None,
    validation: list[float] | None = None,
) -> Block:
    """Consecutive records whose numbers nobody computed."""
    values = np.asarray(parameters, dtype=np.float64)
    loss = np.asarray(losses, dtype=np.float64)
    scores = loss if score is None else np.full(len(loss), score)
    held_out = None if validation is None else np.asarray(validation, dtype=np.float64)
    return Block(first, values, -values / 100, loss, scores, np.full(len(loss), lr), held_out)


def started(names: tuple[str, ...] = ("w[x]", "b"), rows: int = 5) -> Started:
    """The first word of a made-up run."""
    return Started(names, rows, "cpu", "float32", "autograd")
