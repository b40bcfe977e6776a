"""Text from files made safe to show: a column name must print as itself, never act on the terminal."""

import unicodedata


def printable(text: str, limit: int = 200) -> str:
    """``text`` on one line, control and formatting characters shown as ``�``, at most ``limit`` characters long."""
    shown = "".join("�" if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
