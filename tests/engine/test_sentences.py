import numpy as np
import pytest

from tests.engine.conftest import dataset, experiment
from tests.engine.descent import LINE, X
from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine.sentences import explain, remedy
from tui_regress.engine.stability import forecast
from tui_regress.experiment import decode


def test_the_sentences_tell_why_the_same_rate_lives_with_half_the_loss() -> None:
    dead = explain(forecast(experiment({"optimizer.lr": 0.1}), LINE))
    alive = explain(forecast(experiment({"optimizer.lr": 0.1, "model.loss": "half-mse"}), LINE))
    assert dead[:2] == (
        "lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66): every step overshoots further than the last.",
        "In the end the loss grows ×1.87 per epoch. float32 overflows at epoch 134.",
    )
    assert alive[0].endswith("the steepest direction overshoots and comes back, nearer each time.")
    assert alive[1:] == (
        "The excess over the lowest loss is down to a millionth after 206 epochs.",
        "The fastest constant lr is 0.167; with momentum 0.619 it is 0.270.",
        "κ = 70.0: the steepest direction is that many times as curved as the flattest.",
        "λmax comes from x1 (93 %). With standardised columns the limit would be 2.00 and κ would be 1.00.",
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"optimizer.lr": 10.0},
            "lr 10 is 118 times the limit 0.0845 (2/λmax, λmax 23.66): every step overshoots further than the last.",
        ),
        (
            {"optimizer.lr": 0.1, "optimizer.momentum": 0.9},
            (
                "lr 0.1 is 62 % of the limit 0.161 (3.8/λmax, λmax 23.66): the steepest direction overshoots and comes "
                "back, nearer each time."
            ),
        ),
        (
            {"optimizer.name": "adam", "optimizer.lr": 0.01},
            (
                "No learning rate makes this optimizer explode: each step is at most about lr per parameter; near the "
                "end the loss may swing by about 0.00118."
            ),
        ),
        (
            {"optimizer.name": "adamw", "optimizer.lr": 0.1, "optimizer.weight_decay": 4.0},
            "lr 0.1 is 20 % of the limit 0.500 (2 over the weight decay): each step is bounded, nothing explodes.",
        ),
        (
            {"optimizer.momentum": 1.0},
            "A momentum or dampening of 1 or more is stable at no learning rate.",
        ),
    ],
)
def test_the_first_sentence_holds_the_rate_against_the_limit(changes: dict[str, object], sentence: str) -> None:
    assert explain(forecast(experiment(changes), LINE))[0] == sentence


def test_a_limit_of_minibatches_is_said_to_be_estimated() -> None:
    first = explain(forecast(experiment({"training.batch_size": 2, "optimizer.lr": 0.001}), LINE))[0]
    assert first.endswith("(estimated on this run's own batches): every direction goes straight downhill.")


def test_a_logistic_model_has_a_safe_bound_instead_of_a_limit() -> None:
    settings = {"model.kind": "logistic", "model.loss": "bce", "data.y": [0, 0, 1, 0, 1], "optimizer.lr": 1.0}
    first = explain(forecast(experiment(settings), dataset(X, [0, 0, 1, 0, 1])))[0]
    assert first.startswith("lr 1 is 148 % of the safe bound 0.676 (2/λmax, λmax 2.958)")
    assert first.endswith(": the loss may swing at a high level, but does not explode.")


def test_columns_that_repeat_each_other_are_named() -> None:
    a, b = np.random.default_rng(8).normal(size=(2, 50))
    data = Dataset(np.column_stack((a, a, np.full(50, 7.0))), b, ("a", "twin", "seven"), "y")
    sentences = explain(forecast(experiment(), data))
    assert sentences[0].endswith("stable, though the data do not determine all parameters.")
    assert sentences[-2:] == ("a, twin repeat each other.", "seven is constant.")


def test_a_rate_advised_is_never_rounded_up_beyond_what_is_safe() -> None:
    assert remedy(forecast(experiment({"optimizer.lr": 0.1}), LINE)) == (
        "Try lr 0.0833 (fastest), or standardise x1 (limit 1.00)."
    )
    wide = dataset(np.arange(11.0) * 10, np.arange(11.0))
    found = forecast(experiment({"optimizer.lr": 0.1}), wide)
    advised = float(remedy(found).removeprefix("Try lr ").split(" ")[0])
    assert 0.85 * found.limit < advised <= 0.9 * found.limit


def test_standardising_is_not_advised_where_it_would_gain_little() -> None:
    standard = dataset((X - X.mean()) / X.std(), X)
    assert remedy(forecast(experiment({"optimizer.lr": 2.0}), standard)) == "Try lr 0.500 (fastest)."


def test_where_no_limit_is_known_a_tenth_of_the_rate_is_advised() -> None:
    assert remedy(forecast(experiment({"optimizer.name": "adam", "optimizer.lr": 0.5}), LINE)) == "Try lr 0.0500."


def test_where_no_rate_is_stable_the_momentum_is_blamed() -> None:
    found = forecast(experiment({"optimizer.momentum": 1.2, "optimizer.lr": 0.1}), LINE)
    assert remedy(found) == "Try a momentum and a dampening below 1."


def test_a_best_momentum_is_never_rounded_up_to_1_and_hopeless_scales_come_before_any_rate() -> None:
    badly_scaled = decode(
        {
            "data": {
                "source": "points",
                "x": [[k, 1e4 + k * k] for k in range(20)],
                "y": [float(k) for k in range(20)],
            },
            "optimizer": {"lr": 0.1},
        }
    )
    told = forecast(badly_scaled, load_dataset(badly_scaled))
    assert told.best_momentum is not None
    assert told.best_momentum[1] > 0.9995
    (fastest,) = [sentence for sentence in explain(told) if sentence.startswith("The fastest")]
    assert "momentum 0.999" in fastest
    assert remedy(told).startswith("Standardise: scaling the columns may help (limit ")
