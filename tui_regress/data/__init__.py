"""Data: generated, written down or read from tables."""

from dataclasses import replace

import numpy as np

from tui_regress.data.dataset import Dataset
from tui_regress.data.scaling import Standardization
from tui_regress.data.synthetic import from_points, generate
from tui_regress.experiment import Experiment, LinearData, Logistic, LogisticData, Points, Table
from tui_regress.problems import ExperimentError

__all__ = ["Dataset", "load_dataset"]


def load_dataset(experiment: Experiment) -> Dataset:
    """Load what ``experiment`` names: X of shape (n, d), y of shape (n,), which is 0 or 1 for a logistic model.

    Raises ExperimentError with the setting that is wrong.
    """
    logistic = isinstance(experiment.model, Logistic)
    match experiment.data:
        case Points() as points:
            dataset = from_points(points)
            if logistic and not np.isin(dataset.y, (0, 1)).all():
                raise ExperimentError("data.y", list(points.y), "must hold only 0 and 1 for a logistic model.")
        case LinearData() if logistic:
            raise ExperimentError("data.source", "linear", 'has no two classes to tell apart; use "logistic".')
        case LinearData() | LogisticData() as generated:
            dataset = generate(generated)
        case Table() as table:
            # polars takes a tenth of a second to import: only those who open a table pay for it.
            from tui_regress.data.tables import load_table

            dataset = load_table(table, logistic=logistic)
    if experiment.data.standardize:
        return replace(dataset, scaling=Standardization.of(dataset.X, bias=experiment.model.bias))
    return dataset
