"""Which columns of a table are used, and as what. Pure: knows no widget and reads no file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Literal

import msgspec

from tui_regress.data.opening import open_experiment
from tui_regress.experiment import Experiment, Predict, Sgd, override
from tui_regress.problems import InputError

if TYPE_CHECKING:  # it loads polars
    from tui_regress.data.columns import ColumnInfo

Role = Literal["target", "feature", "one-hot", "left out"]
Missing = Literal["drop", "mean"]


@dataclass(frozen=True)
class Picking:
    """A choice among ``columns``; every change gives a new one. Columns are named by their index."""

    columns: tuple["ColumnInfo", ...]
    target: int | None
    features: frozenset[int]
    missing: Missing = "drop"

    def role(self, index: int) -> Role:
        """What column ``index`` is used as."""
        if index == self.target:
            return "target"
        if index not in self.features:
            return "left out"
        return "one-hot" if self.columns[index].kind == "text" else "feature"

    def with_target(self, index: int) -> "Picking":
        """Column ``index`` is predicted; the target until now becomes a feature. Raises InputError if it cannot be."""
        if obstacle := not_a_target(self.columns[index]):
            raise InputError(f"{self.columns[index].name} {obstacle}.")
        before = self.features if self.target is None else self.features | {self.target}
        return replace(self, target=index, features=before - {index})

    def toggled(self, index: int) -> "Picking":
        """Column ``index`` is taken as a feature, or left out. Raises InputError if it cannot be."""
        info = self.columns[index]
        if index == self.target:
            raise InputError(f"{info.name} is the target; t on another column makes that one the target instead.")
        if index not in self.features and (obstacle := not_a_feature(info)):
            raise InputError(f"{info.name} {obstacle}.")
        return replace(self, features=self.features ^ {index})

    def all_or_none(self, among: Iterable[int]) -> "Picking":
        """All of ``among`` that are features without being asked for, or none where they are all taken already."""
        usual = frozenset(_usual(self.columns, among, self.target))
        return replace(self, features=self.features - set(among) if usual <= self.features else self.features | usual)

    def with_other_missing(self) -> "Picking":
        """Rows that miss a value are left out, or means fill them: the one that it is not now."""
        return replace(self, missing="mean" if self.missing == "drop" else "drop")

    @cached_property
    def width(self) -> int:
        """Number of features that the model sees: a column taken as one-hot is several."""
        return sum(one_hot_width(self.columns[index]) for index in self.features)

    @property
    def logistic(self) -> bool:
        """Whether there are two classes to tell apart."""
        return self.target is not None and two_valued(self.columns[self.target])

    def summary(self) -> list[str]:
        """The choice in three phrases."""
        taken, there = len(self.features), f"{len(self.columns):,} columns"
        if self.width == taken:
            of_columns = f"{taken:,} feature{'s' * (taken != 1)} of {there}"
        else:
            of_columns = f"{taken:,} of {there} as {self.width:,} features"
        if self.target is None:
            goal = "no target yet: t on a column of numbers or of two values"
        else:
            way = "two values → logistic" if self.logistic else "number → linear"
            goal = f"target {self.columns[self.target].name} ({way} regression)"
        return [of_columns, goal, f"{self._rows:,} rows, {self._without_values}"]

    @property
    def _rows(self) -> int:
        return self.columns[0].rows

    @cached_property
    def _without_values(self) -> str:
        gaps = [self.columns[index].gaps for index in self.features]
        targetless = 0 if self.target is None else self.columns[self.target].gaps
        if self.missing == "drop":
            rows = reduce(or_, gaps, targetless).bit_count()
            return f"{rows:,} with a missing value left out" if rows else "no value missing"
        cells = sum((gap & ~targetless).bit_count() for gap in gaps)
        filled = f"{cells:,} missing value{'s' * (cells != 1)} filled with the mean"
        return f"{filled}, {targetless.bit_count():,} rows without a target left out" if targetless else filled


def first_guess(
    columns: tuple["ColumnInfo", ...],
    target: str | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    missing: Missing = "drop",
) -> Picking:
    """What names say, and where they say nothing: the last column that can be a target, and the usual features."""
    places = {info.name: index for index, info in enumerate(columns)}
    goal = places.get(target or "")
    if goal is None:
        goal = next((index for index in reversed(range(len(columns))) if _good_target(columns[index])), None)
    if features is None:
        dropped = {places[name] for name in drop if name in places}
        taken = {*_usual(columns, [index for index in range(len(columns)) if index not in dropped], goal)}
    else:
        taken = {places[name] for name in features if name in places}
    return Picking(columns, goal, frozenset(taken - {goal}), missing)


def two_valued(info: "ColumnInfo") -> bool:
    """Whether the column has two values, numbers or texts."""
    return info.kind == "two values" or (info.kind == "number" and info.distinct == 2)


def one_hot_width(info: "ColumnInfo") -> int:
    """Number of features that a column becomes: of text one for each value but the first."""
    return max(1, (info.distinct or 0) - 1) if info.kind == "text" else 1


def counts_rows(info: "ColumnInfo") -> bool:
    """Whether the column is there only to number the rows."""
    return info.counts_rows


def not_a_target(info: "ColumnInfo") -> str | None:
    """Why the column cannot be the target, as the rest of a sentence about it; None if it can."""
    if info.kind in ("number", "two values"):
        return None
    if info.flaw:
        return f"cannot be the target: it is {info.flaw}"
    return f"cannot be the target: it holds {_holds(info)}, and a target is a number or one of two values"


def not_a_feature(info: "ColumnInfo") -> str | None:
    """Why the column cannot be a feature, as the rest of a sentence about it; None if it can."""
    if info.kind in ("number", "two values"):
        return None
    if info.kind != "text":
        return f"cannot be a feature: it holds {_holds(info)}"
    if info.flaw:
        return f"cannot be a feature: it is {info.flaw}"
    from tui_regress.data.features import MOST_VALUES

    if info.distinct is not None and 2 < info.distinct <= MOST_VALUES:
        return None
    return f"cannot be a feature: it holds {_holds(info)}, and one-hot columns are for 3 to {MOST_VALUES}"


def experiment_of(path: str, picking: Picking) -> Experiment:
    """The experiment on the columns picked of the table ``path``. Reads the target; raises InputError."""
    names = [info.name for info in picking.columns]
    if picking.target is None:
        raise InputError("Which column is to be predicted? Press t on it.")
    if not picking.features:
        raise InputError("Which columns are to predict it? Space takes one, a takes all.")
    experiment = open_experiment(path, names[picking.target], [names[index] for index in sorted(picking.features)])
    return override(experiment, {"data.missing": picking.missing})


def carried_over(present: Experiment, fresh: Experiment, *, same_features: bool) -> Experiment:
    """``fresh``, and what ``present``, on the same table, says about training, as far as it fits.

    Where the features are others, the first parameters, the learning rate and the points to predict at would not.
    """
    model = present.model if type(present.model) is type(fresh.model) else fresh.model
    optimizer, predict = present.optimizer, present.predict
    if not same_features:
        predict = Predict()
        if isinstance(model.init, tuple):
            model = msgspec.structs.replace(model, init="zeros")
        if isinstance(optimizer, Sgd) and present.data.standardize:
            optimizer = msgspec.structs.replace(optimizer, lr=fresh.optimizer.lr)
    return msgspec.structs.replace(
        fresh,
        data=msgspec.structs.replace(fresh.data, standardize=present.data.standardize),
        model=model,
        optimizer=optimizer,
        training=present.training,
        device=present.device,
        predict=predict,
    )


def _holds(info: "ColumnInfo") -> str:
    from tui_regress.data.cells import HOLDS

    match info.kind:
        case "dates" | "empty" | "other" as kind:
            return HOLDS[kind]
        case _:
            return f"{info.kind} of {info.distinct or 0:,} value{'s' * (info.distinct != 1)}"


def _good_target(info: "ColumnInfo") -> bool:
    return not_a_target(info) is None and not counts_rows(info)


def _usual(columns: Sequence["ColumnInfo"], among: Iterable[int], target: int | None) -> list[int]:
    """Those of ``among`` that are features by default: of numbers or of two values; row numbers if nothing else is."""
    able = [index for index in among if index != target and columns[index].kind in ("number", "two values")]
    return [index for index in able if not counts_rows(columns[index])] or able
