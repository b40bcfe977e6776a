from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.made_up import kept, stored
from tui_regress.data import load_dataset
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Recovered, Resume, Started
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment, builtin, decode, override
from tui_regress.problems import InputError
from tui_regress.runs.kept import KeptRun
from tui_regress.runs.recorder import recorded
from tui_regress.runs.records import none
from tui_regress.runs.replay import Comparison, replay, scripted
from tui_regress.runs.store import Store

TABLE: dict[str, Any] = {
    "data": {"source": "table", "path": "", "target": "rent"},
    "training": {"epochs": 3, "gradient": "numpy"},
}


def train(path: Path, experiment: Experiment) -> KeptRun:
    data = load_dataset(experiment)
    for _ in recorded(run(experiment, data), path, experiment, data):
        pass
    return kept(path)


def compare(run: KeptRun) -> Comparison:
    *_, comparison = replay(run)
    assert isinstance(comparison, Comparison)
    return comparison


def with_losses(run: KeptRun, changes: Mapping[int, float]) -> KeptRun:
    losses = run.records.loss.copy()
    for record, loss in changes.items():
        losses[record] = loss
    return replace(run, stored=stored(replace(run.records, loss=losses)))


def elsewhere(run: KeptRun, **environment: object) -> KeptRun:
    return replace(run, summary=replace(run.summary, environment=run.summary.environment | environment))


@pytest.mark.parametrize("name", ["gentle-line", "exploding-line", "d2l-concise", "per-sample", "pass-or-fail"])
def test_a_run_that_is_run_again_gives_the_same_numbers_to_the_bit(path: Path, name: str) -> None:
    run = train(path, builtin(name))
    assert compare(run) == Comparison(
        matches=True, exact=True, epoch=None, sentence=f"All {len(run.records):,} records match to the bit."
    )


def test_rows_held_out_and_early_stopping_come_again(path: Path) -> None:
    changes = {"training.validation": 0.3, "training.patience": 3, "training.epochs": 50}
    run = train(path, override(builtin("d2l-concise"), changes))
    assert run.validation_rows == 300
    assert compare(run).exact
    assert run.records.validation_loss is not None
    run.records.validation_loss[2] *= 1.5
    assert compare(run).sentence.startswith("The numbers differ from record 2 on: validation loss ")


def test_what_the_run_says_is_passed_on_but_for_checkpoints(path: Path) -> None:
    run = train(path, override(builtin("gentle-line"), {"training.epochs": 20}))
    events = list(replay(run))
    assert [type(event) for event in events[:2]] == [Started, Block]
    assert not [event for event in events if isinstance(event, Checkpoint)]
    blocks = [event for event in events if isinstance(event, Block)]
    np.testing.assert_array_equal(np.concatenate([block.loss for block in blocks]), run.records.loss)


def test_changes_of_the_learning_rate_come_at_the_same_records(path: Path) -> None:
    experiment = override(builtin("gentle-line"), {"training.epochs": 300, "training.gradient": "analytic"})
    data, control = load_dataset(experiment), Control()
    for event in recorded(run(experiment, data, control, block_seconds=0), path, experiment, data):
        if isinstance(event, Block) and event.last % 70 == 0:
            control.set_lr(0.01 + event.last * 1e-4)
    found = kept(path)
    assert len(found.records.rates) == 5
    assert compare(found).sentence == "All 301 records match to the bit."


def test_recoveries_of_its_own_and_those_by_hand_come_again(path: Path) -> None:
    recovering = train(path, override(builtin("exploding-line"), {"training.on_divergence": "recover"}))
    assert len(recovering.recoveries) == 1
    assert compare(recovering).exact

    by_hand = path.with_name("by hand.sqlite")
    experiment = override(builtin("exploding-line"), {"data.standardize": True, "optimizer.lr": 1.5})
    data = load_dataset(experiment)
    resume: Resume | None = None
    recovered: Recovered | None = None
    for lr in (1.5, 1.2, 0.05):
        control = Control()
        control.set_lr(lr)
        events: list[Event] = list(
            recorded(
                run(experiment, data, control, resume=resume),
                by_hand,
                experiment,
                data,
                run_id=None if resume is None else 1,
                recovered=recovered and replace(recovered, lr=lr),
            )
        )
        last = events[-1]
        assert isinstance(last, Ended)
        best = kept(by_hand).history().best
        assert best is not None
        resume = Resume(last.epoch, best.parameters)
        recovered = Recovered(last.epoch, best.epoch, 0.0, "Back.")
    found = kept(by_hand)
    assert (found.summary.status, len(found.recoveries), len(found.records.rates)) == ("completed", 2, 3)
    assert compare(found).sentence == "All 1,001 records match to the bit."


@pytest.mark.parametrize(("last", "match"), [(0, "The only record matches"), (7, "All 8 records match")])
def test_of_a_run_that_was_stopped_its_records_are_compared(path: Path, last: int, match: str) -> None:
    experiment = override(builtin("gentle-line"), {"training.epochs": 1000})
    data, control = load_dataset(experiment), Control()
    for event in recorded(run(experiment, data, control, block_seconds=0), path, experiment, data):
        if isinstance(event, Block) and event.last >= last:
            control.stop()
    assert compare(kept(path)).sentence == f"{match} to the bit."


def test_the_first_record_that_differs_is_named_with_enough_digits(path: Path) -> None:
    run = train(path, override(builtin("gentle-line"), {"training.epochs": 30}))
    loss = float(run.records.loss[12])
    assert compare(with_losses(run, {12: 0.5, 20: 0.1})) == Comparison(
        matches=False,
        exact=False,
        epoch=12,
        sentence=f"The numbers differ from record 12 on: loss 0.5 then, {loss:.6g} now.",
    )
    almost = compare(with_losses(run, {12: np.nextafter(loss, 1)}))
    assert not almost.matches
    assert almost.sentence == (
        "The numbers differ from record 12 on, though by no more than 0.01 %: "
        f"loss {np.nextafter(loss, 1):.17g} then, {loss:.17g} now."
    )


