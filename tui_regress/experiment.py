"""The experiment: everything that reproduces a run, and the TOML file that holds it."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta, Struct

from tui_regress import experiments
from tui_regress.problems import ExperimentError, InputError, convert
from tui_regress.text import printable

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Rows = Annotated[int, Meta(ge=2, le=100_000_000)]


class Points(Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="points"):
    """Data written into the experiment itself."""

    x: tuple[float | tuple[float, ...], ...]
    """One number, or one row of features, per point."""
    y: tuple[float, ...]
    standardize: bool = False
    """Train on columns of mean 0 and variance 1; everything is reported in the units of the data all the same."""


class _Generated(Struct, frozen=True, forbid_unknown_fields=True, tag_field="source"):
    """Data drawn from a known model. x is normal (N(0, 1)), uniform on low…high, or evenly spaced from low to high."""

    weights: tuple[float, ...] = (2.0,)
    bias: float = 0.0
    x: Literal["normal", "uniform", "range"] = "normal"
    rows: Rows | None = None
    """For a range either rows or step; otherwise 100 where nothing is said."""
    low: float | None = None
    """Default 0; not for normal x."""
    high: float | None = None
    """Default 1, included in a range; not for normal x."""
    step: Positive | None = None
    noise: Literal["normal", "uniform"] = "normal"
    """N(0, noise_scale²), or uniform on 0…noise_scale."""
    noise_scale: NonNegative = 0.0
    seed: Seed = 0
    standardize: bool = False
    """See Points."""


class LinearData(_Generated, frozen=True, tag="linear"):
    """y = Xw + b + noise."""


class LogisticData(_Generated, frozen=True, tag="logistic"):
    """y = 1 with probability sigmoid(Xw + b + noise), else 0."""


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """What the cells of one column of a table stand for, as it was found when a model was fitted."""

    name: str
    values: tuple[str, ...] = ()
    """Of a column of text, in order: one 0/1 column for each but the first, which is 0 in all of them. ():
    numbers."""
    fill: tuple[float, ...] = ()
    """What stands for a missing value: a number for each 0/1 column, one for a column of numbers. (): nothing does."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of its numbers, wherever the cells themselves leave it open: 1.234 may be 1234."""

    @property
    def width(self) -> int:
        """Number of features that the column becomes."""
        return max(1, len(self.values) - 1)


class Table(Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="table"):
    """A CSV, TSV or Parquet file; ``-`` is standard input."""

    path: str
    target: str
    features: tuple[str, ...] | None = None
    """Default: every other column of numbers or of two values. A column of text named here is one-hot encoded."""
    drop: tuple[str, ...] = ()
    """Columns that are left alone."""
    missing: Literal["drop", "mean"] = "drop"
    """A row without a value in one of its features is left out, or the column's mean over the training rows fills in.
    A row without a target is left out in any case."""
    standardize: bool = False
    """See Points."""
    columns: tuple[Column, ...] = ()
    """One per feature, in their order: how to read them. A saved model says it; default: as the table itself shows."""
    classes: tuple[str, str] | None = None
    """What 0 and 1 stand for in the target. A saved model says it; default: as the table itself shows."""


class Linear(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="linear"):
    """ŷ = Xw + b."""

    bias: bool = True
    init: Literal["zeros", "normal", "torch"] | tuple[float, ...] = "zeros"
    """normal: N(0, 0.01²) and bias 0; torch: nn.Linear's default; numbers: the weights, bias last."""
    loss: Literal["mse", "half-mse", "sse"] = "mse"


class Logistic(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="logistic"):
    """P(y = 1) = sigmoid(Xw + b)."""

    bias: bool = True
    init: Literal["zeros", "normal", "torch"] | tuple[float, ...] = "zeros"
    loss: Literal["bce", "bce-sum"] = "bce"


class Sgd(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="sgd"):
    """torch.optim.SGD."""

    lr: Positive = 1e-3
    momentum: NonNegative = 0.0
    dampening: float = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False


class _AdamLike(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name"):
    lr: Positive = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: NonNegative = 1e-8


class Adam(_AdamLike, frozen=True, tag="adam"):
    """torch.optim.Adam."""

    weight_decay: NonNegative = 0.0
    amsgrad: bool = False


class AdamW(_AdamLike, frozen=True, tag="adamw"):
    """torch.optim.AdamW: weight decay apart from the gradient."""

    weight_decay: NonNegative = 1e-2
    amsgrad: bool = False


class NAdam(_AdamLike, frozen=True, tag="nadam"):
    """torch.optim.NAdam."""

    lr: Positive = 2e-3
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3


class RMSprop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="rmsprop"):
    """torch.optim.RMSprop."""

    lr: Positive = 1e-2
    alpha: Fraction = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: bool = False


