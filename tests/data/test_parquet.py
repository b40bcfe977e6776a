import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.conftest import load_file
from tui_regress.problems import ExperimentError


def test_a_damaged_file_is_told_in_a_sentence_and_nothing_is_written_on_the_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"x": [1.0, 2.0, None] * 40, "s": ["a", "b", "c"] * 40, "y": [1, 2, 3] * 40})
    frame.write_parquet(path, compression="uncompressed")
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    generator = random.Random(3)  # noqa: S311 (no secret)
    told = 0
    for position in generator.sample(range(4, footer), 4) + generator.sample(range(footer, len(whole) - 8), 4):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            dataset = load_file(path)
        except ExperimentError as error:
            told += "cannot be read as Parquet; it may be damaged or cut off." in str(error)
        else:
            assert np.isfinite(dataset.X).all()
    assert told >= 3
    assert capfd.readouterr() == ("", "")


def test_a_sound_file_is_read_beforehand_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}).write_parquet(path)
    assert load_file(path).rows == 2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("subprocess.run", refuse)
    assert load_file(path).rows == 2
