from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.text import Text

from tests.tui.charts.reading import PALETTE, cells, dots, has_size, rows
from tui_regress.engine.series import Series
from tui_regress.tui.charts import Mark, fit_chart, loss_chart, message_chart, predicted_chart

FloatArray = NDArray[np.float64]

X = np.arange(1.0, 6.0)
ENDS = np.array([0.8, 5.2])
EXACT = ENDS, 2 * ENDS
HEAD = 4
"""Rows of dots of the head line, where the legend stands."""


def loss(losses: FloatArray, *, width: int = 80, height: int = 14, log: bool = True, mark: Mark | None = None) -> Text:
    return loss_chart(losses, 0, width, height, PALETTE, log=log, mark=mark)


def fit(line: tuple[FloatArray, FloatArray] | None, width: int = 60, height: int = 12) -> Text:
    return fit_chart(X, 2 * X, line, EXACT, width, height, PALETTE, x_name="hours", y_name="score")


def explosion(finite: int) -> FloatArray:
    """``finite`` losses of exploding-line, then one that is not."""
    return np.append(44 * 1.8665 ** np.arange(finite), np.inf)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize(("width", "height"), [(80, 14), (60, 12), (36, 10), (20, 6), (5, 3), (1, 1), (0, 4), (4, 0)])
def test_charts_have_exactly_the_size_asked_for(width: int, height: int, log: bool) -> None:
    for chart in (
        loss(explosion(134), width=width, height=height, log=log),
        fit(EXACT, width, height),
        predicted_chart(X, 2 * X, width, height, PALETTE),
        message_chart("press s to start", width, height, PALETTE),
    ):
        assert has_size(chart, width, height)


def test_no_chart_paints_a_background() -> None:
    for chart in (loss(explosion(134)), fit(EXACT), predicted_chart(X, X, 60, 12, PALETTE)):
        assert {span.style for span in chart.spans} <= {
            *(PALETTE.line, PALETTE.reference, PALETTE.points, PALETTE.mark, PALETTE.text, PALETTE.muted)
        }


def test_a_falling_loss_falls_from_the_upper_left_to_the_lower_right() -> None:
    drawn = dots(loss(np.exp(-np.arange(1000) / 100)), PALETTE.line)

    heights = [min(y for x, y in drawn if x == column) for column in sorted({x for x, _ in drawn})]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 47)
    assert len(heights) > 140


def test_a_spike_of_one_epoch_in_a_million_is_seen() -> None:
    losses = np.ones(1_000_000)
    losses[300_000] = 100.0

    drawn = dots(loss(losses), PALETTE.line)

    assert {x for x, y in drawn if y < 20} != set()


def test_y_labels_stand_right_aligned_before_a_thin_line_and_name_round_values() -> None:
    chart = rows(loss(44 * np.power(0.986, np.arange(1001))))

    labels = [row.partition("┤")[0] for row in chart if "┤" in row]
    assert [label.strip() for label in labels] == ["1e0", "1e-2", "1e-4"]
    assert len({len(label) for label in labels}) == 1


def test_x_labels_are_round_epochs_and_the_axis_is_named() -> None:
    *_, axis, labels = rows(loss(np.exp(-np.arange(1001) / 100)))

    assert labels.split() == ["0", "200", "400", "600", "800", "1000"]
    assert axis.endswith(" epoch")
    assert axis.count("┬") == 5  # the name stands over the last one


def test_labels_never_touch() -> None:
    for width in range(16, 120):
        labels = rows(loss(np.exp(-np.arange(12_345) / 1000), width=width, height=10))[-1]
        assert all(label.removesuffix("k").isdigit() for label in labels.split())
        assert len(labels.split()) <= 1 or "  " in labels.strip()


