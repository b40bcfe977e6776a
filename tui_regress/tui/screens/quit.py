"""Quitting while training asks: nobody loses a run by one key."""

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Label

from tui_regress.tui.screens.dialog import Dialog

QuitChoice = Literal["stop", "save"]

_KEPT = "Leave now: the run stops, is kept as it is, and can be continued later from the list of runs."
_LOST = "Leave now and the run is lost, unless its model is saved first."


class QuitScreen(Dialog[QuitChoice]):
    """Stop and leave, save the model first, or go on training. ``kept``: the run is in the store."""

    BINDINGS = [
        Binding("q", "choose('stop')", "stop and quit"),
        Binding("ctrl+s", "choose('save')", "save the model"),
    ]

    def __init__(self, *, kept: bool, paused: bool) -> None:
        super().__init__()
        self._kept = kept
        self._paused = paused

    def compose(self) -> ComposeResult:
        """The question and three answers."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Training is paused" if self._paused else "Training is running"
            yield Label(_KEPT if self._kept else _LOST)
            with Horizontal(classes="buttons"):
                yield Button("Keep training  esc", id="keep", variant="primary", compact=True)
                yield Button("Save the model  ^s", id="save", compact=True)
                yield Button("Stop and quit  q", id="stop", compact=True)

    @on(Button.Pressed, "#keep")
    def _keep(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#save")
    def _save(self) -> None:
        self.dismiss("save")

    @on(Button.Pressed, "#stop")
    def _stop(self) -> None:
        self.dismiss("stop")

    def action_choose(self, choice: QuitChoice) -> None:
        """Answer by key."""
        self.dismiss(choice)
