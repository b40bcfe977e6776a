import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.made_up import block
from tui_regress.engine.events import Block
from tui_regress.engine.history import History
from tui_regress.runs.records import Records, joined, none, packed, room, unpacked

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(st.lists(ANY, min_size=1, max_size=50))
def test_numbers_come_back_to_the_bit(values: list[float]) -> None:
    array = np.array(values)
    assert unpacked(packed(array)).tobytes() == array.tobytes()


def test_a_matrix_comes_back_column_by_column() -> None:
    matrix = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_array_equal(unpacked(packed(matrix)).reshape(3, 7).T, matrix)
    numbers = np.array([0, 1, 2**40, -5])
    np.testing.assert_array_equal(unpacked(packed(numbers)).view(np.int64), numbers)


@pytest.mark.parametrize("damage", [b"", b"nonsense", packed(np.ones(9))[:-3]])
def test_a_damaged_blob_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match=r"unpacked|reshape"):
        unpacked(damage)


def test_losses_of_a_float32_run_take_half_of_the_room() -> None:
    noise = np.random.default_rng(0).normal(size=10_000)
    assert len(packed(noise.astype(np.float32).astype(np.float64))) < 0.55 * noise.nbytes
    assert len(packed(noise)) < noise.nbytes


def test_a_block_that_is_small_enough_is_kept_in_full() -> None:
    whole = block(3, np.linspace(2, 1, 500), held=np.linspace(3, 2, 500))
    kept = Records.of(whole)
    assert (kept.first, kept.last, len(kept), kept.stride, kept.rates) == (3, 502, 500, 1, ((3, 0.1),))
    np.testing.assert_array_equal(kept.numbers, np.arange(3, 503))
    for name in ("loss", "validation_loss", "lr", "score", "parameters", "gradient", "grad_norm"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(whole, name))


def test_nothing_of_the_block_is_held_on_to() -> None:
    table = np.random.default_rng(0).normal(size=(9, 6))
    whole = Block(0, table[:, :2], table[:, 2:4], table[:, 4], table[:, 5], np.full(9, 0.1))
    kept = Records.of(whole)
    for array in (kept.loss, kept.full, kept.numbers):
        assert not np.shares_memory(array, table)


@pytest.mark.parametrize(("first", "count", "width"), [(0, 10_000, 2), (7, 50_001, 20), (1, 3_000, 1_000)])
def test_of_many_records_the_multiples_of_the_stride_are_kept_in_full_and_the_last(
    first: int, count: int, width: int
) -> None:
    whole = block(first, np.linspace(2, 1, count), width=width)
    kept = Records.of(whole)
    assert kept.stride > 1
    assert kept.stride.bit_count() == 1
    multiples = [number for number in range(first, kept.last + 1) if number % kept.stride == 0]
    np.testing.assert_array_equal(kept.numbers, sorted({*multiples, kept.last}))
    assert room(width) / 2 <= len(multiples) <= room(width)
    np.testing.assert_array_equal(kept.parameters[:, 0], kept.numbers)
    np.testing.assert_array_equal(kept.loss, whole.loss)


def test_the_room_is_bounded_in_records_and_in_bytes() -> None:
    assert room(2) == 4096
    assert 8 * (2 * 10_000 + 1) * room(10_000) <= 2 * 2**20
    assert room(10_000_000) == 1


def test_the_best_and_the_last_finite_record_are_kept_in_full_between_the_multiples() -> None:
    losses, held = np.full(10_000, 5.0), np.full(10_000, 6.0)
    losses[1235], held[4321] = 1.0, 2.0
    losses[9998:] = np.nan
    kept = Records.of(block(0, losses, held=held)).thinned()
    assert kept.stride == 4
    assert {1235, 4321, 9997, 9999} <= set(kept.numbers.tolist())
    best = kept.best
    assert best is not None
    assert (best.epoch, best.loss, best.parameters.tolist()) == (4321, 2.0, [4321.0, 4321.1])
    assert kept.last_finite is not None
    assert kept.last_finite[0] == 9997


