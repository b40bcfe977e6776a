"""The run in a few lines of plain text, printed when the dashboard has left the terminal."""

from tui_regress.text import printable
from tui_regress.tui.numbers import number
from tui_regress.tui.session import RunState, Session

_SHOWN = 10


def summary(session: Session) -> str:
    """Status, loss, parameters, predictions; empty if nothing ran."""
    latest = session.history.latest
    if latest is None:
        return ""
    state = RunState.STOPPED if session.state.active else session.state
    end = f"{latest.epoch:,} of {session.recorded.training.epochs:,}"
    loss = f"{session.recorded.model.loss} {number(latest.loss)}"
    lines = [f"{printable(session.recorded.name)}: {state.value} at epoch {end}, {loss}"]
    if session.verdict:
        lines.append(f"  {session.verdict.message}")
    if (parameters := session.parameters) is not None:
        pairs = list(zip(session.names, parameters, strict=True))
        width = max(len(name) for name, _ in pairs[:_SHOWN])
        lines += [f"  {name:<{width}} = {number(float(value))}" for name, value in pairs[:_SHOWN]]
        if len(pairs) > _SHOWN:
            lines.append(f"  … and {len(pairs) - _SHOWN:,} more parameters")
    for prediction in session.predictions:
        if prediction.after is not None:
            at = ", ".join(f"{value:g}" for value in prediction.x)
            lines.append(f"  prediction at {at}: {number(prediction.before)} before, {number(prediction.after)} after")
    if session.kept_id is not None:
        goes_on = state is RunState.STOPPED
        how = f"`tui-regress runs {'resume' if goes_on else 'show'} {session.kept_id}`"
        lines.append(f"  kept as run {session.kept_id}; {how}{' goes on' if goes_on else ''}")
    return "\n".join(lines)
