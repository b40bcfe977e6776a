"""The file the store is in: an SQLite database, opened and checked, its failures put into words."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tui_regress.problems import InputError
from tui_regress.text import printable

VERSION = 1
"""Of the tables; a store of a higher one is of a newer tui-regress."""
PATIENCE = 5.0
"""Seconds to wait for another program to let go of the store."""
_APPLICATION = 0x54524547
"""What SQLite's header says whose database it is: TREG."""

_TABLES = (
    """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    experiment TEXT NOT NULL,           -- TOML
    environment TEXT NOT NULL,          -- JSON, as all that is neither a number nor a word
    began REAL NOT NULL,                -- seconds since 1970, UTC
    epochs INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    validation_rows INTEGER NOT NULL,
    device TEXT NOT NULL,
    dtype TEXT NOT NULL,
    gradient TEXT NOT NULL,
    status TEXT NOT NULL,
    stop TEXT,
    reason TEXT NOT NULL,
    seconds REAL NOT NULL,
    epoch INTEGER NOT NULL,             -- the last record, -1 if there is none
    loss REAL,                          -- of that record; NULL: not a number, or none
    validation_loss REAL,
    verdict TEXT NOT NULL,
    recoveries TEXT NOT NULL,
    metrics TEXT NOT NULL,
    measured INTEGER NOT NULL,          -- the record that the metrics are of, -1 if there is none
    record INTEGER NOT NULL,            -- the record that the parameters are of, -1 if there is none
    fingerprint TEXT,                   -- of the data
    target_name TEXT NOT NULL,
    labels TEXT NOT NULL,
    notes TEXT NOT NULL,
    forecast TEXT NOT NULL,
    feature_names TEXT NOT NULL,
    parameter_names TEXT NOT NULL,
    parameters BLOB                     -- p float64
)
""",
    """
CREATE TABLE blocks (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    stride INTEGER NOT NULL,
    rates TEXT NOT NULL,                -- JSON
    numbers BLOB NOT NULL,
    loss BLOB NOT NULL,
    validation_loss BLOB,
    in_full BLOB NOT NULL,
    PRIMARY KEY (run, first)
)
""",
)

_REASONS = {
    sqlite3.SQLITE_NOTADB: "is not a store of runs.",
    sqlite3.SQLITE_CORRUPT: "the store is damaged; move it away, and a new one is begun.",
    sqlite3.SQLITE_READONLY: "the store may only be read here, not written.",
    sqlite3.SQLITE_FULL: "the disk is full.",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written, or is full.",
    sqlite3.SQLITE_CANTOPEN: "the store cannot be opened or created here.",
    sqlite3.SQLITE_BUSY: "another program holds on to the store.",
}


def connect(path: Path) -> sqlite3.Connection:
    """Open the store at ``path``; a folder or a file that is missing is made.

    One that may only be read, with all in its folder, is opened for reading alone.
    Raises InputError where neither can be, or where the file is something else.
    """
    if path.is_dir():
        raise InputError(f"{printable(str(path))}: is a folder; the store is a file, such as runs.sqlite in it.")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _opened(path, path)
        except sqlite3.OperationalError as error:
            # A write-ahead log needs a file beside the store, even to read in it.
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not _is_filled(path):
                raise
        log = path.with_name(f"{path.name}-wal")
        if _is_filled(log):
            hint = f"its last changes are still in {printable(log.name)}: copy both to a folder that can be written."
            raise InputError(f"{printable(str(path))}: may only be read here, and {hint}")
        return _opened(f"{path.resolve().as_uri()}?mode=ro&immutable=1", path)


def _opened(where: Path | str, path: Path) -> sqlite3.Connection:
    """A connection to the store at ``path``; ``where``: that path, or a URI that leads there."""
    connection = sqlite3.connect(where, timeout=PATIENCE, isolation_level=None, uri=isinstance(where, str))
    try:
        connection.row_factory = sqlite3.Row
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, *, reading: bool = False) -> Iterator[None]:
    """All that is written inside is written, or nothing; all that is read is of one moment."""
    # One that began by reading could not wait for another one that writes.
    connection.execute("BEGIN DEFERRED" if reading else "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # After some failures, such as a full disk, SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    """Add a row with these columns; returns its number."""
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - the names are those of the tables here
    return connection.execute(statement, values).lastrowid or 0


def update(connection: sqlite3.Connection, run_id: int, values: Mapping[str, Any]) -> bool:
    """Change these columns of a run; returns whether there is one."""
    changes = ", ".join(f"{name} = :{name}" for name in values)
    statement = f"UPDATE runs SET {changes} WHERE id = :id"  # noqa: S608 - the names are those of the tables here
    return connection.execute(statement, {**values, "id": run_id}).rowcount > 0


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system say of the store at ``path`` into an InputError."""
    try:
        yield
    except sqlite3.Error as error:
        reason = _REASONS.get(_code(error), f"{printable(str(error))}.")
        raise InputError(f"{printable(str(path))}: {reason}") from error
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror}.") from error


def _code(error: sqlite3.Error) -> int:
    # The upper bits say where in SQLite it was.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the database is a store, or make it one where it is new."""
    if _is_new(connection):
        # Deleting runs makes the file smaller; that must be known before its first page is written.
        connection.execute("PRAGMA auto_vacuum = FULL")
        _write_ahead(connection)
        with transaction(connection):
            if _is_new(connection):
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
    if _pragma(connection, "application_id") != _APPLICATION:
        raise InputError(f"{printable(str(path))}: is a database of another program, not a store of runs.")
    if _pragma(connection, "user_version") > VERSION:
        raise InputError(f"{printable(str(path))}: was written by a newer tui-regress; this one cannot read it.")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is committed is on the disk: a checkpoint, written after its records, is not ahead of them either when the
    # power fails. It costs the thread that writes, once a second, the time of a sync.
    connection.execute("PRAGMA synchronous = FULL")


def _is_new(connection: sqlite3.Connection) -> bool:
    empty = connection.execute("SELECT NOT EXISTS (SELECT * FROM sqlite_master)").fetchone()[0]
    return bool(empty) and _pragma(connection, "application_id") == 0


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, which lets others read and a killed writer leave no harm."""
    # SQLite's own patience does not hold for this statement.
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
