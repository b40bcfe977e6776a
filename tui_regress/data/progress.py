"""How far a long piece of work is, told to whoever asks."""

import time
from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Takes what is being done, and the share that is done or None where nobody knows; called from the loading thread."""

INTERVAL = 0.1
"""Seconds between two words about the same work."""


def silent(_what: str, _share: float | None) -> None:
    """Tell nobody."""


def paced(progress: Progress, clock: Callable[[], float] = time.monotonic) -> Progress:
    """``progress``, passed on at once where other work begins, and otherwise some ten times a second."""
    last, due = "", 0.0

    def tell(what: str, share: float | None) -> None:
        nonlocal last, due
        now = clock()
        if what != last or now >= due:
            last, due = what, now + INTERVAL
            progress(what, share)

    return tell
