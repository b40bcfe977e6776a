"""The command line: commands, options, exit codes. The only place that knows argv.

Nothing heavy is imported before a command needs it, so that ``--help``, ``--version`` and ``list`` answer at once.
"""

import json
import signal
import sys
import tomllib
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem

from tui_regress import __version__, experiments
from tui_regress.text import printable

if TYPE_CHECKING:
    from tui_regress.experiment import Experiment

Command = TypeVar("Command", bound=Callable[..., Any])
PROGRAM = "tui-regress"
DASHBOARD = ""
"""Name of the command that runs when no command is named: empty, so that no experiment can bear it."""
_EXPERIMENT_HELP = "A built-in name, an experiment (.toml), a saved model (.pt) or a table (.csv, .tsv, .parquet)."


class Exit(IntEnum):
    """How the program ends."""

    DONE = 0
    """Completed or converged."""
    FAILED = 1
    WRONG = 2
    """Wrong usage or a wrong experiment."""
    DIVERGED = 3
    INTERRUPTED = 130
    """By ctrl+c or SIGTERM."""


_EXIT_OF = {
    "completed": Exit.DONE,
    "converged": Exit.DONE,
    "diverged": Exit.DIVERGED,
    "stopped": Exit.INTERRUPTED,
    "failed": Exit.FAILED,
}


def main() -> NoReturn:
    """Run the command that argv names, and exit: the ``tui-regress`` script."""
    if hasattr(signal, "SIGPIPE"):
        # A reader that goes away (`| head -1`) ends this program as quietly as any other Unix tool.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out ``arguments`` and return the exit code; what went wrong is one line on stderr, never a traceback."""
    try:
        return int(laboratory.main(arguments, prog_name=PROGRAM, standalone_mode=False) or Exit.DONE)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except click.ClickException as error:
        return _complain(_usage(error), Exit.WRONG)
    except Exception as error:
        from tui_regress.problems import InputError, describe

        return _complain(describe(error), Exit.WRONG if isinstance(error, InputError) else Exit.FAILED)


def _complain(sentence: str, code: Exit) -> Exit:
    click.echo(f"{PROGRAM}: {printable(sentence, 1000)}", err=True)
    return code


def _usage(error: click.ClickException) -> str:
    sentence = " ".join(error.format_message().split()).replace(". (Did", " (did")
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return sentence
    return f"{sentence.rstrip('.')}; see `{error.ctx.command_path.strip()} --help`."


class Laboratory(click.Group):
    """A group whose first word may be an experiment instead of a command: then it opens the dashboard on it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the dashboard's command where no other is named."""
        own = [name for option in self.get_params(ctx) for name in option.opts]
        return super().parse_args(ctx, args if args and args[0] in (*self.commands, *own) else [DASHBOARD, *args])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Both ways to call the program."""
        formatter.write_usage(ctx.command_path, "[EXPERIMENT] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of the dashboard beside the group's own, then the commands."""
        params = [*self.commands[DASHBOARD].params, *self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([record for param in params if (record := param.get_help_record(ctx))])
        self.format_commands(ctx, formatter)


class Dashboard(click.Command):
    """The nameless command: its help is that of the whole program."""

    def get_help(self, ctx: click.Context) -> str:
        """The help of the group."""
        return ctx.find_root().get_help()


class Setting(click.ParamType[tuple[str, Any]]):
    """``KEY=VALUE``, the value in TOML; a bare word is text, nothing at all takes the setting back to its default."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and decode. Fails where there is no ``=``."""
        key, equals, text = str(value).partition("=")
        if not equals:
            self.fail(f"{key!r} is no setting; write KEY=VALUE, such as optimizer.lr=0.1", param, ctx)
        if not text:
            return key, None
        try:
            decoded = tomllib.loads(f"value = {text}")
        except (ValueError, RecursionError):
            return key, text
        return key, decoded["value"] if decoded.keys() == {"value"} else text


def _columns(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",")]


