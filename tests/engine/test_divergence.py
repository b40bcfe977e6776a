import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import ArrayLike

from tests.engine.conftest import dataset, experiment
from tests.engine.descent import LINE, X, Y, columns, descend
from tui_regress.data.dataset import Dataset
from tui_regress.engine.divergence import Monitor
from tui_regress.engine.events import Block
from tui_regress.engine.stability import forecast
from tui_regress.engine.training import run
from tui_regress.experiment import Linear, Sgd, override


def line(sgd: Sgd, epochs: int = 150, start: ArrayLike = (0.0, 0.0), data: Dataset = LINE) -> Block:
    """Records of exploding-line with another optimizer, in float32."""
    A = columns(Linear(), data)
    return descend(A[None], data.y[None], np.array([start]), 1 / 5, [sgd], epochs, "float32").block(0, sgd.lr)


def test_exploding_line_is_proven_at_record_3_to_diverge_since_record_1() -> None:
    verdict = Monitor(experiment({"optimizer.lr": 0.1}), LINE).check(line(Sgd(0.1)))
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since) == ("rising", 3, 1)
    assert verdict.growth == pytest.approx(1.8665, rel=1e-3)
    assert verdict.message == (
        "Diverging since epoch 1: the loss grows ×1.87 per epoch. float32 would overflow at epoch 134. "
        "lr 0.1 is too large: try lr 0.0422. Scaling the columns may help."
    )


def test_with_a_forecast_the_message_names_the_limit_and_the_way_out() -> None:
    task, data = experiment({"optimizer.lr": 0.1}), LINE
    verdict = Monitor(task, data, forecast(task, data)).check(line(Sgd(0.1)))
    assert verdict is not None
    assert verdict.message == (
        "Diverging since epoch 1: the loss grows ×1.87 per epoch. lr 0.1 is 118 % of the limit 0.0845 "
        "(2/λmax, λmax 23.66). float32 would overflow at epoch 134. Try lr 0.0833 (fastest), or standardise x1 "
        "(limit 1.00)."
    )


@pytest.mark.parametrize("lr", [1.05, 1.3, 2.2])
def test_with_several_curvatures_the_end_of_the_explosion_is_told_from_its_beginning(lr: float) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 4)) * (1.0, 0.97, 0.9, 0.5)
    data = Dataset(X, X @ (3.0, -2.0, 1.0, 5.0) + rng.normal(size=60), tuple("abcd"), "y")
    limit = forecast(experiment({"optimizer.lr": 1.0}), data).limit
    task = experiment({"optimizer.lr": lr * limit, "training.epochs": 2000, "training.gradient": "analytic"})
    ahead = forecast(task, data)
    endless = override(task, {"training.on_divergence": "continue"})
    blocks = [event for event in run(endless, data) if isinstance(event, Block)]
    (verdict,) = filter(None, map(Monitor(task, data, ahead).check, blocks))
    assert verdict.growth == pytest.approx(ahead.growth)
    lost = next(
        block.first + int(np.argmin(np.isfinite(block.loss))) for block in blocks if not np.isfinite(block.loss).all()
    )
    assert f"would overflow at epoch {lost:,}" in verdict.message


def test_the_rate_advised_without_a_forecast_is_below_the_limit() -> None:
    for lr in (0.0855, 0.2, 50.0):
        verdict = Monitor(experiment({"optimizer.lr": lr}), LINE).check(line(Sgd(lr)))
        assert verdict is not None
        advised = float(verdict.message.split("try lr ")[1].split(". ")[0])
        assert 0.04 < advised < 0.0845


def test_columns_of_unit_scale_are_not_blamed() -> None:
    small = dataset(X / 5, Y)
    verdict = Monitor(experiment({"optimizer.lr": 1.5}), small).check(line(Sgd(1.5), 50, data=small))
    assert verdict is not None
    assert "Scaling" not in verdict.message


