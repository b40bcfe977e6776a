import numpy as np
import pytest

from tests.tui.support import made_up_block
from tui_regress.data import load_dataset
from tui_regress.engine.events import Ended, Verdict
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.objective import initial_parameters
from tui_regress.experiment import Logistic, builtin
from tui_regress.tui.session import LADDER, RunState, Session
from tui_regress.tui.settings import value_of
from tui_regress.tui.summary import summary


def prepared(name: str = "gentle-line") -> Session:
    session = Session(builtin(name), clock=lambda: 0.0)
    experiment = session.experiment
    dataset = load_dataset(experiment)
    initial = initial_parameters(experiment.model, dataset.features, experiment.training.seed)
    session.prepared(dataset, initial)
    session.exact = exact_solution(experiment, dataset)
    return session


def test_an_edit_changes_the_experiment_and_a_wrong_one_only_names_its_field() -> None:
    session = prepared()
    assert session.edit({"optimizer.lr": 0.03})
    assert session.experiment.optimizer.lr == 0.03
    assert not session.edit({"optimizer.lr": -1})
    assert session.problems == {"optimizer.lr": "must be a number above 0."}
    assert session.experiment.optimizer.lr == 0.03
    assert not session.can_start
    session.edit({"optimizer.lr": 0.1})
    assert session.can_start


def test_a_problem_inside_a_list_is_shown_at_the_field_of_the_list() -> None:
    session = prepared()
    session.edit({"data.x": [1.0, "two", 3.0]})
    assert list(session.problems) == ["data.x"]


def test_a_setting_that_does_not_fit_another_waits_until_it_does() -> None:
    session = prepared("numpy-line")
    assert not session.edit({"optimizer.name": "adam"})
    assert "numpy" in session.problems["optimizer.name"]
    assert session.edit({"training.gradient": "analytic"})
    assert value_of(session.experiment, "optimizer.name") == "adam"
    assert not session.problems


def test_a_wrong_value_does_not_hold_up_the_others() -> None:
    session = prepared()
    session.edit({"optimizer.lr": "fast"})
    assert session.edit({"training.epochs": 7})
    assert session.experiment.training.epochs == 7
    assert list(session.problems) == ["optimizer.lr"]


def test_new_data_or_another_start_drop_the_records_but_another_rate_keeps_them() -> None:
    session = prepared()
    session.begin()
    session.append(made_up_block([44.0], [[0.0, 0.0]]))
    session.end(Ended("completed", "All epochs are done.", 0, 44.0, np.zeros(2), None, 1.0), "")
    session.edit({"optimizer.lr": 0.03})
    assert len(session.history) == 1
    session.edit({"model.init": "normal"})
    assert len(session.history) == 0
    assert session.state is RunState.IDLE


@pytest.mark.parametrize(
    ("lr", "direction", "lands_on"), [(0.1, -1, 0.03), (0.1, 1, 0.3), (0.05, -1, 0.03), (0.05, 1, 0.1)]
)
def test_the_ladder_is_stepped_from_any_rate(lr: float, direction: int, lands_on: float) -> None:
    session = prepared()
    session.edit({"optimizer.lr": lr})
    assert session.step_lr(direction)
    assert session.experiment.optimizer.lr == lands_on


def test_the_ladder_ends() -> None:
    session = prepared()
    session.edit({"optimizer.lr": LADDER[-1]})
    assert not session.step_lr(+1)
    assert session.experiment.optimizer.lr == LADDER[-1]


def test_a_new_source_brings_the_model_that_suits_it() -> None:
    session = prepared()
    assert session.change_source("logistic")
    assert isinstance(session.experiment.model, Logistic)
    assert session.change_source("linear")
    assert value_of(session.experiment, "model.loss") == "mse"


def test_points_taken_from_small_generated_data_are_those_points() -> None:
    session = prepared("cpu-line")
    assert session.change_source("points")
    assert load_dataset(session.experiment).y.tolist() == [2.0 * x + 1 for x in range(11)]


def test_a_run_that_ran_off_shows_its_last_finite_parameters() -> None:
    session = prepared()
    session.begin()
    session.append(made_up_block([44.0, 50.0, np.inf], [[0.0, 0.0], [3.0, 1.0], [np.inf, 1.0]]))
    assert session.parameters is not None
    assert session.parameters.tolist() == [3.0, 1.0]
    assert session.predictions[0].after == 19.0
    assert session.predictions[0].before == 0.0


def test_the_summary_tells_status_parameters_predictions_and_verdict() -> None:
    session = prepared("exploding-line")
    assert summary(session) == ""
    session.begin()
    session.append(made_up_block([44.0, 82.08], [[0.0, 0.0], [4.4, 1.2]]))
    session.verdict = Verdict("rising", 1, 1, 1.87, "Diverging since epoch 1.")
    session.end(Ended("diverged", "Diverging since epoch 1.", 1, 82.08, np.array([4.4, 1.2]), session.verdict, 0.1), "")
    text = summary(session)
    assert "exploding-line: DIVERGED at epoch 1 of 1,000, mse 82.0800" in text
    assert "Diverging since epoch 1." in text
    assert "w[x] = 4.40000" in text
    assert "prediction at 6: 0.00000 before, 27.6000 after" in text


def test_a_failed_run_keeps_its_records_and_can_be_started_again() -> None:
    session = prepared()
    session.begin()
    session.append(made_up_block([44.0], [[0.0, 0.0]]))
    session.end(None, "MemoryError.")
    assert session.state is RunState.FAILED
    assert len(session.history) == 1
    assert session.can_start
