"""Kept runs: listed, shown, deleted, run again, continued."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui_regress.cli.options import Command, RunId, existing_store, is_run_id, store_option, store_path
from tui_regress.cli.program import Exit, Group
from tui_regress.cli.training import check_destination, farewell, output_options, stop_on_sigterm

if TYPE_CHECKING:
    from tui_regress.runs.store import Summary, Unreadable

_LISTED = 20
_STATUSES = ("running", "completed", "converged", "diverged", "stopped", "interrupted", "failed")


class Runs(Group):
    """A group for which the number of a run alone means to show it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """``12`` is ``show 12``."""
        return super().resolve_command(ctx, ["show", *args] if is_run_id(args[0]) else args)


def _list_options(command: Command) -> Command:
    for option in (
        store_option,
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            help=f"The N newest. Default: {_LISTED}; with --json, all.",
        ),
        click.option("--status", type=click.Choice(_STATUSES), help="Only runs that ended so, or still run."),
        click.option("--name", metavar="TEXT", default="", help="Only runs with this text in their experiment's name."),
    ):
        command = option(command)
    return command


@click.group(
    cls=Runs,
    invoke_without_command=True,
    short_help="Kept runs: list, show, resume, replay, delete.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  tui-regress runs                        the newest runs
  tui-regress runs --name houses --status stopped
  tui-regress runs show 12                all that is known of one
  tui-regress runs resume 12              go on where it was stopped
  tui-regress runs replay 12              run it again: are the numbers the same?
  tui-regress export 12 --to script       take it away as plain PyTorch
""",
)
@_list_options
@click.pass_context
def runs(ctx: click.Context, /, **options: Any) -> None:
    """List the kept runs, newest first.

    Every run of the dashboard and of `train` is kept, unless it is told not to.
    """
    if ctx.invoked_subcommand is None:
        _list(**options)


@runs.command("list", short_help="The newest runs; the same as `runs` alone.")
@_list_options
def list_runs(**options: Any) -> None:
    """List the kept runs, newest first."""
    _list(**options)


def _list(name: str, status: str | None, limit: int | None, as_json: bool, store: Path | None) -> None:
    from tui_regress.cli import pages

    most = limit or (None if as_json else _LISTED)
    found: list[Summary] = []
    unreadable: list[Unreadable] = []
    if store or store_path(None).exists():
        with existing_store(store) as kept:
            # One more than asked for tells whether there are others.
            found, unreadable = kept.listed(name=name, status=status or "", limit=most and most + 1)
    if as_json:
        pages.write_list_json(found[:most])
    elif found:
        pages.print_list(found[:most])
    elif not unreadable:
        which = "No such run is kept" if name or status else "No runs are kept yet; `tui-regress train` keeps one"
        click.echo(f"{which}.", err=True)
    pages.print_unreadable(unreadable)
    if limit is None and most is not None and len(found) + len(unreadable) > most:
        click.echo(f"These are the {most} newest; --limit N shows more.", err=True)


@runs.command(short_help="All that is known of one run.")
@click.argument("run_id", type=RunId(), metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@store_option
def show(run_id: int, as_json: bool, store: Path | None) -> None:
    """Show what run ID was, when and where it ran, how it ended and what it gave."""
    from tui_regress.cli import pages

    with existing_store(store) as kept:
        run = kept.kept(run_id)
    # Read when it is first asked for: that it is damaged must be said before anything else is.
    _ = run.best
    if as_json:
        pages.write_page_json(run)
    else:
        pages.print_page(run)


@runs.command(short_help="Go on where a run was stopped or interrupted.", epilog="Exit codes: those of `train`.")
@click.argument("run_id", type=RunId(), metavar="ID")
@output_options
@store_option
def resume(run_id: int, as_json: bool, every: int | None, save: Path | None, store: Path | None) -> Exit:
    """Continue run ID from its last checkpoint.

    It ends with the same numbers as a run that was never stopped. With --json the lines go on at the next record.
    """
    stop_on_sigterm()
    if save is not None:
        check_destination(save)
    from tui_regress.headless.reports import report
    from tui_regress.headless.run import resume

    with existing_store(store) as runs:
        kept, checkpoint = runs.kept(run_id), runs.checkpoint_path(run_id)
    return farewell(resume(kept, checkpoint, store_path(store), report(as_json, every), save=save))


@runs.command(
    short_help="Run it again: are the numbers the same?",
    epilog="Exit codes: 0 the numbers match, 1 they do not, 2 it cannot be run again, 130 interrupted.",
)
@click.argument("run_id", type=RunId(), metavar="ID")
@store_option
def replay(run_id: int, store: Path | None) -> Exit:
    """Run the experiment of run ID again, with every change of the learning rate, and compare record by record.

    Nothing new is kept.
    """
    stop_on_sigterm()
    from tui_regress.headless.run import replay

    with existing_store(store) as runs:
        kept = runs.kept(run_id)
    comparison, stopped = replay(kept)
    click.echo(comparison.sentence)
    if not comparison.matches:
        return Exit.FAILED
    return Exit.INTERRUPTED if stopped else Exit.DONE


@runs.command(short_help="Forget runs, with their records and checkpoints.")
@click.argument("run_ids", type=RunId(), metavar="ID...", nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@store_option
def delete(run_ids: Sequence[int], yes: bool, store: Path | None) -> None:
    """Delete runs for good. It asks first, and where nobody could answer it does so only with --yes."""
    from tui_regress.cli import pages
    from tui_regress.runs.kept import Summary, Unreadable

    with existing_store(store) as kept:
        doomed = [kept.look(run_id) for run_id in dict.fromkeys(run_ids)]
        if not yes:
            if not sys.stdin.isatty():
                raise click.ClickException("there is no terminal to ask on; `--yes` deletes without a question.")
            pages.print_list([run for run in doomed if isinstance(run, Summary)])
            pages.print_unreadable([run for run in doomed if isinstance(run, Unreadable)])
            if not click.confirm("Delete for good?"):
                return
        count = kept.delete([run.run_id for run in doomed])
    click.echo(f"{count} run{'s' * (count != 1)} deleted.", err=True)
