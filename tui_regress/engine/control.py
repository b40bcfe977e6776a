"""The hand on a run: pause, resume, one epoch, stop, another learning rate. Knows no torch."""

import math
import threading
import time

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

    def take_lr(self, lr: float) -> float:
        """The learning rate last set, else ``lr``."""
        return lr if self._lr is None else self._lr

    def take_turn(self, most: int) -> int:
        """Wait while paused; then the number of epochs for the next block: ``most``, or 1 in single steps.

        Raises Stop.
        """
        self._wait()
        return 1 if self.paused else most

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
            self._wait()

    def _allow(self, epochs: float) -> None:
        with self._changed:
            self._allowance = epochs
            self._changed.notify_all()

    def _wait(self) -> None:
        began = time.perf_counter()
        with self._changed:
            self._waiting = True
            self._changed.wait_for(lambda: self._allowance or self._stopped)
            self._waiting = False
        self._waited += time.perf_counter() - began
        if self._stopped:
            raise Stop
