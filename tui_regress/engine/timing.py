"""The device check: how fast this very experiment is on each device, by each gradient; which one wins, and why."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from tui_regress.data.dataset import Dataset
from tui_regress.data.progress import Progress, silent
from tui_regress.engine.backends import _best, choose, compiled
from tui_regress.engine.backends.base import Backend, Descent, State
from tui_regress.engine.control import Control, Stop
from tui_regress.engine.devices import list_devices, resolve
from tui_regress.engine.minibatches import batch_size
from tui_regress.engine.objective import check_fit
from tui_regress.experiment import ON_CPU, Experiment, Training, override
from tui_regress.problems import ExperimentError, describe
from tui_regress.text import compact_exponent

GRADIENTS = tuple(name for name in get_args(Training.__annotations__["gradient"]) if name != "auto")
"""All that an experiment can ask for by name; the first is the reference."""
_SECONDS = 0.3
_PATIENCE = 10
"""How many times longer than it is timed for, an epoch may take before it is given up."""
_BLOCK = 0.03
"""Seconds of work to call a backend for, as training does."""
_CLOSE = 1.1
"""Rates with a smaller ratio are about equal: another time it may be the other way round."""
_BUSY_CPU, _BUSY_ACCELERATOR = 5e8, 1e10
"""Numbers of X a second below which what takes the time are the calls, and not the numbers."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast an experiment is on one device by one gradient."""

    device: str
    """torch's name of it."""
    gradient: str = ""
    """Empty where the device cannot be used at all."""
    epochs_per_second: float | None = None
    """None where the experiment cannot run so."""
    first_seconds: float | None = None
    """From nothing to the end of the first epoch: preparing the data, loading and compiling."""
    auto: bool = False
    """An experiment that leaves device and gradient open is trained so."""
    reason: str = ""
    """Why it cannot run so, or what to know of the figure."""

    @property
    def name(self) -> str:
        """Gradient and device, in a sentence."""
        return f"{self.gradient} on {'the CPU' if self.device == 'cpu' else self.device}"


def timings(
    experiment: Experiment,
    dataset: Dataset,
    control: Control | None = None,
    *,
    seconds: float = _SECONDS,
    progress: Progress = silent,
) -> Iterator[Timing]:
    """Train ``experiment`` for about ``seconds`` on each device by each gradient; nothing is kept of that.

    Gradients that cannot run it, and devices that cannot be used, come with the reason. ``control`` can stop it, within
    an epoch too; ``progress`` is told what comes next. It takes all the machine, and must not run beside a training.
    Raises ExperimentError where the experiment does not fit its data.
    """
    control = control or Control()
    experiment = override(experiment, {"training.gradient": "auto", "device.name": "auto"})
    check_fit(experiment, dataset)
    auto = _automatic(experiment, dataset.trained)
    candidates = list(_candidates())
    for index, found in enumerate(candidates):
        if found.reason:
            yield found
            continue
        progress(f"timing {found.name}", index / len(candidates))
        timing = _timed(experiment, dataset, found, control, seconds, auto=auto == (found.device, found.gradient))
        if control.stopped:
            return
        yield timing


def winner(found: Sequence[Timing]) -> Timing | None:
    """The one with the most epochs a second; None where nothing could be timed."""
    return max(found, key=_rate) if any(map(_rate, found)) else None


def against_autograd(timing: Timing, found: Sequence[Timing]) -> float | None:
    """How many times as fast as autograd on the CPU; None where one of the two could not be timed."""
    reference = next((other for other in found if (other.device, other.gradient) == ("cpu", GRADIENTS[0])), None)
    return _rate(timing) / _rate(reference) if reference and _rate(reference) and _rate(timing) else None


def verdict(found: Sequence[Timing], experiment: Experiment, dataset: Dataset) -> str:
    """Which of ``found`` wins and why, in a few sentences; what ``auto`` takes, if that is another."""
    best = winner(found)
    if best is None:
        return "Nothing here can run this experiment."
    work = _Work.of(experiment, dataset.trained)
    sentences = [f"{best.name} wins{_lead(best, found)}: {work.why(best, found)}."]
    accelerators = [timing for timing in found if timing.device != "cpu" and _rate(timing)]
    if accelerators and best.device == "cpu":
        sentences.append(work.why_not(max(accelerators, key=_rate), best))
    if (auto := next((timing for timing in found if timing.auto and _rate(timing)), None)) is not None:
        sentences.append(_about_auto(auto, best, experiment, work))
    return " ".join(sentences)


