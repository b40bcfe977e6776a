"""How often something may be done beside the training."""

import time
from typing import Self


class Budget:
    """Time for something done now and then: at most once in so many seconds, and never more than a share of the time.

    What is done inside ``with budget:`` counts; ``due`` says whether it is time again.
    """

    def __init__(self, seconds: float, share: float, cost: float = 0.0) -> None:
        """``cost``: seconds that it is thought to take, as long as it has not been done."""
        self._seconds, self._share = seconds, share
        self._began = 0.0
        self._ended = float("-inf")
        self._cost = cost

    def due(self, *, soon: bool = False) -> bool:
        """Whether it is time again; with ``soon`` the share alone decides."""
        pause = self._cost / self._share
        return time.perf_counter() - self._ended >= (pause if soon else max(pause, self._seconds))

    def wait(self) -> None:
        """As if it had just been done."""
        self._ended = time.perf_counter()

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = time.perf_counter()
        self._cost = self._ended - self._began
