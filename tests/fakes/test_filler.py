from __future__ import annotations

import json
import re
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA
from banstorm.fakes.filler import VALUES_MAX, fill, holds_answer
from banstorm.fakes.pattern import sample
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

TEXT = "~a ~b ~c"
WHOLE = {"answer": TEXT, "length": 3}


def valid(document: Any, schema: Any) -> bool:
    """Whether an independent validator accepts the document."""
    return not list(Draft202012Validator(schema).iter_errors(document))


STRING = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "the answer's own": ANSWER_SCHEMA,
    "any object": {"type": "object"},
    "any object, said at length": {"type": "object", "properties": {}, "additionalProperties": True},
    "wrapped": {"type": "object", "properties": {"values": ANSWER_SCHEMA}, "required": ["values"]},
    "answer stands last": {
        "type": "object",
        "properties": {"reasoning": STRING, "answer": STRING},
        "required": ["reasoning", "answer"],
    },
    "answer stands deep": {
        "type": "object",
        "properties": {
            "title": STRING,
            "result": {"type": "object", "properties": {"answer": STRING}, "required": ["answer"]},
        },
        "required": ["title", "result"],
    },
    "no answer": {"type": "object", "properties": {"n": {"type": "integer"}, "note": STRING}},
    "only in an array": {"type": "object", "properties": {"list": {"type": "array", "items": STRING}}},
    "nullable": {"type": "object", "properties": {"note": {"type": ["null", "string"]}}, "required": ["note"]},
    "union": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"note": STRING}}]},
    "reference": {
        "type": "object",
        "properties": {"item": {"$ref": "#/$defs/item"}},
        "$defs": {"item": {"type": "object", "properties": {"name": STRING}, "required": ["name"]}},
    },
    "allOf": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5}}, "required": ["a"]},
            {"properties": {"note": STRING}, "required": ["note"]},
        ]
    },
    "a map": {"type": "object", "additionalProperties": STRING, "minProperties": 2},
    "required but unnamed": {"type": "object", "required": ["note"]},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_text_is_placed_once(schema: Any) -> None:
    """The document satisfies the schema and carries the text exactly once."""
    document = fill(schema, TEXT, WHOLE)
    assert valid(document, schema)
    assert json.dumps(document).count(TEXT) == 1


def test_answer_is_preferred() -> None:
    """The text goes to a property called `answer` before any other string, at whatever depth."""
    assert fill(SCHEMAS["answer stands last"], TEXT, WHOLE)["answer"] == TEXT
    assert fill(SCHEMAS["answer stands deep"], TEXT, WHOLE)["result"]["answer"] == TEXT
    assert list(fill(SCHEMAS["answer stands last"], TEXT, WHOLE)) == ["reasoning", "answer"]


@pytest.mark.parametrize("name", ["the answer's own", "any object", "any object, said at length"])
def test_whole_object(name: str) -> None:
    """Where the answer's own object fits, it is the document."""
    assert fill(SCHEMAS[name], TEXT, WHOLE) == WHOLE


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        (ANSWER_SCHEMA, True),
        ({**ANSWER_SCHEMA, "title": "Answer", "additionalProperties": True}, True),
        ({"properties": {"answer": STRING}}, False),
        ({"properties": {"answer": {"type": "integer"}, "length": {"type": "integer"}}}, False),
        ({}, False),
    ],
)
def test_holds_answer(schema: Any, held: bool) -> None:  # noqa: FBT001 - a row of the table
    """A schema is the answer's when its two properties are, whatever a router added around them."""
    assert holds_answer(schema) is held


CONSTRAINED: list[Any] = [
    {"type": "integer", "minimum": 7},
    {"type": "integer", "maximum": -3},
    {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
    {"type": "integer", "minimum": 10, "multipleOf": 7},
    {"type": "integer", "minimum": 3.2, "maximum": 4.9},
    {"type": "number", "minimum": 0.25, "maximum": 0.5},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.01},
    {"type": "number", "multipleOf": 0.5, "minimum": 1.2},
    {"type": "string", "minLength": 30},
    {"type": "string", "maxLength": 3},
    {"type": "string", "maxLength": 0},
    {"type": "string", "format": "date-time"},
    {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"},
    {"type": "string", "enum": ["x", "y"]},
    {"const": {"deep": [1, None]}},
    {"enum": [3, "a", None]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "maxItems": 0},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False},
    {"type": "boolean"},
    {"type": "null"},
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"minimum": 2},
    {"items": {"type": "boolean"}},
    True,
    {},
]


