"""Every dialect against its vendor's stand-in: the same question gets the same answer, whoever is asked.

The stand-ins are those of `banstorm.fakes`, which share no code with the router and refuse what the vendor refuses;
without that package (the router copied out by itself) these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from banstorm.router import LLMRequest
from banstorm.router.providers import provider_class

pytest.importorskip("banstorm.fakes")

from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import Servers, serve

DIALECTS = ["anthropic", "azure", "bedrock", "gemini", "groq", "mistral", "openai", "openrouter"]
MODELS = {"anthropic": "claude-sonnet-5", "azure": "gpt-5.4-mini"}
TOOL = {"type": "function", "function": {"name": TOOL_NAME, "description": "Record it.", "parameters": ANSWER_SCHEMA}}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA}}
PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CASES = [(dialect, stream) for dialect in DIALECTS for stream in (False, True)]
each = pytest.mark.parametrize(("dialect", "stream"), CASES)


class Asked:
    """What a provider said, put together again if it came in pieces."""

    def __init__(self) -> None:
        self.text, self.arguments, self.finish = "", "", ""
        self.names: list[str] = []
        self.ids: list[str] = []
        self.usage: dict[str, Any] = {}
        self.notes: list[str] = []

    def piece(self, said: dict[str, Any], finish: str | None) -> None:
        """Add a message or a delta."""
        self.text += said.get("content") or ""
        for call in said.get("tool_calls") or ():
            self.arguments += call["function"].get("arguments", "")
            if call["function"].get("name"):
                self.names.append(call["function"]["name"])
                self.ids.append(call["id"])
        self.finish = finish or self.finish


@pytest.fixture
async def fakes() -> AsyncIterator[Servers]:
    """All the stand-ins."""
    prices = PriceTable.load()
    apps = {
        name: create_app(name, find(name), Pace(), run_seed=1, bill=lambda _: None, prices=prices) for name in DIALECTS
    }
    servers = await serve({name: (app, 0) for name, app in apps.items()})
    yield servers
    await servers.stop()


async def ask(servers: Servers, dialect: str, *, stream: bool, **chat: Any) -> Asked:
    """Ask a vendor's stand-in through the dialect's provider."""
    made = find(dialect)
    base = "" if dialect == "azure" else made.base_path
    base = "" if dialect == "gemini" else base
    provider = provider_class(dialect)(
        made.key_example, f"http://127.0.0.1:{servers.ports[dialect]}{base}", MODELS.get(dialect), options={}
    )
    request = LLMRequest.from_chat({"model": "any", **chat})
    asked = Asked()
    try:
        if stream:
            async for chunks in provider.stream(request):
                for chunk in chunks:
                    asked.notes += chunk.pop("adapted", [])
                    asked.usage = chunk.get("usage") or asked.usage
                    for choice in chunk["choices"]:
                        asked.piece(choice["delta"], choice["finish_reason"])
        else:
            response = await provider.generate(request)
            asked.piece(response.body["choices"][0]["message"], response.finish_reason)
            asked.usage, asked.notes = response.body["usage"], list(response.notes)
    finally:
        await provider.aclose()
    return asked


def question(shape: str = "text", words: int = 6) -> tuple[Mark, list[dict[str, Any]]]:
    """A marked question."""
    mark = Mark("7f3a9c", 12, Shape(shape), words)
    return mark, [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Say it. {mark.render()}"}]


@each
async def test_text(fakes, dialect, stream):
    """A text comes word for word, with its counts and a finish reason."""
    mark, messages = question()
    asked = await ask(fakes, dialect, stream=stream, messages=messages, max_tokens=100)
    assert (expected(mark, dialect), "stop") == (asked.text.strip(), asked.finish)
    assert 6 == asked.usage["completion_tokens"]
    assert asked.usage["prompt_tokens"] > 0
    assert asked.usage["total_tokens"] == asked.usage["prompt_tokens"] + 6


@each
async def test_a_document(fakes, dialect, stream):
    """An answer in the caller's JSON schema is a text that holds the document, however the vendor gave it."""
    mark, messages = question("json")
    asked = await ask(fakes, dialect, stream=stream, messages=messages, response_format=FORM, max_tokens=500)
    assert expected_object(mark, dialect) == json.loads(asked.text)
    assert ("stop", []) == (asked.finish, asked.names)


