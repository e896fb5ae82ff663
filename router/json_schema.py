"""JSON Schema, as far as vendors' structured outputs and tools' parameters use it.

What a keyword that isn't known here would say is left open: a router must never refuse an answer because of a rule that
it doesn't understand. So a mismatch is always a real one, and a match may not be the whole truth. Keywords as in JSON
Schema 2020-12 (json-schema.org).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

STEPS_MAX = 20_000
"""Values that are looked at; what lies beyond in a huge document is taken for good."""
DEPTH_MAX = 64
"""How deep a document or a chain of references is followed."""

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    # 3.0 is an integer in JSON Schema
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}


def mismatch(value: Any, schema: Any) -> str:
    """What is wrong with a value by a schema, with its place; empty if nothing is.

    Args:
        value: A parsed JSON document.
        schema: A schema; what is none permits everything.
    """
    return _Check(schema).look(value, schema, "$", 0)


class _Check:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def look(self, value: Any, schema: Any, at: str, depth: int) -> str:
        self._steps += 1
        if schema is False:
            return f"{at} is not allowed"
        if not isinstance(schema, dict) or depth > DEPTH_MAX or self._steps > STEPS_MAX:
            return ""
        target = self._target(schema.get("$ref"))
        return (
            (self.look(value, target, at, depth + 1) if target is not None else "")
            or _plain(value, schema, at)
            or self._object(value, schema, at, depth)
            or self._items(value, schema, at, depth)
            or self._combined(value, schema, at, depth)
        )

    def _target(self, reference: Any) -> Any:
        """What a reference within the document points to; None for any other."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        node = self._root
        for step in reference[1:].split("/")[1:]:
            if not isinstance(node, dict):
                return None
            node = node.get(step.replace("~1", "/").replace("~0", "~"))
        return node

    def _object(self, value: Any, schema: Mapping[str, Any], at: str, depth: int) -> str:
        if not isinstance(value, dict):
            return ""
        for name in _list(schema.get("required")):
            if isinstance(name, str) and name not in value:
                return f"{at}.{name} is missing"
        known = schema.get("properties")
        known = known if isinstance(known, dict) else {}
        rest = schema.get("additionalProperties", True)
        for name, member in value.items():
            if name not in known and "patternProperties" in schema:
                continue
            if found := self.look(member, known.get(name, rest), f"{at}.{name}", depth + 1):
                return found
        return ""

    def _items(self, value: Any, schema: Mapping[str, Any], at: str, depth: int) -> str:
        if not isinstance(value, list):
            return ""
        first = _list(schema.get("prefixItems"))
        each = schema.get("items", True)
        for place, member in enumerate(value):
            if self._steps > STEPS_MAX:
                break
            wanted = first[place] if place < len(first) else each
            if found := self.look(member, wanted, f"{at}[{place}]", depth + 1):
                return found
        return ""

    def _combined(self, value: Any, schema: Mapping[str, Any], at: str, depth: int) -> str:
        for part in _list(schema.get("allOf")):
            if found := self.look(value, part, at, depth + 1):
                return found
        for keyword in ("anyOf", "oneOf"):
            parts = _list(schema.get(keyword))
            # For `oneOf` one that fits is enough, too: that a second fits as well is no reason to refuse an answer.
            if parts and all(self.look(value, part, at, depth + 1) for part in parts):
                return f"{at} fits none of {keyword}"
        return ""


def _plain(value: Any, schema: Mapping[str, Any], at: str) -> str:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else _list(kinds)
    # A type that has no name here, as a vendor's own might, permits everything.
    if kinds and not any(_TYPES.get(str(kind), _anything)(value) for kind in kinds):
        return f"{at} is no {' or '.join(map(str, kinds))}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{at} is not the constant that is asked for"
    options = schema.get("enum")
    if isinstance(options, list) and not any(_same(value, option) for option in options):
        return f"{at} is none of its enum"
    return _bounds(value, schema, at)


_LENGTHS: tuple[tuple[type[str | list[Any] | dict[str, Any]], str, str], ...] = (
    (str, "minLength", "maxLength"),
    (list, "minItems", "maxItems"),
    (dict, "minProperties", "maxProperties"),
)


def _bounds(value: Any, schema: Mapping[str, Any], at: str) -> str:
    if _TYPES["number"](value):
        if _number(schema.get("minimum")) and value < schema["minimum"]:
            return f"{at} is below its minimum"
        if _number(schema.get("maximum")) and value > schema["maximum"]:
            return f"{at} is above its maximum"
        return ""
    for kind, least, most in _LENGTHS:
        if isinstance(value, kind):
            if _number(schema.get(least)) and len(value) < schema[least]:
                return f"{at} is shorter than its {least}"
            if _number(schema.get(most)) and len(value) > schema[most]:
                return f"{at} is longer than its {most}"
    return ""


def _number(value: Any) -> bool:
    return _TYPES["number"](value)


def _anything(_value: Any) -> bool:
    return True


def _same(one: Any, other: Any) -> bool:
    # In Python True equals 1, in JSON it doesn't.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
