"""After an explosion: back to the best record, a safe learning rate, and on."""

import numpy as np
import pytest

from tui_regress.data import load_dataset
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Ended, Event, Recovered, Resume, Verdict
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment, builtin, decode, override

RECOVER = {"training.on_divergence": "recover"}


def events(experiment: Experiment, resume: Resume | None = None) -> list[Event]:
    return list(run(experiment, load_dataset(experiment), resume=resume))


def losses_after_recovery(seen: list[Event]) -> list[float]:
    first = next(i for i, event in enumerate(seen) if isinstance(event, Recovered))
    return [float(loss) for event in seen[first:] if isinstance(event, Block) for loss in event.loss]


def well_conditioned(seed: int) -> Experiment:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    X = rng.normal(size=(60, d))
    y = X @ rng.normal(size=d) + rng.normal() + rng.normal(0, 0.1, 60)
    x = X.tolist() if d > 1 else X[:, 0].tolist()
    return decode({"data": {"source": "points", "x": x, "y": y.tolist()}, "device": {"name": "cpu"}} | {})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_run_at_ten_times_the_limit_recovers_and_ends_at_the_exact_solution(seed: int, momentum: float) -> None:
    calm = override(well_conditioned(seed), {"optimizer.momentum": momentum, "training.epochs": 500})
    dataset = load_dataset(calm)
    started = next(run(calm, dataset))
    limit = started.forecast.limit  # type: ignore[union-attr]  # the first event is Started, with a forecast
    seen = events(override(calm, {"optimizer.lr": 10 * limit, **RECOVER}))
    last = seen[-1]
    assert isinstance(last, Ended)
    assert last.status == "completed"
    exact = exact_solution(calm, dataset).parameters
    assert exact is not None
    assert np.linalg.norm(last.parameters - exact) <= 1e-3 * np.linalg.norm(exact)
    assert np.isfinite(losses_after_recovery(seen)).all()


def test_recovery_is_told_between_verdict_and_the_next_record_and_numbers_go_on() -> None:
    seen = events(override(builtin("exploding-line"), RECOVER))
    verdict = next(i for i, event in enumerate(seen) if isinstance(event, Verdict))
    recovered = seen[verdict + 1]
    assert isinstance(recovered, Recovered)
    assert (recovered.epoch, recovered.record) == (3, 0)
    assert recovered.lr < 0.0845
    records = [k for event in seen if isinstance(event, Block) for k in range(event.first, event.last + 1)]
    assert records == list(range(1001))
    after = next(event for event in seen[verdict:] if isinstance(event, Block))
    assert after.lr[0] == recovered.lr
    # One step from w = b = 0: the gradient there is (−44, −12).
    assert after.parameters[0] == pytest.approx([44 * recovered.lr, 12 * recovered.lr], rel=1e-5)


def test_a_jump_out_of_the_numbers_recovers_too() -> None:
    seen = events(override(builtin("exploding-line"), {"optimizer.lr": 1e30, **RECOVER}))
    last = seen[-1]
    assert isinstance(last, Ended)
    assert last.status == "completed"
    assert last.parameters == pytest.approx([2, 0], abs=1e-3)


def test_what_no_smaller_rate_can_save_ends_as_diverged() -> None:
    hopeless = override(builtin("exploding-line"), {"optimizer.momentum": 1.5, "optimizer.lr": 1.0, **RECOVER})
    seen = events(hopeless)
    last = seen[-1]
    assert isinstance(last, Ended)
    assert last.status == "diverged"
    assert sum(isinstance(event, Recovered) for event in seen) == 8


def test_stop_and_continue_never_recover() -> None:
    for policy in ("stop", "continue"):
        seen = events(override(builtin("exploding-line"), {"training.on_divergence": policy}))
        assert not [event for event in seen if isinstance(event, Recovered)]
        assert isinstance(last := seen[-1], Ended)
        assert last.status == "diverged"


def test_the_same_recovery_to_the_bit_whatever_the_length_of_the_blocks() -> None:
    experiment = override(
        builtin("d2l-concise"), {"optimizer.lr": 5.0, "training.epochs": 6, "data.rows": 100, **RECOVER}
    )
    dataset = load_dataset(experiment)

    def parameters(block_seconds: float) -> list[list[float]]:
        blocks = [event for event in run(experiment, dataset, block_seconds=block_seconds) if isinstance(event, Block)]
        return [row for block in blocks for row in block.parameters.tolist()]

    assert parameters(0.0) == parameters(10.0)


def test_a_run_taken_up_again_goes_on_from_where_it_was_left() -> None:
    whole = events(override(builtin("gentle-line"), {"training.epochs": 20}))
    rows = np.concatenate([event.parameters for event in whole if isinstance(event, Block)])
    taken_up = events(override(builtin("gentle-line"), {"training.epochs": 20}), Resume(10, rows[10]))
    blocks = [event for event in taken_up if isinstance(event, Block)]
    assert blocks[0].first == 11
    assert np.concatenate([block.parameters for block in blocks]) == pytest.approx(rows[11:], rel=1e-6)


def test_a_run_stopped_before_its_first_new_record_still_ends_in_good_order() -> None:
    experiment = builtin("gentle-line")
    control = Control()
    control.stop()
    seen = list(run(experiment, load_dataset(experiment), control, resume=Resume(10, np.array([1.0, 0.5]))))
    last = seen[-1]
    assert isinstance(last, Ended)
    assert (last.status, last.epoch) == ("stopped", 10)
    assert last.parameters.tolist() == [1.0, 0.5]
