"""What there is to see of one kept run, or of several side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from tui_regress.engine.events import FloatArray
from tui_regress.text import printable
from tui_regress.tui import charts, kept_runs
from tui_regress.tui.charts.compare import Series, compare_chart
from tui_regress.tui.layout import flow
from tui_regress.tui.marks import LETTERS
from tui_regress.tui.numbers import count, number
from tui_regress.tui.themes import STATUS_INKS, inks, palette
from tui_regress.tui.widgets.run_table import LETTER_INKS

if TYPE_CHECKING:
    from tui_regress.runs.kept import KeptRun, Summary, Unreadable

Curves = Literal["training and validation", "training", "validation"]
"""Which losses of runs that are compared are drawn."""
CURVES: tuple[Curves, ...] = get_args(Curves)

_PARAMETERS = 8
_FEW = 3
"""Runs of which both losses can be told apart in one chart."""
_STORY_WIDTH = 52
"""Cells of the words beside the chart of one run."""
_NAME_WIDTH = 13
"""Cells of a setting's name, with the gap after it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run to show."""

    run: "Summary"
    kept: "KeptRun | str"
    """A sentence while it cannot be shown: it is being read, or that went wrong."""
    letter: int
    """Its place in LETTERS where several are shown."""


class RunChart(Widget):
    """The loss of one run with all that is known of it, or the losses of several."""

    log_axis = reactive(True)
    chosen_curves: reactive[Curves | None] = reactive(None)
    """None: as many as can be told apart."""

    def __init__(self) -> None:
        super().__init__(id="run-chart")
        self._shown: Sequence[Shown] = ()
        self._instead = ""

    @property
    def curves(self) -> Curves | None:
        """Which losses are drawn; None where there is nothing to choose."""
        if len(self._shown) < 2 or all(one.run.validation_loss is None for one in self._shown):
            return None
        return self.chosen_curves or CURVES[len(self._shown) > _FEW]

    def next_curves(self) -> None:
        """Draw the next choice of losses."""
        if (curves := self.curves) is not None:
            self.chosen_curves = CURVES[(CURVES.index(curves) + 1) % len(CURVES)]

    def show(self, shown: Sequence[Shown]) -> None:
        """Draw ``shown``."""
        self._shown, self._instead = shown, ""
        self.refresh()

    def say(self, sentence: str) -> None:
        """Show ``sentence`` where there is nothing to draw."""
        self._shown, self._instead = (), sentence
        self.refresh()

    def render(self) -> Text:
        """The chart at the widget's size."""
        width, height = self.content_size
        colours = palette(self.app)
        kept = [one.kept for one in self._shown if not isinstance(one.kept, str)]
        missing = next((one.kept for one in self._shown if isinstance(one.kept, str)), self._instead)
        if missing or not kept:
            return charts.message_chart(missing, width, height, colours)
        if len(kept) == 1:
            return self._one(kept[0], width, height, colours)
        styles = [inks(self.app)[ink] for ink in LETTER_INKS]
        curves, series = self.curves or "training", list[Series]()
        for one, run in zip(self._shown, kept, strict=True):
            losses, held_out = run.losses
            if curves == "validation":
                losses = losses[:0]
            name = LETTERS[one.letter], str(one.run.run_id)
            series.append(Series(*name, losses, styles[one.letter], None if curves == "training" else held_out))
        return compare_chart(series, width, height, colours, log=self.log_axis)

    def _one(self, kept: "KeptRun", width: int, height: int, colours: charts.Palette) -> Text:
        verdict, (losses, held_out) = kept.verdict, kept.losses
        if not len(losses):
            return charts.message_chart("It ended before its first record.", width, height, colours)
        mark = charts.Mark(verdict.epoch, f"{verdict.rule}, epoch {verdict.epoch:,}") if verdict else None
        return charts.loss_chart(losses, 0, width, height, colours, log=self.log_axis, validation=held_out, mark=mark)


class RunDetails(Container):
    """The chart, and beside or below it what is known in words."""

    def __init__(self) -> None:
        super().__init__(id="details-pane", classes="pane")
        self._shown: Sequence[Shown] = ()
        self._before: Summary | None = None
        self._unreadable: Unreadable | None = None

    def compose(self) -> ComposeResult:
        """Chart and text."""
        yield RunChart()
        with VerticalScroll(id="run-words"):
            yield Static(id="run-text")

    def show(self, shown: Sequence[Shown], before: "Summary | None" = None) -> None:
        """One run, whose settings are told against those of ``before``; or several, to compare."""
        self._shown, self._before, self._unreadable = shown, before, None
        self.redraw()

    def show_unreadable(self, run: "Unreadable") -> None:
        """Of a run that cannot be read, why."""
        self._shown, self._before, self._unreadable = (), None, run
        self.redraw()

    def redraw(self) -> None:
        """Everything again, for the size and the colours there are."""
        if self._unreadable is not None:
            self._redraw_unreadable(self._unreadable)
            return
        self.query_one(RunChart).show(self._shown)
        several = len(self._shown) > 1
        self.border_title = _title(self._shown)
        beside = self.screen.has_class("-wide")
        width = _STORY_WIDTH
        if several:
            width = _NAME_WIDTH + len(self._shown) * (_value_width(len(self._shown)) + 1)
        # One more for a scrollbar.
        self.query_one("#run-words").styles.width = width + 1 if beside else None
        text = self.query_one("#run-text", Static)
        if several:
            text.update(_comparison(self._shown, inks(self.app)))
        elif self._shown:
            room = width if beside else max(20, self.content_size.width - 1)
            reason, table = _story(self._shown[0], self._before, room, inks(self.app)["muted"])
            text.update(Group(reason, *([""] * beside), table))

    def _redraw_unreadable(self, run: "Unreadable") -> None:
        self.border_title = Text(f"Run {run.run_id} · {printable(run.name)}")
        self.query_one(RunChart).say("This version cannot read this run.")
        wide = self.screen.has_class("-wide")
        self.query_one("#run-words").styles.width = _STORY_WIDTH + 1 if wide else None
        self.query_one("#run-text", Static).update(Text(printable(run.reason, 600)))

    def on_resize(self) -> None:
        """Lay out anew for the size there is."""
        self.call_after_refresh(self.redraw)


