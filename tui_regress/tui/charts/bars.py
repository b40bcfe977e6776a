"""A histogram in one line."""

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇"
"""Not the full block: bars of one line must not run into those of the line above."""


def bars(counts: Sequence[int]) -> str:
    """One block character per count, the largest count the tallest; a blank stands for none at all."""
    most = max(counts, default=0)
    return "".join(_LEVELS[-(-count * len(_LEVELS) // most) - 1] if count else " " for count in counts)
