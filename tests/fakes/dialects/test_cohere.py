from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object, words
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import Answer, Ask, RequestRefused, UnknownFailureError

COHERE = find("cohere")
MODEL = "command-a-03-2025"
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
HEADERS = {"authorization": "Bearer key"}
USER = {"role": "user", "content": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read(body: Any, headers: dict[str, str] = HEADERS) -> Ask:
    """Read a request."""
    return COHERE.read("POST", "/v2/chat", headers, body if isinstance(body, bytes) else orjson.dumps(body))


def asked(**more: Any) -> Ask:
    """A marked question, read as the dialect reads it."""
    return read({"model": MODEL, "messages": [{"role": "user", "content": MARK.render()}], **more})


def answer_to(ask: Ask) -> Answer:
    """The answer to `ask`."""
    return compose(ask, "cohere", id_seed=77, created_s=1_763_640_000)


def written(ask: Ask) -> Any:
    """The body of the answer to `ask`."""
    return orjson.loads(COHERE.write(ask, answer_to(ask)).body)


def streamed(ask: Ask) -> list[Any]:
    """The payloads of the answer to `ask`, whose names match their types, without the terminator."""
    *events, done = [event.data for event in COHERE.stream(ask, answer_to(ask))]
    assert done == b"data: [DONE]\n\n"
    payloads = []
    for event in events:
        match = re.fullmatch(rb"event: ([\w-]+)\ndata: (\{.*\})\n\n", event)
        assert match
        payloads.append(orjson.loads(match[2]))
        assert payloads[-1]["type"] == match[1].decode()
    return payloads


def test_stream_to_the_letter() -> None:
    """Names, keys and their order: as on the vendor's streaming page."""
    ask = asked()
    first, start, delta, *_, end, last, _ = [event.data for event in COHERE.stream(ask, answer_to(ask))]
    assert re.fullmatch(
        rb'event: message-start\ndata: \{"type":"message-start","id":"[0-9a-f-]{36}","delta":\{"message":\{'
        rb'"role":"assistant","content":\[\],"tool_plan":"","tool_calls":\[\],"citations":\[\]\}\}\}\n\n',
        first,
    )
    assert start == (
        b'event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":'
        b'{"type":"text","text":""}}}}\n\n'
    )
    assert re.fullmatch(
        rb'event: content-delta\ndata: \{"type":"content-delta","index":0,"delta":\{"message":\{"content":'
        rb'\{"text":"~7f3a9c\.5\.cohere\.1\.3\.\w{4} "\}\}\}\}\n\n',
        delta,
    )
    assert end == b'event: content-end\ndata: {"type":"content-end","index":0}\n\n'
    assert last.startswith(
        b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":'
    )


def test_stream_is_the_plain_answer() -> None:
    """A stream adds up to what a plain answer says, with the same id, finish and usage."""
    ask = asked()
    plain, payloads = written(ask), streamed(ask)
    said = "".join(each["delta"]["message"]["content"]["text"] for each in payloads if each["type"] == "content-delta")
    assert [{"type": "text", "text": said}] == plain["message"]["content"]
    assert said == expected(MARK, "cohere")
    assert payloads[0]["id"] == plain["id"]
    assert UUID.fullmatch(plain["id"])
    assert payloads[-1]["delta"] == {"finish_reason": "COMPLETE", "usage": plain["usage"]}


def test_usage() -> None:
    """What is billed is the prompt and the answer; the count of tokens has the vendor's own words around them too."""
    ask = asked()
    usage = written(ask)["usage"]
    assert usage["billed_units"] == {"input_tokens": ask.input_tokens, "output_tokens": 3}
    assert usage["tokens"]["input_tokens"] > ask.input_tokens
    assert (usage["tokens"]["output_tokens"], usage["cached_tokens"]) == (3, 0)


def test_tool_stream() -> None:
    """A call of a tool comes after its plan, with pieces of JSON that add up to its arguments."""
    tool = {"type": "function", "function": {"name": TOOL_NAME, "parameters": ANSWER_SCHEMA}}
    ask = asked(tools=[tool], tool_choice="REQUIRED")
    plain, payloads = written(ask), streamed(ask)
    [call] = plain["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"], plain["finish_reason"]) == ("function", TOOL_NAME, "TOOL_CALL")
    assert orjson.loads(call["function"]["arguments"]) == expected_object(MARK, "cohere")
    assert "content" not in plain["message"]
    kinds = [each["type"] for each in payloads]
    assert list(dict.fromkeys(kinds)) == [
        "message-start",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "message-end",
    ]
    messages = [each["delta"]["message"] for each in payloads if "message" in each.get("delta", {})][1:]
    assert "".join(each.get("tool_plan", "") for each in messages) == plain["message"]["tool_plan"]
    start, *deltas = [each["tool_calls"] for each in messages if "tool_calls" in each]
    assert start == {**call, "function": {"name": TOOL_NAME, "arguments": ""}}
    assert "".join(each["function"]["arguments"] for each in deltas) == call["function"]["arguments"]


