"""Where the program keeps what is its own."""

from pathlib import Path

import platformdirs


def default_path() -> Path:
    """The store of the runs unless a person says otherwise: in the user's data folder."""
    return platformdirs.user_data_path("tui-regress", appauthor=False) / "runs.sqlite"