def test_where_the_loss_stops_being_finite_a_cross_a_line_and_a_sentence_say_so() -> None:
    chart = loss(explosion(134))

    marks = cells(chart, PALETTE.mark)
    (cross,) = [place for place, character in marks.items() if character == "✕"]
    assert cross == (79, 0)
    assert "not finite from epoch 134" in chart.plain
    assert [place for place, character in marks.items() if character == "┊"] == [(79, row) for row in range(1, 12)]


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [1, 10, 500, 997])
def test_no_dot_is_drawn_where_the_loss_is_not_finite(at: int, bad: float, log: bool) -> None:
    losses = np.linspace(1.0, 2.0, 1000)
    losses[at:] = bad

    chart = loss(losses, log=log)

    assert "✕" in chart.plain
    assert f"not finite from epoch {at}" in chart.plain
    end = max(x for (x, _), character in cells(chart, PALETTE.mark).items() if character == "✕")
    assert all(x // 2 <= end for x, _ in dots(chart, PALETTE.line))


def test_one_bad_epoch_among_a_million_is_marked() -> None:
    losses = np.exp(-np.arange(1e6) / 1e5)
    losses[400_000] = np.nan

    chart = loss(losses)

    assert "✕" in chart.plain
    assert "not finite from epoch 400000" in chart.plain


@pytest.mark.parametrize("count", [1, 200, 30_000, 1_000_000])
def test_a_series_is_drawn_as_its_values_are(count: int) -> None:
    losses = np.exp(-np.arange(count) / count * 9)
    losses[count // 3 : count // 3 + count // 5] = np.nan

    from_values, from_series = loss(losses), loss_chart(Series.of(losses), 0, 80, 14, PALETTE, log=True)

    assert [*cells(from_series, PALETTE.mark).items()] == [*cells(from_values, PALETTE.mark).items()]
    # The buckets begin a little elsewhere: by a dot.
    for one, other in pairwise((*map(_dots_of_the_line, (from_series, from_values, from_series)),)):
        assert all({(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & other for x, y in one)


def _dots_of_the_line(chart: Text) -> set[tuple[int, int]]:
    return dots(chart, PALETTE.line)


def test_every_gap_is_marked_and_the_line_goes_on_after_it() -> None:
    losses = np.full(300, 2.0)
    losses[100:110] = np.nan
    losses[200] = np.inf

    chart = loss(losses)

    assert chart.plain.count("✕") == 2
    assert max(x for x, _ in dots(chart, PALETTE.line)) == 159


def test_a_run_that_is_never_finite_says_only_that() -> None:
    chart = loss_chart(np.full(5, np.nan), 7, 60, 5, PALETTE, log=True)

    assert chart.plain.split() == ["not", "finite", "from", "epoch", "7"]
    assert cells(chart, PALETTE.mark) != {}


@pytest.mark.parametrize("width", range(12, 90, 7))
@pytest.mark.parametrize("finite", [1, 5, 60, 134])
def test_the_sentence_is_never_cut_off(width: int, finite: int) -> None:
    chart = loss(explosion(finite), width=width, height=10)

    wordings = (f"not finite from epoch {finite}", f"not finite, epoch {finite}", "not finite")
    assert any(wording in row for wording in wordings for row in rows(chart))


def test_a_loss_of_zero_lies_at_the_bottom_of_a_log_axis_and_is_named_zero() -> None:
    losses = np.power(0.9, np.arange(400))
    losses[200:] = 0.0

    chart = loss(losses)

    zero = next(index for index, row in enumerate(rows(chart)) if row.partition("┤")[0].strip() == "0")
    assert zero == 11
    assert {y for x, y in dots(chart, PALETTE.line) if x > 100} == {47}
    assert "not finite" not in chart.plain


def test_losses_that_are_all_zero_are_drawn_at_zero_even_where_a_log_axis_is_asked_for() -> None:
    drawn = dots(loss(np.zeros(10)), PALETTE.line)

    assert {y for _, y in drawn} == {47}


def test_a_mark_points_at_its_epoch() -> None:
    chart = loss(1.1 ** np.arange(101.0), mark=Mark(60, "rising since epoch 60"))

    assert "rising since epoch 60" in chart.plain
    *_, axis, labels = rows(chart)
    assert labels.split()[3] == "60"
    tick = [column for column, character in enumerate(axis) if character == "┬"][3]
    assert {x for (x, _), character in cells(chart, PALETTE.mark).items() if character == "┊"} == {tick}


@pytest.mark.parametrize("epoch", [-1, 101, 10_000])
def test_a_mark_outside_the_epochs_shown_is_not_drawn(epoch: int) -> None:
    assert cells(loss(np.ones(101), mark=Mark(epoch, "elsewhere")), PALETTE.mark) == {}


def test_the_cross_stands_for_a_mark_at_the_same_epoch() -> None:
    assert "non-finite" not in loss(explosion(134), mark=Mark(134, "non-finite")).plain


def test_a_prediction_is_a_dotted_line_that_does_not_move_the_axes() -> None:
    losses = np.linspace(2.0, 1.0, 200)
    predicted = np.linspace(2.0, 1.5, 200)
    predicted[100:] = 1e30

    with_it = loss_chart(losses, 0, 80, 14, PALETTE, log=False, predicted=predicted)
    dotted = dots(with_it, PALETTE.reference)

    labels = [row[:3] for row in rows(loss_chart(losses, 0, 80, 14, PALETTE, log=False))]
    assert set(labels) >= {row[:3] for row in rows(with_it)[1:]}
    assert 10 < len(dotted) < len(dots(with_it, PALETTE.line)) / 2
    assert "loss" in rows(with_it)[0]


def test_what_is_drawn_in_one_chart_is_not_seen_in_the_next() -> None:
    losses = 1.1 ** np.arange(101.0)
    before = loss(losses)

    marked = loss(losses, mark=Mark(60, "rising"))
    marked.append("written on it")

    after = loss(losses)
    assert (after.plain, after.spans) == (before.plain, before.spans)
    assert cells(marked, PALETTE.mark)


def test_a_single_record_is_a_point() -> None:
    assert [*cells(loss(np.array([44.0])), PALETTE.line).values()] == ["•"]


def test_no_losses_are_an_empty_chart() -> None:
    assert loss(np.array([])).plain.strip() == ""


def test_few_data_points_are_full_points_above_the_line() -> None:
    points = cells(fit(EXACT), PALETTE.points)

    assert [character for (_, row), character in points.items() if row] == ["•"] * 5


def test_many_data_points_are_dots_below_the_line() -> None:
    x = np.linspace(0.0, 1.0, 3000)
    ends = np.array([0.0, 1.0])
    chart = fit_chart(x, np.sin(40 * x), (ends, ends), None, 60, 12, PALETTE)

    columns = {column for (column, row) in cells(chart, PALETTE.line) if row}
    assert len(dots(chart, PALETTE.points)) > 200
    assert columns >= set(range(6, 58))


def test_data_current_and_exact_line_differ_without_colour() -> None:
    chart = fit((ENDS, 1.2 * ENDS + 1))

    current, exact = dots(chart, PALETTE.line), dots(chart, PALETTE.reference)
    assert len(exact) < 0.5 * len(current)
    assert "•" in chart.plain


def test_the_head_line_names_target_and_what_is_drawn() -> None:
    assert rows(fit(EXACT))[0].split() == ["score", "⠒⠒", "model", "⠂⠂", "exact", "•", "data"]
    assert rows(fit(None))[0].split() == ["score", "⠂⠂", "exact", "•", "data"]


def test_an_exploding_line_leaves_at_the_border_instead_of_running_along_it() -> None:
    drawn = {(x, y) for x, y in dots(fit((ENDS, 40 * ENDS - 80)), PALETTE.line) if y >= HEAD}

    top, bottom = min(y for _, y in drawn), max(y for _, y in drawn)
    assert (top, bottom) == (4, 39)
    assert len({x for x, y in drawn if y in (top, bottom)}) <= 4
    assert max(x for x, _ in drawn) - min(x for x, _ in drawn) < 15


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ((ENDS, 1e7 + ENDS), "the model is outside the chart"),
        ((ENDS, np.nan * ENDS), "the model is not finite"),
        ((ENDS, np.inf * ENDS), "the model is not finite"),
    ],
)
def test_a_model_that_cannot_be_seen_is_told_of(line: tuple[FloatArray, FloatArray], sentence: str) -> None:
    chart = fit(line)

    assert sentence in chart.plain
    assert all(y < HEAD for _, y in dots(chart, PALETTE.line))


def test_a_probability_runs_from_zero_to_one_with_a_line_at_one_half() -> None:
    grid = np.linspace(0, 10, 200)
    hours, passed = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])
    curve = grid, 1 / (1 + np.exp(2.9 - 1.2 * grid))
    chart = fit_chart(hours, passed, curve, None, 60, 12, PALETTE, probability=True)

    labelled = {row.partition("┤")[0].strip(): row for row in rows(chart) if "┤" in row}
    assert list(labelled) == ["1.0", "0.5", "0.0"]
    assert labelled["0.5"].count("╌") > 40
    assert "•" in labelled["1.0"]
    assert labelled["0.0"].count("•") == 2


