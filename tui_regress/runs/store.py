"""The store: runs that outlive the program that trained them, in one SQLite file, their checkpoints beside it."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Recovered, Started
from tui_regress.experiment import Experiment, dumps
from tui_regress.problems import InputError
from tui_regress.runs import rows
from tui_regress.runs.blocks import cut_records, last_record, write_records
from tui_regress.runs.database import connect, explained, insert, transaction, update
from tui_regress.runs.environment import is_elsewhere
from tui_regress.runs.kept import KeptRun, Summary, Unreadable
from tui_regress.runs.places import default_path
from tui_regress.runs.records import Records
from tui_regress.runs.rows import State
from tui_regress.text import printable

__all__ = ["KeptRun", "State", "StillRunningError", "Store", "Summary", "Unreadable", "default_path"]


class StillRunningError(InputError):
    """A run cannot be taken up, because a program is at it."""


class Store:
    """The runs kept in the file ``path``: one connection, for one thread. To be closed, or used with ``with``.

    Any number of programs may have the same store open. Every method raises InputError where the file cannot be read or
    written, is locked by another program for several seconds, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connect(path)
        self._place = self._found()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # -- for those who read

    def runs(self, *, name: str = "", status: str = "", limit: int | None = None) -> list[Summary]:
        """The runs, newest first: those whose experiment's name contains ``name``, and that are in ``status``.

        Those that this version cannot read are passed over.
        """
        return list(islice((run for run in self._found_runs(name, status) if isinstance(run, Summary)), limit))

    def listed(
        self, *, name: str = "", status: str = "", limit: int | None = None
    ) -> tuple[list[Summary], list[Unreadable]]:
        """What :meth:`runs` gives, and the runs among them that this version cannot read; together ``limit``."""
        found = [*islice(self._found_runs(name, status), limit)]
        unreadable = [run for run in found if isinstance(run, Unreadable)]
        return [run for run in found if isinstance(run, Summary)], unreadable

    def look(self, run_id: int) -> Summary | Unreadable:
        """One run, also if this version cannot read it. Raises InputError also where there is none."""
        with explained(self.path):
            return self._read(self._row(run_id))

    def summary(self, run_id: int) -> Summary:
        """One run. Raises InputError also where there is none, or this version cannot read it."""
        with explained(self.path):
            return self._summary(self._row(run_id))

    def kept(self, run_id: int) -> KeptRun:
        """All of one run; its records are read when they are asked for, also once this store is closed.

        Raises InputError also where there is none, or this version cannot read it.
        """
        with explained(self.path):
            row = self._row(run_id)
            summary = self._summary(row)
        whose = f"{printable(str(self.path))}: the records of run {run_id}"
        return rows.to_kept(row, summary, partial(_blocks, self.path, run_id), whose)

    def blocks(self, run_id: int, columns: str, first: int | None = None) -> list[sqlite3.Row]:
        """These columns of the blocks of a run, in order; ``first``: of the block that begins with that record alone.

        Raises InputError also where there is no such run.
        """
        which, values = ("", [run_id]) if first is None else (" AND first = ?", [run_id, first])
        query = f"SELECT {columns} FROM blocks WHERE run = ?{which} ORDER BY first"  # noqa: S608 - columns of the tables
        with explained(self.path), transaction(self._connection, reading=True):
            self._row(run_id)
            return self._connection.execute(query, values).fetchall()

    def delete(self, run_ids: Sequence[int]) -> int:
        """Delete runs with all that belongs to them; returns how many.

        Raises InputError, and deletes nothing, where one of them is not there or still running.
        """
        unique = set(run_ids)
        with explained(self.path):
            # What else is in its row may be unreadable: that must not keep it from being deleted.
            for row in map(self._row, unique):
                if rows.to_status(row) == "running":
                    there = json.loads(row["environment"])
                    where = f" on {printable(there['host'])}" if is_elsewhere(there) else ""
                    raise InputError(f"run {row['id']} is still running{where}; stop it first.")
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM runs WHERE id = ?", [[run_id] for run_id in unique])
            for run_id in unique:
                path = self.checkpoint_path(run_id)
                path.unlink(missing_ok=True)
                # What a killed program had begun to write.
                for part in path.parent.glob(f".{path.name}.*.part"):
                    part.unlink(missing_ok=True)
        return len(unique)

    def checkpoint_path(self, run_id: int) -> Path:
        """Where the last checkpoint of a run is, if there is one."""
        return self.path.with_name(f"{self.path.name}.checkpoints") / f"{run_id}.pt"

    # -- for the one who trains

    def add(self, experiment: Experiment, dataset: Dataset, started: Started, environment: Mapping[str, Any]) -> int:
        """A new run, running, without a record yet; returns its number."""
        values = {
            "name": experiment.name,
            "experiment": dumps(experiment),
            "environment": json.dumps(environment),
            "began": time.time(),
            "epochs": experiment.training.epochs,
            **rows.of_dataset(dataset),
            **rows.of_start(started),
            **rows.of_state(State()),
        }
        with explained(self.path), transaction(self._connection):
            return insert(self._connection, "runs", values)

    def take_up(
        self, run_id: int, started: Started, environment: Mapping[str, Any], recovered: Recovered | None
    ) -> State:
        """The state of a kept run that goes on now, after ``recovered`` from an earlier record if that is given.

        Its records stay until others of the same numbers are written.
        Raises StillRunningError where a program is at it.
        """
        with explained(self.path), transaction(self._connection):
            row = self._row(run_id)
            if rows.to_status(row) == "running":
                raise StillRunningError(f"run {run_id} is still running; it cannot go on twice.")
            state = replace(rows.to_state(row), status="running", stop=None, reason="", parameters=None, record=-1)
            if recovered is not None:
                state = replace(state, verdict=None, recoveries=(*state.recoveries, recovered))
            values = {**rows.of_start(started), **rows.of_state(state), "environment": json.dumps(environment)}
            update(self._connection, run_id, values)
        return state

    def size_in_full(self, run_id: int) -> int:
        """Bytes that the records of a run that are kept in full take."""
        query = "SELECT coalesce(sum(length(in_full)), 0) FROM blocks WHERE run = ?"
        with explained(self.path):
            return int(self._connection.execute(query, [run_id]).fetchone()[0])

    def write(self, run_id: int, state: State, stretches: Sequence[Records]) -> None:
        """Write the state of a run, and records that follow on those it has or take the place of some.

        A run that goes on from a checkpoint comes again to records that it has. As long as they are the same, the later
        ones stay, and are its last: a kill at any moment loses none of them. They give way to others, and to its end.
        """
        with explained(self.path):
            # A file that is gone takes everything that is written to it along, without a word.
            if self._found() != self._place:
                raise InputError(f"{printable(str(self.path))}: the store has been moved or deleted.")
            with transaction(self._connection):
                row = self._connection.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
                if row is None:
                    raise InputError(f"run {run_id} has been deleted from the store.")
                for stretch in stretches:
                    write_records(self._connection, run_id, stretch)
                if state.status not in ("running", "interrupted"):
                    cut_records(self._connection, run_id, state.epoch)
                behind = last_record(self._connection, run_id) > state.epoch
                columns = rows.of_state_behind(state, row) if behind else rows.of_state(state)
                update(self._connection, run_id, columns)

    def _row(self, run_id: int) -> sqlite3.Row:
        row: sqlite3.Row | None = self._connection.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
        if row is None:
            raise InputError(f"there is no run {run_id}; `tui-regress runs` lists them.")
        return row

    def _found_runs(self, name: str, status: str) -> Iterator[Summary | Unreadable]:
        query = "SELECT * FROM runs WHERE instr(lower(name), lower(?)) ORDER BY id DESC"
        with explained(self.path):
            for row in self._connection.execute(query, [name]):
                # Whether a run still runs is not for the database to know.
                if not status or rows.to_status(row) == status:
                    yield self._read(row)

    def _read(self, row: sqlite3.Row) -> Summary | Unreadable:
        return rows.read(row, has_checkpoint=self.checkpoint_path(row["id"]).exists())

    def _summary(self, row: sqlite3.Row) -> Summary:
        run = self._read(row)
        if isinstance(run, Unreadable):
            cure = f"`tui-regress runs delete {run.run_id}` removes it."
            raise InputError(f"run {run.run_id} cannot be read by this version: {run.reason} {cure}")
        return run

    def _found(self) -> tuple[int, int] | None:
        """What file the path leads to."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def _blocks(path: Path, run_id: int, columns: str, first: int | None) -> list[sqlite3.Row]:
    """See :meth:`Store.blocks`: over a connection of its own, in whatever thread."""
    # To open a store that is gone would begin a new one.
    if not path.exists():
        raise InputError(f"{printable(str(path))}: the store has been moved or deleted.")
    with Store(path) as store:
        return store.blocks(run_id, columns, first)
