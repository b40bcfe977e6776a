"""The run as code: what the settings come down to, as a plain Python file."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from textual import work
from textual.binding import Binding
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Recovered
from tui_regress.experiment import Experiment, override
from tui_regress.problems import describe
from tui_regress.text import file_name, printable
from tui_regress.tui.session import Session


class _Origin(NamedTuple):
    """What a script is made of."""

    experiment: Experiment
    dataset: Dataset | None
    rates: tuple[tuple[int, float], ...]
    recoveries: tuple[Recovered, ...]
    record: int | None
    """The one it goes to, where that is not for the experiment to say."""


class CodePane(ScrollableContainer, can_focus=True):
    """Follows the settings while it is in view; copied or saved with one key."""

    ALLOW_MAXIMIZE = True
    # Not in the footer, which is full: the frame says it.
    BINDINGS = [Binding("c", "copy", "copy", show=False), Binding("w", "write", "save", show=False)]

    text = reactive("", init=False)
    """The script; empty while there is none."""

    def __init__(self) -> None:
        super().__init__(Static("writing …", id="listing", markup=False), id="code", classes="pane result")
        self.border_title = "The run as code"
        self.border_subtitle = "c copies · w saves it"
        self._session: Session | None = None
        self._shown: _Origin | None = None

    def on_show(self) -> None:
        """Catch up on what changed out of sight."""
        if self._session is not None:
            self.show(self._session)

    def show(self, session: Session) -> None:
        """Write the script for ``session``: the run as it was, or as it would be."""
        self._session = session
        if not self.display:
            return
        ran = session.is_as_it_ran
        experiment = session.recorded if ran else session.experiment
        if ran and session.started is not None:
            experiment = override(experiment, {"device.name": session.started.device})
        rates = tuple(session.history.rates) if ran else ()
        recoveries, record = tuple(session.recoveries) if ran else (), _cut_short_at(session) if ran else None
        wanted = _Origin(experiment, session.dataset, rates, recoveries, record)
        if wanted != self._shown:
            self._shown = wanted
            self._write_script(wanted)

    @work(exclusive=True)
    async def _write_script(self, wanted: _Origin) -> None:
        # A table's file is looked into for the script: that may take its time.
        from tui_regress.runs.script import script

        try:
            self.text = await asyncio.to_thread(
                script, wanted.experiment, wanted.dataset, wanted.rates, wanted.recoveries, record=wanted.record
            )
        except Exception as error:
            self._say(describe(error))

    def watch_text(self, text: str) -> None:
        """Show it in the colours of Python."""
        self.query_one("#listing", Static).update(_highlighted(text))

    def action_copy(self) -> None:
        """To the clipboard of the terminal."""
        self.app.copy_to_clipboard(self.text)
        lines = self.text.count("\n")
        self.notify(f"{lines} lines are in the clipboard, if the terminal allows it; w saves them as a file.")

    async def action_write(self) -> None:
        """To a new file in the working folder; none that is there is touched."""
        if self._session is None:
            return
        try:
            path = await asyncio.to_thread(_save, self.text, file_name(self._session.experiment.name))
        except OSError as error:
            self._say(f"The script cannot be written: {error.strerror}.")
        else:
            self.notify(printable(f"{path} runs with python alone."), title="Script saved", markup=False)

    def _say(self, sentence: str) -> None:
        self.notify(printable(sentence, 400), severity="error", markup=False)


def _cut_short_at(session: Session) -> int | None:
    """The record whose parameters a run has given that was stopped or exploded; None where it went to its own end."""
    ended = session.ended
    return ended.record if ended is not None and ended.stop in ("asked", "divergence") else None


def _save(text: str, stem: str) -> Path:
    number = 1
    while True:
        path = Path.cwd() / (f"{stem}.py" if number == 1 else f"{stem}-{number}.py")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            number += 1
        else:
            return path


def _highlighted(text: str) -> Content:
    # Pygments takes its time to import: nobody who never looks at the code pays for it.
    from pygments.token import Token
    from textual.highlight import HighlightTheme, highlight

    class Calm(HighlightTheme):
        """Three inks: what explains, what is quoted, what counts."""

        STYLES = {
            Token.Comment: "$muted italic",
            Token.Keyword: "$accent",
            Token.Literal.String: "$success",
            Token.Literal.Number: "$warning",
        }

    return highlight(text, language="python", theme=Calm)
