"""Between the screen and the threads: what a person asks for, what the threads answer. Knows no widget."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from tui_regress.engine.control import Control
from tui_regress.engine.events import Recovered, Resume
from tui_regress.engine.series import Series
from tui_regress.engine.stability import readable, safe_lr
from tui_regress.experiment import Experiment
from tui_regress.tui import messages
from tui_regress.tui.runner import Kept, Runner
from tui_regress.tui.session import RunState, Session

if TYPE_CHECKING:
    from tui_regress.runs.kept import KeptRun


class Conductor:
    """Changes the session as a person and the threads demand, and sets the runner to work; UI thread only."""

    def __init__(self, session: Session, runner: Runner) -> None:
        self.session = session
        self._runner = runner
        self._control = Control()
        self._start_when_ready: str | None = None
        """"run", "step" or "continue", while a start waits for the data."""
        self._when_ended: Callable[[], None] | None = None
        """What was asked for while the run was stopping."""

    @property
    def control(self) -> Control:
        """The hand on the latest run."""
        return self._control

    # -- what a person asks for

    def start(self) -> None:
        """Start, or resume after a pause."""
        state = self.session.state
        if state is RunState.PAUSED:
            self._control.resume()
            self.session.state = RunState.RUNNING
        elif state is RunState.STOPPING:
            self._when_ended = self.start
        elif self.session.can_start:
            self._begin("run")

    def continue_(self) -> None:
        """Go on with a run that was stopped, as if it had run through."""
        if self.session.can_continue:
            self.session.continue_()
            self._start_when_ready = "continue"
            self._train_or_prepare()

    def pause(self) -> None:
        """Pause before the next epoch."""
        if self.session.state is RunState.RUNNING:
            self._control.pause()
            self.session.state = RunState.PAUSED

    def step(self) -> None:
        """One epoch, then a pause."""
        if self.session.state in (RunState.PAUSED, RunState.RUNNING):
            self._control.step()
            self.session.state = RunState.PAUSED
        elif self.session.can_start:
            self._begin("step")

    def stop(self) -> None:
        """Stop; the thread's last word ends the run."""
        if self._start_when_ready is not None:
            self._start_when_ready = None
            self.session.reset()
        elif self.session.state.active:
            self._control.stop()
            self.session.state = RunState.STOPPING

    def reset(self) -> None:
        """Back to no records; a run in progress is stopped first."""
        self.stop()
        if self.session.state is RunState.STOPPING:
            self._when_ended = self.session.reset
        else:
            self.session.reset()

    def open(self, experiment: Experiment, parameters: NDArray[np.float64] | None) -> None:
        """Another experiment, or a saved model; a run in progress is stopped and forgotten."""
        self.stop()
        self._when_ended = None
        self.session.open(experiment, parameters)
        self.prepare()

    def open_kept(self, kept: "KeptRun", checkpoint: Path | None) -> None:
        """A run of the past, as it ended; ``checkpoint`` is the file from which it could go on."""
        self.stop()
        self._when_ended = None
        self.session.open_kept(kept, checkpoint)
        self.prepare()

    def retry(self) -> None:
        """After an explosion: from the start, at the fastest learning rate."""
        if self.session.can_start and (lr := self.session.fastest) is not None:
            self.session.edit({"optimizer.lr": lr})
            self._begin("run")
            self.prepare()

    def go_on(self) -> None:
        """After an explosion: from the best record, at a safe learning rate."""
        session, latest, best = self.session, self.session.history.latest, self.session.history.best
        if not session.can_start or session.dataset is None or session.forecast is None or not (latest and best):
            return
        lr = safe_lr(session.forecast, latest.lr)
        session.go_on(Recovered(latest.epoch, best.epoch, lr, f"Back to epoch {best.epoch:,}, and on with lr {lr:g}."))
        self._control = Control()
        resume = Resume(latest.epoch, best.parameters)
        kept = None if session.kept_id is None else Kept(session.kept_id, session.recoveries[-1])
        self._runner.train(session.run_id, session.recorded, session.dataset, self._control, resume, kept)
        self.prepare()

    def standardise(self) -> None:
        """After an explosion: from the start on standardised columns, at a learning rate that suits them."""
        session = self.session
        if not session.can_start:
            return
        lr = session.experiment.optimizer.lr
        if (scaling := session.forecast.scaling if session.forecast else None) is not None:
            # Without a limit, of single rows: each may be as curved as all its columns together.
            careful = 0.25 / scaling.lambda_max / (scaling.features + 1)
            lr = min(lr, careful) if scaling.limit is None else 0.5 * scaling.limit
        session.edit({"data.standardize": True, "optimizer.lr": readable(lr)})
        self._begin("run")

    def keep(self) -> None:
        """After an explosion: leave everything as it is."""
        self.session.choosing = False

    def edit(self, key: str, value: Any) -> bool:
        """Change a setting, the learning rate also while training. Returns whether the experiment changed."""
        changed = self.session.edit({key: value})
        if changed and self.session.state.active:
            self._control.set_lr(self.session.experiment.optimizer.lr)
        return changed

    def step_lr(self, direction: int) -> bool:
        """One rung down (−1) or up (+1) the ladder of learning rates. Returns whether there was one."""
        changed = self.session.step_lr(direction)
        if changed and self.session.state.active:
            self._control.set_lr(self.session.experiment.optimizer.lr)
        return changed

    def time(self, post: Callable[[Message], object]) -> Control:
        """Have this experiment timed on each device, and ``post`` told of it; returns the hand that stops it."""
        session, control = self.session, Control()
        assert session.dataset is not None, "nothing is timed before"  # noqa: S101 - for the type checker
        self._runner.time(session.experiment, session.dataset, control, post)
        return control

    def prepare(self) -> None:
        """Have the data loaded and examined, unless a setting is wrong."""
        session = self.session
        if not session.draft.problems:
            self._runner.prepare(session.ask(), session.experiment, session.dataset)

    # -- what the threads answer: each returns whether it was news, not the echo of something given up

    def loading(self, message: messages.Loading) -> bool:
        """How far the data are."""
        if message.request != self.session.request or self.session.dataset is not None:
            return False
        self.session.loading = message.stage, message.share
        return True

    def prepared(self, message: messages.Prepared) -> bool:
        """The data are here."""
        if message.request != self.session.request:
            return False
        self.session.prepared(message.dataset, message.initial)
        if self._start_when_ready is not None:
            self._train()
        return True

    def forecasted(self, message: messages.Forecasted) -> bool:
        """What training will do."""
        if message.request != self.session.request:
            return False
        self.session.forecast = message.forecast
        self.session.predicted = None if message.predicted is None else Series.of(message.predicted)
        return True

    def solved(self, message: messages.Solved) -> bool:
        """The exact solution."""
        if message.request != self.session.request:
            return False
        self.session.exact = message.exact
        return True

    def preparation_failed(self, message: messages.PreparationFailed) -> bool:
        """The experiment cannot run as it stands."""
        if message.request != self.session.request:
            return False
        self.session.forget_data()
        self.session.obstacle = message.key.partition("[")[0], message.problem
        if self._start_when_ready is not None:
            self._start_when_ready = None
            self.session.reset()
        return True

    def run_started(self, message: messages.RunStarted) -> bool:
        """Record 0 is next."""
        if message.run_id != self.session.run_id:
            return False
        self.session.started = message.started
        if self.session.state is RunState.LOADING:
            self.session.state = RunState.PAUSED if self._control.paused else RunState.RUNNING
        return True

    def epochs_completed(self, message: messages.EpochsCompleted) -> bool:
        """New records."""
        if message.run_id != self.session.run_id:
            return False
        self.session.append(message.block)
        return True

    def model_measured(self, message: messages.ModelMeasured) -> bool:
        """How good the model is."""
        if message.run_id != self.session.run_id:
            return False
        self.session.measured = message.measured
        return True

    def checkpoint_reached(self, message: messages.CheckpointReached) -> bool:
        """From where the run can be continued."""
        if message.run_id != self.session.run_id:
            return False
        self.session.checkpoint = message.checkpoint
        return True

    def run_continued(self, message: messages.RunContinued) -> bool:
        """Records after the checkpoint will come again."""
        if message.run_id != self.session.run_id:
            return False
        self.session.history.cut(message.epoch)
        return True

    def run_kept(self, message: messages.RunKept) -> bool:
        """The store's number of the run."""
        if message.run_id != self.session.run_id:
            return False
        self.session.kept_id = message.kept_id
        return True

    def run_noted(self, message: messages.RunNoted) -> bool:
        """A sentence to read."""
        return message.run_id == self.session.run_id

    def divergence_found(self, message: messages.DivergenceFound) -> bool:
        """The monitor has a verdict."""
        if message.run_id != self.session.run_id:
            return False
        self.session.verdict = message.verdict
        return True

    def run_recovered(self, message: messages.RunRecovered) -> bool:
        """The run went back to an earlier record and goes on."""
        if message.run_id != self.session.run_id:
            return False
        self.session.recovered(message.recovered)
        return True

    def run_ended(self, message: messages.RunEnded) -> bool:
        """The thread's last word."""
        if message.run_id != self.session.run_id:
            return False
        self.session.end(message.ended, message.failure)
        if (asked := self._when_ended) is not None:
            self._when_ended = None
            asked()
        return True

    def _begin(self, how: str) -> None:
        if not self.session.can_start:
            return
        self.session.begin()
        self._start_when_ready = how
        self._train_or_prepare()

    def _train_or_prepare(self) -> None:
        if self.session.dataset is not None:
            self._train()
        else:
            self.prepare()

    def _train(self) -> None:
        session = self.session
        assert session.dataset is not None, "prepared"  # noqa: S101 - for the type checker
        self._control = Control()
        if self._start_when_ready == "step":
            self._control.step()
        resume, kept = None, None
        if self._start_when_ready == "continue":
            resume, kept = session.checkpoint, None if session.kept_id is None else Kept(session.kept_id)
            if not isinstance(resume, Path):
                # A rate that was set in the midst of a long epoch, just before the stop, is in no checkpoint.
                self._control.set_lr(session.experiment.optimizer.lr)
        self._start_when_ready = None
        self._runner.train(session.run_id, session.experiment, session.dataset, self._control, resume, kept)
