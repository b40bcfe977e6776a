"""What is wrong with an input, in one clear sentence: where, what was found, what would be right."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tui_regress.text import printable

T = TypeVar("T")
_EMPTY = '""'
"""An empty key, as TOML writes it."""


class InputError(ValueError):
    """Something a person gave is wrong, and the message is meant for that person."""


class WriteError(InputError):
    """A file could not be written where there was a place for it: nobody's mistake, such as a full disk."""


class ExperimentError(InputError):
    """An experiment is wrong. ``key`` is the dotted setting, ``hint`` fits beside its field on screen."""

    def __init__(self, key: str, found: object, hint: str, source: str = "") -> None:
        self.key = key
        self.found = found
        self.hint = hint
        self.source = source
        super().__init__(key, found, hint, source)

    def __str__(self) -> str:
        """Like ``file: optimizer.lr = -1: must be a number above 0.``."""
        where = f"{printable(self.source)}: " if self.source else ""
        value = "" if self.found is msgspec.UNSET else f" = {_shown(self.found)}"
        colon = ": " if self.key else ""
        return f"{where}{printable(self.key)}{value}{colon}{self.hint}"

    def within(self, source: str) -> "ExperimentError":
        """The same problem, found in ``source``."""
        return ExperimentError(self.key, self.found, self.hint, source)


def describe(error: Exception) -> str:
    """``error`` in one line for a person: its own words if it was written for one, else with its type."""
    if isinstance(error, InputError):
        return str(error)
    first = str(error).strip().partition("\n")[0]
    return printable(f"{type(error).__name__}: {first}" if first else type(error).__name__)


def convert(raw: Mapping[str, Any], kind: type[T]) -> T:
    """``raw`` (nested tables, as TOML gives them) as a ``kind``.

    Raises ExperimentError naming the key, the value found and what would be right.
    """
    for key, value in _numbers(raw, ""):
        if not math.isfinite(value):
            raise ExperimentError(key, value, "must be a finite number.")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw, inspect.type_info(kind)) from None


def _numbers(value: object, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{key}[{index}]")


def _explain(message: str, raw: Mapping[str, Any], info: inspect.Type) -> ExperimentError:
    located = re.fullmatch(r"(.*) - at `\$\.?([\w.\[\]]*)`", message, re.DOTALL)
    problem, key = located.groups() if located else (message, "")
    info, found = _walk(info, raw, key)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        name, table = unknown[1], _struct_of(info, found)
        known = [*filter(None, [table.tag_field]), *(field.encode_name for field in table.fields)]
        near = difflib.get_close_matches(name, known, 1)
        advice = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}."
        what = f" of {table.tag}" if table.tag_field else ""
        full = f"{key}.{name or _EMPTY}" if key else name or _EMPTY
        return ExperimentError(full, found.get(name, msgspec.UNSET), f"is not a setting{what}; {advice}")
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        full = f"{key}.{missing[1]}" if key else missing[1]
        right, _ = _walk(info, found, missing[1])
        return ExperimentError(full, msgspec.UNSET, f"is missing; it must be {_right(right, missing[1])}.")
    return ExperimentError(key, found, f"must be {_right(info, key.rpartition('.')[2])}.")


def _walk(info: inspect.Type, value: Any, path: str) -> tuple[inspect.Type, Any]:
    """Type and value at ``path`` (``optimizer.betas[1]``), as far as both go."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if name:
            value = value.get(name, msgspec.UNSET) if isinstance(parent := value, Mapping) else msgspec.UNSET
            if isinstance(info, inspect.UnionType) and all(_tag_field(t) == name for t in _structs(info)):
                return info, value
            info = next((f.type for f in _struct_of(info, parent).fields if f.encode_name == name), info)
        else:
            info, value = _item(info, int(index)), value[int(index)]
    return info, value


def _item(info: inspect.Type, index: int) -> inspect.Type:
    for choice in info.types if isinstance(info, inspect.UnionType) else (info,):
        if isinstance(choice, inspect.VarTupleType):
            return choice.item_type
        if isinstance(choice, inspect.TupleType):
            return choice.item_types[index]
    return info


def _structs(info: inspect.Type) -> list[inspect.StructType]:
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [choice for choice in types if isinstance(choice, inspect.StructType)]


def _tag_field(info: inspect.StructType) -> str | None:
    return info.tag_field


def _struct_of(info: inspect.Type, value: Any) -> inspect.StructType:
    structs = _structs(info)
    if len(structs) == 1:
        return structs[0]
    tags = {struct.tag: struct for struct in structs}
    return tags.get(value.get(structs[0].tag_field), structs[0]) if isinstance(value, Mapping) else structs[0]


def _right(info: inspect.Type, key: str = "") -> str:
    """``info`` in words: what a value must be."""
    match info:
        case inspect.Metadata(extra={"right": str(right)}):
            return right
        case inspect.UnionType(types=types) if structs := _structs(info):
            tags = "one of " + ", ".join(str(struct.tag) for struct in structs)
            return tags if key == structs[0].tag_field else f"a table of settings, its {structs[0].tag_field} {tags}"
        case inspect.UnionType(types=types):
            return " or ".join(_right(t) for t in sorted(types, key=_lists_last) if not isinstance(t, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return ("one of " if len(values) > 1 else "") + ", ".join(map(str, values))
        case inspect.IntType():
            return "a whole number" + _bounds(info)
        case inspect.FloatType():
            return "a number" + _bounds(info)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text in quotes"
        case inspect.VarTupleType(item_type=item):
            return "a list of " + {"a number": "numbers", "text in quotes": "texts"}.get(
                _right(item), "numbers or rows"
            )
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)} values, each {_right(items[0])}"
        case _:
            return "a table of settings"


def _lists_last(info: inspect.Type) -> bool:
    return isinstance(info, inspect.VarTupleType)


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    low = f"above {info.gt:g}" if info.gt is not None else f"at least {info.ge:g}" if info.ge is not None else ""
    high = f"below {info.lt:g}" if info.lt is not None else f"at most {info.le}" if info.le is not None else ""
    bounds = " and ".join(filter(None, (low, high)))
    return f" of {bounds}" if bounds.startswith("at ") else f" {bounds}" if bounds else ""


def _shown(value: object) -> str:
    return printable(_as_toml(value), 60)


def _as_toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(map(_as_toml, value)) + "]"
        case Mapping():
            return "{" + ", ".join(f"{key} = {_as_toml(inner)}" for key, inner in value.items()) + "}"
        case _:
            return str(value)
