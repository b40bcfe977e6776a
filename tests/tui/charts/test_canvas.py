import subprocess
import sys

import numpy as np
import plotext
import pytest

from tests.tui.charts.reading import has_size
from tui_regress.tui.charts.canvas import Canvas, _plotted, braille, glyphs


def joined(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(count) > 0


def shown(characters: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]) -> list[str]:
    return ["".join(map(chr, row)) for row in characters.tolist()]


def test_wide_characters_take_two_cells_and_are_never_cut_in_half() -> None:
    right, left = Canvas(5, 1), Canvas(2, 1)

    right.write(0, 0, "時間数", "")
    left.write(-1, 0, "時x", "")

    assert right.text().plain == "時間 "
    assert left.text().plain == " x"


def test_characters_without_width_do_not_move_what_follows() -> None:
    canvas = Canvas(4, 1)

    canvas.write(0, 0, "e\u0301\u200bx\x1b", "")

    assert canvas.text().plain == "éx  "


def test_what_lies_outside_is_not_drawn() -> None:
    canvas = Canvas(3, 2)

    canvas.write(-1, 0, "abcdef", "")
    canvas.write(0, 5, "g", "")
    canvas.lay(2, 1, np.full((3, 3), ord("x"), dtype=np.uint32), "")

    assert canvas.text().plain == "bcd\n  x"


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 3), (3, 0), (1, 1), (7, 4)])
def test_the_text_has_exactly_the_size_of_the_canvas(width: int, height: int) -> None:
    assert has_size(Canvas(width, height).text(), width, height)


def test_dots_fall_where_they_are_asked_for() -> None:
    corners = np.array([[0, 0], [5, 0], [0, 7], [5, 7]])

    assert shown(braille(3, 2, corners, np.zeros(4, dtype=bool))) == ["⠁ ⠈", "⡀ ⢀"]


def test_every_single_dot_can_be_set() -> None:
    every = np.argwhere(np.ones((40, 24), dtype=bool))

    assert shown(braille(20, 6, every, np.zeros(len(every), dtype=bool))) == ["⣿" * 20] * 6


def test_lines_join_only_what_is_joined() -> None:
    ends = np.array([[0, 0], [5, 0], [8, 0], [13, 0]])

    assert shown(braille(7, 1, ends, np.array([False, True, False, True]))) == ["⣀⣀⣀ ⣀⣀⣀"]


def test_points_are_glyphs_in_cells_counted_from_the_lower_left() -> None:
    assert shown(glyphs(3, 2, np.array([[0, 0], [2, 1]]), "•")) == ["  •", "•  "]


def test_settings_and_exceptions_left_in_plotext_do_not_reach_the_next_drawing() -> None:
    line, ends = joined(2), np.array([[0, 0], [19, 15]])
    before = shown(braille(10, 4, ends, line))
    figure = plotext.figure
    plotext.terminal.limit(True, True)
    figure.plot_size(5, 5).title("left behind").theme("retro")
    figure.subplots(2, 2)
    figure.draw(figure.signal([1, 2], [-1, 0]).label("left behind"))
    figure.ruler("y").scale("log")
    with pytest.raises(ValueError, match="math domain"):
        figure.build()
    _plotted.cache_clear()

    assert shown(braille(10, 4, ends, line)) == before


def test_a_chart_may_be_larger_than_the_terminal() -> None:
    assert len(shown(braille(300, 90, np.array([[0, 0], [599, 359]]), joined(2)))) == 90


def test_plotext_is_not_imported_before_the_first_drawing() -> None:
    code = "import sys, tui_regress.tui.charts; raise SystemExit('plotext' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
