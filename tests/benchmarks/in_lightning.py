"""Trains with Lightning's Trainer and its progress bar."""

import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import IO, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.child import serve
from tui_regress.data import load_dataset
from tui_regress.experiment import builtin

_lightning: Any = import_module("lightning")


class Line(_lightning.LightningModule):  # type: ignore[misc] # loaded by name: only those who measure have it
    """The model of d2l-concise; knows when its training began and ended."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(2, 1)
        self.began = self.ended = 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """The loss of a minibatch."""
        X, y = batch
        return nn.functional.mse_loss(self.net(X), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.03)

    def on_train_start(self) -> None:
        """All is set up."""
        self.began = time.perf_counter()

    def on_train_end(self) -> None:
        """The last epoch is done."""
        self.ended = time.perf_counter()


def main(commands: Iterable[str], answers: IO[str]) -> None:
    """Train as often as it is asked for."""
    dataset = load_dataset(builtin("d2l-concise"))
    rows = TensorDataset(
        torch.tensor(dataset.X, dtype=torch.float32), torch.tensor(dataset.y[:, None], dtype=torch.float32)
    )

    def train(epochs: int) -> Mapping[str, Any]:
        """So many epochs in shuffled batches of 10."""
        model = Line()
        trainer = _lightning.Trainer(
            max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False
        )
        trainer.fit(model, DataLoader(rows, batch_size=10, shuffle=True))
        return {"epochs_per_second": epochs / (model.ended - model.began)}

    serve(commands, answers, {"train": train})
