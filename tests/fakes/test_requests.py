from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, Mark, Shape
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, RequestRefused

OPENAI = {"authorization": "Bearer sk-proj-x"}
ANTHROPIC = {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}
CHAT = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
USER = {"role": "user", "content": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def openai(body: Any, headers: dict[str, str] = OPENAI) -> Ask:
    """Read a chat completions request."""
    return find("openai").read("POST", CHAT["openai"], headers, orjson.dumps(body))


def anthropic(body: Any, headers: dict[str, str] = ANTHROPIC) -> Ask:
    """Read a messages request."""
    return find("anthropic").read("POST", CHAT["anthropic"], headers, orjson.dumps({"max_tokens": 9, **body}))


def test_openai_reads_the_last_user_content() -> None:
    """The mark is taken from the last user content, whatever parts it has and whatever tools said after it."""
    text = MARK.render()
    ask = openai(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": Mark("7f3a9c", 1, Shape.TEXT, 1).render()}]},
                {"role": "user", "content": "an earlier question"},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:,"}},
                        {"type": "text", "text": "look: "},
                        {"type": "text", "text": text},
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "result"},
            ],
        }
    )
    assert (ask.mark, ask.text) == (MARK, f"look: \n{text}")
    assert (ask.after_tool_result, ask.first_turn) == (True, False)


def test_anthropic_reads_the_last_user_content() -> None:
    """The mark is taken from the last user content; a turn that only brings a tool's result leaves it standing."""
    text = MARK.render()
    ask = anthropic(
        {
            "model": "m",
            "system": [{"type": "text", "text": Mark("7f3a9c", 1, Shape.TEXT, 1).render()}],
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {}}, {"type": "text", "text": text}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "result"}]},
            ],
        }
    )
    assert (ask.mark, ask.text) == (MARK, text)
    assert (ask.after_tool_result, ask.first_turn) == (True, False)


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "any"),
        ({"type": "function", "function": {"name": "f"}}, "tool:f"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}}, "auto"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}}, "tool:f"),
    ],
)
def test_openai_tool_choice(choice: Any, read: str) -> None:
    """Every form of OpenAI's `tool_choice` is understood."""
    ask = openai({"model": "m", "messages": [USER], "tools": [TOOL], "tool_choice": choice})
    assert ask.tool_choice == read
    assert [tool.name for tool in ask.tools] == ["f"]


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, "auto"),
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "any", "disable_parallel_tool_use": True}, "any"),
        ({"type": "tool", "name": "f"}, "tool:f"),
    ],
)
def test_anthropic_tool_choice(choice: Any, read: str) -> None:
    """Every form of Anthropic's `tool_choice` is understood."""
    tools = [{"name": "f", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "web_search"}]
    ask = anthropic({"model": "m", "messages": [USER], "tools": tools, "tool_choice": choice})
    assert ask.tool_choice == read
    assert [tool.name for tool in ask.tools] == ["f"]


@pytest.mark.parametrize(
    ("field", "value", "schema"),
    [
        ("response_format", {"type": "text"}, None),
        ("response_format", {"type": "json_object"}, {"type": "object"}),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "a", "schema": ANSWER_SCHEMA}},
            ANSWER_SCHEMA,
        ),
        ("max_tokens", 5, None),
    ],
)
def test_openai_formats(field: str, value: Any, schema: Any) -> None:
    """`response_format` says which schema the answer has to satisfy."""
    assert openai({"model": "m", "messages": [USER], field: value}).schema == schema


@pytest.mark.parametrize(
    "form",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}, "effort": "low"}},
        {"output_format": {"type": "json_schema", "schema": ANSWER_SCHEMA}},
    ],
)
def test_anthropic_formats(form: Any) -> None:
    """The answer's schema stands in `output_config`, or where the older beta had it."""
    assert anthropic({"model": "m", "messages": [USER], **form}).schema == ANSWER_SCHEMA


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({}, None),
    ],
)
def test_openai_max_tokens(given: dict[str, int], read: int | None) -> None:
    """Both names of the limit are honoured, the newer one first."""
    assert openai({"model": "m", "messages": [USER], **given}).max_tokens == read


