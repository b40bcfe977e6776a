"""Reads a chart as a person does: which cells carry which style, which dots are set."""

from rich.cells import cell_len
from rich.text import Text

from tui_regress.tui.charts import Palette

PALETTE = Palette(
    line="#0000ff",
    reference="#ffaa00",
    held_out="#ff00ff",
    points="#ffffff",
    mark="#ff0000",
    text="#888888",
    muted="#444444",
)

_BITS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row, from the top, of the dot of each bit of a braille character."""


def rows(chart: Text) -> list[str]:
    return chart.plain.split("\n")


def has_size(chart: Text, width: int, height: int) -> bool:
    lines = rows(chart) if height else []
    return (bool(lines) or not chart.plain) and [cell_len(line) for line in lines] == [width] * height


def cells(chart: Text, style: str) -> dict[tuple[int, int], str]:
    """Characters in ``style`` by column and row; no wide characters before them."""
    found = {}
    for span in chart.spans:
        if span.style == style:
            for position in range(span.start, span.end):
                row = chart.plain.count("\n", 0, position)
                column = position - (chart.plain.rfind("\n", 0, position) + 1)
                if chart.plain[position] != " ":
                    found[column, row] = chart.plain[position]
    return found


def dots(chart: Text, style: str) -> set[tuple[int, int]]:
    """Column and row, from the top, of every braille dot in ``style``."""
    return {
        (2 * column + across, 4 * row + down)
        for (column, row), character in cells(chart, style).items()
        if "\u2800" <= character <= "\u28ff"
        for bit, (across, down) in enumerate(_BITS)
        if ord(character) - 0x2800 >> bit & 1
    }
