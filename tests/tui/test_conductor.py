"""What happens between a person and the threads, without a screen and without a thread."""

from pathlib import Path

import numpy as np
import pytest

from tests.tui.support import made_up_block, started
from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine.control import Control
from tui_regress.engine.events import Checkpoint, Ended, Recovered, Resume, Verdict
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.objective import starting_point
from tui_regress.engine.stability import forecast
from tui_regress.experiment import Experiment, Points, builtin, override
from tui_regress.tui import messages
from tui_regress.tui.conductor import Conductor
from tui_regress.tui.runner import Kept, Runner
from tui_regress.tui.session import RunState, Session
from tui_regress.tui.settings import value_of


class Scribe(Runner):
    """Writes down what it is asked for; the test answers."""

    def __init__(self) -> None:
        super().__init__(lambda _message: None)
        self.asked: list[tuple[int, Experiment, Dataset | None]] = []
        self.trained: list[tuple[int, Experiment, Dataset, Control, Resume | Checkpoint | Path | None]] = []
        self.kept: list[Kept | None] = []

    def prepare(self, request: int, experiment: Experiment, dataset: Dataset | None) -> None:
        self.asked.append((request, experiment, dataset))

    def train(
        self,
        run_id: int,
        experiment: Experiment,
        dataset: Dataset,
        control: Control,
        resume: Resume | Checkpoint | Path | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.trained.append((run_id, experiment, dataset, control, resume))
        self.kept.append(kept)


class Lab:
    """A session, its conductor, and answers to what they ask."""

    def __init__(self, name: str = "gentle-line", **settings: object) -> None:
        self.runner = Scribe()
        self.session = Session(override(builtin(name), settings), clock=lambda: 0.0)
        self.conductor = Conductor(self.session, self.runner)

    def answer(self, index: int = -1) -> bool:
        """Answer a request for preparation; whether it was news."""
        request, experiment, known = self.runner.asked[index]
        dataset = known or load_dataset(experiment)
        start = starting_point(experiment, dataset)
        exact = exact_solution(experiment, dataset)
        news = self.conductor.prepared(messages.Prepared(request, dataset, start))
        self.conductor.solved(messages.Solved(request, exact))
        ahead = forecast(experiment, dataset.trained, start, exact)
        self.conductor.forecasted(messages.Forecasted(request, ahead, None))
        return news

    def prepared(self) -> "Lab":
        self.conductor.prepare()
        self.answer()
        return self

    def running(self) -> "Lab":
        self.prepared()
        self.conductor.start()
        run_id = self.session.run_id
        self.conductor.run_started(messages.RunStarted(run_id, started()))
        self.conductor.epochs_completed(messages.EpochsCompleted(run_id, made_up_block([44.0], [[0.0, 0.0]])))
        return self

    def diverged(self) -> "Lab":
        self.running()
        verdict = Verdict("rising", 0, 0, 2.0, "Diverging.")
        self.conductor.divergence_found(messages.DivergenceFound(self.session.run_id, verdict))
        return self.ended("diverged", verdict)

    def ended(self, status: str = "stopped", verdict: Verdict | None = None) -> "Lab":
        last = Ended(status, "Done.", 0, 44.0, np.zeros(2), verdict, 0.1)  # type: ignore[arg-type]  # a word of Status
        self.conductor.run_ended(messages.RunEnded(self.session.run_id, last))
        return self

    def state(self) -> RunState:
        return self.session.state


def test_a_start_without_data_waits_for_them_and_then_trains_once() -> None:
    lab = Lab()
    lab.conductor.start()
    assert lab.state() is RunState.LOADING
    assert not lab.runner.trained
    lab.answer()
    assert len(lab.runner.trained) == 1
    lab.conductor.prepare()
    lab.answer()
    assert len(lab.runner.trained) == 1


def test_data_of_an_earlier_seed_never_pass_for_those_of_the_present_one() -> None:
    lab = Lab("d2l-concise")
    lab.conductor.prepare()
    lab.conductor.edit("data.seed", 1)
    assert not lab.answer(0)
    assert lab.session.dataset is None
    lab.conductor.prepare()
    assert lab.runner.asked[-1][2] is None
    assert lab.answer()


def test_parameters_of_a_model_with_a_bias_never_pass_for_those_of_one_without() -> None:
    lab = Lab()
    lab.conductor.prepare()
    lab.conductor.edit("model.bias", False)
    assert not lab.answer(0)
    lab.conductor.prepare()
    lab.answer()
    assert lab.session.names == ("w[x]",)


def test_nothing_is_lost_when_start_is_pressed_while_a_run_is_stopping() -> None:
    lab = Lab().running()
    lab.conductor.stop()
    assert lab.state() is RunState.STOPPING
    lab.conductor.start()
    lab.ended()
    assert lab.state() is RunState.LOADING
    assert len(lab.runner.trained) == 2


def test_reset_while_training_waits_for_the_last_word_and_then_goes_back() -> None:
    lab = Lab().running()
    lab.conductor.reset()
    assert lab.state() is RunState.STOPPING
    lab.ended()
    assert lab.state() is RunState.IDLE
    assert len(lab.session.history) == 0


@pytest.mark.parametrize("ask", ["pause", "stop"])
def test_pause_and_stop_change_nothing_after_the_end(ask: str) -> None:
    lab = Lab().running().ended("completed")
    getattr(lab.conductor, ask)()
    assert lab.state() is RunState.COMPLETED


def test_opening_another_experiment_stops_the_run_and_no_late_word_of_it_counts() -> None:
    lab = Lab().running()
    run_id, control = lab.session.run_id, lab.runner.trained[0][3]
    lab.conductor.open(builtin("cpu-line"), None)
    # The control the runner holds belongs to the conductor: stopping it is what ends the thread.
    assert control.stopped
    assert lab.state() is RunState.IDLE
    assert not lab.conductor.epochs_completed(
        messages.EpochsCompleted(run_id, made_up_block([1.0], [[0.0, 0.0]], first=1))
    )
    assert not lab.conductor.run_ended(messages.RunEnded(run_id, None, "late"))
    assert lab.state() is RunState.IDLE


def test_while_training_only_the_learning_rate_changes() -> None:
    lab = Lab().running()
    assert not lab.conductor.edit("training.epochs", 5)
    assert lab.conductor.edit("optimizer.lr", 0.03)
    assert lab.session.experiment.training.epochs == 1000
    assert lab.session.recorded.optimizer.lr == 0.03


def test_what_is_told_and_saved_of_a_run_are_its_own_settings_not_later_ones() -> None:
    lab = Lab().running().ended("completed")
    lab.conductor.edit("training.epochs", 5)
    assert lab.session.experiment.training.epochs == 5
    assert lab.session.recorded.training.epochs == 1000


def test_a_failed_preparation_is_told_and_forgotten_with_the_next_attempt() -> None:
    lab = Lab()
    lab.conductor.start()
    request = lab.runner.asked[-1][0]
    lab.conductor.preparation_failed(messages.PreparationFailed(request, "data.x", "must be something else."))
    assert lab.state() is RunState.IDLE
    assert lab.session.problems == {"data.x": "must be something else."}
    lab.conductor.edit("optimizer.lr", 0.5)
    assert lab.session.problems == {"data.x": "must be something else."}
    lab.conductor.prepare()
    assert not lab.session.problems


def test_after_an_explosion_nothing_starts_while_a_setting_is_wrong() -> None:
    lab = Lab("exploding-line").diverged()
    lab.conductor.edit("training.epochs", "abc")
    for ask in (lab.conductor.retry, lab.conductor.standardise):
        ask()
        assert lab.state() is RunState.DIVERGED
    assert len(lab.runner.trained) == 1


def test_going_on_hands_over_the_best_record_and_the_settings_of_the_run() -> None:
    lab = Lab("exploding-line").diverged()
    lab.conductor.edit("optimizer.momentum", 0.5)
    lab.conductor.go_on()
    *_, experiment, _dataset, _control, resume = lab.runner.trained[-1]
    assert isinstance(resume, Resume)
    assert (resume.epoch, resume.parameters.tolist()) == (0, [0.0, 0.0])
    assert value_of(experiment, "optimizer.momentum") == 0
    assert experiment.optimizer.lr == lab.session.experiment.optimizer.lr < 0.0845
    assert lab.state() is RunState.LOADING


def test_a_recovery_shows_the_rate_it_goes_on_with() -> None:
    lab = Lab("exploding-line").running()
    event = Recovered(0, 0, 0.07, "Back.")
    assert lab.conductor.run_recovered(messages.RunRecovered(lab.session.run_id, event))
    assert lab.session.experiment.optimizer.lr == 0.07


def test_points_to_predict_at_go_when_the_number_of_features_changes() -> None:
    lab = Lab("cpu-line").prepared()
    lab.session.change_source("points")
    assert isinstance(lab.session.experiment.data, Points)
    assert lab.session.experiment.predict.at == ((11.0,),)
    lab = Lab("cpu-line", **{"data.x": "normal", "data.step": None, "data.low": None, "data.high": None}).prepared()
    lab.conductor.edit("data.weights", [2.0, 3.0])
    assert lab.session.experiment.predict.at == ()
    assert not lab.session.problems


def stopped() -> Lab:
    """A run that was stopped at record 0, with a place to go on from."""
    lab = Lab().running()
    lab.conductor.run_kept(messages.RunKept(lab.session.run_id, 12))
    lab.conductor.checkpoint_reached(messages.CheckpointReached(lab.session.run_id, Checkpoint(0, {})))
    return lab.ended()


def test_a_stopped_run_goes_on_from_its_checkpoint_in_the_same_place_of_the_store() -> None:
    lab = stopped()
    run_id = lab.session.run_id
    lab.conductor.continue_()
    assert lab.state() is RunState.LOADING
    assert lab.session.run_id == run_id
    assert lab.runner.trained[-1][-1] == lab.session.checkpoint
    assert lab.runner.kept == [None, Kept(12)]
    assert len(lab.session.history) == 1


def test_records_that_come_again_are_forgotten_first() -> None:
    lab = stopped()
    lab.conductor.epochs_completed(
        messages.EpochsCompleted(lab.session.run_id, made_up_block([40.0, 30.0], [[0.0, 0.0]] * 2, first=1))
    )
    lab.conductor.continue_()
    lab.conductor.run_continued(messages.RunContinued(lab.session.run_id, 1))
    assert lab.session.history.losses.tolist() == [44.0, 40.0]
    lab.conductor.epochs_completed(
        messages.EpochsCompleted(lab.session.run_id, made_up_block([31.0], [[0.0, 0.0]], first=2))
    )
    assert lab.session.history.losses.tolist() == [44.0, 40.0, 31.0]


def test_a_run_cannot_be_continued_under_other_settings_nor_without_a_checkpoint() -> None:
    lab = stopped()
    before = lab.session.can_continue
    lab.conductor.edit("optimizer.lr", 0.5)
    assert (before, lab.session.can_continue) == (True, False)
    assert not Lab().running().ended().session.can_continue


def test_a_rate_changed_while_training_does_not_bar_the_way_on() -> None:
    lab = Lab().running()
    lab.conductor.step_lr(+1)
    lab.conductor.checkpoint_reached(messages.CheckpointReached(lab.session.run_id, Checkpoint(0, {})))
    assert lab.ended().session.can_continue


def test_a_new_start_is_a_new_run_of_the_store() -> None:
    lab = stopped()
    lab.conductor.start()
    assert lab.session.kept_id is None
    assert lab.session.checkpoint is None
    assert lab.runner.kept[-1] is None


def test_other_rows_held_out_are_other_data() -> None:
    lab = Lab().prepared()
    lab.conductor.edit("training.validation", 0.2)
    assert lab.session.dataset is None
    lab.conductor.prepare()
    lab.answer()
    lab.conductor.edit("training.seed", 5)
    assert lab.session.dataset is None


def test_the_stage_of_loading_is_shown_until_the_data_are_there() -> None:
    lab = Lab()
    lab.conductor.prepare()
    assert lab.conductor.loading(messages.Loading(lab.session.request, "reading houses.csv", 0.5))
    shown = lab.session.loading
    lab.answer()
    assert (shown, lab.session.loading) == (("reading houses.csv", 0.5), None)
    assert not lab.conductor.loading(messages.Loading(lab.session.request, "late", 1.0))


def test_the_rate_on_the_screen_is_the_one_a_run_of_this_screen_goes_on_with() -> None:
    lab = Lab().running()
    lab.conductor.checkpoint_reached(messages.CheckpointReached(lab.session.run_id, Checkpoint(0, {})))
    lab.conductor.step_lr(+1)
    lab.ended()
    lab.conductor.continue_()
    assert lab.conductor.control.take_lr(0.5, 1) == lab.session.experiment.optimizer.lr == 0.03
