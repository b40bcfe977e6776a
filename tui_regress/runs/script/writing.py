"""How names, numbers and lists are written in a Python file."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from tui_regress.text import printable

_WIDTH = 100


_STANDARD = {name: f"import {name}" for name in ("copy", "csv", "gzip", "io", "math", "sys")}
_INSTALLED = {
    "np": "import numpy as np",
    "pl": "import polars as pl",
    "torch": "import torch",
    "nn": "from torch import nn",
}
_USED = re.compile(rf"\b({'|'.join((*_STANDARD, *_INSTALLED))})\.")


class Page:
    """A Python file in the making."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, *lines: str) -> None:
        """More lines."""
        self._lines += lines

    def has(self, lines: Sequence[str]) -> bool:
        """Whether ``lines`` have been written before, one after the other."""
        return "\n".join(lines) in "\n".join(self._lines)

    def section(self, title: str, *lines: str) -> None:
        """A blank line, the comment ``title``, and ``lines``."""
        self.add("", *comment(title), *lines)

    def function(self, title: str, *lines: str) -> None:
        """A function; a section comes next."""
        self.add("", "", *comment(title), *lines, "")

    def text(self, *heading: str) -> str:
        """The file: ``heading`` in comments, what is needed, the imports of that, and the lines.

        The comment in the first line must not come from a file: there Python looks for the encoding.
        """
        body = "\n".join(line for line in self._lines if not line.startswith("#"))
        used = set(_USED.findall(body))
        standard = [line for name, line in _STANDARD.items() if name in used]
        installed = [line for name, line in _INSTALLED.items() if name in used]
        comments = [line for sentence in heading for line in comment(sentence)]
        return "\n".join([*comments, "", *standard, *([""] if standard else []), *installed, *self._lines, ""])


def text(value: str) -> str:
    """``value`` as a literal that nothing can break out of, in double quotes where they do."""
    literal = repr(value)
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in value else literal


def comment(sentence: str) -> list[str]:
    """``sentence`` as comment lines."""
    shown = printable(sentence, 1000)
    return textwrap.wrap(shown, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def printed(before: str, expression: str) -> str:
    """A call that prints the text ``before`` and then the value of ``expression``, which must hold no quotes."""
    literal = text(before).replace("{", "{{").replace("}", "}}")
    return f"print(f{literal[:-1]}{{{expression}}}{literal[-1]})"


def row(values: Iterable[float]) -> str:
    """The numbers of ``values`` in brackets."""
    return f"[{', '.join(map(repr, values))}]"


def sequence(items: Iterable[str], before: str = "", after: str = "") -> list[str]:
    """``before[items]after``: on one line if there is room, else as many items a line as fit."""
    items = list(items)
    return _on_one_line(items, before, after) or [f"{before}[", *_filled(items), f"]{after}"]


def listing(items: Iterable[str], before: str = "", after: str = "") -> list[str]:
    """``before[items]after``: on one line if there is room, else an item a line."""
    items = list(items)
    return _on_one_line(items, before, after) or [f"{before}[", *(f"    {item}," for item in items), f"]{after}"]


def indented(lines: Iterable[str]) -> list[str]:
    """``lines`` one level deeper."""
    return ["    " + line for line in lines]


def _on_one_line(items: Sequence[str], before: str, after: str) -> list[str]:
    """The line, if there is room for it."""
    if sum(map(len, items)) > _WIDTH:
        return []
    line = f"{before}[{', '.join(items)}]{after}"
    return [line] if len(line) <= _WIDTH else []


def _filled(items: Sequence[str]) -> Iterator[str]:
    line, used = list[str](), 0
    for item in items:
        if line and used + len(item) > _WIDTH - 6:
            yield "    " + " ".join(line)
            line, used = [], 0
        line.append(item + ",")
        used += len(item) + 2
    yield "    " + " ".join(line)
