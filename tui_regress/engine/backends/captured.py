"""The backend "analytic" on CUDA: its steps captured in graphs, since for small ones the launches take the time."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import graphs
from tui_regress.engine.backends.analytic import Analytic, State
from tui_regress.engine.backends.base import Breathe, Which
from tui_regress.engine.chunks import CHUNK, ON_ACCELERATOR
from tui_regress.engine.events import Block
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import Floats
from tui_regress.experiment import Adagrad, Experiment

_STEPS = 128
"""In a graph, at most: capturing takes as long as launching does, and a stop waits for those that are under way."""
_WARM = 2
"""Epochs before anything is captured: the first step sets up the optimizer, and the second is the first of many."""


def pays(experiment: Experiment, dataset: Dataset, device: str) -> bool:
    """Whether steps can be captured on torch's ``device``, and are small enough for their launches to matter.

    torch's Adagrad counts its steps on the CPU, where no graph goes on counting.
    """
    numbers = batch_size(experiment, dataset.rows) * dataset.features
    small = numbers <= CHUNK * ON_ACCELERATOR
    return device.startswith("cuda") and small and not isinstance(experiment.optimizer, Adagrad)


class Captured(Analytic):
    """The first epochs of a state run kernel by kernel: what is there only then must be there to be captured.

    A graph holds the learning rate as it was: with another one the steps are captured anew.
    """

    def __init__(
        self, experiment: Experiment, dataset: Dataset, device: str, capture: graphs.Capture | None = None
    ) -> None:
        super().__init__(experiment, dataset, device)
        self._capture = capture or graphs.on(device)
        self._steps_at_once = min(self._steps_at_once, _STEPS)

    def advance(self, state: State, epochs: int, breathe: Breathe) -> Block:
        """See :class:`base.Backend`."""
        if state.warm >= _WARM and state.lr != state.graphs.lr and not state.graphs.refused:
            state.graphs = self._graphs(state)
        block = super().advance(state, epochs, breathe)
        state.warm += len(block.loss)
        return block

    def _graphs(self, state: State) -> graphs.Graphs:
        step, stretches = None, {}
        try:
            if self._full:
                step = self._capture(partial(self._step, state))
            else:
                stretches = {rows: self._captured_stretch(state, rows) for rows in self._lengths()}
            # The portions of what is larger have work enough for each launch.
            evaluation = self._capture(partial(super()._evaluate, state, _idle)) if len(self._chunks) == 1 else None
        except RuntimeError:
            # Nothing of it was carried out, so nothing is lost: a launch for each kernel does it as well.
            return graphs.Graphs(refused=True)
        return graphs.Graphs(state.lr, step, evaluation, stretches)

    def _lengths(self) -> set[int]:
        """Of the stretches of an epoch: all but the last are as long as the first."""
        whole = min(self._batch_size * self._steps_at_once, self.rows)
        return {whole, self.rows % whole or whole}

    def _captured_stretch(self, state: State, rows: int) -> tuple[Tensor, graphs.Replay]:
        which = torch.arange(rows, device=self.device)

        def work() -> None:
            self._descend(state, (self._X[which], self._y[which]), _idle)

        return which, self._capture(work, paced=True)

    def _state(self, theta: FloatArray, order: np.random.Generator) -> State:
        state = super()._state(theta, order)
        # Of torch's ways to step, the one that is the same on every device; it has but one tensor to step.
        state.optimizer.param_groups[0]["foreach"] = False
        return state

    def _epoch(self, state: State, breathe: Breathe) -> None:
        if state.graphs.step is None:
            super()._epoch(state, breathe)
        else:
            state.graphs.step()

    def _stretch(self, state: State, which: Which, breathe: Breathe) -> None:
        # Rows in their own order are gathered, too: a graph rounds as the epochs before it did.
        numbers = np.arange(which.start, which.stop) if isinstance(which, slice) else which
        if not state.graphs.stretches:
            super()._stretch(state, numbers, breathe)
            return
        here, replay = state.graphs.stretches[len(numbers)]
        here.copy_(self._uploaded(torch.from_numpy(numbers)))
        replay()
        breathe()

    def _evaluate(self, state: State, breathe: Breathe) -> None:
        if state.graphs.evaluation is None:
            super()._evaluate(state, breathe)
        else:
            state.graphs.evaluation()

    def _step(self, state: State) -> None:
        super()._step(state)
        self._settle(state)

    def _refill(self, state: State, values: Floats, gathered: object) -> None:
        super()._refill(state, values, gathered)
        self._settle(state)

    def _settle(self, state: State) -> None:
        """Keep what the optimizer counts on the device, where a graph goes on counting.

        torch would do so from the beginning, but in float32: so much too coarse for the powers of a float64 run.
        """
        (group,) = state.optimizer.param_groups
        gathered = state.optimizer.state[state.theta]
        if group.get("capturable", True) or not gathered:
            return
        group["capturable"] = True
        # It warns of steps that are not captured: the first ones.
        vars(state.optimizer)["_warned_capturable_if_run_uncaptured"] = True
        for name, value in gathered.items():
            if not value.ndim:
                gathered[name] = value.to(self.device, torch.float64 if name == "step" else value.dtype)


def _idle() -> None:
    """While work is captured, nobody is waited for."""
