import subprocess
import sys

import numpy as np
import pytest

from tests.data.conftest import LoadTable
from tui_regress.data import load_dataset
from tui_regress.experiment import Experiment, LinearData, Logistic, LogisticData, Points, builtin
from tui_regress.experiments import NAMES
from tui_regress.problems import ExperimentError


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_experiment_has_data(name: str) -> None:
    dataset = load_dataset(builtin(name))
    assert dataset.X.shape == (dataset.rows, dataset.features)
    assert dataset.y.shape == (dataset.rows,)
    assert len(dataset.feature_names) == dataset.features


@pytest.mark.parametrize("data", [Points(x=(1, 2), y=(0, 1)), LinearData(), LogisticData(rows=50)])
def test_arrays_are_float64_contiguous_and_read_only(data: Points | LinearData | LogisticData) -> None:
    dataset = load_dataset(Experiment(data=data))
    for array in (dataset.X, dataset.y):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_arrays_of_a_table_are_float64_contiguous_and_read_only(load_table: LoadTable) -> None:
    dataset = load_table("a,b,y\n1,2,3\n4,5,6\n")
    assert dataset.X.dtype == dataset.y.dtype == np.float64
    assert dataset.X.flags.c_contiguous
    assert not dataset.X.flags.writeable
    assert not dataset.y.flags.writeable


def test_logistic_model_wants_points_of_two_classes() -> None:
    load_dataset(Experiment(data=Points(x=(1, 2, 3), y=(0, 0, 1)), model=Logistic()))
    with pytest.raises(ExperimentError, match=r"data\.y = \[0.*, 2.*\]: must hold only 0 and 1 for a logistic model\."):
        load_dataset(Experiment(data=Points(x=(1, 2), y=(0, 2)), model=Logistic()))


def test_logistic_model_wants_no_linear_data() -> None:
    with pytest.raises(ExperimentError, match=r'data\.source = \'linear\': .*use "logistic"\.'):
        load_dataset(Experiment(data=LinearData(), model=Logistic()))


def test_data_without_a_table_load_neither_polars_nor_torch() -> None:
    program = (
        "import sys\n"
        "from tui_regress.data import load_dataset\n"
        "from tui_regress.data.opening import open_experiment\n"
        "load_dataset(open_experiment('d2l-scratch'))\n"
        "print([name for name in ('polars', 'torch', 'textual') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
