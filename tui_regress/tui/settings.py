"""Which settings the panes show for an experiment, and how a setting turns into text and back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from msgspec import Struct

from tui_regress.experiment import (
    Device,
    Experiment,
    Linear,
    LinearData,
    LogisticData,
    Points,
    Sgd,
    Table,
    Training,
)
from tui_regress.text import printable

Kind = Literal["text", "integer", "number", "numbers", "texts", "choice", "switch"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a pane."""

    key: str
    """Dotted, as in the experiment file."""
    label: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    placeholder: str = ""
    """Stands in the empty field of a setting that may be left out."""
    zero: str = ""
    """The word that stands for 0."""
    wide: bool = False
    """Takes a line of its own; others share it with a neighbour."""


def data_settings(experiment: Experiment) -> list[Setting]:
    """The fields of the dataset pane."""
    fields: list[Setting]
    match experiment.data:
        case Points(x=x):
            several = any(isinstance(row, tuple) for row in x)
            fields = [_STANDARDIZE] if several else [_STANDARDIZE, _POINTS_X, _POINTS_Y]
        case LinearData() | LogisticData() as data:
            scope = {
                "normal": [_ROWS, _SEED],
                "uniform": [_ROWS, _SEED, _LOW, _HIGH],
                "range": [_ROWS, _STEP, _LOW, _HIGH],
            }
            weights = [_WEIGHTS, _BIAS_TRUE] if len(data.weights) < 3 else [_MANY_WEIGHTS, _BIAS_TRUE]
            fields = [_X, *scope[data.x], *weights, _NOISE, _NOISE_SCALE]
            fields += [_SEED, _STANDARDIZE] if data.x == "range" else [_STANDARDIZE]
        case Table():
            fields = [_STANDARDIZE, _PATH, _TARGET, _MISSING, _FEATURES, _DROP]
    return [_SOURCE, *fields]


def model_settings(experiment: Experiment) -> list[Setting]:
    """The fields of the model and optimizer pane."""
    loss, gradients = _choices(type(experiment.model), "loss"), _choices(Training, "gradient")
    if not isinstance(experiment.model, Linear):
        gradients = tuple(name for name in gradients if name != "statistics")
    fields = [
        Setting("model.kind", "Model", "choice", "A straight line, or a probability", ("linear", "logistic")),
        Setting("model.loss", "Loss", "choice", "What training brings down", loss),
        Setting("model.init", "Start", "choice", "First parameters", _choices(Linear, "init"))
        if isinstance(experiment.model.init, str)
        else Setting("model.init", "Start", "numbers", "First parameters: weights, then the bias"),
        Setting("model.bias", "Bias", "switch", "Whether the model has a constant term"),
        Setting("optimizer.name", "Optimizer", "choice", "The update rule", OPTIMIZERS),
        Setting("optimizer.lr", "lr", "number", "Learning rate: the length of a step; - and + go down and up a ladder"),
    ]
    if isinstance(experiment.optimizer, Sgd):
        fields += [
            Setting("optimizer.momentum", "Momentum", "number", "Share of the last step that goes into the next"),
            Setting("optimizer.nesterov", "Nesterov", "switch", "Look ahead before the step; needs momentum"),
        ]
    elif hasattr(experiment.optimizer, "betas"):
        fields.append(
            Setting("optimizer.betas", "Betas", "numbers", "Decay of the averages of gradient and square", wide=True)
        )
    elif hasattr(experiment.optimizer, "momentum"):
        fields.append(Setting("optimizer.momentum", "Momentum", "number", "Share of the last step in the next"))
    if hasattr(experiment.optimizer, "alpha"):
        fields.append(Setting("optimizer.alpha", "Alpha", "number", "Decay of the average of squared gradients"))
    fields += [
        Setting("optimizer.weight_decay", "Decay", "number", "Weight decay: pulls the parameters towards 0"),
        Setting("training.epochs", "Epochs", "integer", "Passes over the data"),
        Setting("training.batch_size", "Batch", "integer", "Rows per step; full or 0: all of them", zero="full"),
        Setting("training.shuffle", "Shuffle", "switch", "A new order of the rows each epoch"),
        Setting("training.seed", "Seed", "integer", "Of the first parameters and the order of the rows"),
        Setting(
            "training.validation",
            "Held out",
            "number",
            "Share of the rows kept for validation, such as 0.2",
            zero="none",
        ),
        Setting(
            "training.patience",
            "Patience",
            "integer",
            "Early stopping: epochs without a lower validation loss before the run ends",
            zero="off",
        ),
        Setting("training.gradient", "Gradient", "choice", "How it is computed", gradients),
        Setting(
            "training.on_divergence",
            "Diverging",
            "choice",
            "What to do when the loss explodes",
            _choices(Training, "on_divergence"),
        ),
        Setting(
            "training.tolerance",
            "Tolerance",
            "number",
            "Converged where the norm of the gradient is no larger",
            zero="off",
        ),
    ]
    return fields


