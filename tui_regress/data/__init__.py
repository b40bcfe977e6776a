"""Data: generated, written down or read from tables.

A name loads what it needs when it is first used: to open a built-in experiment takes no numpy.
"""

from typing import TYPE_CHECKING

from tui_regress.lazy import names_from

if TYPE_CHECKING:
    from tui_regress.data.dataset import Dataset
    from tui_regress.data.loading import load_dataset
    from tui_regress.data.progress import Progress, silent

__all__ = ["Dataset", "Progress", "load_dataset", "silent"]

_HOMES = {
    "Dataset": "tui_regress.data.dataset",
    "Progress": "tui_regress.data.progress",
    "load_dataset": "tui_regress.data.loading",
    "silent": "tui_regress.data.progress",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelt name for one of ours
    __getattr__ = names_from(__name__, _HOMES)