def refusal(name: str, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and error object that a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        find(name).read(method, path, headers, body)
    reply = caught.value.reply
    assert dict(reply.headers)["content-length"] == str(len(reply.body))
    return reply.status, orjson.loads(reply.body)["error"]


CHAT_OK = {"model": "m", "messages": [USER]}


@pytest.mark.parametrize(
    ("change", "param", "code", "says"),
    [
        ({"model": None}, None, None, "you must provide a model parameter"),
        ({"messages": None}, "messages", "invalid_type", "got null"),
        ({"messages": "hi"}, "messages", "invalid_type", "expected an array of objects, but got a string"),
        ({"messages": []}, "messages", "empty_array", "empty array"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type", "expected an object"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter", "role"),
        ({"messages": [{"role": "bot", "content": "hi"}]}, "messages[0].role", "invalid_value", "'bot'"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "invalid_type", "an integer"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type", "null"),
        ({"max_tokens": "9"}, "max_tokens", "invalid_type", "a string"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", "got 0"),
        ({"stream": 1}, "stream", "invalid_type", "a boolean"),
        ({"stream_options": {}}, "stream_options", None, "only allowed when 'stream' is enabled"),
        ({"tool_choice": "required"}, "tool_choice", None, "only allowed when 'tools' are specified"),
        ({"tools": [TOOL], "tool_choice": "x"}, "tool_choice", "invalid_value", "'x'"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            None,
            "Tool choice 'g' not found",
        ),
        ({"tools": [{}]}, "tools[0].type", "invalid_value", "'function'"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value", "'xml'"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
            "Missing",
        ),
    ],
)
def test_openai_refuses(change: Any, param: str | None, code: str | None, says: str) -> None:
    """What OpenAI's validation refuses is refused with its status, parameter, code and words."""
    status, error = refusal("openai", "POST", CHAT["openai"], OPENAI, orjson.dumps({**CHAT_OK, **change}))
    assert (status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code)
    assert says in error["message"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": 3}, "model: Input should be a valid string"),
        ({"messages": "hi"}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [USER, 1]}, "messages.1: Input should be a valid dictionary"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: must be greater than or equal to 1"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: may only be specified while providing tools"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type: Input should be 'json_schema'"),
    ],
)
def test_anthropic_refuses(change: Any, says: str) -> None:
    """What Anthropic's validation refuses is refused with its status, type and words."""
    body = {"max_tokens": 9, **CHAT_OK, **change}
    status, error = refusal("anthropic", "POST", CHAT["anthropic"], ANTHROPIC, orjson.dumps(body))
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert says in error["message"]


@pytest.mark.parametrize("field", ["model", "messages", "max_tokens"])
def test_anthropic_required_fields(field: str) -> None:
    """Each required field is named when it is missing."""
    body = {key: value for key, value in {"max_tokens": 9, **CHAT_OK}.items() if key != field}
    _, error = refusal("anthropic", "POST", CHAT["anthropic"], ANTHROPIC, orjson.dumps(body))
    assert error["message"] == f"{field}: Field required"


@pytest.mark.parametrize(
    ("name", "method", "path", "headers", "status", "says"),
    [
        ("openai", "POST", "/v1/nothing", OPENAI, 404, "Invalid URL (POST /v1/nothing)"),
        ("openai", "GET", "/v1/chat/completions", OPENAI, 405, "Not allowed to GET"),
        ("openai", "POST", "/v1/chat/completions", {}, 401, "You didn't provide an API key"),
        ("openai", "POST", "/v1/chat/completions", {"authorization": "Bearer "}, 401, "You didn't provide an API key"),
        ("openai", "GET", "/v1/models/", OPENAI, 404, "Invalid URL"),
        ("anthropic", "POST", "/v1/nothing", ANTHROPIC, 404, "Not found"),
        ("anthropic", "GET", "/v1/messages", ANTHROPIC, 405, "Method Not Allowed"),
        ("anthropic", "POST", "/v1/messages", {"anthropic-version": "2023-06-01"}, 401, "x-api-key header is required"),
        ("anthropic", "POST", "/v1/messages", {"x-api-key": "x"}, 400, "anthropic-version: header is required"),
        ("anthropic", "POST", "/v1/messages", {**ANTHROPIC, "anthropic-version": "1"}, 400, "not a valid version"),
    ],
)
def test_refused_before_the_body(
    name: str, method: str, path: str, headers: dict[str, str], status: int, says: str
) -> None:
    """Unknown paths, wrong methods, missing credentials and versions are refused as the vendor does."""
    given, error = refusal(name, method, path, headers, b"not looked at")
    assert given == status
    assert says in error["message"]


@pytest.mark.parametrize("sampling", ["temperature", "top_p", "top_k"])
def test_sampling_parameters(sampling: str) -> None:
    """Anthropic's version 2026-10-21 refuses sampling parameters even at their default; 2023-06-01 takes them."""
    body = {**CHAT_OK, "max_tokens": 9, sampling: 1}
    assert anthropic(body).model == "m"
    newer = {"authorization": "Bearer sk-ant-api03-x", "anthropic-version": "2026-10-21"}
    _, error = refusal("anthropic", "POST", CHAT["anthropic"], newer, orjson.dumps(body))
    assert error["message"].startswith(sampling)
    assert anthropic(CHAT_OK, newer).model == "m"


@pytest.mark.parametrize(
    ("name", "headers", "credential"),
    [
        ("openai", {"authorization": "Bearer sk-1"}, "sk-1"),
        ("openai", {"authorization": "bearer  sk-1 "}, "sk-1"),
        ("openai", {"authorization": "Basic sk-1"}, None),
        ("openai", {}, None),
        ("anthropic", {"x-api-key": "sk-ant-1"}, "sk-ant-1"),
        ("anthropic", {"authorization": "Bearer sk-ant-oat01-1"}, "sk-ant-oat01-1"),
        ("anthropic", {"x-api-key": "", "authorization": "Bearer sk-ant-oat01-1"}, "sk-ant-oat01-1"),
        ("anthropic", {"x-api-key": " "}, None),
    ],
)
def test_credential(name: str, headers: dict[str, str], credential: str | None) -> None:
    """The credential is found in whichever header the vendor takes it."""
    assert find(name).credential(headers, CHAT[name]) == credential
