"""What a person takes away: predictions, and runs in other forms."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

import click

from tui_regress.cli.options import (
    Command,
    existing_store,
    experiment_options,
    is_run_id,
    opened,
    runs_and_experiments,
    runs_and_files,
    store_option,
)
from tui_regress.cli.program import PROGRAM, Exit, complain, unwritten
from tui_regress.cli.terminal import standard_output
from tui_regress.cli.training import exit_code, stop_on_sigterm

if TYPE_CHECKING:
    from tui_regress.experiment import Experiment
    from tui_regress.headless.run import Run
    from tui_regress.runs.store import KeptRun

_FORMS = {
    "script": "a plain PyTorch file that trains the same",
    "formula": "the model as one line of text",
    "csv": "the records as a table",
    "jsonl": "the records as `train --json` prints them",
    "parquet": "the records as a Parquet file",
    "tensorboard": "the records as a folder for TensorBoard",
}


def _none_for_dash(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    return None if path == Path("-") else path


def output_option(command: Command) -> Command:
    """``-o``; None for standard output."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        callback=_none_for_dash,
        help="Where to write it. Default: standard output.",
    )(command)


@click.command(
    short_help="Predict every row of a table.",
    epilog="""\b
Examples:
  tui-regress predict houses.pt new-houses.csv -o priced.csv
  tui-regress predict 12 new-houses.parquet -o priced.parquet
  gzip -dc houses.csv.gz | tui-regress predict 12 - | head
""",
)
@click.argument("model", metavar="MODEL|ID", shell_complete=runs_and_files)
@click.argument("table", type=click.Path(path_type=Path))
@output_option
@store_option
def predict(model: str, table: Path, output: Path | None, store: Path | None) -> None:
    """Write TABLE with a column `prediction` more, by a saved MODEL (.pt) or the kept run ID.

    Predictions are in the units of the target. For a logistic model they are the likelier class, beside a column
    `probability`. A table of any length is read piece by piece, and no row is left out. FILE is CSV, TSV or
    Parquet by its name; standard output gets CSV.
    """
    stop_on_sigterm()
    from tui_regress.headless import progress
    from tui_regress.runs.predict import predict

    chosen = _kept(int(model), store) if is_run_id(model) else _model_file(model)
    # Beside rows on standard output a bar would be in the way: they may go to the same terminal.
    with progress.stages(shown=output is not None) as stage:
        if output is None:
            with _standard_output() as out:
                outcome = predict(chosen, table, out, stage)
        else:
            outcome = predict(chosen, table, output, stage)
    click.echo(outcome.sentence, err=True)


def _model_file(model: str) -> Path:
    path = Path(model).expanduser()
    if path.suffix.lower() != ".pt":
        raise click.BadParameter("it is neither a saved model (.pt) nor the number of a run.", param_hint=repr(model))
    return path


@click.command(
    short_help="Take a run or an experiment away in another form.",
    epilog="\b\nForms:\n"
    + "\n".join(f"  {form:<12} {what}" for form, what in _FORMS.items())
    + """

\b
Examples:
  tui-regress export gentle-line --to script
  tui-regress export 12 --to formula
  tui-regress export 12 --to csv -o records.csv
  tui-regress export houses.csv --target price --to script -o houses.py
""",
)
@click.argument("what", metavar="ID|EXPERIMENT", shell_complete=runs_and_experiments)
@click.option("--to", "form", type=click.Choice(list(_FORMS)), required=True, help="The form; see below.")
@output_option
@experiment_options
@store_option
def export(
    what: str,
    form: str,
    output: Path | None,
    target: str | None,
    features: list[str] | None,
    drop: list[str] | None,
    settings: Sequence[tuple[str, Any]],
    store: Path | None,
) -> Exit:
    """Write the kept run ID, or EXPERIMENT, in another form.

    An EXPERIMENT is trained first, unless it is its script that is asked for; that run is not kept.
    """
    stop_on_sigterm()
    if output is None and form in ("parquet", "tensorboard"):
        raise click.UsageError(f"name the {'folder' if form == 'tensorboard' else 'file'} to write with -o.")
    if not is_run_id(what):
        experiment = opened(what, target, features, drop, settings)
        _check_destination(output, form, what, experiment)
        return _write_experiment(experiment, form, output)
    if target or features or drop or settings:
        hint = f"{what} is a run, and stays as it is; to change something, name its experiment."
        raise click.BadParameter(hint, param_hint="'ID|EXPERIMENT'")
    kept = _kept(int(what), store)
    _check_destination(output, form, what, kept.summary.experiment)
    _write_run(kept, form, output)
    return Exit.DONE


