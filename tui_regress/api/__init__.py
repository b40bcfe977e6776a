"""The same run from Python, as arrays.

>>> from tui_regress import open_table, train
>>> result = train(open_table("houses.csv", target="price"), settings={"training.epochs": 500})
>>> result.losses, result.theta, result.metrics

Same experiment, same seed, same device, same backend: the same numbers to the bit as on screen and on the command
line. Settings are those of an experiment file under their dotted keys, such as ``optimizer.lr``. What is wrong with an
input is told by an InputError, or by an ExperimentError, which is one too, where it can name the setting.

n is the number of training rows, d of features, p of parameters (d, and one more with a bias), k of records. Unless
something else is said, X, y and parameters are float64 and in the units of the data: a prediction is in the unit of the
target, a weight in that unit per unit of its feature.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tui_regress.api.collecting import Collected
from tui_regress.api.notebook import interrupting, line
from tui_regress.api.result import Result
from tui_regress.data import Dataset, load_dataset
from tui_regress.data.opening import open_experiment
from tui_regress.engine import training
from tui_regress.engine.control import Control
from tui_regress.engine.events import Block, Event
from tui_regress.experiment import Experiment, anchored, override
from tui_regress.runs.recorder import recorded

__all__ = ["Result", "open_table", "train"]

_NONE: Mapping[str, Any] = MappingProxyType({})


def open_table(
    path: str | Path,
    target: str | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] = _NONE,
) -> Experiment:
    """An experiment on a table (CSV, TSV, Parquet): ``target`` from ``features``, which are columns.

    Without ``features``: from every other column of numbers or of two values, but those in ``drop``. The model is
    logistic where the target has two values, else linear; the columns are standardised for training, at a learning rate
    that is stable for them (λmax is at most the trace of the Hessian), and of 50 rows or more a fifth is held out.
    ``settings`` change that, and anything else. The table is looked into, and read when it is trained on.

    Raises InputError where the file cannot be opened or the target is not named (it lists the columns), ExperimentError
    where a column or a setting is wrong.
    """
    return _settled(open_experiment(str(path), target, features, drop), settings)


def train(
    experiment: Experiment | str,
    *,
    settings: Mapping[str, Any] = _NONE,
    progress: bool = False,
    store: str | Path | None = None,
    on_block: Callable[[Block], object] | None = None,
) -> Result:
    """Train, and return all records: k = epochs + 1 of them, or fewer where the run ends before.

    ``experiment`` is one, or what names one: a built-in name, an experiment file (.toml) or a saved model (.pt).
    ``settings`` replace some of its settings. ``progress`` shows a line on stderr. With ``store``, a file, the run is
    kept there; the command line's own is ``tui_regress.runs.store.default_path()``. ``on_block`` is given the new
    records some ten times a second.

    KeyboardInterrupt, from ctrl+c or from ``on_block``, stops the run in good order: the result holds what there is
    then, with status "stopped". A second ctrl+c is not held back. The result takes 8·(p + 6) bytes an epoch.

    Raises InputError where the data cannot be loaded, ExperimentError where a setting is wrong or does not fit them.
    Errors of the work itself, such as memory that does not suffice, pass through.
    """
    chosen = _settled(open_experiment(experiment) if isinstance(experiment, str) else experiment, settings)
    with line(progress) as tell:
        dataset = load_dataset(chosen, tell)
        collected = Collected(chosen.training.epochs, tell, on_block)
        control = Control()
        run = training.run(chosen, dataset, control)
        # Closed, not left to the garbage collector: a notebook holds on to what an error went through.
        with closing(_kept(run, store, chosen, dataset, collected.kept_as)) as events, interrupting(control):
            for event in events:
                try:
                    collected.take(event)
                except KeyboardInterrupt:
                    control.stop()
    return collected.result(chosen, dataset)


def _settled(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    # Also without settings: an experiment put together in Python has not been checked before.
    return anchored(override(experiment, settings), Path.cwd())


def _kept(
    events: Iterator[Event],
    store: str | Path | None,
    experiment: Experiment,
    dataset: Dataset,
    on_run: Callable[[int], None],
) -> Generator[Event, None, None]:
    yield from events if store is None else recorded(events, Path(store), experiment, dataset, on_run=on_run)
