"""Text of which only the lines that change are painted, without a look at how they are to be wrapped."""

from itertools import zip_longest

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """As many lines as it was last given, each cut off or filled up to the width there is."""

    _lines: tuple["_Line", ...] = ()
    _base: Style | None = None

    def put(self, text: Text) -> None:
        """Show the lines of ``text``, whose spans do not overlap, from now on."""
        before, self._lines = self._lines, _lines(text)
        if len(before) != len(self._lines) and self.styles.is_auto_height:
            self.refresh(layout=True)
            return
        rows = zip_longest(before, self._lines)
        width = self.content_size.width
        if changed := [Region(0, row, width, 1) for row, (old, new) in enumerate(rows) if old != new]:
            self.refresh(*changed)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's own
        """A row for each line."""
        return len(self._lines)

    def notify_style_update(self) -> None:
        """Other colours."""
        self._base = None
        super().notify_style_update()

    def render(self) -> Text:
        """All lines."""
        return Text("\n").join(Text.assemble(*line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """Line ``y`` at the width there is."""
        # Textual works it out anew from all that is around the widget.
        base = self._base = self._base or self.rich_style
        width = self.content_size.width
        line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, base + Style.parse(style)) for text, style in line]
        strip = Strip(segments).adjust_cell_length(width, base)
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            start, end = span[0], width if span[1] == -1 else span[1]
            marked = strip.crop(start, end).apply_style(self.screen.get_component_rich_style("screen--selection"))
            strip = Strip.join([strip.crop(0, start), marked, strip.crop(end)])
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """The text that was marked with the mouse, and what it ends with."""
        return selection.extract(self.render().plain), "\n"


_Line = tuple[tuple[str, str], ...]
"""Texts, each with its style."""


def _lines(text: Text) -> tuple[_Line, ...]:
    lines: list[list[tuple[str, str]]] = [[]]
    reached = 0

    def take(end: int, style: str) -> None:
        nonlocal reached
        first, *others = text.plain[reached:end].split("\n")
        for number, part in enumerate((first, *others)):
            if number:
                lines.append([])
            if part:
                lines[-1].append((part, style))
        reached = max(reached, end)

    for start, end, style in sorted(text.spans):
        take(start, str(text.style))
        take(end, str(style))
    take(len(text.plain), str(text.style))
    return tuple(map(tuple, lines))
