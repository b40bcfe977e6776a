"""The shape of every dialog: a box over the dimmed screen; esc takes it away and changes nothing."""

from pathlib import Path
from typing import TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

from tui_regress.problems import InputError
from tui_regress.text import printable

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A box over the dimmed screen. Compose a container with the class ``dialog``."""

    BINDINGS = [Binding("escape", "cancel", "back", key_display="esc")]

    def action_cancel(self) -> None:
        """Leave without a result."""
        self.dismiss(None)


def path_from(text: str) -> Path:
    """The file a person typed; ~ is their home. Raises InputError where that is no file name."""
    try:
        path = Path(text.strip()).expanduser()
    except RuntimeError:
        raise InputError(f"{printable(text)}: there is no such home folder.") from None
    if not path.name:
        raise InputError("name a file.")
    return path
