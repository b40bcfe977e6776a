"""What λmax, κ, limit and regime mean for the very experiment on the screen: no number without its sentence."""

import math
from collections.abc import Iterator

from tui_regress.engine.events import Started
from tui_regress.engine.sentences import explain
from tui_regress.engine.stability import Forecast
from tui_regress.experiment import Experiment, Linear, Sgd
from tui_regress.text import short

Paragraph = tuple[str, str]
"""Heading and text."""


def explanation(
    experiment: Experiment, rows: int, forecast: Forecast, started: Started | None = None
) -> list[Paragraph]:
    """The forecast of ``experiment`` on ``rows`` rows of data, from the ground up; how it runs, if it ``started``."""
    paragraphs = [_landscape(experiment, forecast), _step(experiment, forecast)]
    paragraphs.append(("This run", " ".join(explain(forecast))))
    paragraphs += _speed(forecast)
    paragraphs += _conventions(experiment, rows, forecast)
    if forecast.kind == "estimated":
        paragraphs.append(("Minibatches", _MINIBATCHES))
    if started is not None:
        how = f"By {started.gradient} on {started.device}, in {started.dtype}."
        paragraphs.append(("The computation", " ".join((how, *started.notes))))
    return paragraphs


def _landscape(experiment: Experiment, forecast: Forecast) -> Paragraph:
    columns = " of the standardised columns" if experiment.data.standardize else ""
    steepest = f"The steepest direction{columns} has the curvature λmax = {short(forecast.lambda_max)}"
    if forecast.scaling and forecast.scaling.carriers:
        steepest += f", which comes mostly from {forecast.scaling.carriers[0][0]}"
    if not isinstance(experiment.model, Linear):
        text = (
            "The loss of a logistic model is curved most where the probability is ½ and flattens out far away. "
            f"{steepest} at the most: a bound that holds everywhere."
        )
        return "The landscape", text
    text = f"Over the parameters, the squared error is a bowl, with one curvature per direction. {steepest}."
    if math.isfinite(forecast.condition):
        text += f" The flattest one has λmin = {short(forecast.lambda_min)}."
    elif forecast.lambda_min == 0:
        text += " In at least one direction it is flat: there the data do not say which parameters are right."
    return "The landscape", text


def _step(experiment: Experiment, forecast: Forecast) -> Paragraph:
    optimizer = experiment.optimizer
    if not isinstance(optimizer, Sgd):
        text = (
            f"{type(optimizer).__name__} divides each coordinate of the step by the size of its recent gradients, so a "
            "step is about lr long however steep the slope. It cannot explode as sgd does; near the minimum it hovers "
            "instead, about lr away."
        )
    elif not isinstance(experiment.model, Linear):
        text = f"An lr below 2/λmax = {short(2 / forecast.lambda_max)} is safe for certain; beyond it nothing is."
    elif forecast.kind == "estimated":
        text = "Each step covers lr·λ of the distance to the bottom, λ being the curvature of its own few rows."
        if optimizer.momentum:
            text += " It goes on with a share of the last step, so that single batches weigh less and last longer."
    elif optimizer.momentum:
        factor = forecast.limit * forecast.lambda_max
        who = "Nesterov's look ahead" if optimizer.nesterov else "Momentum"
        effect = "widens" if factor > 2 else "narrows"
        text = (
            f"Each step goes on with a share of the last one. {who} {effect} what is stable: the limit is "
            f"{short(factor)}/λmax instead of 2/λmax."
        )
    else:
        q = optimizer.lr * forecast.lambda_max
        text = (
            "The gradient is curvature times distance from the bottom, so a step covers lr·λ of that distance. Below 1 "
            "it falls short; between 1 and 2 it overshoots and lands nearer, on the other side; beyond 2 it lands "
            f"further away each time. Hence the limit 2/λmax. Here lr·λmax = {optimizer.lr:g} · "
            f"{short(forecast.lambda_max)} = {short(q)}: each epoch the error in the steepest direction is multiplied "
            f"by 1 − {short(q)} = {short(1 - q)}, and its share of the loss by {short((1 - q) ** 2)}."
        )
    return "The step", text


def _speed(forecast: Forecast) -> Iterator[Paragraph]:
    if forecast.fastest is None or not math.isfinite(forecast.condition):
        return
    text = (
        "One lr serves all directions. What is fast enough for the steepest is slow for the flattest, which is "
        f"κ =\u00a0{short(forecast.condition)} times less curved. The best constant lr is {short(forecast.fastest)}, "
        "where the two shrink at the same pace: that is what “large steps first, small ones later” comes down to here."
    )
    yield "The speed", text


def _conventions(experiment: Experiment, rows: int, forecast: Forecast) -> Iterator[Paragraph]:
    """Why numpy-line lives at the lr at which exploding-line dies."""
    optimizer = experiment.optimizer
    if not (isinstance(experiment.model, Linear) and isinstance(optimizer, Sgd) and forecast.kind == "exact"):
        return
    if optimizer.weight_decay or not 0 < forecast.limit < math.inf:
        return
    scale = {"mse": 1.0, "half-mse": 2.0, "sse": 1.0 / rows}
    mse = forecast.limit / scale[experiment.model.loss]
    limits = {loss: mse * factor for loss, factor in scale.items()}
    listed = " · ".join(f"{loss} {short(limit)}" for loss, limit in limits.items())
    verdicts = [f"{loss} {'explodes' if optimizer.lr > limit else 'is stable'}" for loss, limit in limits.items()]
    text = (
        f"The same data under another loss have another limit: {listed}. Half the squared error has half the gradient "
        f"and half the curvature; a sum over {rows:,} rows has {rows:,} times as much. At lr {optimizer.lr:g}: "
        f"{', '.join(verdicts)}. The built-in pair shows it: numpy-line (half-mse) lives at the lr 0.1 at which "
        "exploding-line (mse) dies."
    )
    yield "The convention", text


_MINIBATCHES = (
    "Each batch is a bowl of its own, so there is no exact limit. The one shown was found by running the recursion of "
    "the error, which needs no targets, on this run's own batches. Below it the loss need not settle at the "
    "lowest value: where the rows disagree it hovers above it, which is noise and not divergence."
)
