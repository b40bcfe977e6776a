"""What kept runs look like to a person, and to a program."""

import math
import sys
from collections.abc import Sequence
from itertools import accumulate
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct, structs
from rich.cells import cell_len
from rich.text import Text

from tui_regress.experiment import encode
from tui_regress.headless.tables import GAP, STATUS_COLOURS, console, print_metrics, print_table
from tui_regress.runs import lines
from tui_regress.text import printable
from tui_regress.tui import kept_runs
from tui_regress.tui.settings import to_text

if TYPE_CHECKING:
    from rich.console import Console

    from tui_regress.runs.kept import KeptRun, Summary, Unreadable

_TEXTS = ("run", "began", "experiment", "status", "optimizer")
_ORDER = (*_TEXTS, "epochs", "loss", "validation", "metric", "time")
_LONGEST = 100
"""Characters of a setting that are shown."""
_ALWAYS = ("loss", "lr", "epochs")
"""Settings that are shown also where they are as they are by default."""
_TOO_LONG = ("columns", "classes")
"""How the columns of a table are read: for programs."""


def print_list(runs: Sequence["Summary"]) -> None:
    """One line per run; a narrow terminal gets the most telling columns only."""
    columns: dict[str, list[str]] = {
        "run": [str(run.run_id) for run in runs],
        "experiment": [printable(run.name, 40) for run in runs],
        "status": [run.status for run in runs],
        "loss": [kept_runs.figure(run.loss) for run in runs],
        "metric": [kept_runs.metric(run) for run in runs],
        "epochs": [kept_runs.epochs(run) for run in runs],
        "began": [f"{run.began.astimezone():%Y-%m-%d %H:%M}" for run in runs],
        "validation": [kept_runs.figure(run.validation_loss) for run in runs],
        "optimizer": [kept_runs.optimizer(run.experiment) for run in runs],
        "time": [kept_runs.duration(run.seconds) for run in runs],
    }
    room = get_terminal_size().columns if sys.stdout.isatty() else math.inf
    widths = accumulate(max(map(cell_len, (name, *cells))) + GAP for name, cells in columns.items())
    fitting = [name for name, width in zip(columns, widths, strict=True) if width <= room + GAP]
    coloured = {"status": [Text(run.status, STATUS_COLOURS[run.status]) for run in runs]}
    print_table(
        console(),
        {name: coloured.get(name, columns[name]) for name in _ORDER if name in fitting},
        left=sum(name in fitting for name in _TEXTS),
        shown=None,
    )


def print_page(kept: "KeptRun") -> None:
    """All that is known of one run: what, how it ended, when, where, its settings, parameters and metrics."""
    run, out = kept.summary, console()
    out.print(f"Run {run.run_id}: {printable(run.name)}")
    if run.experiment.title:
        out.print(run.experiment.title)
    out.print()
    out.print(
        Text(run.status.upper(), STATUS_COLOURS[run.status]),
        f"after {run.epoch:,} of {run.epochs:,} epochs, {kept_runs.duration(run.seconds)}",
    )
    out.print(kept_runs.reason(run))
    if run.resumable:
        out.print(f"`tui-regress runs resume {run.run_id}` goes on from there.")
    out.print()
    for name, value in _facts(kept).items():
        out.print(f"{name:<12}{printable(value, 1000)}")
    if sentences := [*(recovery.message for recovery in kept.recoveries), *kept.notes]:
        out.print()
        out.print("\n".join(printable(sentence, 1000) for sentence in sentences))
    _print_parameters(out, kept)
    if kept.measured is not None:
        print_metrics(out, kept.measured, kept.labels)


def _print_parameters(out: "Console", kept: "KeptRun") -> None:
    if kept.parameters is None:
        return
    columns: dict[str, list[str] | list[float]] = {
        "parameter": [printable(name) for name in kept.parameter_names],
        f"epoch {kept.record:,}": kept.parameters.tolist(),
    }
    if kept.best is not None and kept.best.epoch != kept.record:
        columns[f"best, epoch {kept.best.epoch:,}"] = kept.best.parameters.tolist()
    out.print()
    print_table(out, columns)


def _facts(kept: "KeptRun") -> dict[str, str]:
    run, experiment = kept.summary, kept.summary.experiment
    where = {name: str(value) for name, value in run.environment.items()}
    held = f" and {kept.validation_rows:,} held out" if kept.validation_rows else ""
    return {
        "began": f"{run.began.astimezone():%Y-%m-%d %H:%M} on {where['host']}, process {where['pid']}",
        "computed": f"{run.device}, {kept.dtype}, {run.gradient}",
        "rows": f"{kept.rows:,}{held}",
        **{table: _settings(getattr(experiment, table)) for table in ("data", "model", "optimizer", "training")},
        "versions": ", ".join(f"{name} {where[name]}" for name in ("tui-regress", "python", "torch", "numpy")),
        "platform": where["platform"],
    }


def _settings(settings: Struct) -> str:
    """The kind, and all that is not as it is by default."""
    tag = settings.__struct_config__.tag
    parts = [str(tag)] if tag else []
    for field in structs.fields(settings):
        value = getattr(settings, field.name)
        if field.name in _ALWAYS or (value != field.default and field.name not in _TOO_LONG):
            parts.append(field.name if value is True else printable(f"{field.name} {_text(value)}", _LONGEST))
    return " · ".join(parts)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else to_text(value)


def print_unreadable(runs: Sequence["Unreadable"]) -> None:
    """A sentence for each, on stderr."""
    for run in runs:
        sentence = f"Run {run.run_id}, {printable(run.name, 40)}, cannot be read by this version: {run.reason}"
        click.echo(f"{sentence} `tui-regress runs delete {run.run_id}` removes it.", err=True)


def write_list_json(runs: Sequence["Summary"]) -> None:
    """One object a line."""
    for run in runs:
        click.echo(lines.dumps(_plain(_summary(run))))


def write_page_json(kept: "KeptRun") -> None:
    """One object: what a list says of the run, and everything else but its records, which ``export`` writes."""
    run = kept.summary
    parameters = None if kept.parameters is None else kept.parameters.tolist()
    page = {
        **_summary(run),
        "rows": kept.rows,
        "validation_rows": kept.validation_rows,
        "dtype": kept.dtype,
        "record": kept.record,
        "parameters": parameters and dict(zip(kept.parameter_names, parameters, strict=True)),
        "best": kept.best
        and {"epoch": kept.best.epoch, "loss": kept.best.loss, "parameters": kept.best.parameters.tolist()},
        "divergence": kept.verdict and lines.divergence(kept.verdict),
        "recoveries": [lines.recovery(event) for event in kept.recoveries],
        "forecast": kept.forecast,
        "notes": kept.notes,
        "settings": encode(run.experiment),
        "environment": run.environment,
    }
    click.echo(lines.dumps(_plain(page)))


def _summary(run: "Summary") -> dict[str, Any]:
    return {
        "run": run.run_id,
        "experiment": run.name,
        "status": run.status,
        "stop": run.stop,
        "reason": run.reason,
        "began": run.began.isoformat(timespec="seconds"),
        "seconds": run.seconds,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "loss": run.loss,
        "validation_loss": run.validation_loss,
        "metrics": run.metrics,
        "device": run.device,
        "gradient": run.gradient,
        "resumable": run.resumable,
    }


def _plain(value: Any) -> Any:
    """``value`` as JSON can hold it: numbers that are not finite as the texts "nan", "inf" and "-inf"."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
