import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import experiment
from tui_regress.engine.checkpoints import load_model, save_model
from tui_regress.engine.objective import predict
from tui_regress.experiment import Experiment, Table, load
from tui_regress.problems import InputError

PLANE = {"name": "plane", "data.source": "linear", "data.weights": [1.0, 2.0]}


def saved(path: Path, state: object, changes: dict[str, Any] | None = None) -> Path:
    """A file with ``state``, and an experiment beside it as it should be."""
    save_model(path, experiment(changes), np.array([2.0, 1.0]), ["x1"])
    torch.save(state, path)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_torchs_linear_layer_takes_the_model_and_predicts_the_same(bias: bool, dtype: str, tmp_path: Path) -> None:
    run = experiment({**PLANE, "model.bias": bias, "device.dtype": dtype})
    theta = np.array([0.1, -2 / 3, 5e-9][: 2 + bias]).astype(dtype)
    save_model(tmp_path / "model.pt", run, theta.astype(np.float64), ["x1", "x2"])

    state = torch.load(tmp_path / "model.pt", weights_only=True)
    module = torch.nn.Linear(2, 1, bias=bias, dtype=getattr(torch, dtype))
    module.load_state_dict(state)
    X = np.random.default_rng(0).normal(size=(5, 2))
    expected = module(torch.tensor(X, dtype=getattr(torch, dtype))).detach().flatten().double().numpy()

    again, parameters = load_model(tmp_path / "model.pt")
    assert parameters.dtype == np.float64
    assert parameters.tolist() == theta.tolist()
    np.testing.assert_allclose(
        predict(again.model, parameters, X), expected, rtol=1e-5 if dtype == "float32" else 1e-13
    )
    assert again == run


def test_the_parameters_handed_over_stay_as_they_are(tmp_path: Path) -> None:
    theta = np.array([1.0, 2.0])
    theta.setflags(write=False)
    save_model(tmp_path / "model.pt", experiment(), theta, ["x1"])
    assert load_model(tmp_path / "model.pt")[1].tolist() == [1.0, 2.0]


def test_an_experiment_on_a_table_is_saved_with_its_full_path_and_its_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Experiment(data=Table("rents.csv", "rent"))
    (tmp_path / "models").mkdir()
    save_model(Path("models/model.pt"), run, np.array([1.0, 2.0, 3.0]), ["area", "rooms"])
    assert load(tmp_path / "models" / "model.toml").data == Table(
        str(tmp_path / "rents.csv"), "rent", ("area", "rooms")
    )
    assert load_model(Path("models/model.pt"))[1].tolist() == [1, 2, 3]


def test_saving_again_replaces_both_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    save_model(tmp_path / "model.pt", experiment(), np.array([1.0, 2.0]), ["x1"])
    save_model(tmp_path / "model.pt", experiment({"optimizer.lr": 0.5}), np.array([3.0, 4.0]), ["x1"])
    again, parameters = load_model(tmp_path / "model.pt")
    assert parameters.tolist() == [3, 4]
    assert again.optimizer.lr == 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.toml"]


def test_a_disk_that_fails_leaves_the_old_model_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path / "model.pt", experiment(), np.array([1.0, 2.0]), ["x1"])

    def fail(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"model\.pt: cannot be written: No space left on device\.$"):
        save_model(tmp_path / "model.pt", experiment(), np.array([3.0, 4.0]), ["x1"])
    assert load_model(tmp_path / "model.pt")[1].tolist() == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.toml"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/model\.pt: cannot be written: No such file or directory\.$"):
        save_model(tmp_path / "nowhere" / "model.pt", experiment(), np.array([1.0, 2.0]), ["x1"])


@pytest.mark.parametrize("name", ["model.toml", ""])
def test_a_model_needs_a_file_name_of_its_own(name: str) -> None:
    with pytest.raises(InputError, match=r"such as model\.pt"):
        save_model(Path(name), experiment(), np.array([1.0, 2.0]), ["x1"])


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pt: No such file or directory\.$"):
        load_model(tmp_path / "model.pt")


def test_a_missing_experiment_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
    (tmp_path / "model.toml").unlink()
    with pytest.raises(InputError, match=r"model\.toml: No such file or directory\.$"):
        load_model(path)


def test_nothing_in_a_foreign_file_is_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    for number, content in enumerate([{"weight": Trap()}, Trap()]):
        path = saved(tmp_path / f"trap{number}.pt", content)
        with pytest.raises(InputError, match="is not a saved model, or is damaged"):
            load_model(path)
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(InputError, match="is not a saved model, or is damaged"):
            load_model(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x80\x05", b"PK\x03\x04" + bytes(100), bytes(range(256))])
def test_a_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", {})
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.pt: is not a saved model, or is damaged\.$"):
        load_model(path)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
    whole = path.read_bytes()
    for length in range(0, len(whole) - 30, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is not a saved model, or is damaged"):
            load_model(path)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}, "not weight (1, 2) and bias (1,)."),
        ({"weight": torch.zeros(2, 1), "bias": torch.zeros(2)}, "not weight (2, 1) and bias (2,)."),
        ({"weight": torch.zeros(1, 1)}, "not weight (1, 1)."),
        ({"weight": torch.zeros(1, 1), "bias": torch.zeros(1), "\x1b[1m": torch.zeros(1)}, "and \ufffd[1m (1,)."),
        ({}, "not nothing."),
    ],
)
def test_a_model_of_another_shape_is_refused(state: dict[str, torch.Tensor], sentence: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", state)
    with pytest.raises(InputError) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: must hold weight (1, 1) and bias (1,) for its experiment, ")
    assert str(caught.value).endswith(sentence)


@pytest.mark.parametrize("state", [[1.0, 2.0], {"weight": "text"}, {"weight": torch.zeros(1, 1, dtype=torch.int64)}])
def test_a_file_of_other_things_than_numbers_is_refused(state: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it holds other things than numbers"):
        load_model(saved(tmp_path / "model.pt", state))


def test_a_saved_model_of_a_table_that_names_no_columns_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
    path.with_suffix(".toml").write_text('[data]\nsource = "table"\npath = "a.csv"\ntarget = "y"\n')
    with pytest.raises(InputError, match=r"data\.features: is missing"):
        load_model(path)
