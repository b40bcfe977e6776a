"""Ways to show a run: JSON lines for a program, lines of text or a bar for a person."""

import sys
from typing import IO

import click

from tui_regress.engine.events import Ended, Recovered, Started, Verdict
from tui_regress.headless import progress
from tui_regress.headless.run import Report, Run
from tui_regress.headless.summary import heading, summarise
from tui_regress.runs import lines
from tui_regress.runs.lines import Record, round_step, thinned


def report(as_json: bool, every: int | None) -> Report:
    """The way to show a run: JSON lines, a progress bar on a terminal, or lines of text."""
    if as_json:
        return lambda run: write_json(run, every or 1)
    if every is None and sys.stdout.isatty():
        return show_progress
    return lambda run: write_text(run, every or round_step(run.experiment.training.epochs))


def write_json(run: Run, every: int, out: IO[bytes] | None = None) -> None:
    """One object a line: start, epoch …, divergence, recovery, end. To stdout, or to a file beside a bar."""
    experiment = run.experiment
    events = iter(run) if out is None else progress.epochs(iter(run), experiment.training.epochs)
    for item in thinned(events, every):
        match item:
            case Started():
                line = lines.start(item, experiment, run.run_id)
            case Record():
                line = lines.epoch(item, experiment.model)
            case Verdict():
                line = lines.divergence(item)
            case Recovered():
                line = lines.recovery(item)
            case Ended():
                line = lines.end(item, experiment, run.first, run.exact.parameters, run.measured)
            case _:
                continue
        click.echo(lines.dumps(line).encode(), out)


def write_text(run: Run, every: int) -> None:
    """Aligned lines on stdout, and the summary."""
    for item in thinned(iter(run), every):
        match item:
            case Started():
                click.echo(f"{heading(run)}\n\n{_titles(run)}")
            case Verdict() if run.experiment.training.on_divergence != "stop":
                click.echo(item.message)
            case Recovered():
                click.echo(item.message)
            case Record():
                click.echo(_line(item))
    summarise(run)


def _titles(run: Run) -> str:
    held = f"{'validation loss':>17}" if run.started.validation_rows else ""
    score = lines.score_name(run.experiment.model)
    return f"{'epoch':>10}{'loss':>14}{held}{score:>14}{'gradient norm':>15}{'lr':>10}"


def _line(record: Record) -> str:
    held = "" if record.validation_loss is None else f"{record.validation_loss:17.6g}"
    numbers = f"{record.score:14.6g}{record.grad_norm:15.6g}{record.lr:10.4g}"
    return f"{record.epoch:10}{record.loss:14.6g}{held}{numbers}"


def show_progress(run: Run) -> None:
    """A bar on the terminal while training, then the summary."""
    with_bar(run)
    click.echo(heading(run))
    summarise(run)


def with_bar(run: Run) -> None:
    """Nothing but a bar on the terminal while training."""
    for _ in progress.epochs(iter(run), run.experiment.training.epochs):
        pass
