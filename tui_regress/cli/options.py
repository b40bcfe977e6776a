"""What several commands take: an experiment and what is changed in it, the store of the runs, the id of one."""

import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from tui_regress import experiments
from tui_regress.cli.program import DASHBOARD, laboratory
from tui_regress.text import printable

if TYPE_CHECKING:
    from tui_regress.experiment import Experiment
    from tui_regress.runs.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])
EXPERIMENT_HELP = (
    "A built-in name, an experiment (.toml), a saved model (.pt), or a table (.csv, .tsv, .parquet; "
    "- for standard input)."
)
_STORE = "TUI_REGRESS_STORE"


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


class RunId(click.ParamType[int]):
    """The number of a kept run; the shell completes it."""

    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Fails where it is none."""
        if not is_run_id(str(value)):
            self.fail(f"{value!r} is not the number of a run; `tui-regress runs` lists them", param, ctx)
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The newest runs, each with its experiment and how it ended."""
        del param
        return kept_runs(ctx, incomplete)


def is_run_id(word: str) -> bool:
    """Whether ``word`` can only mean a kept run; a file of that name is written ``./12``."""
    return word.isascii() and word.isdigit() and len(word) < 19


def kept_runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Completions: the newest runs in the store, as far as there is one."""
    from tui_regress.problems import InputError

    try:
        with existing_store(ctx.params.get("store")) as store:
            newest = store.runs(limit=100)
    except InputError:
        return []
    return [
        CompletionItem(str(run.run_id), help=f"{run.name}, {run.status}")
        for run in newest
        if str(run.run_id).startswith(incomplete)
    ]


def completions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Built-in names, the commands where one could stand, and whatever files the shell finds."""
    commands = [name for name in laboratory.commands if name] if ctx.info_name == DASHBOARD else []
    names = [name for name in (*experiments.NAMES, *commands) if name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def runs_and_files(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kept runs, and whatever files the shell finds."""
    return [*kept_runs(ctx, incomplete), CompletionItem(incomplete, type="file")]


def runs_and_experiments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kept runs, built-in names, and whatever files the shell finds."""
    return [*kept_runs(ctx, incomplete), *completions(ctx, param, incomplete)]


def _columns(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> list[str] | None:
    """The columns of all ``values``, in order: the option may come more than once."""
    return [name.strip() for value in values for name in value.split(",")] if values else None


def _one(_ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise click.BadParameter("there can be only one.", param=param)
    return values[0] if values else None


def experiment_options(command: Command) -> Command:
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
            "--drop", metavar="A,B,...", multiple=True, callback=_columns, help="Columns of the table to leave alone."
        ),
        click.option(
            "--features",
            metavar="A,B,...",
            multiple=True,
            callback=_columns,
            help="The columns to predict it from; a column of text becomes one 0/1 column per value. "
            "Default: every other column of numbers or of two values.",
        ),
        click.option(
            "--target", metavar="COLUMN", multiple=True, callback=_one, help="The column of the table to predict."
        ),
    ):
        command = option(command)
    return command


def opened(
    argument: str,
    target: str | None,
    features: Sequence[str] | None,
    drop: Sequence[str] | None,
    settings: Sequence[tuple[str, Any]],
) -> "Experiment":
    """The experiment that the options describe. Raises InputError, and ExperimentError where a setting is wrong."""
    from tui_regress.data.opening import open_experiment
    from tui_regress.experiment import anchored, override

    experiment = open_experiment(argument, target, features, drop or ())
    return anchored(override(experiment, dict(settings)), Path.cwd()) if settings else experiment


def _inherited(ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    return value or (ctx.parent.params.get("store") if ctx.parent else None)


def store_option(command: Command) -> Command:
    """``--store``; a group of commands takes it before or after the name of the command."""
    return click.option(
        "--store",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        callback=_inherited,
        help=f"Where runs are kept. Default: ${_STORE}, or else runs.sqlite in your own data folder.",
    )(command)


def keeping_options(command: Command) -> Command:
    """``--store`` and ``--no-store``."""
    return store_option(click.option("--no-store", is_flag=True, help="Do not keep the run.")(command))


def store_path(store: Path | None) -> Path:
    """The file that holds the runs: ``store``, or what the environment says, or the one in the user's data folder."""
    from tui_regress.runs.places import default_path

    return store or Path(os.environ.get(_STORE) or default_path())


def existing_store(store: Path | None) -> "Store":
    """Open the store to read in it. Raises InputError where there is none: a question leaves no file behind."""
    from tui_regress.problems import InputError
    from tui_regress.runs.store import Store

    path = store_path(store)
    if not path.exists():
        raise InputError(f"no runs are kept in {printable(str(path))} yet; `tui-regress train` keeps them.")
    return Store(path)
