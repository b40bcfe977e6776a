"""Every command once: its key, its word in the footer, its sentence in the help and the palette."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding

from tui_regress.experiment import Table

if TYPE_CHECKING:
    from tui_regress.tui.session import Session


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person can do on the main screen, as ``action_<action>`` of its class."""

    keys: str
    """Comma-separated, as Textual names them."""
    action: str
    label: str
    """The word in the footer."""
    help: str
    """The sentence in the help and the command palette."""
    group: str
    """The heading in the help."""
    display: str = ""
    """The key as people write it; default: ``keys``."""
    footer: bool = True
    footer_key: str = ""
    """The key in the footer, where one entry stands for two; default: as people write it."""

    @property
    def key_display(self) -> str:
        """The key as people write it."""
        return self.display or self.keys

    @property
    def footer_display(self) -> str:
        """The key as the footer writes it."""
        return self.footer_key or self.key_display

    def binding(self) -> Binding:
        """For a screen's BINDINGS."""
        return Binding(self.keys, self.action, self.label, show=self.footer, key_display=self.footer_display)


COMMANDS = (
    Command("s", "start", "start", "Start training, or resume after a pause", "Run"),
    Command("p", "pause", "pause", "Pause training; start resumes it", "Run"),
    Command("n", "step", "step", "Train one epoch, then pause", "Run"),
    Command("x", "stop", "stop", "Stop training and keep what there is", "Run"),
    Command("c", "continue", "continue", "Go on with a run that was stopped, as if it had run through", "Run"),
    Command("r", "reset", "reset", "Back to the same first parameters and the same data", "Run"),
    Command("d", "new_data", "data", "Draw new data with the next seed", "Run"),
    Command(
        "a",
        "retry",
        "again, fastest",
        "After an explosion: again from the start, at the fastest rate",
        "Recover",
        footer=False,
    ),
    Command(
        "g",
        "go_on",
        "go on, safe",
        "After an explosion: on from the best record, at a safe rate",
        "Recover",
        footer=False,
    ),
    Command(
        "z", "standardise", "standardise", "After an explosion: again on standardised columns", "Recover", footer=False
    ),
    Command("k", "keep", "keep", "After an explosion: keep what there is", "Recover", footer=False),
    Command(
        "minus",
        "lower_lr",
        "lr",
        "Lower the learning rate one rung, also while training",
        "Learning rate",
        "-",
        footer=False,
    ),
    Command(
        "plus,equals_sign",
        "raise_lr",
        "lr",
        "Raise the learning rate one rung, also while training",
        "Learning rate",
        "+",
        footer_key="- +",
    ),
    Command("o", "open", "open", "Open an experiment, a table or a saved model", "Files"),
    Command("h", "runs", "runs", "Runs of the past: open, compare, continue, run again", "Files"),
    Command("v", "columns", "columns", "Choose the target and the features of the table", "Files"),
    Command("ctrl+s", "save", "save", "Save the model, with its experiment beside it", "Files", "^s", footer=False),
    Command("y", "toggle_log", "log", "Loss on a logarithmic or a linear axis", "View", footer=False),
    Command("f", "toggle_recent", "recent", "The full history of the loss, or its latest part", "View", footer=False),
    Command(
        "l", "toggle_predicted", "predicted", "The loss that theory predicts, as a dotted line", "View", footer=False
    ),
    Command(
        "m",
        "maximize",
        "maximise",
        "Give the focused pane, or the loss chart, the whole screen; esc goes back",
        "View",
        footer=False,
    ),
    Command("1", "view('setup')", "setup", "To the settings", "View", footer=False),
    Command("2", "view('loss')", "loss", "To the loss chart", "View", footer=False),
    Command("3", "view('fit')", "fit", "To the data and the fitted line", "View", footer=False),
    Command("4", "view('parameters')", "parameters", "To the parameters and predictions", "View", footer=False),
    Command(
        "5", "view('stability')", "stability", "To the forecast: what this learning rate will do", "View", footer=False
    ),
    Command(
        "6", "view('code')", "code", "To the run as code: a Python file, as the settings make it", "View", footer=False
    ),
    Command("t", "toggle_theme", "theme", "Light or dark", "View", footer=False),
    Command(
        "escape",
        "leave_field",
        "leave the field",
        "From a field back to the keys; from a dialog back",
        "Program",
        "esc",
    ),
    Command("i", "explain", "why", "Why: the forecast explained for this very experiment", "Program"),
    Command(
        "b", "time_devices", "timings", "Time this experiment on each device, by each gradient", "Program", footer=False
    ),
    Command("question_mark", "help", "help", "What the keys do and how to read the screen", "Program", "?"),
    Command("q", "quit", "quit", "Leave; asks first while training", "Program"),
)

_FROM_THE_FIRST = {"start", "step", "raise_lr", "open", "runs", "help", "quit"}
AT_ONCE = tuple(command for command in COMMANDS if command.action in _FROM_THE_FIRST)
"""What the footer names before anything is known of the data: possible with every experiment."""


def possible(action: str, session: "Session") -> bool | None:
    """Whether ``action`` makes sense now: None where it will, once a setting is put right."""
    # The session needs numpy, and the curtain, which names the commands, none of it.
    from tui_regress.tui.session import RunState

    match action:
        case "start":
            if session.problems and not session.state.active:
                return None
            return session.can_start or session.state is RunState.PAUSED
        case "pause":
            return session.state is RunState.RUNNING
        case "step":
            return True if session.can_start or session.state in (RunState.PAUSED, RunState.RUNNING) else None
        case "stop":
            return session.state.active and session.state is not RunState.STOPPING
        case "reset":
            return bool(len(session.history)) or session.state.active or session.state is RunState.FAILED
        case "continue":
            return session.can_continue
        case "columns":
            return isinstance(session.experiment.data, Table) and not session.state.active
        case "new_data":
            return session.can_draw_new_data and not session.state.active
        case "save":
            return session.parameters is not None
        case "retry":
            return session.choosing and session.can_start and session.fastest is not None
        case "go_on":
            return session.choosing and session.can_start and session.can_go_on
        case "standardise":
            return session.choosing and session.can_start and not session.experiment.data.standardize
        case "keep":
            return session.choosing
        case "explain":
            return session.forecast is not None
        case "open" | "runs":
            return not session.state.active
    return True