@each
async def test_a_tool(fakes, dialect, stream):
    """A forced tool is called with its arguments as JSON text, under an id."""
    mark, messages = question("tool")
    choice = {"type": "function", "function": {"name": TOOL_NAME}}
    asked = await ask(
        fakes, dialect, stream=stream, messages=messages, tools=[TOOL], tool_choice=choice, max_tokens=500
    )
    assert (TOOL_NAME, "tool_calls") == (asked.names[0], asked.finish)
    assert expected_object(mark, dialect) == json.loads(asked.arguments)
    assert all(asked.ids)


@each
async def test_a_tool_that_has_to_be_called(fakes, dialect, stream):
    """`required` reaches each vendor in its own word."""
    mark, messages = question("tool")
    asked = await ask(
        fakes, dialect, stream=stream, messages=messages, tools=[TOOL], tool_choice="required", max_tokens=500
    )
    assert expected_object(mark, dialect) == json.loads(asked.arguments)


@each
async def test_a_cut_answer(fakes, dialect, stream):
    """An answer that max_tokens cut says `length`."""
    mark, messages = question(words=20)
    asked = await ask(fakes, dialect, stream=stream, messages=messages, max_tokens=5)
    assert "length" == asked.finish
    assert expected(mark, dialect).startswith(asked.text.strip())
    assert 5 == asked.usage["completion_tokens"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_history_of_another_vendors(fakes, dialect):
    """A conversation with tool calls, their results and a picture, begun elsewhere, goes on at each vendor."""
    mark, _ = question()
    calls = [
        {
            "id": f"toolu_01{n}",
            "type": "function",
            "function": {"name": TOOL_NAME, "arguments": '{"answer":"a","length":1}'},
        }
        for n in range(2)
    ]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Do it."},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "toolu_010", "content": '{"ok": true}'},
        {"role": "tool", "tool_call_id": "toolu_011", "content": "done"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": f"And this? {mark.render()}"},
                {"type": "image_url", "image_url": {"url": PICTURE}},
            ],
        },
    ]
    asked = await ask(fakes, dialect, stream=False, messages=messages, tools=[TOOL], max_tokens=100)
    assert expected(mark, dialect) == asked.text.strip()


@pytest.mark.parametrize(
    ("dialect", "chat", "notes"),
    [
        ("anthropic", {"temperature": 1.5, "seed": 7, "max_tokens": 99}, {"temperature clamped to 1", "dropped seed"}),
        ("anthropic", {"max_tokens": None}, {"max_tokens set to 8192"}),
        ("bedrock", {"temperature": 1.5, "logit_bias": {"1": 1}}, {"temperature clamped to 1", "dropped logit_bias"}),
        ("mistral", {"temperature": 1.9, "user": "u"}, {"temperature clamped to 1.5", "dropped user"}),
        ("mistral", {"seed": 7}, set()),
        ("groq", {"logprobs": True}, {"dropped logprobs"}),
        ("gemini", {"logit_bias": {"1": 1}, "user": "u"}, {"dropped logit_bias", "dropped user"}),
        ("openai", {"temperature": 1.5, "seed": 7}, set()),
        (
            "anthropic",
            {"temperature": 0.5, "top_p": 0.9, "stop": ["\n"], "max_tokens": 99},
            {"dropped top_p: not taken beside temperature", "dropped stop sequences of blanks alone"},
        ),
        (
            "bedrock",
            {"temperature": 0.5, "top_p": 0.9, "stop": ["\n"]},
            {"dropped top_p: not taken beside temperature", "dropped stop sequences of blanks alone"},
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_changed_is_told(fakes, dialect, chat, notes, stream):
    """Parameters that the vendor has no word or no range for are adapted, and the answer says which; streams too."""
    mark, messages = question()
    asked = await ask(fakes, dialect, stream=stream, messages=messages, **chat)
    assert (expected(mark, dialect), notes) == (asked.text.strip(), set(asked.notes))
