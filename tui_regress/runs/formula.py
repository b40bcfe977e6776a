"""A fitted model as one line of text: ``y = 1.995·x + 0.017``."""

import math
import re
from collections.abc import Sequence
from typing import Protocol

from tui_regress.data.dataset import FloatArray
from tui_regress.experiment import Experiment, Linear
from tui_regress.text import compact_exponent, printable


class Named(Protocol):
    """A dataset or a kept run: whatever knows what its columns are called."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """d names."""

    @property
    def target_name(self) -> str:
        """Of the target."""

    @property
    def labels(self) -> tuple[str, str] | None:
        """What 0 and 1 stand for in a two-valued target."""


def formula(experiment: Experiment, parameters: FloatArray, names: Named, digits: int = 4) -> str:
    """The model with ``parameters``, shape (p,): weights in column order, bias last; in the units of the data.

    Weights have ``digits`` significant digits, at least; the bias has as many decimals as they, but two significant
    digits. A parameter that is 0 is left out, and a name that could be taken for arithmetic stands in brackets.
    Of a logistic model: ``P(passed = 1) = 1 / (1 + exp(−(1.199·hours − 2.896)))``.
    """
    weights = parameters[: len(names.feature_names)].tolist()
    bias = float(parameters[-1]) if experiment.model.bias else 0.0
    pairs = zip(weights, names.feature_names, strict=True)
    terms = [(weight, f"{_number(abs(weight), digits)}·{_name(name)}") for weight, name in pairs if weight]
    if bias:
        finest = max((_decimals(weight, digits) for weight, _ in terms), default=0)
        decimals = min(_decimals(bias, digits), max(finest, _decimals(bias, 2)))
        terms.append((bias, _rounded(abs(bias), decimals)))
    total = _sum(terms)
    target = _name(names.target_name)
    if isinstance(experiment.model, Linear):
        return f"{target} = {total}"
    one = printable(names.labels[1]) if names.labels else "1"
    return f"P({target} = {one}) = 1 / (1 + exp(−({total})))"


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
    return digits - 1 - math.floor(math.log10(abs(value)))


def _number(value: float, digits: int) -> str:
    return _rounded(value, _decimals(value, digits))


def _rounded(value: float, decimals: int) -> str:
    """``value``, above 0, with that many decimals; with an exponent where it would be long without."""
    if 1e-4 <= value < 1e7:
        text = f"{value:.{max(decimals, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{value:.{max(decimals + math.floor(math.log10(value)), 0)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return compact_exponent(f"{mantissa}e{exponent}").replace("e-", "e−")
