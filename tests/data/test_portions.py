import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_regress.data import portions
from tui_regress.data.portions import FloatArray, reduced, spread, spread_out, strips, taken

SHAPES = st.tuples(st.integers(1, 400), st.integers(1, 7))


def numbers(shape: tuple[int, int]) -> FloatArray:
    return np.random.default_rng(shape).normal(size=shape)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions and strips of a few rows."""
    monkeypatch.setattr(portions, "_PORTION", 60)
    monkeypatch.setattr(portions, "_STRIP", 16)


@pytest.mark.usefixtures("small")
def test_portions_and_strips_cover_every_row_once_and_in_order() -> None:
    covered = spread(
        lambda portion: [row for rows in strips(portion, 3) for row in range(rows.start, rows.stop)], 101, 3
    )
    assert len(covered) == 6
    assert [row for rows in covered for row in rows] == list(range(101))


@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (1, 1), (7, 10**7)])
def test_no_rows_and_rows_of_any_width_have_their_portions(rows: int, columns: int) -> None:
    assert sum(spread(lambda portion: portion.stop - portion.start, rows, columns)) == rows


@settings(deadline=None)
@given(shape=SHAPES)
def test_what_is_reduced_is_what_numpy_reduces(shape: tuple[int, int]) -> None:
    X = numbers(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "_PORTION", 60)
        patch.setattr(portions, "_STRIP", 16)
        sums = reduced(np.add, lambda rows, out: np.copyto(out, X[rows]), *shape)
        largest = reduced(np.maximum, lambda rows, out: np.abs(X[rows], out=out), *shape)
        assert len(spread_out(X[0], shape[0])) <= shape[0]
    np.testing.assert_allclose(sums, X.sum(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(largest, np.abs(X).max(axis=0))


@pytest.mark.usefixtures("small")
def test_the_number_of_threads_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    X = numbers((500, 3))
    sums = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(portions, "_THREADS", threads)
        sums.append(reduced(np.add, lambda rows, out: np.copyto(out, X[rows]), *X.shape).tobytes())
    assert len(set(sums)) == 1


@pytest.mark.usefixtures("small")
def test_rows_are_taken_as_an_index_takes_them() -> None:
    X, places = numbers((200, 4)), np.array([3, 0, 199, 3, *range(50)])
    np.testing.assert_array_equal(taken(X, places), X[places])
    assert taken(X, places[:0]).shape == (0, 4)


@pytest.mark.usefixtures("small")
def test_what_goes_wrong_in_a_thread_is_raised() -> None:
    def work(portion: slice) -> None:
        if portion.start:
            raise MemoryError

    with pytest.raises(MemoryError):
        spread(work, 100, 3)
