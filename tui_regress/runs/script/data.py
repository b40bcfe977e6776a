"""The rows: written out, drawn from the same random numbers or read; split and standardised as the run has them."""

from tui_regress.data.dataset import Dataset
from tui_regress.experiment import LinearData, LogisticData, Points, Table
from tui_regress.runs.script.plan import Plan
from tui_regress.runs.script.points import arrays
from tui_regress.runs.script.writing import Page, row


def write_arrays(plan: Plan, page: Page) -> None:
    """Write lines after which X, shape (n, d), and y, shape (n,), are the training rows as NumPy arrays.

    Where rows are held out they are ``X_val`` and ``y_val``; standardised columns leave ``mean`` and ``scale``.
    Raises ExperimentError where the file of a table cannot be read.
    """
    fill = _write_rows(plan, page)
    if plan.validation:
        _hold_out(plan, page)
    if fill:
        held = ["X_val = np.where(np.isnan(X_val), fill, X_val)"] if plan.validation else []
        title = "Missing values: the mean over the training rows fills them in"
        page.section(title, *fill, "X = np.where(np.isnan(X), fill, X)", *held)
    if plan.experiment.data.standardize:
        _standardise(plan, page)


def _write_rows(plan: Plan, page: Page) -> list[str]:
    """Write lines after which X and y hold all rows; lines for what fills in where X is nan, if that may be."""
    match plan.experiment.data:
        case Points() as points:
            page.section("Data", *arrays(points, "np.array", ""))
        case Table() as table if plan.dataset is not None:
            # polars takes a tenth of a second to import: only those who open a table pay for it.
            from tui_regress.runs.script.tables import read

            return read(table, plan.dataset, page)
        case LinearData() | LogisticData() as data if plan.dataset is not None:
            _draw(data, plan.dataset, page)
        case _:
            page.section("Data: X of shape (n, d) and y of shape (n,) come here, once the table has been read")
    return []


def _draw(data: LinearData | LogisticData, dataset: Dataset, page: Page) -> None:
    """The rows of a known model, from the random streams of data/synthetic.py."""
    rows = dataset.rows + (0 if dataset.validation is None else len(dataset.validation))
    logistic = isinstance(data, LogisticData)
    streams = ["_" if data.x == "range" else "x_rng", "noise_rng" if data.noise_scale else "_"]
    streams += ["y_rng"] if logistic else []
    while streams and streams[-1] == "_":
        streams.pop()
    lines = list[str]()
    if streams:
        seeds = f"np.random.SeedSequence({data.seed}).spawn({len(streams)})"
        made = f"map(np.random.default_rng, {seeds})" if len(streams) > 1 else f"np.random.default_rng({seeds}[0])"
        lines.append(f"{', '.join(streams)} = {made}")
    lines.append(f"X = {_inputs(data, rows)}")
    score = f"{data.weights[0]!r} * X[:, 0]" if len(data.weights) == 1 else f"X @ {row(data.weights)}"
    if data.bias:
        score += f" {'-' if data.bias < 0 else '+'} {abs(data.bias)!r}"
    if data.noise_scale:
        unit = "standard_normal" if data.noise == "normal" else "random"
        score += f" + {data.noise_scale!r} * noise_rng.{unit}({rows})"
    if logistic:
        lines.append(f"probability = 1 / (1 + np.exp(-({score})))")
        lines.append(f"y = (y_rng.random({rows}) < probability).astype(float)")
    else:
        lines.append(f"y = {score}")
    apart = ", each random quantity from a stream of its own" if len(streams) > 1 else ""
    page.section(f"Data: {rows:,} rows of a known model{apart}", *lines)


def _inputs(data: LinearData | LogisticData, rows: int) -> str:
    """An expression for X, shape (n, d)."""
    features = len(data.weights)
    low, high = data.low or 0.0, 1.0 if data.high is None else data.high
    if data.x == "normal":
        return f"x_rng.standard_normal(({rows}, {features}))"
    if data.x == "uniform":
        return f"x_rng.uniform({low!r}, {high!r}, ({rows}, {features}))"
    if data.step is None:
        return f"np.linspace({low!r}, {high!r}, {rows}).reshape(-1, 1)"
    grid = f"np.arange({float(rows)!r})" if data.step == 1 else f"{data.step!r} * np.arange({rows})"
    if low:
        grid = f"({low!r} + {grid})"
    return f"{grid}.reshape(-1, 1)" if low or data.step == 1 else f"({grid}).reshape(-1, 1)"


def _hold_out(plan: Plan, page: Page) -> None:
    """The split of data/split.py: the same rows from the same seed."""
    training = plan.experiment.training
    held = None if plan.dataset is None else plan.dataset.validation
    share = training.validation
    lines = [f"rng = np.random.default_rng(({training.seed}, 1))", "held = np.zeros(len(y), dtype=bool)"]
    if not plan.logistic:
        size = f"round({share!r} * len(y))" if held is None else str(len(held))
        lines.append(f"held[rng.permutation(len(y))[:{size}]] = True")
    else:
        sizes = f"[round({share!r} * sum(y == label)) for label in (0, 1)]"
        if held is not None:
            sizes = f"[{int((held.y == 0).sum())}, {int((held.y == 1).sum())}]"
        lines.append(f"for label, size in enumerate({sizes}):  # the same share of both classes")
        lines.append("    held[rng.permutation(np.flatnonzero(y == label))[:size]] = True")
    lines += ["X_val, y_val = X[held], y[held]", "X, y = X[~held], y[~held]"]
    page.section(f"Validation: {100 * share:.3g} % of the rows are held out of training", *lines)


def _standardise(plan: Plan, page: Page) -> None:
    """The scaling of data/scaling.py."""
    scaling = None if plan.dataset is None else plan.dataset.scaling
    constant = ["scale[scale <= 1e-12 * np.abs(X).max(axis=0)] = 1.0  # of a column that never changes"]
    if scaling is not None and not (scaling.scale == 1).any():
        constant = []
    if plan.experiment.model.bias:
        title, moved = "Standardised columns: mean 0 and variance 1", "({} - mean) / scale"
        lines = ["mean, scale = X.mean(axis=0), X.std(axis=0)", *constant]
    else:
        title, moved = "Standardised columns: mean square 1", "{} / scale"
        lines = ["scale = np.sqrt(np.mean(X**2, axis=0))", *constant]
    lines += [f"{name} = {moved.format(name)}" for name in (["X", "X_val"] if plan.validation else ["X"])]
    page.section(title, *lines)