def test_without_rows_held_out_the_best_is_that_of_the_training_loss() -> None:
    best = Records.of(block(0, [3.0, 1.0, 1.0, np.inf])).best
    assert best is not None
    assert (best.epoch, best.loss) == (1, 1.0)


def test_of_records_that_are_not_finite_none_is_best() -> None:
    kept = Records.of(block(0, [np.nan, np.inf]))
    assert kept.best is None
    assert kept.last_finite is None


def test_parts_are_joined_whatever_their_strides() -> None:
    blocks = [block(0, [9.0], lr=0.2), block(1, np.linspace(8, 4, 20_000), lr=0.2), block(20_001, [3.0, 2.0], lr=0.4)]
    whole = joined([Records.of(part) for part in blocks])
    assert (whole.first, whole.last, whole.stride) == (0, 20_002, 8)
    assert whole.rates == ((0, 0.2), (20_001, 0.4))
    np.testing.assert_array_equal(whole.loss, np.concatenate([part.loss for part in blocks]))
    np.testing.assert_array_equal(whole.lr, np.concatenate([part.lr for part in blocks]))
    assert {0, 8, 19_992, 20_000, 20_001, 20_002} <= set(whole.numbers.tolist())
    np.testing.assert_array_equal(whole.parameters[:, 0], whole.numbers)


def test_parts_with_a_gap_are_no_run() -> None:
    with pytest.raises(ValueError, match="record 2 must come next, not 3"):
        joined([Records.of(block(0, [2.0, 1.0])), Records.of(block(3, [1.0]))])


def test_thinning_many_small_parts_leaves_what_one_large_block_would() -> None:
    losses = np.random.default_rng(0).lognormal(size=30_000)
    parts = [Records.of(block(first, losses[first : first + 7])) for first in range(0, 30_000, 7)]
    small, large = joined(parts).thinned(), Records.of(block(0, losses))
    assert small.stride == large.stride
    np.testing.assert_array_equal(small.numbers, large.numbers)
    np.testing.assert_array_equal(small.full, large.full)


def test_records_are_cut_where_a_run_goes_on_from_an_earlier_one() -> None:
    rates = joined([Records.of(block(0, np.ones(5))), Records.of(block(5, np.ones(5), lr=0.5))])
    cut = rates.until(4)
    assert (cut.last, len(cut), cut.rates, cut.numbers.tolist()) == (4, 5, ((0, 0.1),), [0, 1, 2, 3, 4])
    assert len(cut.full) == 5


def test_the_history_is_that_of_the_run() -> None:
    losses = np.random.default_rng(0).lognormal(size=5_000)
    history = History()
    parts = list[Records]()
    for first in range(0, 5_000, 1_000):
        part = block(first, losses[first : first + 1_000], held=losses[first : first + 1_000] + 1, lr=0.1 + first)
        history.append(part)
        parts.append(Records.of(part))
    restored = joined(parts).thinned().history()
    assert restored.stride == 2
    np.testing.assert_array_equal(restored.losses, history.losses)
    np.testing.assert_array_equal(restored.validation_losses, history.validation_losses)
    np.testing.assert_array_equal(restored.parameters, history.parameters[::2])
    assert restored.rates == history.rates
    for name in ("latest", "last_finite", "best", "best_validation"):
        one, other = getattr(restored, name), getattr(history, name)
        assert (one.epoch, one.loss, one.lr, one.score) == (other.epoch, other.loss, other.lr, other.score)
        np.testing.assert_array_equal(one.gradient, other.gradient)
    restored.append(block(5_000, [0.0], held=[0.0]))
    assert restored.best is not None
    assert restored.best.epoch == 5_000


def test_a_run_without_a_record_has_an_empty_history() -> None:
    nothing = none(3, held_out=True)
    assert (len(nothing), nothing.best, nothing.last_finite, len(nothing.lr)) == (0, None, None, 0)
    assert nothing.parameters.shape == nothing.gradient.shape == (0, 3)
    assert len(nothing.history()) == 0
