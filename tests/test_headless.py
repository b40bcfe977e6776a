"""Which records are shown, and how."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress import headless
from tui_regress.engine.events import Block, Ended, Event, Started
from tui_regress.headless import Record, round_step, thinned

STARTED = Started(("w[x]",), 2, "cpu", "float32", "analytic")


def block(first: int, count: int) -> Block:
    column = np.arange(first, first + count, dtype=np.float64)
    return Block(first, column[:, None], column[:, None] * 3, column * 10, column * 20, np.full(count, 0.5))


def run_in_blocks(sizes: list[int]) -> Iterator[Event]:
    yield STARTED
    first = 0
    for size in sizes:
        yield block(first, size)
        first += size
    yield Ended("completed", "Done.", first - 1, 0.0, np.zeros(1), None, 0.1)


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 40))
def test_records_0_n_2n_and_the_last_whatever_the_blocks(sizes: list[int], every: int) -> None:
    sizes = [1, *sizes]
    last = sum(sizes) - 1
    shown = [item.epoch for item in thinned(run_in_blocks(sizes), every) if isinstance(item, Record)]
    assert shown == sorted({*range(0, last + 1, every), last})


def test_a_record_holds_the_numbers_of_its_own_epoch() -> None:
    _, *records, _ = thinned(run_in_blocks([1, 4, 3]), 2)
    assert [record for record in records if isinstance(record, Record) and record.epoch == 6] == [
        Record(6, loss=60.0, score=120.0, grad_norm=18.0, lr=0.5, parameters=np.array([6.0]))
    ]


def test_start_comes_first_and_the_end_last() -> None:
    items = list(thinned(run_in_blocks([1, 9]), 4))
    assert items[0] is STARTED
    assert isinstance(items[-1], Ended)


@pytest.mark.parametrize(
    ("epochs", "step"),
    [(1, 1), (3, 1), (30, 2), (100, 5), (1000, 50), (5000, 200), (10**6, 50_000), (10**9, 5 * 10**7)],
)
def test_text_shows_about_twenty_lines_a_round_number_of_epochs_apart(epochs: int, step: int) -> None:
    assert round_step(epochs) == step
    assert epochs / step <= 30


@given(st.integers(1, 10**9))
def test_the_step_is_1_2_or_5_times_a_power_of_ten(epochs: int) -> None:
    assert str(round_step(epochs)).rstrip("0") in {"1", "2", "5"}


def test_rounding_noise_beside_a_large_parameter_is_shown_as_zero() -> None:
    shown = headless._without_rounding(np.array([2.0, 3e-16, -1e-3]))
    assert shown.tolist() == [2.0, 0.0, -1e-3]
