import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from tui_regress.engine.events import Block, FloatArray
from tui_regress.engine.history import History


def block(first: int, losses: Sequence[float] | FloatArray, width: int = 2, lr: float = 0.1) -> Block:
    """Parameter j of record i is i + j/10, so that every thinned row betrays its number."""
    loss = np.asarray(losses, dtype=np.float64)
    numbers = first + np.arange(len(loss), dtype=np.float64)
    parameters = numbers[:, None] + np.arange(width) / 10
    return Block(first, parameters, 2 * parameters, loss, numbers + 0.5, np.full(len(loss), lr))


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
        history.append(block(first, np.ones(min(size, count - first)), width))
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
    assert (history.latest, history.last_finite, history.best, history.rates, history.stride) == (
        None,
        None,
        None,
        [],
        1,
    )
    history.append(block(0, [1.0], width=1))
    assert history.parameters.shape == (1, 1)


def test_ten_million_records_fit_in_200_megabytes() -> None:
    size, count = 100_000, 10_000_000
    template = block(0, np.ones(size))
    tracemalloc.start()
    try:
        history = History()
        for first in range(0, count, size):
            history.append(
                Block(first, template.parameters, template.gradient, template.loss, template.score, template.lr)
            )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(history) == count
    assert held < 200e6
