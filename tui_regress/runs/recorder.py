"""Keeping a run while it is trained: a thread of its own writes to the store, so that training never waits for a disk.

About once a second what is new is written, so that a killed process loses no more. A store that cannot be written (a
full disk, a lock) is tried again and again; what waits meanwhile takes little memory, because of many records only few
are held in full. Only where that lasts for millions of records are those given up, and the rest of the run with them.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tui_regress.data.dataset import Dataset
from tui_regress.engine.checkpoints import save_checkpoint
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Noted, Recovered, Started, Verdict
from tui_regress.experiment import Experiment, Table
from tui_regress.problems import describe
from tui_regress.runs.database import explained
from tui_regress.runs.environment import environment
from tui_regress.runs.fingerprint import fingerprint
from tui_regress.runs.records import Records, joined, room
from tui_regress.runs.rows import State, can_go_on
from tui_regress.runs.store import StillRunningError, Store

PERIOD = 0.8
"""Seconds from one write to the next: with the time it takes itself, a killed process loses a second at most."""
BUDGET = 64 * 2**20
"""Bytes of records in full: each time as many are written, later stretches hold half as many of them, so that a run of
days takes little more than one of minutes. Losses and learning rates are kept of every record all the same."""
MANY_WAITING, MOST_WAITING = 2_000_000, 16_000_000
"""Records that are written at once, before their time; and that may wait to be written at most: 128 MB of losses."""


def recorded(
    events: Iterator[Event],
    store: Path,
    experiment: Experiment,
    dataset: Dataset,
    *,
    run_id: int | None = None,
    recovered: Recovered | None = None,
    on_run: Callable[[int], object] | None = None,
    on_loss: Callable[[], object] | None = None,
) -> Iterator[Event]:
    """Pass on the ``events`` of a run of ``experiment`` on ``dataset`` and keep it in ``store``, a file.

    Checkpoints are not passed on; the last one becomes a file beside the store for as long as the run can go on from
    it. ``on_run`` is told the number of the run before Started is passed on, and all is written before Ended is; where
    that fails, a Noted says so, and ``on_loss`` is called.

    With ``run_id`` the run is one that is kept already and goes on: its records from the next block on are replaced.
    ``recovered`` says that it does so from an earlier record, with a fresh optimizer.
    Raises StillRunningError, before any training, where another program is at that run.

    Where the store fails, a Noted says so once, training goes on, and what is in the store stays whole. Where
    ``events`` fail, the run is kept as failed and the error passes through; where this generator is closed early, or
    its thread is interrupted, the run is kept as interrupted, and can go on from its last checkpoint.
    """
    writer = _Writer(store, experiment, dataset, run_id, recovered)
    try:
        for event in events:
            if isinstance(event, Started):
                writer.begin(event)
                if on_run is not None and writer.run_id is not None:
                    on_run(writer.run_id)
            else:
                writer.take(event)
            if isinstance(event, Ended):
                writer.finish()
                if on_loss is not None and not writer.whole:
                    on_loss()
            elif not isinstance(event, Checkpoint):
                yield event
            yield from writer.notes()
            if isinstance(event, Ended):
                yield event
    except Exception as error:
        writer.fail(describe(error))
        raise
    finally:
        writer.finish()


class _Writer:
    """What has happened and is not written yet, and the thread that writes it."""

    def __init__(
        self, path: Path, experiment: Experiment, dataset: Dataset, run_id: int | None, recovered: Recovered | None
    ) -> None:
        self.run_id: int | None = None
        """None as long as the store has no place for the run."""
        self.whole = False
        """The run has come to its end, and all of it is in the store."""
        self._path, self._experiment, self._dataset = path, experiment, dataset
        self._continued, self._recovered = run_id, recovered
        self._started: Started
        # A daemon: a run that nobody brings to its end must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name="tui-regress store", daemon=True)
        self._opened, self._due, self._ending = threading.Event(), threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._state = self._written = State()
        self._waiting: list[Records] = []
        self._in_full = 0
        """Records in full among those that wait."""
        self._size_in_full = 0
        """Bytes of records in full that are written."""
        self._checkpoint: Checkpoint | None = None
        self._given_up = False
        """No more records are kept."""
        self._refused: StillRunningError | None = None
        self._said: list[Noted] = []
        self._complained = False
        self._began = self._seconds_before = 0.0

    def begin(self, started: Started) -> None:
        """Wait until the store has a place for the run, or it is clear that it has none.

        Raises StillRunningError where the run that is to go on is not to be had.
        """
        self._started = started
        # A program that just ends gets its runs into the store while threads still run.
        atexit.register(self.finish)
        self._thread.start()
        self._opened.wait()
        if self._refused is not None:
            raise self._refused
        self._began = time.perf_counter()

    def take(self, event: Event) -> None:
        """Something that is to be kept."""
        if self.run_id is None:
            return
        with self._lock:
            match event:
                case Block():
                    self._take_records(event)
                case Checkpoint():
                    # Without the records that it follows on, a checkpoint is of no use.
                    self._checkpoint = None if self._given_up else event
                case Measured():
                    self._state = replace(self._state, measured=event)
                case Verdict():
                    self._state = replace(self._state, verdict=event)
                case Recovered():
                    recoveries = (*_before(event.epoch, self._state.recoveries), event)
                    self._state = replace(self._state, verdict=None, recoveries=recoveries)
                case Ended():
                    self._state = replace(
                        self._state,
                        status=event.status,
                        stop=event.stop,
                        reason=event.reason,
                        seconds=self._seconds_before + event.seconds,
                        verdict=event.verdict,
                        parameters=event.parameters,
                        record=event.record,
                    )

    def fail(self, reason: str) -> None:
        """The run has come to a bad end."""
        with self._lock:
            self._state = replace(self._state, status="failed", stop="error", reason=reason)

    def finish(self) -> None:
        """Write what is left; the second time nothing happens."""
        atexit.unregister(self.finish)
        with self._lock:
            if self._state.status == "running":
                when = f"after epoch {self._state.epoch:,}" if self._state.epoch >= 0 else "before its first record"
                self._state = replace(self._state, status="interrupted", reason=f"Interrupted {when}.")
        self._ending.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def notes(self) -> list[Noted]:
        """What a person is to be told, and has not been yet."""
        with self._lock:
            said, self._said = self._said, []
        return said

    def _take_records(self, block: Block) -> None:
        # Where the run goes on from a checkpoint, what came after that comes again.
        recoveries = _before(block.first, self._state.recoveries)
        self._state = replace(
            self._state,
            epoch=block.last,
            loss=float(block.loss[-1]),
            validation_loss=None if block.validation_loss is None else float(block.validation_loss[-1]),
            seconds=self._seconds_before + time.perf_counter() - self._began,
            recoveries=recoveries,
        )
        if self._given_up:
            return
        part = Records.of(block, self._waiting[-1].stride if self._waiting else 1)
        self._waiting.append(part)
        self._in_full += len(part.numbers)
        if self._in_full > 4 * room(block.parameters.shape[1]):
            self._thin()
        waiting = block.last - self._written.epoch
        if waiting > MANY_WAITING and not self._complained:
            self._due.set()
        if waiting > MOST_WAITING:
            self._given_up, self._waiting, self._checkpoint = True, [], None
            self._say(
                f"The store could not be written for too long: the last records of run {self.run_id} are not kept."
            )

    def _thin(self) -> None:
        self._waiting = [joined(self._waiting).thinned()]
        self._in_full = len(self._waiting[0].numbers)

    def _say(self, message: str) -> None:
        self._said.append(Noted(message))

    # -- what follows is done by the thread

    def _work(self) -> None:
        try:
            with Store(self._path) as store:
                run_id = self._open(store)
                self._opened.set()
                self._keep(store, run_id)
        except StillRunningError as error:
            self._refused = error
        except Exception as error:  # whatever goes wrong in a thread must reach a person
            with self._lock:
                self._say(f"This run is not kept: {describe(error)}")
        finally:
            self._opened.set()

    def _open(self, store: Store) -> int:
        """Make a place for the run; returns its number."""
        here, state = environment(), State()
        if self._continued is None:
            run_id = store.add(_pinned(self._experiment, self._dataset), self._dataset, self._started, here)
        else:
            run_id = self._continued
            state = store.take_up(run_id, self._started, here, self._recovered)
            self._size_in_full = store.size_in_full(run_id)
        self._state = self._written = state
        self._seconds_before = state.seconds
        self.run_id = run_id
        return run_id

    def _keep(self, store: Store, run_id: int) -> None:
        """Write about once a second what is new, until the end."""
        digits = fingerprint(self._dataset)
        with self._lock:
            self._state = replace(self._state, fingerprint=digits)
        due = time.monotonic() + PERIOD
        while not self._ends(due):
            due = time.monotonic() + PERIOD
            try:
                self._write(store, run_id)
            except Exception as error:  # see _work
                with self._lock:
                    if not self._complained:
                        self._complained = True
                        self._say(f"Run {run_id} cannot be kept for now; training goes on. {describe(error)}")
        try:
            self._write(store, run_id)
        except Exception as error:  # see _work
            with self._lock:
                self._say(f"The end of run {run_id} is not kept, or only in part. {describe(error)}")
        else:
            self.whole = not self._given_up

    def _ends(self, due: float) -> bool:
        """Wait until ``due``, or until many records wait, or for the end of the run: whether it has come."""
        self._due.wait(max(0.0, due - time.monotonic()))
        # In this order: who brings the end sets the other first.
        self._due.clear()
        return self._ending.is_set()

    def _write(self, store: Store, run_id: int) -> None:
        with self._lock:
            state, parts, checkpoint = self._state, self._waiting, self._checkpoint
            self._waiting, self._in_full, self._checkpoint = [], 0, None
            if self._given_up:
                last = self._written
                state = replace(state, epoch=last.epoch, loss=last.loss, validation_loss=last.validation_loss)
        try:
            if parts or state is not self._written:
                stretches = [joined(parts).thinned(self._size_in_full // BUDGET)] if parts else []
                store.write(run_id, state, stretches)
                self._size_in_full += sum(stretch.full.nbytes for stretch in stretches)
            self._written, parts = state, []
            # After its records, so that those are always there that it follows on.
            path = store.checkpoint_path(run_id)
            with explained(path):
                if checkpoint is not None:
                    path.parent.mkdir(exist_ok=True)
                    save_checkpoint(path, checkpoint)
                    checkpoint = None
                if state.status != "running" and not can_go_on(state.status, state.stop):
                    path.unlink(missing_ok=True)
        except Exception:
            with self._lock:
                if not self._given_up:
                    self._checkpoint = self._checkpoint or checkpoint
                    self._waiting = [*parts, *self._waiting]
                    if self._waiting:
                        self._thin()
            raise


def _before(record: int, recoveries: tuple[Recovered, ...]) -> tuple[Recovered, ...]:
    """Those from which an epoch led to an earlier record than ``record``."""
    return tuple(recovered for recovered in recoveries if recovered.epoch < record)


def _pinned(experiment: Experiment, dataset: Dataset) -> Experiment:
    """``experiment`` with the columns of its table as they were found."""
    if not isinstance(experiment.data, Table):
        return experiment
    # polars takes a tenth of a second to import: only those who open a table pay for it.
    from tui_regress.data.tables import pinned

    return pinned(experiment, dataset)
