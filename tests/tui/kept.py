"""Made-up kept runs, and a store that holds them in memory."""

import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import App

from tests.runs.made_up import stored
from tests.tui.support import made_up_block
from tui_regress import tui
from tui_regress.engine.events import FloatArray, Measured, Verdict
from tui_regress.engine.metrics import LinearMetrics
from tui_regress.engine.objective import parameter_names
from tui_regress.experiment import Experiment, builtin
from tui_regress.problems import InputError
from tui_regress.runs import records
from tui_regress.runs.kept import KeptRun, Listed, Summary, Unreadable
from tui_regress.runs.records import Records
from tui_regress.runs.store import Store
from tui_regress.tui.screens.runs import RunChosen, RunsScreen
from tui_regress.tui.themes import THEMES

NOW = datetime(2025, 11, 20, 14, 30, tzinfo=UTC)
STYLES = Path(tui.__file__).with_name("styles.tcss")
HERE = {"host": platform.node().partition(".")[0]}
EXPLODES = (
    "Diverging since epoch 1: the loss grows ×1.87 per epoch. lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66)."
    " float32 would overflow at epoch 134. Try lr 0.0833 (fastest), or standardise x (limit 1.00)."
)


def summary(run_id: int, experiment: Experiment | str = "gentle-line", /, hours: float = 1.0, **facts: Any) -> Summary:
    """A run that began ``hours`` before NOW and completed, save for what ``facts`` say."""
    experiment = builtin(experiment) if isinstance(experiment, str) else experiment
    usual: dict[str, Any] = {
        "run_id": run_id,
        "experiment": experiment,
        "name": experiment.name,
        "status": "completed",
        "stop": "epochs",
        "reason": f"All {experiment.training.epochs:,} epochs are done.",
        "began": NOW - timedelta(hours=hours),
        "seconds": 0.42,
        "epoch": experiment.training.epochs,
        "epochs": experiment.training.epochs,
        "loss": 5.5e-5,
        "validation_loss": None,
        "device": "cpu",
        "gradient": "analytic",
        "metrics": None,
        "resumable": False,
        "environment": HERE,
    }
    return Summary(**usual | facts)


def kept_run(run: Summary, losses: FloatArray | None = None) -> KeptRun:
    """All of ``run``; its loss falls evenly from 44 to the last one unless ``losses`` are given."""
    names = parameter_names(run.experiment.model, ("x",))
    if losses is None:
        losses = np.empty(0) if run.loss is None else np.geomspace(44.0, run.loss, run.epoch + 1)
    values = np.tile([1.99518, 0.0174][: len(names)], (max(1, len(losses)), 1))
    held = records.none(len(names), held_out=False)
    if len(losses):
        block = made_up_block(losses.tolist(), values.tolist())
        held_out = None if run.validation_loss is None else losses * run.validation_loss / losses[-1]
        held = Records.of(replace(block, validation_loss=held_out))
    return KeptRun(
        summary=run,
        parameter_names=names,
        feature_names=("x",),
        target_name="y",
        labels=None,
        rows=5,
        validation_rows=0 if run.validation_loss is None else 2,
        dtype="float32",
        notes=(),
        forecast=None,
        fingerprint=None,
        verdict=Verdict("rising", run.epoch, 1, 1.87, EXPLODES) if run.status == "diverged" else None,
        recoveries=(),
        measured=_measured(run),
        parameters=values[-1] if len(losses) else None,
        record=run.epoch if len(losses) else -1,
        stored=stored(held),
    )


def _measured(run: Summary) -> Measured | None:
    if run.metrics is None:
        return None
    training, validation = (part and LinearMetrics(**part) for part in run.metrics.values())
    return Measured(run.epoch, training, validation)


class Shelf(Store):
    """A store in memory; remembers what it was asked, and by which thread."""

    def __init__(self, *summaries: Summary, unreadable: Sequence[Unreadable] = ()) -> None:
        self.path = Path("runs.sqlite")
        self.summaries, self.unreadable = list(summaries), list(unreadable)
        self.losses: dict[int, FloatArray] = {}
        self.asked: list[tuple[str, str, int | None]] = []
        self.opened: list[int] = []
        self.threads: set[int] = set()
        self.trouble: Exception | None = None
        self.damaged: set[int] = set()

    def __call__(self) -> "Shelf":
        """Open the store, as the screen does."""
        self._visited()
        return self

    def listed(
        self, *, name: str = "", status: str = "", limit: int | None = None
    ) -> tuple[list[Summary], list[Unreadable]]:
        self._visited()
        self.asked.append((name, status, limit))
        runs: list[Listed] = [*self.summaries, *self.unreadable]
        newest = sorted((run for run in runs if name in run.name), key=lambda run: -run.run_id)[:limit]
        readable = [run for run in newest if isinstance(run, Summary) and status in ("", run.status)]
        return readable, [run for run in newest if isinstance(run, Unreadable) and not status]

    def kept(self, run_id: int) -> KeptRun:
        self._visited()
        self.opened.append(run_id)
        if run_id in self.damaged:
            raise InputError(f"runs.sqlite: the records of run {run_id} are damaged.")
        for run in self.summaries:
            if run.run_id == run_id:
                return kept_run(run, self.losses.get(run_id))
        raise InputError(f"there is no run {run_id}; `tui-regress runs` lists them.")

    def delete(self, run_ids: Sequence[int]) -> int:
        self._visited()
        self.summaries = [run for run in self.summaries if run.run_id not in run_ids]
        self.unreadable = [run for run in self.unreadable if run.run_id not in run_ids]
        return len(run_ids)

    def close(self) -> None:
        self._visited()

    def _visited(self) -> None:
        self.threads.add(threading.get_ident())
        if self.trouble is not None:
            raise self.trouble


class ShelfApp(App[None]):
    """Nothing but the screen of past runs, and what was chosen there."""

    CSS_PATH = STYLES

    def __init__(self, store: Callable[[], Store], theme: str = "dark") -> None:
        super().__init__()
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = THEMES[theme].name
        self.animation_level = "none"
        self.chosen: RunChosen | None = None
        self._store = store

    def on_mount(self) -> None:
        self.push_screen(RunsScreen(self._store, lambda: NOW, UTC), self._keep)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#808b9a", "held-out": "#b87aa0"}

    def _keep(self, chosen: RunChosen | None) -> None:
        self.chosen = chosen
