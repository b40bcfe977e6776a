"""The program as a whole: its name, its exit codes, the group of its commands."""

from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import Any

import click

from tui_regress import __version__, experiments
from tui_regress.text import printable

PROGRAM = "tui-regress"
DASHBOARD = ""
"""Name of the command that runs when no command is named: empty, so that no experiment can bear it."""


class Exit(IntEnum):
    """How the program ends."""

    DONE = 0
    """Completed or converged."""
    FAILED = 1
    """Something went wrong on the way, or a replay does not match."""
    WRONG = 2
    """Wrong usage or a wrong experiment."""
    DIVERGED = 3
    INTERRUPTED = 130
    """By ctrl+c or SIGTERM."""


def complain(sentence: str, code: Exit) -> Exit:
    """One line on stderr; returns ``code``."""
    click.echo(f"{PROGRAM}: {printable(sentence, 1000)}", err=True)
    return code


def unwritten(where: str, error: OSError) -> str:
    """Say why nothing can be written there."""
    # What polars raises has the system's words and number in its text alone.
    reason = error.strerror or str(error).partition(" (os error ")[0]
    return f"{printable(where)}: cannot be written: {printable(reason)}."


class Group(click.Group):
    """Commands in the order in which a person meets them, not that of the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


class Laboratory(Group):
    """A group whose first word may be an experiment instead of a command: then it opens the dashboard on it."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Carry out a command; whatever it prints, the disk behind standard output may be full."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # What is wrong with a file is told where it is opened; an error that names none is one of this stream.
            if error.filename is not None:
                raise
            return complain(unwritten("standard output", error), Exit.FAILED)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the dashboard's command where no other is named."""
        own = [name for option in self.get_params(ctx) for name in option.opts]
        if args and args[0] in (*self.commands, *own):
            return super().parse_args(ctx, args)
        if args and not ctx.resilient_parsing:
            self._refuse_misspelt_command(args[0])
        return super().parse_args(ctx, [DASHBOARD, *args])

    def _refuse_misspelt_command(self, word: str) -> None:
        near = get_close_matches(word, [*filter(None, self.commands), *experiments.NAMES], 1)
        if near and near[0] in self.commands and not Path(word).exists():
            from tui_regress.data.opening import looks_like_a_file

            if looks_like_a_file(word):
                return
            raise click.ClickException(
                f"there is no command, built-in experiment or file called {word!r}; did you mean {near[0]}?"
            )

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


@click.group(
    cls=Laboratory,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  tui-regress                                  five points, one line
  tui-regress exploding-line                   the same at ten times the rate
  tui-regress houses.csv --target price        a table of your own
  tui-regress train gentle-line                without a screen
  tui-regress export gentle-line --to script   in plain PyTorch
""",
)
@click.version_option(__version__, message=f"{PROGRAM} %(version)s")
def laboratory() -> None:
    """The terminal laboratory for gradient descent: watch it converge, make it explode, understand why.

    Without a command it opens the dashboard on EXPERIMENT (gentle-line, if none is named).
    """
