"""A file is replaced as a whole or not at all."""

from pathlib import Path

import pytest

from tui_regress.files import replacing
from tui_regress.problems import InputError


def test_files_take_their_places_together(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("old")
    with replacing(first, second) as parts:
        for part in parts:
            part.write_text("new")
        assert first.read_text() == "old"
    assert (first.read_text(), second.read_text()) == ("new", "new")
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("old")

    def fail() -> None:
        with replacing(first, second) as [part, _]:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert first.read_text() == "old"
    assert list(tmp_path.iterdir()) == [first]


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"nowhere/a: cannot be written: No such file or directory\."),
        replacing(tmp_path / "nowhere" / "a") as [part],
    ):
        part.write_text("new")
