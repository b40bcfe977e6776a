"""The curtain: what stands there until the main screen is loaded, and what becomes of the keys pressed meanwhile."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Footer, Input, Tabs

from tests.tui.support import StillRunner, until
from tui_regress.experiment import Experiment, builtin, override
from tui_regress.tui.app import LabApp
from tui_regress.tui.screens.curtain import Curtain
from tui_regress.tui.screens.help import HelpScreen
from tui_regress.tui.screens.open import OpenScreen
from tui_regress.tui.screens.stage import Stage
from tui_regress.tui.session import RunState
from tui_regress.tui.widgets.form import Field, Form

PANES = ("status", "setup", "dataset", "model", "device", "run", "banner", "loss", "fit", "parameters", "stability")


class SilentRunner(StillRunner):
    """Answers nothing: the main screen stays as it opened."""

    def survey_devices(self) -> None:
        pass

    def prepare(self, request: int, experiment: Experiment, dataset: object) -> None:
        del request, experiment, dataset


Lift = Callable[[], None]


@asynccontextmanager
async def starting(
    experiment: Experiment | str = "gentle-line", size: tuple[int, int] = (120, 40), theme: str = "dark"
) -> AsyncIterator[tuple[LabApp, Pilot[None], Lift]]:
    """An app behind its curtain, until ``lift`` is called."""
    loaded = threading.Event()
    chosen = builtin(experiment) if isinstance(experiment, str) else experiment
    app = LabApp(chosen, theme=theme, runner=SilentRunner, load=loaded.wait)
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.screen.query("#loss") and app.screen.size == size, "the curtain")
            yield app, pilot, loaded.set
    finally:
        loaded.set()  # whatever a test does, no thread waits


async def opened(app: LabApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: app.is_open, "the main screen")


def places(screen: Stage) -> dict[str, Region]:
    return {name: screen.query_one(f"#{name}").region for name in PANES}


@pytest.mark.parametrize("size", [(120, 40), (100, 30), (80, 24)], ids=str)
@pytest.mark.parametrize("name", ["gentle-line", "d2l-concise"])
async def test_the_outlines_stand_where_the_panes_will(name: str, size: tuple[int, int]) -> None:
    # A title of one line, as long as the sentence that stands there while the data are on their way.
    experiment = override(builtin(name), {"title": "A line", "about": ""})
    async with starting(experiment, size) as (app, pilot, lift):
        curtain = app.screen
        assert isinstance(curtain, Curtain)
        before, tabs, keys = places(curtain), curtain.query_one("#tabs").region, curtain.query_one("#keys").region
        lift()
        await opened(app, pilot)
        await until(pilot, lambda: places(app.lab) == before, f"panes at {before}")
        assert (app.lab.query_one(Tabs).region, app.lab.query_one(Footer).region) == (tabs, keys)


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_the_curtain_says_what_is_loading_in_the_colours_to_come(theme: str) -> None:
    async with starting("exploding-line", theme=theme) as (app, pilot, lift):
        status, banner = (str(app.screen.query_one(f"#{name}").render()) for name in ("status", "banner"))
        shown = app.export_screenshot()
        assert all(word in shown for word in ("exploding-line", "LOADING", "Dataset", "Stability"))
        assert builtin("exploding-line").title in banner, status
        colour = app.screen.query_one("#loss").styles.border_top[1]
        lift()
        await opened(app, pilot)
        assert app.lab.query_one("#loss").styles.border_top[1] == colour


async def test_the_forms_hold_what_the_experiment_says_and_nothing_counts_as_an_edit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edits: list[str] = []
    monkeypatch.setattr(Form.Edited, "__post_init__", lambda self: edits.append(self.key), raising=False)
    async with starting() as (app, pilot, lift):
        lift()
        await opened(app, pilot)
        await pilot.pause()
        fields = {field.setting.key: field.control for field in app.lab.query(Field)}
        x = fields["data.x"]
        assert isinstance(x, Input)
        assert x.value == "1, 2, 3, 4, 5"
        assert not edits


async def test_a_key_pressed_at_the_curtain_is_heard_when_the_main_screen_is_there() -> None:
    async with starting() as (app, pilot, lift):
        await pilot.press("s")
        assert isinstance(app.screen, Curtain)
        lift()
        await until(pilot, lambda: app.session.state is RunState.LOADING, "the start")


async def test_keys_go_where_they_would_have_gone_had_each_been_waited_for() -> None:
    async with starting() as (app, pilot, lift):
        await pilot.press("question_mark", "escape", "o", "tab", *"qs.csv")
        lift()
        await opened(app, pilot)
        assert isinstance(app.screen, OpenScreen)
        assert any(entry.value == "qs.csv" for entry in app.screen.query(Input))
        assert app.session.state is RunState.IDLE, "no letter of the name was taken for a command"


async def test_a_dialog_asked_for_at_the_curtain_opens_over_the_main_screen() -> None:
    async with starting() as (app, pilot, lift):
        await pilot.press("question_mark")
        lift()
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help")
        assert app.screen_stack[-2] is app.lab


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_does_not_wait_for_the_main_screen(key: str) -> None:
    async with starting() as (app, pilot, _):
        await pilot.press(key)
        assert app.return_code == 0
        assert not app.is_open
        assert app.summary() == ""
