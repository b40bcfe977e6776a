"""The device check on the screen: line by line, with made-up timings; and the thread behind it."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Label, OptionList

from tests.tui.support import StillRunner, made_up_block, started, until
from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine import timing as timing_module
from tui_regress.engine.control import Control
from tui_regress.engine.timing import GRADIENTS, Timing, timings
from tui_regress.experiment import Experiment, builtin, override
from tui_regress.tui import messages
from tui_regress.tui.app import LabApp
from tui_regress.tui.runner import Runner
from tui_regress.tui.screens.timings import TimingsScreen, bar

FOUND = (
    Timing("cpu", "autograd", 4_350.0, 0.006),
    Timing("cpu", "numpy", reason="knows only the sgd optimizer"),
    Timing("cpu", "compiled", 9_870_000.0, 0.5),
    Timing("cuda:0", "analytic", 0.27, 3.7, reason="estimated from 40 of 900 steps"),
    Timing("mps", reason="no [red]Apple[/] \x1b[1mGPU"),
)


class HandRunner(StillRunner):
    """Times nothing: tests say what came of it."""

    asked: tuple[Experiment, Control, Callable[[Message], object]]

    def time(
        self, experiment: Experiment, dataset: Dataset, control: Control, post: Callable[[Message], object]
    ) -> None:
        del dataset
        self.asked = experiment, control, post


def app_on(name: str = "gentle-line") -> LabApp:
    return LabApp(builtin(name), runner=HandRunner)


async def opened(pilot: Pilot[Any], *found: Timing, verdict: str = "") -> TimingsScreen:
    """The screen, once it shows all that is ``found``."""
    app = pilot.app
    assert isinstance(app, LabApp)
    await until(pilot, lambda: app.session.forecast is not None, "the data")
    await pilot.press("b")
    screen = app.screen
    assert isinstance(screen, TimingsScreen)
    for one in found:
        post(pilot, messages.Timed(one))
    if verdict:
        post(pilot, messages.TimingsEnded(verdict))
    await until(pilot, lambda: len(lines(screen)) == len(found), "the lines")
    await until(pilot, lambda: not verdict or said(screen) == verdict, "the verdict")
    return screen


def asked(pilot: Pilot[Any]) -> tuple[Experiment, Control, Callable[[Message], object]]:
    assert isinstance(pilot.app, LabApp)
    runner = pilot.app.lab._runner
    assert isinstance(runner, HandRunner)
    return runner.asked


def post(pilot: Pilot[Any], message: Message) -> None:
    _, _, tell = asked(pilot)
    tell(message)


def lines(screen: TimingsScreen) -> list[str]:
    return [str(option.prompt) for option in screen.query_one(OptionList).options]


def said(screen: TimingsScreen) -> str:
    return str(screen.query_one("#said", Label).content)


async def test_each_timing_is_a_line_and_the_fastest_is_marked() -> None:
    async with app_on().run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, *FOUND[:1])
        assert lines(screen)[0].startswith("◆ cpu     autograd    ▇▇▇")
        assert lines(screen)[0].split()[-4:] == ["4350", "1×", "6", "ms"]
        for one in FOUND[1:]:
            post(pilot, messages.Timed(one))
        await until(pilot, lambda: len(lines(screen)) == len(FOUND), "the lines")
        shown = lines(screen)
        assert [text.startswith("◆") for text in shown] == [False, False, True, False, False]
        assert shown[1].split(maxsplit=2) == ["cpu", "numpy", "knows only the sgd optimizer"]
        assert shown[3].count("▇") == 1 < shown[0].count("▇") < shown[2].count("▇")
        assert shown[3].split()[-4:] == ["0.27", "6.2e-5×", "3.7", "s"]


async def test_what_a_driver_says_is_printed_as_text() -> None:
    async with app_on().run_test() as pilot:
        screen = await opened(pilot, FOUND[-1])
        assert lines(screen) == ["  mps     no [red]Apple[/] �[1mGPU"]


async def test_it_is_said_what_is_being_timed_and_then_who_wins() -> None:
    async with app_on().run_test() as pilot:
        screen = await opened(pilot)
        assert said(screen) == "asking torch …"
        post(pilot, messages.TimingBegun("timing numpy on the CPU"))
        await until(pilot, lambda: said(screen) == "timing numpy on the CPU …", "the word")
        post(pilot, messages.TimingsEnded("numpy on the CPU wins."))
        await until(pilot, lambda: said(screen) == "numpy on the CPU wins.", "the verdict")


async def test_a_failure_is_said_in_place_of_a_verdict() -> None:
    async with app_on().run_test() as pilot:
        screen = await opened(pilot)
        post(pilot, messages.TimingsEnded("", "MemoryError: no room"))
        await until(pilot, lambda: said(screen) == "MemoryError: no room", "the failure")
        assert screen.query_one("#said").has_class("problem")


async def test_enter_takes_the_winner_into_the_experiment() -> None:
    async with app_on().run_test() as pilot:
        await opened(pilot, *FOUND, verdict="compiled on the CPU wins.")
        await pilot.press("enter")
        app = pilot.app
        assert isinstance(app, LabApp)
        assert app.screen is app.lab
        experiment = app.session.experiment
        assert (experiment.training.gradient, experiment.device.name) == ("compiled", "cpu")


async def test_gradient_and_device_are_taken_together_even_where_they_need_each_other() -> None:
    async with app_on().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, LabApp)
        await opened(pilot, *FOUND, verdict="compiled on the CPU wins.")
        await pilot.press("enter", "b")
        screen = app.screen
        assert isinstance(screen, TimingsScreen)
        for one in FOUND:
            post(pilot, messages.Timed(one))
        post(pilot, messages.TimingsEnded("So it is."))
        await until(pilot, lambda: said(screen) == "So it is.", "the verdict")
        # From compiled, which knows the CPU only, to the next line that can be chosen.
        await pilot.press("down", "enter")
        experiment = app.session.experiment
        assert (experiment.training.gradient, experiment.device.name) == ("analytic", "cuda:0")
        assert not app.session.problems


async def test_a_line_that_could_not_be_timed_cannot_be_taken() -> None:
    async with app_on().run_test() as pilot:
        screen = await opened(pilot, FOUND[1], FOUND[-1], verdict="Nothing here can run this experiment.")
        await pilot.press("down", "enter")
        assert pilot.app.screen is screen


@pytest.mark.parametrize("key", ["escape", "b", "q"])
async def test_leaving_stops_the_timing_and_changes_nothing(key: str) -> None:
    async with app_on().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, LabApp)
        before = app.session.experiment
        await opened(pilot, FOUND[0])
        _, control, _ = asked(pilot)
        assert not control.stopped
        await pilot.press(key)
        await until(pilot, lambda: control.stopped, "the stop")
        assert app.screen is app.lab
        # What the thread still had to say reaches nobody.
        post(pilot, messages.Timed(FOUND[1]))
        post(pilot, messages.TimingsEnded("Too late."))
        await pilot.pause()
        assert app.session.experiment == before


async def test_what_is_timed_is_the_experiment_as_it_is_set() -> None:
    async with (app := app_on()).run_test() as pilot:
        await pilot.press("plus")
        await opened(pilot)
        assert asked(pilot)[0] == app.session.experiment
        assert asked(pilot)[0].optimizer.lr == 0.03


async def test_there_is_no_timing_beside_a_training_or_without_data() -> None:
    async with app_on().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, LabApp)
        await until(pilot, lambda: app.session.forecast is not None, "the data")
        await pilot.press("s")
        app.lab.post_message(messages.RunStarted(app.session.run_id, started()))
        app.lab.post_message(messages.EpochsCompleted(app.session.run_id, made_up_block([1.0], [[0.0, 0.0]])))
        await pilot.press("b")
        assert app.screen is app.lab
        assert [toast.message for toast in app._notifications][-1].startswith("Stop the run first (x)")
        await pilot.press("x")
        app.session.reset()
        app.session.forget_data()
        await pilot.press("b")
        assert app.screen is app.lab
        assert [toast.message for toast in app._notifications][-1].startswith("Wait until the data are there")


# The thread


class Told:
    """Collects what a runner posts."""

    def __init__(self) -> None:
        self.all: list[Message] = []
        self._changed = threading.Condition()

    def __call__(self, message: Message) -> None:
        with self._changed:
            self.all.append(message)
            self._changed.notify_all()

    def wait_for(self, kind: type[Message]) -> Message:
        with self._changed:
            assert self._changed.wait_for(lambda: any(isinstance(one, kind) for one in self.all), timeout=30)
        return next(one for one in self.all if isinstance(one, kind))


def test_the_thread_tells_each_timing_and_at_last_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_module, "timings", partial(timings, seconds=0.001))
    told, experiment = Told(), builtin("gentle-line")
    Runner(told).time(experiment, load_dataset(experiment), Control(), told)
    ended = told.wait_for(messages.TimingsEnded)
    assert isinstance(ended, messages.TimingsEnded)
    assert " wins" in ended.verdict
    assert told.all[-1] is ended
    found = [one.timing for one in told.all if isinstance(one, messages.Timed)]
    assert [one.gradient for one in found if one.device == "cpu"] == list(GRADIENTS)
    begun = [one.what for one in told.all if isinstance(one, messages.TimingBegun)]
    assert begun[0] == "timing autograd on the CPU"


def test_an_error_is_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> Iterator[Timing]:
        raise MemoryError("no room")

    monkeypatch.setattr(timing_module, "timings", fail)
    told, experiment = Told(), builtin("gentle-line")
    Runner(told).time(experiment, load_dataset(experiment), Control(), told)
    assert told.wait_for(messages.TimingsEnded) == messages.TimingsEnded("", "MemoryError: no room")


def test_a_training_stops_the_timing_and_begins_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    at_work = threading.Event()

    def endless(_experiment: Experiment, _dataset: Dataset, control: Control, **_options: object) -> Iterator[Timing]:
        at_work.set()
        control.pause()
        control.wait()
        order.append("timed")
        yield from ()

    monkeypatch.setattr(timing_module, "timings", endless)
    told = Told()
    experiment = override(builtin("gentle-line"), {"training.epochs": 1})
    dataset, runner = load_dataset(experiment), Runner(told)
    runner.time(experiment, dataset, Control(), told)
    assert at_work.wait(30)
    runner.train(1, experiment, dataset, Control())
    told.wait_for(messages.RunEnded)
    assert order == ["timed"]
    # Nobody waits for a verdict any more.
    assert not any(isinstance(one, messages.TimingsEnded) for one in told.all)


# The bars


@pytest.mark.parametrize(
    ("rate", "rates", "cells"),
    [
        (1e6, [1e6, 1e3, 1e0], 13),
        (1e3, [1e6, 1e3, 1e0], 7),
        (1e0, [1e6, 1e3, 1e0], 1),
        (5.0, [5.0], 13),
        (99.0, [100.0, 99.0], 13),
        (50.0, [100.0, 50.0], 9),
    ],
)
def test_bars_are_logarithmic_and_what_hardly_differs_looks_like_it(
    rate: float, rates: list[float], cells: int
) -> None:
    assert bar(rate, rates, 13) == "▇" * cells
