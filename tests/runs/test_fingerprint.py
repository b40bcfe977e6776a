from dataclasses import replace

import numpy as np
import pytest

from tests.runs.made_up import dataset
from tui_regress.data.dataset import Dataset, FloatArray, Rows
from tui_regress.runs.fingerprint import fingerprint


def changed(values: FloatArray) -> FloatArray:
    other = values.copy()
    other.flat[-1] = np.nextafter(other.flat[-1], 0)
    return other


def test_the_same_numbers_have_the_same_fingerprint_however_they_lie_in_memory() -> None:
    X = np.random.default_rng(0).normal(size=(70_000, 3))
    y = np.arange(70_000.0)
    rows, columns = (Dataset(np.asarray(X, order=order), y, ("a", "b", "c"), "y") for order in ("C", "F"))
    assert not columns.X.flags.c_contiguous
    assert fingerprint(rows) == fingerprint(columns)
    assert len(fingerprint(rows)) == 32


@pytest.mark.parametrize("where", ["X", "y", "held out X", "held out y"])
def test_the_smallest_change_of_one_number_changes_it(where: str) -> None:
    before = dataset(held_out=True)
    held = before.validation
    assert held is not None
    after = {
        "X": replace(before, X=changed(before.X)),
        "y": replace(before, y=changed(before.y)),
        "held out X": replace(before, validation=Rows(changed(held.X), held.y)),
        "held out y": replace(before, validation=Rows(held.X, changed(held.y))),
    }
    assert fingerprint(after[where]) != fingerprint(before)


def test_other_rows_held_out_change_it() -> None:
    assert fingerprint(dataset(held_out=True)) != fingerprint(dataset())


def test_the_same_numbers_in_another_shape_change_it() -> None:
    y = np.arange(3.0)
    wide, tall = Dataset(np.ones((3, 2)), y, ("a", "b"), "y"), Dataset(np.ones((3, 1)), y, ("a",), "y")
    held = Rows(np.ones((3, 1)), y)
    assert len({fingerprint(wide), fingerprint(tall), fingerprint(replace(tall, validation=held))}) == 3
