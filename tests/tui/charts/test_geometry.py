from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress.engine.series import Series
from tui_regress.tui.charts import geometry
from tui_regress.tui.charts.canvas import braille
from tui_regress.tui.charts.scales import Axis

BOX = Axis(0.0, 10.0), Axis(-1.0, 1.0)


def clipped(*vertices: tuple[float, float]) -> list[tuple[float, float, float, float]]:
    x, y = np.array(vertices).T
    parts = geometry.clip(x, y, np.arange(len(x)) > 0, *BOX)
    return list(zip(*(part.tolist() for part in parts), strict=True))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(1, 60))
def test_every_bucket_keeps_its_smallest_and_largest_value(values: list[float], buckets: int) -> None:
    reduced = geometry.envelope(np.array(values), buckets)

    assert len(reduced.low) == min(buckets, len(values))
    for start, end, low, high in zip(reduced.edges[:-1], reduced.edges[1:], reduced.low, reduced.high, strict=True):
        assert (low, high) == (min(values[start:end]), max(values[start:end]))
    assert (reduced.edges[0], reduced.edges[-1]) == (0, len(values))


@given(st.lists(st.floats(), min_size=1, max_size=200), st.integers(1, 60))
def test_a_bucket_is_broken_where_it_holds_a_value_that_is_not_finite(values: list[float], buckets: int) -> None:
    reduced = geometry.envelope(np.array(values), buckets)

    finite = np.isfinite(values)
    for start, end, low, broken in zip(reduced.edges[:-1], reduced.edges[1:], reduced.low, reduced.broken, strict=True):
        assert broken == (not finite[start:end].all())
        assert np.isnan(low) == (not finite[start:end].any())


@given(st.integers(1, 20_000), st.integers(1, 60), st.integers(0, 9))
def test_a_series_is_reduced_as_its_values_are_in_buckets_that_begin_at_most_a_quarter_off(
    count: int, buckets: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    values[rng.random(count) < 0.001] = np.nan
    reduced = geometry.envelope(Series.of(values), buckets)

    even = np.linspace(0, count, min(count, buckets) + 1)
    assert np.abs(reduced.edges - even).max() <= 1 + count / buckets / 4
    assert (reduced.edges[0], reduced.edges[-1]) == (0, count)
    for at, (start, end) in enumerate(pairwise(reduced.edges.tolist())):
        part = values[start:end]
        finite = part[np.isfinite(part)]
        expected = (finite.min(), finite.max()) if len(finite) else (np.nan, np.nan)
        np.testing.assert_array_equal((reduced.low[at], reduced.high[at]), expected)
        assert reduced.broken[at] == (len(finite) < len(part))
        assert reduced.rising[at] == (part[-1] >= part[0])


def test_one_spike_in_a_million_survives_the_reduction() -> None:
    values = np.zeros(1_000_000)
    values[654_321] = 1.0

    for series in (values, Series.of(values)):
        assert geometry.envelope(series, 160).high.max() == 1.0


def test_vertices_follow_the_direction_of_the_series() -> None:
    index, values, joined = geometry.envelope(np.array([0.0, 1.0, 2.0, 9.0, 8.0, 7.0]), 2).vertices()

    assert index.tolist() == [1.0, 1.0, 4.0, 4.0]
    assert values.tolist() == [0.0, 2.0, 9.0, 7.0]
    assert joined.tolist() == [False, True, True, True]


def test_no_line_leads_across_a_value_that_is_not_finite() -> None:
    values = np.array([1.0, 2.0, np.nan, np.nan, 3.0, 4.0])

    index, _, joined = geometry.envelope(values, 6).vertices()

    assert index[~joined].tolist() == [0.0, 4.0]


def test_a_line_inside_stays_as_it_is() -> None:
    assert clipped((0, 0), (5, 1), (10, -1)) == [(0, 0, 5, 1), (5, 1, 10, -1)]


def test_a_line_leaves_where_it_crosses_the_border_and_comes_back_there() -> None:
    assert clipped((0, 0), (4, 2), (8, 0)) == [(0, 0, 2, 1), (6, 1, 8, 0)]


def test_a_line_outside_is_not_drawn() -> None:
    assert clipped((0, 2), (10, 3)) == []
    assert clipped((-5, 0), (-1, 0.5)) == []


def test_a_line_through_all_of_the_area_is_cut_on_both_sides() -> None:
    assert clipped((-10, 0.5), (20, 0.5)) == [(0, 0.5, 10, 0.5)]


@pytest.mark.parametrize("slope", [1e3, 1e30, -1e30, 1e200])
def test_however_steep_a_line_crosses_from_border_to_border_where_it_should(slope: float) -> None:
    ((x0, y0, x1, y1),) = clipped((0, -4 * slope), (10, 6 * slope))

    assert [x0, x1] == pytest.approx([4, 4], abs=2e-3)
    assert (y0, y1) == (-np.sign(slope), np.sign(slope))


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=20))
def test_whatever_the_vertices_only_what_lies_inside_is_left(vertices: list[tuple[float, float]]) -> None:
    for x0, y0, x1, y1 in clipped(*vertices):
        assert 0 <= min(x0, x1) <= max(x0, x1) <= 10
        assert -1 <= min(y0, y1) <= max(y0, y1) <= 1


