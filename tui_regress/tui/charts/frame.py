"""A chart in the making: axes around an area, and data drawn into it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui_regress.tui.charts import geometry
from tui_regress.tui.charts.canvas import DOTS_ACROSS, DOTS_DOWN, Canvas, braille, glyphs
from tui_regress.tui.charts.geometry import BoolArray, IntArray
from tui_regress.tui.charts.scales import Axis, FloatArray, Tick

LINE, DASHED, DOTTED, POINT, CIRCLE = "⠒⠒", "⠒ ⠒", "⠂⠂", "•", "◦"
"""How a line, a dashed one, a dotted one, a data point and one held out look in a legend."""

_MOST_DOTS = 1200
"""plotext takes some 13 µs a point: a cloud of more dots is thinned out evenly."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a chart, as rich styles (``#56b4e9``, ``dim``, ``bold red``)."""

    line: str
    """The model as it is, the loss."""
    reference: str
    """What it is compared with: the exact solution, the forecast."""
    held_out: str
    """The rows that training does not see, and the loss over them."""
    points: str
    """The data."""
    mark: str
    """Danger."""
    text: str
    """Names and tick labels."""
    muted: str
    """Axis lines."""


class Frame:
    """A canvas with axes, tick labels and, where there is room, a head line with names and a legend.

    What does not fit is left out: the head line, the x axis, the y axis; a chart of one cell is all area.
    """

    def __init__(
        self,
        width: int,
        height: int,
        palette: Palette,
        x: Axis,
        y: Axis,
        *,
        x_name: str = "",
        y_name: str = "",
        legend: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """``legend``: sample, name and style of what will be drawn, the most important first: as many as fit."""
        self.palette = palette
        self._canvas = Canvas(max(0, width), max(0, height))
        self._x, self._y = x, y
        head = height >= 9 and bool(legend or y_name)
        foot = 2 if height - head >= 5 else 0
        self._top, self._rows = int(head), max(1, self._canvas.height - head - foot)
        y_ticks = self._y_ticks()
        gutter = max((len(tick.label) for _, tick in y_ticks), default=0) + 1
        self._left = gutter if y_ticks and width - gutter >= 12 and self._rows >= 3 else 0
        self._columns = max(1, self._canvas.width - self._left)
        if self._left:
            self._draw_y_axis(y_ticks)
        if foot:
            self._draw_x_axis(x_name)
        if head:
            self._draw_head(y_name, legend)

    def line(
        self,
        x: FloatArray,
        y: FloatArray,
        style: str,
        joined: BoolArray | None = None,
        *,
        sample: str = LINE,
    ) -> bool:
        """Draw a line through the vertices, as far as it lies in the area; False if none of it does.

        ``joined[i]``: a line leads from vertex i − 1 to vertex i (default: everywhere). Not finite: the line is broken.
        ``sample`` is how it looks in the legend: LINE, DASHED or DOTTED.
        """
        joined = np.arange(len(x)) > 0 if joined is None else joined
        x0, y0, x1, y1 = geometry.clip(x, y, joined, self._x, self._y)
        vertices, linked = geometry.chain(self._dots(x0, y0), self._dots(x1, y1))
        if sample != LINE:
            vertices = geometry.every(3.0, vertices, linked) if sample == DOTTED else geometry.dashes(vertices, linked)
            linked = np.zeros(len(vertices), dtype=bool)
        self._lay(braille(self._columns, self._rows, *geometry.straightened(vertices, linked)), style)
        return bool(len(vertices))

    def point(self, x: float, y: float, glyph: str, style: str) -> None:
        """Draw one ``glyph``."""
        column, row = self._cell(x, y)
        self._canvas.write(self._left + column, row, glyph, style)

    def places(self, x: FloatArray, y: FloatArray) -> IntArray:
        """The different dots, shape (m, 2), of points (x, y of shape (n,), no NaN); beyond the axes: on the border."""
        return geometry.occupied(self._dots(x, y), self._columns * DOTS_ACROSS, self._rows * DOTS_DOWN)

    def is_sparse(self, places: IntArray) -> bool:
        """So few that each may take a whole cell, and a line beneath is still seen."""
        return len(self._cells_of(places)) <= self._columns // 2

    def scatter(self, places: IntArray, style: str, glyph: str = "") -> None:
        """Draw points: as ``glyph`` if one is given; else few as full points, many as dots."""
        if glyph or self.is_sparse(places):
            self._lay(glyphs(self._columns, self._rows, self._cells_of(places), glyph or POINT), style)
            return
        # Multiples of the golden ratio spread evenly: a stride would leave stripes.
        kept = places[np.arange(len(places)) * 0.6180339887498949 % 1 < _MOST_DOTS / len(places)]
        self._lay(braille(self._columns, self._rows, kept, np.zeros(len(kept), dtype=bool)), style)

    def rule(self, x: float, style: str) -> None:
        """Draw a vertical line."""
        column, _ = self._cell(x, self._y.low)
        for row in range(self._rows):
            self._canvas.write(self._left + column, self._top + row, "┊", style)

    def level(self, y: float, style: str) -> None:
        """Draw a horizontal line."""
        _, row = self._cell(self._x.low, y)
        self._canvas.write(self._left, row, "╌" * self._columns, style)

    def note(self, wordings: Sequence[str], style: str, beside: tuple[float, float] | None = None) -> None:
        """Write one of ``wordings``, an early one that covers little, near a place or the middle, if there is room."""
        middle = (self._x.low + self._x.high) / 2, (self._y.low + self._y.high) / 2
        column, row = self._cell(*(beside or middle))
        places = []
        for choice, wording in enumerate(wordings):
            length = cell_len(wording)
            last = self._columns - length
            sides = [start for start in (column - 1 - length, column + 2) if beside and 0 <= start <= last]
            across = [min(max(0, column - length // 2), last)] * (last >= 0 and not sides)
            for start in sides + across:
                before = int(start > 0)
                for line in range(self._top, self._top + self._rows):
                    covered = self._canvas.filled(self._left + start - before, line, before + length + 1)
                    cost = covered + 3 * choice + 6 * len(across)
                    places.append((cost, abs(line - row), choice, start, line))
        if places:
            *_, choice, start, line = min(places)
            self._canvas.write(self._left + start, line, wordings[choice], style)

    def text(self) -> Text:
        """The chart."""
        return self._canvas.text()

    def _dots(self, x: FloatArray, y: FloatArray) -> IntArray:
        across, down = self._columns * DOTS_ACROSS, self._rows * DOTS_DOWN
        return np.stack([geometry.dot(x, self._x, across), geometry.dot(y, self._y, down)], axis=-1)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        """Column in the area and row on the canvas."""
        column, row = (self._dots(np.array(x), np.array(y)) // (DOTS_ACROSS, DOTS_DOWN)).tolist()
        return column, self._top + self._rows - 1 - row

    def _cells_of(self, places: IntArray) -> IntArray:
        return geometry.occupied(places // (DOTS_ACROSS, DOTS_DOWN), self._columns, self._rows)

    def _lay(self, characters: NDArray[np.uint32], style: str) -> None:
        self._canvas.lay(self._left, self._top, characters, style)

    def _y_ticks(self) -> list[tuple[int, Tick]]:
        """Rows and ticks, from the bottom up, never on neighbouring rows: a few, three at least where they fit."""
        few = min(6, max(2, self._rows // 3 + 1))
        many = min(5, max(2, (self._rows + 1) // 2))
        choices = [
            placed[::stride]
            for placed in map(self._placed_y_ticks, (few, many, *range(few - 1, 1, -1)))
            for stride in (1, 2, 3)
        ]
        spaced = [choice for choice in choices if all(below[0] - above[0] > 1 for below, above in pairwise(choice))]
        return max(spaced, key=lambda choice: min(3, len(choice)), default=[])

    def _placed_y_ticks(self, most: int) -> list[tuple[int, Tick]]:
        bottom = self._top + self._rows - 1
        return [
            (bottom - int(geometry.dot(np.array(tick.position), self._y, self._rows)), tick)
            for tick in self._y.ticks(most)
        ]

    def _draw_y_axis(self, ticks: Sequence[tuple[int, Tick]]) -> None:
        axis = self._left - 1
        for row in range(self._top, self._top + self._rows):
            self._canvas.write(axis, row, "│", self.palette.muted)
        for row, tick in ticks:
            self._canvas.write(axis - len(tick.label), row, tick.label, self.palette.text)
            self._canvas.write(axis, row, "┤", self.palette.muted)

    def _draw_x_axis(self, name: str) -> None:
        row = self._top + self._rows
        self._canvas.write(self._left, row, "─" * self._columns, self.palette.muted)
        if self._left:
            self._canvas.write(self._left - 1, row, "└", self.palette.muted)
        for column, start, label in self._x_labels():
            self._canvas.write(self._left + column, row, "┬", self.palette.muted)
            self._canvas.write(start, row + 1, label, self.palette.text)
        name = _shortened(name, self._columns // 3)
        if name and self._columns >= 15:
            self._canvas.write(self._canvas.width - cell_len(name) - 1, row, f" {name}", self.palette.text)

    def _x_labels(self) -> list[tuple[int, int, str]]:
        """Column of the tick in the area, first column of the label on the canvas, label: as many as fit with a gap."""
        for most in range(min(8, max(2, self._columns // 8)), 1, -1):
            labels = []
            for tick in self._x.ticks(most):
                column, _ = self._cell(tick.position, self._y.low)
                start = min(max(0, self._left + column - len(tick.label) // 2), self._canvas.width - len(tick.label))
                labels.append((column, start, tick.label))
            ends = [-2, *(start + len(label) for _, start, label in labels)]
            if all(start >= end + 2 for (_, start, _), end in zip(labels, ends, strict=False)):
                return labels
        return []

    def _draw_head(self, name: str, legend: Sequence[tuple[str, str, str]]) -> None:
        name = _shortened(name, self._canvas.width // 2)
        self._canvas.write(max(0, self._left - 1 - cell_len(name)), 0, name, self.palette.text)
        entries = [(f"{sample} {label}", sample, style) for sample, label, style in legend]
        room = self._canvas.width - max(self._left, cell_len(name))
        ends = accumulate(cell_len(entry) + 2 for entry, _, _ in entries)
        shown = [entry for entry, end in zip(entries, ends, strict=True) if end - 2 < room]
        column = self._canvas.width + 2 - sum(cell_len(entry) + 2 for entry, _, _ in shown)
        for entry, sample, style in shown:
            self._canvas.write(column, 0, entry, self.palette.text)
            self._canvas.write(column, 0, sample, style)
            column += cell_len(entry) + 2


def message_chart(text: str, width: int, height: int, palette: Palette, style: str | None = None) -> Text:
    """``text`` in the middle of ``height`` lines of ``width`` cells, in ``style`` (default: that of text)."""
    canvas = Canvas(max(0, width), max(0, height))
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, max(1, width)) or [""]]
    for row, line in enumerate(lines, max(0, (height - len(lines)) // 2)):
        canvas.write(max(0, (width - cell_len(line)) // 2), row, line, style or palette.text)
    return canvas.text()


def _shortened(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1) + "…" if cells > 1 else ""
