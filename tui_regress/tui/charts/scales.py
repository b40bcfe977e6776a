"""Axes: where they begin and end, and the round ticks on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LARGEST = 1e300
"""Values beyond are drawn here: the distance between two such numbers is still a float64."""

_DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)

_SAME = 1e-6
"""Values that differ by less than this share are one number: labels could not tell them apart in few digits."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis with a name."""

    position: float
    """In plotted units: log10 of the value on a log axis."""
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of plotted values, ``low`` < ``high``; on a log axis these are exponents of ten."""

    low: float
    high: float
    kind: Literal["linear", "whole", "log", "probability"] = "linear"
    zero: bool = False
    """The low end of this log axis stands for 0."""

    def ticks(self, most: int) -> list[Tick]:
        """About ``most`` round ticks from low to high, all inside the range."""
        match self.kind:
            case "probability":
                return [Tick(0.0, "0.0"), Tick(0.5, "0.5"), Tick(1.0, "1.0")]
            case "log":
                ticks = log_ticks(self.low, self.high, most)
                lowest = self.low + self.zero * (self.high - self.low) / 6
                return [Tick(self.low, "0")] * self.zero + [tick for tick in ticks if tick.position >= lowest]
            case kind:
                return linear_ticks(self.low, self.high, most, whole=kind == "whole")


def limits(*series: FloatArray, room: float = 0.0) -> tuple[float, float]:
    """Smallest and largest finite value of all ``series``, moved apart by ``room`` × their distance at either end.

    Where there is one value only, a range around it; where there is none, 0 and 1.
    """
    ends = [end for values in series for end in _extremes(values)]
    if not ends:
        return 0.0, 1.0
    low, high = (min(max(end, -LARGEST), LARGEST) for end in (min(ends), max(ends)))
    size = max(abs(low), abs(high))
    if high - low <= max(_SAME * size, 1 / LARGEST):
        around = 0.1 * size if size > 1e10 / LARGEST else 1.0
        return low - around, high + around
    return low - room * (high - low), high + room * (high - low)


def _extremes(values: FloatArray) -> list[float]:
    ends = [float(end) for end in (values.min(), values.max())] if values.size else []
    # A value that is not finite is an extreme, or makes one: only then look at each.
    return ends if all(map(math.isfinite, ends)) else _extremes(values[np.isfinite(values)])


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Exponents of ten of two positive values, moved apart where they are one."""
    first, last = (math.log10(min(end, LARGEST)) for end in (low, high))
    return (first - 0.05, last + 0.05) if last - first < _SAME else (first, last)


def linear_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[Tick]:
    """Multiples of 1, 2 or 5 × a power of ten, at most ``most`` unless that left fewer than two."""
    exponent = math.floor(math.log10((high - low) / most))
    steps = [(digit, power) for power in range(exponent - 1, exponent + 4) for digit in (1, 2, 5)]
    chosen: list[int] = []
    chosen_step = steps[0]
    for digit, power in steps:
        if whole and power < 0:
            continue
        step = digit * 10.0**power
        # 0.3 / 0.1 is a little less than 3: a tick on the very edge belongs to the axis.
        multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(chosen) > 1 and len(multiples) < 2:
            break
        chosen, chosen_step = list(multiples), (digit, power)
        if len(multiples) <= most:
            break
    digit, power = chosen_step
    values = [multiple * digit * 10.0**power for multiple in chosen]
    labels = number_labels(values, power)
    return [Tick(min(max(value, low), high), label) for value, label in zip(values, labels, strict=True)]


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks between 10^``low`` and 10^``high``, about ``most``: every so many decades, or 1, 2, 5, or round numbers."""
    inside = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    choices = [[Tick(float(power), f"1e{power}") for power in inside if power % every == 0] for every in _DECADES]
    if high - low < 3:
        choices = [_digit_ticks(low, high), *choices]
    if len(choices[0]) < 2 and low > -290:
        round_ticks = linear_ticks(10.0**low, 10.0**high, most)
        chosen = [Tick(math.log10(tick.position), tick.label) for tick in round_ticks]
    else:
        few = next(index for index, choice in enumerate(choices) if len(choice) <= most)
        chosen = choices[few - 1 if few and len(choices[few]) < 2 else few]
    return [Tick(min(max(tick.position, low), high), tick.label) for tick in chosen]


def _digit_ticks(low: float, high: float) -> list[Tick]:
    """1, 2 and 5 in each decade; plain numbers where they are short."""
    plain = low >= -3 and high < 4
    return [
        Tick(
            power + math.log10(digit),
            f"{digit * 10.0**power:.{max(0, -power)}f}" if plain else f"{digit}e{power}",
        )
        for power in range(math.floor(low), math.floor(high + 1e-9) + 1)
        for digit in (1, 2, 5)
        if low - 1e-9 <= power + math.log10(digit) <= high + 1e-9
    ]


def number_labels(values: Sequence[float], power: int) -> list[str]:
    """``values``, multiples of 10^``power``, in one form: 0.25, 1200, 15k, 2M, 3e12."""
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e9 or 0 < largest < 1e-3:
        return [_scientific(value, power) for value in values]
    for unit, suffix, least in ((6, "M", 1e6), (3, "k", 1e4)):
        if largest >= least and power >= unit - 1:
            return [f"{value / 10**unit:.{max(0, unit - power)}f}{suffix}" if value else "0" for value in values]
    return [f"{value:.{max(0, -power)}f}" for value in values]


def _scientific(value: float, power: int) -> str:
    if value == 0:
        return "0"
    exponent = int(f"{value:e}".partition("e")[2])
    digits = f"{value:.{max(0, exponent - power)}e}".partition("e")[0]
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{exponent}"
