"""How outcomes are shown: a table for a person, one JSON object a line for a program; and on which machine it was."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
from rich.table import Table
from rich.text import Text

from tests.benchmarks.claims import Claim, Outcome

_PACKAGES = ("torch", "numpy", "polars", "textual", "numba", "scikit-learn", "lightning")


def machine() -> Mapping[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def heading(facts: Mapping[str, Any]) -> str:
    """The machine in a line or two."""
    packages = ", ".join(f"{name} {number or 'not installed'}" for name, number in facts["packages"].items())
    return (
        f"{facts['cores']} cores, {facts['memory_gb']:g} GB, load {facts['load']:g}, {facts['system']}, "
        f"Python {facts['python']}\n{packages}"
    )


def table(outcomes: Sequence[Outcome]) -> Table:
    """One row per claim, part by part. ``ours`` and ``theirs`` are the figures, the median that of what is claimed."""
    shown = Table(box=None, padding=(0, 1), header_style="bold")
    for name in ("part", "ours / theirs", "figure"):
        shown.add_column(name, no_wrap=True)
    for name in ("ours", "theirs", "median", "min … max", "wanted"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("reached")
    before = ""
    for outcome in outcomes:
        shown.add_row(outcome.part if outcome.part != before else "", *_cells(outcome))
        before = outcome.part
    return shown


def as_json(outcome: Outcome) -> str:
    """One line of strict JSON."""
    claim = outcome.claim
    fields: dict[str, Any] = {
        "part": outcome.part,
        "ours": claim.ours,
        "theirs": claim.theirs,
        "figure": claim.figure,
        "unit": claim.unit,
        "backend": outcome.backend,
        "least": claim.least,
        "most": claim.most,
    }
    if outcome.missing:
        fields |= {"missing": outcome.missing}
    else:
        fields |= {
            "value": outcome.value,
            "values": outcome.values,
            "ours_figures": outcome.ours,
            "theirs_figures": outcome.theirs,
        }
    return json.dumps(fields | {"reached": outcome.reached}, allow_nan=False, ensure_ascii=False)


def number(value: float) -> str:
    """Three digits, in a width that does not jump about: 3.14, 31.4, 314, 31.4 k, 3.14 M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= 9999.5 and abs(value) >= size:
            return _three(value / size) + letter
    return _three(value)


def _three(value: float) -> str:
    digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}"


def _cells(outcome: Outcome) -> list[Text]:
    claim = outcome.claim
    what, figure = Text(claim.what), Text(claim.figure.replace("_", " "))
    if outcome.missing:
        return [what, figure, *[Text("—")] * 4, Text(_wanted(claim)), Text(outcome.missing, "dim")]
    if outcome.backend:
        what.append(f" · {outcome.backend}", "dim")
    values = outcome.values
    return [
        what,
        figure,
        Text(number(claim.over(outcome.ours))),
        Text(number(claim.over(outcome.theirs)) if outcome.theirs else "—"),
        Text(f"{number(outcome.value)} {claim.unit}", "bold"),
        Text(f"{number(min(values))} … {number(max(values))}"),
        Text(_wanted(claim)),
        {True: Text("yes", "green"), False: Text("no", "bold red"), None: Text("")}[outcome.reached],
    ]


def _wanted(claim: Claim) -> str:
    bounds = [("≥", claim.least), ("≤", claim.most)]
    return " ".join(f"{sign} {bound:g} {claim.unit}" for sign, bound in bounds if bound is not None)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
