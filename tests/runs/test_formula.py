import math

import numpy as np
import pytest

from tui_regress.data.dataset import Dataset
from tui_regress.experiment import builtin, override
from tui_regress.runs.formula import formula


def named(*features: str, target: str = "y", labels: tuple[str, str] | None = None) -> Dataset:
    return Dataset(np.zeros((2, len(features))), np.zeros(2), features, target, labels=labels)


LINE = builtin("gentle-line")
CURVE = builtin("pass-or-fail")


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ([1.99518, 0.01740], "y = 1.995·x + 0.017"),
        ([-0.5, -0.25], "y = −0.5·x − 0.25"),
        ([2.0, 0.0], "y = 2·x"),
        ([0.0, 3.0], "y = 3"),
        ([0.0, 0.0], "y = 0"),
        ([0.99999, 1.0], "y = 1·x + 1"),
        ([0.0312, 153.2123], "y = 0.0312·x + 153.2"),
        ([12345.678, 0.51234], "y = 12346·x + 0.51"),
        ([1.25e-9, 153.2123], "y = 1.25e−9·x + 153.2"),
        ([2e8, -1.5e-7], "y = 2e8·x − 1.5e−7"),
    ],
)
def test_a_line_is_one_line_of_text(parameters: list[float], text: str) -> None:
    assert formula(LINE, np.array(parameters), named("x")) == text


def test_several_features_have_their_signs() -> None:
    text = formula(LINE, np.array([2.0, -3.4, 0.5, 4.2]), named("size", "age", "rooms", target="price"))
    assert text == "price = 2·size − 3.4·age + 0.5·rooms + 4.2"


def test_a_model_without_a_bias_has_none() -> None:
    assert formula(override(LINE, {"model.bias": False}), np.array([2.0]), named("x")) == "y = 2·x"


def test_a_logistic_model_gives_a_probability() -> None:
    theta = np.array([1.19895017, -2.89643121])
    text = formula(CURVE, theta, named("hours", target="passed"))
    assert text == "P(passed = 1) = 1 / (1 + exp(−(1.199·hours − 2.896)))"
    text = formula(CURVE, theta, named("hours", target="exam", labels=("failed", "passed")))
    assert text == "P(exam = passed) = 1 / (1 + exp(−(1.199·hours − 2.896)))"


def test_names_that_could_be_taken_for_arithmetic_stand_in_brackets() -> None:
    names = named("living area", "sex=male", "2", "x−1", target="price (€)")
    text = formula(LINE, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), names)
    assert text == "[price (€)] = 1·[living area] + 2·[sex=male] + 3·[2] + 4·[x−1] + 5"


def test_names_cannot_act_on_the_terminal() -> None:
    text = formula(CURVE, np.array([1.0, 1.0]), named("a\x1b[31m", target="\n", labels=("0", "\x07")))
    assert text.isprintable()


def evaluate(text: str, **values: float) -> float:
    """What is to the right of the target, read as Python."""
    expression = text.partition(" = " if text.startswith("y") else ") = ")[2].replace("·", "*").replace("−", "-")
    return float(eval(expression, values | {"exp": math.exp}))  # noqa: S307 - our own arithmetic


@pytest.mark.parametrize("digits", [4, 8, 12])
@pytest.mark.parametrize("seed", range(20))
def test_predictions_hold_to_as_many_digits(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=3) * 10.0 ** rng.uniform(-5, 8, 3)
    p, q = rng.uniform(0.1, 10, 2).tolist()
    found = evaluate(formula(LINE, theta, named("p", "q"), digits), p=p, q=q)
    room = abs(theta[0] * p) + abs(theta[1] * q) + abs(theta[2]) + abs(theta[:2]).min()
    assert abs(found - (theta[0] * p + theta[1] * q + theta[2])) <= 10.0 ** (1 - digits) * room


def test_a_probability_can_be_computed_from_it() -> None:
    text = formula(CURVE, np.array([1.19895017, -2.89643121]), named("hours"))
    assert evaluate(text, hours=4.0) == pytest.approx(1 / (1 + math.exp(2.89643121 - 4 * 1.19895017)), abs=1e-3)
