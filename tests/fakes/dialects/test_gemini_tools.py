"""Gemini: the functions and the form of answer that a request asks for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._gemini_schema import to_json_schema
from banstorm.fakes.dialects.base import Ask, Tool

GEMINI = find("gemini")
ASKED = {"role": "user", "parts": [{"text": "hi"}]}
DECLARED: Any = [{"functionDeclarations": [{"name": "f"}, {"name": "g", "parameters": {"type": "OBJECT"}}]}]


def ask_for(body: Any) -> Ask:
    """Read a request."""
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    return GEMINI.read("POST", path, {"x-goog-api-key": "AIzaSy-test"}, orjson.dumps(body))


@pytest.mark.parametrize(
    ("config", "choice", "names"),
    [
        (None, "auto", ["f", "g"]),
        ({}, "auto", ["f", "g"]),
        ({"mode": "AUTO"}, "auto", ["f", "g"]),
        ({"mode": "VALIDATED"}, "auto", ["f", "g"]),
        ({"mode": "NONE"}, "none", ["f", "g"]),
        ({"mode": "any"}, "any", ["f", "g"]),
        ({"mode": "ANY", "allowedFunctionNames": ["g"]}, "tool:g", ["f", "g"]),
        ({"mode": "ANY", "allowed_function_names": ["g", "f"]}, "any", ["f", "g"]),
    ],
)
def test_tool_choice(config: Any, choice: str, names: list[str]) -> None:
    """Every mode of calling functions is understood, and so is a narrower choice of them."""
    ask = ask_for({"contents": [ASKED], "tools": DECLARED, "toolConfig": {"functionCallingConfig": config}})
    assert ask.tool_choice == choice
    assert [tool.name for tool in ask.tools] == names


def test_allowed_functions_narrow_the_tools() -> None:
    """Of several functions, only those that are allowed may be called."""
    tools = [{"functionDeclarations": [{"name": name} for name in "abc"]}, {"googleSearch": {}}]
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["c", "b"]}}
    ask = ask_for({"contents": [ASKED], "tools": tools, "tool_config": config})
    assert [tool.name for tool in ask.tools] == ["b", "c"]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"parametersJsonSchema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
        (
            {"parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}},
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        ),
    ],
)
def test_function_parameters(function: Any, parameters: Any) -> None:
    """A function's arguments are described in the vendor's own form or as a JSON schema."""
    ask = ask_for({"contents": [ASKED], "tools": [{"function_declarations": [{"name": "f", **function}]}]})
    assert ask.tools == (Tool("f", parameters),)


@pytest.mark.parametrize(
    ("config", "schema"),
    [
        ({}, None),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseMimeType": "application/json"}, {"type": "object"}),
        ({"response_mime_type": "application/json", "responseJsonSchema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
        ({"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}}, {"type": "string"}),
    ],
)
def test_response_schema(config: Any, schema: Any) -> None:
    """The form of a JSON answer is asked for in the generation config."""
    assert ask_for({"contents": [ASKED], "generationConfig": config}).schema == schema


def test_schemas_are_translated() -> None:
    """Capital types, `nullable`, numbers in strings and the order of properties become a plain JSON schema."""
    given = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "ARRAY", "items": {"type": "STRING", "format": "date"}, "minItems": "2"},
            "a": {"anyOf": [{"type": "NUMBER", "nullable": True}, {"type": "STRING", "format": "enum", "enum": ["x"]}]},
        },
        "property_ordering": ["a", "z", "b"],
        "required": ["a"],
        "title": "ignored",
    }
    read = to_json_schema(given)
    assert read == {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": ["number", "null"]}, {"type": "string", "enum": ["x"]}]},
            "b": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 2},
        },
        "required": ["a"],
    }
    assert list(read["properties"]) == ["a", "b"]


def test_deep_schemas_end() -> None:
    """A schema that nests without end is read up to a limit."""
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(90):
        schema = {"type": "ARRAY", "items": schema}
    ask = ask_for({"contents": [ASKED], "generationConfig": {"responseSchema": schema}})
    assert orjson.dumps(ask.schema).count(b'"array"') < 40
