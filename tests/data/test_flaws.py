"""Columns that a few cells keep from being numbers."""

from pathlib import Path

import pytest

from tests.data.conftest import LoadTable
from tui_regress.data.columns import survey
from tui_regress.data.opening import open_experiment
from tui_regress.experiment import Linear, Logistic, Model
from tui_regress.problems import ExperimentError


def table(cells: list[str], mark: str = ",") -> str:
    """Columns ``area`` of ``cells``, ``x`` and ``y``."""
    rows = "".join(f"{cell}{mark}{row % 7}{mark}{row}\n" for row, cell in enumerate(cells))
    return f"area{mark}x{mark}y\n{rows}"


def column(count: int, strays: dict[int, str]) -> list[str]:
    """Numbers 0, 1, … but for ``strays``, by their rows from 1 on."""
    return [strays.get(row + 1, str(row)) for row in range(count)]


FAR_DOWN = column(3000, {2345: "n.a."})
SENTENCE = "is 'n.a.' in row 2,345 and a number in 2,999 others; correct it, or empty the cell."


def test_one_cell_that_is_no_number_is_named_where_the_column_is_a_feature(load_table: LoadTable) -> None:
    with pytest.raises(ExperimentError) as caught:
        load_table(table(FAR_DOWN), features=("area", "x"))
    assert str(caught.value) == f"data.features = 'area': {SENTENCE}"


def test_one_cell_that_is_no_number_is_named_where_the_column_is_the_target(
    load_table: LoadTable, tmp_path: Path
) -> None:
    models: tuple[Model, ...] = (Linear(), Logistic())
    for model in models:
        with pytest.raises(ExperimentError) as caught:
            load_table(table(FAR_DOWN), "area", model=model)
        assert str(caught.value) == f"data.target = 'area': {SENTENCE}"
    with pytest.raises(ExperimentError) as caught:
        open_experiment(str(tmp_path / "table.csv"), "area")
    assert str(caught.value) == f"data.target = 'area': {SENTENCE}"


def test_a_column_left_out_because_of_one_cell_says_so_and_is_not_offered_as_text(load_table: LoadTable) -> None:
    dataset = load_table(table(column(40, {1: "n.a."})))
    assert dataset.feature_names == ("x",)
    assert dataset.notes == ("Left out: area ('n.a.' in row 1 and a number in 39 others).",)


def test_of_several_cells_the_first_is_named_and_the_others_are_counted(load_table: LoadTable) -> None:
    dataset = load_table(table(column(1000, {700: "b", 30: "a", 31: "", 900: "c"})))
    assert dataset.notes == ("Left out: area ('a' in row 30, no number in 2 more and a number in 996 others).",)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (column(19, {3: "n.a."}), "text, 19 values"),
        (column(199, {3: "a", 4: "b"}), "text, 199 values"),
        (column(1000, dict.fromkeys(range(1, 12), "a")), "text, 990 values"),
        ([f"street {row}" for row in range(200)], "text, 200 values"),
        ([*column(100, {}), *[f"street {row}" for row in range(100)]], "text, 200 values"),
    ],
)
def test_a_column_with_more_texts_is_one_of_texts(load_table: LoadTable, cells: list[str], reason: str) -> None:
    assert f"area ({reason})" in load_table(table(cells)).notes[0]


def test_two_values_are_two_values_even_if_one_is_a_number_and_frequent(load_table: LoadTable) -> None:
    cells = ["0"] * 300 + ["x"]
    assert load_table(table(cells)).feature_names == ("area=x", "x")
    assert load_table(table(cells), "area", model=Logistic()).labels == ("0", "x")


def test_what_stands_for_a_missing_value_is_none_of_these_cells(load_table: LoadTable) -> None:
    dataset = load_table(table(column(3000, {2345: " NA ", 2999: "?"})))
    assert dataset.feature_names == ("area", "x")
    assert dataset.dropped_rows == 2


def test_with_a_decimal_comma_the_cell_is_found_too(load_table: LoadTable) -> None:
    cells = [f"{row},5" for row in range(60)]
    cells[49] = "viel"
    dataset = load_table(table(cells, ";"))
    assert dataset.notes == ("Left out: area ('viel' in row 50 and a number in 59 others).",)


def test_the_cell_is_shown_safely(load_table: LoadTable) -> None:
    dataset = load_table(table(column(50, {2: "[red]\x1b[31m" + "x" * 100})))
    assert "\x1b" not in dataset.notes[0]
    assert "[red]" in dataset.notes[0]
    assert len(dataset.notes[0]) < 120


def test_commas_between_thousands_are_named(load_table: LoadTable) -> None:
    content = "area,x,y\n" + "".join(f'"{row:,}",{row % 7},{row}\n' for row in range(0, 40_000, 500))
    assert load_table(content).notes == ("Left out: area ('1,000' in row 3, with a comma between thousands).",)
    with pytest.raises(ExperimentError) as caught:
        load_table(content, features=("area",))
    assert str(caught.value) == (
        "data.features = 'area': is '1,000' in row 3, with a comma between thousands; write its numbers without."
    )


def test_the_survey_tells_the_flaw(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(FAR_DOWN))
    flaws = [info.flaw for info in survey(path)]
    assert flaws == ["'n.a.' in row 2,345 and a number in 2,999 others", "", ""]


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        ("a   b  y\n1   2  3\n 4  NA  6\n", True),
        ("a b\n1 2", True),
        ("area  sex  price\n1  m  3\n 4  f  6\n", True),
        ("first name  price\nJo  3\nAnn Lee  6\n", True),
        ("a b\n1 2\n3 x\n", False),
        ("a b\n1 2\n3\n", False),
        ("day\n2020-01-01 10:00\n", False),
        ("a b\n", False),
        ("a b,y\n1,2\n", False),
    ],
)
def test_blanks_between_columns_are_refused_with_what_to_write_instead(
    tmp_path: Path, content: str, refused: bool
) -> None:
    path = tmp_path / "t.txt"
    path.write_text(content)
    if refused:
        with pytest.raises(ExperimentError, match="blanks between its columns; separate them by commas"):
            survey(path)
    else:
        assert survey(path)
