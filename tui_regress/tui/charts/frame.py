"""A chart in the making: axes around an area, and data drawn into it."""

import textwrap
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from tui_regress.tui.charts import geometry
from tui_regress.tui.charts.axes import Palette, axes
from tui_regress.tui.charts.canvas import DOTS_ACROSS, DOTS_DOWN, Canvas, CharacterArray, braille, glyphs
from tui_regress.tui.charts.geometry import BoolArray, IntArray
from tui_regress.tui.charts.scales import Axis, FloatArray

LINE, DASHED, DOTTED, POINT, CIRCLE = "⠒⠒", "⠒ ⠒", "⠂⠂", "•", "◦"
"""How a line, a dashed one, a dotted one, a data point and one held out look in a legend."""

_MOST_DOTS = 1200
"""A cloud of more dots would hide what lies beneath: it is thinned out evenly."""


class Frame:
    """A canvas with axes, tick labels and, where there is room, a head line with names and a legend."""

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
        self._x, self._y = x, y
        self._room, self._canvas = axes(
            width, height, palette, x, y, x_name=x_name, y_name=y_name, legend=tuple(legend)
        )

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
        vertices, linked = geometry.straightened(vertices, linked)
        self._lay(braille(self._room.columns, self._room.rows, vertices, linked), style)
        return bool(len(vertices))

    def point(self, x: float, y: float, glyph: str, style: str) -> None:
        """Draw one ``glyph``."""
        column, row = self._cell(x, y)
        self._canvas.write(self._room.left + column, row, glyph, style)

    def places(self, x: FloatArray, y: FloatArray) -> IntArray:
        """The different dots, shape (m, 2), of points (x, y of shape (n,), no NaN); beyond the axes: on the border."""
        return geometry.occupied(self._dots(x, y), self._room.columns * DOTS_ACROSS, self._room.rows * DOTS_DOWN)

    def is_sparse(self, places: IntArray) -> bool:
        """So few that each may take a whole cell, and a line beneath is still seen."""
        return len(self._cells_of(places)) <= self._room.columns // 2

    def scatter(self, places: IntArray, style: str, glyph: str = "") -> None:
        """Draw points: as ``glyph`` if one is given; else few as full points, many as dots."""
        if glyph or self.is_sparse(places):
            self._lay(glyphs(self._room.columns, self._room.rows, self._cells_of(places), glyph or POINT), style)
            return
        # Multiples of the golden ratio spread evenly: a stride would leave stripes.
        kept = places[np.arange(len(places)) * 0.6180339887498949 % 1 < _MOST_DOTS / len(places)]
        self._lay(braille(self._room.columns, self._room.rows, kept, np.zeros(len(kept), dtype=bool)), style)

    def rule(self, x: float, style: str) -> None:
        """Draw a vertical line."""
        column, _ = self._cell(x, self._y.low)
        self._canvas.fill(self._room.left + column, self._room.top, 1, self._room.rows, "┊", style)

    def level(self, y: float, style: str) -> None:
        """Draw a horizontal line."""
        _, row = self._cell(self._x.low, y)
        self._canvas.fill(self._room.left, row, self._room.columns, 1, "╌", style)

    def note(self, wordings: Sequence[str], style: str, beside: tuple[float, float] | None = None) -> None:
        """Write one of ``wordings``, an early one that covers little, near a place or the middle, if there is room."""
        middle = (self._x.low + self._x.high) / 2, (self._y.low + self._y.high) / 2
        column, row = self._cell(*(beside or middle))
        places = []
        for choice, wording in enumerate(wordings):
            length = cell_len(wording)
            last = self._room.columns - length
            sides = [start for start in (column - 1 - length, column + 2) if beside and 0 <= start <= last]
            across = [min(max(0, column - length // 2), last)] * (last >= 0 and not sides)
            for start in sides + across:
                before = int(start > 0)
                for line in range(self._room.top, self._room.top + self._room.rows):
                    covered = self._canvas.filled(self._room.left + start - before, line, before + length + 1)
                    cost = covered + 3 * choice + 6 * len(across)
                    places.append((cost, abs(line - row), choice, start, line))
        if places:
            *_, choice, start, line = min(places)
            self._canvas.write(self._room.left + start, line, wordings[choice], style)

    def text(self) -> Text:
        """The chart."""
        return self._canvas.text()

    def _dots(self, x: FloatArray, y: FloatArray) -> IntArray:
        across, down = self._room.columns * DOTS_ACROSS, self._room.rows * DOTS_DOWN
        return np.stack([geometry.dot(x, self._x, across), geometry.dot(y, self._y, down)], axis=-1)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        """Column in the area and row on the canvas."""
        column, row = (self._dots(np.array(x), np.array(y)) // (DOTS_ACROSS, DOTS_DOWN)).tolist()
        return column, self._room.top + self._room.rows - 1 - row

    def _cells_of(self, places: IntArray) -> IntArray:
        return geometry.occupied(places // (DOTS_ACROSS, DOTS_DOWN), self._room.columns, self._room.rows)

    def _lay(self, characters: CharacterArray, style: str) -> None:
        self._canvas.lay(self._room.left, self._room.top, characters, style)


def message_chart(text: str, width: int, height: int, palette: Palette, style: str | None = None) -> Text:
    """``text`` in the middle of ``height`` lines of ``width`` cells, in ``style`` (default: that of text)."""
    canvas = Canvas(max(0, width), max(0, height))
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, max(1, width)) or [""]]
    for row, line in enumerate(lines, max(0, (height - len(lines)) // 2)):
        canvas.write(max(0, (width - cell_len(line)) // 2), row, line, style or palette.text)
    return canvas.text()
