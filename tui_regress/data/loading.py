"""The dataset that an experiment names."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.data.progress import Progress, silent
from tui_regress.data.scaling import Standardization
from tui_regress.data.split import held_out, split
from tui_regress.data.synthetic import from_points, generate
from tui_regress.experiment import Experiment, LinearData, Logistic, LogisticData, Points, Table, Training
from tui_regress.problems import ExperimentError


def load_dataset(experiment: Experiment, progress: Progress = silent) -> Dataset:
    """Load what ``experiment`` names: X of shape (n, d), y of shape (n,), which is 0 or 1 for a logistic model.

    Rows are held out as the training says; what is filled in and standardised comes of the training rows alone.
    Raises ExperimentError with the setting that is wrong.
    """
    logistic = isinstance(experiment.model, Logistic)
    hold = partial(_held, experiment.training, stratified=logistic)
    if isinstance(experiment.data, Table):
        # polars takes a tenth of a second to import: only those who open a table pay for it.
        from tui_regress.data.tables import load_table

        dataset = load_table(experiment.data, logistic=logistic, hold=hold, progress=progress)
    else:
        dataset = _made(experiment.data, logistic=logistic)
        dataset = split(dataset, hold(dataset.y))
    if dataset.validation:
        held, rows = len(dataset.validation), dataset.rows + len(dataset.validation)
        note = f"{held:,} of {rows:,} rows {'is' if held == 1 else 'are'} held out for validation."
        dataset = replace(dataset, notes=(*dataset.notes, note))
    if experiment.data.standardize:
        return replace(dataset, scaling=Standardization.of(dataset.X, bias=experiment.model.bias))
    return dataset


def _held(training: Training, y: FloatArray, *, stratified: bool) -> NDArray[np.bool_]:
    """Which rows are held out, a mask of the shape of y. Raises ExperimentError where there should be some."""
    if not training.validation:
        return np.zeros(len(y), dtype=np.bool_)
    held = held_out(y, training.validation, training.seed, stratified=stratified)
    if not held.any():
        fewest = "two rows of a class" if stratified else "three rows"
        hint = f"leaves none of {len(y):,} rows to hold out; that takes {fewest} at least."
        raise ExperimentError("training.validation", training.validation, hint)
    return held


def _made(data: Points | LinearData | LogisticData, *, logistic: bool) -> Dataset:
    """What needs no file."""
    match data:
        case Points():
            dataset = from_points(data)
            if logistic and not np.isin(dataset.y, (0, 1)).all():
                raise ExperimentError("data.y", list(data.y), "must hold only 0 and 1 for a logistic model.")
            return dataset
        case LinearData() if logistic:
            raise ExperimentError("data.source", "linear", 'has no two classes to tell apart; use "logistic".')
        case LinearData() | LogisticData():
            return generate(data)
