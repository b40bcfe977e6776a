"""An app with nothing in it but one of the screens that open something."""

from pathlib import Path

from textual.app import App

from tui_regress.tui import app as lab
from tui_regress.tui.screens.dialog import Dialog
from tui_regress.tui.screens.open import Opened
from tui_regress.tui.themes import THEMES


class OpeningApp(App[None]):
    """The screen in the app's colours, and what it came back with."""

    TITLE = "tui-regress"
    CSS_PATH = Path(lab.__file__).with_name("styles.tcss")

    def __init__(self, shown: Dialog[Opened], theme: str = "dark") -> None:
        super().__init__()
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = THEMES[theme].name
        self.animation_level = "none"
        self.shown = shown
        self.result: list[Opened | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.shown, self.result.append)
