"""Cells with a character and a style each, and plotext, which draws lines and points in them."""

import unicodedata
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Text

from tui_regress.tui.charts.geometry import BoolArray, IntArray

DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Dots of a braille character."""

_BLANK = ord(" ")
_CONTINUED = 0


class Canvas:
    """``height`` rows of ``width`` cells, row 0 on top. What lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._characters = np.full((height, width), _BLANK, dtype=np.uint32)
        self._styles = np.zeros((height, width), dtype=np.intp)
        self._palette = [""]

    def write(self, column: int, row: int, text: str, style: str) -> None:
        """Put ``text`` on the cells from ``column`` on; wide characters take two cells."""
        number = self._number(style)
        for character in unicodedata.normalize("NFC", text):
            size = cell_len(character)
            if size and 0 <= row < self.height and 0 <= column <= self.width - size:
                self._characters[row, column] = ord(character)
                self._characters[row, column + 1 : column + size] = _CONTINUED
                self._styles[row, column : column + size] = number
            column += size

    def lay(self, column: int, row: int, characters: NDArray[np.uint32], style: str) -> None:
        """Put all that is not blank in ``characters``, shape (rows, columns), on the cells from there on."""
        rows, columns = characters.shape
        there = (slice(row, row + rows), slice(column, column + columns))
        cells = self._characters[there]
        characters = characters[: cells.shape[0], : cells.shape[1]]
        drawn = characters != _BLANK
        cells[drawn] = characters[drawn]
        self._styles[there][drawn] = self._number(style)

    def filled(self, column: int, row: int, length: int) -> int:
        """How many of ``length`` cells from there on are not blank."""
        return int(np.count_nonzero(self._characters[row : row + 1, max(0, column) : column + length] != _BLANK))

    def text(self) -> Text:
        """All rows, each exactly ``width`` cells wide, with no end of line after the last."""
        text = Text(no_wrap=True, end="")
        for row in range(self.height):
            if row:
                text.append("\n")
            styles = self._styles[row]
            borders = np.unique([0, *(np.flatnonzero(np.diff(styles)) + 1), self.width])
            for start, end in pairwise(borders):
                characters = self._characters[row, start:end]
                text.append("".join(map(chr, characters[characters != _CONTINUED])), self._palette[styles[start]])
        return text

    def _number(self, style: str) -> int:
        if style not in self._palette:
            self._palette.append(style)
        return self._palette.index(style)


def braille(columns: int, rows: int, vertices: IntArray, joined: BoolArray) -> NDArray[np.uint32]:
    """Braille characters, shape (rows, columns), with dots at ``vertices`` and lines between those that are joined.

    ``vertices``: shape (m, 2), dots from the lower left corner, all inside; ``joined``: shape (m,), whether a line
    leads here from the vertex before.
    """
    places = (vertices + 0.5) / (DOTS_ACROSS, DOTS_DOWN)
    return _plotted(columns, rows, "braille", places.tobytes(), joined.tobytes())


def glyphs(columns: int, rows: int, cells: IntArray, glyph: str) -> NDArray[np.uint32]:
    """One ``glyph`` on each of ``cells``: shape (m, 2), from the lower left corner, all inside."""
    return _plotted(columns, rows, glyph, (cells + 0.5).tobytes(), bytes(len(cells)))


# The data and the exact line stay where they are while the model moves: drawing them once is enough.
@lru_cache(maxsize=32)
def _plotted(columns: int, rows: int, marker: str, places: bytes, joined: bytes) -> NDArray[np.uint32]:
    """What plotext makes of places in cells (float64 pairs), without colour.

    plotext has one figure, knows one thread, and dies of numbers that are not finite or lie far outside its limits:
    it is handed places inside the canvas only, and told everything anew each time.
    """
    # Imported at the first drawing, after the first screen: it takes half as long as importing Textual.
    import plotext

    characters = np.full((rows, columns), _BLANK, dtype=np.uint32)
    if places:
        x, y = np.frombuffer(places).reshape(-1, 2).T.tolist()
        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear()
        figure.plot_size(columns, rows)
        figure.axes(False)
        for axis, length in (("x", columns), ("y", rows)):
            figure.ruler(axis).alignment(lim="edge").lim(0, length).frequency(0)
        signal = figure.signal(x, y, marker=marker).lines(True)
        for index in np.flatnonzero(~np.frombuffer(joined, dtype=bool)).tolist():
            signal.line(index, False)
        drawn = figure.draw(signal).build().string(colorless=True)
        lines = [list(map(ord, line)) for line in drawn.splitlines()]
        characters[:] = lines
    characters.setflags(write=False)
    return characters
