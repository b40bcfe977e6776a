"""What stands on the terminal until the main screen is loaded: its outlines, at their places. Drawn without numpy."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from tui_regress.experiment import Experiment
from tui_regress.tui.commands import AT_ONCE
from tui_regress.tui.screens.stage import VIEWS, Stage
from tui_regress.tui.settings import data_settings, lines, model_settings
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.status_line import StatusLine


class Outline(Static):
    """A pane with nothing in it yet; where its height is not the style sheet's to say, there is room for ``lines``.

    A ``result`` takes the focus, and in narrow terminals stands behind a tab.
    """

    def __init__(self, title: str, id: str, lines: int | None = None, *, result: bool = False) -> None:  # noqa: A002
        super().__init__(id=id, classes="pane result" if result else "pane")
        self.border_title = title
        self.can_focus = result
        if lines is not None:
            self.styles.height = lines + 2


class Curtain(Stage):
    """Named as the main screen is, so that the same style sheet puts everything where that will have it."""

    AUTO_FOCUS = "#loss"

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(classes="-view-loss")
        self._experiment = experiment

    def compose(self) -> ComposeResult:
        """Status line, tabs, outlines, what the experiment is, keys."""
        experiment = self._experiment
        yield StatusLine(id="status")
        yield Static(self._tabs(), id="tabs")
        with Horizontal(id="body"):
            with VerticalScroll(id="setup", can_focus=False):
                yield Outline("Dataset", "dataset", len([*lines(data_settings(experiment))]))
                yield Outline("Model & optimizer", "model", len([*lines(model_settings(experiment))]))
                yield Outline("Device", "device", 2)
                yield Outline("Run", "run", 2)
            with Vertical(id="results"):
                heading = experiment.title or experiment.name
                yield Static(Text.assemble((heading, "bold"), "  ", experiment.about), id="banner")
                yield Outline("Loss", "loss", result=True)
                with Container(id="lower"):
                    yield Outline("Fit", "fit", result=True)
                    yield Outline("Parameters", "parameters", result=True)
                yield Outline("Stability", "stability", 1, result=True)
        yield Static(self._keys(), id="keys")

    def on_mount(self) -> None:
        """Say what is going on."""
        self.query_one(StatusLine).say(self._experiment.name, "LOADING")

    def _tabs(self) -> Text:
        ink = inks(self.app)
        here, elsewhere = f"bold {ink['accent']}", ink["muted"]
        views = enumerate(VIEWS, 1)
        return Text.assemble(*((f" {i} {view}  ", here if view == "loss" else elsewhere) for i, view in views))

    def _keys(self) -> Text:
        ink = inks(self.app)
        key, label = f"bold {ink['footer-key-foreground']}", ink["footer-description-foreground"]
        return Text.assemble(
            *(Text.assemble((f" {command.footer_display} ", key), (f"{command.label} ", label)) for command in AT_ONCE)
        )
