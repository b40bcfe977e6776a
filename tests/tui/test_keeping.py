"""Runs that outlive the dashboard: kept while they train, opened again, continued, taken away as code."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.tui.support import until
from tui_regress.experiment import Experiment, builtin, override
from tui_regress.runs.store import Store
from tui_regress.tui.app import LabApp
from tui_regress.tui.screens.columns import ColumnsScreen
from tui_regress.tui.screens.runs import RunsScreen
from tui_regress.tui.session import RunState
from tui_regress.tui.widgets.code_pane import CodePane

LONG = {"training.epochs": 100_000_000}


@asynccontextmanager
async def dashboard(experiment: Experiment, store: Path | None) -> AsyncIterator[tuple[LabApp, Pilot[None]]]:
    app = LabApp(experiment, store=store)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session.dataset is not None, "data")
        yield app, pilot


def state_of(app: LabApp) -> RunState:
    return app.session.state


async def ended(app: LabApp, pilot: Pilot[None]) -> RunState:
    await until(pilot, lambda: app.session.state.finished, "the end")
    return state_of(app)


async def stop_after(app: LabApp, pilot: Pilot[None], records: int) -> None:
    await until(pilot, lambda: len(app.session.history) > records, f"{records} records")
    app.simulate_key("x")
    await ended(app, pilot)


async def test_a_run_is_kept_with_its_end(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    async with dashboard(builtin("gentle-line"), store) as (app, pilot):
        app.simulate_key("s")
        assert await ended(app, pilot) is RunState.COMPLETED
        losses = app.session.history.losses.copy()
        assert f"kept as run {app.session.kept_id}" in app.summary()
    with Store(store) as kept:
        [run] = kept.runs()
        assert (run.name, run.status, run.epoch) == ("gentle-line", "completed", 1000)
        assert kept.kept(run.run_id).history().losses.tolist() == losses.tolist()


async def test_a_stopped_run_goes_on_to_the_numbers_of_one_that_was_never_stopped(tmp_path: Path) -> None:
    experiment = override(builtin("d2l-concise"), {"training.epochs": 40, "training.validation": 0.2})
    async with dashboard(experiment, None) as (app, pilot):
        app.simulate_key("s")
        await ended(app, pilot)
        whole = app.session.history
    store = tmp_path / "runs.sqlite"
    async with dashboard(experiment, store) as (app, pilot):
        app.simulate_key("s")
        await stop_after(app, pilot, 3)
        reached = len(app.session.history)
        if state_of(app) is RunState.STOPPED:
            app.simulate_key("c")
            await until(pilot, lambda: len(app.session.history) > reached, "more records")
        assert await ended(app, pilot) is RunState.COMPLETED
        assert app.session.history.losses.tolist() == whole.losses.tolist()
        assert app.session.history.validation_losses.tolist() == whole.validation_losses.tolist()
    with Store(store) as kept:
        [run] = kept.runs()
        assert (run.status, run.epoch) == ("completed", 40)
        assert kept.kept(run.run_id).history().losses.tolist() == whole.losses.tolist()


async def test_a_run_of_the_past_is_opened_and_continued_in_another_dashboard(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    experiment = override(builtin("gentle-line"), LONG)
    async with dashboard(experiment, store) as (app, pilot):
        app.simulate_key("s")
        await stop_after(app, pilot, 50)
        before = app.session.history.losses.copy()
    async with dashboard(builtin("cpu-line"), store) as (app, pilot):
        app.simulate_key("h")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query("RunTable"), "the list")
        await until(pilot, lambda: app.screen.check_action("choose", ("open",)), "a run in the list")
        app.simulate_key("enter")
        await until(pilot, lambda: app.session.experiment.name == "gentle-line" and app.session.dataset, "the run")
        assert state_of(app) is RunState.STOPPED
        assert app.session.history.losses.tolist() == before.tolist()
        app.simulate_key("c")
        await until(pilot, lambda: len(app.session.history) > len(before) + 50, "more records")
        assert app.session.history.losses[: len(before)].tolist() == before.tolist()
        app.simulate_key("x")
        await ended(app, pilot)
    with Store(store) as kept:
        assert len(kept.runs()) == 1


async def test_a_store_that_cannot_be_written_is_told_and_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    async with dashboard(builtin("gentle-line"), tmp_path / "file" / "runs.sqlite") as (app, pilot):
        app.simulate_key("s")
        assert await ended(app, pilot) is RunState.COMPLETED
        assert app.session.kept_id is None
        assert any("kept" in str(toast.message) for toast in app._notifications)


async def test_the_code_follows_the_settings_and_runs_with_python_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with dashboard(builtin("cpu-line"), None) as (app, pilot):
        pane = app.lab.query_one(CodePane)
        assert not pane.text
        await pilot.press("6")
        await until(pilot, lambda: "lr=0.01" in pane.text.replace(" ", ""), "the script")
        await pilot.press("minus")
        await until(pilot, lambda: "lr=0.003" in pane.text.replace(" ", ""), "the new rate in it")
        await pilot.press("c")
        assert app.clipboard == pane.text
        await pilot.press("w", "w")
        await until(pilot, (tmp_path / "cpu-line-2.py").exists, "two files")
        assert (tmp_path / "cpu-line.py").read_text() == pane.text
        await pilot.press("m")
        assert pane.is_maximized
        await pilot.press("m", "2", "s")
        await ended(app, pilot)
        parameters = app.session.parameters
    assert parameters is not None
    result = subprocess.run([sys.executable, "cpu-line.py"], capture_output=True, text=True, check=True)
    [slope] = [float(line.split("= ")[1]) for line in result.stdout.splitlines() if line.startswith("w[x]")]
    assert slope == pytest.approx(parameters[0], rel=1e-5)


async def test_the_columns_of_an_open_table_are_picked_anew(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a:.4f},{b:.4f},{2 * a - b:.4f}" for a, b in rng.normal(size=(60, 2)))
    path = tmp_path / "flats.csv"
    path.write_text(f"area,rooms,price\n{rows}\n")
    from tui_regress.data.opening import open_experiment

    async with dashboard(open_experiment(str(path), "price"), None) as (app, pilot):
        assert app.session.dataset is not None
        assert app.session.dataset.feature_names == ("area", "rooms")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen), "the columns")
        await until(pilot, lambda: app.screen.check_action("open", ()), "the survey")
        await pilot.press("up", "space", "enter")
        await until(
            pilot,
            lambda: app.session.dataset is not None and app.session.dataset.feature_names == ("area",),
            "fewer features",
        )


async def test_metrics_of_both_parts_are_shown_at_the_end() -> None:
    experiment = override(builtin("d2l-concise"), {"training.validation": 0.2})
    async with dashboard(experiment, None) as (app, pilot):
        app.simulate_key("s")
        await ended(app, pilot)
        measured = app.session.measured
        assert measured is not None
        assert measured.validation is not None
        assert dict(measured.validation.figures())["R²"] > 0.999
        assert measured.validation.rows == 200


async def test_early_stopping_shows_the_best_parameters(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 12))
    y = X[:, 0] + rng.normal(size=40)
    path = tmp_path / "noisy.csv"
    names = ",".join(f"x{i}" for i in range(12))
    path.write_text(
        f"{names},y\n" + "\n".join(",".join(f"{v:.5f}" for v in (*row, t)) for row, t in zip(X, y, strict=True))
    )
    from tui_regress.data.opening import open_experiment

    settings = {"training.validation": 0.3, "training.patience": 5, "training.epochs": 5000}
    async with dashboard(override(open_experiment(str(path), "y"), settings), None) as (app, pilot):
        app.simulate_key("s")
        assert await ended(app, pilot) is RunState.COMPLETED
        last = app.session.ended
        assert last is not None
        assert last.stop == "early-stopping"
        history = app.session.history
        assert last.record == int(np.argmin(history.validation_losses))
        assert history.latest is not None
        assert history.latest.epoch == last.record + 5
        assert app.session.parameters is not None
        assert app.session.parameters.tolist() == last.parameters.tolist()
        assert f"epoch {last.record}" in str(app.lab.query_one("#parameters").border_subtitle)
