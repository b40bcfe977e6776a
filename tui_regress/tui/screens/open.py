"""The list to open from: the built-in experiments with their stories, and any file."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui_regress import experiments
from tui_regress.data.opening import open_experiment
from tui_regress.experiment import Experiment, builtin
from tui_regress.problems import InputError, describe
from tui_regress.text import printable
from tui_regress.tui.screens.dialog import Dialog, path_from


@dataclass(frozen=True, slots=True)
class Opened:
    """What was chosen."""

    experiment: Experiment
    parameters: NDArray[np.float64] | None
    """Shape (p,): of a saved model."""


class OpenScreen(Dialog[Opened]):
    """Choose a built-in experiment, or name a file."""

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """The list, and two fields for a file."""
        with Vertical(classes="dialog", id="open") as box:
            box.border_title = "Open"
            box.border_subtitle = "enter opens · tab to the file · esc goes back"
            yield OptionList(*(Option(_story(builtin(name)), id=name) for name in experiments.NAMES), compact=True)
            with Horizontal(classes="file"):
                yield Label("File")
                yield Input(
                    placeholder=".csv .tsv .parquet table, .toml experiment, .pt model", id="path", compact=True
                )
            with Horizontal(classes="file"):
                yield Label("Target")
                yield Input(placeholder="of a table: the column to predict", id="target", compact=True)
            yield Label("", id="problem", classes="problem", markup=False)

    def on_mount(self) -> None:
        """Stand on the experiment that is open."""
        choices = self.query_one(OptionList)
        if self._current in experiments.NAMES:
            choices.highlighted = experiments.NAMES.index(self._current)
        choices.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Opened(builtin(str(event.option_id)), None))

    @on(Input.Submitted)
    async def _file_named(self) -> None:
        path = self.query_one("#path", Input).value.strip()
        target = self.query_one("#target", Input).value.strip()
        if not path:
            self.query_one("#path", Input).focus()
            return
        try:
            opened = await asyncio.to_thread(open_file, path, target or None)
        except TargetMissingError as error:
            self._say(str(error))
            self.query_one("#target", Input).focus()
        except Exception as error:
            self._say(describe(error))
        else:
            self.dismiss(opened)

    def _say(self, sentence: str) -> None:
        self.query_one("#problem", Label).update(printable(sentence, 400))


class TargetMissingError(InputError):
    """The file is a table, and nobody has said which column to predict."""


def open_file(argument: str, target: str | None) -> Opened:
    """What ``argument`` names: a built-in experiment, a TOML file, a table, a saved model. Raises InputError."""
    # polars, which reads the columns, is not for those who open no table.
    from tui_regress.data.reading import is_table, listed

    path = path_from(argument)
    if target is None and path.is_file() and is_table(path):
        from tui_regress.data.tables import column_names

        raise TargetMissingError(f"Which column is to be predicted? {path.name} has: {listed(column_names(path), 30)}.")
    experiment = open_experiment(str(path), target)
    parameters = None
    if path.suffix.lower() == ".pt":
        from tui_regress.engine.checkpoints import load_model

        experiment, parameters = load_model(path)
    return Opened(experiment, parameters)


def _story(experiment: Experiment) -> Text:
    return Text.assemble((f"{experiment.name:<16}", "bold"), experiment.title)
