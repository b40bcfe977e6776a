"""The sentence above the charts: what this experiment is, what became of the run, what to press."""

from rich.text import Text
from textual.widgets import Static

from tui_regress.text import printable, short
from tui_regress.tui.layout import flow
from tui_regress.tui.session import RunState, Session
from tui_regress.tui.themes import inks


class Banner(Static):
    """A heading and a sentence; its colour is the state's."""

    _session: Session | None = None
    _shown: Text | None = None

    def on_resize(self) -> None:
        """Lay out anew for the width there is."""
        if self._session is not None:
            self.show(self._session)

    def show(self, session: Session) -> None:
        """Say what matters most now."""
        self._session = session
        heading, sentence = describe(session)
        self.set_class(session.state in (RunState.DIVERGED, RunState.FAILED) or "" in session.problems, "-trouble")
        done = session.state in (RunState.COMPLETED, RunState.CONVERGED)
        self.set_class(done and session.came_down, "-success")
        text = Text.assemble((heading, "bold"), ("  " if sentence else "", ""), sentence)
        plain, accent = inks(self.app)["foreground"], inks(self.app)["accent"]
        ways = [Text.assemble((key, f"bold {accent}"), (f" {words}", plain)) for key, words in choices(session)]
        if ways:
            text = Text.assemble(text, "\n", flow(ways, "   ", self.content_size.width))
        if text != self._shown:
            self._shown = text
            self.update(text)


def describe(session: Session) -> tuple[str, str]:
    """Heading and sentence, printable."""
    experiment = session.experiment
    if problem := session.problems.get("", ""):
        return "Not ready.", problem
    for key, hint in session.problems.items():
        return "Not ready.", printable(f"{key} {hint}", 300)
    match session.state:
        case RunState.FAILED:
            return (
                "Training failed.",
                f"{session.failure} The settings are kept: change them and press s to start again.",
            )
        case RunState.DIVERGED if session.verdict:
            return "It explodes.", session.verdict.message
        case RunState.STOPPED | RunState.COMPLETED | RunState.CONVERGED if session.ended:
            goes_on = " c goes on with it." if session.can_continue else ""
            return session.state.value.capitalize() + ".", f"{session.ended.reason}{goes_on} {_least(session)}"
        case RunState.STOPPED if session.interruption:
            return session.interruption
        case RunState.LOADING:
            return "Loading.", "torch and the data are on their way; training starts by itself."
    if session.verdict:
        return "It explodes.", session.verdict.message
    if session.recoveries and session.state is RunState.RUNNING:
        return "Recovered.", session.recoveries[-1].message
    if session.dataset is None:
        return "Preparing.", "The data are being loaded and examined."
    notes = " ".join(
        (*(session.dataset.notes if session.dataset else ()), *(session.started.notes if session.started else ()))
    )
    if session.loaded is not None:
        notes = f"A saved model: its parameters and predictions are below; s trains it anew from the start. {notes}"
    about = " ".join(filter(None, (experiment.about, notes)))
    return printable(experiment.title or experiment.name), printable(about, 600)


def choices(session: Session) -> list[tuple[str, str]]:
    """After an explosion: the key and the words of each way out."""
    if not session.choosing:
        return []
    ways = []
    if session.fastest is not None:
        ways.append(("a", f"again at the fastest lr {session.fastest:g}"))
    if session.can_go_on and session.history.best is not None:
        ways.append(("g", f"go on from epoch {session.history.best.epoch:,} at a safe lr"))
    if not session.experiment.data.standardize:
        ways.append(("z", "standardise and start again"))
    return [*ways, ("k", "keep it as it is")]


def _least(session: Session) -> str:
    """How the loss compares with the least possible."""
    latest, exact = session.history.latest, session.exact
    if latest is None or exact is None:
        return ""
    loss = f"The loss is {short(latest.loss)}"
    if exact.parameters is None:
        return f"{loss} and would go on falling: no parameters are best."
    least = 0.0 if exact.loss < 1e-12 * max(session.history.losses[0], 1.0) else exact.loss
    return f"{loss}; the least possible is {short(least)}."
