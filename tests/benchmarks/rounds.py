"""Carrying out a part: its sides in turn, round by round, so that whatever else the machine does falls on all alike."""

from collections.abc import Callable
from contextlib import ExitStack

import psutil

from tests.benchmarks.claims import Claim, Figures, Measure, MissingError, Outcome, Part, Scale

Tell = Callable[[str], None]


def measure(part: Part, scale: Scale, rounds: int, tell: Tell) -> list[Outcome]:
    """One outcome per claim of ``part``. Errors other than MissingError pass through, with all sides closed."""
    free = psutil.virtual_memory().available / 2**30
    if free < part.gigabytes:
        why = f"takes {part.gigabytes:g} GB of memory, and {free:.1f} GB are free"
        return [Outcome(part=part.name, claim=claim, missing=why) for claim in part.claims]
    found: dict[str, list[Figures]] = {name: [] for name in part.sides}
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for name, side in part.sides.items():
            tell(f"{part.name}: opening {name}")
            try:
                measures[name] = stack.enter_context(side(scale))
            except MissingError as reason:
                missing[name] = str(reason)
        rounds = min(rounds, part.most_rounds or rounds)
        for number in range(1, rounds + 1):
            for name in [name for name in measures if name not in missing]:
                tell(f"{part.name}: round {number} of {rounds}, {name}")
                try:
                    found[name].append(measures[name]())
                except MissingError as reason:
                    missing[name] = str(reason)
    return [_outcome(part, claim, found, missing) for claim in part.claims]


def _outcome(part: Part, claim: Claim, found: dict[str, list[Figures]], missing: dict[str, str]) -> Outcome:
    if reasons := [missing[side] for side in claim.sides if side in missing]:
        return Outcome(part=part.name, claim=claim, missing="; ".join(dict.fromkeys(reasons)))
    ours, theirs = found[claim.ours], found[claim.theirs] if claim.theirs is not None else []
    return Outcome(
        part=part.name,
        claim=claim,
        ours=tuple(float(figures[claim.figure]) for figures in ours),
        theirs=tuple(float(figures[claim.figure]) for figures in theirs),
        backend=str(ours[0].get("backend", "")) if ours else "",
    )
