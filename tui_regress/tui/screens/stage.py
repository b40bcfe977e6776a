"""What the main screen and the curtain before it have in common: how they arrange themselves in a terminal."""

from textual.geometry import Size
from textual.screen import Screen

VIEWS = ("setup", "loss", "fit", "parameters", "stability", "code")
"""What the digits and, in narrow terminals, the tabs lead to."""


class Stage(Screen[None]):
    """Its classes tell the style sheet how much room there is."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-medium"), (116, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-low"), (34, "-high")]

    def fit(self, size: Size) -> None:
        """Have the classes for ``size`` before the first paint, which Textual would do without them."""
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max(known for known in breakpoints if known[0] <= length)[1])
