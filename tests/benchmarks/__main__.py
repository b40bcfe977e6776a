"""``python -m tests.benchmarks``: measures, and says what is reached and what is not.

Nothing here is a test: figures depend on the machine and on what else it does. Ratios, taken side by side in one run,
depend on it little.
"""

import json
import sys
import time
from collections.abc import Sequence

import click
from rich.console import Console
from rich.text import Text

from tests.benchmarks.claims import Outcome, Part, Scale
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import as_json, heading, machine, table
from tests.benchmarks.rounds import measure


def chosen(names: Sequence[str], parts: Sequence[Part]) -> list[Part]:
    """The parts of these names, in the order of ``parts``; all of them where none is named. Raises UsageError."""
    known = [part.name for part in parts]
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"there is no part {unknown[0]!r}; there are {', '.join(known)}.")
    return [part for part in parts if part.name in names or not names]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[PART]...", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Name the parts, and measure nothing.")
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Rounds per part.")
@click.option("--quick", is_flag=True, help="A tenth of the work in one round: shows that everything works, no more.")
@click.option("--json", "lines", is_flag=True, help="One JSON object a line on stdout: the machine, then each claim.")
def main(names: Sequence[str], *, listed: bool, runs: int, quick: bool, lines: bool) -> None:
    """Measure PARTs, all of them by default, and say which claims are reached."""
    parts = chosen(names, PARTS)
    if listed:
        for part in parts:
            click.echo(f"{part.name:<14} {part.about}")
        return
    facts, began, failed = machine(), time.monotonic(), False
    if lines:
        click.echo(json.dumps({"machine": facts, "quick": quick}))
    outcomes: list[Outcome] = []
    errors = Console(stderr=True)
    for part in parts:
        try:
            with errors.status("") as status:
                found = measure(part, Scale(quick), 1 if quick else runs, status.update)
        except Exception as error:  # the other parts are worth measuring all the same
            failed = True
            errors.print(Text(f"{part.name}: {type(error).__name__}: {error}", "red"))
            continue
        outcomes += found
        for outcome in found:
            if lines:
                click.echo(as_json(outcome))
    if not lines:
        # Where the output goes to a file, rows must not be folded as if it were 80 columns wide.
        console = Console(width=None if sys.stdout.isatty() else 150)
        console.print(heading(facts), highlight=False)
        console.print(table(outcomes))
        quickly = " Quick figures say little." if quick else ""
        console.print(f"{time.monotonic() - began:.0f} seconds.{quickly}", highlight=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
