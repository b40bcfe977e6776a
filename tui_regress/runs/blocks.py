"""The records of a kept run in the database, a row for each stretch of them, and read only as far as is asked for."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from tui_regress.engine.events import Best, FloatArray
from tui_regress.problems import InputError
from tui_regress.runs.database import insert
from tui_regress.runs.records import Records, changes, joined, none, packed, unpacked

Ask = Callable[[str, int | None], list[sqlite3.Row]]
"""Reads these columns of all blocks of a run, in order; or only of the block whose first record is named."""


def of_records(stretch: Records) -> dict[str, Any]:
    """The columns of a block."""
    held = stretch.validation_loss
    return {
        "first": stretch.first,
        "count": len(stretch),
        "stride": stretch.stride,
        "rates": json.dumps(stretch.rates),
        "numbers": packed(stretch.numbers),
        "loss": packed(stretch.loss),
        "validation_loss": None if held is None else packed(held),
        "in_full": packed(stretch.full),
    }


def to_records(block: sqlite3.Row) -> Records:
    """The records of a block. Raises ValueError where it is damaged."""
    numbers = unpacked(block["numbers"]).view(np.int64)
    loss, held = to_losses(block)
    return Records(
        first=block["first"],
        loss=loss,
        validation_loss=held,
        rates=tuple((first, lr) for first, lr in json.loads(block["rates"])),
        stride=block["stride"],
        numbers=numbers,
        full=unpacked(block["in_full"]).reshape(-1, len(numbers)).T,
    )


def to_losses(block: sqlite3.Row) -> tuple[FloatArray, FloatArray | None]:
    """Losses and validation losses of a block, each of shape (k,). Raises ValueError where it is damaged."""
    held = block["validation_loss"]
    loss = unpacked(block["loss"]).reshape(block["count"])
    return loss, None if held is None else unpacked(held).reshape(block["count"])


class KeptRecords:
    """The records of one kept run, where they lie: each question reads what answers it, and no more.

    Every question raises InputError where the store cannot be read, the run is gone, or its records are damaged.
    """

    def __init__(self, ask: Ask, whose: str, parameters: int, *, held_out: bool) -> None:
        """``whose`` names store and run, for a sentence; ``parameters`` is p, ``held_out`` whether rows are."""
        self._ask, self._whose = ask, whose
        self._parameters, self._held_out = parameters, held_out

    @cached_property
    def all(self) -> Records:
        """All of them; may be none. Once they are there, nothing else is read any more."""
        with self._explained():
            parts = [to_records(block) for block in self._ask("*", None)]
            return joined(parts) if parts else none(self._parameters, held_out=self._held_out)

    @cached_property
    def losses(self) -> tuple[FloatArray, FloatArray | None]:
        """Losses and validation losses of all k records, each of shape (k,); None where no rows are held out."""
        if "all" in self.__dict__:
            return self.all.loss, self.all.validation_loss
        with self._explained():
            blocks = [to_losses(block) for block in self._ask("first, count, loss, validation_loss", None)]
        empty = np.empty(0)
        held = [losses for _, losses in blocks if losses is not None]
        return (
            np.concatenate([empty, *(losses for losses, _ in blocks)]),
            np.concatenate([empty, *held]) if self._held_out else None,
        )

    @cached_property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """(first record, lr) of each stretch of records with the same learning rate."""
        if "all" in self.__dict__:
            return self.all.rates
        with self._explained():
            parts = [json.loads(block["rates"]) for block in self._ask("rates", None)]
            return tuple(changes((first, lr) for part in parts for first, lr in part))

    @cached_property
    def first_parameters(self) -> FloatArray | None:
        """Shape (p,): the parameters of record 0; None without a record."""
        if "all" in self.__dict__:
            return self.all.parameters[0] if len(self.all) else None
        with self._explained():
            return next((to_records(block).parameters[0] for block in self._ask("*", 0)), None)

    @cached_property
    def best(self) -> Best | None:
        """The best finite record: of the lowest validation loss, or of the lowest loss where no rows are held out."""
        if "all" in self.__dict__:
            return self.all.best
        found: Best | None = None
        with self._explained():
            # A block promises no better than the lowest loss it has in full; what it has may not be finite.
            for promise, first in sorted(self._promises()):
                if found is not None and (found.loss, found.epoch) < (promise, first):
                    break
                for block in self._ask("*", first):
                    best = to_records(block).best
                    if best is not None and (found is None or (best.loss, best.epoch) < (found.loss, found.epoch)):
                        found = best
        return found

    @cached_property
    def last_finite(self) -> tuple[int, FloatArray] | None:
        """Number and parameters, shape (p,), of the last record in which all is finite."""
        with self._explained():
            firsts = [block["first"] for block in self._ask("first", None)]
            blocks = (block for first in reversed(firsts) for block in self._ask("*", first))
            found = (to_records(block).last_finite for block in blocks)
            return next((one for one in found if one is not None), None)

    def _promises(self) -> Iterator[tuple[float, int]]:
        """The lowest finite loss that each block has in full, and its first record."""
        column = "validation_loss" if self._held_out else "loss"
        for block in self._ask(f"first, numbers, {column}", None):
            rows = unpacked(block["numbers"]).view(np.int64) - block["first"]
            losses = unpacked(block[column])[rows]
            lowest = float(np.min(losses, where=np.isfinite(losses), initial=math.inf))
            if lowest < math.inf:
                yield lowest, block["first"]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except (ValueError, TypeError, IndexError) as error:
            raise InputError(f"{self._whose} are damaged.") from error


def last_record(connection: sqlite3.Connection, run_id: int) -> int:
    """Number of the last record of a run; −1 without one."""
    query = "SELECT first + count - 1 FROM blocks WHERE run = ? ORDER BY first DESC LIMIT 1"
    found = connection.execute(query, [run_id]).fetchone()
    return -1 if found is None else int(found[0])


def write_records(connection: sqlite3.Connection, run_id: int, stretch: Records) -> None:
    """Write a stretch in the place of the records of its numbers; later ones stay where it repeats those.

    Raises InputError where there is a gap before it.
    """
    last = last_record(connection, run_id)
    if stretch.first > last + 1:
        raise InputError(f"run {run_id}: record {last + 1} must come next, not {stretch.first}.")
    if stretch.first <= last:
        _make_way(connection, run_id, stretch)
    insert(connection, "blocks", {"run": run_id, **of_records(stretch)})


def cut_records(connection: sqlite3.Connection, run_id: int, last: int) -> None:
    """Leave a run no record after ``last``."""
    if last_record(connection, run_id) <= last:
        return
    around = _between(connection, run_id, last, last)
    connection.execute("DELETE FROM blocks WHERE run = ? AND first > ?", [run_id, last])
    for block in around:
        connection.execute("DELETE FROM blocks WHERE run = ? AND first = ?", [run_id, block.first])
        insert(connection, "blocks", {"run": run_id, **of_records(block.until(last))})


def _make_way(connection: sqlite3.Connection, run_id: int, stretch: Records) -> None:
    """Take away the records of the numbers of ``stretch``, and later ones where it does not repeat those."""
    there = _between(connection, run_id, stretch.first, stretch.last)
    before, after = there[0], there[-1]
    end = stretch.last if stretch.repeats(joined(there)) else last_record(connection, run_id)
    query = "DELETE FROM blocks WHERE run = ? AND first BETWEEN ? AND ?"
    connection.execute(query, [run_id, before.first, end])
    if before.first < stretch.first:
        insert(connection, "blocks", {"run": run_id, **of_records(before.until(stretch.first - 1))})
    if after.last > end:
        insert(connection, "blocks", {"run": run_id, **of_records(after.since(end + 1))})


def _between(connection: sqlite3.Connection, run_id: int, first: int, last: int) -> list[Records]:
    """The blocks, whole, that hold the records ``first`` … ``last`` of a run."""
    query = "SELECT max(first) FROM blocks WHERE run = ? AND first <= ?"
    begin = connection.execute(query, [run_id, first]).fetchone()[0]
    query = "SELECT * FROM blocks WHERE run = ? AND first BETWEEN ? AND ? ORDER BY first"
    return [to_records(block) for block in connection.execute(query, [run_id, begin, last])]
