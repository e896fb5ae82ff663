"""Chat completions requests as Anthropic messages."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.router.errors import AttemptFailed, Meaning
from banstorm.router.from_anthropic import completion_from, finish_reason, usage_from
from banstorm.router.messages import LLMRequest
from banstorm.router.to_anthropic import JSON_TOOL, to_anthropic

USER = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
ANTHROPIC_TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}


def translate(version: str = "2023-06-01", **chat: Any) -> dict[str, Any]:
    """The translated body."""
    request = LLMRequest.from_chat({"messages": [USER], **chat})
    return to_anthropic(request, model="m", max_tokens=8192, version=version, stream=False)[0]


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ([USER], None, [("user", "hello")]),
        (
            [{"role": "system", "content": "be kind"}, {"role": "developer", "content": "be brief"}, USER],
            [{"type": "text", "text": "be kind"}, {"type": "text", "text": "be brief"}],
            [("user", "hello")],
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            None,
            [("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])],
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]}],
            None,
            [("user", [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}])],
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}],
            None,
            [("user", [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}])],
        ),
        (
            [
                USER,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
                {"role": "tool", "tool_call_id": "c2", "content": "two"},
                {"role": "user", "content": "and?"},
            ],
            None,
            [
                ("user", "hello"),
                (
                    "assistant",
                    [
                        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                        {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
                    ],
                ),
                (
                    "user",
                    [
                        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "one"}]},
                        {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "two"}]},
                        {"type": "text", "text": "and?"},
                    ],
                ),
            ],
        ),
        (
            [USER, {"role": "assistant", "content": ""}, {"role": "user", "content": "still there?"}],
            None,
            [("user", [{"type": "text", "text": "hello"}, {"type": "text", "text": "still there?"}])],
        ),
    ],
)
def test_messages(messages, system, turns):
    """Roles, parts, tool calls and tool results find their places; empty turns vanish, doubled ones merge."""
    body = translate(messages=messages)
    assert system == body.get("system")
    assert turns == [(turn["role"], turn["content"]) for turn in body["messages"]]


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ({}, {"max_tokens": 8192}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u7"}, {"metadata": {"user_id": "u7"}}),
        ({"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3, "top_p": None}),
        ({"temperature": None, "top_p": 0.9}, {"top_p": 0.9}),
        ({"top_k": 40}, {"top_k": 40}),
        ({"stop": ["\n\n", "END", " "]}, {"stop_sequences": ["END"]}),
        ({"stop": "\n"}, {"stop_sequences": None}),
        ({"temperature": 1.5}, {"temperature": 1.0}),
        ({"temperature": 0.3, "top_k": 4, "version": "2026-10-21"}, {"temperature": None, "top_k": None}),
        ({"tools": [TOOL]}, {"tools": [ANTHROPIC_TOOL], "tool_choice": None}),
        ({"tools": [TOOL], "tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tools": [TOOL], "tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "tool", "name": "f"}},
        ),
        (
            {"tools": [TOOL], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        ({"response_format": FORM}, {"tool_choice": {"type": "tool", "name": JSON_TOOL}}),
        ({"response_format": {"type": "text"}}, {"tool_choice": None, "tools": None}),
        ({"response_format": FORM, "tools": [TOOL]}, {"tool_choice": {"type": "any"}}),
    ],
)
def test_parameters(chat, expected):
    """Limits, sampling, stops, tools and JSON formats are put in Anthropic's words."""
    body = translate(**chat)
    assert expected == {name: body.get(name) for name in expected}


def test_schema_becomes_the_forced_tools_input():
    """A JSON schema is the input schema of the tool the model is made to call."""
    tool = translate(response_format=FORM)["tools"][0]
    assert (JSON_TOOL, SCHEMA) == (tool["name"], tool["input_schema"])


@pytest.mark.parametrize(
    "chat",
    [
        {"n": 2},
        {"tools": [{"type": "web_search"}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    ],
)
def test_what_cannot_be_said_is_unfit(chat):
    """What this API has no word for says nothing about the provider: another one is asked."""
    with pytest.raises(AttemptFailed) as caught:
        translate(**chat)
    assert Meaning.UNFIT == caught.value.failure.meaning


@pytest.mark.parametrize(
    ("stop", "calls", "finish"),
    [
        ("end_turn", False, "stop"),
        ("stop_sequence", False, "stop"),
        ("max_tokens", False, "length"),
        ("model_context_window_exceeded", False, "length"),
        ("tool_use", True, "tool_calls"),
        ("tool_use", False, "stop"),
        ("refusal", False, "content_filter"),
        ("pause_turn", False, "stop"),
        ("something_of_2027", False, "stop"),
        (None, False, "stop"),
    ],
)
def test_finish_reasons(stop, calls, finish):
    """Each stop reason has its finish reason; the JSON tool's call is an ordinary end."""
    assert finish == finish_reason(stop, calls=calls)


def test_usage_counts_cached_tokens_as_input():
    """OpenAI's prompt tokens include what was read from and written to the cache, Anthropic's don't."""
    usage = usage_from(
        {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7, "output_tokens": 3}
    )
    assert usage is not None
    assert (117, 3, 120, 100) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["total_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
    )
    assert usage_from(None) is None


def test_several_calls_and_text_in_one_answer():
    """Text and tool calls of one message come back together, in order."""
    message = {
        "id": "msg_1",
        "model": "m",
        "content": [
            {"type": "text", "text": "let me see"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
    }
    choice = completion_from(message, wants_json=False)["choices"][0]
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"]["tool_calls"]
    ]
    assert ("let me see", "tool_calls") == (choice["message"]["content"], choice["finish_reason"])
    assert [("t1", "f", '{"a":1}'), ("t2", "g", "{}")] == calls


@pytest.mark.parametrize(
    ("tool_choice", "names", "choice"),
    [
        ("auto", ["f", JSON_TOOL], {"type": "any"}),
        (None, ["f", JSON_TOOL], {"type": "any"}),
        ("none", ["f", JSON_TOOL], {"type": "tool", "name": JSON_TOOL}),
        ("required", ["f"], {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, ["f"], {"type": "tool", "name": "f"}),
    ],
)
def test_a_json_answer_overrides_no_choice_of_tools(tool_choice, names, choice):
    """A caller who demands a call or forbids it gets just that, whatever form the text of an answer would have."""
    body = translate(tools=[TOOL], tool_choice=tool_choice, response_format=FORM)
    assert names == [tool["name"] for tool in body["tools"]]
    assert choice == body["tool_choice"]