def times(ratio: float) -> str:
    """``61,200×``, ``1.3×``: how many times as much."""
    return f"{float(f'{ratio:.3g}'):,.0f}×" if ratio >= 9.95 else f"{compact_exponent(f'{ratio:.2g}')}×"


def lasting(seconds: float) -> str:
    """``12 ms``, ``1.3 s``."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.0005 else "under 1 ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


@dataclass(frozen=True, slots=True)
class _Work:
    """What there is to compute."""

    rows: int
    batch: int
    """Rows in a step."""
    features: int

    @classmethod
    def of(cls, experiment: Experiment, dataset: Dataset) -> "_Work":
        return cls(dataset.rows, batch_size(experiment, dataset.rows), dataset.features)

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return math.ceil(self.rows / self.batch)

    @property
    def a_step(self) -> str:
        return "1 row a step" if self.batch == 1 else f"{self.batch:,} rows a step"

    @property
    def shape(self) -> str:
        return f"{self.batch:,} × {self.features:,} numbers a step"

    def starved(self, timing: Timing) -> bool:
        """Most of a step's time goes by before and after its numbers are worked on."""
        passes = 1 if self.batch == self.rows else 2  # the steps, and the record of all rows
        enough = _BUSY_CPU if timing.device == "cpu" else _BUSY_ACCELERATOR
        return _rate(timing) * self.rows * self.features * passes < enough

    def why(self, best: Timing, found: Sequence[Timing]) -> str:
        """What makes ``best`` the fastest of ``found``."""
        if best.gradient == "statistics":
            return "full-batch least squares needs no row after the first pass"
        if best.device != "cpu":
            return (
                f"{self.shape} are more than the CPU does while a kernel is launched"
                if self.starved(best)
                else f"{self.shape} keep it busy"
            )
        others = [timing for timing in found if timing.device == "cpu" and _rate(timing) and timing is not best]
        in_torch = max((timing for timing in others if timing.gradient not in ON_CPU), key=_rate, default=None)
        if best.gradient in ON_CPU and in_torch is not None:
            if self.starved(in_torch):
                return f"with {self.a_step}, calling torch costs more than the work"
            return f"it is {times(_rate(best) / _rate(in_torch))} as fast as torch on {self.shape}"
        if best.gradient == "analytic" and in_torch is not None:
            if self.starved(in_torch):
                return f"with {self.a_step}, autograd's calls cost more than the work"
            return "the gradient in closed form needs fewer looks at the rows than autograd"
        return f"nothing else that can run here is quicker at {self.shape}"

    def why_not(self, accelerator: Timing, best: Timing) -> str:
        """What holds ``accelerator`` back."""
        behind = f"{accelerator.device} takes {times(_rate(best) / _rate(accelerator))} as long"
        if self.starved(accelerator):
            return f"{behind}: with {self.a_step}, launching a kernel costs more than the work."
        if best.gradient == "statistics":
            return f"{behind}: it looks at all {self.rows:,} rows in every epoch."
        return f"{behind}."


def _rate(timing: Timing) -> float:
    """Epochs a second; 0 for none."""
    return timing.epochs_per_second or 0.0


def _lead(best: Timing, found: Sequence[Timing]) -> str:
    second = max((timing for timing in found if timing is not best), key=_rate, default=None)
    if second is not None and _rate(best) < _CLOSE * _rate(second):
        percent = 100 * (_rate(best) / _rate(second) - 1)
        return f", but {second.name} is {f'only {percent:.0f} % slower' if percent >= 1 else 'as fast'}"
    ratio = against_autograd(best, found)
    return "" if ratio is None or ratio == 1 else f", {times(ratio)} autograd"


def _about_auto(auto: Timing, best: Timing, experiment: Experiment, work: _Work) -> str:
    """What an experiment gets that leaves the choice open, and why that may be another than ``best``."""
    if auto is best:
        return "auto takes it, too."
    epochs = experiment.training.epochs
    if _rate(best) < _CLOSE * _rate(auto):
        return f"auto takes {auto.name}."
    # The epochs in which the faster one makes up for its late beginning.
    late = (best.first_seconds or 0.0) - (auto.first_seconds or 0.0)
    even = late / (1 / _rate(auto) - 1 / _rate(best))
    if even > epochs:
        return (
            f"auto takes {auto.name}, which begins {lasting(late)} sooner: that counts for more up to "
            f"{float(f'{even:.2g}'):,.0f} epochs, and this run has {epochs:,}."
        )
    calls = epochs * (work.steps + 1)
    if best.gradient == "compiled" and calls < compiled.WORTH_LOADING:
        return (
            f"auto takes {auto.name}: to load Numba takes a second, which pays from about "
            f"{compiled.WORTH_LOADING:,} steps on, and this run has {calls:,}."
        )
    return f"auto, which goes by sizes and times nothing, takes {auto.name}."


