"""The parameters in numbers, and what the model predicts."""

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from tui_regress.engine.objective import sample_gradients
from tui_regress.experiment import Logistic
from tui_regress.text import printable
from tui_regress.tui.numbers import number
from tui_regress.tui.session import Session
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.metrics import metrics_tables
from tui_regress.tui.widgets.pane import Pane

_WIDTH = 8
_COLUMNS = ("value", "exact", "true", "gradient")
_ROOMY = 34
"""Cells from which predictions are laid out with arrows."""
_SAMPLES = 12
"""Rows whose single gradients are listed when training goes sample by sample."""


class NumberTable(DataTable[Text]):
    """Rows of numbers under fixed columns. Only the rows in sight are ever written: thousands cost no more than ten."""

    def __init__(self) -> None:
        super().__init__(cursor_type="none", zebra_stripes=False, show_row_labels=False, cell_padding=0)
        self._names: tuple[str, ...] = ()
        self._headings: tuple[str, ...] = ()
        self._layout: tuple[object, ...] = ()
        self._columns_of: list[NDArray[np.float64] | None] = []

    def show(self, names: tuple[str, ...], columns: dict[str, NDArray[np.float64] | None], name_width: int) -> None:
        """``names`` of the p rows, and per heading p numbers, or None where they are unknown."""
        layout = names, tuple(columns), name_width
        if layout != self._layout:
            self._layout = layout
            self._names, self._headings = names, tuple(columns)
            self.clear(columns=True)
            self.add_column("", key="name", width=name_width)
            for heading in columns:
                self.add_column(Text(heading, justify="right"), key=heading, width=_WIDTH + 1)
            blank = [Text("")] * len(columns)
            for row, name in enumerate(names):
                self.add_row(Text(printable(name, name_width)), *blank, key=str(row))
        self._columns_of = list(columns.values())
        self._fill()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fill the rows that came into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._fill()

    def on_resize(self, _event: events.Resize) -> None:
        """Fill the rows that came into sight."""
        self._fill()

    def _fill(self) -> None:
        first = int(self.scroll_y)
        for row in range(first, min(len(self._names), first + max(1, self.size.height))):
            for heading, column in zip(self._headings, self._columns_of, strict=True):
                text = "·" if column is None else number(float(column[row]))
                cell = Text(text, justify="right", style="dim" if column is None else "")
                if self.get_cell(str(row), heading) != cell:
                    self.update_cell(str(row), heading, cell)


class ParametersPane(Pane, Vertical):
    """Value, exact, true and gradient of each parameter; predictions; single gradients in per-sample training."""

    ALLOW_MAXIMIZE = True

    def __init__(self) -> None:
        super().__init__(id="parameters", classes="pane result")
        self._detailed: tuple[object, ...] | None = None
        """What the details below the table were made of."""
        self.border_title = "Parameters"

    def compose(self) -> ComposeResult:
        """The table, and the text below it."""
        yield NumberTable()
        yield Static(id="details")

    def present(self, session: Session) -> None:
        """Bring the numbers up to date."""
        table = self.query_one(NumberTable)
        history = session.history
        latest, finite = history.latest, history.last_finite
        # A cell for a scrollbar; names give way where they would push out the numbers.
        width = self.scrollable_content_region.width - 1
        name_width = min(_name_width(session.names), max(4, width - 2 * (_WIDTH + 1)))
        room = (width - name_width) // (_WIDTH + 1)
        exact = session.exact.parameters if session.exact else None
        columns = {
            "value": session.shown_parameters,
            "exact": _cleaned(exact) if exact is not None else None,
            "true": _true_parameters(session),
            "gradient": finite.gradient if finite else None,
        }
        # Where the pane is too narrow for all, those that stay do not change in the midst of a run.
        known = {"value": True, "exact": columns["exact"] is not None, "true": columns["true"] is not None}
        ranked = sorted(_COLUMNS, key=lambda heading: (not known.get(heading, True), _COLUMNS.index(heading)))
        wanted = ranked[: max(2, room)]
        table.show(session.names, {heading: columns[heading] for heading in _COLUMNS if heading in wanted}, name_width)
        ran_off = finite is not None and latest is not finite and latest is not None and latest.epoch != finite.epoch
        subtitle = f"last finite: epoch {finite.epoch:,}" if finite and ran_off else ""
        if session.ended is not None and session.ended.stop == "early-stopping":
            subtitle = f"best on validation: epoch {session.ended.record:,}"
        self.head("Parameters", subtitle)
        self._detail(session)

    def _detail(self, session: Session) -> None:
        """Bring up to date what stands below the table."""
        width, held_out = self.content_size.width, inks(self.app)["held-out"]
        samples = _sample_lines(session)
        measured, predictions = session.measured, session.predictions
        frame = width, held_out, session.exact, session.experiment, measured is None, len(predictions), len(samples)
        made_of = frame, measured, predictions, samples
        if made_of == self._detailed:
            return
        # Other numbers in the same places: then all the rest of the screen stays where it is.
        moved = self._detailed is None or frame != self._detailed[0]
        self._detailed = made_of
        parts = _details(session, width, held_out, samples)
        self.set_class(bool(parts), "-detailed")
        self.query_one("#details", Static).update(Group(*parts), layout=moved)