def test_tokens_are_marked() -> None:
    """Exactly the events with a word count as tokens."""
    for ask in (asked(), asked(tools=[TOOL], tool_choice="REQUIRED")):
        events = list(COHERE.stream(ask, answer_to(ask)))
        assert sum(event.token for event in events) == len(answer_to(ask).pieces)
        assert not [event for event in events if b"~" in event.data and not event.token]


def test_reads_the_last_user_content() -> None:
    """The mark is taken from the last user content, whatever blocks it has and whatever tools said after it."""
    text = MARK.render()
    ask = read(
        {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": Mark("7f3a9c", 1, Shape.TEXT, 1).render()},
                {"role": "user", "content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": text}]},
                {"role": "assistant", "tool_plan": "I will.", "tool_calls": [{"id": "c", "type": "function"}]},
                {
                    "role": "tool",
                    "tool_call_id": "c",
                    "content": [{"type": "document", "document": {"data": "2 degrees"}}],
                },
            ],
        }
    )
    assert (ask.mark, ask.text) == (MARK, text)
    assert (ask.after_tool_result, ask.first_turn, ask.stream) == (True, False, False)


@pytest.mark.parametrize(("choice", "wanted"), [(None, "auto"), ("REQUIRED", "any"), ("NONE", "none")])
def test_tool_choice(choice: Any, wanted: str) -> None:
    """Both forms of `tool_choice` are understood, and its absence."""
    ask = asked(tools=[TOOL], tool_choice=choice)
    assert (ask.tool_choice, [tool.name for tool in ask.tools]) == (wanted, ["f"])


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_object", "json_schema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
        ({"type": "json_object", "schema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
    ],
)
def test_response_format(form: Any, schema: Any) -> None:
    """A JSON answer may come with a schema, and satisfies it."""
    ask = asked(response_format=form)
    assert ask.schema == schema
    if schema == ANSWER_SCHEMA:
        assert orjson.loads(written(ask)["message"]["content"][0]["text"]) == expected_object(MARK, "cohere")


def test_documents_are_billed() -> None:
    """Documents to cite count as input."""
    assert asked(documents=["penguins " * 40]).input_tokens > asked().input_tokens + 80


