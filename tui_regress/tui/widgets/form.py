"""A pane of settings: each field beside its label, what is wrong with it below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Checkbox, Input, Label, Select

from tui_regress.experiment import Experiment
from tui_regress.tui.settings import Setting, from_text, lines, to_text, value_of


class YesNo(Checkbox):
    """A switch that says what it is set to."""

    def render(self) -> Content:
        """The word."""
        return Content("yes" if self.value else "no")


class Field(Horizontal):
    """A label and the control of one setting."""

    def __init__(self, setting: Setting, value: Any) -> None:
        super().__init__(classes="field")
        self.setting = setting
        self.control: Input | Select[str] | YesNo
        match setting.kind:
            case "choice":
                self.control = Select(_options(setting, value), value=str(value), allow_blank=False, compact=True)
            case "switch":
                self.control = YesNo(value=bool(value), compact=True)
            case _:
                self.control = Input(to_text(value, setting), placeholder=setting.placeholder, compact=True)
        self.control.tooltip = setting.help

    def compose(self) -> ComposeResult:
        """Label and control."""
        yield Label(self.setting.label)
        yield self.control

    def watch_disabled(self, disabled: bool) -> None:
        """Dim all of it. Textual would look up the rules of everything inside, which takes long for so many fields."""
        if disabled and self.has_focus_within:
            self.screen.set_focus(None)
        # Textual's own rule for the control stays in force until it looks there again: only 1 undoes it.
        self.styles.opacity, self.control.styles.opacity = (0.6, 0.7) if disabled else (1.0, 1.0)

    def show(self, value: Any) -> None:
        """Show the experiment's ``value``, unless a person is typing there or their own words for it stand there."""
        with self.prevent(Input.Changed, Select.Changed, Checkbox.Changed):
            match self.control:
                case Select() as select:
                    select.set_options(_options(self.setting, value))
                    select.value = str(value)
                case YesNo() as switch:
                    switch.value = bool(value)
                case entry if not entry.has_focus:
                    text = to_text(value, self.setting)
                    if text != to_text(self.read(), self.setting):
                        entry.value = text

    def read(self) -> Any:
        """The value in the control, as the experiment file would hold it."""
        return from_text(self.control.value, self.setting) if isinstance(self.control, Input) else self.control.value


class Line(Vertical):
    """One or two fields, and below them what is wrong."""

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__()
        self.fields = fields
        self.problem = Label("", classes="problem", markup=False)
        self.problem.display = False

    def compose(self) -> ComposeResult:
        """The fields side by side."""
        yield Horizontal(*self.fields, classes="line")
        yield self.problem

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Dotted setting → hint, for any settings: those of this line are shown."""
        hints = []
        for field in self.fields:
            hint = problems.get(field.setting.key)
            field.set_class(hint is not None, "-wrong")
            if hint is not None:
                hints.append(f"{field.setting.label} {hint}")
        self.problem.update("\n".join(hints))
        self.problem.display = bool(hints)


class Form(Vertical):
    """Fields, two to a line where they are short."""

    @dataclass
    class Edited(Message):
        """A person changed a field."""

        key: str
        value: Any

    def __init__(self, title: str, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._settings: tuple[Setting, ...] = ()
        self._experiment: Experiment | None = None
        self._pending: Mapping[str, Any] = {}
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        """A line per pair of short fields."""
        self._lines = [
            Line([Field(setting, self._value(setting.key)) for setting in settings])
            for settings in lines(self._settings)
        ]
        yield from self._lines

    @property
    def fields(self) -> Iterator[Field]:
        """In the order of the screen."""
        for line in self._lines:
            yield from line.fields

    async def show(self, experiment: Experiment, settings: Sequence[Setting], pending: Mapping[str, Any]) -> None:
        """Show the values of ``experiment`` in the fields ``settings``; what is ``pending`` stays as it was typed."""
        self._experiment, self._pending = experiment, pending
        if tuple(settings) != self._settings:
            self._settings = tuple(settings)
            focused = next((field.setting.key for field in self.fields if field.control.has_focus), None)
            await self.recompose()
            for field in self.fields:
                if field.setting.key == focused:
                    field.control.focus()
        else:
            for field in self.fields:
                if field.setting.key not in pending:
                    field.show(self._value(field.setting.key))

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Below each line what is wrong in it: dotted setting → hint."""
        for line in self._lines:
            line.show_problems(problems)

    def freeze(self, but: str | None, frozen: bool) -> None:
        """Fields that cannot change while training are off, all but the one with the key ``but``."""
        for field in self.fields:
            field.disabled = frozen and field.setting.key != but

    def _value(self, key: str) -> Any:
        if key in self._pending or self._experiment is None:
            return self._pending.get(key)
        return value_of(self._experiment, key)

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _edited(self, event: Input.Changed | Select.Changed | Checkbox.Changed) -> None:
        event.stop()
        # A field that has made room for those of another experiment may still have something to say: too late.
        field = next((field for field in self.fields if field.control is event.control), None)
        if field is not None:
            value, shown = field.read(), self._value(field.setting.key)
            # A new field says what it holds: numbers in a list, which the experiment has in a tuple, are no edit.
            if value != (list(shown) if isinstance(shown, tuple) else shown) or field.has_class("-wrong"):
                self.post_message(self.Edited(field.setting.key, value))

    @on(Input.Submitted)
    def _done_typing(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.set_focus(None)


def _options(setting: Setting, value: Any) -> list[tuple[str, str]]:
    """The choices of ``setting``, with ``value`` among them also where it is none of them."""
    choices = setting.choices if str(value) in setting.choices else (*setting.choices, str(value))
    return [(choice, choice) for choice in choices]
