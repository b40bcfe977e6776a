"""What a person names on the command line or in the open dialogue: a built-in experiment, a file of one, or a table."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from tui_regress.experiment import Experiment, Linear, Logistic, Sgd, Table, Training, builtin, load
from tui_regress.experiments import NAMES
from tui_regress.problems import InputError
from tui_regress.text import printable


class TargetMissingError(InputError):
    """A table is named, and not what is to be predicted."""


def open_experiment(
    argument: str, target: str | None = None, features: Sequence[str] | None = None, drop: Sequence[str] = ()
) -> Experiment:
    """Open a built-in name, a .toml file, a saved model (NAME.pt with its NAME.toml beside it) or a table.

    ``-`` is a table on standard input. ``target``, ``features`` and ``drop`` name columns of a table: the target it
    must have, the features default to every other column of numbers or two values but those to drop. A built-in name
    wins over a file of that name; write ``./NAME`` for the file.
    Raises TargetMissingError for a table without one, ExperimentError where it can name the setting, else InputError.
    """
    if argument == "-":
        return _of_table(Path(argument), target, features, drop)
    try:
        path = Path(argument).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError) as error:  # a name too long, a folder that is closed, a ~ without a home
        raise InputError(f"{printable(argument)}: {getattr(error, 'strerror', str(error).rstrip('.'))}.") from None
    if argument in NAMES:
        experiment, kind = builtin(argument), "a built-in experiment"
    elif not exists:
        if looks_like_a_file(argument):
            raise InputError(f"{printable(argument)}: there is no such file.")
        near = get_close_matches(argument, NAMES, 1)
        advice = f"did you mean {near[0]}?" if near else "`tui-regress list` names the built-in ones."
        raise InputError(f"there is no built-in experiment or file called {printable(argument)!r}; {advice}")
    elif path.suffix.lower() == ".toml":
        experiment, kind = load(path), "an experiment"
    elif path.suffix.lower() == ".pt":
        experiment, kind = _of_model(path), "a saved model"
    else:
        return _of_table(path.resolve(), target, features, drop)
    options = {"--target": target is not None, "--features": features is not None, "--drop": bool(drop)}
    if given := [option for option, is_given in options.items() if is_given]:
        raise InputError(f"{given[0]} is for the columns of a table, and {printable(argument)} is {kind}.")
    return experiment


def looks_like_a_file(argument: str) -> bool:
    """Whether the name can only be meant for a file: no built-in one has a separator or an ending."""
    return Path(argument).name != argument or bool(Path(argument).suffix)


def _of_model(path: Path) -> Experiment:
    beside = path.with_suffix(".toml")
    if not beside.exists():
        shown, missing = printable(str(path)), printable(beside.name)
        raise InputError(f"{shown}: its experiment, {missing}, is not beside it; put the two in one folder.")
    return load(beside)


def _of_table(path: Path, target: str | None, features: Sequence[str] | None, drop: Sequence[str]) -> Experiment:
    # polars takes a tenth of a second to import: only those who open a table pay for it.
    from tui_regress.data.reading import KINDS, is_table, listed
    from tui_regress.data.sources import STANDARD_INPUT, label
    from tui_regress.data.tables import column_names, preview

    if path.is_dir():
        raise InputError(f"{printable(str(path))}: is a folder; name a file in it.")
    if not is_table(path):
        kinds = f"an experiment (.toml), a saved model (.pt) nor a table ({KINDS})"
        raise InputError(f"{printable(str(path))}: is by its name neither {kinds}.")
    file = label(path)
    if target is None:
        columns = listed(column_names(path), 30)
        raise TargetMissingError(f"name the column to predict, with --target or target=; {file} has: {columns}.")
    named = None if features is None else tuple(features)
    table = Table(str(path), target, named, tuple(drop), standardize=True)
    seen = preview(table)
    goal = printable(target)
    inputs = listed([printable(name) for name in named], 4) if named else "every other column of numbers or two values"
    if seen.classes:
        no, yes = (printable(value, 40) for value in seen.classes)
        about = f"Logistic regression: the probability that {goal} is {yes}, not {no}, by {inputs}."
    else:
        about = f"Linear regression: {goal} as a weighted sum of {inputs}."
    stem = path.with_suffix("").stem if path.suffix.lower() == ".gz" else path.stem
    return Experiment(
        name=file if path == STANDARD_INPUT else printable(stem),
        title=f"{goal} in {file}",
        about=about,
        data=table,
        model=Logistic() if seen.classes else Linear(),
        optimizer=Sgd(lr=_stable_lr(seen.features)),
        training=Training(epochs=1000, validation=_HELD_OUT if seen.rows >= _MANY_ROWS else 0.0),
    )


_MANY_ROWS = 50
"""Enough of them that some can be held out."""
_HELD_OUT = 0.2


def _stable_lr(columns: int) -> float:
    """A round learning rate that is stable for that many standardised columns, however they depend on each other.

    Their λmax is at most the trace of the Hessian, 2 · columns for the mean squared error, and the limit 2/λmax.
    """
    return float(f"{min(0.1, 0.5 / max(columns, 1)):.1g}")
