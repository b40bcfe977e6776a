"""For all tests."""

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.calling import Call, Result
from tui_regress import cli

# The same examples every time, and a busy machine is no failure.
settings.register_profile("tui-regress", derandomize=True, deadline=None)
settings.load_profile("tui-regress")

_NUMBERS = count()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the runs that tests keep."""
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(autouse=True)
def store(stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command line keeps runs: never in the data folder of the person who runs the tests."""
    path = stores / f"{next(_NUMBERS)}.sqlite"
    monkeypatch.setenv("TUI_REGRESS_STORE", str(path))
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Carry out a command in this process."""

    def run(*arguments: object) -> Result:
        code = cli.run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    sigterm = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, sigterm)


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A small table with a missing value."""
    path = tmp_path / "houses.csv"
    path.write_text(
        "rooms,area,city,price\n3,70,Bonn,210\n4,,Bonn,300\n5,120,Köln,390\n2,50,Köln,150\n6,130,Bonn,450\n",
        encoding="utf-8",
    )
    return path
