from pathlib import Path
from typing import Protocol

import pytest

from tui_regress.data import Dataset, load_dataset
from tui_regress.experiment import Experiment, Linear, Model, Table


class LoadTable(Protocol):
    def __call__(
        self,
        content: str | bytes,
        target: str = "y",
        *,
        name: str = "table.csv",
        features: tuple[str, ...] | None = None,
        model: Model = Linear(),  # noqa: B008 (frozen)
    ) -> Dataset: ...


def load_file(
    path: Path, target: str = "y", features: tuple[str, ...] | None = None, model: Model | None = None
) -> Dataset:
    return load_dataset(Experiment(data=Table(str(path), target, features), model=model or Linear()))


@pytest.fixture
def load_table(tmp_path: Path) -> LoadTable:
    """Write a table and load it."""

    def load(
        content: str | bytes,
        target: str = "y",
        *,
        name: str = "table.csv",
        features: tuple[str, ...] | None = None,
        model: Model = Linear(),  # noqa: B008 (frozen)
    ) -> Dataset:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_file(path, target, features, model)

    return load
