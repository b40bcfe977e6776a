"""What surrounds the area of a chart: axes with ticks, and a head line with names and a legend."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
from rich.cells import cell_len, set_cell_size

from tui_regress.tui.charts.canvas import DOTS_ACROSS, Canvas
from tui_regress.tui.charts.geometry import dot
from tui_regress.tui.charts.scales import Axis, Tick

Legend = tuple[tuple[str, str, str], ...]
"""Sample, name and style of what is drawn, the most important first."""


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


@dataclass(frozen=True, slots=True)
class Room:
    """A canvas of ``width`` × ``height`` cells, and the area on it: from ``left`` and ``top`` on."""

    width: int
    height: int
    left: int
    top: int
    columns: int
    rows: int


def axes(
    width: int, height: int, palette: Palette, x: Axis, y: Axis, *, x_name: str, y_name: str, legend: Legend
) -> tuple[Room, Canvas]:
    """A canvas with all that surrounds the area. Of ``legend``: as many entries as fit.

    What does not fit is left out: the head line, the x axis, the y axis; a chart of one cell is all area.
    """
    head = height >= 9 and bool(legend or y_name)
    foot = 2 if height - head >= 5 else 0
    rows = max(1, height - head - foot)
    y_labels = _y_labels(y, rows)
    gutter = max((len(label) for _, label in y_labels), default=0) + 1
    left = gutter if y_labels and width - gutter >= 12 and rows >= 3 else 0
    room = Room(width, height, left, int(head), max(1, width - left), rows)
    x_labels = _x_labels(x, room) if foot else None
    return room, _canvas(room, palette, x_labels, y_labels, x_name, y_name, legend).copy()


_XLabels = tuple[tuple[int, int, str], ...]
"""Column of the tick in the area, first column of the label on the canvas, label."""
_YLabels = tuple[tuple[int, str], ...]
"""Row of the tick in the area, label; from the bottom up."""


# While a model is trained, its axes stay where they are, or nearly so: their ticks then move from time to time only.
@lru_cache(maxsize=8)
def _canvas(
    room: Room,
    palette: Palette,
    x_labels: _XLabels | None,
    y_labels: _YLabels,
    x_name: str,
    y_name: str,
    legend: Legend,
) -> Canvas:
    canvas = Canvas(max(0, room.width), max(0, room.height))
    if room.left:
        _draw_y_axis(canvas, room, palette, y_labels)
    if x_labels is not None:
        _draw_x_axis(canvas, room, palette, x_labels, x_name)
    if room.top:
        _draw_head(canvas, room, palette, y_name, legend)
    return canvas


def _draw_y_axis(canvas: Canvas, room: Room, palette: Palette, labels: _YLabels) -> None:
    axis = room.left - 1
    canvas.fill(axis, room.top, 1, room.rows, "│", palette.muted)
    for row, label in labels:
        canvas.write(axis - len(label), room.top + row, label, palette.text)
        canvas.write(axis, room.top + row, "┤", palette.muted)


def _draw_x_axis(canvas: Canvas, room: Room, palette: Palette, labels: _XLabels, name: str) -> None:
    row = room.top + room.rows
    canvas.fill(room.left, row, room.columns, 1, "─", palette.muted)
    if room.left:
        canvas.write(room.left - 1, row, "└", palette.muted)
    for column, start, label in labels:
        canvas.write(room.left + column, row, "┬", palette.muted)
        canvas.write(start, row + 1, label, palette.text)
    name = _shortened(name, room.columns // 3)
    if name and room.columns >= 15:
        canvas.write(room.width - cell_len(name) - 1, row, f" {name}", palette.text)


def _draw_head(canvas: Canvas, room: Room, palette: Palette, name: str, legend: Legend) -> None:
    name = _shortened(name, room.width // 2)
    canvas.write(max(0, room.left - 1 - cell_len(name)), 0, name, palette.text)
    entries = [(f"{sample} {label}", sample, style) for sample, label, style in legend]
    space = room.width - max(room.left, cell_len(name))
    ends = accumulate(cell_len(entry) + 2 for entry, _, _ in entries)
    shown = [entry for entry, end in zip(entries, ends, strict=True) if end - 2 < space]
    column = room.width + 2 - sum(cell_len(entry) + 2 for entry, _, _ in shown)
    for entry, sample, style in shown:
        canvas.write(column, 0, entry, palette.text)
        canvas.write(column, 0, sample, style)
        column += cell_len(entry) + 2


@lru_cache(maxsize=8)
def _y_labels(axis: Axis, rows: int) -> _YLabels:
    """Never on neighbouring rows: a few, three at least where they fit."""
    most: _YLabels = ()
    for choice in _spaced_y_labels(axis, rows):
        most = max(most, choice, key=len)
        if len(most) >= 3:
            break
    return most


def _spaced_y_labels(axis: Axis, rows: int) -> Iterator[_YLabels]:
    """Choices, the best first."""
    few = min(6, max(2, rows // 3 + 1))
    many = min(5, max(2, (rows + 1) // 2))
    for wanted in (few, many, *range(few - 1, 1, -1)):
        ticks = axis.ticks(wanted)
        placed = tuple(
            (rows - 1 - place, tick.label) for place, tick in zip(_places(ticks, axis, rows), ticks, strict=True)
        )
        for stride in (1, 2, 3):
            choice = placed[::stride]
            if all(below[0] - above[0] > 1 for below, above in pairwise(choice)):
                yield choice


@lru_cache(maxsize=8)
def _x_labels(axis: Axis, room: Room) -> _XLabels:
    """As many as fit with a gap."""
    for most in range(min(8, max(2, room.columns // 8)), 1, -1):
        ticks = axis.ticks(most)
        labels = []
        for place, tick in zip(_places(ticks, axis, room.columns * DOTS_ACROSS), ticks, strict=True):
            column = place // DOTS_ACROSS
            start = min(max(0, room.left + column - len(tick.label) // 2), room.width - len(tick.label))
            labels.append((column, start, tick.label))
        ends = [-2, *(start + len(label) for _, start, label in labels)]
        if all(start >= end + 2 for (_, start, _), end in zip(labels, ends, strict=False)):
            return tuple(labels)
    return ()


def _places(ticks: Sequence[Tick], axis: Axis, places: int) -> list[int]:
    found: list[int] = dot(np.array([tick.position for tick in ticks]), axis, places).tolist()
    return found


def _shortened(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1) + "…" if cells > 1 else ""
