from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be; its folder is not there yet."""
    return tmp_path / "some where" / "runs.sqlite"
