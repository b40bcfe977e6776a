"""Saved models: a state_dict that torch.nn.Linear takes, and the experiment as TOML beside it."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import torch

from tui_regress.data.dataset import FloatArray
from tui_regress.experiment import Data, Experiment, LinearData, LogisticData, Points, Table, dumps, load
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable


def save_model(path: Path, experiment: Experiment, parameters: FloatArray, feature_names: Sequence[str]) -> None:
    """Write the model with ``parameters``, shape (p,), to ``path`` and the experiment to the same name with .toml.

    ``torch.nn.Linear(d, 1).load_state_dict(torch.load(path, weights_only=True))`` takes the model, in the run's
    precision. An experiment on a table is saved with the table's full path and the names of its features, so that it
    means the same wherever it is read. A file that is there is replaced as a whole or not at all.

    Raises InputError if the files cannot be written.
    """
    if not path.name or path.suffix == ".toml":
        what = "the model needs a file name of its own, such as model.pt; the experiment goes beside it as .toml."
        raise InputError(f"{printable(str(path))}: {what}")
    if isinstance(experiment.data, Table):
        table = msgspec.structs.replace(
            experiment.data, path=str(Path(experiment.data.path).absolute()), features=tuple(feature_names)
        )
        experiment = msgspec.structs.replace(experiment, data=table)
    d = len(feature_names)
    values = torch.tensor(parameters, dtype=getattr(torch, experiment.device.dtype))
    state = {"weight": values[:d].reshape(1, d).clone()}
    if experiment.model.bias:
        state["bias"] = values[d:].clone()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    _replace({path: buffer.getvalue(), path.with_suffix(".toml"): dumps(experiment).encode()})


def load_model(path: Path) -> tuple[Experiment, FloatArray]:
    """The experiment and the parameters, shape (p,), that :func:`save_model` wrote. Nothing in the file is executed.

    Raises InputError where a file is missing, damaged, or not such a model; ExperimentError where the experiment is
    wrong.
    """
    try:
        with path.open("rb") as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror}.") from None
    except Exception as error:
        # A file that is no model can fail torch's reader in any way; the cause stays attached.
        raise InputError(f"{printable(str(path))}: is not a saved model, or is damaged.") from error
    experiment = load(path.with_suffix(".toml"))
    expected = {"weight": (1, _features(experiment.data))} | ({"bias": (1,)} if experiment.model.bias else {})
    if not isinstance(state, dict) or not all(map(_is_real, state.values())):
        raise InputError(f"{printable(str(path))}: is not the model of a line: it holds other things than numbers.")
    if (found := {name: tuple(value.shape) for name, value in state.items()}) != expected:
        raise InputError(
            f"{printable(str(path))}: must hold {_shapes(expected)} for its experiment, not {_shapes(found)}."
        )
    return experiment, torch.cat([state[name].flatten() for name in expected]).double().numpy()


def _features(data: Data) -> int:
    match data:
        case Points(x=x):
            return len(x[0]) if isinstance(x[0], tuple) else 1
        case LinearData(weights=columns) | LogisticData(weights=columns) | Table(features=tuple(columns)):
            return len(columns)
        case Table():
            raise ExperimentError("data.features", msgspec.UNSET, "is missing; a saved model names its columns.")


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{printable(str(name))} {shape}" for name, shape in shapes.items()) or "nothing"


def _is_real(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float32, torch.float64)


def _replace(contents: dict[Path, bytes]) -> None:
    """Write all files beside their places, to the disk, before the first of them takes its place."""
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in contents}
    try:
        try:
            for path, part in parts.items():
                with part.open("wb") as file:
                    file.write(contents[path])
                    file.flush()
                    os.fsync(file.fileno())
            for path, part in parts.items():
                part.replace(path)
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{printable(str(path))}: cannot be written: {error.strerror}.") from None
