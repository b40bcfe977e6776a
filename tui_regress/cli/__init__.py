"""The command line: commands, options, exit codes. The only place that knows argv.

Nothing heavy is imported before a command needs it, so that ``--help``, ``--version`` and ``list`` answer at once.
"""

import re
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tui_regress.cli.kept_runs import runs
from tui_regress.cli.program import PROGRAM, Exit, complain, laboratory
from tui_regress.cli.questions import devices, list_experiments
from tui_regress.cli.results import export, predict
from tui_regress.cli.training import dashboard, train

__all__ = ["Exit", "laboratory", "main", "run"]

for command in (dashboard, train, runs, predict, export, list_experiments, devices):
    laboratory.add_command(command)


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
        return complain(_usage(error), Exit.WRONG)
    except Exception as error:
        from tui_regress.problems import InputError, describe

        return complain(describe(error), Exit.WRONG if isinstance(error, InputError) else Exit.FAILED)


def _usage(error: click.ClickException) -> str:
    sentence = " ".join(error.format_message().split())
    sentence = re.sub(r"\. \(?Did you mean (.*\?)\)?$", r" (did you mean \1)", sentence)
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return sentence
    return f"{sentence.rstrip('.')}; see `{error.ctx.command_path.strip()} --help`."
