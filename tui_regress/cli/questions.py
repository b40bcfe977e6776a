"""What there is: the built-in experiments, the devices."""

import json

import click

from tui_regress import experiments
from tui_regress.text import printable


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


@click.command(short_help="What can be used here, and why not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def devices(as_json: bool) -> None:
    """List the devices torch knows of, and why one cannot be used."""
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
