"""The shape of every dialog: a box over the dimmed screen; esc takes it away and changes nothing."""

from typing import TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A box over the dimmed screen. Compose a container with the class ``dialog``."""

    BINDINGS = [Binding("escape", "cancel", "back", key_display="esc")]

    def action_cancel(self) -> None:
        """Leave without a result."""
        self.dismiss(None)