def device_settings(devices: tuple[str, ...]) -> list[Setting]:
    """The fields of the device pane; ``devices`` are the names that can be used."""
    return [
        Setting(
            "device.name", "Device", "choice", "Where to compute; auto takes the first accelerator", ("auto", *devices)
        ),
        Setting("device.dtype", "Precision", "choice", "Of all numbers in training", _choices(Device, "dtype")),
    ]


def lines(settings: Iterable[Setting]) -> Iterator[list[Setting]]:
    """The settings of each line of a pane: two where they are short."""
    line: list[Setting] = []
    for setting in settings:
        if setting.wide or len(line) == 2:
            if line:
                yield line
            line = []
        line.append(setting)
        if setting.wide:
            yield line
            line = []
    if line:
        yield line


def value_of(experiment: Experiment, key: str) -> Any:
    """The setting at the dotted ``key``; for the one that names a table's kind, its tag."""
    table, _, name = key.partition(".")
    struct: Struct = getattr(experiment, table)
    config = struct.__struct_config__
    return config.tag if name == config.tag_field else getattr(struct, name)


def to_text(value: Any, setting: Setting | None = None) -> str:
    """A setting's value as its field shows it."""
    if value is None:
        return ""
    if setting and setting.zero and value == 0:
        return setting.zero
    if isinstance(value, list | tuple):
        return ", ".join(to_text(item) for item in value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return printable(str(value), 500)


def from_text(text: str, setting: Setting) -> Any:
    """What a field's text means; text that means nothing is handed on as it is, for the check to name what is right.

    An empty field unsets what may be left out: the settings with a placeholder.
    """
    text = text.strip()
    if not text and setting.placeholder:
        return None
    if setting.zero and text.lower() == setting.zero:
        return 0
    try:
        match setting.kind:
            case "integer":
                whole = float(text.replace(",", "").replace("_", "").replace(" ", ""))
                return int(whole) if whole.is_integer() else text
            case "number":
                return float(text)
            case "numbers":
                return [float(part) for part in text.replace(",", " ").split()]
            case "texts":
                return [part.strip() for part in text.split(",") if part.strip()]
    except (ValueError, OverflowError):
        pass
    return text


OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad")
SOURCES = ("points", "linear", "logistic", "table")


def _choices(struct: type[Struct], name: str) -> tuple[str, ...]:
    """The words a field of ``struct`` may hold, in the order they are written there."""
    hint = get_type_hints(struct)[name]
    parts = get_args(hint)
    words = [part for part in parts if isinstance(part, str)]
    return tuple(words or [word for part in parts for word in get_args(part) if isinstance(word, str)])


_SOURCE = Setting("data.source", "Source", "choice", "Points, a generator, or a table from a file", SOURCES)
_POINTS_X = Setting("data.x", "x", "numbers", "One number per point", wide=True)
_POINTS_Y = Setting("data.y", "y", "numbers", "One number per point", wide=True)
_ROWS = Setting("data.rows", "Rows", "integer", "How many points; for a range, or its step", placeholder="auto")
_X = Setting("data.x", "x", "choice", "How x is spread", _choices(LinearData, "x"))
_LOW = Setting("data.low", "Low", "number", "Smallest x", placeholder="0")
_HIGH = Setting("data.high", "High", "number", "Largest x", placeholder="1")
_STEP = Setting("data.step", "Step", "number", "Distance of neighbours; or give rows", placeholder="auto")
_WEIGHTS = Setting("data.weights", "Weights", "numbers", "True weights, one per feature")
_MANY_WEIGHTS = replace(_WEIGHTS, wide=True)
_BIAS_TRUE = Setting("data.bias", "Bias", "number", "True constant term")
_NOISE = Setting("data.noise", "Noise", "choice", "Its distribution", _choices(LinearData, "noise"))
_NOISE_SCALE = Setting("data.noise_scale", "Scale", "number", "How strong the noise is")
_SEED = Setting("data.seed", "Seed", "integer", "Of the random numbers; d takes the next")
_STANDARDIZE = Setting("data.standardize", "Scaled", "switch", "Train on columns of mean 0 and variance 1")
_PATH = Setting("data.path", "File", "text", "CSV, TSV or Parquet", wide=True)
_TARGET = Setting("data.target", "Target", "text", "The column to predict")
_MISSING = Setting(
    "data.missing", "Missing", "choice", "Drop the row, or fill in the column's mean", _choices(Table, "missing")
)
_FEATURES = Setting(
    "data.features", "Features", "texts", "Columns to predict from", placeholder="all that can be", wide=True
)
_DROP = Setting("data.drop", "Left out", "texts", "Columns to leave alone", wide=True)
