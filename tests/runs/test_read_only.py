"""A store that may only be read, with all in its folder: on a medium, in a snapshot, in another person's folder."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.runs.made_up import add_run, block, write
from tests.runs.test_failing_store import in_a_child, say
from tui_regress import cli
from tui_regress.problems import InputError
from tui_regress.runs.store import State, Store

NAME = "a?b #%41.sqlite"
"""In a URI it would mean something else."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a store of one run, to be closed; not in pytest's own folder, into which another user cannot look."""
    with tempfile.TemporaryDirectory() as name:
        found = Path(name)
        with Store(found / NAME) as store:
            write(store, add_run(store), block(0, [3.0, 2.0]), status="completed")
        yield found
        found.chmod(0o755)


def by_a_stranger(work: Callable[[Path], None], folder: Path) -> list[str]:
    """What ``work`` says in a folder where nobody may write."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    lines = in_a_child(work, folder)
    return lines[lines.index("now") + 1 :]


def become_a_stranger(work: Callable[[Path], None], folder: Path) -> None:
    """Do ``work`` in ``folder`` as somebody to whom it is read-only."""
    # Once where it is allowed, so that all modules are loaded before another user takes over.
    with tempfile.TemporaryDirectory() as own:
        shutil.copy(folder / NAME, own)
        work(Path(own))
    if os.getuid() == 0:  # to whom nothing is read-only
        os.setuid(65534)
    say("now")
    work(folder)


def test_what_a_store_holds_can_be_read_where_nothing_can_be_written(folder: Path) -> None:
    assert by_a_stranger(read_as_a_stranger, folder) == ["1 completed", "3.0 2.0"]
    assert [path.name for path in folder.iterdir()] == [NAME]


def read_as_a_stranger(folder: Path) -> None:
    def read(folder: Path) -> None:
        with Store(folder / NAME) as store:
            [run] = store.runs()
            kept = store.kept(1)
        say(f"{run.run_id} {run.status}", " ".join(map(str, kept.records.loss)))

    become_a_stranger(read, folder)


def test_what_would_be_written_is_refused_in_a_sentence(folder: Path) -> None:
    sentence = f"{folder / NAME}: the store may only be read here, not written."
    assert by_a_stranger(write_as_a_stranger, folder) == [sentence] * 3


def write_as_a_stranger(folder: Path) -> None:
    def try_to_write(folder: Path) -> None:
        with Store(folder / NAME) as store:
            for change in (lambda: add_run(store), lambda: store.write(1, State(), []), lambda: store.delete([1])):
                try:
                    change()
                except InputError as error:
                    say(str(error))

    become_a_stranger(try_to_write, folder)


def test_the_commands_that_only_read_do_so(folder: Path) -> None:
    lines = by_a_stranger(ask_as_a_stranger, folder)
    assert [line for line in lines if line.startswith("code")] == ["code 0", "code 0", "code 0", "code 0"]
    assert "epoch,loss,mse,grad_norm,lr,w[x],b" in lines


def ask_as_a_stranger(folder: Path) -> None:
    def ask(folder: Path) -> None:
        store = ["--store", str(folder / NAME)]
        for command in ("runs", "runs show 1", "export 1 --to csv", "export 1 --to formula"):
            say(f"code {cli.run([*command.split(), *store])}")

    become_a_stranger(ask, folder)


def test_changes_that_are_not_in_the_file_yet_are_not_passed_over_in_silence(folder: Path) -> None:
    log = folder / f"{NAME}-wal"
    with Store(folder / NAME) as store:
        add_run(store)
        content = log.read_bytes()
    assert not log.exists()
    log.write_bytes(content)
    [sentence] = by_a_stranger(read_a_log_as_a_stranger, folder)
    assert sentence.startswith(f"{folder / NAME}: may only be read here, and its last changes are still in {log.name}")


def read_a_log_as_a_stranger(folder: Path) -> None:
    def read(folder: Path) -> None:
        try:
            Store(folder / NAME).close()
        except InputError as error:
            say(str(error))

    become_a_stranger(read, folder)


def test_a_file_that_is_none_is_still_said_to_be_none(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "songs.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE songs (title TEXT)")
    (folder / NAME).unlink()
    (folder / "songs.sqlite").rename(folder / NAME)
    [sentence] = by_a_stranger(read_a_log_as_a_stranger, folder)
    assert sentence.endswith("is a database of another program, not a store of runs.")
