"""Standard input and output where they are a terminal, and where they are not."""

import codecs
import io
import os
import sys
from typing import IO, TYPE_CHECKING

import click

from tui_regress.cli.program import PROGRAM
from tui_regress.text import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def standard_output() -> IO[bytes]:
    """Where the bytes of a result go; on a terminal, characters that would act on it are shown as ``�``."""
    return _OnTerminal() if sys.stdout.isatty() else sys.stdout.buffer


class _OnTerminal(io.BytesIO):
    """Text in UTF-8 on its way to a terminal, line by line."""

    def __init__(self) -> None:
        super().__init__()
        # A piece may end in the middle of a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: "ReadableBuffer") -> int:
        """Show ``data`` at once."""
        piece = bytes(data)
        lines = self._decoder.decode(piece).split("\n")
        sys.stdout.write("\n".join(printable(line, sys.maxsize) for line in lines))
        return len(piece)


def give_the_terminal_back() -> None:
    """Standard input has been read to its end: from here on it is the keyboard.

    Raises click.ClickException where there is no terminal.
    """
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise click.ClickException(
            f"the table came on standard input, and there is no terminal to take keys from; use `{PROGRAM} train -`."
        ) from None
    os.dup2(keyboard, 0)
    os.close(keyboard)
