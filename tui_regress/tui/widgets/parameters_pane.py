"""The parameters in numbers, and what the model predicts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rich import get_console
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from tui_regress.engine.objective import sample_gradients
from tui_regress.experiment import Logistic
from tui_regress.text import printable
from tui_regress.tui.numbers import number
from tui_regress.tui.session import Prediction, Session
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.grid import Cell, grid, width_of
from tui_regress.tui.widgets.lines import Lines
from tui_regress.tui.widgets.metrics import metrics_grids
from tui_regress.tui.widgets.number_table import COLUMN, NumberTable
from tui_regress.tui.widgets.pane import Pane

_COLUMNS = ("value", "exact", "true", "gradient")
_ROOMY = 34
"""Cells from which predictions are laid out with arrows."""
_POINT = 14
"""Cells of a point that is predicted at, at most."""
_SAMPLES = 12
"""Rows whose single gradients are listed when training goes sample by sample."""


class _Details(Lines):
    FILLED = False


class ParametersPane(Pane, Vertical):
    """Value, exact, true and gradient of each parameter; predictions; single gradients in per-sample training."""

    ALLOW_MAXIMIZE = True

    def __init__(self) -> None:
        super().__init__(id="parameters", classes="pane result")
        self.border_title = "Parameters"

    def compose(self) -> ComposeResult:
        """The table, and the text below it."""
        yield NumberTable()
        yield _Details(id="details")

    def present(self, session: Session) -> None:
        """Bring the numbers up to date."""
        history, names = session.history, session.names
        latest, finite = history.latest, history.last_finite
        # A cell for a scrollbar; names give way where they would push out the numbers.
        width = self.scrollable_content_region.width - 1
        name_width = min(_name_width(names), max(4, width - 2 * COLUMN))
        room = (width - name_width) // COLUMN
        exact = session.exact.parameters if session.exact else None
        columns = {
            "value": session.shown_parameters,
            "exact": _cleaned(exact) if exact is not None else None,
            "true": _true_parameters(session, len(names)),
            "gradient": finite.gradient if finite else None,
        }
        # Where the pane is too narrow for all, those that stay do not change in the midst of a run.
        known = {"value": True, "exact": columns["exact"] is not None, "true": columns["true"] is not None}
        ranked = sorted(_COLUMNS, key=lambda heading: (not known.get(heading, True), _COLUMNS.index(heading)))
        wanted = ranked[: max(2, room)]
        shown = {heading: columns[heading] for heading in _COLUMNS if heading in wanted}
        self.query_one(NumberTable).show(names, shown, name_width)
        ran_off = finite is not None and latest is not finite and latest is not None and latest.epoch != finite.epoch
        subtitle = f"last finite: epoch {finite.epoch:,}" if finite and ran_off else ""
        if session.ended is not None and session.ended.stop == "early-stopping":
            subtitle = f"best on validation: epoch {session.ended.record:,}"
        self.head("Parameters", subtitle)
        blocks = list(_details(session, self.scrollable_content_region.width, inks(self.app)["held-out"]))
        self.set_class(bool(blocks), "-detailed")
        self.query_one(_Details).put(Text("\n\n").join(map(Text("\n").join, blocks)))


def _name_width(names: tuple[str, ...]) -> int:
    return max([4, *(min(18, len(name)) for name in names[:500])])


def _cleaned(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the dust of rounding: a bias of 4e-16 beside a weight of 2 is 0."""
    return np.where(np.abs(exact) < 1e-12 * np.abs(exact).max(initial=1.0), 0.0, exact)


def _true_parameters(session: Session, count: int) -> NDArray[np.float64] | None:
    if session.dataset is None or session.dataset.true_parameters is None:
        return None
    return session.dataset.true_parameters[:count]


def _details(session: Session, width: int, held_out: str) -> Iterator[list[Text]]:
    """What stands below the table, in blocks of lines."""
    yield from metrics_grids(session, width, held_out)
    if session.exact and session.exact.note:
        yield _wrapped(Text.assemble(("exact  ", "dim"), session.exact.note), width)
    if predictions := session.predictions:
        what = "prediction"
        if isinstance(session.experiment.model, Logistic):
            labels = session.dataset.labels if session.dataset else None
            what = f"P({printable(labels[1], 10) if labels else 1})"
        yield _predicted(predictions, what, width)
    if samples := _sample_lines(session):
        yield [line for sample in samples for line in _wrapped(sample, width)]


def _predicted(predictions: tuple[Prediction, ...], what: str, width: int) -> list[Text]:
    roomy = width >= _ROOMY
    headings = (what, "before", "→", "after") if roomy else ("at", "before", "after")
    rows: list[list[Cell]] = [[(heading, "dim") for heading in headings]]
    for prediction in predictions:
        at = ", ".join(f"{value:g}" for value in prediction.x)
        numbers = number(prediction.before), "·" if prediction.after is None else number(prediction.after)
        texts = (f"at {at}", numbers[0], "→", numbers[1]) if roomy else (at, *numbers)
        rows.append([(text, "") for text in texts])
    points, *others = zip(*rows, strict=True)
    return grid(rows, [min(_POINT, width_of(points)), *map(width_of, others)], width, gap=1)


def _wrapped(text: Text, width: int) -> list[Text]:
    return [text] if text.cell_len <= width else list(text.wrap(get_console(), max(1, width)))


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
