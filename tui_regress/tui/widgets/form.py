"""A pane of settings: each field beside its label, what is wrong with it below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select

from tui_regress.experiment import Experiment
from tui_regress.tui.settings import Setting, from_text, to_text, value_of


class YesNo(Checkbox):
    """A switch that says what it is set to."""

    def render(self) -> Content:
        """The word."""
        return Content("yes" if self.value else "no")


class Field(Horizontal):
    """A label and the control of one setting."""

    def __init__(self, setting: Setting, value: Any) -> None:
        super().__init__(classes="field" + (" -wide" if setting.wide else ""))
        self.setting = setting
        self._value = value

    def compose(self) -> ComposeResult:
        """Label and control."""
        setting = self.setting
        yield Label(setting.label)
        control: Widget
        match setting.kind:
            case "choice":
                choices = [(choice, choice) for choice in self._choices()]
                control = Select(choices, value=str(self._value), allow_blank=False, compact=True)
            case "switch":
                control = YesNo(value=bool(self._value), compact=True)
            case _:
                control = Input(
                    to_text(self._value, self.setting),
                    placeholder=setting.placeholder,
                    compact=True,
                    select_on_focus=False,
                )
        control.tooltip = setting.help
        yield control

    @property
    def control(self) -> Widget:
        """The Input, Select or Checkbox."""
        return self.children[1]

    def show(self, value: Any) -> None:
        """Show the experiment's ``value``, unless a person is typing there or their own words for it stand there."""
        self._value = value
        with self.prevent(Input.Changed, Select.Changed, Checkbox.Changed):
            match self.control:
                case Select() as select:
                    select.set_options([(choice, choice) for choice in self._choices()])
                    select.value = str(value)
                case Checkbox() as checkbox:
                    checkbox.value = bool(value)
                case Input() as entry if not entry.has_focus and to_text(self.read(), self.setting) != to_text(
                    value, self.setting
                ):
                    entry.value = to_text(self._value, self.setting)

    def read(self) -> Any:
        """The value in the control, as the experiment file would hold it."""
        match self.control:
            case Input() as entry:
                return from_text(entry.value, self.setting)
            case Select() | Checkbox() as control:
                return control.value
        return None

    def _choices(self) -> tuple[str, ...]:
        choices = self.setting.choices
        return choices if str(self._value) in choices else (*choices, str(self._value))


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

    def compose(self) -> ComposeResult:
        """A line per pair of short fields, and a line for what is wrong under each."""
        for line in _lines(self._settings):
            with Horizontal(classes="line"):
                for setting in line:
                    yield Field(setting, self._value(setting.key))
            problem = Label("", classes="problem", markup=False)
            problem.display = False
            yield problem

    def _value(self, key: str) -> Any:
        if key in self._pending or self._experiment is None:
            return self._pending.get(key)
        return value_of(self._experiment, key)

    @property
    def fields(self) -> Iterator[Field]:
        """In the order of the screen."""
        yield from self.query(Field)

    async def show(self, experiment: Experiment, settings: Sequence[Setting], pending: Mapping[str, Any]) -> None:
        """Show the values of ``experiment`` in the fields ``settings``; what is ``pending`` stays as it was typed."""
        self._experiment, self._pending = experiment, pending
        if tuple(settings) != self._settings:
            self._settings = tuple(settings)
            focused = self.app.focused
            key = focused.parent.setting.key if focused and isinstance(focused.parent, Field) else None
            await self.recompose()
            for field in self.fields:
                if field.setting.key == key:
                    field.control.focus()
        else:
            for field in self.fields:
                if field.setting.key not in pending:
                    field.show(value_of(experiment, field.setting.key))

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Below each line what is wrong in it: dotted setting → hint."""
        for line in self.query(".line"):
            keys = [field.setting.key for field in line.query(Field)]
            hints = [
                f"{field.setting.label} {problems[k]}"
                for k, field in zip(keys, line.query(Field), strict=True)
                if k in problems
            ]
            label = line.parent.children[line.parent.children.index(line) + 1] if line.parent else None
            if isinstance(label, Label):
                label.update("\n".join(hints))
                label.display = bool(hints)
            for field in line.query(Field):
                field.set_class(field.setting.key in problems, "-wrong")

    def freeze(self, but: str | None, locked: bool) -> None:
        """Fields that cannot change while training are off, all but the one with the key ``but``."""
        for field in self.fields:
            field.disabled = locked and field.setting.key != but

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _edited(self, event: Input.Changed | Select.Changed | Checkbox.Changed) -> None:
        event.stop()
        if event.control is not None and isinstance(field := event.control.parent, Field):
            value = field.read()
            if value != self._value(field.setting.key) or field.has_class("-wrong"):
                self.post_message(self.Edited(field.setting.key, value))

    @on(Input.Submitted)
    def _done_typing(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.set_focus(None)


def _lines(settings: Sequence[Setting]) -> Iterator[list[Setting]]:
    line: list[Setting] = []
    for setting in settings:
        if setting.wide or len(line) == 2:
            if line:
                yield line
            line = []
        line.append(setting)
        if setting.wide:
            yield line
            line = []
    if line:
        yield line
