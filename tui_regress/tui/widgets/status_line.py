"""The top line: which experiment, which state, how far, how fast, where."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tui_regress.tui.numbers import count
from tui_regress.tui.themes import STATUS_INKS, inks
from tui_regress.tui.widgets.lines import Lines

if TYPE_CHECKING:  # it needs numpy, and the curtain none of it
    from tui_regress.tui.session import Session


class StatusLine(Lines):
    """Word and colour of the state; what does not fit is left out from the right."""

    _said: tuple[str, str, Sequence[Text]] | None = None

    def on_resize(self) -> None:
        """Lay out anew for the width there is."""
        if self._said is not None:
            self.say(*self._said)

    def show(self, session: "Session") -> None:
        """Bring the line up to date."""
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
        self._said = name, state, figures
        variables = inks(self.app)
        colour = variables[STATUS_INKS[state.lower()]]
        left = Text.assemble(("tui-regress ", f"bold {variables['accent']}"), (name, "bold"))
        room = self.content_size.width
        parts = [Text.assemble(("● ", colour), (state, f"bold {colour}")), *figures]
        while len(parts) > 1 and left.cell_len + sum(part.cell_len + 3 for part in parts) > room:
            parts.pop()
        right = Text("   ").join(parts)
        left.truncate(max(0, room - right.cell_len - 1), overflow="ellipsis")
        self.put(Text.assemble(left, " " * (room - left.cell_len - right.cell_len), right))
