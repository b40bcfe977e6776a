"""The list to open from: the built-in experiments with their stories, and any file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui_regress import experiments
from tui_regress.data.opening import open_experiment
from tui_regress.experiment import Experiment, builtin
from tui_regress.problems import describe
from tui_regress.text import printable
from tui_regress.tui.screens.dialog import Dialog, path_from


@dataclass(frozen=True, slots=True)
class Opened:
    """What was chosen."""

    experiment: Experiment
    parameters: NDArray[np.float64] | None
    """Shape (p,): of a saved model."""


class Choices(OptionList):
    """Letters typed go to the first name that holds them; where none does, the last letter begins anew."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(*(Option(_story(builtin(name)), id=name) for name in names), compact=True)
        self._names = names
        self._typed = ""

    def on_key(self, event: events.Key) -> None:
        """Find what is typed; any other key ends it."""
        if not event.is_printable or event.character is None:
            self._typed = ""
            return
        event.stop()
        for typed in (self._typed + event.character, event.character):
            found = next((index for index, name in enumerate(self._names) if typed.lower() in name), None)
            if found is not None:
                self._typed, self.highlighted = typed, found
                return


class OpenScreen(Dialog[Opened]):
    """Choose a built-in experiment, or name a file; of a table the columns are picked next."""

    CSS_PATH = "open.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """The list, and a field for a file."""
        with Vertical(classes="dialog", id="open") as box:
            box.border_title = "Open"
            box.border_subtitle = "enter opens · letters find a name · tab to the file · esc goes back"
            yield Choices(experiments.NAMES)
            with Horizontal(classes="file"):
                yield Label("File")
                yield Input(
                    placeholder=".csv .tsv .parquet table, .toml experiment, .pt model", id="path", compact=True
                )
            yield Label("", id="problem", classes="problem", markup=False)

    def on_mount(self) -> None:
        """Stand on the experiment that is open."""
        choices = self.query_one(Choices)
        if self._current in experiments.NAMES:
            choices.highlighted = experiments.NAMES.index(self._current)
        choices.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Opened(builtin(str(event.option_id)), None))

    @on(Input.Submitted)
    async def _file_named(self) -> None:
        # It comes back with what is defined here.
        from tui_regress.tui.screens.columns import ColumnsScreen

        self._say("")
        try:
            path = path_from(self.query_one("#path", Input).value)
            if await asyncio.to_thread(_is_table, path):
                self.app.push_screen(ColumnsScreen(str(path)), self._columns_picked)
            else:
                self.dismiss(await asyncio.to_thread(open_file, str(path)))
        except Exception as error:
            self._say(describe(error))

    @on(Input.Changed)
    def _typed(self) -> None:
        self._say("")

    def _columns_picked(self, opened: Opened | None) -> None:
        if opened is not None:
            self.dismiss(opened)

    def _say(self, sentence: str) -> None:
        self.query_one("#problem", Label).update(printable(sentence, 400))
        self.query_one("#open").set_class(bool(sentence), "-problem")


def open_file(argument: str) -> Opened:
    """A built-in experiment, a TOML file, or a saved model with its parameters. Raises InputError."""
    path = path_from(argument)
    experiment = open_experiment(str(path))
    parameters = None
    if path.suffix.lower() == ".pt":
        from tui_regress.engine.checkpoints import load_model

        experiment, parameters = load_model(path)
    return Opened(experiment, parameters)


def _is_table(path: Path) -> bool:
    # polars, which the reading of tables is made of, is not for those who open none.
    from tui_regress.data.reading import is_table

    try:
        return is_table(path) and path.is_file()
    except OSError:  # a name too long, a folder that is closed: open_experiment has a sentence for it
        return False


def _story(experiment: Experiment) -> Text:
    return Text.assemble((f"{experiment.name:<16}", "bold"), experiment.title)
