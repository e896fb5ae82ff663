"""What a dialect has no word for never vanishes without a word."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.router.errors import AttemptFailed, Meaning
from banstorm.router.messages import LLMRequest
from banstorm.router.read_chat import KEY_CHARS_MAX, KEYS_MAX
from banstorm.router.to_anthropic import to_anthropic
from banstorm.router.to_bedrock import to_bedrock
from banstorm.router.to_gemini import to_gemini

USER = {"role": "user", "content": "hello"}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}


def anthropic(request: LLMRequest) -> tuple[dict[str, Any], Any]:
    """To Anthropic."""
    return to_anthropic(request, model="m", max_tokens=99, version="2023-06-01", stream=False)


def gemini(request: LLMRequest) -> tuple[dict[str, Any], Any]:
    """To Gemini."""
    return to_gemini(request)


def claude(request: LLMRequest) -> tuple[dict[str, Any], Any]:
    """To one of Anthropic's models at Bedrock."""
    return to_bedrock(request, model="us.anthropic.claude-sonnet-4-5-20250929-v1:0")


def nova(request: LLMRequest) -> tuple[dict[str, Any], Any]:
    """To one of Amazon's own models at Bedrock."""
    return to_bedrock(request, model="amazon.nova-pro-v1:0")


ALL = [anthropic, gemini, claude]
each = pytest.mark.parametrize("translate", ALL)


def notes(translate: Any, **chat: Any) -> set[str]:
    """What a translation tells."""
    return set(translate(LLMRequest.from_chat({"messages": [USER], "max_tokens": 9, **chat}))[1])


@each
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reasoning_effort", "high"),
        ("verbosity", "low"),
        ("web_search_options", {}),
        ("prediction", {"type": "content", "content": "x"}),
        ("service_tier", "flex"),
        ("store", True),
        ("logit_bias", {"1": 1}),
        ("min_p", 0),
        ("something_of_2027", False),
    ],
)
def test_every_key_that_is_not_read_is_told(translate, name, value):
    """A key that the other API has no word for is in the notes, whether or not it was known when this was written."""
    assert {f"dropped {name}"} == notes(translate, **{name: value})


@each
def test_what_carries_no_wish_is_not(translate):
    """Nulls, defaults and keys about the call itself aren't worth a note."""
    quiet = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 1,
        "logprobs": False,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "parallel_tool_calls": True,
        "service_tier": "auto",
        "logit_bias": {},
        "reasoning_effort": None,
        "seed": None,
        "functions": [],
        "response_format": {"type": "text"},
    }
    assert set() == notes(translate, **quiet)


def test_a_seed_of_nought_is_a_seed():
    """A value that is false in Python may be a wish all the same."""
    assert {"dropped seed"} == notes(anthropic, seed=0)


def test_top_k_goes_where_it_is_known():
    """Anthropic and Gemini have the parameter, Converse hasn't."""
    request = LLMRequest.from_chat({"messages": [USER], "top_k": 40})
    assert (40, 40) == (anthropic(request)[0]["top_k"], gemini(request)[0]["generationConfig"]["topK"])
    assert ["dropped top_k"] == claude(request)[1]


@pytest.mark.parametrize(
    ("translate", "top_p", "stops"),
    [(gemini, 0.9, ["\n", "END"]), (nova, 0.9, ["\n", "END"]), (claude, None, ["END"])],
)
def test_claudes_rules_are_claudes_alone(translate, top_p, stops):
    """Other models take `top_p` beside a temperature, and stop at blanks."""
    request = LLMRequest.from_chat({"messages": [USER], "temperature": 0.5, "top_p": 0.9, "stop": ["\n", "END"]})
    body, told = translate(request)
    settings = body.get("generationConfig") or body["inferenceConfig"]
    assert (top_p, stops) == (settings.get("topP"), settings["stopSequences"])
    assert (translate is claude) == bool(told)


