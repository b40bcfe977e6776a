"""The training loop: blocks sized by the clock, and all that a run remembers from one to the next."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import validation
from tui_regress.engine.backends.base import Backend, State
from tui_regress.engine.budget import Budget
from tui_regress.engine.control import Control, Stop
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Plain, Recovered, Resume, Verdict
from tui_regress.engine.metrics import measure
from tui_regress.engine.sentences import explain, remedy
from tui_regress.engine.stability import Forecast, safe_lr
from tui_regress.engine.stopping import End, Reached, Rules, outcome
from tui_regress.experiment import Experiment, Logistic, override
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable

_GROWTH = 10
"""By how much a block may be longer than the last: one that was short by chance must not make the next one endless."""
_MOST = 2**18
"""Records in a block: whoever takes it has other things to do too, such as to answer a key."""
_MOST_RECOVERIES = 8
"""Each goes on with a smaller lr; a run that needs more is not to be saved by that."""


_SORTING = 1.5e-7
"""Seconds a row that the area under the curve takes, about: millions of rows must not begin with it."""


class Course:
    """One run under way: begun by ``start``, ``take_up`` or ``thaw``, it gives its ``events`` and how it ``ended``."""

    def __init__(
        self, experiment: Experiment, dataset: Dataset, backend: Backend[Any], control: Control, ahead: Forecast
    ) -> None:
        self._experiment, self._dataset, self._trained = experiment, dataset, dataset.trained
        self._backend, self._control, self._ahead = backend, control, ahead
        self._epochs, self._policy = experiment.training.epochs, experiment.training.on_divergence
        self._rules = Rules(experiment, dataset.rows)
        self._monitor = Monitor(experiment, self._trained, ahead)
        self._reached = Reached()
        self._state: State
        self._seen: Block
        """The records last yielded, with parameters as training steps them."""
        self._announced = True
        """Whether the record of the state is out."""
        self._verdict: Verdict | None = None
        self._recoveries = 0
        self._end: End | None = None
        self._length = 1
        """Epochs in the next block."""
        self._checkpoint: Checkpoint | None = None
        """The latest one, which may be that of an earlier record where the state is large."""
        self._frozen = -1, 0.0
        """Its record, and the learning rate from there on."""
        self._told: Checkpoint | None = None
        """The last one yielded."""
        self._freezing = Budget(0.05, 0.01)
        self._telling = Budget(1.0, 0.01)
        self._measuring = Budget(0.25, 0.05, _SORTING * dataset.rows if isinstance(experiment.model, Logistic) else 0.0)
        self.aside = 0.0
        """Seconds that measuring has taken so far: a person asks how good the model is, not the training."""

    def start(self, theta: FloatArray) -> None:
        """Begin at record 0 with ``theta``, shape (p,), as training steps it."""
        self._state, self._announced = self._backend.start(theta), False

    def take_up(self, resume: Resume) -> None:
        """Begin after a record of an earlier run, with a fresh optimizer."""
        self._state = self._backend.start(self._dataset.from_original(resume.parameters), resume.epoch)
        self._seen = self._validated(self._backend.record(self._state))
        self._reached.note(self._seen)

    def thaw(self, checkpoint: Checkpoint) -> None:
        """Begin where a run of the same experiment was frozen. Raises InputError where it was another one."""
        content: dict[str, Any] = checkpoint.content
        try:
            _compare(content["run"], self._facts())
            self._state = self._backend.thaw(content["state"])
            self._monitor.thaw(content["monitor"])
            self._reached.thaw(content["reached"])
            self._verdict = content["verdict"] and Verdict(**content["verdict"])
            self._recoveries = content["recoveries"]
        except InputError:
            raise
        except Exception as error:
            # Content that another program wrote can be wrong in any way; the cause stays attached.
            raise InputError("the checkpoint does not hold what it takes to go on; it may be damaged.") from error
        self._seen = self._validated(self._backend.record(self._state))

    def _freeze(self) -> Checkpoint:
        """All that :meth:`thaw` needs; only between blocks."""
        with self._freezing:
            content: dict[str, Plain] = {
                "run": self._facts(),
                "state": self._backend.freeze(self._state),
                "monitor": self._monitor.freeze(),
                "reached": self._reached.freeze(),
                "verdict": None if self._verdict is None else asdict(self._verdict),
                "recoveries": self._recoveries,
            }
        return Checkpoint(self._state.epoch, content)

    def _facts(self) -> dict[str, Plain]:
        """What must be the same for a checkpoint to fit."""
        experiment, held = self._experiment, self._dataset.validation
        return {
            "gradient": self._backend.name,
            "dtype": experiment.device.dtype,
            "model": str(experiment.model.__struct_config__.tag),
            "optimizer": str(experiment.optimizer.__struct_config__.tag),
            "number of features": self._dataset.features,
            "bias": experiment.model.bias,
            "number of rows": self._dataset.rows,
            "number of rows held out": 0 if held is None else len(held),
        }

    def events(self, block_seconds: float) -> Iterator[Event]:
        """All that happens between Started and Ended."""
        control = self._control
        self._measuring.wait()
        if not self._announced:
            self._state.lr = control.take_lr(self._state.lr, 0)
            yield from self._take(self._validated(self._backend.record(self._state)))
        while self._end is None:
            epoch, lr = self._state.epoch, self._state.lr
            self._state.lr = control.take_lr(lr, epoch + 1)
            over = control.stopped or epoch >= self._epochs
            turn = 0 if over else control.take_turn(min(self._length, self._epochs - epoch), epoch)
            # What a person does is not to be lost, whenever the process is killed: a new learning rate, a pause. That
            # may halt an epoch that is alone in its block, and then it is too late to say anything.
            now, soon = not turn or self._state.lr != lr, turn == 1
            if (now or self._freezing.due(soon=soon)) and (epoch, self._state.lr) != self._frozen:
                self._frozen = epoch, self._state.lr
                self._checkpoint = self._freeze()
            if over:
                self._end = outcome(epoch, self._epochs, self._verdict)
            elif turn:
                if now or self._telling.due(soon=soon):
                    yield from self._tell()
                yield from self._advance(turn, block_seconds)
            else:
                yield from self._tell()
                control.wait()
        if self._verdict is None or self._policy != "stop":
            yield self._checkpoint or self._freeze()
        yield self._measured(*self._given())

    def ended(self, seconds: float) -> Ended:
        """The last word."""
        assert self._end is not None, "all events are out"  # noqa: S101 - for the type checker
        status, stop, reason = self._end
        if status == "completed" and self._seen.loss[-1] > self._reached.first:
            reason += f" The loss ended above where it began. {explain(self._ahead)[0]} {remedy(self._ahead)}"
        record, theta = self._given()
        best = self._reached.best
        return Ended(
            status=status,
            reason=reason,
            epoch=self._seen.last,
            loss=float(self._seen.loss[-1]),
            parameters=self._original(theta),
            verdict=self._verdict,
            seconds=seconds,
            stop=stop,
            record=-1 if self._reached.finite is None else record,
            best=None if best is None else replace(best, parameters=self._original(best.parameters)),
        )

    def _given(self) -> tuple[int, FloatArray]:
        """Number and parameters, as training steps them, of the record that the run gives."""
        early = self._end is not None and self._end.stop == "early-stopping"
        mark = self._reached.best if early else self._reached.finite
        return (self._seen.last, self._seen.parameters[-1]) if mark is None else (mark.epoch, mark.parameters)

    def _original(self, theta: FloatArray) -> FloatArray:
        """``theta``, shape (…, p), in the units of the data."""
        if self._dataset.scaling is None:
            return theta
        # One by one: many at once would round differently with their number, and so with the length of the blocks.
        return self._dataset.to_original(theta[..., None, :])[..., 0, :]

    def _tell(self) -> Iterator[Event]:
        """The latest checkpoint, if it is news."""
        if self._checkpoint is not None and self._checkpoint is not self._told:
            self._told = self._checkpoint
            with self._telling:
                yield self._checkpoint

    def _advance(self, turn: int, block_seconds: float) -> Iterator[Event]:
        """Run ``turn`` epochs, fewer where a stop is asked for or a rule says so."""
        control = self._control
        breathe = partial(control.breathe, alone=turn == 1)
        began, waited = time.perf_counter(), control.waited
        block = self._validated(self._backend.advance(self._state, turn, breathe), breathe)
        seconds = time.perf_counter() - began - (control.waited - waited)
        control.end_turn(turn)
        self._length = max(1, min(_GROWTH * turn, _MOST, round(turn * block_seconds / seconds)))
        if len(block.loss):
            yield from self._take(block)
        if len(block.loss) < turn and self._end is None:
            self._end = outcome(self._seen.last, self._epochs, self._verdict)

    def _validated(self, block: Block, breathe: Callable[[], None] = lambda: None) -> Block:
        """``block`` with its validation losses; without any records where a stop is asked for meanwhile."""
        held = self._trained.validation
        if held is None:
            return block
        try:
            losses = validation.losses(self._experiment.model, block.parameters, held, breathe)
        except Stop:
            return _until(block, block.first - 1)
        return replace(block, validation_loss=losses)

    def _take(self, block: Block) -> Iterator[Event]:
        """Yield the records of ``block`` up to where the run ends, if it does, and draw the consequences."""
        asked = self._verdict is None
        rule = self._rules.check(block, self._reached) if asked else None
        found = self._monitor.check(block) if asked else None
        if rule and found:
            rule, found = (rule, None) if rule[0] < found.epoch else (None, found)
        halt = found is not None and self._policy != "continue"
        last = rule[0] if rule else found.epoch if found and halt else block.last
        self._seen = seen = _until(block, last)
        self._reached.note(seen)
        shown = self._original(seen.parameters)
        yield seen if shown is seen.parameters else replace(seen, parameters=shown)
        if rule:
            self._end = self._rules.end(*rule, seen, self._reached)
        elif found:
            self._verdict = found
            yield found
            if halt:
                yield from self._recover(found)
        elif self._measuring.due() and np.isfinite(seen.parameters[-1]).all():
            yield self._measured(seen.last, seen.parameters[-1])

    def _recover(self, verdict: Verdict) -> Iterator[Event]:
        """After a verdict, go back to the record of the lowest loss where that is wanted and may help; else end."""
        last, lowest = self._seen.last, self._reached.lowest
        exhausted = self._recoveries == _MOST_RECOVERIES or last >= self._epochs
        if lowest is None or self._policy != "recover" or exhausted or self._control.stopped:
            self._end = End("diverged", "divergence", verdict.message)
            return
        self._verdict = None
        self._recoveries += 1
        self._monitor = Monitor(self._experiment, self._trained, self._ahead)
        self._reached.since, self._length = last, 1
        lr = safe_lr(self._ahead, self._state.lr)
        self._control.set_lr(lr)
        self._state = self._backend.start(lowest.parameters, last)
        message = f"Back to the parameters of epoch {lowest.epoch:,}, and on with lr {lr:.3g}."
        yield Recovered(last, lowest.epoch, lr, message)

    def _measured(self, epoch: int, theta: FloatArray) -> Measured:
        """How good ``theta``, shape (p,), as training steps it, is on the rows of training and on those held out."""
        model, trained, held = self._experiment.model, self._trained, self._trained.validation
        began = time.perf_counter()
        with self._measuring:
            found = Measured(
                epoch,
                training=measure(model, theta, trained.X, trained.y),
                validation=None if held is None else measure(model, theta, held.X, held.y),
            )
        self.aside += time.perf_counter() - began
        return found


def as_frozen(experiment: Experiment, checkpoint: Checkpoint, gradient: str) -> Experiment:
    """``experiment`` with the gradient of ``checkpoint`` where it names none and ``gradient`` would be chosen now.

    What suits best may be another by now, or on another machine.
    """
    content: Any = checkpoint.content
    match content:
        case {"run": {"gradient": str(frozen)}} if experiment.training.gradient == "auto" and frozen != gradient:
            # What is wrong with it is for thaw to say.
            with suppress(ExperimentError):
                return override(experiment, {"training.gradient": frozen})
    return experiment


def _compare(there: dict[str, Any], here: dict[str, Plain]) -> None:
    for what, value in here.items():
        if there[what] != value:
            other = printable(str(there[what]), 40)
            raise InputError(f"the checkpoint is of another run: its {what} is {other}, here it is {value}.")


def _until(block: Block, epoch: int) -> Block:
    """``block`` cut after the record of ``epoch``."""
    if epoch == block.last:
        return block
    k = epoch - block.first + 1
    return Block(
        first=block.first,
        parameters=block.parameters[:k],
        gradient=block.gradient[:k],
        loss=block.loss[:k],
        score=block.score[:k],
        lr=block.lr[:k],
        validation_loss=None if block.validation_loss is None else block.validation_loss[:k],
    )