def _value_width(runs: int) -> int:
    """Cells of a setting's value in each of so many columns."""
    return max(9, min(16, 45 // runs))


def _title(shown: Sequence[Shown]) -> Text:
    if len(shown) == 1:
        run = shown[0].run
        return Text(f"Run {run.run_id} · {printable(run.name)} · {run.experiment.model.loss}")
    losses = {one.run.experiment.model.loss: None for one in shown}
    kinds = "different losses: " + ", ".join(losses) if len(losses) > 1 else "".join(losses)
    return Text(f"{len(shown)} runs compared · {kinds}" if shown else "")


def _story(shown: Shown, before: "Summary | None", width: int, muted: str) -> tuple[Text, Table]:
    """What became of a run, what it was, what it gave, and what was changed."""
    run = shown.run
    kept = None if isinstance(shown.kept, str) else shown.kept
    lines = [("settings", " · ", _settings(run, kept))]
    if kept is not None and kept.measured is not None:
        measured = (("training", kept.measured.training), ("validation", kept.measured.validation))
        lines += [
            (rows, " · ", [f"{name} {number(value)}" for name, value in metrics.figures()])
            for rows, metrics in measured
            if metrics is not None
        ]
    if kept is not None and kept.parameters is not None:
        lines.append((f"at {kept.record:,}", "  ", _parameters(kept.parameter_names, kept.parameters)))
    if before is not None:
        changes = kept_runs.differing((before.experiment, run.experiment))
        said = [f"{name} {then} → {now}".replace("\n", " ") for name, (then, now) in changes]
        lines.append((f"since {before.run_id}", ", ", said or ["the same settings"]))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_NAME_WIDTH - 1, style=muted)
    table.add_column()
    for heading, gap, phrases in lines:
        room = width - _NAME_WIDTH
        table.add_row(heading, flow((Text(printable(phrase, max(4, room))) for phrase in phrases), gap, room))
    return Text(kept_runs.reason(run)), table


def _settings(run: "Summary", kept: "KeptRun | None") -> list[str]:
    experiment = run.experiment
    batch = experiment.training.batch_size
    held_out = f" + {kept.validation_rows:,} held out" if kept is not None and kept.validation_rows else ""
    rows = [] if kept is None else [f"{kept.rows:,} rows{held_out}"]
    rule, lr = kept_runs.optimizer(experiment).split()
    return [*rows, rule, f"lr {lr}", f"batch {batch:,}" if batch else "full batch", run.device, run.gradient]


def _parameters(names: Sequence[str], values: FloatArray) -> list[str]:
    named = list(zip(names, values, strict=True))
    said = [f"{printable(name, 20)} {number(float(value))}" for name, value in named[:_PARAMETERS]]
    return said + [f"and {len(named) - _PARAMETERS:,} more"] * (len(named) > _PARAMETERS)


def _comparison(shown: Sequence[Shown], colours: dict[str, str]) -> Table:
    """One column per run: what came of it, and the settings in which it differs from the others."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_NAME_WIDTH - 1, no_wrap=True, overflow="ellipsis", style=colours["muted"])
    for _ in shown:
        table.add_column(width=_value_width(len(shown)), no_wrap=True, overflow="ellipsis", justify="right")
    runs = [one.run for one in shown]
    heads = [(f"{LETTERS[one.letter]} {one.run.run_id}", f"bold {colours[LETTER_INKS[one.letter]]}") for one in shown]
    table.add_row("run", *(Text(head, style) for head, style in heads))
    table.add_row("loss", *(Text(kept_runs.figure(run.loss)) for run in runs))
    if any(run.validation_loss is not None for run in runs):
        table.add_row("validation", *(Text(kept_runs.figure(run.validation_loss)) for run in runs))
    if any(run.metrics for run in runs):
        table.add_row("metric", *(Text(kept_runs.metric(run)) for run in runs))
    for name, values in kept_runs.differing([run.experiment for run in runs]):
        table.add_row(name, *map(Text, values))
    table.add_row("status", *(Text(run.status, colours[STATUS_INKS[run.status]]) for run in runs))
    table.add_row("trained", *(Text(count(run.epoch)) for run in runs))
    table.add_row("time", *(Text(kept_runs.duration(run.seconds)) for run in runs))
    return table
