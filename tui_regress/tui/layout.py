"""Phrases set in lines."""

from collections.abc import Iterable

from rich.text import Text


def flow(phrases: Iterable[Text], gap: str, width: int) -> Text:
    """``phrases`` in lines of ``width`` cells, ``gap`` between them; a line ends only where a phrase does."""
    lines: list[Text] = []
    for phrase in phrases:
        if lines and lines[-1].cell_len + len(gap) + phrase.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], gap, phrase)
        else:
            lines.append(phrase)
    return Text("\n").join(lines)
