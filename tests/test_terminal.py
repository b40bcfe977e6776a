"""The installed program in a real pseudo-terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

PROGRAM = Path(sys.executable).with_name("tui-regress")
COLUMNS, ROWS = 120, 40
PATIENCE = 60.0


class Terminal:
    """A pseudo-terminal with a screen behind it, and a program inside."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._slave = slave
        self.before = termios.tcgetattr(slave)
        self.received = b""
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)},
        )

    def type(self, keys: str) -> None:
        """Send keys."""
        os.write(self.master, keys.encode())

    def see(self, text: str) -> None:
        """Wait until ``text`` stands on the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in "\n".join(self._screen.display):
            self._read()
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} not on the screen:\n" + "\n".join(self._screen.display))

    def wait(self) -> int:
        """Wait for the program's end; its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self._read()
            assert time.monotonic() < deadline, "the program did not end"
        while self._read():
            pass
        return self.process.returncode

    def attributes(self) -> list[object]:
        """The terminal's settings now."""
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        """Whatever happens, no program is left running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], 0.1)
        if ready:
            data = os.read(self.master, 65536)
            self.received += data
            # pyte cannot parse the private sequences by which a program asks for the keyboard protocol.
            self._stream.feed(data.replace(b"\x1b[>1u", b"").replace(b"\x1b[<u", b""))
        return bool(ready)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal("gentle-line")
    yield opened
    opened.close()


def test_the_program_trains_quits_and_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.see("IDLE")
    terminal.see("w[x]")
    terminal.type("s")
    terminal.see("COMPLETED")
    terminal.type("q")
    assert terminal.wait() == 0
    assert terminal.attributes() == terminal.before
    left, _, after = terminal.received.rpartition(b"\x1b[?1049l")
    assert left, "the alternate screen was entered and left"
    assert b"\x1b[?25h" in after, "the cursor is visible again"
    assert b"gentle-line: COMPLETED at epoch 1,000" in after
    assert b"w[x] = 1.99518" in after
