import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import LINE_X, LINE_Y, dataset, experiment
from tui_regress.data.dataset import Dataset
from tui_regress.data.scaling import Standardization
from tui_regress.engine.checkpoints import load_checkpoint, load_model, save_checkpoint, save_model
from tui_regress.engine.events import Checkpoint, Plain
from tui_regress.engine.objective import predict
from tui_regress.experiment import Column, Experiment, Table, load
from tui_regress.problems import InputError

LINE = dataset(LINE_X, LINE_Y)
PLANE = {"name": "plane", "data.source": "linear", "data.weights": [1.0, 2.0]}


def saved(path: Path, state: object, changes: dict[str, Any] | None = None) -> Path:
    """A file with ``state``, and an experiment beside it as it should be."""
    save_model(path, experiment(changes), np.array([2.0, 1.0]), LINE)
    torch.save(state, path)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_torchs_linear_layer_takes_the_model_and_predicts_the_same(bias: bool, dtype: str, tmp_path: Path) -> None:
    run = experiment({**PLANE, "model.bias": bias, "device.dtype": dtype})
    theta = np.array([0.1, -2 / 3, 5e-9][: 2 + bias]).astype(dtype)
    save_model(tmp_path / "model.pt", run, theta.astype(np.float64), dataset(np.zeros((2, 2)), [0, 1]))

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


def test_the_model_of_standardised_columns_is_saved_in_float64_and_a_float32_layer_takes_it(tmp_path: Path) -> None:
    X = 1.7e9 + np.linspace(-1e3, 1e3, 5).reshape(-1, 1)
    theta = np.array([0.005, -8.5e6 + 1 / 3])
    fitted = replace(dataset(X, np.zeros(5)), scaling=Standardization.of(X, bias=True))
    save_model(tmp_path / "model.pt", experiment(), theta, fitted)
    assert load_model(tmp_path / "model.pt")[1].tolist() == theta.tolist()
    layer = torch.nn.Linear(1, 1)
    layer.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert layer.weight.dtype == torch.float32
    assert [layer.weight.item(), layer.bias.item()] == theta.astype(np.float32).tolist()


def test_the_parameters_handed_over_stay_as_they_are(tmp_path: Path) -> None:
    theta = np.array([1.0, 2.0])
    theta.setflags(write=False)
    save_model(tmp_path / "model.pt", experiment(), theta, LINE)
    assert load_model(tmp_path / "model.pt")[1].tolist() == [1.0, 2.0]


def test_an_experiment_on_a_table_is_saved_with_its_full_path_and_how_its_columns_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Experiment(data=Table("rents.csv", "rent"))
    (tmp_path / "models").mkdir()
    columns = (Column("area", fill=(50.0,)), Column("part", ("east", "north", "west")))
    fitted = Dataset(np.zeros((2, 3)), np.zeros(2), ("area", "part=north", "part=west"), "rent", columns=columns)
    save_model(Path("models/model.pt"), run, np.array([1.0, 2.0, 3.0, 4.0]), fitted)
    assert load(tmp_path / "models" / "model.toml").data == Table(
        str(tmp_path / "rents.csv"), "rent", ("area", "part"), columns=columns
    )
    assert load_model(Path("models/model.pt"))[1].tolist() == [1, 2, 3, 4]


def test_saving_again_replaces_both_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    save_model(tmp_path / "model.pt", experiment(), np.array([1.0, 2.0]), LINE)
    save_model(tmp_path / "model.pt", experiment({"optimizer.lr": 0.5}), np.array([3.0, 4.0]), LINE)
    again, parameters = load_model(tmp_path / "model.pt")
    assert parameters.tolist() == [3, 4]
    assert again.optimizer.lr == 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.toml"]


def test_a_disk_that_fails_leaves_the_old_model_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path / "model.pt", experiment(), np.array([1.0, 2.0]), LINE)

    def fail(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"model\.pt: cannot be written: No space left on device\.$"):
        save_model(tmp_path / "model.pt", experiment(), np.array([3.0, 4.0]), LINE)
    assert load_model(tmp_path / "model.pt")[1].tolist() == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.toml"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/model\.pt: cannot be written: No such file or directory\.$"):
        save_model(tmp_path / "nowhere" / "model.pt", experiment(), np.array([1.0, 2.0]), LINE)


@pytest.mark.parametrize("name", ["model.toml", ""])
def test_a_model_needs_a_file_name_of_its_own(name: str) -> None:
    with pytest.raises(InputError, match=r"such as model\.pt"):
        save_model(Path(name), experiment(), np.array([1.0, 2.0]), LINE)


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pt: No such file or directory\.$"):
        load_model(tmp_path / "model.pt")


def test_a_missing_experiment_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
    (tmp_path / "model.toml").unlink()
    with pytest.raises(InputError, match=r"model\.pt: its experiment, model\.toml, is not beside it\.$"):
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


# checkpoints


CONTENT: dict[str, Plain] = {
    "state": {
        "values": np.array([0.1, 1e-45], dtype=np.float32),
        "step": np.array(3.0, dtype=np.float32),
        "order": {"state": 2**127 + 1, "name": "PCG64", "has": 0},
        "nothing": None,
    },
    "list": [1, 2.5, True, "text", [np.empty((0, 2))]],
    "nan": float("nan"),
}


