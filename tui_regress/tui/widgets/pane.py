"""Parts of the screen that show the session: out of sight they cost nothing, what has not changed is not painted."""

from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:  # it needs numpy, and the first paint none of it
    from tui_regress.tui.session import Session


class Pane(Widget):
    """Shows a session: now while it is in sight, else as soon as it is."""

    session: "Session | None" = None
    """The one shown last."""
    _in_sight = False
    _named: tuple[str, str] | None = None

    def show(self, session: "Session") -> None:
        """Bring the pane up to date."""
        self.session = session
        self.renew()

    def renew(self) -> None:
        """Bring it up to date again: for another size, another theme, another way to look at it."""
        if self._in_sight and self.session is not None:
            self.present(self.session)

    def present(self, session: "Session") -> None:
        """Show ``session`` on the room there is; each pane has its own way."""
        raise NotImplementedError

    def head(self, title: str, subtitle: str = "") -> None:
        """Title and subtitle in the frame. Naming them anew paints the whole pane: only where they change."""
        if (title, subtitle) != self._named:
            self._named = title, subtitle
            self.border_title, self.border_subtitle = title, subtitle

    def on_show(self) -> None:
        """Catch up on what changed out of sight."""
        self._in_sight = True
        self.renew()

    def on_hide(self) -> None:
        """Rest."""
        self._in_sight = False

    def on_resize(self) -> None:
        """Lay out anew for the room there is."""
        self.renew()


class ChartPane(Pane, can_focus=True):
    """A chart as large as the pane. Where a new one differs from the last, only its lines that do are painted."""

    ALLOW_MAXIMIZE = True

    _lines: tuple["_Line", ...] = ()

    def present(self, session: "Session") -> None:
        """See :class:`Pane`."""
        self.put(self.draw(session, *self.content_size))

    def draw(self, session: "Session", width: int, height: int) -> Text:
        """The chart: ``height`` lines of ``width`` cells, with spans that do not overlap."""
        raise NotImplementedError

    def put(self, text: Text) -> None:
        """Show the lines of ``text`` from now on."""
        before, self._lines = self._lines, _lines(text)
        rows = zip_longest(before, self._lines)
        width = self.content_size.width
        if changed := [Region(0, row, width, 1) for row, (old, new) in enumerate(rows) if old != new]:
            self.refresh(*changed)

    def render(self) -> Text:
        """All lines."""
        return Text("\n").join(Text.assemble(*line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """Line ``y`` at the width there is."""
        base, width = self.rich_style, self.content_size.width
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
