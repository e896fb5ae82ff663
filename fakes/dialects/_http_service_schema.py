"""What of JSON Schema a service's requests are held against, and the first thing that is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ..canned_document import nearest

Place = tuple[str | int, ...]

WORDS: Final = frozenset(
    [
        *("type", "required", "properties", "additionalProperties", "enum", "const", "minimum", "maximum"),
        *("minLength", "maxLength", "pattern", "items", "minItems", "maxItems", "anyOf"),
    ]
)
"""Keywords that are checked."""
NOTES: Final = frozenset({"title", "description", "default", "examples", "format", "$schema"})
"""Keywords that say something to people alone."""
TYPES: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "string": lambda value: isinstance(value, str),
        "integer": lambda value: (
            not isinstance(value, bool)
            and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
        ),
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": lambda value: isinstance(value, bool),
        "null": lambda value: value is None,
    }
)
FOUND_CHARS_MAX: Final = 60
"""Letters of a wrong value that are repeated."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a value: "missing", "unknown" or "invalid", the field's path, and the problem in words."""

    variant: str
    field: str
    problem: str


class SchemaError(ValueError):
    """A schema can't be used; `place` is where in it, `advice` what to write."""

    def __init__(self, what: str, place: Place, advice: str) -> None:
        super().__init__(what)
        self.place = place
        self.advice = advice


def check_schema(schema: Any, place: Place = ()) -> None:
    """Hold a schema against what is understood here: a keyword that would be passed over is refused.

    Raises:
        SchemaError: when it has an unknown keyword, or one with a value that makes no sense.
    """
    if not isinstance(schema, dict):
        raise SchemaError("a schema is a mapping", place, "write it like {type: object, required: [amount]}")
    for word, value in schema.items():
        if word in NOTES:
            continue
        if word not in WORDS:
            raise SchemaError(f"unknown keyword {word!r}", (*place, word), nearest(word, WORDS))
        if expected := _expected(word, value):
            raise SchemaError(f"expected {expected}", (*place, word), "change the value")
    for key, inner in schema.get("properties", {}).items():
        check_schema(inner, (*place, "properties", key))
    if "items" in schema:
        check_schema(schema["items"], (*place, "items"))
    for index, inner in enumerate(schema.get("anyOf", ())):
        check_schema(inner, (*place, "anyOf", index))


def _expected(word: str, value: Any) -> str | None:
    """What should stand behind `word`, if `value` isn't that."""
    counts = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    match word:
        case "type":
            types = value if isinstance(value, list) and value else [value]
            return None if all(isinstance(each, str) and each in TYPES for each in types) else f"of {', '.join(TYPES)}"
        case "required":
            texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
            return None if texts else "a list of names"
        case "properties":
            return None if isinstance(value, dict) else "a mapping of names to schemas"
        case "enum" | "anyOf":
            return None if isinstance(value, list) and value else "a list with something in it"
        case "minimum" | "maximum":
            return None if TYPES["number"](value) else "a number"
        case "minLength" | "maxLength" | "minItems" | "maxItems":
            return None if counts else "a count"
        case "additionalProperties":
            return None if isinstance(value, bool) else "true or false"
        case "pattern":
            return None if _is_pattern(value) else "a regular expression"
    return None


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError):
        return False
    return True


def complaint(schema: Mapping[str, Any], value: Any, field: str = "") -> Complaint | None:
    """The first thing that is wrong with `value`, None if nothing is."""
    return next(_complaints(schema, value, field), None)


def _complaints(schema: Mapping[str, Any], value: Any, field: str) -> Iterator[Complaint]:
    types = schema.get("type")
    if types is not None and not any(TYPES[each](value) for each in _list(types)):
        yield Complaint("invalid", field, f"must be of type {' or '.join(_list(types))}, not {_shown(value)}")
        return
    if "enum" in schema and not any(same(value, each) for each in schema["enum"]):
        yield Complaint("invalid", field, f"must be one of {', '.join(map(_shown, schema['enum']))}")
    if "const" in schema and not same(value, schema["const"]):
        yield Complaint("invalid", field, f"must be {_shown(schema['const'])}")
    yield from _bounds(schema, value, field)
    if isinstance(value, dict):
        yield from _of_object(schema, value, field)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _complaints(schema["items"], item, f"{field}.{index}" if field else str(index))
    if "anyOf" in schema:
        firsts = [complaint(each, value, field) for each in schema["anyOf"]]
        if firsts and firsts[0] is not None and all(firsts):
            yield firsts[0]


def _of_object(schema: Mapping[str, Any], value: dict[str, Any], field: str) -> Iterator[Complaint]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield Complaint("missing", _inner(field, name), "is required")
    for name, inner in known.items():
        if name in value:
            yield from _complaints(inner, value[name], _inner(field, name))
    if schema.get("additionalProperties") is False:
        for name in value:
            if name not in known:
                yield Complaint("unknown", _inner(field, name), "is not known here")


def _bounds(schema: Mapping[str, Any], value: Any, field: str) -> Iterator[Complaint]:
    if TYPES["number"](value):
        low, high, size, unit = "minimum", "maximum", value, ""
    elif isinstance(value, str):
        low, high, size, unit = "minLength", "maxLength", len(value), " letters long"
    elif isinstance(value, list):
        low, high, size, unit = "minItems", "maxItems", len(value), " items long"
    else:
        return
    if low in schema and size < schema[low]:
        yield Complaint("invalid", field, f"must be at least {schema[low]}{unit}")
    if high in schema and size > schema[high]:
        yield Complaint("invalid", field, f"must be at most {schema[high]}{unit}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield Complaint("invalid", field, f"is not of the form {schema['pattern']}")


def same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _list(types: Any) -> list[str]:
    return types if isinstance(types, list) else [types]


def _inner(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, str):
        return repr(value if len(value) <= FOUND_CHARS_MAX else value[:FOUND_CHARS_MAX] + "…")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