class Adagrad(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="adagrad"):
    """torch.optim.Adagrad."""

    lr: Positive = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """How long, in which portions, from which random numbers."""

    epochs: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1000
    batch_size: Annotated[int, Meta(ge=0)] = 0
    """0: all rows in one step."""
    shuffle: bool = True
    """A new order of the rows each epoch; without effect on full batches."""
    seed: Seed = 0
    """Of the first parameters, the order of the rows, and the rows that are held out."""
    validation: Fraction = 0.0
    """Share of the rows that are held out of training, to see how the model does on rows it has not met."""
    patience: Annotated[int, Meta(ge=0)] = 0
    """Early stopping: epochs without a lower validation loss after which the run ends, with the best parameters on
    validation. 0: never."""
    tolerance: NonNegative = 0.0
    """The run has converged where the norm of the gradient is no larger. 0: it is never asked."""
    gradient: Literal["auto", "autograd", "analytic", "numpy", "statistics", "compiled"] = "auto"
    """statistics: from XᵀX and Xᵀy alone, for least squares on full batches; compiled: by Numba, if it is there."""
    on_divergence: Literal["stop", "continue", "recover"] = "stop"
    """recover: back to the best record, with a safe learning rate and a fresh optimizer, and on."""


class Device(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to compute, and how precisely."""

    name: Annotated[
        str,
        Meta(pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$", extra={"right": "one of auto, cpu, cuda, cuda:0, …, mps"}),
    ] = "auto"
    dtype: Literal["float32", "float64"] = "float32"


class Predict(Struct, frozen=True, forbid_unknown_fields=True):
    """Points to predict at, before and after training: one row of features each."""

    at: tuple[tuple[float, ...], ...] = ()


Data = Points | LinearData | LogisticData | Table
Model = Linear | Logistic
Optimizer = Sgd | Adam | AdamW | NAdam | RMSprop | Adagrad


class Experiment(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that reproduces a run. Decode with :func:`decode`, which also checks what types cannot say."""

    data: Data
    model: Model = Linear()
    optimizer: Optimizer = Sgd()
    training: Training = Training()
    device: Device = Device()
    predict: Predict = Predict()
    name: str = "untitled"
    title: str = ""
    about: str = ""


def decode(raw: Mapping[str, Any], source: str = "") -> Experiment:
    """The experiment in nested tables as TOML gives them; ``source`` (a file or a name) is for the error.

    Raises ExperimentError.
    """
    try:
        experiment = _printable(convert(_with_default_kinds(raw), Experiment))
        _check(experiment)
    except ExperimentError as error:
        raise error.within(source) from None
    except RecursionError:
        raise ExperimentError("", msgspec.UNSET, _TOO_DEEP, source) from None
    return experiment


def _with_default_kinds(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``raw`` with a linear model and sgd where a table says nothing else: a file may set the lr and no more."""
    kinds = {"model": {"kind": "linear"}, "optimizer": {"name": "sgd"}}
    return {
        name: kinds[name] | table if name in kinds and isinstance(table, dict) else table for name, table in raw.items()
    }


def _printable(experiment: Experiment) -> Experiment:
    """``experiment`` with a heading that is safe to print anywhere, on one line."""
    heading = {"name": 80, "title": 200, "about": 1000}
    texts = {key: printable(" ".join(getattr(experiment, key).split()), limit) for key, limit in heading.items()}
    return msgspec.structs.replace(experiment, **texts)


def encode(experiment: Experiment) -> dict[str, Any]:
    """Nested tables without the settings that are unset: what :func:`decode` takes and TOML can hold."""
    tables: dict[str, Any] = msgspec.to_builtins(experiment)
    settings = {
        name: {key: value for key, value in table.items() if value is not None} if isinstance(table, dict) else table
        for name, table in tables.items()
    }
    heading = {name: settings.pop(name) for name in ("name", "title", "about")}
    return heading | settings


def override(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """``experiment`` with dotted settings (``optimizer.lr``) replaced; a value of None unsets one.

    Where a change names another source, model or optimizer, the settings that the new kind shares are kept; where it
    chooses other columns of a table, what a saved model says of the columns is not, and where it holds out other rows,
    what fills their gaps is not: it is a mean over the rows of training.
    Raises ExperimentError.
    """
    tables = encode(experiment)
    for pinned, choices in _PINNED.items():
        if not choices.isdisjoint(changes) and pinned not in changes:
            tables["data"].pop(pinned.removeprefix("data."), None)
    if not _HOLDING_OUT.isdisjoint(changes) and "data.columns" not in changes:
        for column in tables["data"].get("columns", ()):
            del column["fill"]
    for key in sorted(changes, key=_widest_first):
        table, _, setting = key.rpartition(".")
        if table not in _TABLES and (table or setting not in ("name", "title", "about", *_TABLES)):
            near = difflib.get_close_matches(table, _TABLES, 1)
            advice = f"did you mean {near[0]}.{setting}?" if near else f"its table must be one of {', '.join(_TABLES)}."
            raise ExperimentError(key or '""', msgspec.UNSET, f"is not a setting; {advice}")
        target = tables.setdefault(table, {}) if table else tables
        if not isinstance(target, dict):
            break  # a change has put something else in the table's place, and decode says so
        if changes[key] is None:
            target.pop(setting, None)
            continue
        if key in _KINDS:
            tables[table] = target = _shared(target, _KINDS[key], target.get(setting), changes[key])
        target[setting] = changes[key]
    return decode(tables)


def loads(text: str, source: str = "") -> Experiment:
    """The experiment in TOML ``text``. Raises ExperimentError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError("", msgspec.UNSET, f"is not valid TOML: {printable(str(error))}.", source) from None
    except RecursionError:
        raise ExperimentError("", msgspec.UNSET, _TOO_DEEP, source) from None
    except ValueError:  # Python's own limit on the digits of a whole number
        raise ExperimentError("", msgspec.UNSET, "holds a whole number of thousands of digits.", source) from None
    return decode(raw, source)


def load(path: Path) -> Experiment:
    """The experiment in a TOML file; a relative path of its table is taken from the file's folder.

    Raises InputError if the file cannot be read, ExperimentError if it is wrong.
    """
    try:
        experiment = loads(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{printable(str(path))}: is not a text file in UTF-8.") from None
    if experiment.name == "untitled":
        experiment = msgspec.structs.replace(experiment, name=printable(path.stem))
    return anchored(experiment, path.parent)


def anchored(experiment: Experiment, folder: Path) -> Experiment:
    """``experiment`` with the path of its table absolute, taken from ``folder``: wherever it is saved, it opens."""
    if not isinstance(experiment.data, Table) or experiment.data.path == "-":
        return experiment
    table = msgspec.structs.replace(experiment.data, path=str(folder.resolve() / experiment.data.path))
    return msgspec.structs.replace(experiment, data=table)


def dumps(experiment: Experiment) -> str:
    """The experiment as TOML, every setting written out so that it survives a change of defaults."""
    text = tomli_w.dumps(encode(experiment))
    return re.sub(r"\[\n[^\"']*?\n\](?=\n)", _on_one_line, text)


def builtin(name: str) -> Experiment:
    """The built-in experiment ``name``. Raises InputError with the nearest names if there is none."""
    if name not in experiments.NAMES:
        near = difflib.get_close_matches(name, experiments.NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else "`tui-regress list` names them."
        raise InputError(f"there is no built-in experiment {printable(name)!r}; {hint}")
    return loads(resources.files(experiments).joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)


def _on_one_line(array: re.Match[str]) -> str:
    return re.sub(r",?\s*\]", "]", re.sub(r"\[\s+", "[", re.sub(r",\s+", ", ", array[0])))


def _check(experiment: Experiment) -> None:
    """What the types cannot say."""
    match experiment.data:
        case Points(x=x, y=y):
            _check_points(x, y)
        case LinearData() | LogisticData() as data:
            _check_generated(data)
    if experiment.optimizer.lr > _LARGEST_LR:
        raise ExperimentError(
            "optimizer.lr", experiment.optimizer.lr, "must be at most 1e30; float32 holds little more."
        )
    if isinstance(experiment.optimizer, Sgd):
        optimizer = experiment.optimizer
        if optimizer.nesterov and (optimizer.momentum == 0 or optimizer.dampening != 0):
            raise ExperimentError("optimizer.nesterov", True, "needs a momentum above 0 and a dampening of 0.")
    if experiment.device.name == "mps" and experiment.device.dtype == "float64":
        raise ExperimentError("device.dtype", "float64", "must be float32 on mps, which knows no float64.")
    if experiment.training.patience and not experiment.training.validation:
        hint = "needs rows held out to look at; set training.validation too, such as 0.2."
        raise ExperimentError("training.patience", experiment.training.patience, hint)
    _check_gradient(experiment)


def _check_gradient(experiment: Experiment) -> None:
    gradient = experiment.training.gradient
    if gradient == "numpy" and not isinstance(experiment.optimizer, Sgd):
        raise ExperimentError("training.gradient", gradient, "knows only the sgd optimizer; use auto or analytic.")
    if gradient == "statistics" and not isinstance(experiment.model, Linear):
        raise ExperimentError("training.gradient", gradient, "knows only linear models; use auto or analytic.")
    if gradient in ON_CPU and experiment.device.name not in ("auto", "cpu"):
        raise ExperimentError("training.gradient", gradient, "computes on the cpu only; use auto or analytic.")


def _check_points(x: Sequence[float | tuple[float, ...]], y: Sequence[float]) -> None:
    if len(x) < 2:
        raise ExperimentError("data.x", list(x), "must hold at least two points.")
    if len(x) != len(y):
        raise ExperimentError("data.y", list(y), f"must hold as many values as x, which has {len(x)}.")
    widths = {len(row) if isinstance(row, tuple) else 1 for row in x}
    if len(widths) > 1 or 0 in widths:
        raise ExperimentError("data.x", list(x), "must hold rows of the same length, of one feature at least.")


def _check_generated(data: LinearData | LogisticData) -> None:
    if not data.weights:
        raise ExperimentError("data.weights", [], "must hold one weight per feature, at least one.")
    if data.x == "normal":
        for key in ("low", "high"):
            if (found := getattr(data, key)) is not None:
                raise ExperimentError(
                    f"data.{key}", found, 'has no meaning for x = "normal"; use "uniform" or "range".'
                )
    elif (low := data.low or 0.0) >= (high := 1.0 if data.high is None else data.high):
        key = "low" if data.high is None else "high"
        raise ExperimentError(f"data.{key}", getattr(data, key), f"must leave low ({low:g}) below high ({high:g}).")
    elif data.x == "range" and data.step is not None and high - low < data.step:
        raise ExperimentError("data.step", data.step, f"must fit at least once between {low:g} and {high:g}.")
    if data.x != "range" and data.step is not None:
        raise ExperimentError("data.step", data.step, 'has a meaning only for x = "range".')
    if data.x == "range" and data.step is not None and data.rows is not None:
        raise ExperimentError("data.rows", data.rows, "follows from step in a range; give one of the two.")
    if data.x == "range" and len(data.weights) > 1:
        raise ExperimentError("data.x", "range", "spaces one feature evenly; use normal or uniform for several.")


ON_CPU = frozenset({"numpy", "statistics", "compiled"})
"""Ways to compute the gradient that know no other device."""
_LARGEST_LR = 1e30
_TOO_DEEP = "is nested too deeply to be an experiment."
_PINNED = {
    "data.columns": frozenset({"data.target", "data.features", "data.drop", "data.missing"}),
    "data.classes": frozenset({"data.target"}),
}
"""What a saved model says of its table, and the settings that make it void."""
_HOLDING_OUT = frozenset({"training.seed", "training.validation"})
"""Settings that say which rows are held out."""
_TABLES = ("data", "model", "optimizer", "training", "device", "predict")
_KINDS: dict[str, tuple[type[Struct], ...]] = {
    "data.source": (Points, LinearData, LogisticData, Table),
    "model.kind": (Linear, Logistic),
    "optimizer.name": (Sgd, Adam, AdamW, NAdam, RMSprop, Adagrad),
}


def _widest_first(key: str) -> tuple[bool, bool]:
    return key not in _TABLES, key not in _KINDS


def _shared(table: dict[str, Any], kinds: tuple[type[Struct], ...], before: object, after: object) -> dict[str, Any]:
    """The settings of ``table``, of kind ``before``, that kind ``after`` also has in the same sense (the same type)."""
    old = next((kind for kind in kinds if kind.__struct_config__.tag == before), None)
    new = next((kind for kind in kinds if kind.__struct_config__.tag == after), None)
    if old is None or new is None or new is old:
        return table
    types = {field.name: field.type for field in msgspec.structs.fields(new)}
    same = {field.name for field in msgspec.structs.fields(old) if types.get(field.name) == field.type}
    return {name: value for name, value in table.items() if name in same}
