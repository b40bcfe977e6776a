"""Phrases side by side, in as many lines as the width asks for."""

from collections.abc import Iterable

from rich.text import Text
from textual.widgets import Static

from tui_regress.tui.layout import flow


class Phrases(Static):
    """As high as its lines. Its width may be known later than its phrases, and may change."""

    def __init__(self, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._phrases: list[Text] = []

    def show(self, phrases: Iterable[Text]) -> None:
        """Show ``phrases`` in place of those before."""
        self._phrases = list(phrases)
        self._flow()

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._flow()

    def _flow(self) -> None:
        if width := self.content_size.width:
            self.update(flow(self._phrases, " · ", width))
