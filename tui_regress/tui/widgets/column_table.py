"""The columns of a table, a line each. Only the lines in sight are ever made: ten thousand cost no more than ten."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.geometry import Size, clamp
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_regress.text import compact_exponent
from tui_regress.tui.charts.bars import bars
from tui_regress.tui.picking import Picking, Role, counts_rows, not_a_feature, not_a_target, one_hot_width

if TYPE_CHECKING:  # it loads polars
    from tui_regress.data.columns import ColumnInfo

MARKS: dict[Role, str] = {"target": "◎", "feature": "●", "one-hot": "◉", "left out": "○"}

_GAP = 2
_ROLE, _LETTER = 10, 3
"""Cells of a role in a word, and of its mark and first letter."""
_TYPE, _COUNTED, _PERCENT, _HISTOGRAM = 10, 16, 7, 10
_NAME, _LONGEST_NAME = 10, 28
_RANGE, _LONGEST_RANGE = 15, 31
_FIGURE = 9
"""Cells of a number, at most."""
_ROOMY = 92
"""Cells from which missing values are counted, and not only given in per cent."""


class ColumnTable(ScrollView, can_focus=True):
    """Role, name, type, missing values, range and histogram of each column under a fixed line of headings."""

    ALLOW_MAXIMIZE = False
    ALLOW_SELECT = False
    COMPONENT_CLASSES = {
        "column-table--header",
        "column-table--cursor",
        "column-table--muted",
        "column-table--target",
        "column-table--feature",
        "column-table--one-hot",
        "column-table--histogram",
    }
    BINDINGS = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
    ]

    cursor = reactive(0)
    """Which of the lines the cursor stands on, from 0."""

    class Moved(Message):
        """The cursor stands on another column, or on none."""

    class RolePressed(Message):
        """The role of the column under the cursor was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self._picking: Picking | None = None
        self._shown: Sequence[int] = ()
        self._longest_name = 0

    @property
    def column(self) -> int | None:
        """The column under the cursor, by its index in the file; None where none is shown."""
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    def show(self, picking: Picking, shown: Sequence[int]) -> None:
        """Bring the roles up to date, and show only the columns ``shown``; the cursor stays on its column."""
        if self._picking is None or picking.columns is not self._picking.columns:
            self._longest_name = max(cell_len(info.name) for info in picking.columns)
            # Of all columns, not of those found: what stands below the table must not move while a name is typed.
            self.styles.max_height = len(picking.columns) + 1
        self._picking = picking
        if shown != self._shown:
            before = self.column
            self._shown = shown
            self.virtual_size = Size(0, len(shown) + 1)
            self.cursor = 0
            self.go_to(before)
            self._scroll_to_cursor()
            self.post_message(self.Moved())
        self.refresh()

    def go_to(self, column: int | None) -> None:
        """Put the cursor on ``column``, if it is shown."""
        if column in self._shown:
            self.cursor = self._shown.index(column)

    def validate_cursor(self, cursor: int) -> int:
        """Within the lines there are."""
        return clamp(cursor, 0, max(0, len(self._shown) - 1))

    def watch_cursor(self) -> None:
        """Keep it in sight."""
        self._scroll_to_cursor()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._scroll_to_cursor()

    def action_move(self, lines: int) -> None:
        """Down, or up where ``lines`` is negative."""
        self.cursor += lines

    def action_page(self, pages: int) -> None:
        """By as many lines as are in sight."""
        self.cursor += pages * max(1, self._lines_in_sight - 1)

    def action_go(self, line: int) -> None:
        """To the first line, 0, or the last, −1."""
        self.cursor = line % max(1, len(self._shown))

    def on_click(self, event: events.Click) -> None:
        """To the line clicked; a click on its role is more."""
        line = int(self.scroll_offset.y) + event.y - 1
        if event.y >= 1 and line < len(self._shown):
            self.cursor = line
            if event.x < self._widths["role"] + _GAP // 2:
                self.post_message(self.RolePressed())

    def render_line(self, y: int) -> Strip:
        """The headings, or one column."""
        line, widths = int(self.scroll_offset.y) + y - 1, self._widths
        at_cursor = False
        if y == 0:
            cells = [(name if len(name) <= width else "", "header") for name, width in widths.items()]
        elif self._picking is None or line >= len(self._shown):
            cells = []
        else:
            index = self._shown[line]
            info, role = self._picking.columns[index], self._picking.role(index)
            cells = [cell(info, role, name, width) for name, width in widths.items()]
            at_cursor = line == self.cursor
        plain = self._painted("cursor") if at_cursor else self.rich_style
        segments = []
        for (words, paint), (name, width) in zip(cells, widths.items(), strict=bool(cells)):
            content = Text(words)
            content.truncate(width, overflow="ellipsis")
            content.align("right" if name == "missing" else "left", width)
            segments.append(Segment(content.plain, plain if at_cursor or not paint else self._painted(paint)))
            segments.append(Segment(" " * _GAP, plain))
        return Strip(segments).adjust_cell_length(self.scrollable_content_region.width, plain)

    def _painted(self, component: str) -> Style:
        return self.rich_style + self.get_component_rich_style(f"column-table--{component}", partial=True)

    @property
    def _widths(self) -> dict[str, int]:
        return layout(self.scrollable_content_region.width, self._longest_name)

    @property
    def _lines_in_sight(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def _scroll_to_cursor(self) -> None:
        # The headings stay where they are, on the first line.
        top = clamp(int(self.scroll_offset.y), self.cursor - self._lines_in_sight + 1, self.cursor)
        self.scroll_to(y=top, animate=False)
        self.refresh()


def layout(width: int, longest_name: int) -> dict[str, int]:
    """Which headings fit into ``width`` cells, and how wide their cells are; the least telling give way first."""
    widths = {
        "role": _ROLE if width >= _ROLE + _GAP + 2 * _NAME else _LETTER,
        "column": _NAME,
        "type": _TYPE,
        "missing": _COUNTED if width >= _ROOMY else _PERCENT,
        "range": _RANGE,
        "histogram": _HISTOGRAM,
    }
    for name in ("histogram", "missing", "type", "range"):
        if _total(widths) > width:
            del widths[name]
    spare = max(0, width - _total(widths))
    wanted = min(longest_name, _LONGEST_NAME) - _NAME if "range" in widths else spare
    given = max(0, min(wanted, spare, max(6, spare // 2, spare - (_LONGEST_RANGE - _RANGE))))
    widths["column"] += given
    if "range" in widths:
        widths["range"] = min(_LONGEST_RANGE, _RANGE + spare - given)
    return widths


def cell(info: "ColumnInfo", role: Role, heading: str, width: int) -> tuple[str, str]:
    """What stands under ``heading``, and which of the table's paints it takes: "" for none."""
    paint = "muted" if role == "left out" else role
    never = role == "left out" and bool(not_a_feature(info) and not_a_target(info))
    plain_paint = "muted" if never else ""
    match heading:
        case "role":
            return f"{MARKS[role]} {role if width >= _ROLE else role[0]}", paint
        case "column":
            return info.name, plain_paint if role == "left out" else paint
        case "type":
            return info.kind, plain_paint
        case "missing" if not info.missing:
            return "0", "muted"
        case "missing":
            share = percent(info.missing, info.rows)
            return f"{info.missing:,}  {share:>{_PERCENT}}" if width >= _COUNTED else share, plain_paint
        case "range":
            return extent(info, width), plain_paint
        case _:
            return bars(info.histogram), plain_paint or "histogram"


def extent(info: "ColumnInfo", width: int) -> str:
    """From the lowest to the highest number, in ``width`` cells, each ``…`` below the other; of texts the values."""
    if info.kind != "number" or info.low is None or info.high is None:
        return ", ".join(info.values)
    half = min(_FIGURE, (width - 3) // 2)
    return f"{figure(info.low, half):>{half}} … {figure(info.high, half)}"


def details(picking: Picking, index: int) -> list[Text]:
    """A column in a few phrases: its name, what it is used as, what it holds."""
    info = picking.columns[index]
    phrases = [_use(picking, index)]
    if info.values:
        more = ", …" if (info.distinct or 0) > len(info.values) else ""
        phrases.append(f"{info.distinct or len(info.values):,} values: {', '.join(info.values)}{more}")
    elif info.distinct is not None:
        phrases.append(f"{info.distinct:,} different value{'s' * (info.distinct != 1)}")
    if info.mean is not None:
        phrases.append(f"mean {figure(info.mean, 10)}")
    if info.missing:
        phrases.append(f"{info.missing:,} of {info.rows:,} missing ({percent(info.missing, info.rows)})")
    return [Text(info.name, "bold"), *map(Text, phrases)]


def _use(picking: Picking, index: int) -> str:
    info = picking.columns[index]
    match picking.role(index):
        case "target" if picking.logistic:
            return f"target: the probability of {info.values[1] if info.values else figure(info.high or 0, 10)}"
        case "target":
            return "target: predicted as a number"
        case "one-hot":
            base = f", all 0 for {min(info.values)}" if info.distinct == len(info.values) else ""
            return f"feature as {one_hot_width(info):,} columns of 0 and 1{base}"
        case "feature" if info.kind == "two values":
            return f"feature: 1 for {info.values[1]}, 0 for {info.values[0]}"
        case "feature":
            return "feature"
        case _ if counts_rows(info):
            return "left out; it only counts the rows"
        case _ if obstacle := not_a_feature(info):
            return f"left out; it {obstacle}"
        case _ if info.kind == "text":
            return f"left out; space takes it as {one_hot_width(info):,} columns of 0 and 1"
        case _:
            return "left out"


def figure(value: float, width: int) -> str:
    """``value`` with as many significant digits, six at most, as ``width`` cells can hold; one at least."""
    texts = [("−" if value < 0 else "") + compact_exponent(f"{abs(value):.{digits}g}") for digits in range(6, 0, -1)]
    return next((text for text in texts if len(text) <= width), texts[-1])


def percent(part: int, whole: int) -> str:
    """A share people read at a glance; 0 % and 100 % mean none and all."""
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1 %"
    return f"{share:.1f} %" if share < 9.95 else f"{share if part == whole else min(share, 99):.0f} %"


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
