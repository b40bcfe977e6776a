"""The backend "statistics": full-batch least squares by sgd, without the rows.

XᵀX, Xᵀy and yᵀy say all that descent on a quadratic needs, so an epoch costs the same for ten rows or ten million. What
is followed is e, the distance from where the descent ends, in float64: nothing cancels, however near it comes. With K
the curvature of what descends (weight decay included), an epoch is one linear map of (e, velocity); the maps of many
epochs ahead are multiplied once and used again and again, as long as the learning rate stays.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.backends import base
from tui_regress.engine.chunks import CHUNK
from tui_regress.engine.control import Stop
from tui_regress.engine.events import Block, Plain
from tui_regress.engine.objective import coupled_decay, initial_parameters
from tui_regress.engine.quadratic import quadratic
from tui_regress.experiment import Experiment, Linear, Sgd

_LONGEST = 2**15
"""Epochs in a stretch, at most."""
_LARGEST = 1e100
"""Entry of a map beyond which maps are not multiplied further: infinity times an error of 0 would be no number."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Epochs that are computed at once, always all of them: no number depends on how a run is cut into blocks."""

    first: int
    """The record that it leads on from."""
    place: FloatArray
    """Shape (q,): error and, with momentum, velocity at that record."""
    lr: float
    maps: FloatArray
    """Shape (t·q, q): from ``place`` to each of ``places``."""
    places: FloatArray
    """Shape (t, q): those at the records that follow."""
    records: FloatArray
    """Shape (t, 2p + 2): parameters, gradient, loss and score of these records."""


@dataclass(slots=True, kw_only=True)
class State(base.State):
    """The stretch that a run is in; its last record is the end of the stretch, not the beginning of the next."""

    stretch: Stretch


