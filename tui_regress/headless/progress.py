"""What is being done, while it is being done: a bar on the terminal that goes away without a trace.

Bars go to stderr, so that standard output holds nothing but results; where stderr is no terminal there are none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tui_regress.data import progress
from tui_regress.engine.events import Block

Happening = TypeVar("Happening")


@contextmanager
def stages(*, shown: bool = True) -> Iterator[progress.Progress]:
    """For work that says what it is at, and the share that is done where it knows it."""
    description = TextColumn("{task.description}", markup=False)
    with _on_stderr(description, BarColumn(), TimeRemainingColumn(), shown=shown) as bar:
        task = bar.add_task("", total=None)

        def tell(what: str, share: float | None) -> None:
            bar.update(task, description=what, total=None if share is None else 1.0, completed=share or 0.0)

        yield tell


def epochs(events: Iterator[Happening], total: int) -> Iterator[Happening]:
    """``events`` as they are, beside a bar over the ``total`` epochs with the loss."""
    count, loss = TextColumn("{task.completed:,} epochs"), TextColumn("loss {task.fields[loss]}")
    with _on_stderr(count, BarColumn(), loss, TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=total, loss="")
        for event in events:
            if isinstance(event, Block):
                bar.update(task, completed=event.last, loss=f"{event.loss[-1]:.6g}")
            yield event


def _on_stderr(*columns: TextColumn | BarColumn | TimeRemainingColumn, shown: bool = True) -> Progress:
    terminal = Console(stderr=True)
    # What is written to standard output in the meantime is none of the bar's business: it may be a file.
    return Progress(
        *columns,
        console=terminal,
        transient=True,
        redirect_stdout=False,
        disable=not (shown and terminal.is_terminal),
    )
