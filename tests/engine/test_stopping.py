"""Early stopping and convergence: which record ends a run, what it gives, and what it says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import LINE_X, LINE_Y, Run, dataset, experiment
from tui_regress.data.dataset import Dataset
from tui_regress.engine import course
from tui_regress.engine.events import Block, Ended, Event, Recovered, Verdict
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.stopping import Reached, Rules
from tui_regress.engine.training import run

LINE = dataset(LINE_X, LINE_Y, held=([6, 7], [12.3, 13.8]))
NAN, INF = float("nan"), float("inf")


def block(held: list[float], first: int = 0, loss: list[float] | None = None) -> Block:
    """Records with these validation losses; every other number says which record it is."""
    numbers = np.arange(first, first + len(held), dtype=float)
    column = numbers[:, None]
    losses = numbers + 100 if loss is None else np.array(loss)
    return Block(first, column, column + 1, losses, losses, np.ones(len(held)), np.array(held))


def stops_at(held: list[float], patience: int, *, size: int, loss: list[float] | None = None) -> int | None:
    """The record at which patience runs out, looking at ``size`` records at a time."""
    rules = Rules(experiment({"training.validation": 0.2, "training.patience": patience}), 5)
    reached = Reached()
    for first in range(0, len(held), size):
        part = block(held[first : first + size], first, loss and loss[first : first + size])
        found = rules.check(part, reached)
        if found:
            assert found[1] == "early-stopping"
            return found[0]
        reached.note(part)
    return None


SIZES = [1, 2, 3, 100]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("held", "patience", "expected"),
    [
        ([5, 4, 3, 3, 3, 3], 2, 4),
        ([5, 4, 3, 3.5, 2, 3, 3, 3], 2, 6),
        ([5, 6, 7, 8], 1, 1),
        ([5, 6, 4, 6, 3, 6], 2, None),
        ([5, 5, 5, 5], 3, 3),
        ([5, 5, 5, 5], 4, None),
        ([5, NAN, INF, 4, NAN, NAN, NAN], 3, 6),
        ([5, 4, 4, 4, 1], 2, 3),
    ],
)
def test_patience_runs_out_after_that_many_epochs_without_a_lower_validation_loss(
    held: list[float], patience: int, expected: int | None, size: int
) -> None:
    assert stops_at(held, patience, size=size) == expected


@pytest.mark.parametrize("size", SIZES)
def test_patience_does_not_run_out_where_no_validation_loss_was_ever_finite(size: int) -> None:
    assert stops_at([INF, NAN, INF, INF], 1, size=size) is None
    assert stops_at([NAN, NAN, 3.0, 4.0, 4.0], 2, size=size) == 4


@pytest.mark.parametrize("size", SIZES)
def test_a_record_that_is_not_finite_is_no_best_one_whatever_its_validation_loss(size: int) -> None:
    assert stops_at([5, 1, 6, 6], 3, size=size, loss=[9, INF, 9, 9]) == 3


@pytest.mark.parametrize("size", SIZES)
def test_the_best_record_is_that_of_the_lowest_finite_validation_loss_the_first_of_equals(size: int) -> None:
    held, reached = [5.0, NAN, 2.0, 3.0, 2.0, INF, 4.0], Reached()
    for first in range(0, len(held), size):
        reached.note(block(held[first : first + size], first))
    assert reached.best is not None
    assert (reached.best.epoch, reached.best.loss, reached.best.parameters.tolist()) == (2, 2.0, [2.0])
    assert reached.lowest is not None
    assert (reached.lowest.epoch, reached.lowest.loss) == (0, 100.0)
    assert reached.finite is not None
    assert reached.finite.epoch == 6
    assert reached.since == 2


def test_without_rows_held_out_the_best_record_is_that_of_the_lowest_loss() -> None:
    reached = Reached()
    reached.note(replace(block([0, 0, 0, 0], loss=[5.0, INF, 2.0, 2.0]), validation_loss=None))
    assert reached.best is not None
    assert (reached.best.epoch, reached.best.loss) == (2, 2.0)


# whole runs


def noisy(rows: int = 12, features: int = 8) -> Dataset:
    """So few rows for so many features that training overfits."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(rows + 40, features))
    y = X[:, 0] + 2 * rng.normal(size=rows + 40)
    return dataset(X[:rows], y[:rows], held=(X[rows:], y[rows:]))


