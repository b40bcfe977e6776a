"""What a person reads of a run without a screen: tables, metrics, bars."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tui_regress.engine.events import Block, Event, Measured, Noted
from tui_regress.engine.metrics import LinearMetrics, LogisticMetrics
from tui_regress.experiment import builtin
from tui_regress.headless import progress, summary, tables
from tui_regress.headless.reports import with_bar
from tui_regress.headless.run import train


@pytest.fixture
def paper() -> Console:
    """A console that writes into memory, wide enough for everything."""
    return Console(file=io.StringIO(), width=1000, markup=False, highlight=False)


def written(paper: Console) -> list[str]:
    assert isinstance(paper.file, io.StringIO)
    return [line.rstrip() for line in paper.file.getvalue().splitlines()]


def test_texts_stand_left_and_numbers_right_with_six_digits(paper: Console) -> None:
    tables.print_table(paper, {"name": ["w", "[bold]"], "value": [1.0, 1234567.0], "word": ["a", "bb"]})
    assert written(paper) == [
        "name           value   word",
        "w                  1      a",
        "[bold]   1.23457e+06     bb",
    ]


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted(paper: Console) -> None:
    tables.print_table(paper, {"n": map(str, range(1023))}, shown=2)
    assert written(paper) == ["n", "0", "1", "… and 1,021 more"]


def test_metrics_of_both_parts_stand_side_by_side(paper: Console) -> None:
    measured = Measured(7, LinearMetrics(8, 0.75, 2.0, 1.5), LinearMetrics(2, float("nan"), 3.0, 2.5))
    tables.print_metrics(paper, measured, None)
    assert written(paper) == [
        "",
        "       training   validation",
        "R²         0.75          nan",
        "RMSE          2            3",
        "MAE         1.5          2.5",
    ]


def test_a_confusion_matrix_names_the_classes_that_are_safe_to_print(paper: Console) -> None:
    measured = Measured(7, LogisticMetrics(10, 0.7, 0.5, 0.8, ((1, 2), (1, 6000))), None)
    tables.print_metrics(paper, measured, ("no", "y\x1bes"))
    assert written(paper)[-3:] == [
        "true class       predicted no   predicted y�es",
        "no, training                1                2",
        "y�es, training              1            6,000",
    ]


def test_rounding_noise_beside_a_large_parameter_is_shown_as_zero() -> None:
    shown = summary.without_rounding(np.array([2.0, 3e-16, -1e-3]))
    assert shown.tolist() == [2.0, 0.0, -1e-3]


class Screen(io.StringIO):
    """A terminal that keeps everything it was sent."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal as stderr."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return Screen()


def happening() -> Iterator[Event]:
    one, two = np.ones(1), np.ones((1, 2))
    yield Block(41, two, two, one * 0.125, one, one)
    yield Noted("Mind the gap.")


def test_a_bar_shows_epochs_and_loss_on_stderr_and_passes_everything_on(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    block, note = progress.epochs(happening(), 100)
    assert isinstance(block, Block)
    assert isinstance(note, Noted)
    assert "41 epochs" in screen.getvalue()
    assert "loss 0.125" in screen.getvalue()
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l"), "the cursor comes back"
    assert capsys.readouterr().out == ""


def test_a_bar_shows_what_is_being_done_as_it_is_named(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    with progress.stages() as tell:
        tell("Reading [red].csv", 0.5)
        tell("Preparing [red].csv", None)
    assert "Reading [red].csv" in screen.getvalue() or "Preparing [red].csv" in screen.getvalue()


def test_where_a_bar_would_be_in_the_way_there_is_none(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    with progress.stages(shown=False) as tell:
        tell("Reading", 0.5)
    assert screen.getvalue() == ""


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    list(progress.epochs(happening(), 100))
    assert capsys.readouterr() == ("", "")


def test_a_run_knows_how_it_began_and_ended(store: Path) -> None:
    run = train(builtin("per-sample"), with_bar, store=store)
    assert run.run_id == 1
    assert run.first.tolist() == [1.0]
    assert run.ended.parameters == pytest.approx([2], abs=1e-6)
    assert run.measured is not None
    assert run.measured.epoch == run.ended.record
