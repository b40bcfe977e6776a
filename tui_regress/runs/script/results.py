"""What the script ends with: the parameters by name, in the units of the data, and the predictions asked for."""

from tui_regress.experiment import Table
from tui_regress.runs.script.dialect import Dialect
from tui_regress.runs.script.plan import Plan
from tui_regress.runs.script.writing import Page, printed, row, sequence, text


def write_first_predictions(plan: Plan, page: Page, dialect: Dialect) -> None:
    """Where to predict, and what the model says there before training."""
    if plan.experiment.predict.at:
        at = sequence(map(row, plan.experiment.predict.at), "at = ")
        lines = [f"points = {dialect.points_at('at')}", f"before = {dialect.predictions('points')}"]
        page.section("Predictions before training", *at, *lines)


def write_results(plan: Plan, page: Page, dialect: Dialect) -> None:
    """The parameters, and the predictions beside those before training."""
    lines, weights, weight, bias = dialect.results()
    title = "The parameters, in the units of the data" if plan.experiment.data.standardize else "The parameters"
    page.section(title, *lines, *_print_weights(plan, page, weights, weight))
    if plan.experiment.model.bias:
        page.add(printed("b = ", f"{bias}:.7g"))
    if plan.experiment.predict.at:
        page.section(
            "Predictions",
            f"for x, old, new in zip(at, before, {dialect.predictions('points')}):",
            '    print(f"at {x}: {old:.6g} before training, {new:.6g} after")',
        )


def _print_weights(plan: Plan, page: Page, weights: str, weight: str) -> list[str]:
    dataset = plan.dataset
    if dataset is None:
        return [f"for number, weight in enumerate({weights}, 1):", '    print(f"w[{number}] = {weight:.7g}")']
    if dataset.features == 1:
        return [printed(f"w[{dataset.feature_names[0]}] = ", f"{weight}:.7g")]
    if isinstance(plan.experiment.data, Table):
        names = sequence(map(text, dataset.feature_names), "names = ")
        known = [] if page.has(names) else names
        return [*known, f"for name, weight in zip(names, {weights}):", '    print(f"w[{name}] = {weight:.7g}")']
    # x1, x2, …, as generated columns are called
    return [f"for number, weight in enumerate({weights}, 1):", '    print(f"w[x{number}] = {weight:.7g}")']
