import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.data.conftest import LoadTable, load_file
from tui_regress.data import load_dataset, sources
from tui_regress.data.columns import survey
from tui_regress.data.opening import open_experiment
from tui_regress.data.tables import column_names, pinned
from tui_regress.experiment import Experiment, Table, anchored, dumps, loads
from tui_regress.problems import ExperimentError

LEGACY = "The text is not UTF-8: it was read as Windows-1252."


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "The text is not UTF-8: it was read as UTF-16."),
        ("cp1252", LEGACY),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_every_encoding_gives_the_same_table(
    load_table: LoadTable, encoding: str, note: str | None, suffix: str
) -> None:
    content = "größe,Preis in €,y\n1,2,3\n4,5,6\n".encode(encoding)
    dataset = load_table(gzip.compress(content) if suffix == ".csv.gz" else content, name="table" + suffix)
    assert dataset.feature_names == ("größe", "Preis in €")
    assert dataset.X.tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert dataset.notes == (() if note is None else (note,))


def test_big_endian_utf16_is_read_too(load_table: LoadTable) -> None:
    assert load_table(b"\xfe\xff" + "é,y\n1,2\n3,4\n".encode("utf-16-be")).feature_names == ("é",)


def test_one_late_byte_that_is_not_utf8_makes_the_whole_text_windows_1252(load_table: LoadTable) -> None:
    content = b"x,city,y\n" + b"1,Rome,2\n" * 40_000 + b"3,Orl\xe9ans,4\n"
    dataset = load_table(content, features=("x", "city"))
    assert dataset.feature_names == ("x", "city=Rome")
    assert dataset.columns[1].values == ("Orléans", "Rome")
    assert dataset.notes == (LEGACY,)


def test_a_byte_that_windows_1252_does_not_know_is_shown_as_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\x81x\xe9,y\n1,2\n3,4\n")
    assert column_names(path) == ("�xé", "y")


def test_a_file_that_changes_is_recoded_anew(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xe9,y\n1,2\n3,4\n")
    assert load_file(path).feature_names == ("é",)
    assert load_file(path).feature_names == ("é",)
    path.write_bytes(b"\xe8x,y\n1,2\n3,4\n")
    assert load_file(path).feature_names == ("èx",)


class Stdin(io.TextIOWrapper):
    def __init__(self, content: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content))
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator["Pipe"]:
    yield Pipe(monkeypatch)
    sources._standard_input.cache_clear()


class Pipe:
    """Puts bytes on standard input, which each test reads afresh."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, content: bytes, *, terminal: bool = False) -> None:
        sources._standard_input.cache_clear()
        self.monkeypatch.setattr(sys, "stdin", Stdin(content, terminal=terminal))


def test_a_table_on_standard_input_is_opened_surveyed_and_loaded_though_it_can_be_read_once(piped: Pipe) -> None:
    piped(b"size;price\n1,5;2\n2,5;3\n3,5;5\n")
    experiment = open_experiment("-", "price")
    assert experiment.data == Table("-", "price", standardize=True)
    assert (experiment.name, experiment.title) == ("standard input", "price in standard input")
    assert load_dataset(experiment).X.tolist() == [[1.5], [2.5], [3.5]]
    assert [info.name for info in survey(Path("-"))] == ["size", "price"]


def test_parquet_packed_and_recoded_text_are_recognised_on_standard_input(piped: Pipe) -> None:
    frame = pl.DataFrame({"é": [1.0, 2.0, 3.0], "y": [3.0, 4.0, 6.0]})
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    text = frame.write_csv().encode()
    for content in (parquet.getvalue(), text, gzip.compress(text), text.decode().encode("cp1252")):
        piped(content)
        dataset = load_file(Path("-"))
        assert dataset.feature_names == ("é",)
        assert dataset.X.tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("content", "terminal", "hint"),
    [
        (b"", False, "standard input is empty."),
        (b"", True, "nothing is piped into standard input, as in `tui-regress - < table.csv`."),
        (b"PAR1 garbage", False, "cannot be read as Parquet; it may be damaged or cut off."),
        (b"x,y\n1,2\n3,4,5\n", False, "line 3 has 3 values where the header has 2."),
    ],
)
def test_what_is_wrong_with_standard_input_is_told(piped: Pipe, content: bytes, terminal: bool, hint: str) -> None:
    piped(content, terminal=terminal)
    with pytest.raises(ExperimentError) as caught:
        load_file(Path("-"))
    assert str(caught.value) == f"data.path = '-': {hint}"


def test_a_process_without_standard_input_says_so(piped: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(b"")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ExperimentError, match="nothing is piped into standard input"):
        load_file(Path("-"))


def test_a_column_that_standard_input_lacks_is_told(piped: Pipe) -> None:
    piped(b"x,y\n1,2\n3,4\n")
    with pytest.raises(ExperimentError, match="is not a column of standard input; it has: x, y"):
        open_experiment("-", "price")


def test_standard_input_is_no_path_to_be_made_absolute(piped: Pipe) -> None:
    piped(b"x,y\n1,2\n2,3\n3,5\n")
    experiment = open_experiment("-", "y")
    for kept in (pinned(experiment, load_dataset(experiment)), anchored(experiment, Path("/folder"))):
        assert isinstance(kept.data, Table)
        assert kept.data.path == "-"
        assert loads(dumps(kept)) == kept


def test_a_file_called_minus_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").write_text("x,y\n1,2\n")
    with pytest.raises(ExperimentError, match="is not a table by its name"):
        load_dataset(Experiment(data=Table(str(Path("-").absolute()), "y")))
