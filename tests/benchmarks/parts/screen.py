"""What a person waits for: the answer to a key, the next frame, the first paint."""

import random
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.benchmarks.claims import Claim, Figures, Measure, Part, Scale, Side
from tests.benchmarks.processes import Make, trainer
from tests.benchmarks.terminal import Terminal
from tests.benchmarks.works import cpu_line, cpu_line_autograd

_PRESSES = 120
_AXES = (b"y linear", b"y log")
"""What the border of the loss says after each press of y: the first one leaves the logarithmic axis."""


def _key_presses(make: Make, *, fast: bool) -> Side:
    """Milliseconds from a key press to the paint that answers it, while training goes on at full speed."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with trainer("in_dashboard", make(scale), fast=fast) as opened:
            terminal, moments = opened.terminal, random.Random(0)  # noqa: S311 - no secret

            def measure() -> Figures:
                backend = opened.ask("begin")["backend"]
                terminal.watch(0.5)
                waits = list[float]()
                # An even number, so that the next round begins with the same axis.
                for press in range(2 * (scale.of(_PRESSES) // 2)):
                    terminal.watch(moments.uniform(0.01, 0.15))
                    terminal.type("y")
                    waits.append(1000 * terminal.see(_AXES[press % 2]))
                opened.ask("end")
                return {**_spread(waits), "backend": backend}

            yield measure

    return side


def _spread(waits: list[float]) -> Mapping[str, float]:
    return {
        "median_ms": statistics.median(waits),
        "p95_ms": statistics.quantiles(waits, n=20, method="inclusive")[-1],
        "worst_ms": max(waits),
    }


def _key_claims(side: str) -> tuple[Claim, ...]:
    return (
        Claim(ours=side, figure="median_ms", unit="ms"),
        Claim(ours=side, figure="p95_ms", most=30, unit="ms"),
        Claim(ours=side, figure="worst_ms", most=120, unit="ms", over=max),
    )


KEYS = Part(
    name="keys",
    about=f"from a key press to the paint that answers it, {_PRESSES} times, while training at full speed",
    sides={
        "auto": _key_presses(cpu_line, fast=False),
        "auto, fast": _key_presses(cpu_line, fast=True),
        "autograd": _key_presses(cpu_line_autograd, fast=False),
    },
    claims=(*_key_claims("auto"), *_key_claims("auto, fast"), *_key_claims("autograd")),
    most_rounds=1,
)


def _frames(records: int) -> Side:
    """``frame_ms``: processor's time for a frame of a run of so many records, to which more come."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with trainer("in_dashboard", cpu_line(scale)) as opened:

            def measure() -> Figures:
                found = opened.ask("replay", records=records, seconds=scale.seconds)
                frames = opened.terminal.painted(found["began"], found["ended"])
                return {"frame_ms": 1000 * found["processor_seconds"] / frames}

            yield measure

    return side


FRAME_TIME = Part(
    name="frame-time",
    about="processor's time of a frame at 10,000,000 epochs against one at 1,000, of made-up records",
    sides={"1e3 epochs": _frames(1_000), "1e7 epochs": _frames(10_000_000)},
    claims=(Claim(ours="1e7 epochs", theirs="1e3 epochs", figure="frame_ms", most=1.2),),
)

_EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App[None]):
    def compose(self):
        yield Static("something to see")

Empty().run()
"""


def _first_paint(command: tuple[str, ...], mark: bytes) -> Side:
    """``seconds`` from the start of ``command`` until ``mark`` is on its screen; the median of several."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        def once() -> float:
            with Terminal((sys.executable, *command)) as terminal:
                return terminal.see(mark)

        once()  # so that compiled files and the disk's cache are there
        yield lambda: {"seconds": statistics.median(once() for _ in range(scale.of(10) // 2 or 1))}

    return side


FIRST_PAINT = Part(
    name="first-paint",
    about="from the command to the first paint, against an empty Textual app",
    sides={
        "empty app": _first_paint(("-c", _EMPTY), b"something to see"),
        "dashboard": _first_paint(("-m", "tui_regress"), b"Parameters"),
    },
    claims=(Claim(ours="dashboard", theirs="empty app", figure="seconds", most=1.5),),
)
