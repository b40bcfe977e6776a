"""A run as a plain Python file: data, model, loss, optimizer, loop and prints, as a tutorial would write them."""

from collections.abc import Sequence

from tui_regress.data import load_dataset
from tui_regress.data.dataset import Dataset
from tui_regress.engine.events import Recovered
from tui_regress.experiment import Experiment, Points, Sgd, Table
from tui_regress.runs.script.data import write_arrays
from tui_regress.runs.script.dialect import Dialect
from tui_regress.runs.script.in_numpy import InNumpy
from tui_regress.runs.script.in_torch import InTorch
from tui_regress.runs.script.plan import Plan, plan
from tui_regress.runs.script.results import write_first_predictions, write_results
from tui_regress.runs.script.training import write_training
from tui_regress.runs.script.writing import Page

__all__ = ["script"]


def script(
    experiment: Experiment,
    dataset: Dataset | None = None,
    rates: Sequence[tuple[int, float]] = (),
    recoveries: Sequence[Recovered] = (),
    *,
    record: int | None = None,
) -> str:
    """The Python file that trains as a run of ``experiment`` does, and prints the parameters that the run gives.

    Executed with torch and NumPy alone (and polars for a Parquet table) it ends with the same parameters, as far as
    the run's precision holds. ``dataset`` is that of the experiment; without it, generated data and points are made
    here, and a table is left out, as it is while it is being read. ``rates`` are the learning rates of the run as in
    :class:`History`, ``recoveries`` what it went through, and ``record`` the one its parameters are of, when it is
    over: then the script trains just as far. Without it the script itself watches, as the run will, for a validation
    loss that no longer falls, for a gradient within the tolerance, and for an explosion that can be foreseen.

    Raises ExperimentError where the data cannot be made or the table's file cannot be read.
    """
    if dataset is None and not isinstance(experiment.data, Table):
        dataset = load_dataset(experiment)
    course = plan(experiment, dataset, rates, recoveries, record)
    page = Page()
    dialect: Dialect
    match experiment.training.gradient, experiment.optimizer:
        case "numpy", Sgd() as sgd:
            dialect = InNumpy(course, page, sgd)
        case _:
            dialect = InTorch(course, page)
    dialect.begin()
    if isinstance(experiment.data, Points) and course.written_out:
        page.section("Data", *dialect.points(experiment.data))
    else:
        write_arrays(course, page)
        dialect.take_arrays()
    dialect.model()
    write_first_predictions(course, page, dialect)
    write_training(course, page, dialect)
    write_results(course, page, dialect)
    return page.text(*_heading(course, dialect))


def _heading(course: Plan, dialect: Dialect) -> tuple[str, str, str]:
    # The name comes last: in the first two lines Python may take a comment for the name of an encoding.
    return (
        f"{'Logistic' if course.logistic else 'Linear'} regression by gradient descent, {dialect.manner}.",
        "Written by tui-regress: prints the loss, then the parameters.",
        f"Experiment: {course.experiment.name}",
    )
