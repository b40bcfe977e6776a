from tui_regress.tui.charts.bars import bars


def test_the_most_frequent_has_the_tallest_bar_and_one_row_is_seen_beside_a_million() -> None:
    assert bars((0, 1, 500_000, 1_000_000)) == " ▁▄▇"


def test_equal_counts_have_equal_bars_and_nothing_has_none() -> None:
    assert bars((3, 3, 3)) == "▇▇▇"
    assert bars(()) == ""
    assert bars((0, 0)) == "  "
