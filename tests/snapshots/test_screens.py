"""What the screen looks like, on records nobody computed: update with ``pytest tests/snapshots --snapshot-update``."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.tui.support import StillRunner, made_up_block, started, until
from tui_regress.engine.events import Block, Ended, Measured, Recovered, Verdict
from tui_regress.engine.metrics import LinearMetrics, LogisticMetrics
from tui_regress.experiment import builtin, override
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.session import RunState
from tui_regress.tui.widgets.code_pane import CodePane

Prepare = Callable[[Pilot[Any]], Awaitable[None]]
Compare = Callable[..., bool]

WIDE, NARROW = (120, 40), (80, 24)
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])

EXPLODES = (
    "Diverging since epoch 1: the loss grows ×1.87 per epoch. lr 0.1 is 118 % of the limit 0.0845 (2/λmax, λmax 23.66)."
    " float32 would overflow at epoch 134. Try lr 0.0833 (fastest), or standardise x (limit 1.00)."
)


def converging(records: int) -> Block:
    """A loss that falls by a factor, parameters that go with it."""
    k = np.arange(records)
    return made_up_block(list(44 * 0.98**k), [[2 - 2 * 0.99**i, 0.3 * 0.99**i] for i in range(records)])


def exploding() -> Block:
    return made_up_block([44.0, 82.0, 153.0, 286.0], [[0.0, 0.0], [4.4, 1.2], [-1.4, -0.4], [6.6, 1.8]], lr=0.1)


def show(name: str, *, theme: str = "dark", **settings: object) -> LabApp:
    experiment = override(builtin(name), {key.replace("__", "."): value for key, value in settings.items()})
    app = LabApp(experiment, theme=theme, runner=StillRunner, clock=lambda: 0.0)
    app.animation_level = "none"
    return app


def after(
    *keys: str,
    run: Block | None = None,
    ended: Ended | None = None,
    names: tuple[str, ...] = ("w[x]", "b"),
    measured: Measured | None = None,
) -> Prepare:
    """Prepare a screen: start a made-up run, deliver its records and its end, press keys."""

    async def prepare(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, LabApp)
        await until(pilot, lambda: app.session.exact is not None and app.lab.devices is not None, "data")
        if run is not None:
            await pilot.press("s")
            run_id = app.session.run_id
            app.lab.post_message(messages.RunStarted(run_id, started(names)))
            app.lab.post_message(messages.EpochsCompleted(run_id, run))
            if measured is not None:
                app.lab.post_message(messages.ModelMeasured(run_id, measured))
                app.lab.post_message(messages.RunKept(run_id, 12))
            if ended is not None:
                if ended.verdict is not None:
                    app.lab.post_message(messages.DivergenceFound(run_id, ended.verdict))
                app.lab.post_message(messages.RunEnded(run_id, ended))
            wanted = RunState.RUNNING if ended is None else RunState[ended.status.upper()]
            await until(pilot, lambda: app.session.state is wanted and not app.lab.dirty, wanted.value)
        for key in keys:
            await pilot.press(key)
        await pilot.pause()

    return prepare


def completed(block: Block) -> Ended:
    return Ended(
        "completed", "All 1000 epochs are done.", block.last, float(block.loss[-1]), block.parameters[-1], None, 0.5
    )


def diverged(block: Block) -> Ended:
    verdict = Verdict("rising", block.last, 1, 1.87, EXPLODES)
    return Ended("diverged", EXPLODES, block.last, float(block.loss[-1]), block.parameters[-1], verdict, 0.1)


@SIZES
def test_idle(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=size, run_before=after())


@SIZES
def test_running(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=size, run_before=after(run=converging(413)))


@SIZES
def test_completed(snap_compare: Compare, size: tuple[int, int]) -> None:
    block = converging(1001)
    assert snap_compare(show("cpu-line"), terminal_size=size, run_before=after(run=block, ended=completed(block)))


@SIZES
def test_diverged(snap_compare: Compare, size: tuple[int, int]) -> None:
    block = exploding()
    assert snap_compare(show("exploding-line"), terminal_size=size, run_before=after(run=block, ended=diverged(block)))


@SIZES
def test_explanation(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("exploding-line"), terminal_size=size, run_before=after("i"))


@SIZES
@pytest.mark.parametrize("lr", [0.01, 0.08, 0.1], ids=["safe", "near", "over"])
def test_meter(snap_compare: Compare, size: tuple[int, int], lr: float) -> None:
    app = show("gentle-line")
    app.session.edit({"optimizer.lr": lr})
    assert snap_compare(app, terminal_size=size, run_before=after("5"))


def test_meter_of_bounded_steps(snap_compare: Compare) -> None:
    assert snap_compare(show("adam-line"), terminal_size=WIDE, run_before=after())


def test_recovered(snap_compare: Compare) -> None:
    before, later = exploding(), made_up_block([20.0, 9.0, 4.0], [[1.0, 0.2], [1.5, 0.1], [1.8, 0.1]], first=4, lr=0.08)
    ready = after(run=before)

    async def prepare(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        app = pilot.app
        assert isinstance(app, LabApp)
        back = Recovered(3, 0, 0.08, "Back to the parameters of epoch 0, and on with lr 0.08.")
        app.lab.post_message(messages.RunRecovered(app.session.run_id, back))
        app.lab.post_message(messages.EpochsCompleted(app.session.run_id, later))
        await until(pilot, lambda: len(app.session.history) == 7 and not app.lab.dirty, "the records")

    assert snap_compare(show("exploding-line"), terminal_size=WIDE, run_before=prepare)


def test_the_end_of_the_finite_line_is_marked(snap_compare: Compare) -> None:
    losses = [44.0 * 1.8665**k for k in range(134)] + [float("inf")] * 20
    block = made_up_block(losses, [[0.5 * 1.3**k, 0.1] for k in range(154)], lr=0.1)
    assert snap_compare(show("exploding-line"), terminal_size=WIDE, run_before=after(run=block))


@SIZES
def test_logistic(snap_compare: Compare, size: tuple[int, int]) -> None:
    block = made_up_block(
        [2.08 * 0.999**k for k in range(501)], [[0.002 * k, -0.005 * k] for k in range(501)], score=2 / 3
    )
    assert snap_compare(show("pass-or-fail"), terminal_size=size, run_before=after("3", run=block))


def test_several_features(snap_compare: Compare) -> None:
    block = made_up_block(
        [14.0, 0.02, 1e-4, 1e-4], [[0.0, 0.0, 0.0], [1.9, -3.2, 4.1], [2.0, -3.4, 4.2], [2.0, -3.4, 4.2]]
    )
    ready = after(run=block, names=("w[x1]", "w[x2]", "b"))
    assert snap_compare(show("d2l-concise"), terminal_size=WIDE, run_before=ready)


def test_single_samples(snap_compare: Compare) -> None:
    block = made_up_block([4.67, 2.5, 1.4], [[1.0], [1.26], [1.45]])
    assert snap_compare(show("per-sample"), terminal_size=WIDE, run_before=after(run=block, names=("w[x]",)))


@SIZES
def test_invalid_field(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=size, run_before=_with_a_wrong_rate())


def _with_a_wrong_rate() -> Prepare:
    ready = after("1")

    async def prepare(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        app = pilot.app
        assert isinstance(app, LabApp)
        app.lab.focus_setting("optimizer.lr")
        await pilot.press("end", *["backspace"] * 4, "minus", "1")
        await until(pilot, lambda: app.session.problems, "the problem")
        await pilot.pause()

    return prepare


@SIZES
def test_help(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=size, run_before=after("question_mark"))


@SIZES
def test_open(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=size, run_before=after("o"))


def test_the_question_before_quitting(snap_compare: Compare) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=WIDE, run_before=after("q", run=converging(413)))


@SIZES
def test_light_theme(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = show("gentle-line", theme="light")
    assert snap_compare(app, terminal_size=size, run_before=after(run=converging(413)))


def test_settings_in_a_narrow_terminal(snap_compare: Compare) -> None:
    assert snap_compare(show("d2l-concise"), terminal_size=NARROW, run_before=after("1"))


def test_parameters_in_a_narrow_terminal(snap_compare: Compare) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=NARROW, run_before=after("4", run=converging(413)))


def test_medium_terminal(snap_compare: Compare) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=(100, 30), run_before=after(run=converging(413)))


def test_a_terminal_too_small_for_anything_still_shows_the_state(snap_compare: Compare) -> None:
    assert snap_compare(show("gentle-line"), terminal_size=(20, 6), run_before=after(run=converging(413)))


def held_out(records: int) -> Block:
    """A training loss that falls for good, a validation loss that turns."""
    k = np.arange(records)
    falling = 40 * 0.97**k + 2
    weights = [[2 - 2 * 0.97**i, -3.4 + 3.4 * 0.98**i, 4.2 - 4.2 * 0.97**i] for i in range(records)]
    return made_up_block(list(falling), weights, validation=list(falling + 1 + 0.04 * k))


@pytest.mark.parametrize("size", [WIDE, (100, 30), NARROW], ids=["wide", "medium", "narrow"])
@pytest.mark.parametrize("view", ["2", "4"], ids=["loss", "parameters"])
def test_rows_held_out(snap_compare: Compare, size: tuple[int, int], view: str) -> None:
    block = held_out(200)
    good, less_good = LinearMetrics(800, 0.9312, 1.4233, 1.1204), LinearMetrics(200, 0.8871, 3.3166, 2.5019)
    sentence = "Stopped early: the last 80 epochs brought no validation loss below 8.83 (epoch 119)."
    ended = Ended(
        "completed", sentence, 199, float(block.loss[-1]), block.parameters[119], None, 0.5, "early-stopping", 119
    )
    ready = after(view, run=block, ended=ended, names=("w[x1]", "w[x2]", "b"), measured=Measured(119, good, less_good))
    app = show("d2l-concise", training__validation=0.2, training__patience=80, training__epochs=1000)
    assert snap_compare(app, terminal_size=size, run_before=ready)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_who_was_taken_for_what(snap_compare: Compare, theme: str) -> None:
    block = made_up_block([0.69, 0.52, 0.41], [[0.0, 0.0], [0.6, -1.2], [1.1, -2.4]], score=0.9)
    measured = Measured(2, LogisticMetrics(3, 0.9, 0.41, 0.9644, ((1480, 120), (95, 1305))), None)
    ready = after(run=block, measured=measured)
    assert snap_compare(show("pass-or-fail", theme=theme), terminal_size=WIDE, run_before=ready)


@pytest.mark.parametrize("theme", ["dark", "light"])
@SIZES
def test_code(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    ready = after("6")

    async def prepare(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await until(pilot, lambda: pilot.app.screen.query_one(CodePane).text, "the script")
        await pilot.pause()

    assert snap_compare(show("gentle-line", theme=theme), terminal_size=size, run_before=prepare)