def test_max_tokens() -> None:
    """An answer longer than allowed is cut at that token and says so."""
    document = written(asked(max_tokens=2))
    assert document["message"]["content"][0]["text"].split() == words(MARK, "cohere")[:2]
    assert (document["finish_reason"], document["usage"]["billed_units"]["output_tokens"]) == ("MAX_TOKENS", 2)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "invalid json syntax"),
        (b"[]", "must be an object"),
        ({"messages": [USER]}, "a model parameter is required for this endpoint."),
        ({"model": "m"}, "messages must not be empty"),
        ({"model": "m", "messages": "hi"}, "messages must be a list"),
        ({"model": "m", "messages": [1]}, "messages[0] must be an object"),
        ({"model": "m", "messages": [{"role": "bot"}]}, "Role must be one of the following: system, user"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "text must be a string"),
        ({"model": "m", "messages": [USER, {"role": "tool", "content": "x"}]}, "tool_call_id is required"),
        ({"model": "m", "messages": [USER], "stream": "yes"}, "stream must be a boolean"),
        ({"model": "m", "messages": [USER], "max_tokens": 0}, "max_tokens must be at least 1"),
        ({"model": "m", "messages": [USER], "max_tokens": True}, "max_tokens must be an integer"),
        ({"model": "m", "messages": [USER], "tools": [{"type": "x"}]}, "tools[0].type"),
        ({"model": "m", "messages": [USER], "tools": [{"type": "function"}]}, "tools[0].function is"),
        ({"model": "m", "messages": [USER], "tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"model": "m", "messages": [USER], "tools": [{"function": {"name": "f", "parameters": 1}}]}, "parameters"),
        ({"model": "m", "messages": [USER], "tool_choice": "REQUIRED"}, "only supported with tools"),
        ({"model": "m", "messages": [USER], "tools": [TOOL], "tool_choice": "auto"}, "REQUIRED, NONE"),
        ({"model": "m", "messages": [USER], "response_format": {"type": "json_schema"}}, "text, json_object"),
        ({"model": "m", "messages": [USER], "response_format": {"type": "json_object", "schema": 1}}, "json_schema"),
        (
            {"model": "m", "messages": [USER], "documents": ["d"], "response_format": {"type": "json_object"}},
            "invalid request: response_format is not supported with RAG.",
        ),
        (
            {"model": "m", "messages": [USER], "tools": [TOOL], "response_format": {"type": "json_object"}},
            "not supported with tools",
        ),
    ],
)
def test_complaints(body: Any, says: str) -> None:
    """A malformed request is refused with 400 and says what is wrong."""
    with pytest.raises(RequestRefused) as caught:
        read(body)
    assert caught.value.reply.status == 400
    assert says in orjson.loads(caught.value.reply.body)["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v9/chat", HEADERS, 404),
        ("GET", "/v2/chat", HEADERS, 405),
        ("POST", "/v2/chat", {}, 401),
        ("POST", "/v2/chat", {"authorization": "Basic eDp5"}, 401),
        ("POST", "/v2/chat", {"authorization": "Bearer "}, 401),
    ],
)
def test_refusals_before_the_body(method: str, path: str, headers: dict[str, str], status: int) -> None:
    """An unknown path or method and a missing key are told before the body is looked at."""
    with pytest.raises(RequestRefused) as caught:
        COHERE.read(method, path, headers, b"{")
    assert caught.value.reply.status == status


FAILURES = {
    "bad_key": (401, "invalid api token"),
    "bad_request": (400, ""),
    "billing_problem": (402, "Please add or update your payment method at https://dashboard.cohere.com/billing"),
    "content_filtered": (498, ""),
    "context_too_long": (400, "too many tokens: total number of tokens in the prompt cannot exceed 256000 - received "),
    "key_expired": (401, "Your API key has expired. Please create a production key at dashboard.cohere.com"),
    "max_tokens_too_high": (400, "too many tokens: max tokens must be less than or equal to "),
    "missing_key": (401, "no api key supplied"),
    "model_not_found": (404, "model 'command-a-03-2025' not found, make sure the correct model ID was used"),
    "model_retired": (404, "model 'command-a-03-2025' was removed on "),
    "overloaded": (503, ""),
    "permission_denied": (403, ""),
    "rate_limited": (429, "You are using a Trial key, which is limited to 20 API calls / minute. You can continue"),
    "request_too_large": (413, ""),
    "server_error": (500, ""),
    "spend_capped": (402, "Maximum billing reached for this API key as set in your dashboard, please go to"),
    "tier_capped": (429, "You are using a Trial key, which is limited to 1000 API calls / month."),
    "timeout": (504, ""),
    "unknown_url": (404, "404 page not found"),
    "unsupported_parameter": (400, "invalid request: "),
    "wrong_method": (405, ""),
}


