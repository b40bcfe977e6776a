"""What outlives a run in files of its own: saved models, and checkpoints to go on from.

A model is a state_dict that torch.nn.Linear takes, with the experiment as TOML beside it. Both kinds of file are
torch's own, hold numbers, text, lists and tables and nothing else, and are read without executing anything in them.
"""

import io
from collections.abc import Callable, Mapping
from glob import escape
from pathlib import Path
from typing import IO, TypeVar
from zipfile import BadZipFile, ZipFile

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.engine.events import Checkpoint, Plain
from tui_regress.experiment import Data, Experiment, LinearData, LogisticData, Points, Table, dumps, load
from tui_regress.files import replacing
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable

T = TypeVar("T")

_KIND, _VERSION = "tui-regress checkpoint", 2


def save_model(path: Path, experiment: Experiment, parameters: FloatArray, dataset: Dataset) -> None:
    """Write the model with ``parameters``, shape (p,), to ``path`` and the experiment to the same name with .toml.

    ``torch.nn.Linear(d, 1).load_state_dict(torch.load(path, weights_only=True))`` takes the model. It is saved in the
    run's precision, but in float64 where training saw standardised columns. An experiment on a table is saved with what
    ``dataset``, to which the model was fitted, tells of the table's columns, so that it means the same wherever it is
    read. A file that is there is replaced as a whole or not at all.

    Raises InputError if the files cannot be written.
    """
    if not path.name or path.suffix == ".toml":
        what = "the model needs a file name of its own, such as model.pt; the experiment goes beside it as .toml."
        raise InputError(f"{printable(str(path))}: {what}")
    if isinstance(experiment.data, Table):
        # polars takes a tenth of a second to import: only those who have a table pay for it.
        from tui_regress.data.tables import pinned

        experiment = pinned(experiment, dataset)
    d = dataset.features
    # In the units of columns far from 0 bias and weights nearly cancel: what training knew would be rounded away.
    dtype = "float64" if dataset.scaling else experiment.device.dtype
    values = torch.tensor(parameters, dtype=getattr(torch, dtype))
    state = {"weight": values[:d].reshape(1, d).clone()}
    if experiment.model.bias:
        state["bias"] = values[d:].clone()
    with replacing(path, path.with_suffix(".toml")) as [model, toml]:
        _write(model, state)
        toml.write_bytes(dumps(experiment).encode())


def load_model(path: Path) -> tuple[Experiment, FloatArray]:
    """The experiment and the parameters, shape (p,), that :func:`save_model` wrote. Nothing in the file is executed.

    Raises InputError where a file is missing, damaged, or not such a model; ExperimentError where the experiment is
    wrong.
    """
    state = _loaded(path, "a saved model", lambda found: found)
    beside = path.with_suffix(".toml")
    if not beside.exists():
        raise InputError(f"{printable(str(path))}: its experiment, {printable(beside.name)}, is not beside it.")
    experiment = load(beside)
    expected = {"weight": (1, _features(experiment.data))} | ({"bias": (1,)} if experiment.model.bias else {})
    if not isinstance(state, dict) or not all(map(_is_real, state.values())):
        raise InputError(f"{printable(str(path))}: is not the model of a line: it holds other things than numbers.")
    if (found := {name: tuple(value.shape) for name, value in state.items()}) != expected:
        raise InputError(
            f"{printable(str(path))}: must hold {_shapes(expected)} for its experiment, not {_shapes(found)}."
        )
    parameters: FloatArray = torch.cat([state[name].flatten() for name in expected]).double().numpy()
    if not np.isfinite(parameters).all():
        raise InputError(f"{printable(str(path))}: holds parameters that are not finite; no model can be made of them.")
    return experiment, parameters


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path``; a file that is there is replaced as a whole or not at all.

    Raises InputError if the file cannot be written.
    """
    found = {"kind": _KIND, "version": _VERSION, "epoch": checkpoint.epoch, "content": _tensors(checkpoint.content)}
    # One process at a time writes a run's checkpoint: what lies beside it is of one that was killed while it wrote.
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        left.unlink(missing_ok=True)
    with replacing(path) as [part]:
        _write(part, found)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that :func:`save_checkpoint` wrote. Nothing in the file is executed.

    Raises InputError where the file is missing, damaged, or none of this program's.
    """
    found = _loaded(path, "a checkpoint of tui-regress", _arrays)
    match found:
        case {"kind": kind, "version": int(version)} if kind == _KIND and version != _VERSION:
            age = "a newer" if version > _VERSION else "an older"
            raise InputError(f"{printable(str(path))}: was written by {age} tui-regress, which can go on from it.")
        case {"kind": kind, "version": int(), "epoch": int(epoch), "content": dict(content)} if kind == _KIND:
            return Checkpoint(epoch, content)
    raise InputError(f"{printable(str(path))}: is not a checkpoint of tui-regress.")


def _write(path: Path, content: object) -> None:
    # torch says that a disk is full in a RuntimeError of many lines; a file of Python's own says it in an OSError.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getbuffer())


def _loaded(path: Path, what: str, convert: Callable[[object], T]) -> T:
    try:
        with path.open("rb") as file:
            _check_sums(file)
            return convert(torch.load(file, map_location="cpu", weights_only=True))
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror}.") from None
    except Exception as error:
        # Another file can fail torch's reader in any way; the cause stays attached.
        raise InputError(f"{printable(str(path))}: is not {what}, or is damaged.") from error


def _check_sums(file: IO[bytes]) -> None:
    # torch does not look at them: to it, a byte that has flipped is a number like any other. Raises BadZipFile.
    if (damaged := ZipFile(file).testzip()) is not None:
        raise BadZipFile(damaged)
    file.seek(0)


def _tensors(value: Plain) -> object:
    """``value`` with tensors for arrays: what torch reads without executing anything."""
    match value:
        case dict():
            return {name: _tensors(inner) for name, inner in value.items()}
        case list():
            return [_tensors(inner) for inner in value]
        case np.ndarray():
            return torch.tensor(value)
        case _:
            return value


def _arrays(value: object) -> Plain:
    """The way back of :func:`_tensors`. Raises TypeError for anything that it does not make."""
    match value:
        case dict():
            return {str(name): _arrays(inner) for name, inner in value.items()}
        case list():
            return [_arrays(inner) for inner in value]
        case torch.Tensor():
            array: NDArray[np.generic] = value.numpy()
            return array
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"a checkpoint holds no {type(value).__name__}")


def _features(data: Data) -> int:
    match data:
        case Points(x=x):
            return len(x[0]) if isinstance(x[0], tuple) else 1
        case LinearData(weights=weights) | LogisticData(weights=weights):
            return len(weights)
        case Table(columns=columns) if columns:
            return sum(column.width for column in columns)
        case Table(features=tuple(names)):
            return len(names)
        case Table():
            raise ExperimentError("data.features", msgspec.UNSET, "is missing; a saved model names its columns.")


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{printable(str(name))} {shape}" for name, shape in shapes.items()) or "nothing"


def _is_real(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float32, torch.float64)
