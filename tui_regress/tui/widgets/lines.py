"""Text of which only the lines that change are painted, without a look at how they are to be wrapped."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """As many lines as it was last given, each cut off or filled up to the width there is."""

    FILLED = True
    """Whether lines are filled up in the colours of the text; else what comes after them is left to Textual."""
    _shown: object = None
    """All that makes up the text."""
    _lines: tuple["_Line", ...] = ()
    _base: Style | None = None

    def put(self, text: Text) -> None:
        """Show the lines of ``text``, whose spans do not overlap, from now on."""
        shown = text.plain, tuple(text.spans), str(text.style)
        if shown == self._shown:
            return
        before, self._shown, self._lines = self._lines, shown, _lines(text)
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
        strip = Strip(segments)
        if self.FILLED or strip.cell_length > width:
            strip = strip.adjust_cell_length(width, base)
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            # The span counts characters, of which some are two cells wide.
            start, end = (strip.cell_length if at == -1 else cell_len(strip.text[:at]) for at in span)
            mark = Style(bgcolor=self.screen.get_component_rich_style("screen--selection").bgcolor)
            marked = Strip(Segment.apply_style(strip.crop(start, end), post_style=mark))
            strip = Strip.join([strip.crop(0, start), marked, strip.crop(end)])
        # Where there is nothing at all, the mouse would find no line.
        return _placed(strip if strip.cell_length else Strip([Segment("", base)]), y)

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """The text that was marked with the mouse, and what it ends with."""
        return selection.extract(self.render().plain), "\n"


def _placed(strip: Strip, y: int) -> Strip:
    """``strip`` as line ``y``, with what Textual looks for where text is marked with the mouse."""
    segments, x = [], 0
    for text, style, _ in strip:
        segments.append(Segment(text, _at(x, y, style or Style.null())))
        x += len(text)
    return Strip(segments, strip.cell_length)


@lru_cache(maxsize=8192)
def _at(x: int, y: int, style: Style) -> Style:
    # The same object each time, for all that is worked out of a style is kept with it.
    return style + Style.from_meta({"offset": (x, y)})


_Line = tuple[tuple[str, str], ...]
"""Texts, each with its style."""


def _lines(text: Text) -> tuple[_Line, ...]:
    lines: list[list[tuple[str, str]]] = [[]]
    for part, style in _parts(text):
        first, *others = part.split("\n")
        if first:
            lines[-1].append((first, style))
        lines += [[(other, style)] if other else [] for other in others]
    return tuple(map(tuple, lines))


def _parts(text: Text) -> Iterator[tuple[str, str]]:
    """All of ``text``, each part with its style."""
    plain, style, reached = text.plain, str(text.style), 0
    for start, end, other in sorted(text.spans):
        if reached < start:
            yield plain[reached:start], style
        yield plain[start:end], str(other)
        reached = end
    yield plain[reached:], style