IN_200 = {"error_in_200"}


@pytest.mark.parametrize("kind", sorted(COHERE.failures - IN_200))
def test_failures(kind: str) -> None:
    """Each failure has its status and a flat body of an id and a message; another seed gives other ids alone."""
    assert kind in KINDS
    reply = COHERE.failure(kind, {}, id_seed=4)
    assert reply == COHERE.failure(kind, {}, id_seed=4)
    status, says = FAILURES[kind]
    body, headers = orjson.loads(reply.body), dict(reply.headers)
    assert (reply.status, set(body)) == (status, {"id", "message"})
    assert UUID.fullmatch(body["id"])
    assert body["message"].startswith(says)
    assert body["message"]
    assert "{" not in body["message"]
    assert b"~" not in reply.body
    assert int(headers["content-length"]) == len(reply.body)
    other = COHERE.failure(kind, {}, id_seed=5)
    assert (other.status, orjson.loads(other.body)["message"]) == (status, body["message"])
    assert orjson.loads(other.body)["id"] != body["id"]


def test_table_is_whole() -> None:
    """Every failure stands in the table above, and no other is taken."""
    assert set(FAILURES) | IN_200 == COHERE.failures
    for say in (COHERE.failure, COHERE.error_event):
        with pytest.raises(UnknownFailureError, match="meteor"):
            say("meteor", {}, id_seed=1)


def test_error_event() -> None:
    """Inside a stream a failure is a `message-end` with finish ERROR and the words in `error`."""
    event = COHERE.error_event("server_error", {"message": "no more"}, id_seed=1)
    assert event == (
        b'event: message-end\ndata: {"type":"message-end","delta":{"error":"no more","finish_reason":"ERROR"}}\n\n'
    )


@pytest.mark.parametrize(
    ("kind", "details", "header"),
    [
        ("rate_limited", {}, None),
        ("rate_limited", {"retry_after": 7}, "7"),
        ("rate_limited", {"retry_after": 1.2}, "2"),
        ("overloaded", {"retry_after": "soon"}, "soon"),
        ("bad_key", {"retry_after": 7}, None),
    ],
)
def test_retry_after(kind: str, details: dict[str, Any], header: str | None) -> None:
    """The wait is told in whole seconds, the only ones that the SDK reads, where waiting is of use."""
    assert dict(COHERE.failure(kind, details, id_seed=1).headers).get("retry-after") == header


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("requests", "You are past the per minute request limit, please wait and try again later."),
        ("tokens", "trial token rate limit exceeded, limit is 100000 tokens per minute"),
    ],
)
def test_rate_limits(limit: str, says: str) -> None:
    """A rate limit is told in the words of the limit that was met."""
    assert orjson.loads(COHERE.failure("rate_limited", {"limit": limit}, id_seed=1).body)["message"] == says


def test_headers() -> None:
    """Answers tell the limits of a trial key; of a drained one no call is left."""
    ask = asked()
    for headers in (COHERE.write(ask, answer_to(ask)).headers, COHERE.stream_head(ask, answer_to(ask))[1]):
        named = dict(headers)
        assert re.fullmatch(r"[0-9a-f]{32}", named["x-debug-trace-id"])
        assert named["x-endpoint-monthly-call-limit"] == "1000"
        assert (named["x-trial-endpoint-call-limit"], named["x-trial-endpoint-call-remaining"]) == ("20", "19")
    assert dict(COHERE.failure("rate_limited", {}, id_seed=1).headers)["x-trial-endpoint-call-remaining"] == "0"


def test_deep_nesting() -> None:
    """A document that is nested deeper than JSON can be written is read all the same."""
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    assert read(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"documents":[' + deep + b"]}").text == "hi"
