"""What a benchmark claims, how it is measured, and what came of it. Nothing in here measures anything."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

Figures = Mapping[str, float | str]
"""What one measurement gave, by name; ``backend`` is a word, all others are numbers."""
Measure = Callable[[], Figures]
"""Carries out one measurement. May raise MissingError."""


class MissingError(Exception):
    """What a side needs is not to be had here; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work to do."""

    quick: bool = False
    """A tenth of it: to see that everything works, not to learn how fast it is."""

    def of(self, amount: int) -> int:
        """``amount``, or as much of it as there is time for."""
        return max(1, amount // 10) if self.quick else amount

    @property
    def seconds(self) -> float:
        """How long a measurement of speed lasts at least."""
        return 0.5 if self.quick else 4.0


Side = Callable[[Scale], AbstractContextManager[Measure]]
"""One of the things that are compared: opened once, measured once a round, and closed. May raise MissingError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``figure`` of the side ``ours``, divided by that of ``theirs`` where there is one, is what it should be."""

    ours: str
    figure: str
    theirs: str | None = None
    least: float | None = None
    most: float | None = None
    """With neither, the number is given and nothing is claimed."""
    unit: str = "×"
    over: Callable[[Sequence[float]], float] = statistics.median
    """What makes one number of those of all rounds."""

    @property
    def what(self) -> str:
        """What is compared with what."""
        return self.ours if self.theirs is None else f"{self.ours} / {self.theirs}"

    @property
    def sides(self) -> tuple[str, ...]:
        """Those it takes."""
        return (self.ours,) if self.theirs is None else (self.ours, self.theirs)

    def holds(self, value: float) -> bool | None:
        """Whether ``value`` is what it should be; None where nothing is claimed."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Sides that are measured in turn, and what is claimed of them."""

    name: str
    about: str
    sides: Mapping[str, Side]
    claims: tuple[Claim, ...]
    gigabytes: float = 1.0
    """Memory that must be free."""
    most_rounds: int | None = None
    """Where one round is many measurements already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a claim."""

    part: str
    claim: Claim
    ours: tuple[float, ...] = ()
    """The figure of each round."""
    theirs: tuple[float, ...] = ()
    backend: str = ""
    """What our side computed with, where it says so."""
    missing: str = ""
    """Why there are no figures."""

    @property
    def values(self) -> tuple[float, ...]:
        """Of each round what the claim is about: a ratio taken side by side, or our own figure."""
        if self.claim.theirs is None:
            return self.ours
        return tuple(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def value(self) -> float:
        """That of all rounds together."""
        return self.claim.over(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the claim holds; None where nothing is claimed or nothing was measured."""
        return None if self.missing else self.claim.holds(self.value)
