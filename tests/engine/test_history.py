import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from tests.runs.made_up import block
from tui_regress.engine.events import Block
from tui_regress.engine.history import History, Record


def test_losses_come_back_exactly_however_the_blocks_were_cut() -> None:
    losses = np.random.default_rng(0).lognormal(size=5000)
    history, start = History(), 0
    for size in (1, 2, 1021, 3, 2973, 1000):
        history.append(block(start, losses[start : start + size]))
        start += size
    assert len(history) == 5000
    np.testing.assert_array_equal(history.losses, losses)


def test_losses_are_a_read_only_view_without_a_copy() -> None:
    history = History()
    history.append(block(0, [3.0, 2.0]))
    assert np.shares_memory(history.losses, history.losses)
    with pytest.raises(ValueError, match="read-only"):
        history.losses[0] = 1.0


@pytest.mark.parametrize("first", [0, 2, 4])
def test_a_gap_or_a_repetition_is_refused(first: int) -> None:
    history = History()
    history.append(block(0, [3.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match=f"record 3 must come next, not {first}"):
        history.append(block(first, [0.5]))


def test_the_first_block_must_begin_with_record_0() -> None:
    with pytest.raises(ValueError, match="record 0 must come next, not 1"):
        History().append(block(1, [1.0]))


@pytest.mark.parametrize("size", [1, 7, 4096, 300_000])
def test_thinned_records_are_the_multiples_of_the_stride(size: int) -> None:
    history, count = History(), 300_000 if size > 1 else 2000
    width = 3 if size > 1 else 5000
    for first in range(0, count, size):
        history.append(block(first, np.ones(min(size, count - first)), width=width))
    assert history.stride > 1
    np.testing.assert_array_equal(history.epochs, np.arange(0, count, history.stride))
    np.testing.assert_array_equal(history.parameters[:, 0], history.epochs)
    np.testing.assert_array_equal(history.scores, history.epochs + 0.5)
    np.testing.assert_allclose(history.grad_norms, 2 * np.linalg.norm(history.parameters, axis=1))
    assert len(history.epochs) * 2 * history.stride >= min(count, 2**16, 32 * 2**20 // (8 * (width + 2)))


def test_nothing_is_thinned_while_there_is_room() -> None:
    history = History()
    history.append(block(0, np.ones(65_536)))
    assert history.stride == 1
    assert len(history.parameters) == 65_536


def test_the_latest_record_is_there_in_full() -> None:
    history = History()
    history.append(block(0, np.arange(70_000.0)[::-1], lr=0.25))
    latest = history.latest
    assert latest is not None
    assert (latest.epoch, latest.loss, latest.score, latest.lr) == (69_999, 0.0, 69_999.5, 0.25)
    np.testing.assert_array_equal(latest.parameters, [69_999.0, 69_999.1])
    np.testing.assert_array_equal(latest.gradient, 2 * latest.parameters)
    assert latest.grad_norm == pytest.approx(np.linalg.norm(latest.gradient))


@pytest.mark.parametrize("spoilt", ["loss", "parameters", "gradient"])
def test_the_last_finite_record_is_finite_in_loss_gradient_and_parameters(spoilt: str) -> None:
    records = block(0, [4.0, 3.0, 2.0, 1.0])
    getattr(records, spoilt)[2] = np.inf
    getattr(records, spoilt)[3] = np.nan
    history = History()
    history.append(records)
    assert history.last_finite is not None
    assert history.last_finite.epoch == 1
    assert history.latest is not None
    assert history.latest.epoch == 3
    assert history.best is not None
    assert history.best.epoch == 1


def test_the_best_record_is_the_first_of_the_lowest_across_blocks() -> None:
    history = History()
    history.append(block(0, [5.0, 2.0, 3.0]))
    history.append(block(3, [4.0, 2.0, np.nan]))
    assert history.best is not None
    assert (history.best.epoch, history.best.loss) == (1, 2.0)
    history.append(block(6, [np.inf, 1.5, 1.5]))
    assert (history.best.epoch, history.best.loss) == (7, 1.5)
    np.testing.assert_array_equal(history.best.parameters, [7.0, 7.1])


def test_validation_losses_come_back_exactly() -> None:
    held = np.random.default_rng(1).lognormal(size=3000)
    history = History()
    for first, last in ((0, 1), (1, 2000), (2000, 3000)):
        history.append(block(first, np.ones(last - first), held=held[first:last]))
    np.testing.assert_array_equal(history.validation_losses, held)
    with pytest.raises(ValueError, match="read-only"):
        history.validation_losses[0] = 1.0


def test_without_rows_held_out_there_are_no_validation_losses() -> None:
    history = History()
    history.append(block(0, [2.0, 1.0]))
    assert len(history.validation_losses) == 0
    assert history.best_validation is None


def test_the_best_record_by_validation_is_its_own() -> None:
    history = History()
    history.append(block(0, [5.0, 4.0, 3.0], held=[2.0, 1.0, 1.0]))
    history.append(block(3, [2.0, 1.0], held=[np.nan, 1.5]))
    assert history.best is not None
    assert history.best_validation is not None
    assert (history.best.epoch, history.best.validation_loss) == (4, 1.5)
    assert (history.best_validation.epoch, history.best_validation.loss) == (1, 4.0)
    history.append(block(5, [9.0, 9.0], held=[0.5, 0.5]))
    assert (history.best_validation.epoch, history.best_validation.validation_loss) == (5, 0.5)


@pytest.mark.parametrize("last", [0, 1, 700, 69_998])
def test_a_history_cut_short_goes_on_as_if_the_rest_had_never_been(last: int) -> None:
    losses = np.random.default_rng(2).lognormal(size=70_000)
    whole = block(0, losses, held=losses[::-1].copy())
    whole.lr[500:] = 0.01
    cut, straight = History(), History()
    cut.append(whole)
    straight.append(_part(whole, 0, last + 1))
    cut.cut(last)
    assert len(cut) == last + 1
    again = _part(whole, last + 1, 70_000)
    for history in (cut, straight):
        history.append(again)
    np.testing.assert_array_equal(cut.losses, straight.losses)
    np.testing.assert_array_equal(cut.validation_losses, straight.validation_losses)
    np.testing.assert_array_equal(cut.parameters, straight.parameters)
    assert cut.rates == straight.rates == [(0, 0.1), (500, 0.01)]
    for one, other in ((cut.latest, straight.latest), (cut.best, straight.best)):
        assert one is not None
        assert other is not None
        assert (one.epoch, one.loss, one.parameters.tolist()) == (other.epoch, other.loss, other.parameters.tolist())


def test_after_a_cut_the_thinned_records_stand_in_for_what_was_cut_off() -> None:
    history = History()
    history.append(block(0, np.arange(70_000.0)[::-1], held=np.arange(70_000.0)[::-1], lr=0.25))
    assert history.stride == 2
    history.cut(1001)
    assert history.latest is not None
    assert (history.latest.epoch, history.latest.loss, history.latest.lr) == (1000, 68_999.0, 0.25)
    assert history.latest.parameters.tolist() == [1000.0, 1000.1]
    assert np.isnan(history.latest.gradient).all()
    assert history.latest.grad_norm == pytest.approx(2 * np.hypot(1000.0, 1000.1))
    for record in (history.last_finite, history.best, history.best_validation):
        assert record is not None
        assert (record.epoch, record.validation_loss) == (1000, 68_999.0)


def test_a_cut_leaves_what_lies_before_it() -> None:
    history = History()
    history.append(block(0, [3.0, 1.0, 2.0, 0.5]))
    history.append(block(4, [np.nan]))
    history.cut(4)
    assert len(history) == 5
    history.cut(2)
    assert history.best is not None
    assert (history.best.epoch, history.best.loss) == (1, 1.0)
    history.cut(1)
    assert history.best.epoch == 1
    assert history.last_finite is not None
    assert history.last_finite.epoch == 1


def test_a_cut_that_leaves_nothing_finite_leaves_no_best() -> None:
    history = History()
    history.append(block(0, [np.nan, 1.0], held=[np.nan, 1.0]))
    history.cut(0)
    assert history.latest is not None
    assert (history.best, history.last_finite, history.best_validation) == (None, None, None)


@pytest.mark.parametrize("count", [1, 1000, 70_000])
def test_a_restored_history_is_that_of_the_run(count: int) -> None:
    losses = np.random.default_rng(3).lognormal(size=count)
    whole = block(0, losses, held=losses[::-1].copy())
    original = History()
    original.append(whole)
    restored = History.restored(whole.loss, whole.validation_loss, original.rates, 1, np.arange(count), whole)
    _assert_equal(restored, original)
    further = block(count, [0.5, 0.25], held=[0.5, 0.25], lr=0.3)
    for history in (restored, original):
        history.append(further)
    _assert_equal(restored, original)


def test_a_history_is_restored_from_every_fourth_record_and_the_last() -> None:
    count = 1003
    whole = block(0, np.arange(count, 0.0, -1))
    numbers = np.append(np.arange(0, count, 4), count - 1)
    sample = block(0, np.zeros(len(numbers)))
    for name in ("parameters", "gradient", "loss", "score"):
        getattr(sample, name)[:] = getattr(whole, name)[numbers]
    restored = History.restored(whole.loss, None, [(0, 0.1)], 4, numbers, sample)
    assert restored.stride == 4
    np.testing.assert_array_equal(restored.epochs, numbers[:-1])
    np.testing.assert_array_equal(restored.parameters[:, 0], numbers[:-1])
    assert restored.latest is not None
    assert restored.best is not None
    assert (restored.latest.epoch, restored.best.epoch, restored.best.loss) == (1002, 1002, 1.0)


def test_without_a_record_there_is_nothing_to_restore() -> None:
    empty = np.empty(0)
    restored = History.restored(empty, None, [], 1, np.empty(0, dtype=np.int64), block(0, empty))
    assert len(restored) == 0
    restored.append(block(0, [1.0]))
    assert len(restored) == 1


def test_without_a_finite_record_there_is_no_best() -> None:
    history = History()
    history.append(block(0, [np.nan, np.inf]))
    assert history.best is None
    assert history.last_finite is None


def test_rates_tell_where_the_learning_rate_changed_exactly() -> None:
    history = History()
    history.append(block(0, [1.0, 1.0], lr=0.1))
    history.append(block(2, [1.0], lr=0.1))
    history.append(block(3, [1.0, 1.0], lr=0.01))
    mixed = block(5, [1.0, 1.0, 1.0], lr=0.01)
    mixed.lr[2] = 0.3
    history.append(mixed)
    assert history.rates == [(0, 0.1), (3, 0.01), (7, 0.3)]


def test_clear_makes_it_new() -> None:
    history = History()
    history.append(block(0, np.ones(70_000), width=3))
    history.clear()
    assert len(history) == 0
    assert (history.latest, history.last_finite, history.best, history.best_validation) == (None,) * 4
    assert (history.rates, history.stride) == ([], 1)
    history.append(block(0, [1.0], width=1))
    assert history.parameters.shape == (1, 1)


@pytest.mark.parametrize("held_out", [False, True])
def test_ten_million_records_fit_in_their_room(held_out: bool) -> None:
    size, count = 100_000, 10_000_000
    template = block(0, np.ones(size), held=np.ones(size) if held_out else None)
    tracemalloc.start()
    try:
        history = History(count)
        for first in range(0, count, size):
            history.append(replace(template, first=first))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(history) == count
    assert held < (190e6 if held_out else 100e6)
    assert peak < (200e6 if held_out else 130e6)


def _part(whole: Block, first: int, end: int) -> Block:
    parts = {field.name: getattr(whole, field.name)[first:end] for field in fields(Block) if field.name != "first"}
    return replace(whole, first=first, **parts)


def _assert_equal(one: History, other: History) -> None:
    for name in ("losses", "validation_losses", "epochs", "parameters", "scores", "grad_norms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.rates == other.rates
    for name in ("latest", "last_finite", "best", "best_validation"):
        for field in fields(Record):
            mine, its = (getattr(getattr(history, name), field.name) for history in (one, other))
            np.testing.assert_array_equal(mine, its)
