"""When a run ends before its last epoch, and the records that it gives then.

Two rules are asked at every record until there is a verdict; where both hold, the first named counts:

- tolerance: the norm of the gradient is no larger. It is the gradient of what descends, coupled weight decay included.
- patience (early stopping): for that many epochs the validation loss has not gone below its lowest so far. The run then
  gives the parameters of that lowest record. A validation loss that is not finite is no improvement, and as long as
  none was finite there is nothing to go back to, and patience does not run out.

A verdict at the same record wins, and after one that a run survives no rule is asked any more (``continue``), or
patience starts afresh (``recover``), with the lowest validation loss still to be beaten.
"""

import math
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_regress.engine.events import Best, Block, FloatArray, Plain, Status, StopRule, Verdict
from tui_regress.engine.objective import coupled_decay
from tui_regress.experiment import Experiment
from tui_regress.text import plain, short


class End(NamedTuple):
    """How a run ended."""

    status: Status
    stop: StopRule
    reason: str
    """One sentence."""


class Reached:
    """The records worth remembering, with the parameters as training steps them."""

    def __init__(self) -> None:
        self.first = math.nan
        """The loss of the first record."""
        self.finite: Best | None = None
        """The last record in which everything is finite."""
        self.lowest: Best | None = None
        """Of the lowest loss over the training rows: to which a run recovers."""
        self.best: Best | None = None
        """Of the lowest validation loss; where no rows are held out, ``lowest``."""
        self.since = 0
        """The record from which patience counts: the best one, or that of the last recovery."""

    def note(self, block: Block) -> None:
        """Take account of the records of ``block``, which follow on those before."""
        if not len(block.loss):
            return
        if math.isnan(self.first):
            self.first = float(block.loss[0])
        found, before, held = block.landmarks, self.best, block.validation_loss
        if found.finite is not None:
            self.finite = _mark(block, block.loss, found.finite)
        self.lowest = _lower(self.lowest, block, block.loss, found.best)
        self.best = self.lowest if held is None else _lower(before, block, held, found.best_validation)
        if self.best is not None and self.best is not before:
            self.since = self.best.epoch

    def freeze(self) -> dict[str, Plain]:
        """All of it, for a checkpoint."""
        marks = {"finite": self.finite, "lowest": self.lowest, "best": self.best}
        known: dict[str, Plain] = {name: None if mark is None else asdict(mark) for name, mark in marks.items()}
        return known | {"first": self.first, "since": self.since}

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Remember what :meth:`freeze` gave."""
        self.first, self.since = frozen["first"], frozen["since"]
        self.finite, self.lowest, self.best = (
            frozen[name] and Best(**frozen[name]) for name in ("finite", "lowest", "best")
        )


class Rules:
    """The tolerance and the patience of one experiment, on ``rows`` rows of training."""

    def __init__(self, experiment: Experiment, rows: int) -> None:
        self._patience, self._tolerance = experiment.training.patience, experiment.training.tolerance
        self._decay = coupled_decay(experiment, rows)

    def check(self, block: Block, reached: Reached) -> tuple[int, StopRule] | None:
        """The first record of ``block`` that ends the run, and the rule that says so.

        ``reached`` knows all records before the block and none of it.
        """
        converged, late = self._within_tolerance(block), self._out_of_patience(block, reached)
        ends = np.flatnonzero(converged | late)
        if not len(ends):
            return None
        return block.first + int(ends[0]), "tolerance" if converged[ends[0]] else "early-stopping"

    def end(self, epoch: int, rule: StopRule, block: Block, reached: Reached) -> End:
        """In words: ``rule`` holds at record ``epoch``, the last of ``block``, which ``reached`` knows."""
        if rule == "tolerance":
            norm = short(float(self._slopes(block)[-1]))
            reason = f"Converged at epoch {epoch:,}: the gradient norm {norm} is within the tolerance"
            return End("converged", rule, f"{reason} {plain(self._tolerance)}.")
        assert reached.best is not None, "patience runs out only after a best record"  # noqa: S101 - for the type checker
        wait = "the last epoch" if self._patience == 1 else f"the last {self._patience:,} epochs"
        best = f"{short(reached.best.loss, 4)} (epoch {reached.best.epoch:,}, whose parameters these are)"
        return End("completed", rule, f"Stopped early: {wait} brought no validation loss below {best}.")

    @np.errstate(over="ignore", invalid="ignore")
    def _slopes(self, block: Block) -> FloatArray:
        """Shape (k,): norm of the gradient of what descends."""
        return np.asarray(np.linalg.norm(block.gradient + self._decay * block.parameters, axis=1), dtype=np.float64)

    def _within_tolerance(self, block: Block) -> NDArray[np.bool_]:
        """Shape (k,)."""
        if not self._tolerance:
            return np.zeros(len(block.loss), dtype=bool)
        return np.asarray(self._slopes(block) <= self._tolerance)

    def _out_of_patience(self, block: Block, reached: Reached) -> NDArray[np.bool_]:
        """Shape (k,)."""
        held = block.validation_loss
        if not self._patience or held is None:
            return np.zeros(len(block.loss), dtype=bool)
        before = math.inf if reached.best is None else reached.best.loss
        lowest = np.minimum.accumulate(np.append(before, _where_finite(block, held)))
        epochs = block.first + np.arange(len(held))
        since = np.maximum.accumulate(np.where(lowest[1:] < lowest[:-1], epochs, reached.since))
        return np.asarray((epochs - since >= self._patience) & np.isfinite(lowest[1:]))


def _where_finite(block: Block, losses: FloatArray) -> FloatArray:
    """``losses``, shape (k,), with inf for records in which anything is not finite."""
    return np.where(block.finite & np.isfinite(losses), losses, math.inf)


def outcome(epoch: int, epochs: int, verdict: Verdict | None) -> End:
    """How a run ends that no rule ended, after ``epoch`` of ``epochs`` epochs."""
    stop: StopRule = "asked" if epoch < epochs else "epochs"
    if verdict:
        return End("diverged", stop, verdict.message)
    if epoch < epochs:
        return End("stopped", stop, f"Stopped after {epoch} of {epochs} epochs.")
    return End("completed", stop, "The one epoch is done." if epochs == 1 else f"All {epochs} epochs are done.")


def _lower(before: Best | None, block: Block, losses: FloatArray, row: int | None) -> Best | None:
    """The record in ``row`` of ``losses``, shape (k,), if there is one and it is below ``before``; else ``before``."""
    if row is None or (before is not None and losses[row] >= before.loss):
        return before
    return _mark(block, losses, row)


def _mark(block: Block, losses: FloatArray, row: int) -> Best:
    # A copy: a view would keep the whole block in memory.
    return Best(block.first + row, float(losses[row]), block.parameters[row].copy())