@each
@pytest.mark.parametrize(
    "chat",
    [
        {"functions": [FUNCTION]},
        {"functions": [FUNCTION], "function_call": {"name": "f"}},
        {"messages": [USER, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}]},
        {"messages": [USER, {"role": "function", "name": "f", "content": "1"}]},
    ],
)
def test_functions_of_2023_are_asked_elsewhere(translate, chat):
    """A demanded function isn't left out without a word: who can't be asked for one says so, and another is asked."""
    with pytest.raises(AttemptFailed) as caught:
        notes(translate, **chat)
    assert Meaning.UNFIT == caught.value.failure.meaning
    assert "tool" in caught.value.failure.message


async def test_a_key_can_forge_no_header(bench):
    """Whatever a caller calls a key, its note is one line of printable ASCII, and of many keys some are named."""
    b = await bench()
    odd = {"a\r\nx-forged: 1": 1, "\u2028": 2, "k" * 999: 3, **{f"key{place}": place for place in range(100)}}
    response = await b.ask(max_tokens=9, **odd)
    told = response.headers["x-llm-adapted"].split(", ")
    assert "x-forged" not in response.headers
    assert ["dropped a\\r\\nx-forged: 1", "dropped \\u2028", "dropped " + "k" * KEY_CHARS_MAX] == told[:3]
    assert KEYS_MAX + 1 == len(anthropic(LLMRequest.from_chat({"messages": [USER], "max_tokens": 9, **odd}))[1])


MESSAGES = {"model": "any", "max_tokens": 9, "messages": [USER]}
RESPONSES = {"model": "any", "input": "hello", "max_output_tokens": 9}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}, "service_tier": "auto", "metadata": {"user_id": "u"}}, None),
        ({"thinking": {"type": "adaptive"}, "top_k": 5}, {"thinking", "top_k"}),
        ({"context_management": {"edits": []}, "of_2027": 0}, {"context_management", "of_2027"}),
        ({"output_config": {"effort": "low"}}, {"output_config.effort"}),
    ],
)
async def test_messages_for_another_dialect(bench, asked, told, stream):
    """Of an Anthropic caller's keys those that OpenAI has no word for are told when OpenAI answers."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(500, {})
    response = await b.client.post("/v1/messages", json={**MESSAGES, **asked, "stream": stream})
    assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    given = response.headers.get("x-llm-adapted")
    assert (told and {f"dropped {name}" for name in told}) == (given and set(given.split(", ")))


async def test_an_anthropic_caller_loses_nothing_at_anthropic(bench):
    """What goes out as it came needs no note."""
    b = await bench()
    response = await b.client.post("/v1/messages", json={**MESSAGES, "top_k": 5, "of_2027": 0})
    assert "x-llm-adapted" not in response.headers
    assert (5, 0) == tuple(b.anthropic.requests[0].body[name] for name in ("top_k", "of_2027"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, None),
        ({"store": False, "truncation": "disabled", "include": [], "metadata": {"a": "b"}}, None),
        ({"text": {"format": {"type": "text"}}, "reasoning": {"effort": None}}, None),
        ({"truncation": "auto", "max_tool_calls": 3}, {"truncation", "max_tool_calls"}),
        ({"include": ["reasoning.encrypted_content"], "of_2027": 0}, {"include", "of_2027"}),
        ({"reasoning": {"summary": "auto"}}, {"reasoning.summary"}),
        ({"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}}, {"reasoning_effort", "verbosity"}),
        ({"text": {"format": {"type": "grammar"}}}, {"text.format"}),
    ],
)
async def test_responses_for_another_api(bench, asked, told, stream):
    """Of a Responses body the keys that chat completions or the vendor have no word for are told."""
    b = await bench()
    response = await b.client.post("/v1/responses", json={**RESPONSES, **asked, "stream": stream})
    assert (200, "anthropic") == (response.status_code, response.headers["x-llm-provider"])
    given = response.headers.get("x-llm-adapted")
    assert (told and {f"dropped {name}" for name in told}) == (given and set(given.split(", ")))


async def test_verbosity_reaches_openai(bench):
    """It is a member of `text` in the one API and a parameter in the other."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(500, {})
    response = await b.client.post("/v1/responses", json={**RESPONSES, "text": {"verbosity": "low"}})
    assert ("openai", "low") == (response.headers["x-llm-provider"], b.openai.requests[0].body["verbosity"])
