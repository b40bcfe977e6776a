"""What does not grow: memory at ten million epochs, and for however many rows are predicted."""

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.claims import Claim, Figures, Measure, MissingError, Part, Scale, Side
from tests.benchmarks.processes import child, trainer
from tests.benchmarks.works import cpu_line

_EPOCHS = 10_000_000
_PATIENCE = 100.0
"""Seconds after which ten million epochs are given up."""


@contextmanager
def _ten_million_epochs(scale: Scale) -> Iterator[Measure]:
    """``growth_mb``: resident memory of the dashboard at its most, beyond that before the start."""
    epochs = scale.of(_EPOCHS)

    def measure() -> Figures:
        with trainer("in_dashboard", cpu_line(scale)) as opened:
            found = opened.ask("remember", epochs=epochs, seconds=_PATIENCE)
        if found["epochs"] < epochs:
            reached, grown = found["epochs"], found["growth_mb"]
            raise MissingError(f"{epochs:,} epochs take too long here: {reached:,} in {_PATIENCE:g} s, +{grown:.0f} MB")
        return found

    yield measure


MEMORY = Part(
    name="memory",
    about="memory of the dashboard at 10,000,000 epochs, beyond that before the start",
    sides={"1e7 epochs": _ten_million_epochs},
    claims=(Claim(ours="1e7 epochs", figure="growth_mb", most=200, unit="MB"),),
    most_rounds=1,
)


def _prediction(rows: int) -> Side:
    """``peak_mb`` of a fresh process that predicts a CSV file of so many rows, and ``rows_per_second``."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with tempfile.TemporaryDirectory(prefix="tui-regress-") as folder:
            table = Path(folder, "rows.csv")
            columns = np.random.default_rng(0).standard_normal((scale.of(rows), 2)).round(6)
            pl.DataFrame(columns, schema=["x1", "x2"]).write_csv(table)
            del columns
            gc.collect()

            def measure() -> Figures:
                with child("in_prediction", folder=folder) as opened:
                    return opened.ask("predict", table=str(table))

            yield measure

    return side


PREDICTION = Part(
    name="prediction",
    about="memory for predicting a CSV file of 4,000,000 rows against one of 400,000",
    sides={"4e5 rows": _prediction(400_000), "4e6 rows": _prediction(4_000_000)},
    claims=(
        Claim(ours="4e6 rows", theirs="4e5 rows", figure="peak_mb"),
        Claim(ours="4e6 rows", figure="rows_per_second", unit="rows/s"),
    ),
)
