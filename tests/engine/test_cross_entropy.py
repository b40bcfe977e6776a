import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.engine.conftest import experiment, same
from tests.engine.test_backends import idle, problem
from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import analytic, compiled
from tui_regress.engine.backends.analytic import Analytic
from tui_regress.engine.chunks import CHUNK
from tui_regress.engine.events import Block
from tui_regress.experiment import Experiment

pytest.importorskip("numba")

from numba import njit

from tui_regress.engine.backends import compiling, cross_entropy

Numbers = NDArray[np.floating]
PRECISIONS = (np.float32, np.float64)
LAST = {np.float32: 87.3, np.float64: 708.3}


def all_exp_of_minus(a: Numbers, found: Numbers) -> None:
    for i in range(len(a)):
        found[i] = cross_entropy._exp(a[i])


def all_log1p(e: Numbers, found: Numbers) -> None:
    for i in range(len(e)):
        found[i] = cross_entropy._log1p(e[i])


exp_of_minus: Any = njit(all_exp_of_minus)
log1p: Any = njit(all_log1p)


def summed(columns: Numbers, limits: Numbers, theta: Numbers) -> NDArray[np.float64]:
    sums = np.zeros(len(theta) + 2)
    nowhere = np.empty((len(theta), 0), columns.dtype)
    add_up = compiling.ready(cross_entropy.add_up, nowhere, limits[:0], theta, sums)
    add_up(columns, limits, theta, sums)
    return sums


def ulps(found: Numbers, true: NDArray[np.longdouble]) -> float:
    """The largest distance, in units of the last place."""
    return float(np.abs((found - true) / np.spacing(np.abs(true).astype(found.dtype))).max())


@pytest.mark.parametrize("kind", PRECISIONS)
def test_exp_is_right_to_the_last_digit_or_so(kind: type[np.floating]) -> None:
    rng = np.random.default_rng(0)
    a = np.concatenate((rng.random(50_000) * LAST[kind], 10 ** (rng.random(50_000) * 11 - 10))).astype(kind)
    a = a[a <= kind(LAST[kind])]
    found = np.empty_like(a)
    exp_of_minus(a, found)
    assert ulps(found, np.exp(-a.astype(np.longdouble))) < 1.1


@pytest.mark.parametrize("kind", PRECISIONS)
def test_exp_of_what_is_too_small_for_a_normal_number_is_0(kind: type[np.floating]) -> None:
    a = np.array([LAST[kind] + 0.1, 10 * LAST[kind], np.finfo(kind).max, np.inf], kind)
    found = np.ones_like(a)
    exp_of_minus(a, found)
    assert found.tolist() == [0] * 4


