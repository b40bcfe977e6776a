"""The runs of the past: to open, compare, run again, continue and delete."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.messages import Prune
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Input, Label

from tui_regress.problems import describe
from tui_regress.runs.kept import Summary, Unreadable
from tui_regress.text import printable
from tui_regress.tui.run_list import PAGE, RunList, facts
from tui_regress.tui.screens.delete import DeleteScreen
from tui_regress.tui.store_reader import StoreReader
from tui_regress.tui.widgets.run_details import RunChart, RunDetails, Shown
from tui_regress.tui.widgets.run_table import RunTable

if TYPE_CHECKING:
    from tui_regress.runs.kept import KeptRun, Listed
    from tui_regress.runs.store import Store

Action = Literal["open", "rerun", "continue"]

REFRESH = 3.0
"""Seconds between two looks at the store; longer where a look itself takes long."""
SETTLE = 0.1
"""Seconds the cursor rests on a run before its records are read."""

_EMPTY = (
    "No runs yet. Every run that is started on the main screen is kept here, with its settings, its records and what "
    "became of it: to open, to compare, to run once more."
)


@dataclass(frozen=True, slots=True)
class RunChosen:
    """What to do on the main screen, and with which run."""

    action: Action
    kept: "KeptRun"
    checkpoint: Path | None
    """The file it can be continued from, where it can."""


class RunsScreen(Screen[RunChosen]):
    """The list of kept runs, and below it what there is to see of the one under the cursor or of those compared."""

    CSS_PATH = "runs.tcss"
    AUTO_FOCUS = "RunTable"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-low"), (20, "-high")]
    BINDINGS = [
        Binding("space", "mark", "mark"),
        Binding("s", "choose('rerun')", "rerun"),
        Binding("c", "choose('continue')", "continue"),
        Binding("d,delete", "delete", "delete", key_display="d"),
        Binding("slash", "filter", "find", key_display="/"),
        Binding("y", "toggle_log", "log"),
        Binding("escape", "back", "back", key_display="esc"),
        Binding("q", "back", "back", show=False),
        Binding("v", "next_curves", "curves"),
    ]

    def __init__(
        self,
        store: "Callable[[], Store]",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
    ) -> None:
        """``store`` opens the store and is called in threads; ``zone`` is where the clock hangs, default here."""
        super().__init__()
        self._store = StoreReader(store)
        self._clock = clock
        self._zone = zone
        self._list = RunList()
        self._kept: dict[int, tuple[Summary, KeptRun | str]] = {}
        """The runs in view, as they were read last, or what was wrong then."""
        self._next_look: Timer | None = None
        self._leaving = False
        """Messages that wait when the screen is dismissed still come, but its widgets go before its workers."""
        self._possible: set[str] = set()
        """Keys that can be used now."""

    def compose(self) -> ComposeResult:
        """The list, the details, the keys."""
        with Vertical(classes="pane", id="list"):
            yield Input(placeholder="part of a name, or a status such as diverged", id="filter", compact=True)
            yield Label("reading …", id="notice", markup=False)
            yield RunTable(self._zone)
        yield RunDetails()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the list, and go on looking what becomes of it."""
        self.query_one("#list").border_title = "Past runs"
        self.query_one("#filter").display = False
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._redraw())
        self._look()

    @on(Prune)
    def _leave(self) -> None:
        """No answer of the store may come to a screen whose widgets are on their way out."""
        self._leaving = True
        self.workers.cancel_node(self)
        if self._next_look is not None:
            self._next_look.stop()

    # -- reading

    @work(exclusive=True, group="list")
    async def _look(self) -> None:
        """Read the list, show it, and look again after a while."""
        if self._leaving:
            return
        if self._next_look is not None:
            self._next_look.stop()
        began = time.monotonic()
        try:
            runs = await self._store.listed(self.query_one("#filter", Input).value, self._list.limit)
        except Exception as error:  # a store that cannot be read now may be readable again in a moment
            self._say(describe(error), trouble=True)
        else:
            self._take(runs)
        self._next_look = self.set_timer(max(REFRESH, 10 * (time.monotonic() - began)), self._look)

    @work(exclusive=True, group="details")
    async def _read(self, missing: list[Summary]) -> None:
        """Read the records of runs in view, once the cursor rests."""
        if self._leaving:
            return
        await asyncio.sleep(SETTLE)
        for run in missing:
            try:
                self._kept[run.run_id] = run, await self._store.seen(run.run_id)
            except Exception as error:
                self._kept[run.run_id] = run, printable(describe(error), 400)
        self._show_details()

    @work(exclusive=True, group="choice")
    async def _choose(self, action: Action, run_id: int) -> None:
        try:
            kept, checkpoint = await self._store.whole(run_id)
        except Exception as error:
            self._complain(describe(error))
            return
        # Another dashboard may have continued it since the list was read.
        if action == "continue" and not kept.summary.resumable:
            self._complain(f"Run {run_id} can no longer be continued: it is training, or its checkpoint is gone.")
        else:
            self.dismiss(RunChosen(action, kept, checkpoint if kept.summary.resumable else None))

    @work(exclusive=True, group="choice")
    async def _delete(self, run_id: int) -> None:
        try:
            await self._store.delete(run_id)
        except Exception as error:
            self._complain(describe(error))
        else:
            self._list.marks.drop([run_id])
        self._look()

    # -- what is shown

    def _take(self, runs: "Sequence[Listed]") -> None:
        looked_for = printable(self.query_one("#filter", Input).value.strip(), 60)
        self._list.take(runs, narrowed=bool(looked_for))
        self._say("" if runs else f"No run matches “{looked_for}”." if looked_for else _EMPTY)
        self._show()

    def _show(self) -> None:
        self.query_one(RunTable).show(self._list.runs, self._list.marks.letters, self._clock())
        self.query_one("#list").border_subtitle = self._list.held
        self._show_details()

    def _show_details(self) -> None:
        current, details = self._current, self.query_one(RunDetails)
        runs = self._list.in_view(current)
        there = {run.run_id: self._kept[run.run_id] for run in runs if run.run_id in self._kept}
        self._kept = there
        self.set_class(not runs and current is None, "-empty")
        if not runs and isinstance(current, Unreadable):
            details.show_unreadable(current)
        else:
            kept = (there[run.run_id][1] if run.run_id in there else "reading …" for run in runs)
            shown = [Shown(run, known, self._list.marks.letter(run)) for run, known in zip(runs, kept, strict=True)]
            details.show(shown, self._list.earlier(runs[0]) if len(runs) == 1 else None)
        self._name_view(runs)
        # Laying out the keys anew at every move of the cursor would make it slow.
        possible = {key for key, active in self.active_bindings.items() if active.enabled}
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()
        if missing := [run for run in runs if run.run_id not in there or there[run.run_id][0] != run]:
            self._read(missing)

    def _name_view(self, runs: list[Summary]) -> None:
        """In the corner of the details: which losses are drawn and how, and what the list has no columns for."""
        chart, table, said = self.query_one(RunChart), self.query_one(RunTable), list[str]()
        if len(runs) == 1:
            known = facts(runs[0], self._clock(), self._zone)
            said = [fact for column, fact in known.items() if not table.has_column(column)]
        if chart.curves is not None:
            said.append(chart.curves)
        if runs:
            said.append("log" if chart.log_axis else "linear")
        self.query_one(RunDetails).border_subtitle = " · ".join(said)

    def _redraw(self) -> None:
        self.query_one(RunTable).redraw()
        self.query_one(RunDetails).redraw()

    def _say(self, sentence: str, *, trouble: bool = False) -> None:
        notice = self.query_one("#notice", Label)
        notice.update(printable(sentence, 400))
        notice.set_class(trouble, "problem")
        notice.display = bool(sentence)
        table = self.query_one(RunTable)
        table.display = bool(self._list.runs)
        if self._list.runs and self.focused is None:
            table.focus()

    def _complain(self, sentence: str) -> None:
        self.notify(printable(sentence, 400), severity="error", markup=False)

    # -- what a person does

    @property
    def _current(self) -> "Listed | None":
        return self._list.find(self.query_one(RunTable).current)

    @on(RunTable.RowHighlighted)
    def _cursor_moved(self, event: RunTable.RowHighlighted) -> None:
        if event.cursor_row == len(self._list.runs) - 1 and not self._list.complete:
            self._list.limit += PAGE
            self._look()
        self._show_details()

    @on(RunTable.RowSelected)
    def _clicked_again(self) -> None:
        self.action_choose("open")

    @on(Input.Changed)
    def _filter_typed(self) -> None:
        self._list.limit = PAGE
        self._look()

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self.query_one(RunTable).focus()

    def action_choose(self, action: Action) -> None:
        """Leave with the run under the cursor."""
        if (run := self._current) is not None:
            self._choose(action, run.run_id)

    def action_mark(self) -> None:
        """Compare the run under the cursor, or no longer."""
        if isinstance(run := self._current, Summary):
            self._list.marks.toggle(run)
            self._show()

    @work
    async def action_delete(self) -> None:
        """Ask, and delete the run under the cursor."""
        if (run := self._current) is not None and await self.app.push_screen_wait(DeleteScreen(run)):
            self._delete(run.run_id)

    def action_filter(self) -> None:
        """Show the field that narrows the list."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_toggle_log(self) -> None:
        """Logarithmic or linear loss."""
        chart = self.query_one(RunChart)
        chart.log_axis = not chart.log_axis
        self._name_view(self._list.in_view(self._current))

    def action_next_curves(self) -> None:
        """Of runs compared, the losses of training, those over the rows held out, or both."""
        self.query_one(RunChart).next_curves()
        self._name_view(self._list.in_view(self._current))

    def action_back(self) -> None:
        """One layer back: from the filter to the whole list, from there to the main screen."""
        field = self.query_one("#filter", Input)
        if not field.display:
            self.dismiss(None)
            return
        field.value = ""
        field.display = False
        self.query_one(RunTable).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer shows only what can be done now."""
        if action in ("choose", "mark", "delete", "toggle_log", "next_curves") and isinstance(self.focused, Input):
            return False
        run = self._current if self.is_mounted else None
        match action:
            case "choose":
                return isinstance(run, Summary) and (parameters != ("continue",) or run.resumable)
            case "mark":
                return isinstance(run, Summary) and (run in self._list.marks or not self._list.marks.full)
            case "delete":
                return isinstance(run, Unreadable) or (run is not None and run.status != "running")
            case "toggle_log":
                return self.is_mounted and bool(self._list.in_view(run))
            case "next_curves":
                return self.is_mounted and self.query_one(RunChart).curves is not None
            case "filter":
                return bool(self._list.runs) and not isinstance(self.focused, Input)
        return True
