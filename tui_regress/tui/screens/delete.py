"""Deleting a kept run asks first: what is gone does not come back."""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Label

from tui_regress.text import printable
from tui_regress.tui.kept_runs import became
from tui_regress.tui.screens.dialog import Dialog

if TYPE_CHECKING:
    from tui_regress.runs.kept import Listed


class DeleteScreen(Dialog[bool]):
    """Delete a run, or keep it."""

    BINDINGS = [Binding("d,delete", "delete", "delete", key_display="d")]

    def __init__(self, run: "Listed") -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        """The question and two answers."""
        run = self._run
        with Vertical(classes="dialog") as box:
            box.border_title = f"Delete run {run.run_id}?"
            what = f"{printable(run.name)}, {became(run)}"
            yield Label(f"{what}: its settings, its records and its checkpoint will be gone for good.", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Keep it  esc", id="keep", variant="primary", compact=True)
                yield Button("Delete it  d", id="delete", compact=True)

    @on(Button.Pressed, "#keep")
    def _keep(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#delete")
    def action_delete(self) -> None:
        """Delete it."""
        self.dismiss(True)
