"""The divergence monitor: proof where there is one, confirmed suspicion where there is noise, never a false alarm.

"non-finite" stops at the first number that is none. "rising" is a proof: with plain sgd on full batches, a linear
model's loss cannot rise unless the learning rate is above its limit. "trend" is for everything else, where a rise
proves nothing (momentum swings, minibatches hover): once the loss is far above its start, the recursion of the error
decides whether it grows for ever at this learning rate.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import msgspec
import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import stability
from tui_regress.engine.events import Block, Plain, Verdict
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.moments import manageable, moments
from tui_regress.engine.objective import divisor
from tui_regress.engine.recursion import largest_q
from tui_regress.engine.sentences import against_limit, remedy
from tui_regress.engine.stability import Forecast
from tui_regress.experiment import AdamW, Experiment, Linear, Model, Sgd
from tui_regress.text import plain, rounded_down, short

_RISES = 3
"""Rises in a row that count as proof: in exact arithmetic one would do."""
_ROUNDING = 2.0
"""How many times its rounding error the loss must rise by; below the limit no rise of more than once was ever seen."""
_FAR = 100.0
"""Times the loss at the start, or of predicting 0, beyond which growth is suspected."""
_WINDOW = 10
"""Epochs over which growth is measured, at most."""


@dataclass(slots=True)
class _Past:
    """What a monitor remembers of the records so far."""

    lr: float = math.nan
    recent: FloatArray = field(default_factory=lambda: np.empty(0))
    """What descends at the last records: the first may be of another lr, the rest are of the present one."""
    streak: int = 0
    """Rises in a row up to the last record."""
    reference: float = 0.0
    calm: int = -1
    """The last record that was no higher than the reference."""
    asked: bool = False
    ahead: float | None = None
    """Growth of the loss per epoch in the end at the present lr, if any; computed once there is reason to ask."""
    done: bool = False


class Monitor:
    """Watches one run, block by block, and is silent after its first verdict.

    ``forecast`` puts its limit and its advice into the verdict's message.
    """

    def __init__(self, experiment: Experiment, dataset: Dataset, forecast: Forecast | None = None) -> None:
        model, optimizer, rows = experiment.model, experiment.optimizer, dataset.rows
        self._experiment, self._dataset, self._forecast = experiment, dataset, forecast
        self._proof = (
            isinstance(model, Linear)
            and isinstance(optimizer, Sgd)
            and optimizer.momentum == 0
            and batch_size(experiment, rows) == rows
        )
        self._decay = 0.0 if isinstance(optimizer, AdamW) else optimizer.weight_decay
        self._per_square = rows / divisor(model, rows)
        self._dtype = experiment.device.dtype
        self._eps, self._largest = float(np.finfo(self._dtype).eps), float(np.finfo(self._dtype).max)
        with np.errstate(over="ignore"):
            feature_squares, squares = _squares(dataset, model)
            self._feature_sizes = np.sqrt(feature_squares / rows)
            squares /= rows
        self._target_size = math.sqrt(squares)
        self._nothing = self._per_square * (squares if isinstance(model, Linear) else math.log(2))
        """The loss of predicting 0: the scale of the problem, wherever the run starts."""
        self._past = _Past()

    def freeze(self) -> dict[str, Plain]:
        """What the monitor remembers of the records so far, for a checkpoint."""
        return asdict(self._past)

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Remember what :meth:`freeze` gave, and go on from there."""
        self._past = _Past(**frozen)

    def check(self, block: Block) -> Verdict | None:
        """The verdict, if a rule fires at a record of ``block``, which must follow on the last one."""
        if self._past.done:
            return None
        fine = block.finite
        end = len(fine) if fine.all() else int(np.argmin(fine))
        verdict = next(filter(None, (self._judge(block, part) for part in _stretches(block.lr[:end]))), None)
        if verdict is None and end < len(fine):
            verdict = self._non_finite(block, end)
        self._past.done = verdict is not None
        return verdict

    @np.errstate(over="ignore", invalid="ignore")
    def _judge(self, block: Block, part: slice) -> Verdict | None:
        """The verdict on finite records of one learning rate."""
        theta, first = block.parameters[part], block.first + part.start
        losses = block.loss[part] + self._decay / 2 * np.einsum("ij,ij->i", theta, theta)
        if block.lr[part.start] != self._past.lr:
            self._restart(float(block.lr[part.start]), first, float(losses[0]))
        fired = self._third_rise(theta, losses) if self._proof else self._confirmed_growth(losses)
        seen = losses if fired is None else losses[: fired + 1]
        calm = np.flatnonzero(seen <= self._past.reference)
        self._past.calm = first + int(calm[-1]) if len(calm) else self._past.calm
        self._past.recent = np.append(self._past.recent, seen)[-_WINDOW - 1 :]
        if fired is None:
            return None
        epoch, growth = first + fired, self._growth(first + fired)
        if not self._proof:
            return self._growing("trend", epoch, self._past.calm + 1, growth, self._past.ahead)
        ahead = self._ahead(theta[fired])
        end = None if ahead.overflow_epoch is None else self._told_before(epoch + ahead.overflow_epoch)
        return self._growing("rising", epoch, epoch - _RISES + 1, growth, ahead.growth, end)

    def _ahead(self, theta: FloatArray) -> Forecast:
        """What comes, from parameters ``theta`` on, shape (p,)."""
        return stability.forecast(self._as_now(), self._dataset, theta)

    def _as_now(self) -> Experiment:
        """The experiment at the learning rate there is now."""
        optimizer = msgspec.structs.replace(self._experiment.optimizer, lr=self._past.lr)
        return msgspec.structs.replace(self._experiment, optimizer=optimizer)

    def _told_before(self, end: int) -> int:
        """``end``, an epoch; as the forecast of the whole run has it, where but the rounding until now differs."""
        told = self._forecast.overflow_epoch if self._forecast and self._forecast.lr == self._past.lr else None
        return told if told is not None and abs(told - end) <= 1 else end

    def _restart(self, lr: float, first: int, loss: float) -> None:
        self._past.lr, self._past.streak, self._past.asked, self._past.ahead = lr, 0, False, None
        # What the last record of the old rate holds is where the new one starts from.
        self._past.recent = self._past.recent[-1:]
        self._past.reference = max(self._nothing, float(self._past.recent[0]) if len(self._past.recent) else loss)
        self._past.calm = first - 1

    def _third_rise(self, theta: FloatArray, losses: FloatArray) -> int | None:
        """Index of the first record that completes a row of rises beyond rounding."""
        before = self._past.recent[-1:] if len(self._past.recent) else losses[:1]
        rises = np.diff(np.append(before, losses)) > self._rounding(theta, losses)
        numbers = np.arange(len(losses))
        row = numbers - np.maximum.accumulate(np.where(rises, -1 - self._past.streak, numbers))
        self._past.streak = int(row[-1])
        return int(np.argmax(row >= _RISES)) if (row >= _RISES).any() else None

    def _rounding(self, theta: FloatArray, losses: FloatArray) -> FloatArray:
        """Shape (k,): by how much the losses may rise through rounding, in the run's precision.

        A residual r is off by about ε(|y| + Σ|xθ|), its square by 2|r| times that, the mean over the rows by what
        Cauchy and Schwarz make of it. The rounding of the step adds no more: at q < 2 it fades again.
        """
        size = np.abs(theta[:, : len(self._feature_sizes)]) @ self._feature_sizes + self._target_size
        size += np.abs(theta[:, len(self._feature_sizes) :]).sum(axis=1)
        size += math.sqrt(self._decay / 2 / self._per_square) * np.sqrt(np.einsum("ij,ij->i", theta, theta))
        eps = _ROUNDING * self._eps
        off = eps * size
        return np.asarray(self._per_square * (2 * np.sqrt(losses / self._per_square) * off + off**2) + eps * losses)

    def _confirmed_growth(self, losses: FloatArray) -> int | None:
        """Index of the first record far up, if the error grows for ever at this learning rate."""
        far = losses > _FAR * self._past.reference
        if not far.any():
            return None
        if not self._past.asked:
            self._past.asked, self._past.ahead = True, stability.growth(self._as_now(), self._dataset)
        return None if self._past.ahead is None else int(np.argmax(far))

    def _growth(self, epoch: int) -> float | None:
        """Factor per epoch by which the loss grew up to record ``epoch``, the last in ``recent``."""
        window = min(len(self._past.recent) - 1, epoch - self._past.calm)
        if window < 1 or self._past.recent[-1 - window] == 0:
            return None
        climb = math.log(self._past.recent[-1]) - math.log(self._past.recent[-1 - window])
        growth = math.exp(min(climb / window, 700.0))
        return growth if growth > 1 else None

    def _growing(
        self,
        rule: Literal["rising", "trend"],
        epoch: int,
        since: int,
        measured: float | None,
        ahead: float | None,
        end: int | None = None,
    ) -> Verdict:
        """The verdict on a loss, the last in ``recent``, that grows by ``measured``, and by ``ahead`` in the end.

        ``end`` is the epoch at which it overflows, where that is known.
        """
        now, lasting = float(self._past.recent[-1]), ahead or measured
        advice = self._advice(lasting)
        if lasting is not None and isinstance(self._experiment.model, Linear):
            squares = math.log(now) + math.log(divisor(self._experiment.model, self._dataset.rows))
            left = math.ceil((math.log(self._largest) - squares) / math.log(lasting))
            when = f"about epoch {epoch + left:,}" if end is None else f"epoch {end:,}"
            advice.insert(-1, f"{self._dtype} would overflow at {when}.")
        rates = [short(rate) for rate in (measured, ahead) if rate is not None]
        later = f", ×{rates[-1]} in the end" if rates[-1] != rates[0] else ""
        trouble = f"Diverging since epoch {since:,}: the loss grows ×{rates[0]} per epoch{later}."
        growth = ahead if self._proof else measured
        return Verdict(rule, epoch, since, growth, " ".join((trouble, *advice)))

    def _non_finite(self, block: Block, index: int) -> Verdict:
        epoch, lr = block.first + index, float(block.lr[index])
        if lr != self._past.lr:
            self._restart(lr, epoch, math.inf)
        what = "loss" if not np.isfinite(block.loss[index]) else "gradient"
        if epoch == 0:
            message = f"The {what} is not finite before the first step: the numbers are too large for {self._dtype}."
            columns = max(self._feature_sizes.max(initial=0.0), 1.0) >= self._target_size
            remedy = "Scale the columns" if columns else "Scale the target"
            wider = "" if self._dtype == "float64" else ", or use float64 (device.dtype)"
            return Verdict("non-finite", 0, 0, None, f"{message} {remedy}{wider}.")
        growth, since = self._growth(epoch - 1), self._past.calm + 1
        rise = "" if growth is None else f"the loss grew ×{short(growth)} per epoch, and "
        trouble = f"Diverging since epoch {since:,}: {rise}the {what} left the finite numbers at epoch {epoch:,}."
        return Verdict("non-finite", epoch, since, growth, " ".join((trouble, *self._advice(growth))))

    def _advice(self, growth: float | None) -> list[str]:
        """Sentences: lr against its limit, if known, and what to do."""
        forecast, optimizer = self._forecast, self._experiment.optimizer
        if forecast is not None:
            over = 0 < forecast.limit < self._past.lr
            return [f"{against_limit(forecast, self._past.lr)}.", remedy(forecast)] if over else [remedy(forecast)]
        if isinstance(optimizer, Sgd) and largest_q(optimizer) == 0:
            return ["Try a momentum and a dampening below 1."]
        # With q = lr·λ the loss grows by (1 − q)² per step of plain sgd: this is 1/λ, half of the limit.
        steps = math.ceil(self._dataset.rows / batch_size(self._experiment, self._dataset.rows))
        smaller = 0.1 * self._past.lr if growth is None else self._past.lr / (1 + growth ** (0.5 / steps))
        curved = growth is None or (isinstance(optimizer, Sgd) and isinstance(self._experiment.model, Linear))
        advice = f"lr {plain(self._past.lr)} is too large: try lr {rounded_down(smaller)}."
        sizes = self._feature_sizes[self._feature_sizes > 0]
        if curved and len(sizes) and (sizes.max() > 1.5 or sizes.max() > 10 * sizes.min()):
            advice += " Scaling the columns may help."
        return [advice]


def _squares(dataset: Dataset, model: Model) -> tuple[FloatArray, float]:
    """Sums of squares over the rows: of each column, shape (d,), and of the target."""
    if manageable(dataset, model.bias):
        known = moments(dataset, model.bias)
        return known.gram.diagonal()[: dataset.features], known.squares
    return np.einsum("ij,ij->j", dataset.X, dataset.X), float(dataset.y @ dataset.y)


def _stretches(lr: FloatArray) -> Iterator[slice]:
    """The parts of ``lr``, shape (k,), in which it does not change."""
    changes = (np.flatnonzero(np.diff(lr)) + 1).tolist()
    edges = [0, *changes, len(lr)]
    return (slice(start, stop) for start, stop in pairwise(edges) if stop > start)
