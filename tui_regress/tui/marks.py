"""The runs marked for comparison. No widget and no thread in here."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_regress.runs.kept import Summary

LETTERS = "ABCDEF"
"""What stands for a run that is compared: in the list, in the legend and on its line."""


class Marks:
    """Runs, each with a letter that stays its own while others come and go, also where the list shows other runs."""

    def __init__(self) -> None:
        self._runs: dict[int, Summary] = {}
        """By the place of their letters in LETTERS."""

    def __len__(self) -> int:
        """Number of runs."""
        return len(self._runs)

    def __contains__(self, run: "Summary") -> bool:
        """Whether ``run`` is marked."""
        return run.run_id in self.letters

    @property
    def full(self) -> bool:
        """There is no letter left."""
        return len(self) == len(LETTERS)

    @property
    def letters(self) -> dict[int, int]:
        """Number of each run → place of its letter."""
        return {run.run_id: letter for letter, run in self._runs.items()}

    def letter(self, run: "Summary") -> int:
        """The place of the letter of ``run``: its own, or the first free one; the first where none is free."""
        free = (letter for letter in range(len(LETTERS)) if letter not in self._runs)
        return self.letters.get(run.run_id, next(free, 0))

    def toggle(self, run: "Summary") -> None:
        """Mark ``run``, or no longer; there must be a letter left."""
        letter = self.letter(run)
        if run in self:
            del self._runs[letter]
        else:
            self._runs[letter] = run

    def renew(self, runs: Iterable["Summary"]) -> None:
        """Take over what ``runs`` say of those that are marked."""
        letters = self.letters
        self._runs |= {letters[run.run_id]: run for run in runs if run.run_id in letters}

    def drop(self, gone: Iterable[int]) -> None:
        """Forget the runs of these numbers."""
        numbers = set(gone)
        self._runs = {letter: run for letter, run in self._runs.items() if run.run_id not in numbers}

    def compared(self, current: "Summary | None") -> "list[Summary]":
        """Those marked, by their letters; where they are fewer than two, the one under the cursor beside them."""
        runs = [self._runs[letter] for letter in sorted(self._runs)]
        also = [current] if current is not None and len(runs) < 2 and current not in self else []
        return runs + also
