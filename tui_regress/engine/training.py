"""A run, from its first event to its last."""

import time
from collections.abc import Generator
from typing import Any

from tui_regress.data.dataset import Dataset
from tui_regress.engine.backends import choose
from tui_regress.engine.backends.base import Backend
from tui_regress.engine.control import Control
from tui_regress.engine.course import Course, as_frozen
from tui_regress.engine.devices import resolve
from tui_regress.engine.events import Checkpoint, Event, Resume, Started
from tui_regress.engine.objective import check_fit, parameter_names, starting_point
from tui_regress.engine.stability import forecast
from tui_regress.experiment import Experiment

__all__ = ["Control", "Resume", "run"]


def run(
    experiment: Experiment,
    dataset: Dataset,
    control: Control | None = None,
    *,
    resume: Resume | Checkpoint | None = None,
    block_seconds: float = 0.1,
) -> Generator[Event, None, None]:
    """Train: yields Started, Blocks, Verdicts and what comes of them, and at last exactly one Ended.

    Record 0 comes in a block of its own; each later block takes about ``block_seconds`` of work, an epoch that takes
    longer is one of its own, and no record is ever left out. ``control`` is asked before every block. The numbers
    depend neither on the length of the blocks nor on torch's global random numbers. After a verdict the run ends, goes
    on, or goes back to its best record, as the experiment's ``on_divergence`` says; when else it ends before its last
    epoch is told in :mod:`tui_regress.engine.stopping`.

    A Checkpoint comes at the start and then about once a second, before each epoch that takes long, when the learning
    rate changes, when the run halts in a pause, and before Ended unless a verdict has stopped the run. The last one may
    be of an earlier record than the last, where the run ended in the middle of a block. Measured comes a few times a
    second where it costs little, and once before Ended, of the parameters that the run gives.

    With ``resume`` the run goes on: from parameters, with a fresh optimizer, or from a checkpoint, and then with the
    numbers and the end of a run that was never interrupted, at the checkpoint's learning rate unless ``control`` sets
    another. The records follow on that of ``resume.epoch``.

    Raises ExperimentError where experiment, data and device do not fit, InputError where the checkpoint is of another
    run; errors of the work itself pass through, and then there is no Ended.
    """
    control = control or Control()
    check_fit(experiment, dataset)
    backend, notes = _chosen(experiment, dataset)
    if isinstance(resume, Checkpoint) and (frozen := as_frozen(experiment, resume, backend.name)) is not experiment:
        experiment = frozen
        backend, notes = _chosen(experiment, dataset)
    first = starting_point(experiment, dataset)
    ahead = forecast(experiment, dataset.trained, first)
    course = Course(experiment, dataset, backend, control, ahead)
    match resume:
        case None:
            course.start(first)
        case Resume():
            course.take_up(resume)
        case Checkpoint():
            course.thaw(resume)
    yield Started(
        parameter_names=parameter_names(experiment.model, dataset.feature_names),
        rows=dataset.rows,
        device=backend.device,
        dtype=experiment.device.dtype,
        gradient=backend.name,
        notes=notes,
        forecast=ahead,
        validation_rows=len(dataset.validation or ()),
    )
    began, waited = time.perf_counter(), control.waited
    yield from course.events(block_seconds)
    # How fast training is, is asked of these seconds: neither a pause nor the metrics belong to it.
    yield course.ended(time.perf_counter() - began - (control.waited - waited) - course.aside)


def _chosen(experiment: Experiment, dataset: Dataset) -> tuple[Backend[Any], tuple[str, ...]]:
    """What computes the gradient, and what a person may wonder about it."""
    device, about_device = resolve(experiment.device, experiment.training.gradient)
    backend, about_gradient = choose(experiment, dataset.trained, device)
    return backend, tuple(filter(None, (about_device, about_gradient)))
