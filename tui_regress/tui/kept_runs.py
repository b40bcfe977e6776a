"""What is said of kept runs in words and few digits. No widget and no thread in here."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, get_args

from tui_regress.engine.events import Status
from tui_regress.experiment import Experiment, encode
from tui_regress.runs.environment import is_elsewhere
from tui_regress.runs.kept import Unreadable
from tui_regress.text import plain, printable, short
from tui_regress.tui.numbers import count, number
from tui_regress.tui.settings import to_text

if TYPE_CHECKING:
    from tui_regress.runs.kept import Listed, Summary

STATUSES = (*get_args(Status), "running", "interrupted")
"""Every word for what became of a kept run."""

_TABLES = ("data", "model", "optimizer", "training", "device")
_KINDS = {"data.source": "data", "model.kind": "model", "optimizer.name": "optimizer", "device.name": "device"}
"""The settings that have the name of their table."""
_COLUMN_LISTS = ("data.features", "data.drop")
_FOUND_IN_THE_TABLE = ("data.columns", "data.classes")
"""They follow from the table and the settings, and no person has chosen them."""
_MOST_NAMES = 4
"""Columns that are told by name where two lists differ; more are counted."""
_UNSET = "·"


def when(began: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """``began`` as a person would say it at ``now``, in at most twelve characters; ``zone``: default the local one."""
    then, today = began.astimezone(zone), now.astimezone(zone)
    if then.date() == today.date():
        return f"today {then:%H:%M}"
    day = f"{then.day} {then:%b}"
    return f"{day} {then:%H:%M}" if then.year == today.year else f"{day} {then.year}"


def duration(seconds: float) -> str:
    """``seconds`` in at most seven characters: ``0.42 s``, ``3 m 20``, ``2 h 05``, ``3 days``."""
    if seconds < 9.95:
        return f"{seconds:.2f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02}"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02}" if hours < 48 else f"{hours // 24} days"


def epochs(run: "Summary") -> str:
    """How far it came: ``1000``, or ``413/1000`` where it ended earlier."""
    done, asked = count(run.epoch), count(run.epochs)
    return asked if done == asked else f"{done}/{asked}"


def metric(run: "Summary") -> str:
    """R² or accuracy, on the rows held out where there are some: ``R² 0.9981``, ``acc 97.1%``; · where unknown."""
    parts: Mapping[str, Mapping[str, Any] | None] = run.metrics or {}
    figures = parts.get("validation") or parts.get("training") or {}
    if "accuracy" in figures:
        return f"acc {100 * float(figures['accuracy']):.1f}%"
    return f"R² {short(float(figures['r2']), 4)}" if "r2" in figures else _UNSET


def optimizer(experiment: Experiment) -> str:
    """The update rule and its learning rate."""
    return f"{experiment.optimizer.__struct_config__.tag} {plain(experiment.optimizer.lr)}"


def figure(value: float | None) -> str:
    """``value`` in at most eight characters; · where there is none."""
    return _UNSET if value is None else number(value)


def reason(run: "Summary") -> str:
    """Why it ended, in one sentence."""
    if run.status == "running" and is_elsewhere(run.environment):
        host = printable(str(run.environment["host"]), 60)
        return f"It trains on {host}, unless its program has ended there: that cannot be seen from here."
    if run.status == "running":
        return "It is training now."
    return printable(run.reason, 600)


def became(run: "Listed") -> str:
    """What became of it, in a few words: ``413/1000 epochs, stopped``."""
    return "which cannot be read" if isinstance(run, Unreadable) else f"{epochs(run)} epochs, {run.status}"


def asked_for(text: str) -> tuple[str, str]:
    """What the filter asks for: part of a name, and a status where one of the words is one."""
    words = text.split()
    status = next((word.lower() for word in words if word.lower() in STATUSES), "")
    return " ".join(word for word in words if word.lower() != status), status


def how_many(listed: int, marked: int, *, all_of_them: bool) -> str:
    """What the list holds: ``12 runs · 2 marked``; of a store with more ``the 200 newest``."""
    if not listed:
        return ""
    runs = f"{listed:,} run{'s' * (listed > 1)}" if all_of_them else f"the {listed:,} newest"
    return f"{runs} · {marked} marked" if marked else runs


def differing(experiments: Sequence[Experiment]) -> list[tuple[str, tuple[str, ...]]]:
    """The settings of training that are not the same in all ``experiments``: a name, and the value in each.

    A setting has its own name, preceded by its table where another table has one of that name too. Where the data,
    the model or the optimizer are of different kinds, those of their settings in which no two differ are left out.
    A list of columns is told against the first one, on a line each: ``+id``, ``−city``.
    """
    settings = [_settings(experiment) for experiment in experiments]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    used = Counter(key.rpartition(".")[2] for key in keys)
    differ = {key for key in keys if len({one.get(key) for one in settings}) > 1}
    other_kinds = {key.partition(".")[0] for key in differ.intersection(_KINDS)}
    return [
        (
            _KINDS.get(key) or (key if used[name := key.rpartition(".")[2]] > 1 else name),
            _column_lists(experiments, key)
            if key in _COLUMN_LISTS
            else tuple(one.get(key, _UNSET) for one in settings),
        )
        for key in keys
        if key in differ
        and (key.partition(".")[0] not in other_kinds or len({one[key] for one in settings if key in one}) > 1)
    ]


def _settings(experiment: Experiment) -> dict[str, str]:
    """Dotted setting → its value as text, safe to print."""
    tables = encode(experiment)
    return {"experiment": printable(experiment.name)} | {
        f"{table}.{key}": str(value).lower() if isinstance(value, bool) else to_text(value)
        for table in _TABLES
        for key, value in tables[table].items()
        if f"{table}.{key}" not in _FOUND_IN_THE_TABLE
    }


def _column_lists(experiments: Sequence[Experiment], key: str) -> tuple[str, ...]:
    """Of the first list of columns how many there are, and of the others what they have and lack against it."""
    name = key.partition(".")[2]
    lists: list[tuple[str, ...] | None] = [getattr(experiment.data, name, None) for experiment in experiments]
    first = next((columns for columns in lists if columns is not None), ())
    return tuple(
        _UNSET if columns is None else _how_many(first) if columns == first else _against(first, columns)
        for columns in lists
    )


def _how_many(columns: Sequence[str]) -> str:
    return f"{len(columns):,} column{'s' * (len(columns) > 1)}" if columns else "none"


def _against(first: Sequence[str], columns: Sequence[str]) -> str:
    """What ``columns`` have and lack against ``first``, a line each."""
    before, after = set(first), set(columns)
    more = [name for name in columns if name not in before]
    less = [name for name in first if name not in after]
    if not more and not less:
        return "another order"
    if len(more) + len(less) > _MOST_NAMES:
        return "\n".join(f"{sign}{len(names):,}" for sign, names in (("+", more), ("−", less)) if names)
    return "\n".join([*(f"+{printable(name, 40)}" for name in more), *(f"−{printable(name, 40)}" for name in less)])
