"""What the device check looks like, on figures nobody measured; see test_screens."""

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.snapshots.test_screens import NARROW, SIZES, Compare, Prepare
from tests.tui.support import until
from tests.tui.test_timings import HandRunner, opened, post, said
from tui_regress.engine.timing import Timing, verdict
from tui_regress.experiment import builtin
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp

FEW = (
    Timing("cpu", "autograd", 4_350.0, 0.0064),
    Timing("cpu", "analytic", 12_100.0, 0.0041),
    Timing("cpu", "numpy", 45_700.0, 0.0023),
    Timing("cpu", "statistics", 8_510_000.0, 0.0052, auto=True),
    Timing("cpu", "compiled", 11_900_000.0, 0.462),
    Timing("cuda:0", "autograd", 2_150.0, 0.0071),
    Timing("cuda:0", "analytic", 7_480.0, 0.0049),
    Timing("mps", reason="no Apple GPU: this torch is built without MPS"),
)
MANY = (
    Timing("cpu", "autograd", 6.1, 0.41),
    Timing("cpu", "analytic", 31.4, 0.11),
    Timing("cpu", "numpy", reason="knows only the sgd optimizer"),
    Timing("cpu", "statistics", reason="knows only linear models"),
    Timing("cpu", "compiled", reason="needs the package numba: pip install 'tui-regress[fast]'"),
    Timing("cuda:0", reason="CUDA initialization: The NVIDIA driver is too old (found version 11040)"),
)


def showing(name: str, *found: Timing, ended: bool = True) -> Prepare:
    async def prepare(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, LabApp)
        screen = await opened(pilot, *found)
        if ended:
            assert app.session.dataset is not None
            sentence = verdict(found, builtin(name), app.session.dataset)
            post(pilot, messages.TimingsEnded(sentence))
            await until(pilot, lambda: said(screen) == sentence, "the verdict")
        await pilot.pause()

    return prepare


def app_on(name: str, theme: str) -> LabApp:
    app = LabApp(builtin(name), theme=theme, runner=HandRunner, clock=lambda: 0.0)
    app.animation_level = "none"
    return app


@SIZES
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_timings(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_on("gentle-line", theme), terminal_size=size, run_before=showing("gentle-line", *FEW))


def test_reasons(snap_compare: Compare) -> None:
    prepare = showing("pass-or-fail", *MANY)
    assert snap_compare(app_on("pass-or-fail", "dark"), terminal_size=NARROW, run_before=prepare)


def test_while_it_fills(snap_compare: Compare) -> None:
    prepare = showing("gentle-line", *FEW[:3], ended=False)
    assert snap_compare(app_on("gentle-line", "dark"), terminal_size=NARROW, run_before=prepare)
