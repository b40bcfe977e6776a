"""The JSON lines of a run."""

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.made_up import block, ended, experiment, metrics, started
from tui_regress.engine.events import Best, Event, Measured, Recovered, Verdict
from tui_regress.experiment import Linear, builtin
from tui_regress.runs import lines
from tui_regress.runs.lines import Record, round_step, thinned


def run_in_blocks(sizes: list[int]) -> Iterator[Event]:
    yield started()
    first = 0
    for size in sizes:
        numbers = np.arange(first, first + size, dtype=np.float64)
        yield block(first, 10 * numbers, held=20 * numbers)
        first += size
    yield ended(first - 1)


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 40))
def test_records_0_n_2n_and_the_last_whatever_the_blocks(sizes: list[int], every: int) -> None:
    sizes = [1, *sizes]
    last = sum(sizes) - 1
    items = list(thinned(run_in_blocks(sizes), every))
    records = [item for item in items if isinstance(item, Record)]
    assert [record.epoch for record in records] == sorted({*range(0, last + 1, every), last})
    for record in records:
        assert (record.loss, record.validation_loss) == (10.0 * record.epoch, 20.0 * record.epoch)
        assert record.parameters.tolist() == [record.epoch, record.epoch + 0.1]
    assert [type(items[0]).__name__, type(items[-1]).__name__] == ["Started", "Ended"]


@pytest.mark.parametrize(
    ("epochs", "step"), [(0, 1), (1, 1), (3, 1), (30, 2), (100, 5), (1000, 50), (10**6, 50_000), (10**9, 5 * 10**7)]
)
def test_a_round_number_of_epochs_lies_between_lines(epochs: int, step: int) -> None:
    assert round_step(epochs) == step


def test_every_line_is_json_whatever_the_numbers() -> None:
    theta = np.array([math.nan, -math.inf])
    record = Record(3, math.inf, math.nan, math.inf, 0.1, theta, math.nan)
    line = json.loads(lines.dumps(lines.epoch(record, Linear())))
    assert line == {
        "event": "epoch",
        "epoch": 3,
        "loss": "inf",
        "validation_loss": "nan",
        "mse": "nan",
        "grad_norm": "inf",
        "lr": 0.1,
        "parameters": ["nan", "-inf"],
    }


def test_the_score_is_named_by_the_model_and_a_validation_loss_is_there_only_if_rows_are_held_out() -> None:
    record = Record(0, 1.0, 0.5, 2.0, 0.1, np.zeros(1))
    assert "accuracy" in lines.epoch(record, builtin("pass-or-fail").model)
    assert "validation_loss" not in lines.epoch(record, Linear())


def test_the_start_says_what_is_trained_on_what() -> None:
    assert lines.start(started(held_out=True), experiment(), 12) == {
        "event": "start",
        "experiment": "gentle-line",
        "run": 12,
        "rows": 5,
        "validation_rows": 2,
        "parameters": ["w[x]", "b"],
        "device": "cpu",
        "dtype": "float32",
        "gradient": "analytic",
        "forecast": None,
    }


def test_what_happens_on_the_way_has_lines_of_its_own() -> None:
    verdict = Verdict("rising", 3, 1, 1.87, "It diverges.")
    assert lines.divergence(verdict) == {"event": "divergence", "epoch": 3, "rule": "rising", "message": "It diverges."}
    recovered = Recovered(3, 0, 0.05, "Back.")
    recovery = {"event": "recovery", "epoch": 3, "record": 0, "lr": 0.05, "message": "Back."}
    assert lines.recovery(recovered) == recovery


def test_the_end_says_what_came_of_it() -> None:
    best = Best(7, 0.25, np.array([1.0, 2.0]))
    event = ended(9, best=best, record=7, stop="early-stopping")
    measured = Measured(7, metrics(0.5), metrics(math.nan))
    line = lines.end(event, experiment(), np.array([0.0, 1.0]), np.array([2.0, 0.0]), measured)
    assert json.loads(lines.dumps(line)) == {
        "event": "end",
        "status": "completed",
        "stop": "early-stopping",
        "epoch": 9,
        "record": 7,
        "loss": 0.5,
        "parameters": [1.5, 0.25],
        "exact": [2.0, 0.0],
        "best": {"epoch": 7, "loss": 0.25, "parameters": [1.0, 2.0]},
        "metrics": {"training": measured.training.to_json(), "validation": metrics(math.nan).to_json()},
        "predictions": [{"x": [6.0], "before": 1.0, "after": 9.25}],
        "seconds": 2.5,
        "reason": "All epochs are done.",
    }
    bare = lines.end(ended(9), experiment(predict__at=[]), np.zeros(2), None, None)
    assert (bare["exact"], bare["best"], bare["metrics"], bare["predictions"]) == (None, None, None, [])
