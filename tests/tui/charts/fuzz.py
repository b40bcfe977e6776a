"""Draws charts of the worst data there is, in a process of its own: python -W error -m tests.tui.charts.fuzz CASES."""

import resource
import sys
from random import Random

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from tests.tui.charts.reading import PALETTE, has_size
from tui_regress.tui.charts import Mark, fit_chart, loss_chart, message_chart, predicted_chart

FloatArray = NDArray[np.float64]

SPECIAL = (
    *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 1.7976931348623157e308),
    *(-1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 3.4e38, 1 + 2**-52, 1e16, 1e-9),
)


def series(random: Random, size: int) -> FloatArray:
    draw = np.random.default_rng(random.randrange(2**32))
    epochs = np.arange(size)
    rate = random.choice((1e-3, 0.1, 10.0))
    values: FloatArray = random.choice(
        (
            np.full(size, random.choice(SPECIAL)),
            draw.choice(SPECIAL, size),
            draw.normal(size=size) * 10.0 ** random.randint(-300, 300),
            np.exp(-epochs * rate),
            np.exp(np.minimum(epochs * rate, 709.0)),
            10.0 ** draw.uniform(-307, 307, size),
            draw.integers(-5, 5, size).astype(float),
            random.choice((1.0, 1e9, -1e-9)) + draw.normal(size=size) * 1e-12,
        )
    )
    if random.random() < 0.4 and size:
        values[draw.integers(0, size, random.randint(1, size))] = random.choice(SPECIAL)
    if random.random() < 0.3:
        values[random.randint(0, size) :] = random.choice((np.nan, np.inf))
    return values


def curve(random: Random) -> tuple[FloatArray, FloatArray] | None:
    size = random.choice((0, 1, 2, 2, 200))
    return None if random.random() < 0.2 else (series(random, size), series(random, size))


def chart(random: Random, width: int, height: int) -> Text:
    size = random.choice((0, 1, 2, 3, 10, 100, 1000))
    kind = random.randrange(8)
    if kind < 4:
        first = random.choice((0, 0, 1, 999, 10_000_000))
        mark = Mark(first + random.randint(-2, size + 2), random.choice(("trend", "時間 too long to fit " * 5, "")))
        return loss_chart(
            series(random, size),
            first,
            width,
            height,
            PALETTE,
            log=random.random() < 0.5,
            predicted=series(random, size) if random.random() < 0.5 else None,
            mark=mark if random.random() < 0.5 else None,
        )
    if kind < 6:
        names = random.sample(("x", "", "時間 (小時)", "a" * 300, "e\u0301\u200b", "[red]"), 2)
        x, y = series(random, size), series(random, size)
        lines = curve(random), curve(random)
        probability = random.random() < 0.3
        return fit_chart(
            x, y, *lines, width, height, PALETTE, probability=probability, x_name=names[0], y_name=names[1]
        )
    if kind == 6:
        return predicted_chart(series(random, size), series(random, size), width, height, PALETTE)
    return message_chart(random.choice(("", "press s", "數據 " * 50, "one\n\ntwo\tthree")), width, height, PALETTE)


MEMORY = 4 * 2**30
"""Address space in bytes: plotext takes more for a single point far outside its limits."""


def main(cases: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for case in range(cases):
        random = Random(case)  # noqa: S311 - the same cases every time, no secrets
        widest, highest = (200, 60) if random.random() < 0.1 else (50, 14)
        width, height = random.randint(0, widest), random.randint(0, highest)
        try:
            drawn = chart(random, width, height)
        except Exception as error:
            error.add_note(f"case {case}, {width}×{height}")
            raise
        if not has_size(drawn, width, height):
            raise AssertionError(f"case {case} is not {width}×{height}:\n{drawn.plain}")
    sys.stdout.write(f"{cases} charts drawn")


if __name__ == "__main__":
    main(int(sys.argv[1]))