def _check_destination(output: Path | None, form: str, what: str, experiment: "Experiment") -> None:
    """Refuse before the work, not after it, to write where nothing can be, or over what is exported."""
    if output is None:
        return
    if not output.parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}.", param_hint="'--output'")
    if output.is_dir() and form != "tensorboard":
        raise click.BadParameter(f"{output} is a folder; name a file in it.", param_hint="'--output'")
    if output.resolve() in (Path(what).resolve(), Path(getattr(experiment.data, "path", what)).resolve()):
        raise click.BadParameter(f"it would overwrite {output}; choose another name.", param_hint="'--output'")


def _kept(run_id: int, store: Path | None) -> "KeptRun":
    with existing_store(store) as runs:
        return runs.kept(run_id)


def _write_run(kept: "KeptRun", form: str, output: Path | None) -> None:
    if form == "script":
        from tui_regress.experiment import override
        from tui_regress.headless import progress
        from tui_regress.runs.data import load_data
        from tui_regress.runs.script import script

        with progress.stages() as stage:
            dataset = load_data(kept, stage)
        # On the device that it ran on: what "auto" finds elsewhere may round otherwise.
        experiment = override(kept.summary.experiment, {"device.name": kept.summary.device})
        text = script(experiment, dataset, kept.rates, kept.recoveries, record=kept.record)
        _write_text(text, output)
    elif form == "formula":
        _write_text(f"{_formula(kept)}\n", output)
    else:
        _write_records(kept, form, output)


def _formula(kept: "KeptRun") -> str:
    """As short as its data allow; with every digit where they cannot be had."""
    from tui_regress.headless import progress
    from tui_regress.problems import InputError
    from tui_regress.runs.data import load_data
    from tui_regress.runs.formula import formula

    if kept.parameters is None:
        raise click.ClickException(f"run {kept.summary.run_id} has no parameters: none of its records is finite.")
    with progress.stages() as stage:
        try:
            return formula(kept.summary.experiment, kept.parameters, load_data(kept, stage))
        except InputError:
            return formula(kept.summary.experiment, kept.parameters, kept)


def _write_records(kept: "KeptRun", form: str, output: Path | None) -> None:
    from tui_regress.runs import exports

    if form == "tensorboard" and output is not None:
        exports.write_tensorboard(kept, output)
        return
    write = {"csv": exports.write_csv, "jsonl": exports.write_jsonl, "parquet": exports.write_parquet}[form]
    with _file(output) as out:
        write(kept, out)


def _write_experiment(experiment: "Experiment", form: str, output: Path | None) -> Exit:
    from tui_regress.headless import progress
    from tui_regress.headless.reports import report, with_bar, write_json
    from tui_regress.headless.run import train

    if form == "script":
        from tui_regress.data import load_dataset
        from tui_regress.runs.script import script

        with progress.stages() as stage:
            dataset = load_dataset(experiment, stage)
        _write_text(script(experiment, dataset), output)
        return Exit.DONE
    if form == "jsonl":

        def write_lines(run: "Run") -> None:
            with _file(output) as out:
                write_json(run, 1, out)

        return exit_code(train(experiment, write_lines if output else report(as_json=True, every=None)))
    if form == "formula":
        from tui_regress.runs.formula import formula

        run = train(experiment, with_bar)
        if (code := exit_code(run)) in (Exit.DONE, Exit.DIVERGED):
            if run.ended.record < 0:
                raise click.ClickException("there is no formula: none of the records is finite.")
            _write_text(f"{formula(experiment, run.ended.parameters, run.dataset)}\n", output)
        return code
    with TemporaryDirectory(prefix=f"{PROGRAM}-") as folder:
        store = Path(folder) / "runs.sqlite"
        code = exit_code(train(experiment, with_bar, store=store))
        if code in (Exit.DONE, Exit.DIVERGED):
            _write_run(_kept(1, store), form, output)
    return code


def _write_text(text: str, output: Path | None) -> None:
    with _file(output) as out:
        out.write(text.encode())


@contextmanager
def _file(output: Path | None) -> Iterator[IO[bytes]]:
    """The file to write; standard output for None. Raises InputError."""
    from tui_regress.files import replacing

    if output is None:
        with _standard_output() as out:
            yield out
    elif output.exists() and not output.is_file():
        # A pipe or a device is written to; there is nothing to put in its place.
        with _told(str(output)), output.open("wb") as out:
            yield out
    else:
        with replacing(output) as [part], _told(str(output)), part.open("wb") as out:
            yield out


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    with _told("standard output"):
        out = standard_output()
        yield out
        # What only fails on the way out, after the last command, nobody could be told any more.
        out.flush()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """End the program as failed where nothing can be written there."""
    try:
        yield
    except OSError as error:
        raise click.exceptions.Exit(complain(unwritten(where, error), Exit.FAILED)) from None
