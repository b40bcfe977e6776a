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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyte
import pytest

from tui_regress.runs.store import Store

PROGRAM = Path(sys.executable).with_name("tui-regress")
COLUMNS, ROWS = 120, 40
PATIENCE = 60.0


OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal that of the session, as a shell in it would have it: then it can be opened as /dev/tty."""


class Terminal:
    """A pseudo-terminal with a screen behind it, and a program inside; its standard input may be something else."""

    def __init__(self, *arguments: str, stdin: IO[bytes] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._slave = slave
        self.before = termios.tcgetattr(slave)
        self.received = b""
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, PROGRAM, *arguments],
            stdin=slave if stdin is None else stdin,
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


Open = Callable[..., Terminal]


@pytest.fixture
def terminal() -> Iterator[Open]:
    opened: list[Terminal] = []

    def run(*arguments: str, stdin: IO[bytes] | None = None) -> Terminal:
        opened.append(Terminal(*arguments, stdin=stdin))
        return opened[-1]

    yield run
    for one in opened:
        one.close()


def test_the_program_trains_quits_and_leaves_the_terminal_as_it_was(terminal: Open) -> None:
    opened = terminal("gentle-line")
    opened.see("IDLE")
    opened.see("w[x]")
    opened.type("s")
    opened.see("COMPLETED")
    opened.type("q")
    assert opened.wait() == 0
    assert opened.attributes() == opened.before
    left, _, after = opened.received.rpartition(b"\x1b[?1049l")
    assert left, "the alternate screen was entered and left"
    assert b"\x1b[?25h" in after, "the cursor is visible again"
    assert b"gentle-line: COMPLETED at epoch 1,000" in after
    assert b"w[x] = 1.99518" in after


def test_a_table_is_piped_in_and_the_keys_come_from_the_terminal(terminal: Open, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("x,y\n" + "".join(f"{x},{2 * x + 1}\n" for x in range(9)), encoding="utf-8")
    with table.open("rb") as stdin:
        opened = terminal("-", "--target", "y", stdin=stdin)
        opened.see("w[x]")
        opened.type("s")
        opened.see("COMPLETED")
        opened.type("q")
        assert opened.wait() == 0


def test_a_table_piped_in_where_there_is_no_terminal_is_told_in_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        [PROGRAM, "-", "--target", "y"],
        input="x,y\n1,2\n2,3\n4,5\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "tui-regress: the table came on standard input, and there is no terminal to take keys from; "
        "use `tui-regress train -`.\n"
    )


def test_ctrl_c_on_a_terminal_stops_the_run_and_says_how_to_go_on(terminal: Open, store: Path) -> None:
    opened = terminal("train", "gentle-line", "--set", "training.epochs=1000000000")
    opened.see(" epochs ━")
    opened.type("\x03")
    opened.see("Kept as run 1; `tui-regress runs resume 1` goes on from here.")
    assert opened.wait() == 130
    with Store(store) as runs:
        assert (runs.summary(1).status, runs.summary(1).resumable) == ("stopped", True)
