from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tui_regress.data.dataset import Dataset, FloatArray, Rows
from tui_regress.engine.events import Block, Checkpoint, Ended, Event, Measured, Started, Verdict
from tui_regress.experiment import Experiment, decode, override

_ARRAYS = ("parameters", "gradient", "loss", "score", "lr")
LINE_X, LINE_Y = [1, 2, 3, 4, 5], [2, 4, 6, 8, 10]


def dataset(X: ArrayLike, y: ArrayLike, held: tuple[ArrayLike, ArrayLike] | None = None) -> Dataset:
    """X of shape (n,) is one feature; ``held``: X and y of the rows held out."""
    rows = _rows(X)
    names = tuple(f"x{i + 1}" for i in range(rows.shape[1]))
    validation = None if held is None else Rows(_rows(held[0]), np.array(held[1], dtype=np.float64))
    return Dataset(rows, np.array(y, dtype=np.float64), names, "y", validation=validation)


def _rows(X: ArrayLike) -> FloatArray:
    rows = np.array(X, dtype=np.float64)
    return rows[:, None] if rows.ndim == 1 else rows


def experiment(changes: Mapping[str, Any] | None = None) -> Experiment:
    """An experiment with dotted settings; its own data are five points on y = 2x."""
    return override(decode({"data": {"source": "points", "x": LINE_X, "y": LINE_Y}}), changes or {})


def join(blocks: Iterable[Block]) -> Block:
    """All records as one block; they must follow each other."""
    parts = list(blocks)
    for before, after in pairwise(parts):
        assert after.first == before.last + 1
    held = [part.validation_loss for part in parts if part.validation_loss is not None]
    assert len(held) in (0, len(parts))
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    return Block(first=parts[0].first, **arrays, validation_loss=np.concatenate(held) if held else None)


@dataclass
class Run:
    """The events of a run that does not recover, taken apart; their order is checked."""

    started: Started
    blocks: list[Block]
    checkpoints: list[Checkpoint]
    measured: list[Measured]
    verdict: Verdict | None
    ended: Ended

    def __init__(self, events: Iterable[Event]) -> None:
        started, *middle, ended = events
        assert isinstance(started, Started)
        assert isinstance(ended, Ended)
        self.started, self.ended = started, ended
        self.blocks = [event for event in middle if isinstance(event, Block)]
        self.checkpoints = [event for event in middle if isinstance(event, Checkpoint)]
        self.measured = [event for event in middle if isinstance(event, Measured)]
        verdicts = [event for event in middle if isinstance(event, Verdict)]
        assert len(self.blocks) + len(self.checkpoints) + len(self.measured) + len(verdicts) == len(middle)
        assert middle[-1] is self.measured[-1]
        assert verdicts == ([ended.verdict] if ended.verdict else [])
        self.verdict = ended.verdict
        self.records = join(self.blocks)
        assert self.records.last == ended.epoch


def same(one: Block, other: Block) -> bool:
    """Equal to the bit, NaN included."""

    def bits(block: Block) -> list[bytes]:
        held = [] if block.validation_loss is None else [block.validation_loss.tobytes()]
        return [getattr(block, name).tobytes() for name in _ARRAYS] + held

    return one.first == other.first and bits(one) == bits(other)
