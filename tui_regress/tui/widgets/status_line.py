"""The top line: which experiment, which state, how far, how fast, where."""

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from tui_regress.tui.numbers import count
from tui_regress.tui.session import Session
from tui_regress.tui.themes import STATUS_INKS, inks


class StatusLine(Static):
    """Word and colour of the state; what does not fit is left out from the right."""

    _session: Session | None = None

    def on_resize(self) -> None:
        """Lay out anew for the width there is."""
        if self._session is not None:
            self.show(self._session)

    def show(self, session: Session) -> None:
        """Bring the line up to date."""
        self._session = session
        variables = inks(self.app)
        colour = variables[STATUS_INKS[session.state.value.lower()]]
        muted = variables["muted"]
        left = Text.assemble(("tui-regress ", f"bold {variables['accent']}"), (session.experiment.name, "bold"))
        left.no_wrap, left.overflow = True, "ellipsis"
        parts = [Text.assemble(("● ", colour), (session.state.value, f"bold {colour}"))]
        if latest := session.history.latest:
            parts.append(Text(f"epoch {latest.epoch:,}/{session.recorded.training.epochs:,}"))
        if session.epochs_per_second:
            parts.append(Text(f"{count(session.epochs_per_second)} epochs/s", muted))
        if session.started:
            parts.append(Text(f"{session.started.device} · {session.started.gradient}", muted))
        width = self.content_size.width - left.cell_len
        while len(parts) > 1 and sum(part.cell_len + 3 for part in parts) > width:
            parts.pop()
        line = Table.grid(expand=True)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        line.add_row(left, Text("   ").join(parts))
        self.update(line)
