"""A process on a pseudo-terminal of its own, whose screen somebody reads: painting is a part of the work."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tui_regress.text import printable

COLUMNS, ROWS = 120, 40
PATIENCE = 300.0
"""Seconds of silence after which a process is taken to hang."""
ROOT = Path(__file__).parents[2]

_CAN_IT = b"\x1b[?2026$p"
_IT_CAN = b"\x1b[?2026;2$y"
"""With the one a program asks whether frames can be painted in one go; with the other it is told so."""
_EPOCH = re.compile(rb"epoch ([\d,]+)/")
"""What the status line says of the latest record."""

_STYLE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours and movements of the cursor."""


class ProcessError(Exception):
    """A process that was measured ended or fell silent; the message holds the last it said."""


class Terminal:
    """A program on a terminal of 120×40 that paints as today's terminals do."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._frames: list[float] = []
        """When another record than the last was painted; by ``time.monotonic``, the same clock in every process."""
        self._shown, self._rest = b"", b""
        self._received = b""
        """The end of what has come."""
        size = {"COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=pass_fds,
            start_new_session=True,
            cwd=ROOT,
            env=os.environ | size | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happens, no program is left running."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, keys: str) -> None:
        """Send keys."""
        os.write(self._master, keys.encode())

    def read(self, timeout: float, beside: int | None = None) -> tuple[bytes, bool]:
        """What came within ``timeout`` seconds, and whether ``beside``, a pipe, has something to read.

        Raises ProcessError where the program has ended.
        """
        watched = [self._master] if beside is None else [self._master, beside]
        ready, _, _ = select.select(watched, [], [], timeout)
        data = b""
        if self._master in ready:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # so a pseudo-terminal says that nobody writes to it any more
                raise self.error("ended") from None
            self._note(data)
        return data, beside in ready

    def see(self, mark: bytes) -> float:
        """Wait until ``mark`` comes, all of it after now; seconds that it took. Raises ProcessError."""
        began, seen = time.monotonic(), b""
        while mark not in seen:
            data, _ = self.read(PATIENCE)
            if not data:
                raise self.error("fell silent")
            seen += data
        return time.monotonic() - began

    def watch(self, seconds: float) -> None:
        """Read whatever comes in the next ``seconds``."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def painted(self, began: float, ended: float) -> int:
        """Frames between two moments of ``time.monotonic``, each with another record than the one before."""
        return sum(began <= frame <= ended for frame in self._frames)

    def error(self, what: str) -> ProcessError:
        """The program ``what``, and the last it said."""
        said = _STYLE.sub(b"", self._received).decode(errors="replace")
        return ProcessError(f"{what}; it said last: {printable(' '.join(said.split())[-1000:], 1000)}")

    def _note(self, data: bytes) -> None:
        if _CAN_IT in data:
            os.write(self._master, _IT_CAN)
        # The number itself may come in two pieces.
        fresh, end = self._rest + data, 0
        for found in _EPOCH.finditer(fresh):
            if found[1] != self._shown:
                self._frames.append(time.monotonic())
            self._shown, end = found[1], found.end()
        self._rest = fresh[end:][-40:]
        self._received = (self._received + data)[-4000:]
