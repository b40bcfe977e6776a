import math

import pytest

from tui_regress.tui.numbers import count, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00000"),
        (1.995181, "1.99518"),
        (-3.4, "−3.40000"),
        (123456.7, "123457"),
        (-0.0044, "−0.00440"),
        (1.2e-7, "1.200e-7"),
        (3.2e38, "3.200e38"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "−inf"),
    ],
)
def test_numbers_have_few_digits_and_a_true_minus(value: float, text: str) -> None:
    assert number(value) == text


def test_numbers_of_any_size_fit_a_column() -> None:
    values = (
        sign * 10.0**exponent * scale for exponent in range(-300, 300) for sign in (1, -1) for scale in (1.0, 9.9999999)
    )
    assert max(len(number(value)) for value in values) <= 8


def test_counts_read_at_a_glance() -> None:
    assert [count(value) for value in (987.4, 14_230, 93_400, 412_000, 3_000_000)] == [
        "987",
        "14.2 k",
        "93.4 k",
        "412 k",
        "3.0 M",
    ]
