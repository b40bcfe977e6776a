"""The records of a kept run: what a question reads, and what is there while a run comes again to records it has."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.made_up import (
    Step,
    add_run,
    block,
    dataset,
    ended,
    experiment,
    keep,
    kept,
    metrics,
    started,
    until,
    write,
)
from tui_regress.engine.events import FloatArray, Measured, Recovered
from tui_regress.problems import InputError
from tui_regress.runs import blocks, recorder
from tui_regress.runs.blocks import KeptRecords, of_records
from tui_regress.runs.environment import environment
from tui_regress.runs.records import Records, joined, none
from tui_regress.runs.store import Store

GONE = {**environment(), "process_began": 1.0}


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first records of the blocks that are decoded as a whole from here on."""
    firsts, original = list[int](), blocks.to_records

    def to_records(row: Any) -> Records:
        firsts.append(row["first"])
        return original(row)

    monkeypatch.setattr(blocks, "to_records", to_records)
    return firsts


LOSS = st.sampled_from([3.0, 2.0, 1.0, 0.5, math.nan, math.inf])
STRETCH = st.lists(st.tuples(LOSS, LOSS, st.booleans()), min_size=1, max_size=6)


@given(st.lists(STRETCH, max_size=5), st.booleans())
def test_every_question_is_answered_as_all_the_records_would(stretches: list[Any], held_out: bool) -> None:
    parts, first = list[Records](), 0
    for stretch in stretches:
        loss, held, sound = map(np.array, zip(*stretch, strict=True))
        made = block(first, loss, lr=0.1 * (len(loss) % 2 + 1), held=held if held_out else None)
        made.parameters[~sound, 0] = math.nan
        parts.append(Records.of(made))
        first += len(loss)

    def ask(_columns: str, begins: int | None) -> list[Any]:
        return [of_records(part) for part in parts if begins in (None, part.first)]

    whole = joined(parts) if parts else none(2, held_out=held_out)
    asked = KeptRecords(ask, "they", 2, held_out=held_out)
    assert asked.rates == whole.rates
    assert repr(asked.best) == repr(whole.best)
    assert repr(asked.last_finite) == repr(whole.last_finite if parts else None)
    assert repr(asked.losses) == repr((whole.loss, whole.validation_loss))
    assert repr(asked.first_parameters) == repr(whole.parameters[0] if parts else None)
    assert repr(asked.all) == repr(whole)


def test_what_a_run_gave_is_known_without_a_single_block(opened: Store, decoded: list[int]) -> None:
    run_id = add_run(opened)
    end = ended(2)
    write(opened, run_id, block(0, [3.0, 2.0, 1.0]), status="completed", parameters=end.parameters, record=2)
    run = opened.kept(run_id)
    assert run.parameters is not None
    assert (run.parameters.tolist(), run.record, run.rates) == ([1.5, 0.25], 2, ((0, 0.1),))
    assert decoded == []


def test_only_the_block_of_the_best_record_is_decoded_for_it(opened: Store, decoded: list[int]) -> None:
    run_id = add_run(opened)
    write(opened, run_id, *(block(10 * part, np.full(10, 9.0 - part % 4)) for part in range(7)))
    best = kept(opened.path, run_id).best
    assert best is not None
    assert (best.epoch, best.loss) == (30, 6.0)
    # The last one says what the run, which has not ended, gives.
    assert decoded == [60, 30]


def test_the_losses_of_all_records_are_read_without_the_rest(opened: Store, decoded: list[int]) -> None:
    run_id = add_run(opened, held_out=True)
    write(opened, run_id, block(0, [3.0, 2.0], held=[4.0, 3.0]), block(2, [1.0], held=[5.0]), parameters=np.ones(2))
    loss, held = opened.kept(run_id).losses
    assert (loss.tolist(), held is not None and held.tolist()) == ([3.0, 2.0, 1.0], [4.0, 3.0, 5.0])
    assert decoded == []