def early(changes: dict[str, Any] | None = None, block_seconds: float = 0.03) -> Run:
    settings = {"training.validation": 0.2, "training.patience": 20, "optimizer.lr": 0.05, **(changes or {})}
    return Run(run(experiment(settings), noisy(), block_seconds=block_seconds))


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
@pytest.mark.parametrize("block_seconds", [1e-9, 0.03, 1e9])
def test_an_overfitting_run_is_stopped_early_and_gives_its_best_record(block_seconds: float, gradient: str) -> None:
    found = early({"training.gradient": gradient}, block_seconds)
    held, ended = found.records.validation_loss, found.ended
    assert held is not None
    best = int(np.argmin(held))
    assert best > 0
    assert ended.epoch == found.records.last == best + 20
    assert (ended.status, ended.stop, ended.record) == ("completed", "early-stopping", best)
    assert ended.parameters.tolist() == found.records.parameters[best].tolist()
    assert ended.best is not None
    assert (ended.best.epoch, ended.best.loss) == (best, held[best])
    assert ended.best.parameters.tolist() == ended.parameters.tolist()
    assert found.measured[-1].epoch == best
    assert ended.loss == found.records.loss[-1]


def test_early_stopping_is_told_with_its_numbers() -> None:
    reason = early().ended.reason
    best = early().ended.best
    assert best is not None
    expected = f"the last 20 epochs brought no validation loss below {best.loss:.4g} (epoch {best.epoch}, whose"
    assert reason == f"Stopped early: {expected} parameters these are)."


def test_patience_longer_than_the_run_changes_nothing() -> None:
    found = early({"training.patience": 5000, "training.epochs": 100})
    assert (found.ended.status, found.ended.stop, found.ended.record) == ("completed", "epochs", 100)
    assert found.ended.best is not None
    assert found.ended.best.epoch < 100


def test_patience_says_nothing_where_no_rows_are_held_out() -> None:
    job = experiment({"training.validation": 0.2, "training.patience": 1, "training.epochs": 50, "optimizer.lr": 0.01})
    assert Run(run(job, replace(LINE, validation=None))).ended.stop == "epochs"


@pytest.mark.parametrize("block_seconds", [1e-9, 0.03, 1e9])
@pytest.mark.parametrize("tolerance", [1e-3, 5.0])
def test_a_run_converges_at_the_first_record_whose_gradient_is_within_the_tolerance(
    tolerance: float, block_seconds: float
) -> None:
    job = experiment({"optimizer.lr": 0.05, "training.tolerance": tolerance, "training.epochs": 5000})
    found = Run(run(job, LINE, block_seconds=block_seconds))
    norms, ended = found.records.grad_norm, found.ended
    assert (norms[:-1] > tolerance).all()
    assert norms[-1] <= tolerance
    assert (ended.status, ended.stop) == ("converged", "tolerance")
    assert ended.epoch == ended.record == found.records.last
    assert ended.parameters.tolist() == found.records.parameters[-1].tolist()
    assert ended.reason.startswith(f"Converged at epoch {ended.epoch:,}: the gradient norm {norms[-1]:.3g}")
    assert ended.reason.endswith(f"is within the tolerance {tolerance:g}.".replace("e-0", "e-"))


def test_a_run_may_have_converged_before_its_first_step() -> None:
    job = experiment({"model.init": [2.0, 0.0], "training.tolerance": 1e-6})
    found = Run(run(job, LINE))
    assert found.records.last == 0
    assert (found.ended.status, found.ended.epoch, found.ended.record) == ("converged", 0, 0)
    assert [checkpoint.epoch for checkpoint in found.checkpoints] == [0]


@pytest.mark.parametrize(("loss", "batch"), [("mse", 0), ("sse", 0)])
def test_weight_decay_is_part_of_the_gradient_that_must_vanish(loss: str, batch: int) -> None:
    changes = {"optimizer.weight_decay": 0.5, "model.loss": loss, "training.batch_size": batch, "optimizer.lr": 0.005}
    job = experiment({**changes, "training.tolerance": 1e-6, "training.epochs": 20_000, "device.dtype": "float64"})
    found = Run(run(job, LINE))
    assert found.ended.stop == "tolerance"
    exact = exact_solution(job, LINE).parameters
    assert exact is not None
    assert found.ended.parameters == pytest.approx(exact, abs=1e-5)
    assert found.records.grad_norm[-1] > 1e-2, "the loss alone still pulls"


