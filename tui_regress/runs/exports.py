"""The records of a kept run for other programs: CSV, JSON lines, Parquet, TensorBoard.

Of a long run, loss, validation loss and learning rate are kept of every record, the rest of some: where a table has all
records, cells are empty for what is not kept.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from tui_regress.data.dataset import FloatArray
from tui_regress.engine.events import Started
from tui_regress.experiment import dumps
from tui_regress.files import replacing
from tui_regress.problems import InputError
from tui_regress.runs import lines
from tui_regress.runs.kept import KeptRun
from tui_regress.runs.lines import Record, score_name
from tui_regress.runs.records import Records
from tui_regress.text import printable


def write_csv(kept: KeptRun, out: IO[bytes]) -> None:
    """Write a row per record: epoch, losses, score, gradient norm, learning rate, parameters."""
    _write(table(kept).write_csv, out)


def write_parquet(kept: KeptRun, out: IO[bytes]) -> None:
    """Write what :func:`write_csv` writes, as Parquet."""
    _write(table(kept).write_parquet, out)


def _write(write: Callable[[IO[bytes]], object], out: IO[bytes]) -> None:
    # polars says that a disk is full in ways of its own; `out` says it in an OSError with the system's words.
    buffer = BytesIO()
    write(buffer)
    out.write(buffer.getbuffer())


def table(kept: KeptRun) -> pl.DataFrame:
    """A row per record, null where a value is not kept."""
    records, score = kept.records, score_name(kept.summary.experiment.model)
    held = {} if records.validation_loss is None else {"validation_loss": records.validation_loss}
    losses = {"loss": records.loss, **held}
    every = pl.DataFrame({"epoch": np.arange(len(records)) + records.first, **losses, "lr": records.lr})
    parameters = dict(zip(kept.parameter_names, records.parameters.T, strict=True))
    some = {"epoch": records.numbers, score: records.score, "grad_norm": records.grad_norm, **parameters}
    joined = every.join(pl.DataFrame(some), on="epoch", how="left", maintain_order="left")
    return joined.select("epoch", *losses, score, "grad_norm", "lr", *(pl.col(name) for name in parameters))


def write_jsonl(kept: KeptRun, out: IO[bytes], exact: FloatArray | None = None) -> None:
    """Write the lines of ``train --json``, with an epoch line for each record that is kept in full.

    ``exact``: the best parameters there are, shape (p,), for the end line; a kept run does not know them.
    """
    for line in _lines(kept, exact):
        out.write(f"{lines.dumps(line)}\n".encode())


def _lines(kept: KeptRun, exact: FloatArray | None) -> Iterator[dict[str, Any]]:
    run = kept.summary
    experiment = run.experiment
    names, rows, held = kept.parameter_names, kept.rows, kept.validation_rows
    started = Started(names, rows, run.device, kept.dtype, run.gradient, validation_rows=held)
    yield lines.start(started, experiment, run.run_id) | {"forecast": kept.forecast}
    happened = [(event.epoch, lines.recovery(event)) for event in kept.recoveries]
    if kept.verdict is not None:
        happened.append((kept.verdict.epoch, lines.divergence(kept.verdict)))
    for record in _records(kept):
        # The record at which something happened may be one that is not kept in full.
        while happened and happened[0][0] < record.epoch:
            yield happened.pop(0)[1]
        yield lines.epoch(record, experiment.model)
    yield from (line for _, line in happened)
    if kept.ended is not None:
        yield lines.end(kept.ended, experiment, kept.records.parameters[0], exact, kept.measured)


def _records(kept: KeptRun) -> Iterator[Record]:
    """Those kept in full."""
    records, sample = kept.records, kept.records.sample
    norms = sample.grad_norm
    for row, epoch in enumerate(records.numbers.tolist()):
        yield lines.record(epoch, sample, norms, row)


def write_tensorboard(kept: KeptRun, folder: Path) -> None:
    """Write the records kept in full as scalars, and the experiment as text, for ``tensorboard --logdir``.

    Of very many records as many as :meth:`Records.thinned` leaves. A run that is written again replaces itself. Raises
    InputError where TensorBoard is not installed, or the folder cannot be written.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.summary.writer.record_writer import RecordWriter
        from tensorboard.util.tensor_util import make_tensor_proto
    except ImportError:
        hint = "in a clone of tui-regress `pip install -c constraints.txt '.[tensorboard]'` brings it."
        raise InputError(f"TensorBoard is not installed; {hint}") from None
    run, records = kept.summary, kept.records.thinned()
    # The clock is not kept: the records are spread evenly over the time that the run took.
    began, pace = run.began.timestamp(), run.seconds / max(1, records.last)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{printable(str(folder))}: cannot be written: {error.strerror or error}.") from None
    # torch's SummaryWriter writes in a thread of its own, which prints a traceback when the disk is full.
    with replacing(folder / f"events.out.tfevents.{began:010.0f}.run-{run.run_id}") as [part], part.open("wb") as file:
        out = RecordWriter(file)

        def write(epoch: int, **content: object) -> None:
            out.write(Event(wall_time=began + epoch * pace, step=epoch, **content).SerializeToString())

        def show(epoch: int, tag: str, **content: object) -> None:
            write(epoch, summary=Summary(value=[Summary.Value(tag=tag, **content)]))

        write(0, file_version="brain.Event:2")
        toml = make_tensor_proto([f"```toml\n{dumps(run.experiment)}```".encode()])
        is_text = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        show(0, "experiment/text_summary", tensor=toml, metadata=is_text)
        for tag, values in _scalars(kept, records).items():
            for epoch, value in zip(records.numbers.tolist(), values.tolist(), strict=True):
                show(epoch, tag, simple_value=value)


def _scalars(kept: KeptRun, records: Records) -> dict[str, FloatArray]:
    """What there is to plot, shape (k,) each, under the names that TensorBoard groups by."""
    sample = records.sample
    held = {} if sample.validation_loss is None else {"loss/validation": sample.validation_loss}
    parameters = zip(kept.parameter_names, sample.parameters.T, strict=True)
    return {
        "loss/training": sample.loss,
        **held,
        score_name(kept.summary.experiment.model): sample.score,
        "learning rate": sample.lr,
        "gradient norm": sample.grad_norm,
        **{f"parameters/{name}": column for name, column in parameters},
    }
