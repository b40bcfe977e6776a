"""The experiment being edited: what is right is applied, what is wrong waits beside its field."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tui_regress.experiment import Experiment, LinearData, LogisticData, Points, override
from tui_regress.problems import ExperimentError


class Draft:
    """An experiment that is valid at all times, and the changes that are not applied yet."""

    def __init__(self, experiment: Experiment) -> None:
        self._opened = experiment
        self.experiment = experiment
        self.pending: dict[str, Any] = {}
        """Dotted setting → the value a person gave it and the experiment cannot take."""
        self.problems: dict[str, str] = {}
        """Dotted setting → what is wrong with its pending value."""

    def edit(self, changes: Mapping[str, Any]) -> None:
        """Apply ``changes``, which may need each other; what is wrong is tried again with every later change."""
        waiting = {key: value for key, value in self.pending.items() if key not in changes}
        self.problems = {}
        for together in (waiting | dict(changes), changes):
            try:
                self.experiment = override(self.experiment, _with_fitting_predictions(self.experiment, together))
            except ExperimentError:
                continue
            waiting = {} if together is not changes else waiting
            break
        else:
            waiting |= changes
        # A setting can need another one that comes later in line.
        for _ in range(len(waiting)):
            waiting = self._apply_one_by_one(waiting)
        self.pending = {key: value for key, value in waiting.items() if key in self.problems}
        self._tell_the_story()

    def _tell_the_story(self) -> None:
        """The experiment's own story, as long as it is the one it was told of."""
        title, about = self._opened.title, self._opened.about
        if msgspec.structs.replace(self.experiment, title=title, about=about) != self._opened:
            title, about = "", f"Edited from {self._opened.name}."
        self.experiment = msgspec.structs.replace(self.experiment, title=title, about=about)

    def _apply_one_by_one(self, waiting: Mapping[str, Any]) -> dict[str, Any]:
        self.problems = {}
        for key, value in waiting.items():
            try:
                self.experiment = override(self.experiment, {key: value})
            except ExperimentError as error:
                if _exists(self.experiment, key):
                    blamed = error.key.partition("[")[0] == key
                    hint = error.hint.replace(" or rows", "").replace("a list of numbers", _NUMBERS)
                    self.problems[key] = hint if blamed else f"does not fit: {error}"
        return {key: value for key, value in waiting.items() if key in self.problems}


_NUMBERS = "numbers, separated by commas"
"""What a field's text is, where a file holds a list."""


def _exists(experiment: Experiment, key: str) -> bool:
    """The setting is one of the kind of data, model or optimizer there is now: its field is on the screen."""
    table, _, name = key.partition(".")
    struct: Struct | None = getattr(experiment, table, None)
    return struct is not None and (hasattr(struct, name) or name == struct.__struct_config__.tag_field)


def _with_fitting_predictions(experiment: Experiment, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """``changes``, and the points to predict at taken away where they will have another number of features.

    They have no field of their own, so nobody could mend them on the screen.
    """
    at = experiment.predict.at
    if not at or not any(key.startswith("data.") for key in changes):
        return changes
    features = _features(override(experiment, changes))
    return changes if features in (None, len(at[0])) else {**changes, "predict.at": []}


def _features(experiment: Experiment) -> int | None:
    """Number of features, None for a table, whose file knows."""
    match experiment.data:
        case LinearData() | LogisticData() as data:
            return len(data.weights)
        case Points(x=x):
            return len(x[0]) if isinstance(x[0], tuple) else 1
        case _:
            return None
