"""The other side: the loops of the tutorials, written as they are there, and scikit-learn. No screen, no records."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np

from tests.benchmarks.claims import Figures, Measure, MissingError, Scale, Side
from tests.benchmarks.processes import child
from tests.benchmarks.works import FEATURES, ROWS
from tui_regress.data import load_dataset
from tui_regress.experiment import builtin


def _speed(epochs: int, train: Callable[[int], object]) -> Figures:
    """Epochs per second of ``train``."""
    began = time.perf_counter()
    train(epochs)
    return {"epochs_per_second": epochs / (time.perf_counter() - began)}


@contextmanager
def autograd_loop(scale: Scale) -> Iterator[Measure]:
    """nn.Linear(1, 1), MSELoss and SGD on the eleven points of cpu-line."""
    import torch
    from torch import nn

    X = torch.arange(11, dtype=torch.float32).reshape(-1, 1)
    y = 2 * X + 1

    def train(epochs: int) -> None:
        model, criterion = nn.Linear(1, 1), nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(epochs):
            loss = criterion(model(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    train(100)
    yield lambda: _speed(scale.of(20_000), train)


@contextmanager
def dataloader_loop(scale: Scale) -> Iterator[Measure]:
    """A DataLoader with shuffled batches of 10 over the data of d2l-concise, and the loss of all rows every epoch."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    dataset = load_dataset(builtin("d2l-concise"))
    X, y = torch.tensor(dataset.X, dtype=torch.float32), torch.tensor(dataset.y[:, None], dtype=torch.float32)

    def train(epochs: int) -> None:
        loader = DataLoader(TensorDataset(X, y), batch_size=10, shuffle=True)
        model, criterion = nn.Linear(2, 1), nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
        for _ in range(epochs):
            for some_X, some_y in loader:
                loss = criterion(model(some_X), some_y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            criterion(model(X), y)

    train(2)
    yield lambda: _speed(scale.of(150), train)


@contextmanager
def lightning(scale: Scale) -> Iterator[Measure]:
    """The same with Lightning's Trainer and its progress bar, on a terminal."""
    if find_spec("lightning") is None:
        raise MissingError("lightning is not installed (the extra bench)")
    with child("in_lightning") as opened:
        yield lambda: opened.ask("train", epochs=scale.of(50))


@contextmanager
def sgd_regressor(scale: Scale) -> Iterator[Measure]:
    """scikit-learn's SGDRegressor on the data of d2l-concise: one sample per step, at a constant rate."""
    if find_spec("sklearn") is None:
        raise MissingError("scikit-learn is not installed (the extra bench)")
    from sklearn.linear_model import SGDRegressor

    dataset = load_dataset(builtin("d2l-concise"))

    def train(epochs: int) -> None:
        model = SGDRegressor(penalty=None, learning_rate="constant", eta0=0.01, max_iter=epochs, tol=None)
        model.fit(dataset.X, dataset.y)

    train(2)
    yield lambda: _speed(scale.of(20_000), train)


def full_batch_autograd(kind: str) -> Side:
    """nn.Linear on 5,000,000×20 in memory: ``epochs_per_second`` of ten epochs, as those of a hundred would be."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        import torch
        from torch import nn

        rows = scale.of(ROWS)
        X = torch.from_numpy(np.random.default_rng(0).standard_normal((rows, FEATURES), dtype=np.float32))
        y = X.sum(dim=1, keepdim=True)
        y, criterion = (y, nn.MSELoss()) if kind == "linear" else ((y > 0).float(), nn.BCEWithLogitsLoss())

        def train(epochs: int) -> None:
            model = nn.Linear(FEATURES, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(epochs):
                loss = criterion(model(X), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        train(1)
        yield lambda: _speed(10, train)

    return side
