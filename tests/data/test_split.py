import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import LoadTable
from tui_regress.data import load_dataset
from tui_regress.data.scaling import Standardization
from tui_regress.data.split import held_out
from tui_regress.experiment import Data, Experiment, Linear, LinearData, Logistic, LogisticData, Points, Training
from tui_regress.problems import ExperimentError

SHARES = st.floats(0.001, 0.999)


def test_the_rows_held_out_are_those_an_exported_script_draws() -> None:
    y = np.array([1.0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1])
    rng = np.random.default_rng((7, 1))
    assert np.flatnonzero(held_out(y, 0.25, 7, stratified=False)).tolist() == sorted(rng.permutation(12)[:3])
    rng = np.random.default_rng((7, 1))
    drawn = np.concatenate([rng.permutation(np.flatnonzero(y == 0))[:2], rng.permutation(np.flatnonzero(y == 1))[:1]])
    assert np.flatnonzero(held_out(y, 0.25, 7, stratified=True)).tolist() == sorted(drawn)


@given(rows=st.integers(3, 300), share=SHARES, seed=st.integers(0, 2**63 - 1))
def test_about_the_share_of_the_rows_is_held_out_and_two_are_left(rows: int, share: float, seed: int) -> None:
    held = held_out(np.arange(rows, dtype=np.float64), share, seed, stratified=False)
    assert 1 <= held.sum() <= rows - 2
    assert abs(held.sum() - share * rows) <= 2.5


@given(zeros=st.integers(1, 80), ones=st.integers(1, 80), share=SHARES, seed=st.integers(0, 9))
def test_each_class_gives_its_share_and_keeps_a_row(zeros: int, ones: int, share: float, seed: int) -> None:
    y = np.array([0.0] * zeros + [1.0] * ones)
    held = held_out(y, share, seed, stratified=True)
    for label, count in ((0, zeros), (1, ones)):
        of_class = held[y == label].sum()
        assert of_class == 0 if count == 1 else 1 <= of_class < count
        assert abs(of_class - share * count) <= 1.5


def test_another_seed_holds_out_other_rows() -> None:
    y = np.zeros(100)
    masks = {held_out(y, 0.5, seed, stratified=False).tobytes() for seed in range(5)}
    assert len(masks) == 5


@pytest.mark.parametrize(
    "data",
    [Points(x=tuple(range(20)), y=tuple(range(20))), LinearData(rows=20, weights=(1.0, 2.0)), LogisticData(rows=20)],
)
def test_training_and_validation_rows_are_all_rows_in_their_order(data: Data) -> None:
    model = Logistic() if isinstance(data, LogisticData) else Linear()
    whole = load_dataset(Experiment(data=data, model=model))
    dataset = load_dataset(Experiment(data=data, model=model, training=Training(validation=0.25, seed=3)))
    held = held_out(whole.y, 0.25, 3, stratified=isinstance(model, Logistic))
    assert dataset.validation is not None
    np.testing.assert_array_equal(dataset.X, whole.X[~held])
    np.testing.assert_array_equal(dataset.y, whole.y[~held])
    np.testing.assert_array_equal(dataset.validation.X, whole.X[held])
    np.testing.assert_array_equal(dataset.validation.y, whole.y[held])
    assert dataset.rows + len(dataset.validation) == 20
    np.testing.assert_equal(dataset.true_parameters, whole.true_parameters)
    assert dataset.notes == ("5 of 20 rows are held out for validation.",)
    assert not dataset.validation.X.flags.writeable
    assert not dataset.X.flags.writeable
    assert dataset.X.flags.c_contiguous


def test_without_a_share_no_row_is_held_out() -> None:
    dataset = load_dataset(Experiment(data=LinearData(rows=20)))
    assert (dataset.rows, dataset.validation, dataset.notes) == (20, None, ())


def test_columns_are_standardised_by_the_training_rows_alone() -> None:
    data = LinearData(rows=30, standardize=True)
    dataset = load_dataset(Experiment(data=data, training=Training(validation=0.5)))
    assert dataset.scaling is not None
    assert dataset.validation is not None
    expected = Standardization.of(dataset.X, bias=True)
    np.testing.assert_array_equal(dataset.scaling.mean, expected.mean)
    np.testing.assert_array_equal(dataset.scaling.scale, expected.scale)
    seen = dataset.trained.validation
    assert seen is not None
    np.testing.assert_allclose(seen.X, (dataset.validation.X - dataset.X.mean()) / dataset.X.std(), rtol=1e-12)


@pytest.mark.parametrize(
    ("experiment", "sentence"),
    [
        (
            Experiment(data=Points(x=(1, 2), y=(1, 2)), training=Training(validation=0.5)),
            "training.validation = 0.5: leaves none of 2 rows to hold out; that takes three rows at least.",
        ),
        (
            Experiment(data=Points(x=(1, 2), y=(1, 0)), model=Logistic(), training=Training(validation=0.2)),
            "training.validation = 0.2: leaves none of 2 rows to hold out; that takes two rows of a class at least.",
        ),
    ],
)
def test_too_few_rows_to_hold_any_out_is_told(experiment: Experiment, sentence: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        load_dataset(experiment)
    assert str(caught.value) == sentence


def test_rows_of_a_table_are_held_out_after_incomplete_ones_are_dropped(load_table: LoadTable) -> None:
    content = "x,y\n" + "".join(f"{row},{row if row % 3 else ''}\n" for row in range(30))
    dataset = load_table(content, training=Training(validation=0.2))
    assert dataset.validation is not None
    assert (dataset.rows, len(dataset.validation), dataset.dropped_rows) == (16, 4, 10)
    assert dataset.notes == (
        "10 of 30 rows left out: a value is missing.",
        "4 of 20 rows are held out for validation.",
    )


def test_classes_keep_their_share_in_both_parts_of_a_table(load_table: LoadTable) -> None:
    content = "x,y\n" + "".join(f"{row},{'yes' if row % 5 == 0 else 'no'}\n" for row in range(100))
    dataset = load_table(content, model=Logistic(), training=Training(validation=0.25))
    assert dataset.validation is not None
    assert (dataset.y.sum(), dataset.validation.y.sum()) == (15, 5)
    assert len(dataset.validation) == 25
