"""Picking the columns of a table: what is predicted, from what, and what becomes of missing values."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Footer, Input, Label, Static

from tui_regress.data.sources import label
from tui_regress.experiment import Experiment, Table
from tui_regress.problems import ExperimentError, InputError, describe
from tui_regress.text import printable
from tui_regress.tui.picking import Picking, carried_over, experiment_of, first_guess
from tui_regress.tui.screens.dialog import Dialog
from tui_regress.tui.screens.open import Opened
from tui_regress.tui.widgets.column_table import ColumnTable, details
from tui_regress.tui.widgets.phrases import Phrases

if TYPE_CHECKING:  # it loads polars
    from tui_regress.data.columns import ColumnInfo

_BAR = 40
"""Cells of the progress bar."""


class FindField(Input):
    """A part of a name; the columns that hold it are shown as it is typed."""

    BINDINGS = [Binding("enter,down,up", "submit", "to the columns", key_display="enter")]


class ColumnsScreen(Dialog[Opened]):
    """The columns of the table ``path``, a line each, with what they are used as.

    ``present`` is the experiment that is open now, if it is on this table: its choice is where the person begins, and
    what it says about training is kept. Unchanged, it is not opened again.
    """

    CSS_PATH = "columns.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-low"), (20, "-high")]
    BINDINGS = [
        Binding("t", "target", "target"),
        Binding("space", "take", "feature"),
        Binding("a", "all", "all/none"),
        Binding("m", "missing", "missing"),
        Binding("slash", "find", "find", key_display="/"),
        Binding("enter", "open", "open", key_display="enter"),
    ]

    @dataclass
    class Reading(Message):
        """The file is being read."""

        stage: str
        share: float | None

    @dataclass
    class Surveyed(Message):
        """The columns are known."""

        columns: tuple["ColumnInfo", ...]

    @dataclass
    class SurveyFailed(Message):
        """The file cannot be read."""

        problem: str

    def __init__(self, path: str, present: Experiment | None = None) -> None:
        super().__init__()
        self._path = path
        self._present = present
        self._picking: Picking | None = None
        self._at_first: Picking | None = None
        """The choice of ``present``, if the table has all its columns."""
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        """The table; below it a field to find columns, the column under the cursor, the choice in words."""
        with Vertical(id="columns") as box:
            box.border_title = Text(f"Columns of {label(Path(self._path))}")
            yield Static("Reading …", id="reading", markup=False)
            yield ColumnTable()
            yield FindField(placeholder="part of a name", compact=True)
            yield Phrases(id="details")
            yield Phrases(id="choice")
            yield Label(id="problem", classes="problem", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the file in a thread of its own: a long native call must hold up neither the keys nor the exit."""
        self.add_class("-reading")
        self._say("")
        threading.Thread(target=self._survey, name="tui-regress columns", daemon=True).start()

    # -- what the thread says

    @on(Reading)
    def _reading(self, message: Reading) -> None:
        self.query_one("#reading", Static).update(_bar(message.stage, message.share))

    @on(Surveyed)
    def _surveyed(self, message: Surveyed) -> None:
        self._picking = first_guess(message.columns)
        if self._present is not None and isinstance(table := self._present.data, Table):
            self._picking = first_guess(message.columns, table.target, table.features, table.drop, table.missing)
            if {info.name for info in message.columns}.issuperset((table.target, *(table.features or ()))):
                self._at_first = self._picking
        self.remove_class("-reading")
        self._show()
        self.query_one(ColumnTable).focus()
        self.query_one(ColumnTable).go_to(self._picking.target)
        self.refresh_bindings()

    @on(SurveyFailed)
    def _failed(self, message: SurveyFailed) -> None:
        self.notify(message.problem, title="The table cannot be opened", severity="error", timeout=10, markup=False)
        self._leave(None)

    # -- what a person does

    def action_target(self) -> None:
        """The column under the cursor is predicted."""
        self._pick(Picking.with_target)

    def action_take(self) -> None:
        """The column under the cursor is a feature, or left out."""
        self._pick(Picking.toggled)

    def action_all(self) -> None:
        """All columns shown are features, as far as they are of numbers or of two values; or none."""
        self._change(lambda picking: picking.all_or_none(self._found()))

    def action_missing(self) -> None:
        """The other way to deal with missing values."""
        self._change(Picking.with_other_missing)

    def action_find(self) -> None:
        """Type a part of a name."""
        self.query_one(FindField).display = True
        self.query_one(FindField).focus()

    def action_cancel(self) -> None:
        """One layer back: show all columns again, or leave."""
        find = self.query_one(FindField)
        if find.display:
            find.value = ""
            find.display = False
            self.query_one(ColumnTable).focus()
        else:
            self._leave(None)

    def action_open(self) -> None:
        """Train on the choice."""
        if self._picking == self._at_first:
            self._leave(None)
        else:
            self.run_worker(self._open(), exclusive=True)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._show()

    @on(Input.Submitted)
    def _done_typing(self, event: Input.Submitted) -> None:
        event.input.display = bool(event.value)
        self.query_one(ColumnTable).focus()

    @on(ColumnTable.Moved)
    def _moved(self) -> None:
        self._say("")
        self._show_words()

    @on(ColumnTable.RolePressed)
    def _role_pressed(self) -> None:
        self.action_take()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done now: nothing but leave while the file is read; letters are text in the field."""
        del parameters
        if action in ("target", "take", "all", "missing", "find", "open"):
            return self._picking is not None and not isinstance(self.focused, Input)
        return True

    # -- how it hangs together

    def _survey(self) -> None:
        try:
            from tui_regress.data.columns import survey

            self.post_message(self.Surveyed(survey(Path(self._path), self._progress)))
        except _LeftError:
            pass
        except ExperimentError as error:
            self.post_message(self.SurveyFailed(f"{label(Path(self._path))}: {error.hint}"))
        except Exception as error:  # whatever goes wrong in a thread must reach the screen
            self.post_message(self.SurveyFailed(describe(error)))

    def _progress(self, stage: str, share: float | None) -> None:
        if self._left.is_set():
            raise _LeftError
        self.post_message(self.Reading(stage, share))

    async def _open(self) -> None:
        if self._picking is None:
            return
        self._say("")
        self.query_one("#columns").border_subtitle = "opening …"
        try:
            experiment = await asyncio.to_thread(self._experiment, self._picking)
        except Exception as error:
            self._show()
            self._say(describe(error))
        else:
            self._leave(Opened(experiment, None))

    def _experiment(self, picking: Picking) -> Experiment:
        experiment = experiment_of(self._path, picking)
        if self._present is None:
            return experiment
        same = self._at_first is not None and picking.features == self._at_first.features
        return carried_over(self._present, experiment, same_features=same)

    def _leave(self, result: Opened | None) -> None:
        # The thread or the file may answer when the person has just left: there is one way out, taken once.
        if not self._left.is_set():
            self._left.set()
            self.dismiss(result)

    def _pick(self, change: Callable[[Picking, int], Picking]) -> None:
        column = self.query_one(ColumnTable).column
        if column is not None:
            self._change(lambda picking: change(picking, column))

    def _change(self, change: Callable[[Picking], Picking]) -> None:
        if self._picking is None:
            return
        try:
            self._picking = change(self._picking)
        except InputError as error:
            self._say(str(error))
        else:
            self._say("")
            self._show()

    def _found(self) -> Sequence[int]:
        """The columns whose names hold what is looked for, by their index."""
        columns = self._picking.columns if self._picking else ()
        wanted = self.query_one(FindField).value.strip().casefold()
        if not wanted:
            return range(len(columns))
        return [index for index, info in enumerate(columns) if wanted in info.name.casefold()]

    def _show(self) -> None:
        if self._picking is None:
            return
        found = self._found()
        self.query_one(ColumnTable).show(self._picking, found)
        everything = len(self._picking.columns)
        box = self.query_one("#columns")
        box.border_subtitle = "" if len(found) == everything else f"{len(found):,} of {everything:,} columns"
        self._show_words()

    def _show_words(self) -> None:
        if self._picking is None:
            return
        column = self.query_one(ColumnTable).column
        about = [Text("No column is called like that.")] if column is None else details(self._picking, column)
        self.query_one("#details", Phrases).show(about)
        self.query_one("#choice", Phrases).show(map(Text, self._picking.summary()))

    def _say(self, sentence: str) -> None:
        problem = self.query_one("#problem", Label)
        problem.update(printable(sentence, 400))
        problem.display = bool(sentence)


class _LeftError(Exception):
    """The person has left; nobody waits for the survey."""


def _bar(stage: str, share: float | None) -> Text:
    if share is None:
        return Text(f"{stage} …")
    done = round(share * _BAR)
    return Text.assemble(f"{stage} … {100 * share:.0f} %\n", "━" * done, ("─" * (_BAR - done), "dim"))
