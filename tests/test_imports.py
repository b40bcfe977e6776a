"""What loads what: asking for help is quick, the first paint does not wait for torch, the engine knows no screen."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "numpy", "polars", "numba", "textual", "plotext", "rich", "sympy"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after ``statement``."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stderr.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--version"], ["train", "--help"], ["list"], ["list", "--json"]]
)
def test_a_quick_question_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(f"from tui_regress import cli; assert cli.run({arguments}) == 0")
    assert "click" in loaded
    assert not loaded & HEAVY


def test_importing_the_package_is_cheap() -> None:
    assert not loaded_by("import tui_regress; tui_regress.__version__") & {*HEAVY, "click", "msgspec"}


def test_the_engine_knows_neither_textual_nor_plotext() -> None:
    loaded = loaded_by("import tui_regress.engine, tui_regress.engine.training, tui_regress.engine.checkpoints")
    assert "torch" in loaded
    assert not loaded & {"textual", "plotext", "rich", "click"}


def test_the_first_paint_waits_for_nothing_that_computes_or_draws_charts() -> None:
    loaded = loaded_by(
        "from tui_regress.cli.options import opened, store_path; from tui_regress.tui.app import LabApp;"
        "app = LabApp(opened('gentle-line', None, None, None, ()), store=store_path(None)); app.get_default_screen()"
    )
    assert "textual" in loaded
    assert not loaded & {"torch", "numpy", "polars", "numba", "plotext", "sqlite3"}


def test_the_main_screen_is_there_before_torch() -> None:
    loaded = loaded_by("from tui_regress.tui.app import load_screen; load_screen()")
    assert "numpy" in loaded
    assert not loaded & {"torch", "polars", "numba"}


def test_opening_a_built_in_experiment_needs_no_numpy() -> None:
    loaded = loaded_by("from tui_regress.data.opening import open_experiment; open_experiment('gentle-line')")
    assert not loaded & HEAVY


def test_generating_data_needs_neither_torch_nor_polars() -> None:
    loaded = loaded_by(
        "from tui_regress.data.opening import open_experiment; from tui_regress.data import load_dataset;"
        "load_dataset(open_experiment('gentle-line'))"
    )
    assert not loaded & {"torch", "polars", "textual"}
