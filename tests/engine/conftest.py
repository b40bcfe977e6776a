from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Block, Ended, Event, Started, Verdict
from tui_regress.experiment import Experiment, decode, override

LINE_X, LINE_Y = [1, 2, 3, 4, 5], [2, 4, 6, 8, 10]


def dataset(X: ArrayLike, y: ArrayLike) -> Dataset:
    """X of shape (n,) is one feature."""
    rows = np.array(X, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    names = tuple(f"x{i + 1}" for i in range(rows.shape[1]))
    return Dataset(rows, np.array(y, dtype=np.float64), names, "y")


def experiment(changes: Mapping[str, Any] | None = None) -> Experiment:
    """An experiment with dotted settings; its own data are five points on y = 2x."""
    return override(decode({"data": {"source": "points", "x": LINE_X, "y": LINE_Y}}), changes or {})


def join(blocks: Iterable[Block]) -> Block:
    """All records as one block; they must follow each other."""
    parts = list(blocks)
    for before, after in pairwise(parts):
        assert after.first == before.last + 1
    return Block(
        parts[0].first,
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("parameters", "gradient", "loss", "score", "lr")
        ),
    )


@dataclass
class Run:
    """The events of a run, taken apart; their order is checked."""

    started: Started
    blocks: list[Block]
    verdict: Verdict | None
    ended: Ended

    def __init__(self, events: Iterable[Event]) -> None:
        started, *middle, ended = events
        assert isinstance(started, Started)
        assert isinstance(ended, Ended)
        self.started, self.ended = started, ended
        self.blocks = [event for event in middle if isinstance(event, Block)]
        verdicts = [event for event in middle if isinstance(event, Verdict)]
        assert len(self.blocks) + len(verdicts) == len(middle)
        assert verdicts == ([ended.verdict] if ended.verdict else [])
        self.verdict = ended.verdict
        self.records = join(self.blocks)
        assert self.records.last == ended.epoch


def same(one: Block, other: Block) -> bool:
    """Equal to the bit, NaN included."""
    return one.first == other.first and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("parameters", "gradient", "loss", "score", "lr")
    )
