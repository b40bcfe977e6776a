"""Saving a model."""

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label

from tui_regress.data.dataset import Dataset
from tui_regress.experiment import Experiment
from tui_regress.problems import describe
from tui_regress.text import printable
from tui_regress.tui.screens.dialog import Dialog, path_from


class SaveScreen(Dialog[Path]):
    """Asks for a file; a file that is there is only replaced after a second enter."""

    def __init__(self, experiment: Experiment, parameters: NDArray[np.float64], dataset: Dataset) -> None:
        super().__init__()
        self._experiment = experiment
        self._parameters = parameters
        self._dataset = dataset
        self._warned_of: Path | None = None

    def compose(self) -> ComposeResult:
        """The path, and what is wrong with it."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Save the model"
            box.border_subtitle = "enter saves · esc goes back"
            yield Label("A state_dict for torch.nn.Linear, and the experiment beside it as .toml.")
            yield Input(f"{self._experiment.name}.pt", compact=True, select_on_focus=False)
            yield Label("", id="problem", classes="problem", markup=False)

    @on(Input.Submitted)
    async def _save(self, event: Input.Submitted) -> None:
        try:
            path = path_from(event.value)
            if path.suffix.lower() != ".pt":
                path = path.with_name(path.name + ".pt")
            existing = next((file for file in (path, path.with_suffix(".toml")) if file.exists()), None)
            if existing is not None and self._warned_of != path:
                self._warned_of = path
                self._say(f"{existing.name} is there already; enter again replaces it.")
                return
            await asyncio.to_thread(_write, path, self._experiment, self._parameters, self._dataset)
        except Exception as error:
            # Whatever is wrong with a file, the trained model must not be lost to it.
            self._say(describe(error))
        else:
            beside = path.with_suffix(".toml").name
            self.app.notify(printable(f"{path} and {beside}"), title="Model saved", markup=False)
            self.dismiss(path)

    def _say(self, sentence: str) -> None:
        self.query_one("#problem", Label).update(printable(sentence, 400))


def _write(path: Path, experiment: Experiment, parameters: NDArray[np.float64], dataset: Dataset) -> None:
    from tui_regress.engine.checkpoints import save_model

    save_model(path, experiment, parameters, dataset)
