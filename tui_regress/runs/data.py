"""The data of a kept run, loaded again."""

from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.data.progress import Progress, silent
from tui_regress.experiment import Table
from tui_regress.problems import InputError
from tui_regress.runs.fingerprint import fingerprint
from tui_regress.runs.kept import KeptRun


def load_data(kept: KeptRun, progress: Progress = silent) -> Dataset:
    """The dataset that ``kept`` was trained on: to run it again, or to go on with it.

    Raises InputError where the data are gone, were piped in, or are no longer what they were.
    """
    run = kept.summary
    if isinstance(run.experiment.data, Table) and run.experiment.data.path == "-":
        raise InputError(f"run {run.run_id} was trained on a table from standard input, which is not kept.")
    try:
        dataset = load_dataset(run.experiment, progress)
    except InputError as error:
        raise InputError(f"the data of run {run.run_id} cannot be loaded again. {error}") from error
    check_data(kept, dataset)
    return dataset


def check_data(kept: KeptRun, dataset: Dataset) -> None:
    """Raises InputError where ``dataset`` is not what ``kept`` was trained on."""
    held = dataset.validation
    then = len(kept.feature_names), kept.rows, kept.validation_rows
    now = dataset.features, dataset.rows, 0 if held is None else len(held)
    if then != now:
        raise InputError(f"{_changed(kept)}: {_shape(*then)} then, {_shape(*now)} now.")
    if kept.fingerprint is not None and kept.fingerprint != fingerprint(dataset):
        raise InputError(f"{_changed(kept)}: as many numbers as then, but others.")


def _changed(kept: KeptRun) -> str:
    return f"the data of run {kept.summary.run_id} have changed since it was trained"


def _shape(features: int, rows: int, held_out: int) -> str:
    more = f" and {held_out:,} held out" if held_out else ""
    return f"{features:,} feature{'s' * (features != 1)} in {rows:,} rows{more}"
