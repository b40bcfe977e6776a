"""Running a kept run again, with every change of the learning rate, to see whether the numbers are the same."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset
from tui_regress.data.progress import Progress, silent
from tui_regress.engine import training
from tui_regress.engine.control import Scripted
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, FloatArray, Recovered, Resume, Started
from tui_regress.problems import InputError
from tui_regress.runs.data import load_data
from tui_regress.runs.environment import environment
from tui_regress.runs.kept import KeptRun
from tui_regress.text import printable

TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
"""By how large a part of itself a loss may differ where versions or machine are not those of then; and by the square
of that of the first loss, since near 0 nothing but rounding is left."""
_MATTERS = ("tui-regress", "torch", "numpy", "processor", "threads")
"""What of the environment may change the last digits."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the numbers of a run are the same again."""

    matches: bool
    """All records compared are equal to the bit; where versions or machine have changed, within the tolerance."""
    exact: bool
    """All records compared are equal to the bit."""
    epoch: int | None
    """The first record that is not; None where there is none."""
    sentence: str
    """All of it in words."""


def scripted(kept: KeptRun) -> Scripted:
    """A control that sets the learning rates of ``kept``; it can also pause and stop the replay."""
    return Scripted(kept.rates)


def replay(kept: KeptRun, control: Scripted | None = None, progress: Progress = silent) -> Iterator[Event | Comparison]:
    """Run ``kept`` again: yields what the run says but for checkpoints, up to its last record, then one Comparison.

    Losses and validation losses are compared record by record. ``control``: from :func:`scripted`, to have a hand on
    it; where it stops the run, what there was until then is compared.

    Raises InputError where there is nothing to compare with, or the data are gone, were piped in or have changed.
    """
    if not len(kept.records):
        raise InputError(f"run {kept.summary.run_id} has no records to compare with.")
    return _replayed(kept, load_data(kept, progress), control or scripted(kept))


def _replayed(kept: KeptRun, dataset: Dataset, control: Scripted) -> Iterator[Event | Comparison]:
    compared = _Compared(kept)
    by_hand = {recovered.epoch: recovered for recovered in kept.recoveries}
    parameters: dict[int, FloatArray] = {recovered.record: np.empty(0) for recovered in kept.recoveries}
    resume: Resume | None = None
    ended: Ended | None = None
    while True:
        with closing(training.run(kept.summary.experiment, dataset, control, resume=resume)) as events:
            for event in events:
                match event:
                    case Started():
                        compared.started = event
                    case Block():
                        compared.take(event)
                        for record in parameters.keys() & range(event.first, event.last + 1):
                            parameters[record] = event.parameters[record - event.first].copy()
                    case Recovered():
                        by_hand.pop(event.epoch, None)
                    case Ended():
                        ended = event
                if not isinstance(event, Checkpoint):
                    yield event
                if compared.complete:
                    break
        recovered = by_hand.pop(compared.last, None)
        if compared.complete or control.stopped or recovered is None:
            break
        # The run had ended, and a person let it go on.
        yield recovered
        resume = Resume(recovered.epoch, parameters[recovered.record])
    yield compared.result(ended, stopped=control.stopped)


class _Compared:
    """The records of a run and those of its replay, as far as it has come."""

    def __init__(self, kept: KeptRun) -> None:
        self.started: Started
        self.last = -1
        """The last record of the replay."""
        self._kept, self._records = kept, kept.records
        self._tolerance = TOLERANCE[kept.dtype]
        self._epoch: int | None = None
        """The first record that differs."""
        self._numbers = ("", "")
        """Then and now, where it differs."""
        self._close = True
        """Nothing has differed by more than the tolerance."""

    @property
    def complete(self) -> bool:
        """The replay has come to the last record of the run."""
        return self.last >= self._records.last

    def take(self, block: Block) -> None:
        """Compare the records of ``block``, as far as the run has them."""
        self.last = block.last
        rows = slice(block.first, block.last + 1)
        self._compare("loss", block.first, self._records.loss[rows], block.loss)
        if self._records.validation_loss is not None and block.validation_loss is not None:
            self._compare("validation loss", block.first, self._records.validation_loss[rows], block.validation_loss)

    def result(self, ended: Ended | None, *, stopped: bool) -> Comparison:
        """The comparison, once the replay is over; ``ended`` is its last word, if it came to one."""
        changes = self._changes()
        exact = self._epoch is None
        matches = exact or (self._close and bool(changes))
        last = min(self.last, self._records.last)
        if not self.complete and not stopped and matches and ended is not None:
            sentence = f"The replay ended at record {last:,}, the run only at {self._records.last:,}: {ended.reason}"
            return Comparison(matches=False, exact=False, epoch=last + 1, sentence=sentence)
        return Comparison(matches, exact, self._epoch, self._sentence(last, changes, matches=matches))

    def _sentence(self, last: int, changes: list[str], *, matches: bool) -> str:
        if not self.complete:
            match = f"Up to record {last:,}, where it was stopped, all records match"
        else:
            match = f"All {last + 1:,} records match" if last else "The only record matches"
        if self._epoch is None:
            return f"{match} to the bit."
        percent = f"{100 * self._tolerance:g} %"
        because = f" It is not the same as then: {'; '.join(changes)}." if changes else ""
        if matches:
            return f"{match} to within {percent}, from record {self._epoch:,} on not to the bit.{because}"
        then, now = self._numbers
        small = f", though by no more than {percent}" if self._close else ""
        return f"The numbers differ from record {self._epoch:,} on{small}: {then} then, {now} now.{because}"

    def _compare(self, what: str, first: int, then: FloatArray, now: FloatArray) -> None:
        now = now[: len(then)]
        differs = ~((then == now) | (np.isnan(then) & np.isnan(now)))
        if not differs.any():
            return
        row = int(np.argmax(differs))
        if self._epoch is None or first + row < self._epoch:
            self._epoch, self._numbers = first + row, _apart(what, float(then[row]), float(now[row]))
        self._close = self._close and bool(self._is_close(then[differs], now[differs]).all())

    @np.errstate(over="ignore", invalid="ignore")
    def _is_close(self, then: FloatArray, now: FloatArray) -> NDArray[np.bool_]:
        rounding = self._tolerance**2 * np.nan_to_num(abs(self._records.loss[0]), posinf=0.0)
        near = np.abs(now - then) <= self._tolerance * np.abs(then) + rounding
        return np.asarray(np.isfinite(then) & near)

    def _changes(self) -> list[str]:
        """What may change the last digits, and is not as it was."""
        run, here = self._kept.summary, self.started
        then: Mapping[str, Any] = {"device": run.device, "gradient": run.gradient, **run.environment}
        now: Mapping[str, Any] = {"device": here.device, "gradient": here.gradient, **environment()}
        changed = [name for name in ("device", "gradient", *_MATTERS) if then.get(name) != now[name]]
        return [f"{name} {printable(str(then.get(name)))} then, {printable(str(now[name]))} now" for name in changed]


def _apart(what: str, then: float, now: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    digits = next(digits for digits in (6, 9, 17) if digits == 17 or f"{then:.{digits}g}" != f"{now:.{digits}g}")
    return f"{what} {then:.{digits}g}", f"{now:.{digits}g}"