def test_rows_that_are_not_finite_are_left_out() -> None:
    x, y = np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, np.inf, 3.0, 4.0])
    chart = fit_chart(x, y, None, None, 60, 12, PALETTE)

    assert sum(row for _, row in cells(chart, PALETTE.points)) > 0
    assert chart.plain.count("•") == 2 + 1  # one in the legend


def test_a_wide_or_endless_column_name_keeps_the_size() -> None:
    for name in ("时间 (小时)", "x" * 500, "[red]"):
        chart = fit_chart(X, X, None, None, 60, 12, PALETTE, x_name=name, y_name=name)
        assert has_size(chart, 60, 12)


def test_perfect_predictions_lie_on_the_diagonal() -> None:
    chart = predicted_chart(X, X, 60, 12, PALETTE)

    points = sorted(place for place, character in cells(chart, PALETTE.points).items() if place[1])
    heights = [row for _, row in points]
    assert heights == sorted(heights, reverse=True)
    assert len(points) == 5
    assert not cells(chart, PALETTE.mark)


def test_predictions_beyond_the_chart_are_arrows_at_its_border() -> None:
    chart = predicted_chart(X, np.array([-50.0, 2.0, 3.0, np.inf, 1e300]), 60, 12, PALETTE)

    marks = cells(chart, PALETTE.mark)
    assert sorted(marks.values()) == ["▲", "▲", "▼"]
    assert {row for (_, row), arrow in marks.items() if arrow == "▲"} == {1}
    assert {row for (_, row), arrow in marks.items() if arrow == "▼"} == {9}


