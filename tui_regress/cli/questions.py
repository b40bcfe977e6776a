"""What there is: the built-in experiments, the devices, and how fast an experiment is on each of them."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tui_regress import experiments
from tui_regress.cli.options import EXPERIMENT_HELP, completions, experiment_options, opened
from tui_regress.cli.training import stop_on_sigterm
from tui_regress.text import printable

if TYPE_CHECKING:
    from tui_regress.data.dataset import Dataset
    from tui_regress.engine.timing import Timing
    from tui_regress.experiment import Experiment


@click.command("list", short_help="The built-in experiments.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_experiments(as_json: bool) -> None:
    """List the built-in experiments with their one-line stories."""
    from tui_regress.experiment import builtin

    for name in experiments.NAMES:
        experiment = builtin(name)
        if as_json:
            click.echo(json.dumps({"name": name, "title": experiment.title, "about": experiment.about}))
        else:
            click.echo(f"{name:<{max(map(len, experiments.NAMES))}}  {experiment.title}")


@click.command(
    short_help="What can be used here, why not, and what is fastest.",
    epilog="""\b
Examples:
  tui-regress devices
  tui-regress devices gentle-line
  tui-regress devices houses.csv --target price --set training.batch_size=32
""",
)
@click.argument("experiment", required=False, help=EXPERIMENT_HELP, shell_complete=completions)
@experiment_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout, and nothing else.")
def devices(
    experiment: str | None,
    target: str | None,
    features: list[str] | None,
    drop: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    as_json: bool,
) -> None:
    """List the devices torch knows of, and why one cannot be used.

    With EXPERIMENT, train it for a moment on each device by each gradient, and say which is fastest and why. Nothing
    of that is kept.
    """
    if experiment is not None:
        stop_on_sigterm()
        _time(opened(experiment, target, features, drop, settings), as_json)
    elif target or features or drop or settings:
        raise click.UsageError("Missing argument 'EXPERIMENT': the other options change one.")
    else:
        _list_devices(as_json)


def _list_devices(as_json: bool) -> None:
    from tui_regress.engine.devices import list_devices

    found = list_devices()
    width = max(len(device.title) for device in found)
    for device in found:
        if as_json:
            fields = {"name": device.name, "title": device.title, "usable": device.usable, "reason": device.reason}
            click.echo(json.dumps(fields))
        else:
            note = "usable" if device.usable else f"not usable: {device.reason}"
            click.echo(f"{device.name:<8}  {printable(device.title):<{width}}  {note}")


def _time(experiment: "Experiment", as_json: bool) -> None:
    from tui_regress.data import load_dataset
    from tui_regress.engine.timing import timings, verdict, winner
    from tui_regress.headless.progress import stages
    from tui_regress.headless.run import note
    from tui_regress.runs import lines

    found: list[Timing] = []
    with stages() as stage:
        dataset = load_dataset(experiment, stage)
        note(*dataset.notes)
        for timing in timings(experiment, dataset, progress=stage):
            found.append(timing)
            if as_json:
                click.echo(lines.dumps(_line(timing, found)))
    message, best = verdict(found, experiment, dataset), winner(found)
    if as_json:
        device, gradient = (best.device, best.gradient) if best else (None, None)
        click.echo(lines.dumps({"event": "verdict", "device": device, "gradient": gradient, "message": message}))
    else:
        _print(found, message, experiment, dataset)


def _line(timing: "Timing", found: "Sequence[Timing]") -> dict[str, Any]:
    """``timing`` as a JSON object; ``found`` are those until then."""
    from tui_regress.engine.timing import against_autograd

    return {
        "event": "timing",
        "device": timing.device,
        "gradient": timing.gradient or None,
        "epochs_per_second": timing.epochs_per_second,
        "against_autograd": against_autograd(timing, found),
        "first_seconds": timing.first_seconds,
        "auto": timing.auto,
        "reason": timing.reason,
    }


def _print(found: "Sequence[Timing]", message: str, experiment: "Experiment", dataset: "Dataset") -> None:
    """The fastest first; below them what could not be timed, and the verdict."""
    from rich.text import Text

    from tui_regress.engine.timing import against_autograd, lasting, times
    from tui_regress.headless.tables import console, print_table

    out = console()
    timed = sorted((t for t in found if t.epochs_per_second), key=lambda t: -(t.epochs_per_second or 0.0))
    ratios = [against_autograd(timing, found) for timing in timed]
    columns: dict[str, list[Text] | list[str]] = {
        "device": [Text(timing.device, "green" if timing is timed[0] else "") for timing in timed],
        "gradient": [Text(timing.gradient, "green" if timing is timed[0] else "") for timing in timed],
        "epochs/s": [_per_second(timing.epochs_per_second or 0.0) for timing in timed],
        "against autograd": ["" if ratio is None else times(ratio) for ratio in ratios],
        "first epoch": [lasting(timing.first_seconds or 0.0) for timing in timed],
    }
    rows, shape = f"{dataset.rows:,} rows", f"{dataset.features:,} features" if dataset.features > 1 else "1 feature"
    out.print(f"{printable(experiment.name)}: {rows}, {shape}, {experiment.device.dtype}\n")
    print_table(out, columns, left=2, shown=None)
    out.print()
    for timing in found:
        if timing.reason:
            where = f"{timing.device} {timing.gradient}".rstrip()
            out.print(Text(f"{where}: {printable(timing.reason)}", "dim"))
    out.print(f"\n{message}")


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
