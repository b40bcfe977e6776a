import gzip
from functools import partial
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tui_regress.data import load_dataset, progress
from tui_regress.data.progress import INTERVAL, paced
from tui_regress.experiment import Experiment, Table


def record(told: list[tuple[str, float | None]], what: str, share: float | None) -> None:
    told.append((what, share))


def test_the_same_work_is_told_of_at_most_once_an_interval() -> None:
    now, told = 0.0, list[float]()
    tell = paced(lambda *_: told.append(now), clock=lambda: now)
    for step in range(100):
        now = step * INTERVAL / 9.5
        tell("reading", None)
    assert len(told) == 10
    assert all(later - earlier >= INTERVAL for earlier, later in pairwise(told))


def test_other_work_is_told_of_at_once() -> None:
    told = list[str]()
    tell = paced(lambda what, _: told.append(what), clock=lambda: 0.0)
    for what in ("reading", "reading", "preparing", "reading"):
        tell(what, None)
    assert told == ["reading", "preparing", "reading"]


def test_loading_a_table_says_what_it_does_and_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "[b]\x1b.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    told = list[tuple[str, float | None]]()
    load_dataset(Experiment(data=Table(str(path), "y")), partial(record, told))
    assert told == [("Reading [b]�.csv", 0.0), ("Preparing [b]�.csv", None)]


def test_the_share_grows_to_about_one_while_a_large_table_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    path = tmp_path / "large.csv"
    path.write_text("x,y\n" + "".join(f"{row},{row % 977}\n" for row in range(200_000)))
    for file in (path, tmp_path / "large.csv.gz", tmp_path / "large.parquet"):
        if file.suffix == ".gz":
            file.write_bytes(gzip.compress(path.read_bytes(), 1))
        elif file.suffix == ".parquet":
            pl.read_csv(path).write_parquet(file, row_group_size=20_000)
        told = list[tuple[str, float | None]]()
        load_dataset(Experiment(data=Table(str(file), "y")), partial(record, told))
        shares = [share for _, share in told if share is not None]
        assert shares == sorted(shares)
        assert len(shares) > 3
        assert 0.8 < shares[-1] <= 1
