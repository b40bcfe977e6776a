import math
from pathlib import Path

import numpy as np
import pytest

from tests.runs.made_up import block, ended, keep, kept, started
from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.experiment import builtin, override
from tui_regress.runs.formula import formula


def named(*features: str, target: str = "y", labels: tuple[str, str] | None = None) -> Dataset:
    X = np.tile([[1.0], [5.0]], len(features))
    return Dataset(X, np.zeros(2), features, target, labels=labels)


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
        ([0.0312, 153.2123], "y = 0.0312·x + 153.2123"),
        ([12345.678, 0.51234], "y = 12346·x + 0.51"),
        ([1.25e-9, 153.2123], "y = 1.25e−9·x + 153.2123"),
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


def predicted(text: str, X: FloatArray) -> FloatArray:
    return np.array([evaluate(text, **dict(zip("pqrs", row, strict=False))) for row in X.tolist()])


@pytest.mark.parametrize("seed", range(20))
def test_predictions_hold_to_four_digits_of_their_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spreads = 10.0 ** rng.uniform(-3, 5, 2)
    X = (10.0 ** rng.uniform(-1, 6, 2) + rng.normal(size=(50, 2))) * spreads
    theta = np.append(rng.normal(size=2) / spreads * 10.0 ** rng.uniform(-2, 2, 2), rng.normal())
    theta[2] -= theta[:2] @ X.mean(axis=0)
    expected = X @ theta[:2] + theta[2]
    found = predicted(formula(LINE, theta, Dataset(X, expected.copy(), ("p", "q"), "y")), X)
    assert np.abs(found - expected).max() <= 2e-3 * np.ptp(expected)


@pytest.mark.parametrize(
    ("low", "high", "weight", "text"),
    [
        (1990, 2023, 2.3452871, "y = 2.345287·p − 4705.82"),
        (1.699998e9, 1.700002e9, 0.0050029401, "y = 0.0050029401·p − 8504998.17"),
        (50, 200, 2991.72, "y = 2992·p − 373965"),
    ],
)
def test_a_column_far_from_0_has_the_digits_that_its_predictions_need(
    low: float, high: float, weight: float, text: str
) -> None:
    X = np.linspace(low, high, 100).reshape(-1, 1)
    theta = np.array([weight, -weight * X.mean()])
    expected = X @ theta[:1] + theta[1]
    data = Dataset(X, expected.copy(), ("p",), "y")
    assert formula(LINE, theta, data) == text
    error = predicted(text, X) - expected
    assert np.sqrt(np.mean(error**2)) <= 5e-4 * expected.std()


def test_a_kept_run_that_does_not_know_its_rows_gives_every_digit(tmp_path: Path) -> None:
    keep(tmp_path / "runs.sqlite", started(), block(0, [1.0]), ended(0))
    run = kept(tmp_path / "runs.sqlite")
    theta = np.array([2.345287112345678, -3999.3712345678905])
    assert formula(LINE, theta, run) == "y = 2.345287112345678·x − 3999.3712345678905"
    assert formula(LINE, np.array([1e-20 / 3, 2e8]), run) == "y = 3.3333333333333333e−21·x + 2e8"


def test_data_as_large_as_floats_can_be_give_a_formula_all_the_same() -> None:
    data = Dataset(np.array([[-1e200], [1e200]]), np.zeros(2), ("x",), "y")
    assert formula(LINE, np.array([1.5e150, 2.0]), data) == "y = 1.5e150·x + 2"


def test_a_probability_can_be_computed_from_it() -> None:
    text = formula(CURVE, np.array([1.19895017, -2.89643121]), named("hours"))
    assert evaluate(text, hours=4.0) == pytest.approx(1 / (1 + math.exp(2.89643121 - 4 * 1.19895017)), abs=1e-3)
