import mmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress.engine.events import FloatArray
from tui_regress.engine.series import Series

SIZES = st.lists(st.integers(0, 700), max_size=8)


def numbers(count: int, seed: int = 0) -> FloatArray:
    """Mostly finite, with all that is not here and there."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    values[rng.random(count) < 0.01] = rng.choice([np.nan, np.inf, -np.inf])
    return values


def filled(values: FloatArray, sizes: list[int]) -> Series:
    series, start = Series(), 0
    for size in [*sizes, len(values)]:
        series.extend(values[start : start + size])
        start = min(len(values), start + size)
    return series


def assert_right(series: Series, values: FloatArray) -> None:
    """Values and stretches of ``series`` are those of ``values``."""
    np.testing.assert_array_equal(series.view, values)
    for most in (63, 64, 300, 1024, 5000):
        parts = series.stretches(most)
        if parts is None:
            assert most < 64
            continue
        assert most / 4 < parts.size <= most
        full = values[: len(values) // parts.size * parts.size].reshape(-1, parts.size)
        finite = np.where(np.isfinite(full), full, np.nan)
        np.testing.assert_array_equal(parts.low, np.fmin.reduce(finite, axis=1))
        np.testing.assert_array_equal(parts.high, np.fmax.reduce(finite, axis=1))
        np.testing.assert_array_equal(parts.broken, ~np.isfinite(full).all(axis=1))


@given(SIZES, st.integers(0, 5))
def test_stretches_hold_the_extremes_however_the_values_came(sizes: list[int], seed: int) -> None:
    values = numbers(3000, seed)
    assert_right(filled(values, sizes), values)


@given(SIZES, st.integers(0, 3000), SIZES)
def test_a_series_cut_short_goes_on_as_if_the_rest_had_never_been(sizes: list[int], at: int, more: list[int]) -> None:
    values, others = numbers(3000), numbers(3000, seed=9)
    series = filled(values, sizes)
    series.cut(at)
    assert_right(series, values[:at])
    end = at
    for size in more:
        series.extend(others[end : end + size])
        end = min(3000, end + size)
    assert_right(series, np.append(values[:at], others[at:end]))


@given(st.integers(0, 3000))
def test_the_head_of_a_series_is_the_series_of_the_first_values(count: int) -> None:
    values = numbers(2500)
    series = Series.of(values)
    assert_right(series.head(count), values[:count])
    assert_right(series, values)


@given(st.lists(st.integers(0, 999), max_size=4), st.integers(0, 1000), st.integers(0, 1000))
def test_the_first_break_is_found_where_it_is(bad: list[int], start: int, length: int) -> None:
    values = np.ones(1000)
    values[bad] = np.nan
    end = min(1000, start + length)
    expected = next((at for at in range(start, end) if at in bad), end)
    assert Series.of(values).first_break(start, end) == expected


def test_values_are_a_read_only_view_without_a_copy() -> None:
    series = Series.of(np.arange(5.0))
    assert np.shares_memory(series.view, series.view)
    assert series[-1] == 4.0
    with pytest.raises(ValueError, match="read-only"):
        series.view[0] = 1.0


def test_numbers_of_float32_take_half_the_memory_until_one_comes_that_is_none() -> None:
    short = np.array([0.1, np.nan, np.inf, 3e38, 1e-40], np.float32).astype(np.float64)
    series = Series.of(short)
    assert series.view.dtype == np.float32
    np.testing.assert_array_equal(series[:], short)
    for number in (0.1, 1e300, 1e-300):
        longer = series.head(len(short))
        longer.extend(np.array([2.0, number]))
        np.testing.assert_array_equal(longer.view, [*short, 2.0, number])
        np.testing.assert_array_equal(longer[:], [*short, 2.0, number])


def test_where_the_system_does_not_promise_memory_for_all_that_is_expected_a_series_grows_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refuse)
    values = numbers(5000)
    series = Series(expected=10**12)
    for part in np.split(values, 10):
        series.extend(part)
    assert_right(series, values)


def test_room_for_all_that_is_expected_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    real = mmap.mmap

    def counted(place: int, size: int, **settings: int) -> mmap.mmap:
        taken.append(size)
        return real(place, size, **settings)

    monkeypatch.setattr(mmap, "mmap", counted)
    values = np.arange(6000.0)
    series = Series(expected=6000)
    for part in np.split(values, 10):
        series.extend(part)
    assert_right(series, values)
    assert taken == [4 * 6000]
