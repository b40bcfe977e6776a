"""The first lines of every process that is measured: ``python -m tests.benchmarks.child SPEC``.

SPEC names the module of this package that does the work, and the two pipes: one brings tasks, one JSON object a line,
the other takes the answers, the first of which is empty and says that all is ready.
"""

import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import IO, Any

from tui_regress.cli import COLLECT_AFTER

Task = Callable[..., Mapping[str, Any]]
"""Takes the fields of a task by name; gives those of the answer."""


def say(answers: IO[str], fields: Mapping[str, Any]) -> None:
    """Answer, at once."""
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


def serve(commands: Iterable[str], answers: IO[str], tasks: Mapping[str, Task]) -> None:
    """Say that all is ready; then carry out task after task until there are no more."""
    say(answers, {})
    for line in commands:
        asked = json.loads(line)
        say(answers, tasks[asked.pop("task")](**asked))


def main(spec: Mapping[str, Any]) -> None:
    """Hand over to the module."""
    gc.set_threshold(COLLECT_AFTER)  # as the program itself does
    for name in spec["without"]:
        # To whoever imports it, or looks for it, it is not installed.
        sys.modules[name] = None  # type: ignore[assignment] # so Python itself marks what cannot be imported
    work = import_module(f"tests.benchmarks.{spec['module']}").main
    with os.fdopen(spec["commands"]) as commands, os.fdopen(spec["answers"], "w") as answers:
        work(commands, answers, **spec["arguments"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
