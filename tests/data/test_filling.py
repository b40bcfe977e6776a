from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer

from tests.data.conftest import LoadTable
from tui_regress.data import load_dataset
from tui_regress.data.split import held_out
from tui_regress.data.tables import pinned
from tui_regress.experiment import Experiment, Table, Training, override
from tui_regress.problems import ExperimentError

CONTENT = "x,sex,y\n1,male,1\n,male,2\n3,,3\n5,female,4\n7,male,\n"


def test_missing_values_are_filled_with_the_mean_and_counted(load_table: LoadTable) -> None:
    dataset = load_table(CONTENT, missing="mean")
    assert dataset.X.tolist() == [[1.0, 1.0], [3.0, 1.0], [3.0, pytest.approx(2 / 3)], [5.0, 0.0]]
    assert [column.fill for column in dataset.columns] == [(3.0,), (pytest.approx(2 / 3),)]
    assert dataset.dropped_rows == 1
    assert dataset.notes == (
        "1 of 5 rows left out: the target is missing.",
        (
            "Missing values, filled with the mean over the training rows: x (1), sex (1); "
            "the mean of a text is the share of each of its values."
        ),
    )


def test_a_missing_text_is_filled_with_the_shares_of_its_values(load_table: LoadTable) -> None:
    dataset = load_table("c,y\na,1\nb,2\nb,3\nc,4\n,5\n", features=("c",), missing="mean")
    assert dataset.columns[0].fill == (0.5, 0.25)
    assert dataset.X[-1].tolist() == [0.5, 0.25]


def test_the_mean_is_that_of_the_training_rows_alone(load_table: LoadTable) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3))
    values[rng.random((40, 3)) < 0.3] = np.nan
    y = np.arange(40.0)
    frame = pl.DataFrame({"a": values[:, 0], "b": values[:, 1], "c": values[:, 2], "y": y})
    dataset = load_table(frame.fill_nan(None).write_csv(), missing="mean", training=Training(validation=0.3, seed=5))
    held = held_out(y, 0.3, 5, stratified=False)
    imputer = SimpleImputer().fit(values[~held])
    assert dataset.validation is not None
    np.testing.assert_allclose(dataset.X, imputer.transform(values[~held]), rtol=1e-13)
    np.testing.assert_allclose(dataset.validation.X, imputer.transform(values[held]), rtol=1e-13)
    assert dataset.notes[0].endswith(
        ", ".join(f"{name} ({np.isnan(values[:, k]).sum()})" for k, name in enumerate("abc")) + "."
    )


def test_where_nothing_is_missing_the_fill_is_known_all_the_same(load_table: LoadTable) -> None:
    dataset = load_table("x,y\n1,1\n2,2\n6,3\n", missing="mean")
    assert dataset.columns[0].fill == (3.0,)
    assert dataset.notes == ()


def test_without_filling_the_columns_know_no_fill(load_table: LoadTable) -> None:
    assert all(column.fill == () for column in load_table(CONTENT).columns)


def test_a_column_without_a_value_in_the_training_rows_is_an_error(load_table: LoadTable) -> None:
    y = np.arange(10.0)
    held = held_out(y, 0.2, 0, stratified=False)
    content = "x,z,y\n" + "".join(f"{row},{row if held[row] else ''},{row}\n" for row in range(10))
    with pytest.raises(ExperimentError) as caught:
        load_table(content, missing="mean", training=Training(validation=0.2))
    assert str(caught.value) == (
        "data.features = 'z': has no value in the training rows, and so no mean to fill in; leave it out."
    )


def test_a_missing_value_is_never_taken_for_an_infinite_one(load_table: LoadTable) -> None:
    with pytest.raises(ExperimentError, match="'x': is infinite in row 2"):
        load_table("x,y\n,1\n1e400,2\n3,4\n", missing="mean")


@pytest.mark.parametrize(("setting", "value"), [("training.seed", 4), ("training.validation", 0.5)])
def test_other_rows_held_out_have_other_means(tmp_path: Path, setting: str, value: float) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{row * row if row % 3 else ''},{row}\n" for row in range(30)))
    experiment = Experiment(data=Table(str(path), "y", missing="mean"), training=Training(validation=0.3, seed=1))
    kept = pinned(experiment, load_dataset(experiment))
    fresh = load_dataset(override(experiment, {setting: value})).columns
    assert load_dataset(kept).columns != fresh
    assert load_dataset(override(kept, {setting: value})).columns == fresh


def test_the_mean_of_huge_numbers_is_a_number(load_table: LoadTable) -> None:
    dataset = load_table("a,y\n1.7e308,1\n,2\n1.5e308,3\n1.6e308,4\n", missing="mean")
    assert dataset.X[1, 0] == pytest.approx(1.6e308)
