"""The sides that run in a process of their own: the dashboard, the same run headless, and whatever else wants one."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from tests.benchmarks.claims import Figures, Measure, MissingError, Scale, Side
from tests.benchmarks.terminal import PATIENCE, Terminal
from tui_regress.experiment import Experiment, dumps

Make = Callable[[Scale], Experiment]


class Child:
    """A process that does the tasks of a module of this package, on a terminal of its own."""

    def __init__(self, terminal: Terminal, commands: IO[str], answers: IO[str]) -> None:
        self.terminal = terminal
        self._commands, self._answers = commands, answers

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Have ``task`` done; the answer. Raises ProcessError where there is none."""
        self._commands.write(json.dumps({"task": task, **arguments}) + "\n")
        self._commands.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer; its terminal is read meanwhile."""
        answered = False
        while not answered:
            data, answered = self.terminal.read(PATIENCE, self._answers.fileno())
            if not data and not answered:
                raise self.terminal.error("fell silent")
        line = self._answers.readline()
        if not line:
            self.terminal.watch(0.2)
            raise self.terminal.error("ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def child(module: str, *, without: tuple[str, ...] = (), **arguments: Any) -> Iterator[Child]:
    """``module`` in a fresh process, where the packages ``without`` are as good as not installed; ready for tasks."""
    with ExitStack() as stack:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        spec = {
            "module": module,
            "without": without,
            "commands": theirs_in,
            "answers": theirs_out,
            "arguments": arguments,
        }
        command = [sys.executable, "-m", "tests.benchmarks.child", json.dumps(spec)]
        terminal = stack.enter_context(Terminal(command, (theirs_in, theirs_out)))
        os.close(theirs_in)
        os.close(theirs_out)
        commands = stack.enter_context(os.fdopen(ours_out, "w"))
        answers = stack.enter_context(os.fdopen(ours_in))
        opened = Child(terminal, commands, answers)
        opened.answer()
        yield opened


@contextmanager
def trainer(module: str, experiment: Experiment, *, fast: bool = False, store: bool = True) -> Iterator[Child]:
    """A child that trains ``experiment``, keeps its runs in a store of its own, and knows numba only if ``fast``.

    Raises MissingError where it should know it and there is none.
    """
    if fast and find_spec("numba") is None:
        raise MissingError("numba is not installed (the extra fast)")
    with TemporaryDirectory(prefix="tui-regress-") as folder:
        written = Path(folder, "experiment.toml")
        written.write_text(dumps(experiment), encoding="utf-8")
        kept_in = str(Path(folder, "runs.sqlite")) if store else None
        without = () if fast else ("numba",)
        with child(module, without=without, experiment=str(written), store=kept_in) as opened:
            yield opened


def dashboard(make: Make, *, fast: bool = False, epochs: int = 1) -> Side:
    """The dashboard, training: ``epochs_per_second`` over ``epochs`` or more, and ``frames_per_second`` meanwhile."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with trainer("in_dashboard", make(scale), fast=fast) as opened:

            def measure() -> Figures:
                found = opened.ask("train", epochs=scale.of(epochs), seconds=scale.seconds)
                began, ended = found["began"], found["ended"]
                return found | {"frames_per_second": opened.terminal.painted(began, ended) / (ended - began)}

            yield measure

    return side


def headless(make: Make, *, fast: bool = False, epochs: int = 1, store: bool = True) -> Side:
    """The same run without a screen: ``epochs_per_second`` over ``epochs`` or more."""

    @contextmanager
    def side(scale: Scale) -> Iterator[Measure]:
        with trainer("in_headless", make(scale), fast=fast, store=store) as opened:
            yield lambda: opened.ask("train", epochs=scale.of(epochs), seconds=scale.seconds)

    return side
