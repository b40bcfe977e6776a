"""Cells with a character and a style each, and plotext, which draws lines in them."""

import unicodedata
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Span, Text

from tui_regress.tui.charts.geometry import BoolArray, IntArray

DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Dots of a braille character."""

CharacterArray = NDArray[np.uint32]

_BLANK, _END_OF_LINE, _CONTINUED = ord(" "), ord("\n"), 0
_BRAILLE = 0x2800
_BITS = np.array((0x40, 0x04, 0x02, 0x01, 0x80, 0x20, 0x10, 0x08), dtype=np.uint32)
"""Of a braille character's dots, from the lowest up, those on the left first."""


class Canvas:
    """``height`` rows of ``width`` cells, row 0 on top. What lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        # A column more than is seen, for the ends of lines.
        self._all_characters = np.full((height, width + 1), _BLANK, dtype=np.uint32)
        self._all_characters[:, width] = _END_OF_LINE
        self._all_styles = np.zeros((height, width + 1), dtype=np.uint16)
        self._palette = [""]

    def copy(self) -> "Canvas":
        """Another one with the same on it."""
        copy = Canvas(self.width, self.height)
        copy._all_characters[:] = self._all_characters
        copy._all_styles[:] = self._all_styles
        copy._palette = [*self._palette]
        return copy

    def write(self, column: int, row: int, text: str, style: str) -> None:
        """Put ``text`` on the cells from ``column`` on; wide characters take two cells."""
        cells = _cells(text)
        first, last = max(0, -column), max(0, min(len(cells), self.width - column))
        # Half a wide character is not drawn.
        first += first < len(cells) and cells[first] == _CONTINUED
        last -= last < len(cells) and cells[last] == _CONTINUED
        if 0 <= row < self.height and first < last:
            self._all_characters[row, column + first : column + last] = cells[first:last]
            self._all_styles[row, column + first : column + last] = self._number(style)

    def lay(self, column: int, row: int, characters: CharacterArray, style: str) -> None:
        """Put all that is not blank in ``characters``, shape (rows, columns), on the cells from there on."""
        rows, columns = characters.shape
        there = slice(row, row + rows), slice(column, min(column + columns, self.width))
        cells = self._all_characters[there]
        characters = characters[: cells.shape[0], : cells.shape[1]]
        drawn = characters != _BLANK
        np.copyto(cells, characters, where=drawn)
        np.copyto(self._all_styles[there], np.uint16(self._number(style)), where=drawn)

    def fill(self, column: int, row: int, columns: int, rows: int, character: str, style: str) -> None:
        """Put ``character``, one cell wide, on all these cells."""
        there = slice(row, row + rows), slice(column, min(column + columns, self.width))
        self._all_characters[there] = ord(character)
        self._all_styles[there] = self._number(style)

    def filled(self, column: int, row: int, length: int) -> int:
        """How many of ``length`` cells from there on are not blank."""
        cells = self._all_characters[row : row + 1, max(0, column) : min(column + length, self.width)]
        return int(np.count_nonzero(cells != _BLANK))

    def text(self) -> Text:
        """All rows, each exactly ``width`` cells wide, with no end of line after the last."""
        drawn = _text(self._all_characters.tobytes(), self._all_styles.tobytes(), tuple(self._palette))
        return Text(no_wrap=True, end="").append_text(drawn)

    def _number(self, style: str) -> int:
        if style not in self._palette:
            self._palette.append(style)
        return self._palette.index(style)


@lru_cache(maxsize=256)
def _cells(text: str) -> tuple[int, ...]:
    """The characters of ``text``, one a cell."""
    sizes = ((ord(character), cell_len(character)) for character in unicodedata.normalize("NFC", text))
    return tuple(cell for character, size in sizes if size for cell in (character, *[_CONTINUED] * (size - 1)))


# While a model hardly moves any more, the next picture is the last.
@lru_cache(maxsize=8)
def _text(characters: bytes, styles: bytes, palette: tuple[str, ...]) -> Text:
    """Characters (uint32) with their styles (uint16, numbers of those in ``palette``) but for the last of them."""
    shown = np.frombuffer(characters, dtype=np.uint32)[:-1]
    kept = shown != _CONTINUED
    numbers = np.frombuffer(styles, dtype=np.uint16)[:-1][kept]
    borders = np.flatnonzero(np.diff(numbers, prepend=np.uint16(0)))
    runs = zip(pairwise((*borders.tolist(), len(numbers))), numbers[borders].tolist(), strict=True)
    spans = [Span(start, end, palette[number]) for (start, end), number in runs if number]
    return Text("".join(map(chr, shown[kept].tolist())), spans=spans)


def braille(columns: int, rows: int, vertices: IntArray, joined: BoolArray) -> CharacterArray:
    """Braille characters, shape (rows, columns), with dots at ``vertices`` and lines between those that are joined.

    ``vertices``: shape (m, 2), dots from the lower left corner, all inside; ``joined``: shape (m,), whether a line
    leads here from the vertex before.
    """
    if joined.any():
        places = (vertices + 0.5) / (DOTS_ACROSS, DOTS_DOWN)
        return _plotted(columns, rows, places.tobytes(), joined.tobytes())
    # A cloud of dots moves with every record, and plotext takes some 13 µs for each of them.
    dots = np.zeros((columns, DOTS_ACROSS, rows, DOTS_DOWN), dtype=bool)
    dots.reshape(columns * DOTS_ACROSS, rows * DOTS_DOWN)[vertices[:, 0], vertices[:, 1]] = True
    bits = dots.transpose(2, 0, 1, 3)[::-1].reshape(rows, columns, len(_BITS)) @ _BITS
    return np.where(bits, bits + np.uint32(_BRAILLE), np.uint32(_BLANK))


def glyphs(columns: int, rows: int, cells: IntArray, glyph: str) -> CharacterArray:
    """One ``glyph`` on each of ``cells``: shape (m, 2), from the lower left corner, all inside."""
    characters = np.full((rows, columns), _BLANK, dtype=np.uint32)
    characters[rows - 1 - cells[:, 1], cells[:, 0]] = ord(glyph)
    return characters


# The exact line stays where it is while the model moves, and in the end that does not move either.
@lru_cache(maxsize=32)
def _plotted(columns: int, rows: int, places: bytes, joined: bytes) -> CharacterArray:
    """The lines that plotext draws through places in cells (float64 pairs), in braille.

    plotext has one figure, knows one thread, and dies of numbers that are not finite or lie far outside its limits:
    it is handed places inside the canvas only, and told everything anew each time.
    """
    # Not with this module, which the first screen waits for: it takes half as long as importing Textual.
    import plotext

    x, y = np.frombuffer(places).reshape(-1, 2).T.tolist()
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(columns, rows)
    figure.axes(False)
    for axis, length in (("x", columns), ("y", rows)):
        figure.ruler(axis).alignment(lim="edge").lim(0, length).frequency(0)
    signal = figure.signal(x, y, marker="braille").lines(True)
    for index in np.flatnonzero(~np.frombuffer(joined, dtype=bool)).tolist():
        signal.line(index, False)
    drawn = figure.draw(signal).build().string(colorless=True)
    characters = np.array([list(map(ord, line)) for line in drawn.splitlines()], dtype=np.uint32)
    characters.setflags(write=False)
    return characters
