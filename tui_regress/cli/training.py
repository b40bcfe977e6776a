"""Training: on the dashboard, and without a screen."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui_regress.cli.options import (
    EXPERIMENT_HELP,
    Command,
    completions,
    experiment_options,
    keeping_options,
    opened,
    store_path,
)
from tui_regress.cli.program import DASHBOARD, PROGRAM, Exit, complain
from tui_regress.cli.terminal import give_the_terminal_back

if TYPE_CHECKING:
    from tui_regress.headless.run import Run

_FIRST = "gentle-line"
"""What the dashboard opens on where nothing else is named."""
_EXIT_OF = {
    "completed": Exit.DONE,
    "converged": Exit.DONE,
    "diverged": Exit.DIVERGED,
    "stopped": Exit.INTERRUPTED,
}


class Dashboard(click.Command):
    """The nameless command: its help is that of the whole program."""

    def get_help(self, ctx: click.Context) -> str:
        """The help of the group."""
        return ctx.find_root().get_help()


@click.command(DASHBOARD, cls=Dashboard, hidden=True)
@click.argument("experiment", default=_FIRST, help=EXPERIMENT_HELP, shell_complete=completions)
@experiment_options
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", help="Colours of the dashboard.")
@keeping_options
def dashboard(
    experiment: str,
    target: str | None,
    features: list[str] | None,
    drop: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    theme: str,
    store: Path | None,
    no_store: bool,
) -> None:
    """Open the dashboard."""
    from tui_regress.data.opening import TargetMissingError

    try:
        first, file = opened(experiment, target, features, drop, settings), _saved_model(experiment, settings)
    except TargetMissingError:
        # A person picks the columns on a screen, which begins with none of these options.
        if features or drop or settings or not _is_terminal(experiment):
            raise
        first, file = opened(_FIRST, None, None, None, ()), Path(experiment).expanduser()
    if experiment == "-":
        give_the_terminal_back()
    if not _is_terminal():
        raise click.ClickException(f"the dashboard needs a terminal; without one, use `{PROGRAM} train`.")
    from tui_regress.tui.app import LabApp

    kept_in = None if no_store else store_path(store)
    app = LabApp(first, file, theme=theme, store=kept_in)
    app.run()
    if text := app.summary():
        click.echo(text)


def _is_terminal(experiment: str = "") -> bool:
    """Whether there is a person at keys and a screen, as far as the table does not come where the keys would."""
    # Textual draws on standard error.
    return sys.stdout.isatty() and sys.stderr.isatty() and (experiment == "-" or sys.stdin.isatty())


def _saved_model(argument: str, settings: Sequence[tuple[str, Any]]) -> Path | None:
    """The file of a saved model, unless the settings make another model of it."""
    path = Path(argument).expanduser()
    changed = {key.partition(".")[0] for key, _ in settings} & {"data", "model"}
    return path if path.suffix.lower() == ".pt" and not changed else None


def output_options(command: Command) -> Command:
    """How a run without a screen is shown, and where its model goes."""
    for option in (
        click.option(
            "--save",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="MODEL.pt",
            help="Save the model as a state_dict that torch.nn.Linear loads, and the experiment beside it as .toml.",
        ),
        click.option(
            "--every",
            type=click.IntRange(min=1),
            metavar="N",
            help="Print records 0, N, 2N, ... and the last. Default: about twenty; with --json, all.",
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout, and nothing else."),
    ):
        command = option(command)
    return command


@click.command(
    short_help="Train without a screen.",
    epilog="""\b
Examples:
  tui-regress train gentle-line
  tui-regress train gentle-line --set optimizer.lr=0.1 --set training.epochs=50
  tui-regress train houses.csv --target price --features rooms,area --save houses.pt
  tui-regress train houses.csv --target price --set training.patience=50
  gzip -dc houses.csv.gz | tui-regress train - --target price
  tui-regress train d2l-concise --json --every 1000000

\b
The run is kept: `tui-regress runs` lists it, and ctrl+c stops it in good order,
so that `tui-regress runs resume` can go on from there.

\b
Exit codes: 0 completed or converged, 1 failed, 2 wrong usage or experiment,
3 diverged, 130 interrupted.
""",
)
@click.argument("experiment", help=EXPERIMENT_HELP, shell_complete=completions)
@experiment_options
@output_options
@keeping_options
def train(
    experiment: str,
    target: str | None,
    features: list[str] | None,
    drop: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    as_json: bool,
    every: int | None,
    save: Path | None,
    store: Path | None,
    no_store: bool,
) -> Exit:
    """Train EXPERIMENT without a screen: the same run, the same numbers."""
    stop_on_sigterm()
    chosen = opened(experiment, target, features, drop, settings)
    if save is not None:
        check_destination(save, experiment)
    from tui_regress.headless.reports import report
    from tui_regress.headless.run import train

    kept_in = None if no_store else store_path(store)
    return farewell(train(chosen, report(as_json, every), save=save, store=kept_in))


def stop_on_sigterm() -> None:
    """SIGTERM ends the program as ctrl+c does, until a run itself listens."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def farewell(run: "Run") -> Exit:
    """Say where the run is kept, and how to go on with it; returns the exit code."""
    if run.run_id is not None:
        command, does = ("resume", "goes on from here") if run.ended.stop == "asked" else ("show", "tells about it")
        click.echo(f"Kept as run {run.run_id}; `{PROGRAM} runs {command} {run.run_id}` {does}.", err=True)
    return exit_code(run)


def exit_code(run: "Run") -> Exit:
    """How the program is to end; where the run failed, or its model could not be saved, it says why."""
    if run.ended.status == "failed":
        return complain(run.ended.reason, Exit.FAILED)
    if run.unsaved:
        return complain(run.unsaved, Exit.FAILED)
    return _EXIT_OF[run.ended.status]


def check_destination(save: Path, experiment: str = "") -> None:
    """Refuse before the training, not after it, to save a model where it cannot go, such as over ``experiment``."""
    if save.suffix != ".pt":
        raise click.BadParameter(f"{save} must end in .pt.", param_hint="'--save'")
    if not save.parent.is_dir():
        raise click.BadParameter(f"there is no folder {save.parent}.", param_hint="'--save'")
    if save.with_suffix(".toml").resolve() == Path(experiment).resolve():
        beside = save.with_suffix(".toml")
        raise click.BadParameter(f"it would overwrite {beside}; choose another name.", param_hint="'--save'")
