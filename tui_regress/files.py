"""Writing files so that what is there is replaced as a whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui_regress.problems import InputError, WriteError
from tui_regress.text import printable


@contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Files to write beside ``paths``, all on one disk with them; they take their places once all of them are safe.

    Whatever goes wrong before that leaves the old files as they were and the new ones nowhere.
    Raises InputError where there is no place for them, WriteError where writing fails.
    """
    parts = [path.with_name(f".{path.name}.{os.getpid()}.part") for path in paths]
    try:
        try:
            yield parts
            for part in parts:
                with part.open("rb+") as file:
                    os.fsync(file.fileno())
            for part, path in zip(parts, paths, strict=True):
                part.replace(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
    except OSError as error:
        misplaced = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError)
        sentence = f"{printable(str(paths[0]))}: cannot be written: {error.strerror or error}."
        raise (InputError if misplaced else WriteError)(sentence) from None
