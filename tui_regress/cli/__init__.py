"""The command line: commands, options, exit codes. The only place that knows argv.

Nothing heavy is imported before a command needs it, so that ``--help``, ``--version`` and ``list`` answer at once.
"""

import gc
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
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

COLLECT_AFTER = 50_000
"""New objects from which Python looks for garbage; its own default is 700."""


def main() -> NoReturn:
    """Run the command that argv names, and exit: the ``tui-regress`` script."""
    # Modules make many objects and no garbage: to look for it as often as usual takes a quarter of the time to start.
    gc.set_threshold(COLLECT_AFTER)
    _fill_closed_streams()
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
        from tui_regress.problems import InputError, WriteError, describe

        wrong = isinstance(error, InputError) and not isinstance(error, WriteError)
        return complain(describe(error), Exit.WRONG if wrong else Exit.FAILED)


def _fill_closed_streams() -> None:
    """What is said to a stream that is closed (``>&-``) goes nowhere."""
    # Otherwise the next file that is opened would take its number, and get what libraries write to that.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as the program runs


def _usage(error: click.ClickException) -> str:
    sentence = " ".join(error.format_message().split())
    sentence = re.sub(r"\. \(?Did you mean (.*\?)\)?$", r" (did you mean \1)", sentence)
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return sentence
    return f"{sentence.rstrip('.')}; see `{error.ctx.command_path.strip()} --help`."
