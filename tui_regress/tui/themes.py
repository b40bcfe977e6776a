"""Light and dark, with one accent. The hues are Okabe and Ito's, which colour-blind people can tell apart."""

from typing import TYPE_CHECKING

from textual.app import App
from textual.theme import Theme

if TYPE_CHECKING:
    from tui_regress.tui.charts import Palette

DARK = Theme(
    name="lab-dark",
    primary="#56b4e9",
    secondary="#8fa3b8",
    accent="#56b4e9",
    warning="#e69f00",
    error="#ff7a45",
    success="#35c9a0",
    foreground="#d5dbe5",
    background="#12161c",
    surface="#181d25",
    panel="#222935",
    dark=True,
    variables={
        "border": "#56b4e9",
        "border-blurred": "#2c3543",
        "muted": "#8391a5",
        "held-out": "#d89ac0",
        "footer-background": "#181d25",
        "footer-key-foreground": "#56b4e9",
        "footer-description-foreground": "#a9b4c4",
        "block-cursor-background": "#56b4e9",
        "block-cursor-foreground": "#12161c",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#d5dbe5",
        "input-selection-background": "#56b4e9 35%",
        "scrollbar": "#2c3543",
        "scrollbar-background": "#12161c",
        "scrollbar-corner-color": "#12161c",
        "scrollbar-background-hover": "#12161c",
    },
)

LIGHT = Theme(
    name="lab-light",
    primary="#0067a3",
    secondary="#5a6778",
    accent="#0067a3",
    warning="#9a5b00",
    error="#b83b00",
    success="#00704f",
    foreground="#1c2430",
    background="#fbfbfa",
    surface="#f1f2f3",
    panel="#e4e7ea",
    dark=False,
    variables={
        "border": "#0067a3",
        "border-blurred": "#ccd2d9",
        "muted": "#5f6b7a",
        "held-out": "#95376f",
        "footer-background": "#f1f2f3",
        "footer-key-foreground": "#0067a3",
        "footer-description-foreground": "#3c4757",
        "block-cursor-background": "#0067a3",
        "block-cursor-foreground": "#fbfbfa",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#1c2430",
        "input-selection-background": "#0067a3 25%",
        "scrollbar": "#ccd2d9",
        "scrollbar-background": "#fbfbfa",
        "scrollbar-corner-color": "#fbfbfa",
        "scrollbar-background-hover": "#fbfbfa",
    },
)

STATUS_INKS = {
    "idle": "muted",
    "loading": "warning",
    "running": "accent",
    "paused": "warning",
    "stopping": "warning",
    "stopped": "warning",
    "interrupted": "warning",
    "completed": "success",
    "converged": "success",
    "diverged": "error",
    "failed": "error",
}
"""The colour, by its name in the theme, of each word for where a run stands."""

THEMES = {"dark": DARK, "light": LIGHT}


def inks(app: App[object]) -> dict[str, str]:
    """The colours of the app's theme by name, as rich understands them: its terminal colours have no prefix."""
    colours = app.theme_variables.items()
    return {name: "default" if value == "transparent" else value.removeprefix("ansi_") for name, value in colours}


def palette(app: App[object]) -> "Palette":
    """The chart colours of the app's theme."""
    # The charts need numpy, and the first paint none of them.
    from tui_regress.tui.charts import Palette

    colours = inks(app)
    return Palette(
        line=colours["accent"],
        reference=colours["warning"],
        held_out=colours["held-out"],
        points=colours["foreground"],
        mark=colours["error"],
        text=colours["muted"],
        muted=colours["border-blurred"],
    )
