"""Scripts end with the parameters of the run, whatever its settings and its course."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import torch

from tests.runs.executing import execute
from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine import training
from tui_regress.engine.control import Scripted
from tui_regress.engine.events import Block, Ended, Recovered
from tui_regress.engine.history import History
from tui_regress.experiment import Experiment, Optimizer, builtin, decode, override
from tui_regress.experiments import NAMES
from tui_regress.runs.script import script


def run(experiment: Experiment, dataset: Dataset) -> Ended:
    *_, ended = training.run(experiment, dataset)
    assert isinstance(ended, Ended)
    return ended


def check(folder: Path, experiment: Experiment, rtol: float = 1e-5, atol: float = 1e-6, **facts: Any) -> str:
    """The script of ``experiment``, which gives what the run gives."""
    dataset = load_dataset(experiment)
    text = script(experiment, dataset, **facts)
    found = execute(text, folder)
    assert found.err == ""
    np.testing.assert_allclose(found.parameters, run(experiment, dataset).parameters, rtol, atol, err_msg=text)
    return text


@pytest.mark.parametrize("name", NAMES)
def test_builtin_experiments(tmp_path: Path, name: str) -> None:
    check(tmp_path, builtin(name))


NOISY = {
    "data": {"source": "linear", "rows": 60, "weights": [2.0, -3.4], "bias": 4.2, "noise_scale": 0.5},
    "training": {"epochs": 12, "batch_size": 7},
    "device": {"name": "cpu"},
}
OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd", "lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    {"name": "sgd", "lr": 0.02, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
    {"name": "adam", "lr": 0.05, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.1, "amsgrad": True},
    {"name": "adamw", "lr": 0.05, "weight_decay": 0.2},
    {"name": "nadam", "lr": 0.05, "momentum_decay": 0.01},
    {"name": "rmsprop", "lr": 0.01, "alpha": 0.9, "momentum": 0.3, "centered": True},
    {"name": "adagrad", "lr": 0.5, "lr_decay": 0.01, "initial_accumulator_value": 0.1},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: "-".join(map(str, list(optimizer)[:3:2])))
def test_all_optimizers(tmp_path: Path, optimizer: dict[str, Any], dtype: str) -> None:
    experiment = override(decode(NOISY), {"optimizer": optimizer, "device.dtype": dtype})
    check(tmp_path, experiment, *((1e-6, 1e-9) if dtype == "float64" else (2e-5, 1e-6)))


BY_HAND: list[dict[str, Any]] = [
    {"optimizer.momentum": 0.8, "optimizer.nesterov": True, "optimizer.weight_decay": 0.1, "training.shuffle": False},
    {"optimizer.momentum": 0.8, "optimizer.dampening": 0.3, "model.init": [0.5, -0.5, 1.0]},
    {"model.loss": "sse", "optimizer.lr": 0.002, "model.init": "torch", "data.standardize": True},
    {"model.bias": False, "model.init": "normal", "data.standardize": True, "training.batch_size": 0},
    {"model.loss": "half-mse", "model.init": [0.5, -0.5, 1.0], "data.standardize": True, "training.validation": 0.3},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gradient", ["numpy", "autograd"])
@pytest.mark.parametrize("changes", BY_HAND)
def test_settings_of_model_and_data(tmp_path: Path, changes: dict[str, Any], gradient: str, dtype: str) -> None:
    more = {"optimizer.lr": 0.02, "training.gradient": gradient, "device.dtype": dtype, "predict.at": [[1, 2], [0, 1]]}
    text = check(tmp_path, override(decode(NOISY), more | changes))
    assert ("import torch" in text) == (gradient == "autograd" or changes.get("model.init") == "torch")


LOGISTIC = {
    "data": {"source": "logistic", "rows": 80, "weights": [1.5], "bias": -0.5, "x": "uniform", "low": -3, "high": 3},
    "model": {"kind": "logistic"},
    "optimizer": {"lr": 0.5},
    "training": {"epochs": 40, "validation": 0.25},
    "device": {"name": "cpu"},
    "predict": {"at": [[1.0]]},
}


@pytest.mark.parametrize("gradient", ["numpy", "auto"])
@pytest.mark.parametrize("loss", ["bce", "bce-sum"])
def test_logistic_models(tmp_path: Path, loss: str, gradient: str) -> None:
    lr = 0.5 if loss == "bce" else 0.01
    changes = {"model.loss": loss, "training.gradient": gradient, "optimizer.lr": lr, "data.noise_scale": 0.1}
    check(tmp_path, override(decode(LOGISTIC), changes), 1e-4)


@pytest.mark.parametrize("gradient", ["numpy", "autograd"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_early_stopping(tmp_path: Path, dtype: str, gradient: str) -> None:
    few = {"rows": 16, "weights": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], "noise_scale": 3.0, "seed": 3, "source": "linear"}
    training_ = {"epochs": 400, "validation": 0.4, "patience": 10, "gradient": gradient}
    device = {"name": "cpu", "dtype": dtype}
    experiment = decode({"data": few, "training": training_, "optimizer": {"lr": 0.02}, "device": device})
    ended = run(experiment, load_dataset(experiment))
    assert (ended.stop, ended.epoch) == ("early-stopping", ended.record + 10)
    check(tmp_path, experiment)
    text = check(tmp_path, experiment, record=ended.record)
    assert "break" not in text
    assert f"range(1, {ended.record + 1})" in text


@pytest.mark.parametrize("gradient", ["numpy", "autograd"])
@pytest.mark.parametrize("batch_size", [0, 20])
def test_convergence(tmp_path: Path, gradient: str, batch_size: int) -> None:
    changes = {
        "data.noise_scale": 0.0,
        "optimizer": {"lr": 0.2, "weight_decay": 0.01 if batch_size == 0 else 0.0},
        "training": {"epochs": 1000, "tolerance": 1e-4, "batch_size": batch_size, "gradient": gradient},
        "device.dtype": "float64",
    }
    experiment = override(decode(NOISY), changes)
    assert run(experiment, load_dataset(experiment)).stop == "tolerance"
    check(tmp_path, experiment, 1e-6)


EXPLODING: list[dict[str, Any]] = [
    {},
    {"training.on_divergence": "continue"},
    {"optimizer.lr": 1e10},
    {"optimizer.lr": 0.2, "optimizer.momentum": 0.5},
    {"training.gradient": "numpy", "model.loss": "sse"},
    {"training.batch_size": 2, "optimizer.lr": 0.3},
    {"training.batch_size": 1, "optimizer.momentum": 0.5, "training.on_divergence": "continue"},
    {"training.on_divergence": "continue", "optimizer.lr": 1.0, "training.validation": 0.4, "training.patience": 3},
    {"training.gradient": "numpy", "training.on_divergence": "continue", "device.dtype": "float64"},
]


@pytest.mark.parametrize("changes", EXPLODING)
def test_runs_that_explode(tmp_path: Path, changes: dict[str, Any]) -> None:
    experiment = override(builtin("exploding-line"), changes)
    dataset = load_dataset(experiment)
    ended = run(experiment, dataset)
    assert ended.verdict
    for text in (script(experiment, dataset), script(experiment, dataset, record=ended.record)):
        found = execute(text, tmp_path)
        np.testing.assert_allclose(found.parameters, ended.parameters, 1e-5, err_msg=text)


@pytest.mark.parametrize("gradient", ["numpy", "autograd"])
def test_learning_rates_that_were_changed_while_training(tmp_path: Path, gradient: str) -> None:
    settings = {"optimizer": {"lr": 0.02, "momentum": 0.5}, "training.gradient": gradient, "device.dtype": "float64"}
    experiment = override(decode(NOISY), settings)
    dataset, rates = load_dataset(experiment), [(0, 0.01), (1, 0.03), (4, 0.002), (9, 0.05), (11, 0.01)]
    *_, ended = training.run(experiment, dataset, Scripted(rates))
    assert isinstance(ended, Ended)
    for last in (12, 8):
        found = execute(script(experiment, dataset, rates, record=last), tmp_path)
        *_, ended = training.run(override(experiment, {"training.epochs": last}), dataset, Scripted(rates))
        assert isinstance(ended, Ended)
        np.testing.assert_allclose(found.parameters, ended.parameters, 1e-6, 1e-9)


RECOVERING: list[dict[str, Any]] = [
    {"optimizer": {"lr": 0.5}, "training.batch_size": 0, "training.epochs": 40},
    {"optimizer": {"lr": 0.9, "momentum": 0.5, "dampening": 0.2}, "training.epochs": 60},
]


@pytest.mark.parametrize("gradient", ["numpy", "autograd"])
@pytest.mark.parametrize("changes", RECOVERING)
def test_runs_that_recovered(tmp_path: Path, changes: dict[str, Any], gradient: str) -> None:
    settings = {"data.weights": [9.0, 1.0], "data.x": "uniform", "data.high": 3.0, "device.dtype": "float64"}
    policy = {"training.on_divergence": "recover", "training.gradient": gradient}
    experiment = override(decode(NOISY), settings | policy | changes)
    dataset, history, recoveries = load_dataset(experiment), History(), list[Recovered]()
    for event in training.run(experiment, dataset):
        match event:
            case Block():
                history.append(event)
            case Recovered():
                recoveries.append(event)
            case Ended():
                ended = event
    assert recoveries
    text = script(experiment, dataset, history.rates, recoveries, record=ended.record)
    found = execute(text, tmp_path)
    np.testing.assert_allclose(found.parameters, ended.parameters, 1e-6, 1e-9, err_msg=text)


def test_a_script_runs_with_python_alone(tmp_path: Path) -> None:
    path = tmp_path / "gentle-line.py"
    path.write_text(script(builtin("gentle-line")), encoding="utf-8")
    found = subprocess.run([sys.executable, "-I", path], capture_output=True, text=True, check=True)
    assert found.stderr == ""
    lines = found.stdout.splitlines()
    # The figures of the tutorial, as far as float32 holds.
    assert lines[1].startswith("epoch  100   loss 0.02447")
    assert lines[-4].startswith("epoch 1000   loss 5.51")
    assert lines[-3] == "w[x] = 1.99518"
    assert lines[-2].startswith("b = 0.01740")
    assert lines[-1] == "at [6.0]: 0 before training, 11.9885 after"


def test_only_what_the_experiment_needs_is_in_the_script() -> None:
    text = script(builtin("gentle-line"))
    code = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(code) <= 25
    assert "lr=0.01)" in text
    for word in ("numpy", "momentum", "device", "validation", "order", "def ", "class "):
        assert word not in text


def test_settings_left_out_are_what_torch_takes_by_default() -> None:
    for kind in get_args(Optimizer):
        name = {"Sgd": "SGD"}.get(kind.__name__, kind.__name__)
        defaults = inspect.signature(getattr(torch.optim, name)).parameters
        for field in msgspec.structs.fields(kind):
            if field.name != "lr":
                assert defaults[field.name].default == field.default, (name, field.name)


def test_many_points_fill_the_lines() -> None:
    x = np.arange(5000.0)
    text = script(decode({"data": {"source": "points", "x": x.tolist(), "y": x.tolist()}}))
    assert len(text.splitlines()) < 1300
    assert max(map(len, text.splitlines())) <= 100


def test_a_name_cannot_pass_for_the_encoding_of_the_file() -> None:
    text = script(override(builtin("gentle-line"), {"name": "coding: utf-7"}))
    assert "coding" not in "".join(text.splitlines()[:2])
