"""Answers that are well formed and not what was asked for: plain ones, and streams before their first token is out."""

from __future__ import annotations

import json

import pytest

SCHEMA = {
    "type": "object",
    "properties": {"words": {"type": "string"}},
    "required": ["words"],
    "additionalProperties": False,
}
FORM = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
LIST = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
FORCED = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}
ANY = {"tools": [TOOL], "tool_choice": "required"}
FREE = {"tools": [TOOL]}
GOOD = json.dumps({"words": "w"})


def said(message, finish="stop", written=3):
    """A completion of OpenAI's."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 5, "completion_tokens": written, "total_tokens": 5 + written},
    }


def text(words, **more):
    """A completion that is a text."""
    return said({"content": words}, **more)


def call(arguments, name="f", **more):
    """A completion that calls a tool."""
    function = {"name": name, "arguments": arguments}
    calls = [{"id": "1", "type": "function", "function": function}]
    return said({"content": None, "tool_calls": calls}, **{"finish": "tool_calls", **more})


def old_call(arguments):
    """The same in its form of 2023."""
    return said({"content": None, "function_call": {"name": "f", "arguments": arguments}}, finish="function_call")


def events(answer, pieces=3):
    """A completion as a stream, its text or arguments in a few pieces."""
    choice = answer["choices"][0]
    message, head = choice["message"], {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta, finish=None):
        made = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        return b"data: %b\n\n" % json.dumps(made).encode()

    def cut(whole):
        size = max(1, len(whole) // pieces)
        return [whole[at : at + size] for at in range(0, len(whole), size)]

    sent = [chunk({"role": "assistant", "content": ""})]
    sent += [chunk({"content": piece}) for piece in cut(message.get("content") or "")]
    for made in message.get("tool_calls") or ():
        function = made["function"]
        sent.append(chunk({"tool_calls": [{**made, "index": 0, "function": {**function, "arguments": ""}}]}))
        sent += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in cut(function["arguments"])
        ]
    if message.get("function_call"):
        function = message["function_call"]
        sent.append(chunk({"function_call": {"name": function["name"], "arguments": ""}}))
        sent += [chunk({"function_call": {"arguments": piece}}) for piece in cut(function["arguments"])]
    if message.get("refusal"):
        sent.append(chunk({"refusal": message["refusal"]}))
    sent.append(chunk({}, choice["finish_reason"]))
    sent.append(b"data: %b\n\n" % json.dumps({**head, "choices": [], "usage": answer["usage"]}).encode())
    return [*sent, b"data: [DONE]\n\n"]


@pytest.fixture
async def two(bench):
    """A router whose first provider has no credit, and whose second says what it is told to."""

    async def make(answer, **config):
        b = await bench(**config)
        b.anthropic.always = b.anthropic.replies(402, {})
        b.openai.always = b.openai.replies(200, answer)
        return b

    return make


# What is asked, what comes, and the reason why it isn't delivered; None if it is.
ANSWERS = {
    "a document": (FORM, text(GOOD), None),
    "prose for a document": (FORM, text("Sure! Here is it: w."), "drift_json_answer"),
    "prose that begins like a literal": (FORM, text("true words are w."), "drift_json_answer"),
    "a list where any document would do": (LIST, text('["w"]'), None),
    "prose for a list": (LIST, text("w"), "drift_json_answer"),
    "another document": (FORM, text('{"text": "w"}'), "drift_schema"),
    "a member too many": (FORM, text('{"words": "w", "more": 1}'), "drift_schema"),
    "half a document": (FORM, text('{"words": "w'), "drift_json_answer"),
    "half a document, and it says so": (FORM | {"max_tokens": 3}, text('{"words": "w', finish="length"), None),
    "a call": (FORCED, call(GOOD), None),
    "prose for a call": (FORCED, text("I call f with w."), "drift_no_call"),
    "prose where any call would do": (ANY, text("I call f with w."), "drift_no_call"),
    "prose where a call is offered": (FREE, text("No need."), None),
    "another tool than the forced one": (FORCED, call(GOOD, name="g"), "drift_no_call"),
    "a tool that wasn't offered": (FREE, call(GOOD, name="g"), "drift_no_call"),
    "arguments of another form": (FREE, call('{"text": "w"}'), "drift_schema"),
    "arguments that are no JSON": (FREE, call("words=w"), "drift_json_answer"),
    "a declined call": (FORCED, said({"content": None, "refusal": "I can't."}), None),
    "a call in its form of 2023": (FORCED, old_call(GOOD), None),
    "an answer shorter than asked": ({"max_tokens": 100}, text("a b c", finish="length"), "drift_cut_short"),
    "a document shorter than asked": (FORM | {"max_tokens": 100}, text('{"w', finish="length"), "drift_cut_short"),
    "an answer as long as asked": ({"max_tokens": 3}, text("a b c", finish="length"), None),
    "counted a little differently": ({"max_tokens": 100}, text("a b c", finish="length", written=95), None),
    "no limit was asked for": ({}, text("a b c", finish="length"), None),
    "the newer name of the limit": ({"max_completion_tokens": 50}, text("a b", finish="length"), "drift_cut_short"),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
async def test_plain_answers(two, case):
    """What isn't what was asked for never reaches the caller of a plain call; what is, or says what it lacks, does."""
    asked, answer, reason = ANSWERS[case]
    b = await two(answer)
    response = await b.ask(**asked)
    if reason is None:
        assert 200 == response.status_code
    else:
        assert 503 == response.status_code
        assert f"openai: {reason} [drifted]" in response.json()["error"]["message"]