def test_where_versions_or_machine_are_others_a_tolerance_decides(path: Path) -> None:
    run = train(path, override(builtin("gentle-line"), {"training.epochs": 30}))
    loss = float(run.records.loss[12])
    changed = elsewhere(with_losses(run, {12: loss * 1.00005}), torch="1.0", processor="abacus")
    found = compare(changed)
    assert (found.matches, found.exact, found.epoch) == (True, False, 12)
    now = run.summary.environment
    assert found.sentence == (
        "All 31 records match to within 0.01 %, from record 12 on not to the bit. It is not the same as then: "
        f"torch 1.0 then, {now['torch']} now; processor abacus then, {now['processor']} now."
    )
    found = compare(elsewhere(with_losses(run, {12: loss * 1.0002}), torch="1.0"))
    assert not found.matches
    assert found.sentence.startswith("The numbers differ from record 12 on: loss ")
    assert found.sentence.endswith(f" It is not the same as then: torch 1.0 then, {now['torch']} now.")
    assert compare(elsewhere(run, torch="1.0")).sentence == "All 31 records match to the bit."


def test_float64_is_held_to_more_digits(path: Path) -> None:
    run = train(path, override(builtin("gentle-line"), {"training.epochs": 30, "device.dtype": "float64"}))
    loss = float(run.records.loss[12])
    assert compare(elsewhere(with_losses(run, {12: loss * (1 + 5e-9)}), torch="1.0")).matches
    assert not compare(elsewhere(with_losses(run, {12: loss * (1 + 5e-8)}), torch="1.0")).matches


@pytest.mark.parametrize(("then", "matches"), [(np.nan, False), (np.inf, False), (1e-9, True)])
def test_near_nothing_rounding_is_all_there_is_but_no_number_is_none(path: Path, then: float, matches: bool) -> None:
    run = train(path, override(builtin("numpy-line"), {"device.dtype": "float32", "training.epochs": 1000}))
    assert run.records.loss[-1] < 1e-9
    assert compare(elsewhere(with_losses(run, {1000: then}), torch="1.0")).matches == matches


def test_a_replay_that_ends_early_is_no_match(path: Path) -> None:
    found = train(path, override(builtin("exploding-line"), {"training.on_divergence": "continue"}))
    stops = replace(found, summary=replace(found.summary, experiment=builtin("exploding-line")))
    comparison = compare(stops)
    assert (comparison.matches, comparison.epoch) == (False, 4)
    assert comparison.sentence.startswith(
        "The replay ended at record 3, the run only at 1,000: Diverging since epoch 1"
    )


def test_a_replay_can_be_stopped(path: Path) -> None:
    found = train(path, builtin("gentle-line"))
    control = scripted(found)
    for event in replay(found, control):
        if isinstance(event, Block):
            control.stop()
    assert isinstance(event, Comparison)
    assert (event.matches, event.sentence) == (
        True,
        "Up to record 0, where it was stopped, all records match to the bit.",
    )


# -- the data


def table(path: Path, folder: Path) -> tuple[KeptRun, Path]:
    file = folder / "rooms.csv"
    file.write_text("rooms,area,rent\n1,30,3\n2,50,5\n3,80,7\n4,95,9\n")
    return train(path, decode({**TABLE, "data": {**TABLE["data"], "path": str(file), "standardize": True}})), file


def test_a_table_is_read_again(path: Path, tmp_path: Path) -> None:
    run, _ = table(path, tmp_path)
    assert compare(run).exact


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("rooms,area,rent\n1,30,3\n2,50,5\n3,80,7\n4,95,9.5\n", "as many numbers as then, but others"),
        ("rooms,area,rent\n1,30,3\n2,50,5\n3,80,7\n", "2 features in 4 rows then, 2 features in 3 rows now"),
    ],
)
def test_a_table_that_has_changed_is_said_to_have(path: Path, tmp_path: Path, content: str, what: str) -> None:
    run, file = table(path, tmp_path)
    file.write_text(content)
    with pytest.raises(InputError) as caught:
        replay(run)
    assert str(caught.value) == f"the data of run 1 have changed since it was trained: {what}."


def test_a_table_that_is_gone_or_of_other_columns_is_named(path: Path, tmp_path: Path) -> None:
    run, file = table(path, tmp_path)
    file.write_text("rooms,rent\n1,3\n2,5\n")
    with pytest.raises(InputError, match=r"the data of run 1 cannot be loaded again\. .*area"):
        replay(run)
    file.unlink()
    with pytest.raises(InputError, match=r"the data of run 1 cannot be loaded again\. .*rooms\.csv"):
        replay(run)


def test_a_table_that_was_piped_in_is_not_waited_for(path: Path, tmp_path: Path) -> None:
    run, _ = table(path, tmp_path)
    piped = override(run.summary.experiment, {"data.path": "-"})
    with pytest.raises(InputError, match="run 1 was trained on a table from standard input, which is not kept"):
        replay(replace(run, summary=replace(run.summary, experiment=piped)))


def test_a_run_without_records_cannot_be_compared(path: Path) -> None:
    run = train(path, builtin("per-sample"))
    with pytest.raises(InputError, match="run 1 has no records to compare with"):
        replay(replace(run, stored=stored(none(1, held_out=False))))


def test_nothing_new_is_kept(path: Path) -> None:
    run = train(path, builtin("per-sample"))
    compare(run)
    with Store(path) as store:
        assert len(store.runs()) == 1