class Statistics:
    """See the module. ``sgd`` is the optimizer of ``experiment``, whose model must be linear."""

    name: ClassVar[str] = "statistics"

    def __init__(self, experiment: Experiment, dataset: Dataset, model: Linear, sgd: Sgd) -> None:
        self.device = "cpu"
        self._experiment, self._model, self._sgd = experiment, model, sgd
        self._dtype = np.dtype(experiment.device.dtype)
        self._rows, self._features = dataset.rows, dataset.features
        self._known = quadratic(model, dataset)
        decay = coupled_decay(experiment, dataset.rows)
        self._end = self._known.settled(decay)
        self._bent = self._known.hessian + decay * np.eye(len(self._end))

    def start(self, theta: FloatArray | None = None, epoch: int = 0) -> State:
        """See :class:`base.Backend`."""
        if theta is None:
            theta = initial_parameters(self._model, self._features, self._experiment.training.seed)
        place = self._rounded(theta) - self._end
        if self._sgd.momentum:
            # torch's first step has no dampening: its velocity is the gradient.
            place = np.append(place, self._bent @ place * (self._sgd.dampening / self._sgd.momentum))
        lr = self._sgd.lr
        return State(lr, np.random.default_rng(0), epoch=epoch, stretch=self._nowhere(epoch, place, lr))

    def freeze(self, state: State) -> dict[str, Plain]:
        """See :class:`base.Backend`."""
        stretch = state.stretch
        begun: dict[str, Plain] = {
            "first": stretch.first,
            "place": stretch.place,
            "lr": stretch.lr,
            "empty": not len(stretch.records),
        }
        return {"epoch": state.epoch, "lr": state.lr, "stretch": begun}

    def thaw(self, frozen: dict[str, Any]) -> State:
        """See :class:`base.Backend`."""
        begun = frozen["stretch"]
        stretch = self._nowhere(begun["first"], begun["place"], begun["lr"])
        if not begun["empty"]:
            stretch = self._onward(stretch, stretch.first, stretch.lr)
        return State(frozen["lr"], np.random.default_rng(0), epoch=frozen["epoch"], stretch=stretch)

    def record(self, state: State) -> Block:
        """See :class:`base.Backend`."""
        stretch, row = state.stretch, state.epoch - state.stretch.first
        return self._block(state, [stretch.records[row - 1 : row] if row else self._records(stretch.place[None])])

    def advance(self, state: State, epochs: int, breathe: base.Breathe) -> Block:
        """See :class:`base.Backend`."""
        parts: list[FloatArray] = []
        last = state.epoch + epochs
        with suppress(Stop):
            while state.epoch < last:
                row = state.epoch - state.stretch.first
                if row == len(state.stretch.records) or state.lr != state.stretch.lr:
                    state.stretch, row = self._onward(state.stretch, state.epoch, state.lr), 0
                part = state.stretch.records[row : row + last - state.epoch]
                parts.append(part)
                state.epoch += len(part)
                breathe()
        return self._block(state, parts)

    def _nowhere(self, first: int, place: FloatArray, lr: float) -> Stretch:
        """A stretch of no epochs."""
        q = len(place)
        return Stretch(first, place, lr, np.empty((0, q)), np.empty((0, q)), np.empty((0, 2 * len(self._end) + 2)))

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def _onward(self, before: Stretch, epoch: int, lr: float) -> Stretch:
        """The stretch that leads on from record ``epoch`` of the one ``before``."""
        row = epoch - before.first
        place = before.places[row - 1] if row else before.place
        q = len(place)
        maps = before.maps if len(before.maps) and lr == before.lr else self._maps(lr).reshape(-1, q)
        places = (maps @ place).reshape(-1, q)
        records = self._records(places)
        broken = ~np.isfinite(records[:, : len(self._end)]).all(axis=1)
        if broken.any():
            # In the run's precision there is no way on from here.
            lost = int(np.argmax(broken)) + 1
            records[lost:] = places[lost:] = np.nan
        return Stretch(epoch, place, lr, maps, places, records)

    def _maps(self, lr: float) -> FloatArray:
        """Shape (t, q, q): the maps of 1, 2, …, t epochs."""
        one = self._map(lr)
        q = len(one)
        maps = one[None]
        longest = max(1, min(_LONGEST, CHUNK // q**2))
        while len(maps) < longest and np.abs(maps[-1]).max() < _LARGEST:
            maps = np.concatenate((maps, maps[: longest - len(maps)] @ maps[-1]))
        # Doubling may have gone far beyond.
        within = np.abs(maps).max(axis=(1, 2)) < _LARGEST**2
        return maps if within.all() else maps[: max(1, int(np.argmin(within)))]

    def _map(self, lr: float) -> FloatArray:
        """Shape (q, q): one step of torch.optim.SGD."""
        sgd, one = self._sgd, np.eye(len(self._end))
        if not sgd.momentum:
            return np.asarray(one - lr * self._bent)
        velocity = np.hstack(((1 - sgd.dampening) * self._bent, sgd.momentum * one))
        step = sgd.momentum * velocity + np.hstack((self._bent, 0 * one)) if sgd.nesterov else velocity
        return np.vstack((np.hstack((one, 0 * one)) - lr * step, velocity))

    @np.errstate(over="ignore", invalid="ignore", under="ignore")
    def _records(self, places: FloatArray) -> FloatArray:
        """Shape (t, 2p + 2): the records at ``places``, shape (t, q), in the run's precision."""
        known, p = self._known, len(self._end)
        theta = places[:, :p] + self._end
        error = places[:, :p] + (self._end - known.solution.parameters)
        gradient = error @ known.hessian
        loss = known.lowest + np.einsum("ij,ij->i", error, gradient) / 2
        score = known.mean_square * loss
        # A mean takes the sum first.
        loss = np.where(score * self._rows > np.finfo(self._dtype).max, np.inf, loss)
        # Column by column in memory: whoever looks at the losses needs no parameters.
        return self._rounded(np.vstack((theta.T, gradient.T, loss, np.where(np.isinf(loss), np.inf, score))).T)

    def _rounded(self, values: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(self._dtype).astype(np.float64)

    def _block(self, state: State, parts: list[FloatArray]) -> Block:
        p = len(self._end)
        table = np.concatenate((np.empty((2 * p + 2, 0)), *(part.T for part in parts)), axis=1).T
        return base.block_of(table, state)
