"""The forecast: the learning rate against its limit, and in words what it will do."""

import math

from rich.text import Text
from textual.widgets import Static

from tui_regress.engine.sentences import explain
from tui_regress.engine.stability import Forecast
from tui_regress.text import short
from tui_regress.tui.layout import flow
from tui_regress.tui.session import Session
from tui_regress.tui.themes import inks
from tui_regress.tui.widgets.pane import Pane

SAFE, NEAR = 0.8, 1.0
"""Shares of the limit from which the meter warns, and from which it is over."""
_DECADES_BELOW, _DECADES_ABOVE = 3.0, 1.0
"""What the meter spans around the limit."""


class StabilityPane(Pane, Static):
    """A meter and the forecast in sentences."""

    ALLOW_MAXIMIZE = True

    _shown: Text | None = None

    def __init__(self) -> None:
        super().__init__(id="stability", classes="pane result")
        self.border_title = "Stability"

    def present(self, session: Session) -> None:
        """Meter and words."""
        kind, text = self._said(session)
        self.head("Stability", f"{kind} · i explains" if kind else "")
        if text != self._shown:
            self._shown = text
            self.update(text)

    def _said(self, session: Session) -> tuple[str, Text]:
        """The kind of the forecast, "" without one, and what there is to say of it."""
        forecast = session.forecast
        if forecast is None:
            return "", Text("no forecast without data" if session.problems else "looking ahead …", "dim")
        if session.draft.problems:
            return "", Text("no forecast while a setting is wrong", "dim")
        variables = inks(self.app)
        lr = session.experiment.optimizer.lr
        if not 0 < forecast.limit < math.inf:
            return forecast.kind, Text("\n").join((Text(explain(forecast)[0]), Text(" · ").join(figures(forecast))))
        level = level_of(lr / forecast.limit)
        # Beyond a bound that is only sufficient, nothing is known: no cause for alarm.
        over = "warning" if forecast.kind == "bound" else "error"
        colour = variables[{"safe": "success", "near": "warning", "over": over}[level]]
        width = max(10, self.content_size.width)
        bar = meter(forecast, lr, width, colour, variables["muted"], variables["foreground"])
        share = f"{_WORDS[level]} {share_in_words(lr / forecast.limit)} the {limit_name(forecast)}"
        line = flow([Text(share, f"bold {colour}"), *figures(forecast)], " · ", width)
        return forecast.kind, Text("\n").join((bar, line, Text(outlook(forecast))))


_WORDS = {"safe": "Stable:", "near": "Near:", "over": "Over:"}


def level_of(share: float) -> str:
    """How near the limit a learning rate is: safe, near or over."""
    return "safe" if share < SAFE else "near" if share <= NEAR else "over"


def share_in_words(share: float) -> str:
    """``under 1 % of``, ``12 % of``, ``39,621 times``."""
    if share < 0.01:
        return "under 1 % of"
    return f"{100 * share:.0f} % of" if share < 10 else f"{share:,.0f} times"


def limit_name(forecast: Forecast) -> str:
    """What the limit is."""
    return "safe bound" if forecast.kind == "bound" else "limit"


def meter(forecast: Forecast, lr: float, width: int, colour: str, muted: str, plain: str) -> Text:
    """One line of ``width`` cells: lr on a log scale as a bar, the limit as ``┃``, the fastest lr as ``◆``."""
    left, right = f"lr {lr:g} ", f" {limit_name(forecast)} {short(forecast.limit)}"
    cells = width - len(left) - len(right)
    if cells < 8:
        return Text.assemble((left.rstrip(), colour), (right, plain))

    def place(rate: float) -> int:
        decades = math.log10(rate) - math.log10(forecast.limit) + _DECADES_BELOW
        return round(min(max(decades / (_DECADES_BELOW + _DECADES_ABOVE), 0.0), 1.0) * (cells - 1))

    # Over is over and under is under, also where the two are nearer than a cell.
    at, limit = place(lr), place(forecast.limit)
    at = max(at, limit + 1) if lr > forecast.limit else min(at, limit - 1) if lr < forecast.limit else at
    bar = Text("━" * (at + 1), colour) + Text("─" * (cells - 1 - at), muted)
    marks = [(limit, "┃")]
    if forecast.fastest is not None:
        fastest = place(forecast.fastest)
        marks.append((fastest - 1 if fastest == limit else fastest, "◆"))
    for cell, sign in marks:
        bar = bar[:cell] + Text(sign, f"bold {plain}") + bar[cell + 1 :]
    return Text.assemble((left, f"bold {colour}"), bar, (right, plain))


def figures(forecast: Forecast) -> list[Text]:
    """The figures of the forecast, a phrase each."""
    parts: list[str] = [forecast.regime]
    if math.isfinite(forecast.condition):
        parts.append(f"κ {short(forecast.condition)}")
    if forecast.fastest is not None:
        parts.append(f"◆ fastest {short(forecast.fastest)}")
    return [Text(part) for part in parts]


def outlook(forecast: Forecast) -> str:
    """What comes of it, in one sentence."""
    if forecast.growth is None and forecast.kind == "estimated":
        return "The loss comes down, and hovers where the rows of the batches disagree."
    if forecast.growth is not None:
        end = f"; {forecast.dtype} overflows at epoch {forecast.overflow_epoch:,}" if forecast.overflow_epoch else ""
        return f"The loss will grow ×{short(forecast.growth)} per epoch{end}."
    if forecast.epochs_to_1e6 is not None:
        return f"The excess over the lowest loss is a millionth after {forecast.epochs_to_1e6:,} epochs."
    return explain(forecast)[0].partition(": ")[2].capitalize()
