"""The help: what the keys do and how to read the screen."""

from itertools import groupby

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui_regress.tui.commands import COMMANDS
from tui_regress.tui.screens.dialog import Dialog

_READING = (
    ("Loss", "What training brings down, over the epochs. The line ends where the loss is no longer a finite number."),
    ("Fit", "The data, the model's line and the exact solution; for logistic models the probability and the 0.5 line."),
    (
        "Stability",
        "The learning rate against its limit ┃ and the fastest one ◆, known before the first step; i explains.",
    ),
    ("Parameters", "The value now; the exact solution; the truth where the data were generated; the gradient."),
    (
        "Learning rate",
        "The length of each step. Too small: slow. Too large: every step overshoots, and the loss explodes.",
    ),
    (
        "Fields",
        "Tab moves between them, enter or esc leaves one. What is wrong stands below the field; start waits for it.",
    ),
)


class HelpScreen(Dialog[None]):
    """Keys by group, then how to read the panes."""

    BINDINGS = [Binding("question_mark,q", "cancel", "back", show=False)]

    def compose(self) -> ComposeResult:
        """Two tables."""
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = "Help"
            box.border_subtitle = "esc goes back · ^p finds any command"
            yield Static(_keys())
            yield Static(_reading())


def _keys() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for group, commands in groupby(COMMANDS, key=lambda command: command.group):
        table.add_row("", Text(group, "bold"))
        for command in commands:
            table.add_row(Text(command.key_display, "bold"), command.help)
    return table


def _reading() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_row("", "")
    table.add_row("", Text("The screen", "bold"))
    for word, sentence in _READING:
        table.add_row(Text(word, "bold"), sentence)
    return table
