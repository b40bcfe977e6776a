"""A fitted model as one line of text: ``y = 1.995·x + 0.017``."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from tui_regress.data.dataset import Dataset, FloatArray
from tui_regress.experiment import Experiment, Linear
from tui_regress.runs.kept import KeptRun
from tui_regress.text import compact_exponent, printable

_DIGITS = 4
"""Significant ones, of a weight and of the range of the predictions."""


def formula(experiment: Experiment, parameters: FloatArray, fitted: Dataset | KeptRun) -> str:
    """The model with ``parameters``, shape (p,): weights in column order, bias last; in the units of the data.

    With the dataset it was ``fitted`` to, numbers are as short as the predictions for its rows allow: a weight has four
    significant digits, more where its column is far from 0 for its range (a year), and the bias is as fine as four
    digits of the predictions' range. With a kept run, which does not know its rows, they have every digit. A parameter
    that is 0 is left out, and a name that could be taken for arithmetic stands in brackets. Of a logistic model:
    ``P(passed = 1) = 1 / (1 + exp(−(1.199·hours − 2.896)))``.
    """
    weights = parameters[: len(fitted.feature_names)]
    bias = float(parameters[-1]) if experiment.model.bias else 0.0
    *places, last = _places(weights, bias, fitted.X) if isinstance(fitted, Dataset) else _all_places(*weights, bias)
    terms = [
        (weight, f"{_rounded(abs(weight), decimals)}·{_name(name)}")
        for weight, decimals, name in zip(weights.tolist(), places, fitted.feature_names, strict=True)
        if weight
    ]
    if bias:
        terms.append((bias, _rounded(abs(bias), last)))
    total = _sum(terms)
    target = _name(fitted.target_name)
    if isinstance(experiment.model, Linear):
        return f"{target} = {total}"
    one = printable(fitted.labels[1]) if fitted.labels else "1"
    return f"P({target} = {one}) = 1 / (1 + exp(−({total})))"


def _places(weights: FloatArray, bias: float, X: FloatArray) -> list[int]:
    """Places after the point that the weights and then the bias need for the rows of X, shape (n, d)."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.nan_to_num(np.ptp(X @ weights))) or abs(bias) or 1.0
    needed = list[int]()
    for weight, reach in zip(weights.tolist(), np.abs(X).max(axis=0).tolist(), strict=True):
        decimals = _decimals(weight, _DIGITS)
        if reach and math.log10(reach) - decimals > math.log10(2 * spread) + 1 - _DIGITS:
            # Far from 0 the rounding of the weight would shift all predictions by more than four digits of their range.
            decimals = _DIGITS - math.floor(math.log10(spread) - math.log10(reach))
        needed.append(decimals)
    needed.append(max(_decimals(spread, _DIGITS), _decimals(bias, 2)))
    return [min(pair) for pair in zip(needed, _all_places(*weights, bias), strict=True)]


def _all_places(*values: float) -> list[int]:
    """Places after the point of the shortest texts that give the same float64 again."""
    return [-int(Decimal(repr(float(value))).as_tuple().exponent) for value in values]


def _sum(terms: Sequence[tuple[float, str]]) -> str:
    """The terms, each with the number that has its sign."""
    if not terms:
        return "0"
    first, *rest = terms
    return (
        ("−" if first[0] < 0 else "") + first[1] + "".join(f" {'−' if sign < 0 else '+'} {term}" for sign, term in rest)
    )


def _name(name: str) -> str:
    shown = printable(name)
    return shown if re.fullmatch(r"[^\W\d]\w*", shown) else f"[{shown}]"


def _decimals(value: float, digits: int) -> int:
    """Places after the point that show ``digits`` significant ones; below 0 where some before it do."""
    return digits - 1 - math.floor(math.log10(abs(value))) if value else 0


def _rounded(value: float, decimals: int) -> str:
    """``value``, above 0, with that many decimals; with an exponent where it would be long without."""
    if 1e-4 <= value < 1e7:
        text = f"{value:.{max(decimals, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{value:.{max(decimals + math.floor(math.log10(value)), 0)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return compact_exponent(f"{mantissa}e{exponent}").replace("e-", "e−")
