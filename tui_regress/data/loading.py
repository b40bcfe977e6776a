"""The dataset that an experiment names."""

from dataclasses import replace

import numpy as np

from tui_regress.data.dataset import Dataset
from tui_regress.data.progress import Progress, silent
from tui_regress.data.scaling import Standardization
from tui_regress.data.split import held_out, split
from tui_regress.data.synthetic import from_points, generate
from tui_regress.experiment import Experiment, LinearData, Logistic, LogisticData, Points, Table
from tui_regress.problems import ExperimentError


def load_dataset(experiment: Experiment, progress: Progress = silent) -> Dataset:
    """Load what ``experiment`` names: X of shape (n, d), y of shape (n,), which is 0 or 1 for a logistic model.

    Rows are held out as the training says; what is filled in and standardised comes of the training rows alone.
    Raises ExperimentError with the setting that is wrong.
    """
    training, logistic = experiment.training, isinstance(experiment.model, Logistic)
    dataset = _load(experiment, progress)
    held = np.zeros(dataset.rows, dtype=np.bool_)
    if training.validation:
        held = held_out(dataset.y, training.validation, training.seed, stratified=logistic)
        if not held.any():
            fewest = "two rows of a class" if logistic else "three rows"
            hint = f"leaves none of {dataset.rows:,} rows to hold out; that takes {fewest} at least."
            raise ExperimentError("training.validation", training.validation, hint)
    if isinstance(experiment.data, Table) and experiment.data.missing == "mean":
        from tui_regress.data.tables import filled

        dataset = filled(dataset, held)
    if training.validation:
        dataset = split(dataset, held)
    if experiment.data.standardize:
        return replace(dataset, scaling=Standardization.of(dataset.X, bias=experiment.model.bias))
    return dataset


def _load(experiment: Experiment, progress: Progress) -> Dataset:
    """All rows, with gaps where means are to be filled in."""
    logistic = isinstance(experiment.model, Logistic)
    match experiment.data:
        case Points() as points:
            dataset = from_points(points)
            if logistic and not np.isin(dataset.y, (0, 1)).all():
                raise ExperimentError("data.y", list(points.y), "must hold only 0 and 1 for a logistic model.")
            return dataset
        case LinearData() if logistic:
            raise ExperimentError("data.source", "linear", 'has no two classes to tell apart; use "logistic".')
        case LinearData() | LogisticData() as generated:
            return generate(generated)
        case Table() as table:
            # polars takes a tenth of a second to import: only those who open a table pay for it.
            from tui_regress.data.tables import load_table

            return load_table(table, logistic=logistic, progress=progress)
