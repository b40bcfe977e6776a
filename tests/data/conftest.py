from pathlib import Path
from typing import Any, Protocol

import pytest

from tui_regress.data import Dataset, load_dataset
from tui_regress.experiment import Experiment, Linear, Model, Table, Training


class LoadTable(Protocol):
    def __call__(
        self,
        content: str | bytes,
        target: str = "y",
        *,
        name: str = "table.csv",
        features: tuple[str, ...] | None = None,
        model: Model = Linear(),  # noqa: B008 (frozen)
        training: Training = Training(),  # noqa: B008 (frozen)
        **table: Any,
    ) -> Dataset: ...


def load_file(
    path: Path,
    target: str = "y",
    features: tuple[str, ...] | None = None,
    model: Model | None = None,
    training: Training | None = None,
    **table: Any,
) -> Dataset:
    data = Table(str(path), target, features, **table)
    return load_dataset(Experiment(data=data, model=model or Linear(), training=training or Training()))


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
        training: Training = Training(),  # noqa: B008 (frozen)
        **table: Any,
    ) -> Dataset:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_file(path, target, features, model, training, **table)

    return load
