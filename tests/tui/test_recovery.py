"""After an explosion, one key each: again, on, standardised, or nothing."""

import numpy as np
import pytest

from tests.tui.support import until
from tests.tui.test_app import footer_keys, running, state
from tui_regress.experiment import builtin, override
from tui_regress.tui.app import LabApp
from tui_regress.tui.session import RunState
from tui_regress.tui.widgets.banner import choices


def offered(app: LabApp) -> str:
    return "".join(key for key, _ in choices(app.session))


async def test_a_starts_again_at_the_fastest_rate_and_converges() -> None:
    async with running("exploding-line") as (app, pilot):
        assert offered(app) == ""
        await pilot.press("s")
        await state(app, pilot, RunState.DIVERGED)
        await until(pilot, lambda: app.session.forecast is not None, "the forecast")
        assert offered(app) == "agzk"
        await pilot.press("a")
        await state(app, pilot, RunState.COMPLETED)
        assert app.session.experiment.optimizer.lr == 0.0833
        assert app.session.history.losses[-1] < 1e-8
        assert offered(app) == ""


async def test_g_goes_on_from_the_best_record_and_keeps_the_history() -> None:
    async with running("exploding-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.DIVERGED)
        before = app.session.history.losses.copy()
        await pilot.press("g")
        await state(app, pilot, RunState.COMPLETED)
        losses = app.session.history.losses
        assert len(losses) == 1001
        assert losses[:4].tolist() == before.tolist()
        assert np.isfinite(losses[4:]).all()
        assert losses[-1] < 1e-6
        assert [recovery.record for recovery in app.session.recoveries] == [0]


async def test_z_standardises_starts_again_and_reports_in_the_units_of_the_data() -> None:
    async with running("exploding-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.DIVERGED)
        await pilot.press("z")
        await state(app, pilot, RunState.COMPLETED)
        assert app.session.experiment.data.standardize
        assert app.session.parameters == pytest.approx([2, 0], abs=1e-4)
        assert app.session.predictions[0].after == pytest.approx(12, abs=1e-4)


async def test_k_keeps_what_there_is_and_takes_the_choices_away() -> None:
    async with running("exploding-line") as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.DIVERGED)
        await pilot.press("k")
        await until(pilot, lambda: offered(app) == "", "no choices")
        assert len(app.session.history) == 4
        assert "s" in footer_keys(app)


async def test_a_run_that_recovers_by_itself_says_so_and_completes() -> None:
    async with running(override(builtin("exploding-line"), {"training.on_divergence": "recover"})) as (app, pilot):
        await pilot.press("s")
        await state(app, pilot, RunState.COMPLETED)
        assert len(app.session.recoveries) == 1
        assert app.session.verdict is None
        assert len(app.session.history) == 1001