def test_a_line_that_comes_from_far_and_ends_just_outside_is_not_drawn() -> None:
    assert clipped((5, 5e20), (5, 1.5)) == []


def test_a_vertex_that_is_not_finite_breaks_the_line() -> None:
    assert clipped((0, 0), (1, np.nan), (2, 0), (3, 0)) == [(0, 0, 0, 0), (2, 0, 3, 0)]


def test_values_fall_on_dots_in_order_and_those_beyond_on_the_last() -> None:
    places = geometry.dot(np.array([-np.inf, 0.0, 2.4, 2.6, 10.0, 1e300]), BOX[0], 4)

    assert places.tolist() == [0, 0, 0, 1, 3, 3]


def test_connected_segments_become_one_chain_without_repeated_dots() -> None:
    start, end = np.array([[0, 0], [2, 0], [2, 0], [9, 9]]), np.array([[2, 0], [2, 0], [4, 4], [9, 9]])

    vertices, joined = geometry.chain(start, end)

    assert vertices.tolist() == [[0, 0], [2, 0], [4, 4], [9, 9]]
    assert joined.tolist() == [False, True, True, False]


DOT = st.tuples(st.integers(0, 59), st.integers(0, 39), st.booleans())


@given(st.lists(st.one_of(DOT, st.tuples(st.integers(0, 59), st.integers(0, 1), st.just(True))), max_size=30))
def test_a_line_through_fewer_vertices_covers_the_same_dots(dots: list[tuple[int, int, bool]]) -> None:
    vertices = np.array([dot[:2] for dot in dots], dtype=np.intp).reshape(-1, 2)
    joined = np.array([dot[2] and index > 0 for index, dot in enumerate(dots)], dtype=bool)
    fewer = geometry.straightened(vertices, joined)
    assert (braille(30, 10, *fewer) == braille(30, 10, vertices, joined)).all()


def test_a_level_line_and_an_upright_one_need_two_vertices_each() -> None:
    vertices = np.array([[0, 3], [1, 3], [2, 3], [5, 3], [5, 2], [5, 0], [6, 1], [7, 2]])
    joined = np.arange(8) > 0
    fewer, linked = geometry.straightened(vertices, joined)
    assert fewer.tolist() == [[0, 3], [5, 3], [5, 0], [6, 1], [7, 2]]
    assert linked.tolist() == [False, True, True, True, True]


def test_a_dotted_line_has_dots_at_even_distances_along_it() -> None:
    vertices = np.array([[0, 0], [6, 0], [6, 6]])

    assert geometry.every(3.0, vertices, np.array([False, True, True])).tolist() == [
        [0, 0],
        [3, 0],
        [6, 0],
        [6, 3],
        [6, 6],
    ]


def test_a_dotted_line_does_not_fill_its_gaps() -> None:
    vertices = np.array([[0, 0], [3, 0], [30, 0], [33, 0]])

    dots = geometry.every(3.0, vertices, np.array([False, True, False, True]))

    assert not {4, 10, 20, 29} & set(dots[:, 0].tolist())


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=60))
def test_occupied_places_are_the_different_ones(places: list[tuple[int, int]]) -> None:
    found = geometry.occupied(np.array(places, dtype=np.intp).reshape(-1, 2), 7, 4)

    assert sorted(map(tuple, found.tolist())) == sorted(set(places))
