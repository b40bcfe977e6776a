"""Parts of the screen that show the session: out of sight they cost nothing, what has not changed is not painted."""

from typing import TYPE_CHECKING, Self

from rich.text import Text
from textual.geometry import Region
from textual.widget import Widget

from tui_regress.tui.widgets.lines import Lines

if TYPE_CHECKING:  # it needs numpy, and the first paint none of it
    from tui_regress.tui.session import Session


class Pane(Widget):
    """Shows a session: now while it is in sight, else as soon as it is."""

    session: "Session | None" = None
    """The one shown last."""
    _in_sight = False
    _named: tuple[str, str] | None = None
    _naming = False

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
        """Title and subtitle in the frame."""
        if (title, subtitle) != self._named:
            self._named = title, subtitle
            self._naming = True
            self.border_title, self.border_subtitle = title, subtitle
            self._naming = False

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint anew; of a pane with another name only the frame above and below."""
        if self._naming and not regions:
            (x, y), (width, height) = self.content_offset, self.outer_size
            regions = Region(-x, -y, width, 1), Region(-x, height - 1 - y, width, 1)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

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


class TextPane(Pane, Lines):
    """Lines of text, drawn anew for each session and each size."""

    def present(self, session: "Session") -> None:
        """See :class:`Pane`."""
        self.put(self.draw(session, *self.content_size))

    def draw(self, session: "Session", width: int, height: int) -> Text:
        """What to show in lines of ``width`` cells, with spans that do not overlap; there is room for ``height``."""
        raise NotImplementedError


class ChartPane(TextPane, can_focus=True):
    """A chart as large as the pane."""

    ALLOW_MAXIMIZE = True
