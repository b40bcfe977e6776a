"""What is asked of torch.cuda to capture and to replay; what graphs do is seen in test_captured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import torch

from tui_regress.engine.backends import graphs


@dataclass
class Cuda:
    """What is asked of torch.cuda, in order."""

    asked: list[object]
    refuses: bool = False

    @classmethod
    def put(cls, monkeypatch: pytest.MonkeyPatch) -> "Cuda":
        """In the place of torch's."""
        cuda = cls([])
        monkeypatch.setattr(graphs, "_stream", "stream of {}".format)
        monkeypatch.setattr(torch.cuda, "current_stream", "current of {}".format)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: cuda)
        for name in ("device", "stream"):
            monkeypatch.setattr(torch.cuda, name, partial(cuda.within, name))
        monkeypatch.setattr(torch.cuda, "graph", cuda.graph)
        monkeypatch.setattr(torch.cuda, "Event", cuda.event)
        return cuda

    @contextmanager
    def within(self, name: str, which: str) -> Iterator[None]:
        self.asked.append((name, which))
        try:
            yield
        finally:
            self.asked.append((name, "left"))

    @contextmanager
    def graph(self, graph: object, *, stream: str, capture_error_mode: str) -> Iterator[None]:
        self.asked.append((stream, capture_error_mode))
        yield
        if self.refuses:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        assert graph is self
        self.asked.append("captured")

    def replay(self) -> None:
        self.asked.append("replay")

    def event(self) -> "Event":
        return Event(self.asked, sum(isinstance(one, tuple) and one[0] == "event" for one in self.asked))


@dataclass
class Event:
    asked: list[object]
    number: int

    def record(self, stream: str) -> None:
        self.asked.append(("event", self.number, stream))

    def synchronize(self) -> None:
        self.asked.append(f"wait for {self.number}")


def test_work_is_captured_on_the_device_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda.put(monkeypatch)
    replay = graphs.on("cuda:1")(lambda: cuda.asked.append("work"))
    entered = [("device", "cuda:1"), ("stream", "stream of cuda:1"), ("stream of cuda:1", "thread_local")]
    assert cuda.asked == [*entered, "work", "captured", ("stream", "left"), ("device", "left")]
    replay()
    assert cuda.asked[-1] == "replay"


def test_a_thread_gets_its_stream_back_where_a_device_refuses_to_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda.put(monkeypatch)
    cuda.refuses = True
    with pytest.raises(RuntimeError, match="during capture"):
        graphs.on("cuda:1")(lambda: None)
    assert cuda.asked[-2:] == [("stream", "left"), ("device", "left")]


def test_no_more_than_two_replays_of_a_stretch_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda.put(monkeypatch)
    replay = graphs.on("cuda:1")(lambda: None, paced=True)
    cuda.asked.clear()
    for _ in range(3):
        replay()
    events = [("event", number, "current of cuda:1") for number in range(3)]
    assert cuda.asked == ["replay", events[0], "replay", events[1], "wait for 0", "replay", events[2], "wait for 1"]
