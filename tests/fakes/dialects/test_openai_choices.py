from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._openai_choices import CHOICES_MAX
from banstorm.fakes.dialects.base import Answer, Ask, RequestRefused
from hypothesis import given

PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21",
    "groq": "/openai/v1/chat/completions",
    "mistral": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
}
BEARER = {"authorization": "Bearer some-key"}
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
RECORD: Any = {"name": TOOL_NAME, "parameters": ANSWER_SCHEMA}
WEATHER: Any = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
CLOCK: Any = {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"const": "UTC"}}}}
BOTH = [{"type": "function", "function": each} for each in (WEATHER, CLOCK)]
NAMES_BOTH = [{"role": "user", "content": "Ask the clock and the weather."}]


def read(name: str, text: str = MARK.render(), **options: Any) -> Ask:
    """What the vendor understands of a question."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **options}
    return find(name).read("POST", PATHS[name], BEARER, orjson.dumps(body))


def answer(name: str, ask: Ask) -> Answer:
    """What it says to that."""
    return compose(ask, name, id_seed=77, created_s=1_769_092_764)


def whole(name: str, ask: Ask) -> Any:
    """The JSON of the whole answer."""
    return orjson.loads(find(name).write(ask, answer(name, ask)).body)


def chunks(name: str, ask: Ask) -> list[Any]:
    """The JSON of each chunk that has a choice."""
    events = [event.data for event in find(name).stream(ask, answer(name, ask))]
    found = [orjson.loads(event[6:]) for event in events[:-1] if event.startswith(b"data:")]
    return [chunk for chunk in found if chunk["choices"]]


@pytest.mark.parametrize("name", ["openai", "azure", "mistral"])
def test_choices(name: str) -> None:
    """As many choices come as are asked for, each with the whole answer, whole and streamed, and all are counted."""
    ask = read(name, n=3)
    assert ask.choices == 3
    body = whole(name, ask)
    said = expected(MARK, name)
    assert [(choice["index"], choice["message"]["content"]) for choice in body["choices"]] == [
        (index, said) for index in range(3)
    ]
    assert (body["usage"]["completion_tokens"], body["usage"]["prompt_tokens"]) == (9, ask.input_tokens)
    assert body["usage"]["total_tokens"] == ask.input_tokens + 9
    streaming = read(name, n=3, stream=True)
    texts = ["", "", ""]
    finished = []
    for chunk in chunks(name, streaming):
        [choice] = chunk["choices"]
        texts[choice["index"]] += choice["delta"].get("content") or ""
        finished += [choice["index"]] if choice["finish_reason"] else []
    assert texts == [said] * 3
    assert finished == [0, 1, 2]
    events = list(find(name).stream(streaming, answer(name, streaming)))
    assert sum(event.token for event in events) == 9 == b"".join(event.data for event in events).count(b"~")


@pytest.mark.parametrize("name", ["openai", "azure", "mistral", "groq"])
@pytest.mark.parametrize("wanted", [0, -1, CHOICES_MAX + 1, True, "2", 1.5, []])
def test_bad_number_of_choices(name: str, wanted: Any) -> None:
    """What is no number of choices is refused; Groq has one choice alone."""
    with pytest.raises(RequestRefused) as caught:
        read(name, n=wanted)
    assert caught.value.reply.status == (422 if name == "mistral" else 400)


def test_groq_has_one_choice() -> None:
    """One choice may be asked for, more or how likely its tokens were may not."""
    assert read("groq", n=1).choices == 1
    for options in ({"n": 2}, {"logprobs": True}, {"logit_bias": {"5": 1}}):
        with pytest.raises(RequestRefused):
            read("groq", **options)


@pytest.mark.parametrize("name", ["openai", "azure"])
@pytest.mark.parametrize("top", [0, 1, 3, 20])
def test_logprobs(name: str, top: int) -> None:
    """Each token says how likely it was, with alternatives if they are asked for, and stands on the wire once."""
    ask = read(name, logprobs=True, top_logprobs=top)
    [choice] = whole(name, ask)["choices"]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == expected(MARK, name)
    assert find(name).write(ask, answer(name, ask)).body.count(b"~") == 3
    for token in tokens:
        assert bytes(token["bytes"]).decode() == token["token"]
        assert token["logprob"] <= 0
        assert len(token["top_logprobs"]) == top
        ranks = [each["logprob"] for each in token["top_logprobs"]]
        assert ranks == sorted(ranks, reverse=True)
    streaming = read(name, logprobs=True, top_logprobs=top, stream=True, n=2)
    streamed = [chunk["choices"][0] for chunk in chunks(name, streaming)]
    assert [each["logprobs"]["content"][0] for each in streamed if each["logprobs"]] == [
        token for token in tokens for _ in range(2)
    ]
    assert b"".join(event.data for event in find(name).stream(streaming, answer(name, streaming))).count(b"~") == 6


@pytest.mark.parametrize("options", [{"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 21}, {"logprobs": 1}])
def test_bad_logprobs(options: dict[str, Any]) -> None:
    """Alternatives need their tokens, and there are at most 20."""
    with pytest.raises(RequestRefused):
        read("openai", **options)


@given(st.text(max_size=40))
def test_logprobs_of_any_text(text: str) -> None:
    """Whatever an answer says, its tokens are found in the stream where they belong."""
    ask = read("openai", logprobs=True, stream=True, text="x")
    pieces = (text, '"logprobs":null')
    said = Answer(pieces, None, "stop", 1, 2, 1, 1)
    events = [event.data for event in find("openai").stream(ask, said)][1:3]
    for event, piece in zip(events, pieces, strict=True):
        choice = orjson.loads(event[6:])["choices"][0]
        assert choice["delta"]["content"] == choice["logprobs"]["content"][0]["token"] == piece


@pytest.mark.parametrize("name", ["openai", "azure", "groq", "openrouter"])
@pytest.mark.parametrize(
    ("choice", "called"), [({"name": TOOL_NAME}, True), ("auto", True), (None, True), ("none", False)]
)
def test_functions(name: str, choice: Any, called: bool) -> None:  # noqa: FBT001 - a row of the table
    """Functions, which tools have replaced, are still called in their own words, whole and streamed."""
    options: dict[str, Any] = {"functions": [RECORD], "function_call": choice}
    if choice is None:
        del options["function_call"]
    mark = Mark("7f3a9c", 5, Shape.TOOL, 3)
    [whole_choice] = whole(name, read(name, mark.render(), **options))["choices"]
    assert (whole_choice["finish_reason"] == "function_call") == called
    assert ("function_call" in whole_choice["message"]) == called
    if not called:
        return
    call = whole_choice["message"]["function_call"]
    assert (call["name"], orjson.loads(call["arguments"])) == (TOOL_NAME, expected_object(mark, name))
    assert (whole_choice["message"]["content"], "tool_calls" in whole_choice["message"]) == (None, False)
    streamed = [chunk["choices"][0] for chunk in chunks(name, read(name, mark.render(), stream=True, **options))]
    pieces = [each["delta"]["function_call"] for each in streamed if "function_call" in each["delta"]]
    assert [piece["name"] for piece in pieces if "name" in piece] == [TOOL_NAME]
    assert "".join(piece["arguments"] for piece in pieces) == call["arguments"]
    assert [each["finish_reason"] for each in streamed if each["finish_reason"]] == ["function_call"]


@pytest.mark.parametrize(
    "options",
    [
        {"functions": [5]},
        {"functions": [{}]},
        {"functions": 5},
        {"functions": [RECORD], "function_call": "required"},
        {"functions": [RECORD], "function_call": {"name": "nobody"}},
        {"functions": [RECORD], "function_call": 5},
    ],
)
def test_bad_functions(options: dict[str, Any]) -> None:
    """What is no function, or none that is offered, is refused."""
    with pytest.raises(RequestRefused):
        read("openai", **options)


@pytest.mark.parametrize("name", sorted(PATHS))
def test_parallel_calls(name: str) -> None:
    """A prompt that names several tools has them all called, each under an id of its own, whole and streamed."""
    ask = read(name, messages=NAMES_BOTH, tools=BOTH)
    [choice] = whole(name, ask)["choices"]
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "clock"]
    assert orjson.loads(calls[1]["function"]["arguments"]) == {"zone": "UTC"}
    assert len({call["id"] for call in calls}) == 2
    streaming = read(name, messages=NAMES_BOTH, tools=BOTH, stream=True)
    built: dict[int, dict[str, Any]] = {}
    for chunk in chunks(name, streaming):
        for piece in chunk["choices"][0]["delta"].get("tool_calls") or []:
            if "id" in piece:
                built[piece["index"]] = {"id": piece["id"], "name": piece["function"]["name"], "text": ""}
            built[piece["index"]]["text"] += piece["function"]["arguments"]
    assert [(call["id"], call["name"], call["text"]) for call in built.values()] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls
    ]
    events = list(find(name).stream(streaming, answer(name, streaming)))
    assert sum(event.token for event in events) == answer(name, streaming).output_tokens


def test_parallel_calls_of_a_response() -> None:
    """In a response each call is an item, numbered in order, with events of its own."""
    openai = find("openai")
    tools = [{"type": "function", **each} for each in (WEATHER, CLOCK)]
    body = {"model": "m", "input": "Ask the clock and the weather.", "tools": tools, "stream": True}
    ask = openai.read("POST", "/v1/responses", BEARER, orjson.dumps({**body, "reasoning": {"effort": "low"}}))
    events = [orjson.loads(event.data.split(b"data: ")[1]) for event in openai.stream(ask, answer("openai", ask))]
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "function_call", "function_call"]
    assert [item.get("name") for item in output[1:]] == ["weather", "clock"]
    assert len({item["id"] for item in output}) == len({item.get("call_id") for item in output}) == 3
    assert whole("openai", ask)["output"] == output
    for index, item in enumerate(output):
        own = [event for event in events if event.get("output_index") == index]
        assert own[0]["type"] == "response.output_item.added"
        assert (own[-1]["type"], own[-1]["item"]) == ("response.output_item.done", item)
        if index:
            deltas = [event["delta"] for event in own if event["type"].endswith("arguments.delta")]
            assert "".join(deltas) == item["arguments"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@pytest.mark.parametrize("options", [{"parallel_tool_calls": False}, {"tool_choice": "none"}])
def test_one_call_at_a_time(options: dict[str, Any]) -> None:
    """Calls are made one at a time where the request says so."""
    ask = read("openai", messages=NAMES_BOTH, tools=BOTH, **options)
    assert len(answer("openai", ask).tool_calls) == (0 if "tool_choice" in options else 1)


@pytest.mark.parametrize(
    ("name", "options", "tokens", "shown"),
    [
        ("openai", {"reasoning_effort": "low"}, 64, False),
        ("azure", {"reasoning_effort": "low"}, 64, False),
        ("groq", {"reasoning_effort": "default"}, 256, True),
        ("groq", {"reasoning_effort": "low", "include_reasoning": False}, 64, False),
        ("groq", {"reasoning_effort": "low", "reasoning_format": "hidden"}, 64, False),
        ("groq", {"reasoning_effort": "none"}, 0, False),
        ("mistral", {"reasoning_effort": "high"}, 1024, True),
        ("mistral", {"prompt_mode": "reasoning"}, 1024, True),
        ("mistral", {}, 0, False),
        ("openrouter", {"reasoning": {"effort": "low"}}, 64, True),
        ("openrouter", {"reasoning": {"enabled": True}}, 256, True),
        ("openrouter", {"reasoning": {"max_tokens": 100}}, 100, True),
        ("openrouter", {"reasoning": {"max_tokens": 100, "exclude": True}}, 100, False),
        ("openrouter", {"reasoning_effort": "high"}, 1024, True),
    ],
)
def test_reasoning(name: str, options: dict[str, Any], tokens: int, shown: bool) -> None:  # noqa: FBT001 - a row
    """Thoughts are billed as output, and shown by the vendors that show them, whole and streamed."""
    ask = read(name, **options)
    body = whole(name, ask)
    assert body["usage"]["completion_tokens"] == tokens + 3
    if name != "mistral":  # whose usage does not say
        details = body["usage"].get("completion_tokens_details", {"reasoning_tokens": 0})
        assert details["reasoning_tokens"] == tokens
    said = body["choices"][0]["message"]
    thought = said["content"][:-1] if isinstance(said["content"], list) else said.get("reasoning")
    assert bool(thought) == shown
    text = said["content"][-1]["text"] if isinstance(said["content"], list) else said["content"]
    assert text == expected(MARK, name)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(name, read(name, stream=True, **options))]
    assert any(isinstance(each.get("content"), list) or each.get("reasoning") for each in deltas) == shown
    assert "".join(each["content"] for each in deltas if isinstance(each.get("content"), str)) == text


@pytest.mark.parametrize(
    ("name", "options", "cached"),
    [
        ("openai", {}, 1920),
        ("azure", {}, 1920),
        ("groq", {}, 1920),
        ("openrouter", {}, 1920),
        ("mistral", {}, 0),
        ("mistral", {"prompt_cache_key": "mine"}, 1984),
    ],
)
def test_cached_tokens(name: str, options: dict[str, Any], cached: int) -> None:
    """What was sent before comes from the cache, and the usage says so; Mistral's needs a key."""
    before = [{"role": "user", "content": "x" * 8000}, {"role": "assistant", "content": "so"}]
    messages = [*before, {"role": "user", "content": MARK.render()}]
    ask = read(name, messages=messages, **options)
    assert ask.cached_tokens == cached
    assert whole(name, ask)["usage"].get("prompt_tokens_details", {"cached_tokens": 0})["cached_tokens"] == cached


@pytest.mark.parametrize("name", sorted(PATHS))
def test_stop_sequences(name: str) -> None:
    """An answer ends before a stop sequence."""
    assert whole(name, read(name, stop=[" "]))["choices"][0]["message"]["content"] == expected(MARK, name).split()[0]
