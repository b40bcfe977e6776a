"""What a person names on the command line or in the open dialogue: a built-in experiment, a file of one, or a table."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from tui_regress.experiment import Experiment, Linear, Logistic, Sgd, Table, Training, builtin, load
from tui_regress.experiments import NAMES
from tui_regress.problems import InputError
from tui_regress.text import printable


def open_experiment(argument: str, target: str | None = None, features: Sequence[str] | None = None) -> Experiment:
    """Open a built-in name, a .toml file, a saved model (NAME.pt with its NAME.toml beside it) or a table.

    ``target`` and ``features`` name columns of a table: the target it must have, the features default to every other
    numeric column. A built-in name wins over a file of that name; write ``./NAME`` for the file.
    Raises InputError, and ExperimentError where it can name the setting.
    """
    try:
        path = Path(argument).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError) as error:  # a name too long, a folder that is closed, a ~ without a home
        raise InputError(f"{printable(argument)}: {getattr(error, 'strerror', str(error).rstrip('.'))}.") from None
    if argument in NAMES:
        experiment, kind = builtin(argument), "a built-in experiment"
    elif not exists:
        near = get_close_matches(argument, NAMES, 1)
        advice = f"did you mean {near[0]}?" if near else "`tui-regress list` names the built-in ones."
        raise InputError(f"there is no built-in experiment or file called {printable(argument)!r}; {advice}")
    elif path.suffix.lower() == ".toml":
        experiment, kind = load(path), "an experiment"
    elif path.suffix.lower() == ".pt":
        experiment, kind = _of_model(path), "a saved model"
    else:
        return _of_table(path, target, features)
    if target is not None or features is not None:
        option = "--features" if target is None else "--target"
        raise InputError(f"{option} is for the columns of a table, and {printable(argument)} is {kind}.")
    return experiment


def _of_model(path: Path) -> Experiment:
    beside = path.with_suffix(".toml")
    if not beside.exists():
        shown, missing = printable(str(path)), printable(beside.name)
        raise InputError(f"{shown}: its experiment, {missing}, is not beside it; put the two in one folder.")
    return load(beside)


def _of_table(path: Path, target: str | None, features: Sequence[str] | None) -> Experiment:
    # polars takes a tenth of a second to import: only those who open a table pay for it.
    from tui_regress.data.reading import KINDS, is_table, listed
    from tui_regress.data.tables import column_names, two_values

    file = printable(path.name)
    if path.is_dir():
        raise InputError(f"{printable(str(path))}: is a folder; name a file in it.")
    if not is_table(path):
        kinds = f"an experiment (.toml), a saved model (.pt) nor a table ({KINDS})"
        raise InputError(f"{printable(str(path))}: is by its name neither {kinds}.")
    path = path.resolve()
    if target is None:
        columns = listed(column_names(path), 30)
        raise InputError(f"name the column to predict with --target; {file} has: {columns}.")
    classes = two_values(path, target)
    goal = printable(target)
    inputs = listed([printable(name) for name in features], 4) if features else "every other numeric column"
    if classes:
        about = f"Logistic regression: the probability that {goal} is {classes[1]}, not {classes[0]}, by {inputs}."
    else:
        about = f"Linear regression: {goal} as a weighted sum of {inputs}."
    return Experiment(
        name=printable(path.with_suffix("").stem if path.suffix.lower() == ".gz" else path.stem),
        title=f"{goal} in {file}",
        about=about,
        data=Table(str(path), target, None if features is None else tuple(features), standardize=True),
        model=Logistic() if classes else Linear(),
        optimizer=Sgd(lr=_stable_lr(len(features or column_names(path)))),
        training=Training(epochs=1000),
    )


def _stable_lr(columns: int) -> float:
    """A round learning rate that is stable for that many standardised columns, however they depend on each other.

    Their λmax is at most the trace of the Hessian, 2 · columns for the mean squared error, and the limit 2/λmax.
    """
    return float(f"{min(0.1, 0.5 / columns):.1g}")
