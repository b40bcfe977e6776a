"""The list of kept runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.widgets import DataTable

from tui_regress.runs.kept import Unreadable
from tui_regress.text import printable
from tui_regress.tui import kept_runs
from tui_regress.tui.marks import LETTERS
from tui_regress.tui.themes import STATUS_INKS, inks

if TYPE_CHECKING:
    from tui_regress.runs.kept import Listed, Summary

LETTER_INKS = ("accent", "warning", "success", "held-out", "error", "foreground")
"""The colours of the letters that stand for the runs compared, by the names of the theme."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the list."""

    key: str
    heading: str
    width: int
    rank: int
    """In a narrow terminal the columns of high ranks are left out."""
    number: bool = False


_COLUMNS = (
    _Column("run", "run", 5, 0, number=True),
    _Column("when", "when", 12, 6),
    _Column("experiment", "experiment", 13, 2),
    _Column("status", "status", 13, 1),
    _Column("epochs", "epochs", 12, 7, number=True),
    _Column("loss", "loss", 8, 3, number=True),
    _Column("validation", "validation", 10, 8, number=True),
    _Column("metric", "metric", 11, 5, number=True),
    _Column("optimizer", "optimizer lr", 13, 4),
    _Column("seconds", "time", 7, 9, number=True),
)
_WIDEST_NAME = 32


class RunTable(DataTable[Text]):
    """One line per run, the newest on top; the cursor stays on its run whatever comes and goes."""

    BINDINGS = [
        Binding("enter", "screen.choose('open')", "open", key_display="enter"),
        Binding("home", "scroll_top", "first run", show=False),
        Binding("end", "scroll_bottom", "last run", show=False),
    ]

    def __init__(self, zone: tzinfo | None) -> None:
        super().__init__(
            cursor_type="row", show_row_labels=False, cell_padding=1, cursor_foreground_priority="renderable"
        )
        self._zone = zone
        self._look: tuple[object, ...] = ()
        self._asked: tuple[Sequence[Listed], Mapping[int, int], datetime] | None = None
        self._shown: dict[str, tuple[Listed, int | None]] = {}

    @property
    def current(self) -> int | None:
        """The run under the cursor; None in an empty list."""
        return int(str(self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value)) if self.row_count else None

    def has_column(self, key: str) -> bool:
        """Whether there is room for the column of that key."""
        return key in self.columns

    def show(self, runs: Sequence["Listed"], marks: Mapping[int, int], now: datetime) -> None:
        """List ``runs``; ``marks`` gives the letter, by its place in LETTERS, of those that are compared."""
        self._asked = runs, marks, now
        colours = inks(self.app)
        columns = _fitting(self.scrollable_content_region.width, runs)
        current, row = self.current, self.cursor_row
        # Lines are written anew where another width, other colours or another day change them all.
        look = columns, tuple(colours.items()), now.astimezone(self._zone).date()
        if look != self._look:
            self._look = look
            self._lay_out(columns)
        self._bring_up_to_date(runs, marks, now, columns, colours)
        keys = {run.run_id: place for place, run in enumerate(runs)}
        self.move_cursor(row=row if current is None else keys.get(current, row))

    def on_resize(self, _event: events.Resize) -> None:
        """Choose the columns for the width there is."""
        if self._asked is not None:
            self.show(*self._asked)

    def redraw(self) -> None:
        """Everything again, in the colours of the theme."""
        if self._asked is not None:
            self.show(*self._asked)

    def _lay_out(self, columns: Sequence[_Column]) -> None:
        self.clear(columns=True)
        self._shown = {}
        for column in columns:
            self.add_column(
                Text(column.heading, justify="right" if column.number else "left"), key=column.key, width=column.width
            )

    def _bring_up_to_date(
        self,
        runs: Sequence["Listed"],
        marks: Mapping[int, int],
        now: datetime,
        columns: Sequence[_Column],
        colours: Mapping[str, str],
    ) -> None:
        wanted = {str(run.run_id): (run, marks.get(run.run_id)) for run in runs}
        for key in [key for key in self._shown if key not in wanted]:
            self.remove_row(key)
        before = self._shown
        self._shown = wanted
        for key, line in wanted.items():
            if before.get(key) == line:
                continue
            run, letter = line
            if isinstance(run, Unreadable):
                cells = _unreadable(run, colours["muted"])
            else:
                cells = self._cells(run, letter, now, colours)
            if key not in before:
                self.add_row(*(cells[column.key] for column in columns), key=key)
                continue
            for column in columns:
                if self.get_cell(key, column.key) != cells[column.key]:
                    self.update_cell(key, column.key, cells[column.key])
        if [str(row.key.value) for row in self.ordered_rows] != list(wanted):
            places = {run.run_id: place for place, run in enumerate(runs)}
            self.sort("run", key=lambda cell: places[int(cell.plain.split()[-1])])

    def _cells(self, run: "Summary", letter: int | None, now: datetime, colours: Mapping[str, str]) -> dict[str, Text]:
        colour = colours[STATUS_INKS[run.status]]
        number = Text(str(run.run_id), justify="right")
        if letter is not None:
            number = Text.assemble((f"{LETTERS[letter]} ", f"bold {colours[LETTER_INKS[letter]]}"), number)
            number.justify = "right"
        held_out = run.validation_loss
        muted = colours["muted"]
        return {
            "run": number,
            "when": Text(kept_runs.when(run.began, now, self._zone), muted),
            "experiment": _name(run.name),
            "status": Text.assemble(("● ", colour), (run.status.upper(), colour)),
            "epochs": Text(kept_runs.epochs(run), justify="right"),
            "loss": Text(kept_runs.figure(run.loss), justify="right"),
            "validation": Text(kept_runs.figure(held_out), "" if held_out is not None else muted, justify="right"),
            "metric": Text(kept_runs.metric(run), "" if run.metrics else muted, justify="right"),
            "optimizer": Text(kept_runs.optimizer(run.experiment)),
            "seconds": Text(kept_runs.duration(run.seconds), muted, justify="right"),
        }


def _unreadable(run: Unreadable, muted: str) -> dict[str, Text]:
    """The cells of a run of which nothing else is known."""
    return dict.fromkeys((column.key for column in _COLUMNS), Text("")) | {
        "run": Text(str(run.run_id), muted, justify="right"),
        "experiment": _name(run.name, muted),
        "status": Text("● UNREADABLE", muted),
    }


def _name(name: str, style: str = "") -> Text:
    return Text(printable(name), style, no_wrap=True, overflow="ellipsis")


def _fitting(width: int, runs: Sequence["Listed"]) -> tuple[_Column, ...]:
    """The most important columns for ``runs`` that fit into ``width`` cells; the name takes what they leave."""
    highest = max((run.run_id for run in runs), default=0)
    held_out = any(not isinstance(run, Unreadable) and run.validation_loss is not None for run in runs)
    columns = [
        replace(column, width=len(f"A {highest:3}")) if column.key == "run" else column
        for column in _COLUMNS
        if held_out or column.key != "validation"
    ]
    room = width
    kept: set[str] = set()
    for column in sorted(columns, key=lambda column: column.rank):
        if len(kept) > 1 and room < column.width + 2:
            break
        kept.add(column.key)
        room -= column.width + 2
    return tuple(
        replace(column, width=min(_WIDEST_NAME, column.width + max(0, room))) if column.key == "experiment" else column
        for column in columns
        if column.key in kept
    )
