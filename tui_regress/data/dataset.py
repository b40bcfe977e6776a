"""The dataset: what a model is fitted to."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tui_regress.data.scaling import Standardization
from tui_regress.experiment import Column

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows held out of training. The arrays are read-only."""

    X: FloatArray
    """Shape (m, d)."""
    y: FloatArray
    """Shape (m,)."""

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        self.X.setflags(write=False)
        self.y.setflags(write=False)

    def __len__(self) -> int:
        """m."""
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows of numbers with names: those of training, and those held out.

    The arrays are read-only: one dataset may be looked at from several threads.
    """

    X: FloatArray
    """Shape (n, d), d may be 1."""
    y: FloatArray
    """Shape (n,); 0 and 1 for a two-valued text target."""
    feature_names: tuple[str, ...]
    """d names, safe to print."""
    target_name: str
    true_parameters: FloatArray | None = None
    """Shape (d + 1,): weights and bias the data were generated with, bias last; None if nobody knows them."""
    labels: tuple[str, str] | None = None
    """What 0 and 1 stand for in a two-valued target."""
    dropped_rows: int = 0
    """Rows left out because a value was missing."""
    scaling: Standardization | None = None
    """How training sees the columns; None: as they are. ``X`` holds them as they are in any case."""
    validation: Rows | None = None
    """None where no rows are held out."""
    columns: tuple[Column, ...] = ()
    """Of a table: which of its columns the features come from, and how; each becomes ``width`` features."""
    notes: tuple[str, ...] = ()
    """Sentences a person should read, e.g. which text columns were left out."""

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        self.X.setflags(write=False)
        self.y.setflags(write=False)

    @property
    def rows(self) -> int:
        """Number of rows, n."""
        return int(self.X.shape[0])

    @property
    def features(self) -> int:
        """Number of features, d."""
        return int(self.X.shape[1])

    @property
    def trained(self) -> "Dataset":
        """The dataset as training sees it: with standardised columns where ``scaling`` says so."""
        return self if self.scaling is None else _standardised(self, self.scaling)

    def to_original(self, theta: FloatArray) -> FloatArray:
        """Parameters in the units of the data, from those of ``trained``: shape (…, p)."""
        return theta if self.scaling is None else self.scaling.to_original(theta)

    def from_original(self, theta: FloatArray) -> FloatArray:
        """Parameters of ``trained``, from those in the units of the data: shape (…, p)."""
        return theta if self.scaling is None else self.scaling.from_original(theta)


@lru_cache(maxsize=2)
def _standardised(dataset: Dataset, scaling: Standardization) -> Dataset:
    # One copy for the forecast, the exact solution and the training, not one for each.
    held = dataset.validation
    return replace(
        dataset,
        X=scaling.apply(dataset.X),
        validation=held and Rows(scaling.apply(held.X), held.y),
        scaling=None,
        true_parameters=None,
    )
