from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.text import Text

from tests.tui.charts.reading import PALETTE, cells, dots, has_size, rows
from tui_regress.tui.charts.compare import Series, compare_chart
from tui_regress.tui.charts.frame import DASHED

FloatArray = NDArray[np.float64]

INKS = ("#111111", "#222222", "#333333", "#555555", "#666666", "#777777")
FALLING = np.exp(-np.arange(1000) / 100)
SLOWER = np.exp(-np.arange(1000) / 300)


def compared(*losses: FloatArray, width: int = 80, height: int = 14, log: bool = True) -> Text:
    series = [
        Series("ABCDEF"[place], str(12 - place), values, INKS[place % len(INKS)]) for place, values in enumerate(losses)
    ]
    return compare_chart(series, width, height, PALETTE, log=log)


def letters(chart: Text, place: int) -> list[tuple[int, int]]:
    """Where the letter of a line stands, the legend left out."""
    return [at for at, character in cells(chart, INKS[place]).items() if character == "ABCDEF"[place] and at[1] > 0]


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize(("width", "height"), [(80, 14), (60, 12), (36, 10), (20, 6), (5, 3), (1, 1), (0, 4), (4, 0)])
def test_the_chart_has_exactly_the_size_asked_for(width: int, height: int, log: bool) -> None:
    assert has_size(compared(FALLING, SLOWER, width=width, height=height, log=log), width, height)


def test_the_legend_names_each_run_by_its_letter_in_the_colour_of_its_line() -> None:
    chart = compared(FALLING, SLOWER)

    assert rows(chart)[0].split() == ["A", "12", "B", "11"]
    assert [[cells(chart, ink)[at] for at in cells(chart, ink) if at[1] == 0] for ink in INKS[:2]] == [["A"], ["B"]]


def test_each_line_falls_as_its_own_losses_do() -> None:
    chart = compared(FALLING, SLOWER)
    fast, slow = ({y for x, y in dots(chart, ink) if x > 150} for ink in INKS[:2])

    assert max(slow) < min(fast)


def test_runs_with_the_same_losses_are_all_seen_by_their_letters() -> None:
    chart = compared(*[FALLING] * 6)

    places = [set(letters(chart, place)) for place in range(6)]
    assert [len(place) for place in places] == [2] * 6
    assert len(set.union(*places)) == 12


def test_a_short_run_ends_where_its_epochs_end() -> None:
    chart = compared(FALLING, SLOWER[:500])
    long, short = (max(x for x, _ in dots(chart, ink)) for ink in INKS[:2])

    left = min(x for x, _ in dots(chart, INKS[1]))
    assert (short - left) == pytest.approx((long - left) / 2, abs=2)


def test_a_run_that_explodes_within_few_epochs_carries_its_letter_where_it_is_finite() -> None:
    chart = compared(FALLING, np.append(44 * 1.9 ** np.arange(5.0), np.full(995, np.inf)))

    assert letters(chart, 1)


def test_where_a_loss_stops_being_finite_a_cross_and_a_sentence_in_its_colour_say_so() -> None:
    exploding = np.append(1.8665 ** np.arange(500.0), [np.inf] * 500)
    chart = compared(FALLING, exploding)

    marks = cells(chart, INKS[1])
    assert list(marks.values()).count("✕") == 1
    assert "B not finite from epoch 500" in chart.plain
    end = next(x for (x, _), character in marks.items() if character == "✕")
    assert max(x for x, _ in dots(chart, INKS[1]) if x < 2 * end + 2) <= 2 * end + 1
    assert "A not finite" not in chart.plain


def test_a_linear_axis_starts_at_zero_and_shares_one_scale() -> None:
    chart = compared(np.linspace(10.0, 0.0, 100), np.full(100, 5.0), log=False)

    flat = {y for x, y in dots(chart, INKS[1])}
    assert len(flat) == 1
    labels = [row.partition("┤")[0].strip() for row in rows(chart) if "┤" in row]
    assert labels[-1] == "0"
    assert labels[0] in ("10", "8")


def test_one_epoch_against_a_million_is_seen() -> None:
    chart = compared(np.exp(-np.arange(1e6) / 1e5), np.array([3.0]))

    assert letters(chart, 1)


def test_losses_of_which_none_is_finite_are_told_of() -> None:
    assert "none of these losses is finite" in compared(np.full(5, np.nan), np.full(9, np.inf)).plain


def test_runs_without_records_leave_the_chart_to_the_others() -> None:
    assert rows(compared(np.empty(0), FALLING))[0].split() == ["B", "11"]
    assert compared(np.empty(0)).plain.strip() == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, -1.0])
@pytest.mark.parametrize("log", [True, False])
def test_numbers_that_would_end_the_program_elsewhere_are_drawn_or_left_out(bad: float, log: bool) -> None:
    losses = FALLING.copy()
    losses[::7] = bad

    assert has_size(compared(losses, SLOWER, np.full(3, bad), log=log), 80, 14)


def test_losses_over_rows_held_out_are_a_dashed_line_in_the_colour_of_the_run() -> None:
    plain = [Series("A", "2", SLOWER, INKS[0]), Series("B", "1", FALLING, INKS[1])]
    both = [replace(plain[0], held_out=SLOWER * 100), plain[1]]
    alone, beside = (compare_chart(series, 80, 14, PALETTE, log=True) for series in (plain, both))

    assert rows(beside)[0].split() == ["A", "2", "B", "1", *DASHED.split(), "validation"]
    assert "validation" not in rows(alone)[0]
    columns = {x for x, _ in dots(beside, INKS[0])}
    above = {x for x, y in dots(beside, INKS[0]) if y < min(y for x, y in dots(beside, INKS[1]))}
    assert above, "the loss over the rows held out is higher than every other"
    gaps = columns - above
    assert gaps, "its line is broken"
    assert len(letters(beside, 0)) == 2 * len(letters(beside, 1))


def test_only_the_losses_over_rows_held_out_leave_their_scale_to_themselves() -> None:
    series = [Series("A", "2", np.empty(0), INKS[0], held_out=FALLING), Series("B", "1", np.empty(0), INKS[1])]
    chart = compare_chart(series, 80, 14, PALETTE, log=True)

    assert rows(chart)[0].split() == ["A", "2", *DASHED.split(), "validation"]
    assert letters(chart, 0)
    assert not dots(chart, INKS[1])


def test_a_loss_over_rows_held_out_that_alone_is_shown_ends_in_a_cross() -> None:
    held_out = np.r_[FALLING[:500], np.full(500, np.inf)]
    chart = compare_chart([Series("A", "2", np.empty(0), INKS[0], held_out=held_out)], 80, 14, PALETTE, log=True)

    assert "A not finite from epoch 500" in chart.plain
    assert "✕" in cells(chart, INKS[0]).values()
