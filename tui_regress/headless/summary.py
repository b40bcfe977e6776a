"""What a run begins with and what came of it: what a person wants to take away."""

import numpy as np
from rich.console import Console
from rich.text import Text

from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import FloatArray
from tui_regress.engine.objective import predict, sample_gradients
from tui_regress.engine.sentences import explain
from tui_regress.experiment import Linear
from tui_regress.headless.run import Run
from tui_regress.headless.tables import SHOWN, STATUS_COLOURS, console, print_metrics, print_table
from tui_regress.text import printable


def heading(run: Run) -> str:
    """What is about to be trained, where, and what is known about it before the first step."""
    started = run.started
    count = len(started.parameter_names)
    parameters = "1 parameter" if count == 1 else f"{count:,} parameters"
    held = f" and {started.validation_rows:,} held out" if started.validation_rows else ""
    parts = f"{started.rows:,} rows{held}", parameters, started.device, started.dtype, started.gradient
    lines = [f"{printable(run.experiment.name)}: {', '.join(parts)}"]
    if run.dataset.scaling is not None:
        lines.append(
            "Trained on standardised columns, of which the forecast speaks; all else is in the units of the data."
        )
    return "\n".join((*lines, *(explain(started.forecast) if started.forecast else ())))


def summarise(run: Run) -> None:
    """Status and reason, parameters, metrics, predictions."""
    out = console()
    ended = run.ended
    out.print()
    out.print(
        Text(ended.status.upper(), STATUS_COLOURS[ended.status]), f"after {ended.epoch:,} epochs, {ended.seconds:.2f} s"
    )
    out.print(ended.reason)
    _print_parameters(out, run)
    if run.measured is not None:
        print_metrics(out, run.measured, run.dataset.labels)
    _print_predictions(out, run)
    _print_sample_gradients(out, run)


def _print_parameters(out: Console, run: Run) -> None:
    names = run.started.parameter_names
    columns: dict[str, list[str] | list[float]] = {"parameter": list(names), "value": run.ended.parameters.tolist()}
    if run.exact.parameters is not None:
        columns["exact"] = without_rounding(run.exact.parameters).tolist()
    if run.dataset.true_parameters is not None:
        columns["true"] = run.dataset.true_parameters[: len(names)].tolist()
    out.print()
    print_table(out, columns)
    if run.exact.note:
        out.print(f"Exact solution: {run.exact.note}")


def without_rounding(values: FloatArray) -> FloatArray:
    """``values`` with 0 for what is no more than the rounding of the largest."""
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def _print_predictions(out: Console, run: Run) -> None:
    experiment, dataset = run.experiment, run.dataset
    if not experiment.predict.at:
        return
    X = np.array(experiment.predict.at, dtype=np.float64)
    subject = printable(dataset.target_name) if isinstance(experiment.model, Linear) else _probability(dataset)
    before, after = (predict(experiment.model, theta, X).tolist() for theta in (run.first, run.ended.parameters))
    # As a person typed them, a population of 1234567 too, but without the noise of 0.1 + 0.2.
    at = [", ".join(f"{value:.12g}" for value in x) for x in experiment.predict.at]
    out.print()
    print_table(out, {f"{subject} at": at, "before": before, "after": after})


def _probability(dataset: Dataset) -> str:
    label = printable(dataset.labels[1]) if dataset.labels else "1"
    return f"P({printable(dataset.target_name)} = {label})"


def _print_sample_gradients(out: Console, run: Run) -> None:
    dataset = run.dataset
    if run.experiment.training.batch_size != 1 or dataset.rows > SHOWN:
        return
    gradients = sample_gradients(run.experiment.model, run.ended.parameters, dataset.X, dataset.y)
    names = [f"gradient of {name}" for name in run.started.parameter_names]
    samples = [str(number + 1) for number in range(dataset.rows)]
    out.print()
    print_table(out, {"sample": samples, **dict(zip(names, gradients.T.tolist(), strict=True))})
