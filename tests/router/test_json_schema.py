"""What a JSON document has to fit, by its schema."""

from __future__ import annotations

import pytest
from banstorm.router.json_schema import DEPTH_MAX, STEPS_MAX, mismatch

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "boss": {"$ref": "#/$defs/boss"},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
    "$defs": {"boss": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
}


@pytest.mark.parametrize(
    ("value", "schema", "wrong"),
    [
        ({"name": "x", "age": 3}, PERSON, ""),
        ({"name": "x", "age": 3.0}, PERSON, ""),
        ({"name": "x", "age": 3, "tags": ["a", "b"], "boss": None}, PERSON, ""),
        ({"name": "x", "age": 3, "boss": {"name": "y", "age": 4}}, PERSON, ""),
        ({"name": "x"}, PERSON, "$.age is missing"),
        ([], PERSON, "$ is no object"),
        ({"name": "x", "age": "3"}, PERSON, "$.age is no integer"),
        ({"name": "x", "age": True}, PERSON, "$.age is no integer"),
        ({"name": "x", "age": 3.5}, PERSON, "$.age is no integer"),
        ({"name": "x", "age": -1}, PERSON, "$.age is below its minimum"),
        ({"name": "x", "age": 151}, PERSON, "$.age is above its maximum"),
        ({"name": "", "age": 3}, PERSON, "$.name is shorter than its minLength"),
        ({"name": "x", "age": 3, "more": 1}, PERSON, "$.more is not allowed"),
        ({"name": "x", "age": 3, "tags": ["c"]}, PERSON, "$.tags[0] is none of its enum"),
        ({"name": "x", "age": 3, "tags": ["a", "a", "a"]}, PERSON, "$.tags is longer than its maxItems"),
        ({"name": "x", "age": 3, "boss": {"name": "y"}}, PERSON, "$.boss fits none of anyOf"),
        (1, {"const": True}, "$ is not the constant that is asked for"),
        ("x", {"type": ["null", "number"]}, "$ is no null or number"),
        (None, {"type": ["null", "number"]}, ""),
        (5, {"allOf": [{"type": "integer"}, {"minimum": 6}]}, "$ is below its minimum"),
        ([1, "x"], {"prefixItems": [{"type": "integer"}, {"type": "integer"}]}, "$[1] is no integer"),
        # What isn't understood permits everything
        ({"a": 1}, None, ""),
        ({"a": 1}, {"type": "something new"}, ""),
        ({"a": 1}, {"$ref": "https://example.org/schema"}, ""),
        ({"a": 1}, {"$ref": "#/nowhere"}, ""),
        ("x", {"pattern": "y", "format": "email", "minimum": 3}, ""),
        ({"x-1": 1}, {"patternProperties": {"^x-": {}}, "additionalProperties": False}, ""),
        ("x", {"oneOf": [{"type": "string"}, {}]}, ""),
    ],
)
def test_schemas(value, schema, wrong):
    """A mismatch names its place; a rule that isn't known refuses nothing."""
    assert wrong == mismatch(value, schema)


def test_endless_schemas_end():
    """A schema that refers to itself for ever, or a huge document, is looked at for a bounded time only."""
    assert "" == mismatch(1, {"$ref": "#"})
    deep: list = []
    for _ in range(3 * DEPTH_MAX):
        deep = [deep]
    assert "" == mismatch(deep, {"items": {"$ref": "#"}})
    assert "" == mismatch([*range(STEPS_MAX + 10), "x"], {"items": {"type": "integer"}})
