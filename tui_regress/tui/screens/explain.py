"""The explanation of the forecast."""

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui_regress.tui.explanation import Paragraph
from tui_regress.tui.screens.dialog import Dialog


class ExplainScreen(Dialog[None]):
    """Headings and sentences about the experiment on the screen."""

    BINDINGS = [Binding("i,q", "cancel", "back", show=False)]

    def __init__(self, name: str, paragraphs: list[Paragraph]) -> None:
        super().__init__()
        self._experiment = name
        self._paragraphs = paragraphs

    def compose(self) -> ComposeResult:
        """One paragraph below the other."""
        with VerticalScroll(classes="dialog", id="explain") as box:
            box.border_title = Text(f"Why: {self._experiment}")
            box.border_subtitle = "esc goes back"
            for heading, text in self._paragraphs:
                yield Static(Text.assemble((heading, "bold"), "\n", text), classes="paragraph")
