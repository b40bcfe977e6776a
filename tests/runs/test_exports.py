"""The records of a kept run, for other programs."""

import builtins
import errno
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.runs.made_up import block, ended, keep, kept, started
from tui_regress.data import load_dataset
from tui_regress.engine import training
from tui_regress.engine.events import Ended, Event, Measured, Recovered, Started, Verdict
from tui_regress.experiment import builtin, loads, override
from tui_regress.problems import InputError
from tui_regress.runs import exports, lines
from tui_regress.runs.exports import write_csv, write_jsonl, write_parquet, write_tensorboard
from tui_regress.runs.kept import KeptRun
from tui_regress.runs.lines import Record, thinned
from tui_regress.runs.recorder import recorded


def trained(path: Path, name: str, changes: dict[str, Any]) -> tuple[KeptRun, list[Event]]:
    """A run, and the events it was made of."""
    experiment = override(builtin(name), changes)
    dataset = load_dataset(experiment)
    events = list(recorded(training.run(experiment, dataset), path, experiment, dataset))
    return kept(path), events


@pytest.mark.parametrize("policy", ["stop", "continue", "recover"])
@pytest.mark.parametrize("name", ["gentle-line", "exploding-line"])
def test_json_lines_are_those_of_the_run_itself(path: Path, name: str, policy: str) -> None:
    held_out = {"training.validation": 0.4} if name == "gentle-line" else {}
    run, events = trained(path, name, {"training.epochs": 300, "training.on_divergence": policy, **held_out})
    experiment = run.summary.experiment
    exact, measured, expected = np.array([2.0, 0.0]), None, list[dict[str, Any]]()
    first: Record | None = None
    for item in thinned(iter(events), 1):
        match item:
            case Started():
                expected.append(lines.start(item, experiment, run.summary.run_id))
            case Record():
                first = first or item
                expected.append(lines.epoch(item, experiment.model))
            case Verdict() if policy != "recover":  # a verdict that a run has survived is not kept
                expected.append(lines.divergence(item))
            case Recovered():
                expected.append(lines.recovery(item))
            case Measured():
                measured = item
            case Ended():
                assert first is not None
                expected.append(lines.end(item, experiment, first.parameters, exact, measured))
    out = io.BytesIO()
    write_jsonl(run, out, exact)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert _apart(found) == _apart(json.loads(json.dumps(expected)))


def _apart(objects: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], ...]:
    """A run that goes on tells of its divergence at the end of a block, the export at once: all others, and those."""
    told = [line for line in objects if line["event"] == "divergence"]
    return [line for line in objects if line["event"] != "divergence"], told


