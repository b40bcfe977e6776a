"""Carrying out a run without a screen: loaded, kept, stopped in good order."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import cast

import click

from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine import training
from tui_regress.engine.checkpoints import load_checkpoint, save_model
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Noted, Started
from tui_regress.engine.exact import Exact, exact_solution
from tui_regress.experiment import Experiment
from tui_regress.headless import progress
from tui_regress.problems import InputError, describe
from tui_regress.runs.data import load_data
from tui_regress.runs.recorder import recorded
from tui_regress.runs.replay import Comparison, scripted
from tui_regress.runs.replay import replay as replay_of
from tui_regress.runs.rows import can_go_on
from tui_regress.runs.store import KeptRun
from tui_regress.text import printable


class Run:
    """One execution of ``experiment`` on ``dataset``: iterate over its events; then it knows how it ended.

    It is kept in ``store``, if given. Where it continues a run that is kept there, ``kept`` is that run and
    ``checkpoint`` the place from which it goes on; without one it begins anew.
    """

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        *,
        store: Path | None = None,
        kept: KeptRun | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.experiment = experiment
        self.dataset = dataset
        self.control = Control()
        self.run_id: int | None = None
        """None until the store has a place for the run, and again where it could not keep its end."""
        self.started: Started
        self.first: FloatArray
        """Shape (p,): the parameters of record 0."""
        self.measured: Measured | None = None
        """How good the model is, as last measured."""
        self.ended: Ended
        self.unsaved = ""
        """Why the model could not be saved; empty where it was, or was not to be."""
        self._store, self._kept, self._checkpoint = store, kept, checkpoint
        if kept is not None and checkpoint is not None and (first := kept.first_parameters) is not None:
            self.first = first

    def __iter__(self) -> Iterator[Event]:
        """The events of the run; an error in the midst of it becomes its last word, with status failed."""
        begin = time.perf_counter()
        last: Block | None = None
        try:
            for event in self._events():
                match event:
                    case Started():
                        self.started = event
                        note(*self.dataset.notes, *event.notes)
                    case Block():
                        if event.first == 0:
                            self.first = event.parameters[0]
                        last = event
                    case Measured():
                        self.measured = event
                    case Noted():
                        note(event.message)
                    case Ended():
                        self.ended = event
                yield event
        except Exception as error:
            if last is None:
                raise
            seconds = time.perf_counter() - begin
            reached = last.last, float(last.loss[-1]), last.parameters[-1]
            self.ended = Ended("failed", describe(error), *reached, None, seconds, "error", last.last)
            yield self.ended

    def _events(self) -> Iterator[Event]:
        events = training.run(self.experiment, self.dataset, self.control, resume=self._checkpoint)
        if self._store is None:
            return events
        run_id = None if self._kept is None else self._kept.summary.run_id
        return recorded(
            events,
            self._store,
            self.experiment,
            self.dataset,
            run_id=run_id,
            on_run=self._is_kept_as,
            on_loss=lambda: self._is_kept_as(None),
        )

    def _is_kept_as(self, run_id: int | None) -> None:
        self.run_id = run_id

    @cached_property
    def exact(self) -> Exact:
        """The exact solution, found when it is first asked for: nobody waits for it before the training."""
        return exact_solution(self.experiment, self.dataset)


Report = Callable[[Run], None]
"""A way to show a run; it iterates over it to its end."""


def train(experiment: Experiment, show: Report, *, save: Path | None = None, store: Path | None = None) -> Run:
    """Run ``experiment`` under the eyes of ``show``; ctrl+c and SIGTERM stop it. The model goes to ``save``, if given.

    It is kept in ``store``, if given. Notes go to stderr. That the model cannot be saved is for the run to say.
    Raises InputError where the experiment cannot run.
    """
    with progress.stages() as stage:
        dataset = load_dataset(experiment, stage)
    return _carry_out(Run(experiment, dataset, store=store), show, save)


def resume(kept: KeptRun, checkpoint: Path, store: Path, show: Report, *, save: Path | None = None) -> Run:
    """Continue ``kept``, which is in ``store``, to the numbers of a run that was never stopped.

    One that was interrupted before its first checkpoint begins anew.

    Raises InputError where the run cannot go on or its data have changed.
    """
    summary = kept.summary
    if not can_go_on(summary.status, summary.stop):
        hint = "only one that was stopped or interrupted can go on"
        raise InputError(f"run {summary.run_id} is {summary.status}; {hint}.")
    if not (summary.resumable or summary.status == "interrupted"):
        raise InputError(f"the checkpoint of run {summary.run_id} is gone; it can only be trained again.")
    with progress.stages() as stage:
        dataset = load_data(kept, stage)
    if not summary.resumable:
        note(f"Run {summary.run_id} was interrupted before its first checkpoint; it begins anew.")
    found = load_checkpoint(checkpoint) if summary.resumable else None
    run = Run(summary.experiment, dataset, store=store, kept=kept, checkpoint=found)
    return _carry_out(run, show, save)


def replay(kept: KeptRun) -> tuple[Comparison, bool]:
    """Run ``kept`` again and compare; also returns whether ctrl+c or SIGTERM stopped it.

    Raises InputError where it cannot be run again.
    """
    control = scripted(kept)
    with progress.stages() as stage:
        events = replay_of(kept, control, stage)
    with stopping(control):
        *_, comparison = progress.epochs(events, kept.records.last)
    return cast(Comparison, comparison), control.stopped


def _carry_out(run: Run, show: Report, save: Path | None) -> Run:
    with stopping(run.control):
        show(run)
    if save is not None and run.ended.status != "failed":
        try:
            save_model(save, run.experiment, run.ended.parameters, run.dataset)
        except InputError as error:
            run.unsaved = str(error)
        else:
            note(f"The model is saved as {printable(str(save))}, its experiment beside it.")
    return run


def note(*sentences: str) -> None:
    """For a person, on stderr."""
    for sentence in sentences:
        click.echo(sentence, err=True)


@contextmanager
def stopping(control: Control) -> Iterator[None]:
    """Let the first ctrl+c or SIGTERM stop the run in good order; a second one ends the program at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()
        for number in before:
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