def _name_width(names: tuple[str, ...]) -> int:
    return max([4, *(min(18, len(name)) for name in names[:500])])


def _cleaned(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the dust of rounding: a bias of 4e-16 beside a weight of 2 is 0."""
    return np.where(np.abs(exact) < 1e-12 * np.abs(exact).max(initial=1.0), 0.0, exact)


def _true_parameters(session: Session) -> NDArray[np.float64] | None:
    if session.dataset is None or session.dataset.true_parameters is None:
        return None
    return session.dataset.true_parameters[: len(session.names)]


def _details(session: Session, width: int, held_out: str, samples: list[Text]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for metrics in metrics_tables(session, width, held_out):
        parts += [metrics, ""]
    if session.exact and session.exact.note:
        parts += [Text.assemble(("exact  ", "dim"), session.exact.note), ""]
    if predictions := session.predictions:
        what = "prediction"
        if isinstance(session.experiment.model, Logistic):
            labels = session.dataset.labels if session.dataset else None
            what = f"P({printable(labels[1], 10) if labels else 1})"
        headings = (what, "before", "→", "after") if width >= _ROOMY else ("at", "before", "after")
        table = Table.grid(padding=(0, 1))
        table.add_column(max_width=14, no_wrap=True)
        for _ in headings[1:]:
            table.add_column(justify="right", no_wrap=True)
        table.add_row(*(Text(heading, "dim") for heading in headings))
        for prediction in predictions:
            at = ", ".join(f"{value:g}" for value in prediction.x)
            numbers = (number(prediction.before), "·" if prediction.after is None else number(prediction.after))
            table.add_row(*((f"at {at}", numbers[0], "→", numbers[1]) if width >= _ROOMY else (at, *numbers)))
        parts.append(table)
    if samples:
        parts += ["", *samples]
    return parts


def _sample_lines(session: Session) -> list[Text]:
    dataset, now = session.dataset, session.parameters
    if dataset is None or now is None or session.experiment.training.batch_size != 1 or dataset.rows > _SAMPLES:
        return []
    gradients = sample_gradients(session.experiment.model, now, dataset.X, dataset.y)
    lines = [Text("sample           gradient of its loss", "dim")]
    for row, gradient in enumerate(gradients):
        x = ", ".join(f"{value:g}" for value in dataset.X[row])
        label = f"x {x}, y {dataset.y[row]:g}"
        lines.append(Text(f"{label:<16.16} " + "  ".join(f"{number(float(value)):>9}" for value in gradient)))
    return lines
