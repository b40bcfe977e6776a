"""The runs of the list, those marked among them, and which are in view. No widget and no thread in here."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from tui_regress.runs.kept import Summary, Unreadable
from tui_regress.tui import kept_runs
from tui_regress.tui.marks import Marks

if TYPE_CHECKING:
    from tui_regress.runs.kept import Listed

PAGE = 200
"""Runs that are listed at first, and how many more each time the last one is reached."""


class RunList:
    """As many of the newest runs as have been asked for."""

    def __init__(self) -> None:
        self.runs: Sequence[Listed] = ()
        """The newest first."""
        self.limit = PAGE
        self.marks = Marks()

    @property
    def complete(self) -> bool:
        """There are no others."""
        return len(self.runs) < self.limit

    @property
    def held(self) -> str:
        """What it holds, in words."""
        return kept_runs.how_many(len(self.runs), len(self.marks), all_of_them=self.complete)

    def take(self, runs: "Sequence[Listed]", *, narrowed: bool) -> None:
        """The list as it is now; ``narrowed``: by a filter, beyond which marked runs go on being there."""
        self.runs = runs
        self.marks.renew(run for run in runs if isinstance(run, Summary))
        if not narrowed and self.complete:
            self.marks.drop(self.marks.letters.keys() - {run.run_id for run in runs})

    def find(self, run_id: int | None) -> "Listed | None":
        """The run of that number."""
        return next((run for run in self.runs if run.run_id == run_id), None)

    def in_view(self, current: "Listed | None") -> list[Summary]:
        """The runs to show: those compared, or ``current``, under the cursor, if it can be read."""
        if isinstance(current, Unreadable):
            return self.marks.compared(None) if len(self.marks) > 1 else []
        return self.marks.compared(current)

    def earlier(self, run: Summary) -> Summary | None:
        """The run before ``run`` of the same name: what has been changed since is what a person wants to see."""
        earlier = (one for one in self.runs if one.run_id < run.run_id and one.name == run.name)
        return next((one for one in earlier if isinstance(one, Summary)), None)


def facts(run: Summary, now: datetime, zone: tzinfo | None) -> dict[str, str]:
    """What is said of ``run`` elsewhere where the list has no room for the column of that key."""
    held_out = (
        {} if run.validation_loss is None else {"validation": f"validation {kept_runs.figure(run.validation_loss)}"}
    )
    return {
        "when": kept_runs.when(run.began, now, zone),
        "epochs": f"{kept_runs.epochs(run)} epochs",
        **held_out,
        "seconds": kept_runs.duration(run.seconds),
    }
