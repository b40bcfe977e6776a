"""The top line: which experiment, which state, how far, how fast, where."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from tui_regress.tui.numbers import count
from tui_regress.tui.themes import STATUS_INKS, inks

if TYPE_CHECKING:  # it needs numpy, and the curtain none of it
    from tui_regress.tui.session import Session


class StatusLine(Static):
    """Word and colour of the state; what does not fit is left out from the right."""

    _session: "Session | None" = None
    _shown: tuple[Text, Text] | None = None

    def on_resize(self) -> None:
        """Lay out anew for the width there is."""
        if self._session is not None:
            self.show(self._session)

    def show(self, session: "Session") -> None:
        """Bring the line up to date."""
        self._session = session
        muted = inks(self.app)["muted"]
        parts = []
        if latest := session.history.latest:
            parts.append(Text(f"epoch {latest.epoch:,}/{session.recorded.training.epochs:,}"))
        if session.epochs_per_second:
            parts.append(Text(f"{count(session.epochs_per_second)} epochs/s", muted))
        if session.started:
            parts.append(Text(f"{session.started.device} · {session.started.gradient}", muted))
        self.say(session.experiment.name, session.state.value, parts)

    def say(self, name: str, state: str, figures: Sequence[Text] = ()) -> None:
        """The ``name`` of the experiment, the word for the ``state``, and as many ``figures`` as there is room for."""
        variables = inks(self.app)
        colour = variables[STATUS_INKS[state.lower()]]
        left = Text.assemble(("tui-regress ", f"bold {variables['accent']}"), (name, "bold"))
        left.no_wrap, left.overflow = True, "ellipsis"
        parts = [Text.assemble(("● ", colour), (state, f"bold {colour}")), *figures]
        width = self.content_size.width - left.cell_len
        while len(parts) > 1 and sum(part.cell_len + 3 for part in parts) > width:
            parts.pop()
        right = Text("   ").join(parts)
        if (left, right) == self._shown:
            return
        self._shown = left, right
        line = Table.grid(expand=True)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        line.add_row(left, right)
        self.update(line, layout=False)
