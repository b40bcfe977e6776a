import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tui_regress.tui.charts.scales import Axis, Tick, limits, linear_ticks, log_ticks

finite = st.floats(-1e300, 1e300, allow_nan=False)


def value(label: str) -> float:
    return float(label.replace("k", "e3").replace("M", "e6"))


@given(finite, finite, st.integers(2, 8))
def test_linear_ticks_are_few_inside_and_named_after_where_they_stand(one: float, other: float, most: int) -> None:
    low, high = limits(np.array([one, other]))

    ticks = linear_ticks(low, high, most)

    assert 2 <= len(ticks) <= 2 * most + 2
    assert all(low <= tick.position <= high for tick in ticks)
    assert [value(tick.label) for tick in ticks] == pytest.approx(
        [tick.position for tick in ticks], abs=1e-6 * (high - low)
    )
    assert len({tick.label for tick in ticks}) == len(ticks)


@given(st.floats(-323.0, 300.0), st.floats(-323.0, 300.0), st.integers(2, 8))
def test_log_ticks_are_inside_and_named_after_where_they_stand(one: float, other: float, most: int) -> None:
    low, high = sorted((one, other))
    assume(high - low > 1e-5)

    ticks = log_ticks(low, high, most)

    assert all(low <= tick.position <= high for tick in ticks)
    assert len(ticks) >= 2 or low < -290
    # A subnormal number cannot be read back from its name with any accuracy.
    named = [tick for tick in ticks if tick.position > -300]
    assert [math.log10(value(tick.label)) for tick in named] == pytest.approx(
        [tick.position for tick in named], abs=max(1e-9, 1e-5 * (high - low))
    )
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0.0, 1000.0, 6, ["0", "200", "400", "600", "800", "1000"]),
        (0.0, 0.3, 4, ["0.0", "0.1", "0.2", "0.3"]),
        (-1.2, 1.2, 5, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (0.0, 44.0, 5, ["0", "10", "20", "30", "40"]),
        (0.0, 20_000.0, 3, ["0", "10k", "20k"]),
        (0.0, 10_000.0, 6, ["0", "2k", "4k", "6k", "8k", "10k"]),
        (0.0, 2.4e6, 3, ["0", "1M", "2M"]),
        (0.0, 1.1e6, 3, ["0", "0.5M", "1.0M"]),
        (999_900.0, 1_000_000.0, 3, ["999900", "999950", "1000000"]),
        (0.0, 3.4e38, 4, ["0", "1e38", "2e38", "3e38"]),
        (0.0, 4.2e-5, 3, ["0", "2e-5", "4e-5"]),
        (0.0, 1.6e-4, 4, ["0", "5e-5", "1e-4", "1.5e-4"]),
        (4.99999, 5.00001, 3, ["4.99999", "5.00000", "5.00001"]),
    ],
)
def test_linear_labels_are_short_and_of_one_form(low: float, high: float, most: int, labels: list[str]) -> None:
    assert [tick.label for tick in linear_ticks(low, high, most)] == labels


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (-3.0, 2.0, 6, ["1e-3", "1e-2", "1e-1", "1e0", "1e1", "1e2"]),
        (-5.1, 1.6, 4, ["1e-4", "1e-2", "1e0"]),
        (0.0, 38.0, 4, ["1e0", "1e10", "1e20", "1e30"]),
        (math.log10(0.04), math.log10(0.7), 6, ["0.05", "0.1", "0.2", "0.5"]),
        (-7.2, -6.1, 6, ["1e-7", "2e-7", "5e-7"]),
        (math.log10(0.52), math.log10(0.71), 5, ["0.55", "0.60", "0.65", "0.70"]),
    ],
)
def test_log_labels_are_decades_or_one_two_five_or_round(low: float, high: float, most: int, labels: list[str]) -> None:
    assert [tick.label for tick in log_ticks(low, high, most)] == labels


def test_ticks_of_epochs_are_whole_numbers() -> None:
    assert [tick.label for tick in Axis(0, 3, "whole").ticks(8)] == ["0", "1", "2", "3"]


def test_the_low_end_of_a_log_axis_that_holds_zeros_is_named_zero_and_stands_apart() -> None:
    ticks = Axis(-5.0, 1.0, "log", zero=True).ticks(6)

    assert ticks[0] == Tick(-5.0, "0")
    assert ticks[1].position >= -4.0


def test_limits_are_the_extremes_of_all_finite_values() -> None:
    assert limits(np.array([3.0, np.nan, -2.0]), np.array([np.inf, 7.0]), np.array([])) == (-2.0, 7.0)


def test_limits_of_one_value_lie_around_it() -> None:
    low, high = limits(np.full(5, 5.0))

    assert low < 5.0 < high


def test_limits_of_nothing_finite_are_zero_and_one() -> None:
    assert limits(np.array([np.nan, -np.inf])) == (0.0, 1.0)
