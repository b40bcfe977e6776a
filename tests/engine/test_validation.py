"""The loss over the rows held out, against torch's own losses and against itself in other portions."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from tests.engine.conftest import experiment
from tui_regress.data.dataset import FloatArray, Rows
from tui_regress.engine import chunks, validation
from tui_regress.engine.control import Stop
from tui_regress.engine.validation import losses
from tui_regress.experiment import Model

CRITERIA: dict[str, tuple[nn.Module, float]] = {
    "mse": (nn.MSELoss(), 1),
    "half-mse": (nn.MSELoss(), 0.5),
    "sse": (nn.MSELoss(reduction="sum"), 1),
    "bce": (nn.BCEWithLogitsLoss(), 1),
    "bce-sum": (nn.BCEWithLogitsLoss(reduction="sum"), 1),
}


def problem(loss: str, m: int, d: int, k: int) -> tuple[Rows, FloatArray]:
    """m rows held out, and k parameters with a bias."""
    rng = np.random.default_rng(m + 10 * d)
    y = rng.random(m) < 0.5 if loss.startswith("bce") else rng.normal(size=m)
    return Rows(rng.normal(size=(m, d)), y.astype(np.float64)), rng.normal(size=(k, d + 1))


def model_of(loss: str, *, bias: bool = True) -> Model:
    kind = "logistic" if loss.startswith("bce") else "linear"
    return experiment({"model.kind": kind, "model.loss": loss, "model.bias": bias}).model


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", CRITERIA)
def test_each_record_has_torchs_loss_over_the_rows_held_out(loss: str, bias: bool) -> None:
    held, theta = problem(loss, 17, 3, 5)
    theta = theta if bias else theta[:, :-1]
    criterion, factor = CRITERIA[loss]
    X, y = torch.tensor(held.X), torch.tensor(held.y)
    logits = [X @ t[:3] + (t[3] if bias else 0) for t in torch.tensor(theta)]
    expected = [factor * criterion(z, y).item() for z in logits]
    assert losses(model_of(loss, bias=bias), theta, held) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", ["mse", "bce"])
@pytest.mark.parametrize(("m", "d"), [(1, 1), (7, 1), (100, 3), (2000, 20), (3, 50)])
def test_a_record_has_the_same_bits_whatever_records_come_with_it(m: int, d: int, loss: str) -> None:
    held, theta = problem(loss, m, d, 24)
    # As in a block: the parameters are part of a wider table.
    table = np.column_stack((theta, theta))[:, : d + 1]
    model, whole = model_of(loss), losses(model_of(loss), table, held)
    for size in (1, 3, 5):
        parts = [losses(model, table[first : first + size], held) for first in range(0, 24, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert losses(model, theta, held).tobytes() == whole.tobytes()


@pytest.mark.parametrize("loss", ["bce", "bce-sum"])
def test_portions_give_the_loss_of_all(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held, theta = problem(loss, 90, 4, 6)
    whole = losses(model_of(loss), theta, held)
    monkeypatch.setattr(chunks, "CHUNK", 40)
    monkeypatch.setattr(validation, "CHUNK", 40)
    breaths: list[None] = []
    assert losses(model_of(loss), theta, held, lambda: breaths.append(None)) == pytest.approx(whole, rel=1e-13)
    assert len(breaths) == 9 * 2 - 1, "between nine portions of the rows and two of the records"


def test_a_stop_takes_effect_between_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    held, theta = problem("bce", 90, 4, 6)
    monkeypatch.setattr(chunks, "CHUNK", 40)
    left: Iterator[int] = iter(range(3))

    def breathe() -> None:
        if next(left, None) is None:
            raise Stop

    with pytest.raises(Stop):
        losses(model_of("bce"), theta, held, breathe)


def test_numbers_too_large_give_what_they_give_and_warn_of_nothing() -> None:
    held = Rows(np.array([[1e200], [1.0]]), np.array([0.0, 1.0]))
    theta = np.array([[1e200, 0.0], [np.nan, 0.0], [np.inf, -np.inf], [1.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = losses(model_of("mse"), theta, held)
    assert np.isinf(found[0])
    assert np.isnan(found[1:3]).all()
    assert np.isinf(found[3])
