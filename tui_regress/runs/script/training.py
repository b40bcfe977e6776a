"""The loop over the epochs, and all that happens on its way."""

from tui_regress.engine.objective import coupled_decay
from tui_regress.runs.lines import round_step
from tui_regress.runs.script.dialect import Dialect
from tui_regress.runs.script.plan import Plan
from tui_regress.runs.script.writing import Page, indented


def write_training(plan: Plan, page: Page, dialect: Dialect) -> None:
    """The loop, preceded by what it starts from."""
    title = "Training"
    if plan.epochs != plan.experiment.training.epochs:
        title += f": up to epoch {plan.epochs:,}, whose parameters the run gave"
    loop = [
        *_new_rate(plan, dialect),
        *_keep_last_finite(plan, dialect),
        *dialect.epoch(),
        *(["now = validation_loss()"] if plan.patience else []),
        *_print(plan, dialect),
        *_recover(plan, dialect),
        *_watch_explosion(plan, dialect),
        *_stop_at_tolerance(plan, dialect),
        *_stop_early(plan, dialect),
    ]
    if plan.patience:
        single = plan.experiment.device.dtype == "float32"
        why = ", in float64: in float32 rounding would pass for progress" if single else ""
        function = "def validation_loss():", f"    return {dialect.validation_loss}"
        page.function(f"What early stopping watches{why}", *function)
    page.section(title, *_prepare(plan, dialect), f"for epoch in range(1, {plan.epochs + 1}):", *indented(loop))


def _prepare(plan: Plan, dialect: Dialect) -> list[str]:
    """What the loop needs to know before it begins."""
    lines = list[str]()
    if plan.shuffled:
        lines.append(dialect.order(str(plan.experiment.training.seed)))
    if plan.rates:
        lines.append(f"rates = {plan.rates}  # the learning rate from each of these epochs on")
    if plan.recoveries:
        lines.append("# The run diverged and went back: after which epoch, to the parameters of which, with which lr.")
        lines.append(f"recoveries = {plan.recoveries}")
        lines.append("kept = {}")
        if any(record == 0 for record, _ in plan.recoveries.values()):
            lines.append(f"kept[0] = {dialect.kept}")
    if plan.explosion and plan.explosion.sign == "rises":
        lines.append(f"current, rises = {dialect.loss}, 0")
    if plan.patience:
        lines += ["lowest, best_epoch = validation_loss(), 0", f"best = {dialect.kept}"]
    return lines


def _new_rate(plan: Plan, dialect: Dialect) -> list[str]:
    return ["if epoch in rates:", *indented(dialect.change_lr("rates[epoch]"))] if plan.rates else []


def _print(plan: Plan, dialect: Dialect) -> list[str]:
    every, width = round_step(plan.epochs), f":{len(str(plan.epochs))}" if plan.epochs > 9 else ""
    start = f'print(f"epoch {{epoch{width}}}   loss '
    if not plan.validation:
        lines = [f'{start}{{{dialect.loss}:.6g}}")']
    elif plan.patience:
        lines = [f'{start}{{{dialect.loss}:.6g}}   validation loss {{now:.6g}}")']
    else:
        losses = f"losses = {dialect.loss}, {dialect.validation_loss}"
        lines = [losses, f'{start}{{losses[0]:.6g}}   validation loss {{losses[1]:.6g}}")']
    return lines if every == 1 else [f"if epoch % {every} == 0:", *indented(lines)]


def _recover(plan: Plan, dialect: Dialect) -> list[str]:
    if not plan.recoveries:
        return []
    back = ["record, lr = recoveries[epoch]", *dialect.restore("kept[record]"), *dialect.renew("lr")]
    if plan.shuffled:
        back.append(dialect.order(f"({plan.experiment.training.seed}, epoch)"))
    records = sorted({record for record, _ in plan.recoveries.values()} - {0})
    keep = [f"if epoch in {records}:", f"    kept[epoch] = {dialect.kept}"] if records else []
    return [*keep, "if epoch in recoveries:", *indented(back)]


def _keep_last_finite(plan: Plan, dialect: Dialect) -> list[str]:
    return [f"last = {dialect.kept}"] if plan.explosion and plan.explosion.sign == "overflow" else []


def _watch_explosion(plan: Plan, dialect: Dialect) -> list[str]:
    if plan.explosion is None:
        return []
    match plan.explosion.sign:
        case "rises":
            return [
                f"previous, current = current, {dialect.loss}",
                "rises = rises + 1 if current > previous else 0",
                "if rises == 3:",
                '    print(f"epoch {epoch}: the third rise of the loss in a row; the learning rate is too large")',
                "    break",
            ]
        case "far":
            return [
                f"if {dialect.loss} > {plan.explosion.far:.6g}:  # 100 times the loss at the start",
                '    print(f"epoch {epoch}: the loss explodes; the learning rate is too large")',
                "    break",
            ]
        case "overflow":
            return [
                f"if not {dialect.is_finite(dialect.loss)}:",
                '    print(f"epoch {epoch}: the loss is no longer finite; back to the epoch before")',
                *indented(dialect.restore("last")),
                "    break",
            ]


def _stop_at_tolerance(plan: Plan, dialect: Dialect) -> list[str]:
    if not plan.tolerance:
        return []
    decay = 0.0 if plan.dataset is None else coupled_decay(plan.experiment, plan.dataset.rows)
    return [
        *dialect.gradient(decay),
        f"if {dialect.gradient_norm} <= {plan.tolerance!r}:",
        '    print(f"epoch {epoch}: the gradient norm is within the tolerance")',
        "    break",
    ]


def _stop_early(plan: Plan, dialect: Dialect) -> list[str]:
    if not plan.patience:
        return []
    waited = "epoch" if plan.patience == 1 else f"{plan.patience} epochs"
    return [
        "if now < lowest:",
        "    lowest, best_epoch = now, epoch",
        f"    best = {dialect.kept}",
        f"elif epoch - best_epoch == {plan.patience}:",
        f'    print(f"epoch {{epoch}}: no lower validation loss for {waited}, back to epoch {{best_epoch}}")',
        *indented(dialect.restore("best")),
        "    break",
    ]
