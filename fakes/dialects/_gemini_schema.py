"""Gemini's schemas, a dialect of OpenAPI's, as JSON schemas.

Types are in capitals, `nullable` stands beside the type, and lengths may come as strings
(ai.google.dev, "Structured output"; google-genai's `Schema`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ._gemini_complaints import field, integer

DEPTH_MAX: Final = 32
"""Levels of nesting that are read; what lies deeper may be anything."""

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_COUNTS: Final = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_AS_IT_IS: Final = ("enum", "pattern", "minimum", "maximum", "required", "description", "default")


def to_json_schema(schema: Any, depth: int = 0) -> dict[str, Any]:
    """The JSON schema that says the same as `schema`."""
    if not isinstance(schema, Mapping) or depth > DEPTH_MAX:
        return {}
    read = {name: schema[name] for name in _AS_IT_IS if schema.get(name) is not None}
    kind = str(schema.get("type", "")).lower()
    if kind in _TYPES:
        read["type"] = [kind, "null"] if schema.get("nullable") is True else kind
    if kind == "string" and schema.get("format") not in (None, "enum"):
        read["format"] = schema["format"]
    for name in _COUNTS:
        count = integer(field(schema, name), name)
        if count is not None:
            read[name] = count
    options = field(schema, "anyOf")
    if isinstance(options, list):
        read["anyOf"] = [to_json_schema(option, depth + 1) for option in options]
    if schema.get("items") is not None:
        read["items"] = to_json_schema(schema["items"], depth + 1)
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        order = field(schema, "propertyOrdering")
        first = [name for name in order if isinstance(name, str)] if isinstance(order, list) else []
        names = [*(name for name in dict.fromkeys(first) if name in properties), *properties]
        read["properties"] = {name: to_json_schema(properties[name], depth + 1) for name in dict.fromkeys(names)}
    return read
