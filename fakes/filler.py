"""Fill a JSON schema: a deterministic document that satisfies it, with a given text in one of its strings.

Covers what structured output and tools use: objects, arrays, enums, constants, unions, `allOf`, references, bounds,
lengths, formats and the usual patterns. `not`, `if` and `dependent…` are ignored. Schemas come from callers, so depth,
size and lengths are bounded; past a bound the document is the least that the bound allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from .pattern import sample

DEPTH_MAX: Final = 24
"""Levels of nesting that are filled."""
DEPTH_OPTIONAL: Final = 4
"""Level from which properties that are not required, and items nobody asked for, are left out."""
VALUES_MAX: Final = 2000
"""Values in one document."""
ITEMS_MAX: Final = 64
"""Items in one array."""
LENGTH_MAX: Final = 10_000
"""Letters in a string that a minimum length makes long."""
REFERENCES_MAX: Final = 16
"""References followed one after another."""

_FORMATS: Final = {
    "date-time": "2026-01-04T12:00:00Z",
    "date": "2026-01-04",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "6f1c7d8e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
    "uri": "https://example.com/",
}
_BY_KEYWORD: Final = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "format": "string",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
}
_PLAIN: Final = "sample"


def fill(schema: Mapping[str, Any], text: str, whole: Mapping[str, Any] | None) -> Any:
    """A document that satisfies `schema`, with `text` in one string of it.

    `text` goes to the first free string (no enum, format or pattern, and long enough) that a property `answer` holds,
    else to the first free string there is. `whole`, if given, stands where the schema has exactly the properties
    `answer` and `length`, or any object at all.
    """
    for answer_only in (True, False):
        filler = _Filler(schema, text, whole, answer_only=answer_only)
        document = filler.value(schema, 0, 0)
        if filler.placed:
            break
    return document


def holds_answer(schema: Mapping[str, Any]) -> bool:
    """Whether a schema's properties are exactly an `answer` string and a `length` integer."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or properties.keys() != {"answer", "length"}:
        return False
    answer, length = properties["answer"], properties["length"]
    return (
        isinstance(answer, dict)
        and isinstance(length, dict)
        and answer.get("type") == "string"
        and length.get("type") in ("integer", "number")
    )


class _Filler:
    def __init__(self, root: Any, text: str, whole: Mapping[str, Any] | None, *, answer_only: bool) -> None:
        self._root = root
        self._text = text
        self._whole = whole
        self._answer_only = answer_only
        self._values = 0
        self.placed = False

    def value(self, schema: Any, depth: int, turn: int, name: str = "") -> Any:
        """A value for `schema`; `turn` counts siblings that must differ from one another."""
        self._values += 1
        node = self._resolve(schema, depth)
        if "const" in node:
            return node["const"]
        choices = node.get("enum")
        if isinstance(choices, list) and choices:
            return choices[turn % len(choices)]
        kind = self._kind(node, depth)
        if kind == "object":
            return self._object(node, depth)
        if kind == "array":
            return self._array(node, depth)
        if kind == "string":
            return self._string(node, turn, name)
        if kind in ("integer", "number"):
            return _number(node, turn, whole=kind == "integer")
        return True if kind == "boolean" else None

    def _kind(self, node: Mapping[str, Any], depth: int) -> str:
        kind = node.get("type")
        if isinstance(kind, list):
            named = [one for one in kind if isinstance(one, str)]
            if depth >= DEPTH_OPTIONAL and "null" in named:
                return "null"
            kind = next((one for one in named if one != "null"), "null")
        if isinstance(kind, str):
            return kind
        guessed = next((kind for keyword, kind in _BY_KEYWORD.items() if keyword in node), None)
        return guessed or ("object" if depth == 0 else "string")

    def _object(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = node.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        rest = node.get("additionalProperties", True)
        if self._whole is not None and not self.placed:
            anything = not properties and rest is True and not node.get("required")
            if holds_answer(node) or (anything and (depth == 0 or not self._answer_only)):
                self.placed = True
                return dict(self._whole)
        required = [key for key in _list(node.get("required")) if isinstance(key, str)][:VALUES_MAX]
        lean = depth >= DEPTH_OPTIONAL or "maxProperties" in node or self._values > VALUES_MAX // 2
        keys = [key for key in properties if not lean or key in required]
        keys += [key for key in required if key not in properties]
        missing = min(_count(node.get("minProperties"), 0), ITEMS_MAX) - len(keys)
        if rest is not False:
            if not keys and not lean:
                missing = max(missing, 1)
            keys += [key for key in ("answer", *(f"key_{place}" for place in range(missing))) if key not in keys][
                : max(0, missing)
            ]
        if depth >= DEPTH_MAX or self._values > VALUES_MAX:
            return {}
        # the answer first, so that no other string takes its text; then everything in the schema's own order
        first = (
            {"answer": self.value(self._schema_of("answer", properties, rest), depth + 1, 0, "answer")}
            if ("answer" in keys)
            else {}
        )
        return {
            key: first[key] if key in first else self.value(self._schema_of(key, properties, rest), depth + 1, 0, key)
            for key in keys
        }

    @staticmethod
    def _schema_of(key: str, properties: Mapping[str, Any], rest: Any) -> Any:
        if key in properties:
            return properties[key]
        return rest if isinstance(rest, dict) and rest else {"type": "string"}

    def _array(self, node: Mapping[str, Any], depth: int) -> list[Any]:
        if depth >= DEPTH_MAX or self._values > VALUES_MAX:
            return []
        prefix = _list(node.get("prefixItems"))[:ITEMS_MAX]
        least = _count(node.get("minItems"), 0)
        wanted = max(least, len(prefix), 0 if depth >= DEPTH_OPTIONAL else 1)
        most = _count(node.get("maxItems"), ITEMS_MAX)
        items = node.get("items", True)
        if items is False:
            most = min(most, len(prefix))
        wanted = min(wanted, most, ITEMS_MAX)
        unique = node.get("uniqueItems") is True
        return [
            self.value(prefix[place] if place < len(prefix) else items, depth + 1, place if unique else 0)
            for place in range(wanted)
        ]

    def _string(self, node: Mapping[str, Any], turn: int, name: str) -> str:
        shape, pattern = node.get("format"), node.get("pattern")
        if isinstance(shape, str) and shape in _FORMATS:
            return _FORMATS[shape]
        least = min(_count(node.get("minLength"), 0), LENGTH_MAX)
        most = _count(node.get("maxLength"), LENGTH_MAX)
        if isinstance(pattern, str):
            return sample(pattern, least) or _PLAIN
        if not self.placed and least <= len(self._text) <= max(most, 0) and (name == "answer" or not self._answer_only):
            self.placed = True
            return self._text
        plain = _PLAIN if turn == 0 else f"{_PLAIN}-{turn}"
        if len(plain) > most:
            plain = str(turn)[-most:] if most else ""
        return plain.ljust(least, "x")

    def _resolve(self, schema: Any, depth: int) -> dict[str, Any]:
        """`schema` with references followed, `allOf` merged, and one branch of a union chosen."""
        node = schema if isinstance(schema, dict) else {}
        for _ in range(REFERENCES_MAX):
            if "$ref" in node:
                siblings = {key: value for key, value in node.items() if key != "$ref"}
                node = _merge(self._lookup(node["$ref"]), siblings)
            elif isinstance(node.get("allOf"), list):
                parts = node["allOf"][:REFERENCES_MAX]
                node = {key: value for key, value in node.items() if key != "allOf"}
                for part in parts:
                    node = _merge(node, part)
            elif (
                union := next((key for key in ("anyOf", "oneOf") if isinstance(node.get(key), list)), None)
            ) is not None:
                branches = [branch for branch in node[union] if isinstance(branch, dict)]
                node = {key: value for key, value in node.items() if key != union}
                node = _merge(node, _choose(branches, depth))
            else:
                break
        return node

    def _lookup(self, reference: Any) -> Any:
        """The part of the root that a reference such as ``#/$defs/item`` names."""
        node = self._root
        if not isinstance(reference, str) or not reference.startswith("#"):
            return {}
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, dict) else None
        return node


