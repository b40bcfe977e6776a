"""Texts in columns, as lines: what a rich table would print, at a fraction of what it costs."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len, set_cell_size
from rich.text import Text

Cell = tuple[str, str]
"""A text and its style."""


def grid(rows: Sequence[Sequence[Cell]], widths: Sequence[int], room: int, gap: int = 0) -> list[Text]:
    """A line for each row, the first cell of it to the left, the others to the right of columns of ``widths`` cells.

    Between columns there are ``gap`` cells. Where all that is more than ``room``, every column gives way alike.
    """
    taken = [*(width + gap for width in widths[:-1]), widths[-1]]
    if sum(taken) > room:
        taken = _narrowed(taken, sum(taken) - room)
    *others, last = taken
    inner = [*(width - gap for width in others), last]
    lines = []
    for row in rows:
        pieces: list[Cell] = []
        for (text, style), width in zip(row, inner, strict=True):
            if pieces:
                pieces.append((" " * gap, ""))
            pieces.append((_aligned(text, width, to_right=bool(pieces)), style))
        line = Text()
        # What looks alike is one piece to paint.
        for style, alike in groupby(filter(itemgetter(0), pieces), key=itemgetter(1)):
            line.append("".join(text for text, _ in alike), style)
        lines.append(line)
    return lines


def width_of(column: Sequence[Cell]) -> int:
    """Cells of the widest text."""
    return max(cell_len(text) for text, _ in column)


def _narrowed(widths: Sequence[int], excess: int) -> list[int]:
    left = len(widths)
    narrowed = []
    for number, width in enumerate(widths):
        less = min(width, round(excess / (left - number)))
        narrowed.append(width - less)
        excess -= less
    return narrowed


def _aligned(text: str, width: int, *, to_right: bool) -> str:
    missing = width - cell_len(text)
    if missing < 0:
        return set_cell_size(text, max(0, width - 1)) + "…"[: max(0, width)]
    return " " * missing + text if to_right else text + " " * missing
