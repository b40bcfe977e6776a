"""Training on standardised columns: everything is reported in the units of the data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tui_regress.data import load_dataset
from tui_regress.engine.checkpoints import load_model, save_model
from tui_regress.engine.events import Block, Ended, Started
from tui_regress.engine.exact import exact_solution
from tui_regress.engine.objective import predict
from tui_regress.engine.training import run
from tui_regress.experiment import Experiment, decode, override


def badly_scaled(settings: dict[str, object] | None = None) -> Experiment:
    """200 rows of U(40, 120) and U(20, 100), as in a table of flats: λmax 2.25e4 for lr 0.1 as it stands."""
    rng = np.random.default_rng(0)
    x = np.column_stack((rng.uniform(40, 120, 200), rng.uniform(20, 100, 200)))
    y = 3 * x[:, 0] - 0.5 * x[:, 1] + 7 + rng.normal(0, 1, 200)
    experiment = decode(
        {
            "data": {"source": "points", "x": x.tolist(), "y": y.tolist(), "standardize": True},
            "optimizer": {"name": "sgd", "lr": 0.5},
            "training": {"epochs": 300},
            "device": {"name": "cpu", "dtype": "float64"},
        }
    )
    return override(experiment, settings or {})


def ended(experiment: Experiment) -> Ended:
    *_, last = run(experiment, load_dataset(experiment))
    assert isinstance(last, Ended)
    return last


@pytest.mark.parametrize("gradient", ["autograd", "analytic", "numpy"])
def test_descent_ends_at_the_exact_solution_in_the_units_of_the_data(gradient: str) -> None:
    experiment = badly_scaled({"training.gradient": gradient})
    dataset = load_dataset(experiment)
    plain = np.linalg.lstsq(np.column_stack((dataset.X, np.ones(200))), dataset.y, rcond=None)[0]
    assert exact_solution(experiment, dataset).parameters == pytest.approx(plain, rel=1e-9)
    assert ended(experiment).parameters == pytest.approx(plain, rel=1e-4)


def test_the_forecast_is_that_of_the_standardised_columns() -> None:
    experiment = badly_scaled()
    started = next(run(experiment, load_dataset(experiment)))
    assert isinstance(started, Started)
    assert started.forecast is not None
    assert started.forecast.limit == pytest.approx(1.0, rel=0.1)
    assert started.forecast.condition == pytest.approx(1.1, rel=0.1)


def test_without_standardising_the_same_rate_explodes() -> None:
    assert ended(badly_scaled({"data.standardize": False})).status == "diverged"


def test_explicit_first_parameters_are_meant_in_the_units_of_the_data() -> None:
    experiment = badly_scaled({"model.init": [3.0, -0.5, 7.0]})
    dataset = load_dataset(experiment)
    _, first, *_ = run(experiment, dataset)
    assert isinstance(first, Block)
    assert first.parameters[0] == pytest.approx([3.0, -0.5, 7.0])
    assert first.score[0] == pytest.approx(np.mean((dataset.X @ [3.0, -0.5] + 7 - dataset.y) ** 2))


def test_a_logistic_model_comes_out_the_same_as_on_columns_standardised_beforehand() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(40, 120, 100)
    y = (rng.uniform(size=100) < 1 / (1 + np.exp(-(x - 80) / 10))).astype(float)
    settings = {
        "model": {"kind": "logistic"},
        "optimizer": {"name": "sgd", "lr": 1.0},
        "training": {"epochs": 50},
        "device": {"name": "cpu", "dtype": "float64"},
    }
    z = (x - x.mean()) / x.std()
    here = {"source": "points", "x": x.tolist(), "y": y.tolist(), "standardize": True}
    there = {"source": "points", "x": z.tolist(), "y": y.tolist()}
    v, c = ended(decode({"data": there, **settings})).parameters
    w, b = ended(decode({"data": here, **settings})).parameters
    assert [w, b] == pytest.approx([v / x.std(), c - v * x.mean() / x.std()], rel=1e-9)


def test_a_saved_model_predicts_in_the_units_of_the_data(tmp_path: Path) -> None:
    experiment = badly_scaled()
    dataset = load_dataset(experiment)
    last = ended(experiment)
    save_model(tmp_path / "flats.pt", experiment, last.parameters, dataset)
    model = torch.nn.Linear(2, 1, dtype=torch.float64)
    model.load_state_dict(torch.load(tmp_path / "flats.pt", weights_only=True))
    by_torch = model(torch.tensor(dataset.X)).detach().numpy().ravel()
    assert by_torch == pytest.approx(predict(experiment.model, last.parameters, dataset.X), rel=1e-12)
    reopened, parameters = load_model(tmp_path / "flats.pt")
    assert reopened == override(experiment, {"name": "flats"})
    assert parameters.tolist() == last.parameters.tolist()
