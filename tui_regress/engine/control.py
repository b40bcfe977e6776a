"""The hand on a run: pause, resume, one epoch, stop, another learning rate. Knows no torch."""

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence

BREATH = 0.001
"""Seconds of work after which other threads get their turn; a thread that never yields makes a screen stutter."""


class Stop(BaseException):
    """Raised inside a backend where the run is to end; like KeyboardInterrupt, no error for anyone to handle."""


class Control:
    """What a person wants of one run; safe to use from any thread, and from a signal handler of the run's own."""

    def __init__(self, *, paused: bool = False) -> None:
        # Epochs the run may still begin: any number, none, or those asked for one by one.
        self._allowance = 0 if paused else math.inf
        self._changed = threading.Condition()
        self._stopped = False
        self._waiting = False
        self._lr: float | None = None
        self._breathed = 0.0
        self._waited = 0.0

    def pause(self) -> None:
        """Wait before the next block, or inside an epoch that is a block of its own."""
        self._allow(0)

    def resume(self) -> None:
        """Go on."""
        self._allow(math.inf)

    def step(self) -> None:
        """One more epoch, then pause; a pause inside an epoch lasts until its end is asked for in this way."""
        with self._changed:
            self._allow(self._allowance + 1 if self.paused else 1)

    def stop(self) -> None:
        """End the run; an epoch in progress is given up."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def set_lr(self, lr: float) -> None:
        """Another learning rate, a finite number above 0, from the next block on."""
        if not 0 < lr < math.inf:
            raise ValueError(f"a learning rate must be a finite number above 0, not {lr}")
        self._lr = float(lr)

    @property
    def paused(self) -> bool:
        """Waiting, or about to after the epochs asked for."""
        return self._allowance < math.inf

    @property
    def waiting(self) -> bool:
        """The run has come to a halt, and all its records are out."""
        return self._waiting

    @property
    def stopped(self) -> bool:
        """The run is to end, or has."""
        return self._stopped

    @property
    def waited(self) -> float:
        """Seconds the run has spent paused."""
        return self._waited

    # What follows is for the run itself.

    def take_lr(self, lr: float, record: int) -> float:  # noqa: ARG002 - for those that go by it
        """The learning rate of the epoch that leads to ``record``: the one last set, else ``lr``."""
        return lr if self._lr is None else self._lr

    def take_turn(self, most: int, record: int) -> int:  # noqa: ARG002 - for those that go by it
        """The number of epochs for the block after ``record``: ``most``, 1 in single steps, 0 while paused."""
        return int(min(self._allowance, 1)) if self.paused else most

    def wait(self) -> None:
        """Wait while paused, until the run may go on or is to end."""
        began = time.perf_counter()
        with self._changed:
            self._waiting = True
            self._changed.wait_for(lambda: self._allowance or self._stopped)
            self._waiting = False
        self._waited += time.perf_counter() - began

    def end_turn(self, epochs: int) -> None:
        """A block of ``epochs`` is done: a single one may have been a step."""
        with self._changed:
            if epochs == 1 and self._allowance:
                self._allowance -= 1

    def breathe(self, *, alone: bool) -> None:
        """To be called often between steps, it costs next to nothing: lets other threads run. Raises Stop.

        While paused, waits right there if the epoch is ``alone`` in its block and so may be long.
        """
        if self._stopped:
            raise Stop
        if (now := time.perf_counter()) - self._breathed > BREATH:
            self._breathed = now
            time.sleep(0)
        if alone and not self._allowance:
            self.wait()
            if self._stopped:
                raise Stop

    def _allow(self, epochs: float) -> None:
        with self._changed:
            self._allowance = epochs
            self._changed.notify_all()


class Scripted(Control):
    """A hand that sets the learning rates of an earlier run, at the very same records.

    ``rates`` are (first record, learning rate) of each stretch of records with the same one, in order, as
    ``History.rates`` has them. They say it all: what else would change the learning rate, such as a recovery, is
    expected among them.
    """

    def __init__(self, rates: Sequence[tuple[int, float]], *, paused: bool = False) -> None:
        super().__init__(paused=paused)
        self._firsts = [first for first, _ in rates]
        self._rates = [rate for _, rate in rates]

    def take_lr(self, lr: float, record: int) -> float:
        """The learning rate of the stretch that ``record`` belongs to; before the first one ``lr``."""
        stretch = bisect_right(self._firsts, record)
        return self._rates[stretch - 1] if stretch else lr

    def take_turn(self, most: int, record: int) -> int:
        """See :class:`Control`; a block ends where the learning rate changes."""
        following = bisect_right(self._firsts, record + 1)
        if following < len(self._firsts):
            most = min(most, self._firsts[following] - record - 1)
        return super().take_turn(most, record)