def test_predictions_that_are_no_number_are_told_of() -> None:
    assert "predictions are not finite" in predicted_chart(X, X * np.nan, 60, 12, PALETTE).plain


def test_a_message_stands_in_the_middle() -> None:
    assert rows(message_chart("press s", 11, 3, PALETTE)) == [" " * 11, "  press s  ", " " * 11]


def test_a_long_message_is_wrapped_at_words() -> None:
    assert [row.strip() for row in rows(message_chart("press s to start training", 10, 3, PALETTE))] == [
        "press s to",
        "start",
        "training",
    ]


def test_the_validation_loss_is_a_dashed_line_of_its_own_within_the_axes() -> None:
    falling = np.exp(-np.arange(1000) / 100)
    chart = loss_chart(falling, 0, 80, 14, PALETTE, log=True, validation=10 * falling)

    training, held_out = dots(chart, PALETTE.line), dots(chart, PALETTE.held_out)
    assert max(x for x, _ in held_out) > 140
    assert sum(y for _, y in held_out) / len(held_out) < sum(y for _, y in training) / len(training)
    columns = sorted({x for x, _ in held_out})
    assert any(later - earlier > 2 for earlier, later in pairwise(columns))
    assert "training" in rows(chart)[0]
    assert "validation" in rows(chart)[0]


def test_a_validation_loss_that_is_not_finite_leaves_the_chart_standing() -> None:
    losses = np.ones(100)
    chart = loss_chart(losses, 0, 80, 14, PALETTE, log=True, validation=np.where(np.arange(100) < 50, 2.0, np.inf))

    assert max(x for x, y in dots(chart, PALETTE.held_out) if y >= HEAD) < 100


def test_rows_held_out_are_circles_among_the_points() -> None:
    chart = fit_chart(X, 2 * X, EXACT, EXACT, 60, 12, PALETTE, held_out=(np.array([3.0, 9.0]), np.array([2.0, 18.0])))

    assert list(cells(chart, PALETTE.held_out).values()).count("◦") == 3  # two points and the legend
    assert "valid." in rows(chart)[0]
    predicted = predicted_chart(X, X, 60, 12, PALETTE, held_out=(X[:2], X[:2] + 0.5))
    assert list(cells(predicted, PALETTE.held_out).values()).count("◦") == 3


def test_rows_held_out_beyond_the_chart_are_arrows_too() -> None:
    chart = predicted_chart(X, X, 60, 12, PALETTE, held_out=(X[:1], np.array([50.0])))

    assert "▲" in cells(chart, PALETTE.mark).values()