def bits(value: Plain) -> object:
    """``value`` in a form in which equal means equal to the bit, and of the same type."""
    match value:
        case dict():
            return {name: bits(inner) for name, inner in value.items()}
        case list():
            return [bits(inner) for inner in value]
        case np.ndarray():
            return value.shape, value.dtype.str, value.tobytes()
        case _:
            return type(value), repr(value)


def test_a_checkpoint_comes_back_to_the_bit(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "12.pt", Checkpoint(41, CONTENT))
    again = load_checkpoint(tmp_path / "12.pt")
    assert again.epoch == 41
    assert bits(again.content) == bits(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["12.pt"]


def test_a_disk_that_fails_leaves_the_old_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "12.pt", Checkpoint(41, CONTENT))

    def fail(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"12\.pt: cannot be written: No space left on device\.$"):
        save_checkpoint(tmp_path / "12.pt", Checkpoint(42, CONTENT))
    assert load_checkpoint(tmp_path / "12.pt").epoch == 41
    assert [path.name for path in tmp_path.iterdir()] == ["12.pt"]


def test_what_a_killed_process_left_of_a_checkpoint_is_gone_with_the_next_one(tmp_path: Path) -> None:
    left, other = tmp_path / ".12.pt.99999.part", tmp_path / ".112.pt.99999.part"
    left.write_bytes(b"half")
    other.write_bytes(b"of another run")
    save_checkpoint(tmp_path / "12.pt", Checkpoint(41, CONTENT))
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "12.pt"]


def test_a_missing_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"12\.pt: No such file or directory\.$"):
        load_checkpoint(tmp_path / "12.pt")


def test_nothing_in_a_foreign_checkpoint_is_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    found = {"kind": "tui-regress checkpoint", "version": 2, "epoch": 3, "content": {"state": Trap()}}
    path = tmp_path / "trap.pt"
    for content in (found, Trap()):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"trap\.pt: is not a checkpoint of tui-regress, or is damaged\.$"):
            load_checkpoint(path)
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(InputError, match=r"trap\.pt: is not a checkpoint of tui-regress, or is damaged\.$"):
            load_checkpoint(path)
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "12.pt"
    save_checkpoint(path, Checkpoint(41, CONTENT))
    whole = path.read_bytes()
    for length in range(0, len(whole) - 30, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is not a checkpoint of tui-regress, or is damaged"):
            load_checkpoint(path)


def test_a_checkpoint_nested_without_end_is_refused(tmp_path: Path) -> None:
    # Written by hand, as torch's own writer would not: a zip file whose pickle opens lists and closes them again.
    path, depth = tmp_path / "deep.pt", 200_000
    torch.save([], path)
    deep = b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, deep if name.endswith("data.pkl") else content)
    with pytest.raises(InputError, match="is not a checkpoint of tui-regress, or is damaged") as caught:
        load_checkpoint(path)
    assert isinstance(caught.value.__cause__, RecursionError)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [1, 2],
        {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)},
        {"kind": "tui-regress checkpoint", "version": 2, "epoch": "3", "content": {}},
        {"kind": "tui-regress checkpoint", "version": 2, "epoch": 3, "content": [3]},
        {"kind": "tui-regress checkpoint", "version": "2", "epoch": 3, "content": {}},
    ],
)
def test_another_programs_file_is_no_checkpoint(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt: is not a checkpoint of tui-regress\.$"):
        load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("value", [torch.zeros(2, dtype=torch.bfloat16), {1, 2}, torch.eye(2).to_sparse()])
def test_a_checkpoint_of_other_things_than_numbers_is_refused(value: object, tmp_path: Path) -> None:
    found = {"kind": "tui-regress checkpoint", "version": 2, "epoch": 3, "content": {"state": value}}
    torch.save(found, tmp_path / "odd.pt")
    with pytest.raises(InputError, match="is not a checkpoint of tui-regress, or is damaged"):
        load_checkpoint(tmp_path / "odd.pt")


@pytest.mark.parametrize(("version", "age"), [(1, "an older"), (3, "a newer")])
def test_a_checkpoint_of_another_version_is_told_apart(version: int, age: str, tmp_path: Path) -> None:
    torch.save({"kind": "tui-regress checkpoint", "version": version, "epoch": 3, "content": {}}, tmp_path / "c.pt")
    with pytest.raises(InputError, match=rf"c\.pt: was written by {age} tui-regress"):
        load_checkpoint(tmp_path / "c.pt")


def test_one_byte_that_has_flipped_in_the_numbers_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    data = dataset(LINE_X, LINE_Y)
    save_model(path, experiment(), np.array([1.5, 2.5]), data)
    whole = path.read_bytes()
    at = whole.index(np.float32(1.5).tobytes())
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(InputError, match=r"model\.pt: is not a saved model, or is damaged\.$"):
        load_model(path)


def test_parameters_that_are_not_finite_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_model(path, experiment(), np.array([np.nan, 2.5]), dataset(LINE_X, LINE_Y))
    with pytest.raises(InputError, match="holds parameters that are not finite"):
        load_model(path)
