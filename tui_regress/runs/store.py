"""The store: runs that outlive the program that trained them, in one SQLite file, their checkpoints beside it."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import platformdirs

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Recovered, Started
from tui_regress.experiment import Experiment, dumps
from tui_regress.problems import InputError
from tui_regress.runs import rows
from tui_regress.runs.database import connect, explained, insert, transaction, update
from tui_regress.runs.environment import is_elsewhere
from tui_regress.runs.kept import KeptRun, Summary
from tui_regress.runs.records import Records
from tui_regress.runs.rows import State
from tui_regress.text import printable

__all__ = ["KeptRun", "State", "Store", "Summary", "default_path"]


def default_path() -> Path:
    """Where runs are kept unless a person says otherwise: in the user's data folder."""
    return platformdirs.user_data_path("tui-regress", appauthor=False) / "runs.sqlite"


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
        """The runs, newest first: those whose experiment's name contains ``name``, and that are in ``status``."""
        found = list[Summary]()
        query = "SELECT * FROM runs WHERE instr(lower(name), lower(?)) ORDER BY id DESC"
        with explained(self.path):
            for row in self._connection.execute(query, [name]):
                if limit is not None and len(found) >= limit:
                    break
                # Whether a run still runs is not for the database to know.
                if not status or rows.to_status(row) == status:
                    found.append(self._summary(row))
        return found

    def summary(self, run_id: int) -> Summary:
        """One run. Raises InputError also where there is none."""
        with explained(self.path):
            return self._summary(self._row(run_id))

    def kept(self, run_id: int) -> KeptRun:
        """All of one run. Raises InputError also where there is none, or its records are damaged."""
        query = "SELECT * FROM blocks WHERE run = ? ORDER BY first"
        with explained(self.path), transaction(self._connection, reading=True):
            row = self._row(run_id)
            blocks = self._connection.execute(query, [run_id]).fetchall()
        try:
            return rows.to_kept(row, blocks, self._summary(row))
        except ValueError as error:
            raise InputError(f"{printable(str(self.path))}: the records of run {run_id} are damaged.") from error

    def delete(self, run_ids: Sequence[int]) -> int:
        """Delete runs with all that belongs to them; returns how many.

        Raises InputError, and deletes nothing, where one of them is not there or still running.
        """
        unique = set(run_ids)
        for run in map(self.summary, unique):
            if run.status == "running":
                where = f" on {printable(run.environment['host'])}" if is_elsewhere(run.environment) else ""
                raise InputError(f"run {run.run_id} is still running{where}; stop it first.")
        with explained(self.path):
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM runs WHERE id = ?", [[run_id] for run_id in unique])
            for run_id in unique:
                self.checkpoint_path(run_id).unlink(missing_ok=True)
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

        Its records stay until others of the same numbers are written. Raises InputError where it is still running.
        """
        with explained(self.path), transaction(self._connection):
            row = self._row(run_id)
            if rows.to_status(row) == "running":
                raise InputError(f"run {run_id} is still running; it cannot go on twice.")
            state = replace(rows.to_state(row), status="running", stop=None, reason="", parameters=None, record=-1)
            if recovered is not None:
                state = replace(state, verdict=None, recoveries=(*state.recoveries, recovered))
            values = {**rows.of_start(started), **rows.of_state(state), "environment": json.dumps(environment)}
            update(self._connection, run_id, values)
        return state

    def write(self, run_id: int, state: State, stretches: Sequence[Records]) -> None:
        """Write the state of a run, and records that follow on those it has or take the place of its last ones."""
        with explained(self.path):
            # A file that is gone takes everything that is written to it along, without a word.
            if self._found() != self._place:
                raise InputError(f"{printable(str(self.path))}: the store has been moved or deleted.")
            with transaction(self._connection):
                if not update(self._connection, run_id, rows.of_state(state)):
                    raise InputError(f"run {run_id} has been deleted from the store.")
                for stretch in stretches:
                    self._replace(run_id, stretch)

    def _replace(self, run_id: int, stretch: Records) -> None:
        """Write a stretch; all records from its first one on give way. Raises InputError where there is a gap."""
        connection, follows = self._connection, 0
        connection.execute("DELETE FROM blocks WHERE run = ? AND first >= ?", [run_id, stretch.first])
        query = "SELECT * FROM blocks WHERE run = ? ORDER BY first DESC LIMIT 1"
        if (block := connection.execute(query, [run_id]).fetchone()) is not None:
            follows = block["first"] + block["count"]
            if follows > stretch.first:
                connection.execute("DELETE FROM blocks WHERE run = ? AND first = ?", [run_id, block["first"]])
                before = rows.to_records(block).until(stretch.first - 1)
                insert(connection, "blocks", {"run": run_id, **rows.of_records(before)})
                follows = stretch.first
        if follows != stretch.first:
            raise InputError(f"run {run_id}: record {follows} must come next, not {stretch.first}.")
        insert(connection, "blocks", {"run": run_id, **rows.of_records(stretch)})

    def _row(self, run_id: int) -> sqlite3.Row:
        row: sqlite3.Row | None = self._connection.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
        if row is None:
            raise InputError(f"there is no run {run_id}; `tui-regress runs` lists them.")
        return row

    def _summary(self, row: sqlite3.Row) -> Summary:
        return rows.to_summary(row, has_checkpoint=self.checkpoint_path(row["id"]).exists())

    def _found(self) -> tuple[int, int] | None:
        """What file the path leads to."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino
