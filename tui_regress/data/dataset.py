"""The dataset: what a model is fitted to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows of numbers with names. The arrays are read-only: one dataset may be looked at from several threads."""

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