@pytest.mark.parametrize("setting", ["dampening", "momentum", "weight_decay"])
def test_the_verdict_does_not_depend_on_how_the_records_were_cut(setting: str) -> None:
    block = line(replace(Sgd(0.17), **{setting: 0.9}))
    task = experiment({"optimizer.lr": 0.17, f"optimizer.{setting}": 0.9})
    whole = Monitor(task, LINE).check(block)
    assert whole is not None
    for size in (1, 2, 3, 5, 11):
        monitor = Monitor(task, LINE)
        found = [monitor.check(cut(block, first, first + size)) for first in range(0, len(block.loss), size)]
        assert [verdict for verdict in found if verdict] == [whole]
        assert found[whole.epoch // size] == whole


def cut(block: Block, first: int, last: int) -> Block:
    parts = (block.parameters, block.gradient, block.loss, block.score, block.lr)
    return Block(block.first + first, *(part[first:last] for part in parts))


def test_after_its_verdict_the_monitor_is_silent() -> None:
    monitor, block = Monitor(experiment({"optimizer.lr": 0.1}), LINE), line(Sgd(0.1))
    assert monitor.check(cut(block, 0, 4)) is not None
    assert monitor.check(cut(block, 4, 150)) is None


@pytest.mark.parametrize("name", ["loss", "gradient", "parameters"])
def test_the_first_number_that_is_not_finite_ends_it_whatever_the_optimizer(name: str) -> None:
    block = line(Sgd(0.01), 20)
    getattr(block, name)[13] = np.nan
    verdict = Monitor(experiment({"optimizer.name": "adam"}), LINE).check(block)
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since, verdict.growth) == ("non-finite", 13, 13, None)
    assert "epoch 13" in verdict.message


def test_an_explosion_faster_than_three_records_is_told_from_its_first() -> None:
    verdict = Monitor(experiment({"optimizer.lr": 1e12}), LINE).check(line(Sgd(1e12), 5))
    assert verdict is not None
    assert (verdict.rule, verdict.epoch, verdict.since) == ("non-finite", 2, 1)
    assert verdict.growth == pytest.approx((1e12 * 23.6619) ** 2, rel=0.01)


def test_data_too_large_for_the_first_record_are_blamed_themselves() -> None:
    block = line(Sgd(0.01), 1)
    block.loss[0] = np.inf
    verdict = Monitor(experiment(), dataset(X * 1e25, Y)).check(block)
    assert verdict is not None
    assert verdict.message == (
        "The loss is not finite before the first step: the numbers are too large for float32. "
        "Scale the columns, or use float64 (device.dtype)."
    )


def test_a_change_of_lr_begins_the_count_of_rises_anew() -> None:
    before = cut(line(Sgd(0.1)), 0, 3)
    after = line(Sgd(0.01), 200, start=before.parameters[-1] - 0.01 * before.gradient[-1])
    later = Block(3, after.parameters, after.gradient, after.loss, after.score, after.lr)
    monitor = Monitor(experiment({"optimizer.lr": 0.1}), LINE)
    assert monitor.check(before) is None
    assert monitor.check(later) is None


def test_a_rate_raised_too_far_while_training_is_flagged_from_that_record_on() -> None:
    calm = line(Sgd(0.05), 100)
    wild = line(Sgd(0.2), 30, start=calm.parameters[-1] - 0.2 * calm.gradient[-1])
    monitor = Monitor(experiment({"optimizer.lr": 0.05}), LINE)
    joined = Block(
        0,
        *(
            np.concatenate((getattr(calm, name), getattr(wild, name)))
            for name in ("parameters", "gradient", "loss", "score", "lr")
        ),
    )
    verdict = monitor.check(joined)
    assert verdict is not None
    first_rise = 101 + int(np.argmax(np.diff(wild.loss) > 0)) + 1
    assert (verdict.rule, verdict.since) == ("rising", first_rise)
    assert "lr 0.2 is too large" in verdict.message


def test_momentum_beyond_one_is_named_as_the_cause() -> None:
    task = experiment({"optimizer.lr": 0.001, "optimizer.momentum": 1.5})
    verdict = Monitor(task, LINE).check(line(Sgd(0.001, momentum=1.5)))
    assert verdict is not None
    assert verdict.rule == "trend"
    assert verdict.message.endswith("Try a momentum and a dampening below 1.")


def test_the_transient_rise_of_the_heavy_ball_is_no_explosion() -> None:
    sgd = Sgd(3.95 / 23.6619, momentum=0.99)
    block = line(sgd, 400)
    assert block.loss.max() > 100 * block.loss[0]
    task = experiment({"optimizer.lr": sgd.lr, "optimizer.momentum": 0.99})
    assert Monitor(task, LINE).check(block) is None


def test_adamw_pulled_apart_by_its_weight_decay_is_flagged() -> None:
    weights = 3.0 * (-2.0) ** np.arange(30)
    theta = np.stack((weights, weights), axis=1)
    loss = np.square(theta @ columns(Linear(), LINE).T - Y).mean(axis=1)
    block = Block(0, theta, theta, loss, loss, np.full(30, 0.1))
    task = experiment({"optimizer.name": "adamw", "optimizer.lr": 0.1, "optimizer.weight_decay": 30.0})
    verdict = Monitor(task, LINE).check(block)
    assert verdict is not None
    assert verdict.rule == "trend"
    assert "×4.00 in the end" in verdict.message
