"""Where the bytes of a table are: in a file as it is, in a copy of it in UTF-8, or in one of standard input.

Copies lie in a folder of their own, which goes when the process ends.
"""

import atexit
import codecs
import gzip
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from tui_regress.problems import ExperimentError
from tui_regress.text import printable

STANDARD_INPUT = Path("-")
"""Stands for what is piped in; a file of that name is ``/folder/-``."""
_MAGIC = {b"PAR1": ".parquet", b"\x1f\x8b": ".csv.gz"}
"""How the bytes of Parquet and of gzip begin."""
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """A table's bytes."""

    path: Path
    """As it was named."""
    file: Path
    """Where to read: Parquet, or text in UTF-8."""
    encoding: str = "UTF-8"
    """Of the text at ``path``."""

    @property
    def label(self) -> str:
        """What to call it in a sentence: safe to print."""
        return label(self.path)

    @property
    def is_parquet(self) -> bool:
        """Whether it is Parquet, and no text."""
        return self.file.name.lower().endswith(".parquet")

    @property
    def is_packed(self) -> bool:
        """Whether ``file`` is packed by gzip."""
        return self.file.name.lower().endswith(".gz")

    @property
    def size(self) -> int:
        """Bytes of ``file`` once unpacked, which gzip writes down modulo 2³²."""
        if not self.is_packed:
            return self.file.stat().st_size
        with self.file.open("rb") as file:
            file.seek(-4, 2)
            return int.from_bytes(file.read(4), "little")

    def start(self, size: int) -> bytes:
        """The first bytes, unpacked: ``size`` of them where there are so many."""
        with self.open_bytes() as file:
            return file.read(size)

    def open_bytes(self) -> BinaryIO:
        """The text as bytes, unpacked."""
        return cast("BinaryIO", gzip.open(self.file)) if self.is_packed else self.file.open("rb")

    def open(self, encoding: str = "utf-8-sig", errors: str = "strict") -> TextIO:
        """The text, with the line ends that it has."""
        if self.is_packed:
            return gzip.open(self.file, "rt", encoding=encoding, errors=errors, newline="")
        return self.file.open(encoding=encoding, errors=errors, newline="")


def label(path: Path) -> str:
    """What to call the table at ``path`` in a sentence: safe to print."""
    return "standard input" if path == STANDARD_INPUT else printable(path.name)


def wrong(path: Path, hint: str) -> ExperimentError:
    """Return the error that says what is wrong with a file; of a long path the end is shown, where the name is."""
    shown = str(path)
    return ExperimentError("data.path", shown if len(shown) <= 56 else "…" + shown[-55:], hint)


def located(path: Path) -> Source:
    """Find out where the bytes of ``path`` are. Raises ExperimentError, OSError."""
    if path == STANDARD_INPUT:
        with _one_thread:
            source = Source(path, _standard_input())
    elif not path.exists():
        raise wrong(path, "there is no such file.")
    elif path.is_dir():
        raise wrong(path, "is a folder; name a file in it.")
    else:
        source = Source(path, path)
    if source.is_parquet:
        return source
    if known := _recoded.get(_stamp(source.file)):
        return replace(known, path=path)
    if source.start(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        try:
            return in_utf8(source, "UTF-16")
        except UnicodeDecodeError:
            raise wrong(path, "is not text in UTF-16, as its first bytes say; it may be damaged.") from None
    return source


def in_utf8(source: Source, encoding: str) -> Source:
    """Copy text from another encoding into UTF-8, and read the copy from now on.

    Raises UnicodeDecodeError where the text is not in ``encoding``, which Windows-1252 always is; OSError.
    """
    with _one_thread:
        stamp = _stamp(source.file)
        if stamp not in _recoded:
            file = _folder() / f"{len(_recoded)}.csv"
            with source.open(encoding, _UNDEFINED) as text, file.open("w", encoding="utf-8", newline="") as copy:
                shutil.copyfileobj(text, copy, _CHUNK)
            _recoded[stamp] = Source(source.path, file, encoding)
        return _recoded[stamp]


_recoded = dict[tuple[Path, int, int], Source]()
"""The copies in UTF-8, by what they were made of."""
_one_thread = threading.RLock()
"""Makes the copies: standard input can be read only once."""
_UNDEFINED = "undefined-in-windows-1252"


def _control_character(error: UnicodeError) -> tuple[str, int]:
    """Five bytes mean nothing in Windows-1252; browsers take them for control characters, as Latin-1 does."""
    if isinstance(error, UnicodeDecodeError) and error.encoding == "charmap":
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


codecs.register_error(_UNDEFINED, _control_character)


def _stamp(file: Path) -> tuple[Path, int, int]:
    status = file.stat()
    return file.resolve(), status.st_mtime_ns, status.st_size


@cache
def _standard_input() -> Path:
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        raise wrong(STANDARD_INPUT, "nothing is piped into standard input, as in `tui-regress - < table.csv`.")
    start = stream.buffer.read(4)
    if not start:
        raise wrong(STANDARD_INPUT, "standard input is empty.")
    suffix = next((suffix for magic, suffix in _MAGIC.items() if start.startswith(magic)), ".csv")
    file = _folder() / f"standard-input{suffix}"
    with file.open("wb") as copy:
        copy.write(start)
        shutil.copyfileobj(stream.buffer, copy, _CHUNK)
    return file


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tui-regress-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