# Of these a stream shows the first token before it shows what is wrong: it ends with an error event.
LATE = {
    "another document", "a member too many", "half a document", "arguments of another form",
    "arguments that are no JSON", "an answer shorter than asked", "a document shorter than asked",
    "the newer name of the limit",
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
async def test_streamed_answers(bench, case):
    """In a stream the same is found: before the first token where it shows, else its end is an error, not `[DONE]`."""
    asked, answer, reason = ANSWERS[case]
    b = await bench()
    b.anthropic.always = b.anthropic.replies(402, {})
    b.openai.always = b.openai.streams(*events(answer))
    response = await b.ask(stream=True, **asked)
    assert response.text.endswith("data: [DONE]\n\n") == (reason is None)
    if reason is not None:
        assert reason in response.text
        # In one packet with what shows the failure a token isn't out yet, so either is right for a late one.
        assert response.status_code == 503 or case in LATE


# The stand-in that answers instead knows no lists.
HIDDEN = sorted(case for case, (asked, _, reason) in ANSWERS.items() if reason and asked is not LIST)


@pytest.mark.parametrize("case", HIDDEN)
async def test_buffered_streams_hide_it_all(bench, case):
    """With `streams: buffer` none of them reaches a caller, however late it shows: the next provider answers."""
    asked, answer, _ = ANSWERS[case]
    b = await bench(streams="buffer")
    good = b.anthropic.words
    b.openai.always = b.openai.streams(*events(answer))
    b.anthropic.script.append(b.anthropic.replies(529, {"type": "error", "error": {"type": "overloaded_error"}}))
    # OpenAI's stand-in comes second, fails, and the retry meets the first, which is well again.
    response = await b.ask(stream=True, **asked)
    assert 200 == response.status_code
    assert "anthropic" == response.headers["x-llm-provider"]
    assert good.split()[0] in response.text
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_of_2023_arrives_in_todays_form(two, bench, stream):
    """A caller who offered tools gets `tool_calls`; one who offered functions, as in 2023, gets a function_call."""
    answer = old_call(GOOD)
    for legacy, asked in ((False, FORCED), (True, {"functions": [TOOL["function"]]})):
        b = await two(answer)
        if stream:
            b.openai.always = b.openai.streams(*events(answer))
            _, _, sent = await b.ask_stream(**asked)
            choices = [choice for chunk in sent for choice in chunk["choices"]]
            deltas = [choice["delta"] for choice in choices]
            calls = [made for delta in deltas for made in delta.get("tool_calls") or ()]
            olds = [delta["function_call"] for delta in deltas if delta.get("function_call")]
            arguments = "".join((each if legacy else each["function"])["arguments"] for each in (olds or calls))
            finish = choices[-1]["finish_reason"]
            assert legacy or (["f"], 1) == (
                [each["function"]["name"] for each in calls if "name" in each["function"]],
                len([each for each in calls if "id" in each]),
            )
        else:
            response = await b.ask(**asked)
            choice = response.json()["choices"][0]
            finish, message = choice["finish_reason"], choice["message"]
            assert legacy == ("function_call" in message)
            arguments = (message["function_call"] if legacy else message["tool_calls"][0]["function"])["arguments"]
            assert legacy or "function_call turned into tool_calls" == response.headers["x-llm-adapted"]
        assert (GOOD, "function_call" if legacy else "tool_calls") == (arguments, finish)


async def test_repairs_are_told(two):
    """A document in a fence is taken out of it, and the response says so."""
    b = await two(text(f"```json\n{GOOD}\n```"))
    response = await b.ask(**FORM)
    assert GOOD == json.dumps(json.loads(response.json()["choices"][0]["message"]["content"]))
    assert "a Markdown fence was taken off" == response.headers["x-llm-adapted"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["returned", "elsewhere"])
async def test_a_model_that_declines(bench, stream, where):
    """A refusal is told to the caller as the model put it; only where the operator says so another model is asked."""
    b = await bench(content_refusals=where)
    b.anthropic.always = b.anthropic.replies(402, {})
    declined = said({"content": None, "refusal": "I can't."})
    b.openai.always = b.openai.streams(*events(declined)) if stream else b.openai.replies(200, declined)
    response = await b.ask(stream=stream)
    if where == "returned":
        assert 200 == response.status_code
        assert "I can't." in response.text
    else:
        assert 503 == response.status_code
        assert "openai: content_policy [HTTP 200, unfit]" in response.json()["error"]["message"]


async def test_repeated_events(bench):
    """An event with the padding of the one before it is the same event again, and its word isn't delivered twice."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(402, {})
    sent = events(text("a b c "), pieces=3)
    begins = b'"choices": [{'
    padded = [each.replace(begins, b'"obfuscation": "%03d", %b' % (n, begins)) for n, each in enumerate(sent)]
    b.openai.always = b.openai.streams(*padded[:3], padded[2], padded[2], *padded[3:])
    _, words, _ = await b.ask_stream()
    assert "a b c " == words
    # The same word with other padding is a word that the model said twice.
    again = padded[2].replace(b'"002"', b'"xyz"')
    b.openai.always = b.openai.streams(*padded[:3], again, *padded[3:])
    _, words, _ = await b.ask_stream()
    assert "a b b c " == words


@pytest.mark.parametrize("place", [0, 1])
async def test_a_block_that_begins_twice(bench, place):
    """Anthropic numbers its blocks: one that begins twice isn't read as two."""
    b = await bench()
    good = b.anthropic.events(model="m", stream=True)
    b.anthropic.script.append(b.anthropic.streams(b"".join([*good[: place + 1], good[place], *good[place + 1 :]])))
    response, words, _ = await b.ask_stream()
    assert ("openai", "openai is well ") == (response.headers["x-llm-provider"], words)
    assert 'reason="repeated_event"} 1.0' in b.metrics.render().decode()