def test_adamws_decay_is_no_part_of_the_gradient() -> None:
    rules = Rules(experiment({"optimizer.name": "adamw", "training.tolerance": 1.0}), 5)
    assert rules.check(block([0, 0]), Reached()) == (0, "tolerance")
    coupled = Rules(experiment({"optimizer.weight_decay": 5.0, "training.tolerance": 2.0}), 5)
    assert coupled.check(block([0, 0]), Reached()) == (0, "tolerance")
    assert coupled.check(block([0, 0], first=1), Reached()) is None


def test_convergence_counts_before_early_stopping_at_the_same_record() -> None:
    rules = Rules(experiment({"training.validation": 0.2, "training.patience": 2, "training.tolerance": 3.0}), 5)
    same = block([1, 2, 3])
    assert rules.check(same, Reached()) == (0, "tolerance")
    later = replace(same, gradient=np.array([[9.0], [9.0], [3.0]]))
    assert rules.check(later, Reached()) == (2, "tolerance")


def test_a_gradient_that_is_not_finite_is_not_within_any_tolerance() -> None:
    rules = Rules(experiment({"training.tolerance": 1e300}), 5)
    assert rules.check(replace(block([0, 0]), gradient=np.array([[NAN], [INF]])), Reached()) is None


# together with a verdict


class FiresAt:
    """A monitor that calls out at one record, whatever it holds."""

    epoch = 0

    def __init__(self, *_: object) -> None:
        self._fired = False

    def check(self, block: Block) -> Verdict | None:
        if block.first <= self.epoch <= block.last:
            return Verdict("rising", self.epoch, self.epoch, 2.0, "It rises.")
        return None

    def freeze(self) -> dict[str, object]:
        return {}


def with_verdict_at(epoch: int, policy: str, monkeypatch: pytest.MonkeyPatch, block_seconds: float) -> list[Event]:
    monkeypatch.setattr(FiresAt, "epoch", epoch)
    monkeypatch.setattr(course, "Monitor", FiresAt)
    settings = {"training.validation": 0.2, "training.patience": 20, "optimizer.lr": 0.05, "training.epochs": 200}
    return list(run(experiment({**settings, "training.on_divergence": policy}), noisy(), block_seconds=block_seconds))


@pytest.mark.parametrize("block_seconds", [1e-9, 1e9])
def test_the_first_of_verdict_and_early_stopping_counts_and_of_equals_the_verdict(
    block_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = early().ended.epoch
    for epoch, stop in ((late - 1, "divergence"), (late, "divergence"), (late + 1, "early-stopping")):
        *_, ended = with_verdict_at(epoch, "stop", monkeypatch, block_seconds)
        assert isinstance(ended, Ended)
        assert (ended.stop, ended.epoch) == (stop, min(epoch, late))
        assert (ended.verdict is not None) == (stop == "divergence")


@pytest.mark.parametrize("block_seconds", [1e-9, 1e9])
def test_after_a_verdict_that_a_run_survives_no_rule_is_asked(
    block_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, ended = with_verdict_at(10, "continue", monkeypatch, block_seconds)
    assert isinstance(ended, Ended)
    assert (ended.status, ended.stop, ended.epoch) == ("diverged", "epochs", 200)


@pytest.mark.parametrize("block_seconds", [1e-9, 1e9])
def test_patience_starts_afresh_after_a_recovery(block_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    late = early().ended.epoch
    seen = with_verdict_at(late - 5, "recover", monkeypatch, block_seconds)
    recovered, ended = next(event for event in seen if isinstance(event, Recovered)), seen[-1]
    assert isinstance(ended, Ended)
    assert recovered.epoch == late - 5
    assert ended.stop == "early-stopping"
    assert ended.epoch == late - 5 + 20, "nothing is better than before"
    assert ended.record == late - 20
