"""Numbers in columns, a row each. Only the rows in sight are ever written: thousands cost no more than ten."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.color import Color
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_regress.text import printable
from tui_regress.tui.numbers import number

COLUMN = 9
"""Cells of a column of numbers, the blank before a number among them."""
_HEADING = "number-table--heading"
_UNKNOWN = Style(dim=True)


class _Looks(NamedTuple):
    """How things are painted."""

    row: Style
    heading: Style
    beyond: Style
    """The line of headings, to the right of the last one."""
    headings: list[Style]
    cells: list[tuple[Style, Style]]
    """By column, for numbers that are known and for those that are not."""


class NumberTable(ScrollView, can_focus=True):
    """Rows of numbers under a fixed line of headings."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {_HEADING}
    BINDINGS = [
        Binding("ctrl+home", "scroll_home", show=False),
        Binding("ctrl+end", "scroll_end", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._name_width = 0
        self._columns: dict[str, NDArray[np.float64] | None] = {}
        self._written: dict[int, list[str]] = {}
        """By row, what was written of the columns as they are now: all that is painted, at least."""
        self._looks: _Looks | None = None

    def show(self, names: Sequence[str], columns: dict[str, NDArray[np.float64] | None], name_width: int) -> None:
        """``names`` of the p rows, and per heading p numbers, or None where they are unknown."""
        others = names != self._names
        moved = others or name_width != self._name_width or list(columns) != list(self._columns)
        self._names, self._name_width, self._columns = names, name_width, columns
        before, self._written = self._written, {}
        if others:
            self.scroll_to(y=0, animate=False)
        if moved:
            self._looks = None
            self.virtual_size = Size(0, len(names) + 1)
            self.refresh()
            return
        top, width = self.scroll_offset.y, self.size.width
        rows = range(top, min(len(names), top + self._rows_in_sight))
        if changed := [Region(0, 1 + row - top, width, 1) for row in rows if self._numbers(row) != before.get(row)]:
            self.refresh(*changed)

    def notify_style_update(self) -> None:
        """Other colours."""
        self._looks = None
        super().notify_style_update()

    def action_page_down(self) -> None:
        """By as many rows as are in sight, of which Textual would pass over one: that below the headings."""
        self.scroll_relative(y=self._rows_in_sight)

    def action_page_up(self) -> None:
        """By as many rows as are in sight."""
        self.scroll_relative(y=-self._rows_in_sight)

    def render_line(self, y: int) -> Strip:
        """The headings, or the row that is in sight on line ``y``."""
        # Textual works the styles out anew from all that is around the widget.
        looks = self._looks = self._looks or self._looked_up()
        width, row = self.size.width, self.scroll_offset.y + y - 1
        if not self._columns or row >= len(self._names):
            return Strip.blank(width, looks.row)
        if y == 0:
            name, numbers = "", [f"{heading:>{COLUMN}}" for heading in self._columns]
            base, beyond, paints = looks.heading, looks.beyond, looks.headings
        else:
            name, numbers = self._names[row], self._numbers(row)
            base = beyond = looks.row
            unknown = (values is None for values in self._columns.values())
            paints = [cells[dim] for cells, dim in zip(looks.cells, unknown, strict=True)]
        segments = [Segment(_name_cell(name, self._name_width), base), *map(Segment, numbers, paints)]
        return Strip(segments, self._name_width + COLUMN * len(numbers)).adjust_cell_length(width, beyond)

    def _looked_up(self) -> _Looks:
        row, heading = self.rich_style, self.get_component_rich_style(_HEADING)
        # Where the headings are tinted, as they are with the focus, the tint fades out.
        faded = heading.bgcolor and Color.from_rich_color(heading.bgcolor).blend(self.background_colors[1], 0.25)
        beyond = Style.from_color(heading.color, faded and faded.rich_color)
        apart = list(map(_apart, self._columns))
        cells = [(row + column, row + column + _UNKNOWN) for column in apart]
        return _Looks(row, heading, beyond, [heading + column for column in apart], cells)

    @property
    def _rows_in_sight(self) -> int:
        return max(0, self.size.height - 1)

    def _numbers(self, row: int) -> list[str]:
        """The numbers of ``row``, each over the width of its column."""
        if row not in self._written:
            texts = ("·" if values is None else number(float(values[row])) for values in self._columns.values())
            self._written[row] = [f"{text:>{COLUMN}}" for text in texts]
        return self._written[row]


@lru_cache
def _apart(column: str) -> Style:
    """Keeps the cells of a column texts of their own in a picture of the screen, where they line up in any font."""
    return Style.from_meta({"column": column})


@lru_cache(maxsize=256)
def _name_cell(name: str, width: int) -> str:
    return set_cell_size(printable(name, width), width)
