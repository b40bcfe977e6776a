"""tui-regress: the terminal laboratory for gradient descent, and the same from Python.

>>> from tui_regress import open_table, train
>>> result = train(open_table("houses.csv", target="price"))

See :mod:`tui_regress.api`. A name loads what it needs when it is first used: importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from tui_regress.lazy import names_from

if TYPE_CHECKING:
    from tui_regress.api import Result, open_table, train
    from tui_regress.experiment import Experiment
    from tui_regress.problems import ExperimentError, InputError

__version__ = "0.1.0"
__all__ = ["Experiment", "ExperimentError", "InputError", "Result", "__version__", "open_table", "train"]

_HOMES = {
    "Experiment": "tui_regress.experiment",
    "ExperimentError": "tui_regress.problems",
    "InputError": "tui_regress.problems",
    "Result": "tui_regress.api",
    "open_table": "tui_regress.api",
    "train": "tui_regress.api",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelt name for one of ours
    __getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