def test_what_happened_at_a_record_that_is_not_kept_in_full_is_told_in_its_place(path: Path) -> None:
    verdict = Verdict("trend", 5001, 4000, 1.5, "It diverges.")
    recovered = Recovered(1001, 3, 0.05, "Back.")
    losses = 1.0 + np.arange(9000.0)
    keep(path, started(), block(0, losses), recovered, verdict, ended(8999, verdict=verdict))
    out = io.BytesIO()
    write_jsonl(kept(path), out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    epochs = [line["epoch"] for line in found[1:-1]]
    assert epochs == sorted(epochs)
    assert len(epochs) < 5000
    assert [line["event"] for line in found if line["event"] != "epoch"] == ["start", "recovery", "divergence", "end"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_has_a_row_per_record(path: Path, form: str) -> None:
    run, _ = trained(path, "d2l-scratch", {"training.epochs": 5, "training.validation": 0.2})
    out = io.BytesIO()
    write, read = (write_csv, pl.read_csv) if form == "csv" else (write_parquet, pl.read_parquet)
    write(run, out)
    out.seek(0)
    frame = read(out)
    names = ["epoch", "loss", "validation_loss", "mse", "grad_norm", "lr", "w[x1]", "w[x2]", "b"]
    assert frame.columns == names
    records = run.records
    assert records.validation_loss is not None
    columns = [np.arange(6), records.loss, records.validation_loss, records.score, records.grad_norm, records.lr]
    np.testing.assert_array_equal(frame.to_numpy(), np.column_stack([*columns, records.parameters]))


def test_of_a_long_run_cells_are_empty_where_nothing_is_kept(path: Path) -> None:
    losses = 1.0 + np.arange(9000.0)
    losses[-1] = math.nan
    keep(path, started(), block(0, losses), ended(8999))
    out = io.BytesIO()
    write_csv(kept(path), out)
    rows = [line.split(",") for line in out.getvalue().decode().splitlines()]
    assert rows[0] == ["epoch", "loss", "mse", "grad_norm", "lr", "w[x]", "b"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(9000)]
    assert [float(row[1]) for row in rows[1:-1]] == losses[:-1].tolist()
    assert math.isnan(float(rows[-1][1]))
    assert rows[2] == ["1", "2.0", "", "", "0.1", "", ""]
    assert rows[1][2:] == ["0.5", "0.2", "0.1", "0.0", "0.1"]


def test_a_run_without_a_record_is_an_empty_table(path: Path) -> None:
    keep(path, started())
    out = io.BytesIO()
    write_csv(kept(path), out)
    assert out.getvalue() == b"epoch,loss,mse,grad_norm,lr,w[x],b\n"


def test_tensorboard_shows_the_records_at_their_epochs(path: Path, tmp_path: Path) -> None:
    run, _ = trained(path, "gentle-line", {"training.epochs": 40, "training.validation": 0.4})
    folder = tmp_path / "board"
    write_tensorboard(run, folder)
    board = EventAccumulator(str(folder))
    board.Reload()
    parameters, held = run.records.parameters, run.records.validation_loss
    assert held is not None
    expected = {
        "loss/training": run.records.loss,
        "loss/validation": held,
        "mse": run.records.score,
        "learning rate": run.records.lr,
        "gradient norm": run.records.grad_norm,
        "parameters/w[x]": parameters[:, 0],
        "parameters/b": parameters[:, 1],
    }
    assert set(board.Tags()["scalars"]) == set(expected)
    for tag, values in expected.items():
        scalars = board.Scalars(tag)
        assert [scalar.step for scalar in scalars] == list(range(41))
        np.testing.assert_allclose([scalar.value for scalar in scalars], values, rtol=1e-6)
    [text] = board.Tensors("experiment/text_summary")
    toml = text.tensor_proto.string_val[0].decode().removeprefix("```toml\n").removesuffix("```")
    assert loads(toml) == run.summary.experiment


def test_without_tensorboard_the_way_to_get_it_is_told(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(path, started(), block(0, [1.0]), ended(0))
    original = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if "tensorboard" in name:
            raise ModuleNotFoundError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"in a clone .*pip install -c constraints\.txt '\.\[tensorboard\]'"):
        write_tensorboard(kept(path), tmp_path / "board")


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_jsonl])
def test_a_full_disk_is_told_in_the_words_of_the_system(
    path: Path, write: Callable[[KeptRun, IO[bytes]], None]
) -> None:
    keep(path, started(), block(0, [1.0]), ended(0))
    with pytest.raises(OSError, match="No space left on device") as caught, Path("/dev/full").open("wb", 0) as out:
        write(kept(path), out)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_under_tensorboard_is_told_and_nothing_else(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keep(path, started(), block(0, [1.0]), ended(0))
    folder = tmp_path / "board"
    write_tensorboard(kept(path), folder)
    [events] = folder.iterdir()
    before = events.read_bytes()
    folder.joinpath(f".{events.name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        write_tensorboard(kept(path), folder)
    assert capfd.readouterr().err == ""
    assert [entry.read_bytes() for entry in folder.iterdir()] == [before]


def test_a_folder_that_cannot_be_written_is_told(path: Path, tmp_path: Path) -> None:
    keep(path, started(), block(0, [1.0]), ended(0))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/board: cannot be written: "):
        write_tensorboard(kept(path), tmp_path / "file" / "board")
    assert exports.table(kept(path)).height == 1