def _completions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Built-in names, the commands where one could stand, and whatever files the shell finds."""
    commands = [name for name in laboratory.commands if name] if ctx.info_name == DASHBOARD else []
    names = [name for name in (*experiments.NAMES, *commands) if name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def _experiment_options(command: Command) -> Command:
    """The options that change or complete an experiment."""
    for option in (
        click.option(
            "--set",
            "settings",
            type=Setting(),
            multiple=True,
            help="Replace a setting, such as optimizer.lr=0.1 or model.kind=logistic. Repeatable; "
            "KEY= takes a setting back to its default.",
        ),
        click.option(
            "--features",
            metavar="A,B,...",
            callback=_columns,
            help="The columns to predict it from. Default: every other numeric column.",
        ),
        click.option("--target", metavar="COLUMN", help="The column of the table to predict."),
    ):
        command = option(command)
    return command


def _open(
    argument: str, target: str | None, features: list[str] | None, settings: Sequence[tuple[str, Any]]
) -> "Experiment":
    from tui_regress.data.opening import open_experiment
    from tui_regress.experiment import anchored, override

    experiment = open_experiment(argument, target, features)
    return anchored(override(experiment, dict(settings)), Path.cwd()) if settings else experiment


def _saved_model(argument: str, settings: Sequence[tuple[str, Any]]) -> Path | None:
    """The file of a saved model, unless the settings make another model of it."""
    path = Path(argument).expanduser()
    changed = {key.partition(".")[0] for key, _ in settings} & {"data", "model"}
    return path if path.suffix.lower() == ".pt" and not changed else None


@click.group(
    cls=Laboratory,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  tui-regress                             five points, one line
  tui-regress exploding-line              the same at ten times the rate
  tui-regress houses.csv --target price   a table of your own
  tui-regress train gentle-line           without a screen
""",
)
@click.version_option(__version__, message=f"{PROGRAM} %(version)s")
def laboratory() -> None:
    """The terminal laboratory for gradient descent: watch it converge, make it explode, understand why.

    Without a command it opens the dashboard on EXPERIMENT (gentle-line, if none is named).
    """


@laboratory.command(DASHBOARD, cls=Dashboard, hidden=True)
@click.argument("experiment", default="gentle-line", help=_EXPERIMENT_HELP, shell_complete=_completions)
@_experiment_options
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", help="Colours of the dashboard.")
def dashboard(
    experiment: str,
    target: str | None,
    features: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    theme: str,
) -> None:
    """Open the dashboard."""
    opened = _open(experiment, target, features, settings)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.ClickException(f"the dashboard needs a terminal; without one, use `{PROGRAM} train`.")
    from tui_regress.tui.app import LabApp

    app = LabApp(opened, _saved_model(experiment, settings), theme=theme)
    app.run()
    if text := app.summary():
        click.echo(text)


@laboratory.command(
    short_help="Train without a screen.",
    epilog="""\b
Examples:
  tui-regress train gentle-line
  tui-regress train gentle-line --set optimizer.lr=0.1 --set training.epochs=50
  tui-regress train houses.csv --target price --features rooms,area --save houses.pt
  tui-regress train d2l-concise --json --every 1000000

\b
Exit codes: 0 completed or converged, 1 failed, 2 wrong usage or experiment,
3 diverged, 130 interrupted.
""",
)
@click.argument("experiment", help=_EXPERIMENT_HELP, shell_complete=_completions)
@_experiment_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout, and nothing else.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    metavar="N",
    help="Print records 0, N, 2N, ... and the last. Default: about twenty; with --json, all.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="MODEL.pt",
    help="Save the model as a state_dict that torch.nn.Linear loads, and the experiment beside it as .toml.",
)
def train(
    experiment: str,
    target: str | None,
    features: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    as_json: bool,
    every: int | None,
    save: Path | None,
) -> Exit:
    """Train EXPERIMENT without a screen: the same run, the same numbers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like ctrl+c, until the run itself listens
    opened = _open(experiment, target, features, settings)
    if save is not None:
        _check_destination(save, experiment)
    from tui_regress import headless

    ended = headless.train(opened, headless.report(as_json, every), save)
    if ended.status == "failed":
        _complain(ended.reason, Exit.FAILED)
    return _EXIT_OF[ended.status]


def _check_destination(save: Path, experiment: str) -> None:
    """Refuse before the training, not after it."""
    if save.suffix != ".pt":
        raise click.BadParameter(f"{save} must end in .pt.", param_hint="'--save'")
    if not save.parent.is_dir():
        raise click.BadParameter(f"there is no folder {save.parent}.", param_hint="'--save'")
    if save.with_suffix(".toml").resolve() == Path(experiment).resolve():
        beside = save.with_suffix(".toml")
        raise click.BadParameter(f"it would overwrite {beside}; choose another name.", param_hint="'--save'")


@laboratory.command("list", short_help="The built-in experiments.")
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


@laboratory.command(short_help="What can be used here, and why not.")
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