def _automatic(experiment: Experiment, dataset: Dataset) -> tuple[str, str]:
    """Device and gradient of ``experiment``, which leaves both open."""
    gradient, _ = _best(experiment, dataset, anywhere=True)
    return resolve(experiment.device, gradient)[0], gradient


def _candidates() -> Iterator[Timing]:
    """What may be timed; with a reason where it cannot be."""
    for info in list_devices():
        if not info.usable:
            yield Timing(info.name, reason=info.reason)
            continue
        for gradient in GRADIENTS:
            if info.name == "cpu" or gradient not in ON_CPU:
                yield Timing(info.name, gradient)


def _timed(
    experiment: Experiment, dataset: Dataset, candidate: Timing, control: Control, seconds: float, *, auto: bool
) -> Timing:
    device, gradient = candidate.device, candidate.gradient
    refused = partial(Timing, device, gradient)
    try:
        chosen = override(experiment, {"training.gradient": gradient, "device.name": device})
        check_fit(chosen, dataset)
        if gradient not in ON_CPU:
            _wake(device)
        began = time.perf_counter()
        backend, _ = choose(chosen, dataset.trained, device)
        prepared = time.perf_counter() - began
        rate, first, note = _Stopwatch(backend, control).measure(_Work.of(chosen, dataset.trained), seconds)
    except ExperimentError as error:
        # What to use in its place is what all this is about.
        return refused(reason=error.hint.partition("; ")[0].rstrip("."))
    except Exception as error:
        # Whatever a device or its driver fails with is what a person wants to know of it.
        return refused(reason=describe(error))
    if rate is None:
        return refused(reason=note)
    return Timing(device, gradient, rate, prepared + first, auto=auto, reason=note)


def _wake(device: str) -> None:
    """Have torch set up what it uses on ``device``: that takes up to seconds once, and is no gradient's own doing."""
    import torch

    parameter = torch.nn.Parameter(torch.ones(2, 2, device=device))
    optimizer = torch.optim.SGD([parameter])
    (parameter @ parameter).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    parameter.sum().item()


class _Stopwatch:
    """Times ``backend``, from its start on; ``control`` can stop it."""

    def __init__(self, backend: Backend[Any], control: Control) -> None:
        self._backend, self._control = backend, control
        self._breaths = 0
        self._until = math.inf

    def measure(self, work: _Work, seconds: float) -> tuple[float | None, float, str]:
        """Epochs a second, or None and why; seconds until the first epoch; what to know of the rate."""
        began = time.perf_counter()
        state = self._backend.start()
        evaluated = time.perf_counter() - began
        patience = _PATIENCE * seconds
        self._until = time.perf_counter() + patience
        done, took = self._advance(state, 1)
        if not done:
            if not isinstance(self._backend, Descent) or work.steps == 1:
                return None, 0.0, f"an epoch takes longer than {lasting(patience)}"
            # It breathes after each step.
            steps = min(self._breaths, work.steps)
            epoch = took * work.steps / steps + evaluated
            return 1 / epoch, evaluated + epoch, f"estimated from {steps:,} of {work.steps:,} steps"
        self._until = math.inf
        return (1 / took if took >= seconds else self._rate(state, seconds)), evaluated + took, ""

    def _rate(self, state: State, seconds: float) -> float:
        # Caches fill and clocks rise meanwhile, and steps are captured, once: all this is warming up.
        length, took, first = 1, 0.0, [1, 1]
        while (first or took < _BLOCK) and not self._control.stopped:
            length = first.pop() if first else 2 * length
            _, took = self._advance(state, length)
        epochs, spent = 0, 0.0
        while spent < seconds and not self._control.stopped:
            done, took = self._advance(state, length)
            epochs, spent = epochs + done, spent + took
        return epochs / spent if spent else 0.0

    def _advance(self, state: State, epochs: int) -> tuple[int, float]:
        """Epochs completed, and the seconds they took."""
        began = time.perf_counter()
        done = len(self._backend.advance(state, epochs, self._breathe).loss)
        return done, time.perf_counter() - began

    def _breathe(self) -> None:
        self._control.breathe(alone=False)
        self._breaths += 1
        if time.perf_counter() > self._until:
            raise Stop