def test_what_is_read_once_is_not_read_again(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = add_run(opened)
    write(opened, run_id, block(0, [3.0, 2.0]))
    run = opened.kept(run_id)
    assert len(run.records) == 2
    monkeypatch.delattr(Store, "blocks")
    assert run.best is not None
    assert (run.best.epoch, run.rates, run.losses[0].tolist()) == (1, ((0, 0.1),), [3.0, 2.0])
    assert run.first_parameters is not None
    assert run.first_parameters.tolist() == [0.0, 0.1]
    assert run.records is run.records


def test_records_are_there_after_the_store_is_closed_and_asked_for_in_another_run_or_store_are_refused(
    path: Path,
) -> None:
    with Store(path) as store:
        for _ in range(2):
            write(store, add_run(store), block(0, [3.0, 2.0]), status="completed")
        run, deleted, moved = store.kept(1), store.kept(2), store.kept(1)
        store.delete([2])
    assert run.records.loss.tolist() == [3.0, 2.0]
    with pytest.raises(InputError, match="there is no run 2"):
        _ = deleted.records
    path.unlink()
    with pytest.raises(InputError, match="the store has been moved or deleted"):
        _ = moved.rates
    assert not path.exists()


# -- coming again to records


LOSSES = np.linspace(9.0, 1.0, 12)


def interrupted(store: Store, losses: FloatArray = LOSSES, **changes: Any) -> int:
    """A run of two blocks and twelve records whose process is gone."""
    run_id = store.add(experiment(), dataset(), started(), GONE)
    write(store, run_id, block(0, losses[:5]), block(5, losses[5:]), **changes)
    store.take_up(run_id, started(), environment(), None)
    return run_id


@pytest.mark.parametrize(
    ("first", "last"), [(first, last) for first in (0, 2, 5, 7) for last in (0, 3, 4, 5, 8, 10, 11) if first <= last]
)
def test_records_that_come_again_take_the_place_of_their_own_numbers_alone(
    opened: Store, first: int, last: int
) -> None:
    run_id = interrupted(opened)
    write(opened, run_id, block(first, LOSSES[first : last + 1]))
    records = kept(opened.path, run_id).records
    assert records.loss.tolist() == LOSSES.tolist()
    assert records.rates == ((0, 0.1),)
    assert records.numbers.tolist() == [*range(12)]
    assert records.parameters[:, 0].tolist() == [*range(12)]
    run = opened.summary(run_id)
    assert (run.epoch, run.loss) == (11, 1.0)


@pytest.mark.parametrize("change", ["loss", "lr"])
def test_records_that_come_out_otherwise_end_those_of_before(opened: Store, change: str) -> None:
    run_id = interrupted(opened)
    write(opened, run_id, block(3, LOSSES[3:5]))
    other = block(5, LOSSES[5:8] + 0.1) if change == "loss" else block(5, LOSSES[5:8], lr=0.2)
    write(opened, run_id, other)
    records = kept(opened.path, run_id).records
    assert records.loss.tolist() == [*LOSSES[:5], *other.loss]
    assert (opened.summary(run_id).epoch, opened.summary(run_id).loss) == (7, other.loss[-1])


def test_losses_that_are_no_numbers_come_again_as_such(opened: Store) -> None:
    losses = np.r_[LOSSES[:9], np.nan, np.inf, np.nan]
    run_id = interrupted(opened, losses)
    write(opened, run_id, block(8, losses[8:10]))
    np.testing.assert_array_equal(kept(opened.path, run_id).records.loss, losses)


@pytest.mark.parametrize(("status", "records"), [("interrupted", 12), ("stopped", 7), ("completed", 7), ("failed", 7)])
def test_what_is_beyond_the_end_of_a_run_is_cut_off_and_after_a_mere_interruption_it_is_not(
    opened: Store, status: Any, records: int
) -> None:
    run_id = interrupted(opened)
    write(opened, run_id, block(3, LOSSES[3:7]), status=status)
    run = kept(opened.path, run_id)
    assert run.records.loss.tolist() == LOSSES[:records].tolist()
    assert (run.summary.epoch, run.summary.loss) == (records - 1, LOSSES[records - 1])


def test_recoveries_are_those_of_the_records_that_are_there(opened: Store) -> None:
    first, second = Recovered(2, 1, 0.05, "Back."), Recovered(9, 1, 0.01, "Back again.")
    run_id = interrupted(opened, recoveries=(first, second))
    write(opened, run_id, block(3, LOSSES[3:7]), recoveries=(first,))
    assert kept(opened.path, run_id).recoveries == (first, second)
    write(opened, run_id, block(7, LOSSES[7:10]), recoveries=(first, second))
    assert kept(opened.path, run_id).recoveries == (first, second)
    write(opened, run_id, block(10, LOSSES[10:11] + 1), recoveries=(first, second))
    assert kept(opened.path, run_id).recoveries == (first, second)
    write(opened, run_id, block(8, LOSSES[8:9] + 1), recoveries=(first,))
    assert kept(opened.path, run_id).recoveries == (first,)


def test_a_run_that_goes_on_and_is_killed_at_once_has_lost_no_record(path: Path) -> None:
    """At the moment of the kill the store is what another program finds in it."""
    with Store(path) as store:
        run_id = store.add(experiment(), dataset(), started(), GONE)
        write(store, run_id, block(0, LOSSES))

    def look() -> None:
        until(lambda: kept(path).measured is not None)
        found.append(kept(path).records.loss.tolist())
        found.append(kept(path).summary.epoch)

    found = list[Any]()
    again = block(4, LOSSES[4:6])
    keep(path, started(), again, Measured(5, metrics(0.5), None), look, ended(5), run_id=run_id)
    assert found == [LOSSES.tolist(), 11]
    assert kept(path).records.loss.tolist() == LOSSES[:6].tolist()
    assert kept(path).summary.epoch == 5


def test_thinned_records_that_come_again_stay_readable_at_every_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = np.random.default_rng(0).normal(size=20_000)
    monkeypatch.setattr(recorder, "BUDGET", 500)
    with Store(path) as store:
        run_id = store.add(experiment(), dataset(), started(), GONE)
        write(store, run_id, block(0, losses[:8000]), block(8000, losses[8000:]))

    def look() -> None:
        np.testing.assert_array_equal(kept(path).losses[0], losses)

    steps = list[Step]()
    for first in range(5000, 20_000, 3000):
        steps += [block(first, losses[first : first + 3000]), look]
    keep(path, started(), *steps, ended(19_999), run_id=run_id)
    records = kept(path).records
    np.testing.assert_array_equal(records.loss, losses)
    multiples = np.arange(0, 20_000, records.stride)
    assert np.isin(multiples, records.numbers).all()
    np.testing.assert_array_equal(records.parameters[:, 0], records.numbers)
    best = records.best
    assert best is not None
    assert best.loss == losses.min()
