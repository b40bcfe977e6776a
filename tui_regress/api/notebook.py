"""What a person at a prompt sees and does meanwhile: a line of progress, and ctrl+c."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tui_regress.data.progress import INTERVAL, Progress, silent
from tui_regress.engine.control import Control


@contextmanager
def line(shown: bool) -> Iterator[Progress]:
    """A way to tell how far things are: on one line of stderr that writes over itself, or not at all."""
    if not shown:
        yield silent
        return
    width, next_at = 0, 0.0

    def tell(doing: str, share: float | None) -> None:
        nonlocal width, next_at
        if (now := time.monotonic()) < next_at and share != 1:
            return
        next_at = now + INTERVAL
        text = doing if share is None else f"{share:4.0%}  {doing}"
        sys.stderr.write("\r" + text.ljust(width))
        sys.stderr.flush()
        width = len(text)

    try:
        yield tell
    finally:
        sys.stderr.write("\n")


@contextmanager
def interrupting(control: Control) -> Iterator[None]:
    """Let the first ctrl+c stop the run in good order, as far as this thread is the one that hears of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
