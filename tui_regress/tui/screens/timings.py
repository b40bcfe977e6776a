"""The device check: how fast the experiment is on each device, by each gradient, line by line as it is timed."""

import math
from collections.abc import Callable, Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from tui_regress.data.dataset import Dataset
from tui_regress.engine.control import Control
from tui_regress.engine.timing import Timing, against_autograd, lasting, times, winner
from tui_regress.text import printable
from tui_regress.tui import messages
from tui_regress.tui.numbers import count
from tui_regress.tui.screens.dialog import Dialog
from tui_regress.tui.themes import inks

_DEVICE, _GRADIENT, _FIGURE, _FEWEST = 8, 12, 13, 8
"""Cells of the columns, and the fewest of the one with the bars."""
_MARK = "◆ "
"""Before the winner."""
_SCALE = "log scale"
"""Of the bars."""
_FIGURES = ("epochs/s", "vs autograd", "first epoch")


class TimingsScreen(Dialog[Timing]):
    """Times as soon as it is open; enter takes a gradient and its device.

    ``begin`` is given whom to tell, and returns the hand that stops it: nothing is timed once the screen is gone.
    """

    CSS_PATH = "timings.tcss"
    BINDINGS = [Binding("b,q", "cancel", "back", show=False)]

    def __init__(self, name: str, dataset: Dataset, begin: Callable[[Callable[[Message], object]], Control]) -> None:
        super().__init__()
        self._experiment = name
        self._shape = f"{dataset.rows:,} × {dataset.features:,}"
        self._begin = begin
        self._control: Control | None = None
        self._found: list[Timing] = []
        self._ended = False

    def compose(self) -> ComposeResult:
        """Headings, the lines, and below them what is going on or came of it."""
        with Vertical(classes="dialog", id="timings") as box:
            box.border_title = Text(f"Which is fastest: {self._experiment}, {self._shape}")
            box.border_subtitle = "enter takes it · esc goes back"
            yield Label("", id="headings", markup=False)
            yield OptionList(compact=True)
            yield Label("asking torch …", id="said", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(OptionList).focus()
        self._control = self._begin(self.post_message)

    def on_unmount(self) -> None:
        """Nobody is left to tell."""
        if self._control is not None:
            self._control.stop()

    def on_resize(self) -> None:
        """Bars as long as there is room for."""
        self.call_after_refresh(self._show)

    def on_timing_begun(self, message: messages.TimingBegun) -> None:
        """What is being timed now."""
        self._say(f"{message.what} …")

    def on_timed(self, message: messages.Timed) -> None:
        """One more line."""
        self._found.append(message.timing)
        options = self.query_one(OptionList)
        options.add_option(Option("", disabled=message.timing.epochs_per_second is None))
        self._show()

    def on_timings_ended(self, message: messages.TimingsEnded) -> None:
        """The verdict; the cursor goes to the winner, unless it is in use."""
        self._ended = True
        self._say(message.verdict or message.failure)
        self.query_one("#said").set_class(bool(message.failure), "problem")
        options, best = self.query_one(OptionList), winner(self._found)
        if best is not None and options.highlighted is None:
            options.highlighted = self._found.index(best)
        self._show()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])

    def _say(self, sentence: str) -> None:
        self.query_one("#said", Label).update(printable(sentence, 600))

    def _show(self) -> None:
        """All lines anew: each bar is as long as it is beside the others."""
        ink, options = inks(self.app), self.query_one(OptionList)
        # A list that grows may get a scrollbar.
        width = options.scrollable_content_region.width - 1
        room = max(_FEWEST, width - len(_MARK) - _DEVICE - _GRADIENT - len(_FIGURES) * _FIGURE)
        before = " " * (len(_MARK) + _DEVICE + _GRADIENT) + f"{_SCALE if room > len(_SCALE) else '':<{room}}"
        self.query_one("#headings", Label).update(before + "".join(f"{word:>{_FIGURE}}" for word in _FIGURES))
        for index, timing in enumerate(self._found):
            options.replace_option_prompt_at_index(index, _line(timing, self._found, room, ink))


def bar(rate: float, rates: Sequence[float], cells: int) -> str:
    """``rate`` among ``rates``, all above 0, on a log scale: the highest fills the cells, the lowest has one of them.

    The scale spans a decade at least, so that rates which hardly differ look like it.
    """
    highest = max(rates)
    decades = max(1.0, math.log10(highest / min(rates)))
    return "▇" * (1 + round((cells - 1) * (1 - math.log10(highest / rate) / decades)))


def _line(timing: Timing, found: Sequence[Timing], room: int, ink: dict[str, str]) -> Text:
    device, gradient = f"{timing.device:<{_DEVICE}}", f"{timing.gradient:<{_GRADIENT}}"
    if timing.epochs_per_second is None:
        name = device + (gradient if timing.gradient else "")
        return Text(" " * len(_MARK) + name + printable(timing.reason, 400), ink["muted"])
    best = timing is winner(found)
    colour, weight = (ink["success"], "bold") if best else (ink["accent"], "")
    ratio = against_autograd(timing, found)
    rates = [other.epochs_per_second for other in found if other.epochs_per_second]
    return Text.assemble(
        (_MARK if best else " " * len(_MARK), colour),
        (device + gradient, weight),
        (f"{bar(timing.epochs_per_second, rates, room):<{room}}", colour),
        (f"{count(timing.epochs_per_second):>{_FIGURE}}", weight),
        f"{'' if ratio is None else times(ratio):>{_FIGURE}}",
        f"{lasting(timing.first_seconds or 0.0):>{_FIGURE}}",
    )