@pytest.mark.parametrize("part", CONSTRAINED, ids=repr)
def test_constraints_hold(part: Any) -> None:
    """Each kind of constraint that schemas use is satisfied."""
    schema = {"type": "object", "properties": {"part": part}, "required": ["part"]}
    document = fill(schema, TEXT, None)
    assert valid(document, schema), document


def _schemas() -> st.SearchStrategy[Any]:
    numbers = st.integers(-50, 50)
    leaves = st.one_of(
        st.builds(
            lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more}, numbers, st.integers(0, 9)
        ),
        st.builds(
            lambda low, more: {"type": "number", "exclusiveMinimum": low, "maximum": low + 1 + more},
            numbers,
            numbers.map(abs),
        ),
        st.builds(
            lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
            st.integers(0, 20),
            st.integers(0, 20),
        ),
        st.just({"type": "boolean"}),
        st.just({"type": ["string", "null"]}),
        st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), min_size=1, max_size=4).map(
            lambda values: {"enum": values}
        ),
    )
    names = st.text("abcdefgh", min_size=1, max_size=4)

    def objects(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.dictionaries(names, parts, max_size=4).map(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
        )

    def grow(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        arrays = st.builds(
            lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
            parts,
            st.integers(0, 3),
            st.integers(0, 3),
        )
        unions = st.lists(parts, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches})
        return st.one_of(objects(parts), arrays, unions)

    return objects(st.recursive(leaves, grow, max_leaves=8))


@given(_schemas())
def test_any_satisfiable_schema_is_satisfied(schema: Any) -> None:
    """Whatever is nested in whatever: an independent validator accepts the document, and it is always the same one."""
    document = fill(schema, TEXT, WHOLE)
    assert valid(document, schema), document
    assert fill(schema, TEXT, WHOLE) == document


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=10,
)
KEYWORDS = [
    "type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "minimum",
    "maximum", "multipleOf", "exclusiveMinimum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems",
    "prefixItems", "additionalProperties", "minProperties", "maxProperties",
]  # fmt: skip
nonsense = st.recursive(
    json_values,
    lambda inner: st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=6),
    max_leaves=12,
)


@given(nonsense)
@settings(max_examples=300)
def test_nonsense_schemas_do_no_harm(schema: Any) -> None:
    """A schema that makes no sense gets some document, promptly."""
    fill(schema if isinstance(schema, dict) else {"properties": {"x": schema}}, TEXT, WHOLE)


BOMBS: dict[str, Any] = {
    "recursive": {
        "$ref": "#/$defs/n",
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
    },
    "recursive and required": {
        "$ref": "#/$defs/n",
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}, "required": ["next"]}},
    },
    "itself": {"$ref": "#"},
    "wide and deep": {
        "$ref": "#/$defs/n",
        "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 1000000}},
    },
    "long": {"type": "object", "properties": {"s": {"type": "string", "minLength": 10**12}}},
}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_stay_small(schema: Any) -> None:
    """A schema without an end, or with an absurd size, gets a document of bounded size."""
    assert len(json.dumps(fill(schema, TEXT, WHOLE))) < 64 * VALUES_MAX


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{4}$",
        r"^\d{3}-\d{2}-\d{4}$",
        r"^\+?[0-9]{10,15}$",
        r"^(draft|sent|paid)$",
        r"^#(?:[0-9a-fA-F]{3}){1,2}$",
        r"[^@\s]+@[^@\s]+\.[a-z]+",
        r"^(?P<year>\d{4})-(?P<month>\d{2})$",
        r"^v?\d+\.\d+(\.\d+)?$",
        r"^\w[\w .-]*$",
        r"^[^\d]$",
        r"",
    ],
)
def test_patterns(pattern: str) -> None:
    """The string built for a usual pattern is matched by it."""
    built = sample(pattern)
    assert built is not None
    assert re.search(pattern, built)


def test_pattern_with_length() -> None:
    """An open quantifier is stretched to the least length that is asked for."""
    built = sample(r"^[a-z]+-\d+$", 12)
    assert built is not None
    assert len(built) >= 12
    assert re.search(r"^[a-z]+-\d+$", built)


@pytest.mark.parametrize("pattern", [r"(?=x)", r"(a)\1", r"*", r"[a", r"(", r"a{99999}", r"a{2", "(" * 1000])
def test_patterns_not_understood(pattern: str) -> None:
    """What can't be built gives nothing, rather than something wrong or a search without an end."""
    assert sample(pattern) is None


@given(st.text(r"ab\d[](){}*+?|^$.-,0123", max_size=20))
def test_any_pattern_is_taken(pattern: str) -> None:
    """No text makes the builder fail."""
    sample(pattern)