def _choose(branches: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    null = next((branch for branch in branches if branch.get("type") == "null"), None)
    if depth >= DEPTH_OPTIONAL and null is not None:
        return null
    return next((branch for branch in branches if branch.get("type") != "null"), null or {})


def _merge(node: Any, other: Any) -> dict[str, Any]:
    """Both schemas at once, as far as one schema can say it."""
    first = node if isinstance(node, dict) else {}
    second = other if isinstance(other, dict) else {}
    merged = {**first, **second}
    for key in ("properties", "$defs"):
        if isinstance(first.get(key), dict) and isinstance(second.get(key), dict):
            merged[key] = {**first[key], **second[key]}
    if isinstance(first.get("required"), list) and isinstance(second.get("required"), list):
        merged["required"] = first["required"] + second["required"]
    for key, narrower in (
        ("minimum", max),
        ("minLength", max),
        ("minItems", max),
        ("maximum", min),
        ("maxLength", min),
    ):
        if isinstance(first.get(key), int | float) and isinstance(second.get(key), int | float):
            merged[key] = narrower(first[key], second[key])
    return merged


def _number(node: Mapping[str, Any], turn: int, *, whole: bool) -> float:
    """A number within the bounds, the one nearest above the lower bound (or 1), `turn` steps on."""
    step = _finite(node.get("multipleOf")) or 1.0
    step = abs(step) if not whole else float(max(1, math.ceil(abs(step))))
    low, high = _finite(node.get("minimum")), _finite(node.get("maximum"))
    above, below = _finite(node.get("exclusiveMinimum")), _finite(node.get("exclusiveMaximum"))
    start = 1.0 if low is None and above is None else max(low if low is not None else -math.inf, -math.inf)
    if above is not None and start <= above:
        start = above
    if (high is not None and start > high) or (below is not None and start >= below):
        start = min(value for value in (high, below) if value is not None) - (step if below is not None else 0.0)
    exact = "multipleOf" in node or whole
    value = math.ceil(start / step) * step if exact else start
    if above is not None and value <= above:
        room = below if below is not None else high
        value = value + step if exact or room is None else (above + room) / 2
    if exact and ((high is not None and value > high) or (below is not None and value >= below)):
        value -= step  # no multiple fits, or the upper bound was the only one
    value += turn * step
    return int(value) if whole or (value == int(value) and "multipleOf" not in node) else value


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)


def _count(value: Any, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return default
    return int(min(value, LENGTH_MAX))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
