"""Reading a table, and keeping a run."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.claims import Claim, Figures, Measure, Part, Scale, Side
from tests.benchmarks.processes import headless
from tests.benchmarks.works import cpu_line, minibatches
from tui_regress.data import load_dataset
from tui_regress.experiment import Experiment, Table

_ROWS, _COLUMNS = 1_000_000, 20


def _load(path: Path) -> object:
    return load_dataset(Experiment(data=Table(str(path), "y")))


def _reading(read: Callable[[Path], object]) -> Side:
    """``seconds`` that ``read`` takes for a CSV file of 1,000,000×20 and a target."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with tempfile.TemporaryDirectory(prefix="tui-regress-") as folder:
            path = Path(folder, "table.csv")
            values = np.random.default_rng(0).standard_normal((scale.of(_ROWS), _COLUMNS + 1)).round(6)
            names = [*(f"x{k}" for k in range(1, _COLUMNS + 1)), "y"]
            pl.DataFrame(values, schema=names).write_csv(path)
            del values

            def measure() -> Figures:
                began = time.perf_counter()
                read(path)
                return {"seconds": time.perf_counter() - began}

            yield measure

    return side


TABLE = Part(
    name="table",
    about="loading a CSV file of 1,000,000×20, against polars.read_csv",
    sides={"polars.read_csv": _reading(pl.read_csv), "load": _reading(_load)},
    claims=(Claim(ours="load", theirs="polars.read_csv", figure="seconds"),),
    gigabytes=3.0,
)

RECORDER = Part(
    name="recorder",
    about="a run that is kept, against one that is not, headless",
    sides={
        "cpu-line, not kept": headless(cpu_line, fast=True, store=False),
        "cpu-line, kept": headless(cpu_line, fast=True),
        "minibatches, not kept": headless(minibatches, fast=True, store=False),
        "minibatches, kept": headless(minibatches, fast=True),
    },
    claims=tuple(
        Claim(ours=f"{work}, kept", theirs=f"{work}, not kept", figure="epochs_per_second")
        for work in ("cpu-line", "minibatches")
    ),
)