@pytest.mark.parametrize("kind", PRECISIONS)
def test_log1p_is_right_to_the_last_digit_or_so(kind: type[np.floating]) -> None:
    rng = np.random.default_rng(0)
    tiny = -int(math.log10(np.finfo(kind).tiny)) - 1
    e = np.concatenate((rng.random(50_000), 10 ** (-rng.random(50_000) * tiny), [0, 1])).astype(kind)
    found = np.empty_like(e)
    log1p(e, found)
    assert found[-2] == 0
    e, found = e[e > 0], found[e > 0]
    assert ulps(found, np.log1p(e.astype(np.longdouble))) < 1.4


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("rows", [1, 37, 133, 4097])
@pytest.mark.parametrize("kind", PRECISIONS)
def test_whatever_the_logits_are_a_row_counts_as_it_does_in_torch(
    kind: type[np.floating], rows: int, place: str
) -> None:
    at = {"first": 0, "middle": rows // 2, "last": rows - 1}[place]
    rtol = 2e-6 if kind is np.float32 else 1e-13
    tiny = float(np.finfo(kind).tiny)
    for logit in (np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, -1e-30, 87.29, -87.4, 104.0, -720.0, 1e30, -1e30):
        misses, limits = np.full(rows, -1.0, kind), np.full(rows, tiny, kind)
        misses[at], limits[at] = logit, -tiny
        m = torch.from_numpy(misses).double()
        loss = torch.nn.functional.softplus(m, threshold=40.0).sum().item()
        gradient = (m * torch.sigmoid(m)).sum().item()
        right = int((misses < limits).sum())
        found = summed(misses[None], limits, np.ones(1, kind))
        np.testing.assert_allclose(found, [gradient, loss, right], rtol=rtol, atol=100 * tiny, err_msg=str(logit))


def blocks(run: Experiment, *, rows: int, features: int) -> tuple[Analytic, Block]:
    backend = Analytic(run, problem(logistic=True, n=rows, d=features), "cpu")
    return backend, backend.advance(backend.start(), 5, idle)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("features", [1, 3, 4, 21])
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 3e-6), ("float64", 1e-12)])
def test_the_records_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch, dtype: str, rtol: float, features: int, bias: bool
) -> None:
    changes = {"model.kind": "logistic", "model.bias": bias, "device.dtype": dtype, "optimizer.lr": 0.5}
    run = experiment(changes)
    rows = 2 * CHUNK // (features + 6)
    in_torch, expected = blocks(run, rows=rows, features=features)
    assert in_torch._add_up is None
    monkeypatch.setattr(analytic, "_WORTH_NUMBA", 0)
    in_one_pass, found = blocks(run, rows=rows, features=features)
    assert in_one_pass._add_up is not None
    assert len(in_one_pass._chunks) > 1
    for field in ("parameters", "gradient", "loss"):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=rtol, atol=rtol / 100)
    np.testing.assert_allclose(found.score, expected.score, atol=2 / rows)


def test_a_run_goes_on_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytic, "_WORTH_NUMBA", 0)
    backend = Analytic(experiment({"model.kind": "logistic"}), problem(logistic=True, n=CHUNK // 4), "cpu")
    assert backend._add_up is not None
    state = backend.start()
    backend.advance(state, 2, idle)
    double = backend.thaw(backend.freeze(state))
    assert same(backend.advance(double, 3, idle), backend.advance(state, 3, idle))


def test_where_numba_is_there_and_does_not_work_torch_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    run = experiment({"model.kind": "logistic"})
    _, expected = blocks(run, rows=100, features=3)

    def broken(*_: object) -> None:
        raise ImportError("Numba needs NumPy 2.3 or less.")

    monkeypatch.setattr(analytic, "_WORTH_NUMBA", 0)
    monkeypatch.setattr(compiling, "ready", broken)
    backend, found = blocks(run, rows=100, features=3)
    assert backend._add_up is None
    assert same(found, expected)


@pytest.mark.parametrize(
    ("rows", "features", "suited"), [(2**15, 2**9, True), (2**15, 2**9 - 1, False), (2**13, 2**11, False)]
)
def test_rows_must_be_many_and_not_too_wide(
    monkeypatch: pytest.MonkeyPatch, rows: int, features: int, suited: bool
) -> None:
    def taken(_: Analytic) -> Callable[..., None]:
        return print

    monkeypatch.setattr(Analytic, "_in_one_pass", taken)
    monkeypatch.setattr(Analytic, "_prepared", lambda _, X, y: (torch.empty(len(X), 1), torch.empty(len(y))))
    X = np.broadcast_to(np.zeros(1), (rows, features))
    data = Dataset(X, np.zeros(rows), tuple(map(str, range(features))), "y")
    assert (Analytic(experiment({"model.kind": "logistic"}), data, "cpu")._add_up is not None) is suited


@pytest.mark.parametrize(
    ("changes", "available"),
    [({"model.kind": "linear"}, True), ({"training.batch_size": 7}, True), ({}, False)],
    ids=["linear", "minibatches", "no numba"],
)
def test_only_full_batches_of_a_logistic_model_and_only_with_numba(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], available: bool
) -> None:
    monkeypatch.setattr(analytic, "_WORTH_NUMBA", 0)
    monkeypatch.setattr(compiled, "available", lambda: available)
    backend = Analytic(experiment({"model.kind": "logistic", **changes}), problem(logistic=True), "cpu")
    assert backend._add_up is None
