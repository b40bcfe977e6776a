"""The forecast in sentences: what it says, how a learning rate compares with its limit, what to do."""

import math
from collections.abc import Iterator

from tui_regress.engine.stability import Forecast
from tui_regress.text import plain, rounded_down, short

_HOPELESS = 1e-6
"""κ with standardised columns as a share of κ without, below which nothing but standardising helps."""


def explain(forecast: Forecast) -> tuple[str, ...]:
    """What the forecast says, in sentences for a screen, the most important first."""
    return (_regime(forecast), *_outlook(forecast), *_scaling(forecast))


def against_limit(forecast: Forecast, lr: float) -> str:
    """``lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66)``; only where there is a limit above 0."""
    share = lr / forecast.limit
    size = f"{100 * share:.0f} % of" if share < 10 else f"{share:,.0f} times"
    what = "safe bound" if forecast.kind == "bound" else "limit"
    if forecast.hover is not None:
        why = "2 over the weight decay"
    elif forecast.kind == "estimated":
        why = "estimated" if math.isnan(forecast.lambda_min) else "estimated on this run's own batches"
    else:
        why = f"{forecast.limit * forecast.lambda_max:.3g}/λmax, λmax {short(forecast.lambda_max, 4)}"
    return f"lr {plain(lr)} is {size} the {what} {short(forecast.limit)} ({why})"


def remedy(forecast: Forecast) -> str:
    """What to do about too large an lr: a smaller one, the fastest if it keeps clear of the limit, or better scales."""
    if forecast.limit == 0:
        return "Try a momentum and a dampening below 1."
    if math.isinf(forecast.limit):
        return f"Try lr {rounded_down(forecast.lr / 10)}."
    # Too near the limit, the fastest rate forgives nothing.
    if forecast.fastest is not None and forecast.fastest < 0.99 * forecast.limit:
        advice = f"lr {short(forecast.fastest)} (fastest)"
    else:
        advice = f"lr {rounded_down(0.9 * forecast.limit)} (90 % of the limit)"
    scaling = forecast.scaling
    if scaling is None or scaling.lambda_max > 0.9 * forecast.lambda_max or forecast.hover is not None:
        return f"Try {advice}."
    gain = "" if scaling.limit is None else f" (limit {short(scaling.limit)})"
    standardise = f"standardise {scaling.carriers[0][0]}{gain}"
    if scaling.features > 1:
        standardise = f"standardise: scaling the columns may help{gain}"
    if scaling.condition < _HOPELESS * forecast.condition:
        # No constant rate gets anywhere in the flat directions of such data.
        late = f"as they are, even {advice} would take for ever"
        return f"{standardise[0].upper()}{standardise[1:]}; {late}."
    return f"Try {advice}, or {standardise}."


def _below_1(momentum: float) -> str:
    """``momentum`` with as many digits as it takes not to be rounded up to 1, at which nothing is stable."""
    texts = (f"{momentum:.{digits}f}" for digits in range(3, 17))
    return next((text for text in texts if float(text) < 1), "just below 1")


def _regime(forecast: Forecast) -> str:
    if forecast.limit == 0:
        return "A momentum or dampening of 1 or more is stable at no learning rate."
    if math.isinf(forecast.limit):
        swing = "" if forecast.hover is None else f"; near the end the loss may swing by about {short(forecast.hover)}"
        return f"No learning rate makes this optimizer explode: each step is at most about lr per parameter{swing}."
    if forecast.hover is not None and forecast.regime == "bounded":
        return f"{against_limit(forecast, forecast.lr)}: each step is bounded, nothing explodes."
    ending = {
        "monotone": "every direction goes straight downhill",
        "oscillating": "the steepest direction overshoots and comes back, nearer each time",
        "unstable": "every step overshoots further than the last",
        "bounded": "the loss may swing at a high level, but does not explode",
        "singular": "stable, though the data do not determine all parameters",
    }[forecast.regime]
    return f"{against_limit(forecast, forecast.lr)}: {ending}."


def _outlook(forecast: Forecast) -> Iterator[str]:
    if forecast.growth is not None:
        overflow = forecast.overflow_epoch
        when = "" if overflow is None else f" {forecast.dtype} overflows at epoch {overflow:,}."
        yield f"In the end the loss grows ×{short(forecast.growth)} per epoch.{when}"
    if forecast.epochs_to_1e6 is not None:
        yield f"The excess over the lowest loss is down to a millionth after {forecast.epochs_to_1e6:,} epochs."
    if forecast.fastest is not None:
        momentum = ""
        if forecast.best_momentum is not None and forecast.best_momentum[1] > 0.01:
            momentum = f"; with momentum {_below_1(forecast.best_momentum[1])} it is {short(forecast.best_momentum[0])}"
        yield f"The fastest constant lr is {short(forecast.fastest)}{momentum}."
    if math.isfinite(forecast.condition):
        yield f"κ = {short(forecast.condition)}: the steepest direction is that many times as curved as the flattest."


def _scaling(forecast: Forecast) -> Iterator[str]:
    scaling = forecast.scaling
    if scaling is None:
        return
    rounder = math.isfinite(forecast.condition) and scaling.condition < 0.5 * forecast.condition
    if rounder or scaling.lambda_max < 0.9 * forecast.lambda_max:
        carriers = " and ".join(f"{name} ({100 * share:.0f} %)" for name, share in scaling.carriers)
        gain = "" if scaling.limit is None else f"the limit would be {short(scaling.limit)} and "
        yield f"λmax comes from {carriers}. With standardised columns {gain}κ would be {short(scaling.condition)}."
    for group in scaling.repeats:
        yield f"{group[0]} is constant." if len(group) == 1 else f"{', '.join(group)} repeat each other."
