from __future__ import annotations

import re
import zlib
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import UnknownDialectError, find, names
from banstorm.fakes.dialects._openai_failures import duration, mask
from banstorm.fakes.dialects.base import Ask, Dialect, RequestRefused, UnknownFailureError

OPENAI = {"authorization": "Bearer sk-proj-x"}
ANTHROPIC = {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}
CHAT = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
USER = {"role": "user", "content": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def test_registry() -> None:
    """Dialects are found by their file's name, and only dialects are listed."""
    assert names() == ["anthropic", "openai"]
    for name in names():
        assert isinstance(find(name), Dialect)
        assert find(name).name == name
        assert find(name) is find(name)


@pytest.mark.parametrize(("name", "hint"), [("opnai", "'openai'"), ("base", "anthropic, openai"), ("_ids", "openai")])
def test_unknown_dialect(name: str, hint: str) -> None:
    """A name that no dialect has is answered with the nearest ones."""
    with pytest.raises(UnknownDialectError, match=re.escape(hint)):
        find(name)


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


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_failures_are_pure_and_whole(name: str) -> None:
    """Every failure is a whole response, the same each time; another seed gives another request id and nothing else."""
    dialect = find(name)
    for kind in dialect.failures:
        reply = dialect.failure(kind, {}, id_seed=4)
        assert reply == dialect.failure(kind, {}, id_seed=4)
        assert reply.status >= 400
        headers = dict(reply.headers)
        assert headers["content-type"].startswith("application/json")
        assert int(headers["content-length"]) == len(reply.body)
        assert orjson.loads(reply.body)["error"]["message"]
        assert b"{" not in orjson.dumps(orjson.loads(reply.body)["error"]["message"])  # no blank is left open
        assert all(key == key.lower() for key in headers)
        assert b"~" not in reply.body  # only words of an answer carry the sign that tokens are counted by
        assert dialect.failure(kind, {}, id_seed=5).status == reply.status
        assert dialect.error_event(kind, {}, id_seed=4).endswith(b"\n\n")


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_unknown_failure(name: str) -> None:
    """A failure that the vendor doesn't have is refused by name."""
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).failure("meteor", {}, id_seed=1)
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).error_event("meteor", {}, id_seed=1)


@pytest.mark.parametrize(
    ("name", "details", "expected"),
    [
        ("openai", {}, None),
        ("openai", {"retry_after": 7}, "7"),
        ("openai", {"retry_after": 1.5}, "1.5"),
        ("openai", {"retry_after": "junk"}, "junk"),
        ("anthropic", {}, None),
        ("anthropic", {"retry_after": None}, None),
        ("anthropic", {"retry_after": 7}, "7"),
        ("anthropic", {"retry_after": 1.5}, "2"),
        ("anthropic", {"retry_after": "junk"}, "junk"),
    ],
)
def test_retry_after(name: str, details: dict[str, Any], expected: str | None) -> None:
    """The wait that a 429 asks for stands in its header in the vendor's form, or nowhere."""
    headers = dict(find(name).failure("rate_limited", details, id_seed=1).headers)
    assert headers.get("retry-after") == expected


def test_drained_limits_in_the_vendors_formats() -> None:
    """OpenAI's resets are durations; Anthropic's are moments, and left out when the moment isn't known."""
    openai_headers = dict(find("openai").failure("rate_limited", {"retry_after": 90}, id_seed=1).headers)
    assert openai_headers["x-ratelimit-remaining-tokens"] == "0"
    assert openai_headers["x-ratelimit-reset-tokens"] == "1m30s"
    anthropic_dialect = find("anthropic")
    details = {"retry_after": 30, "now_s": 1_763_640_000}
    headers = dict(anthropic_dialect.failure("rate_limited", details, id_seed=1).headers)
    assert headers["anthropic-ratelimit-input-tokens-remaining"] == "0"
    assert headers["anthropic-ratelimit-input-tokens-reset"] == "2025-11-20T12:00:30Z"
    assert headers["anthropic-ratelimit-requests-reset"] == "2025-11-20T12:00:00Z"
    bare = dict(anthropic_dialect.failure("rate_limited", {"retry_after": 30}, id_seed=1).headers)
    assert not [key for key in bare if key.endswith("-reset")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.006, "6ms"), (0, "0ms"), (1, "1s"), (1.5, "1.5s"), (18.642, "18.642s"), (360, "6m0s"), (7999, "2h13m19s")],
)
def test_durations(seconds: float, text: str) -> None:
    """Resets are written as Go writes durations."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("name", "kind", "status", "says"),
    [
        ("openai", "org_disabled", 401, '"code":"account_deactivated"'),
        (
            "openai",
            "oauth_revoked",
            401,
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
        ("openai", "quota_exhausted", 429, '"type":"insufficient_quota"'),
        ("openai", "overloaded", 503, "Our servers are currently overloaded. Please try again later."),
        (
            "anthropic",
            "org_disabled",
            400,
            '"message":"This organization has been disabled.","details":{"error_code":"organization_on_hold"}',
        ),
        ("anthropic", "oauth_revoked", 403, "OAuth token has been revoked. Please obtain a new token."),
        ("anthropic", "quota_exhausted", 400, "Your credit balance is too low to access the Anthropic API."),
        ("anthropic", "overloaded", 529, '{"type":"overloaded_error","message":"Overloaded"}'),
    ],
)
def test_failures_word_for_word(name: str, kind: str, status: int, says: str) -> None:
    """What routers match on is there to the letter."""
    reply = find(name).failure(kind, {}, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()


def test_failure_details_fill_in() -> None:
    """Model and key of the failed request stand in its message, the key masked."""
    body = find("openai").failure("bad_key", {"credential": "sk-proj-abcdefghijklmnop"}, id_seed=1).body.decode()
    assert "sk-proj-" + "*" * 12 + "mnop" in body
    assert mask("short") == "short****hort"
    assert b"model: claude-x" in find("anthropic").failure("model_not_found", {"model": "claude-x"}, id_seed=1).body


def streamed(name: str, **changes: Any) -> list[bytes]:
    """The events of a streamed answer of three words."""
    dialect = find(name)
    extra = {"tools": (), **changes}
    ask = Ask("some-model", stream=True, text="", mark=MARK, input_tokens=11, **extra)
    answer = compose(ask, name, id_seed=77, created_s=1769092764)
    return [event.data for event in dialect.stream(ask, answer)]


def test_openai_stream_to_the_letter() -> None:
    """Keys and their order, the nulls, the terminator: as captured from the vendor."""
    first, second, *_, last, done = streamed("openai", body={"stream_options": {"include_obfuscation": False}})
    head = (
        rb'data: \{"id":"chatcmpl-\w{29}","object":"chat\.completion\.chunk","created":1769092764,"model":"some-model",'
        rb'"service_tier":"default","system_fingerprint":"fp_[0-9a-f]{10}","choices":\[\{"index":0,"delta":'
    )
    interior = rb',"logprobs":null,"finish_reason":null\}\]\}\n\n'
    assert re.fullmatch(head + rb'\{"role":"assistant","content":""\}' + interior, first)
    assert re.fullmatch(head + rb'\{"content":"~7f3a9c\.5\.openai\.1\.3\.\w{4} "\}' + interior, second)
    assert re.fullmatch(head + rb'\{\},"logprobs":null,"finish_reason":"stop"\}\]\}\n\n', last)
    assert done == b"data: [DONE]\n\n"


def test_openai_stream_with_usage() -> None:
    """With usage asked for, every chunk has `"usage":null` and the last one has no choices."""
    *chunks, usage, _ = [event[6:] for event in streamed("openai", include_usage=True)]
    assert all(b'"usage":null' in chunk for chunk in chunks)
    last = orjson.loads(usage)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 11 + 3


def test_openai_obfuscation() -> None:
    """Deltas are padded by default, with padding of differing lengths that holds no word sign."""
    paddings = [orjson.loads(event[6:])["obfuscation"] for event in streamed("openai")[:-1]]
    assert len({len(padding) for padding in paddings}) > 1
    assert all(re.fullmatch(r"\w+", padding) for padding in paddings)


def test_anthropic_stream_to_the_letter() -> None:
    """Names, keys and their order, the ping and the cumulative usage: as in the vendor's fixtures."""
    events = streamed("anthropic")
    assert [event.split(b"\n")[0].decode() for event in events] == [
        "event: message_start",
        "event: content_block_start",
        "event: ping",
        *["event: content_block_delta"] * 3,
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
    ]
    start = orjson.loads(events[0].split(b"data: ")[1])["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["output_tokens"]) == ([], None, 1)
    assert events[1].endswith(
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    )
    assert events[2] == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert re.fullmatch(
        rb'event: content_block_delta\ndata: \{"type":"content_block_delta","index":0,'
        rb'"delta":\{"type":"text_delta","text":"~7f3a9c\.5\.anthropic\.1\.3\.\w{4} "\}\}\n\n',
        events[3],
    )
    assert events[-2] == (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"output_tokens":3}}\n\n'
    )
    assert events[-1] == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_anthropic_tool_stream_begins_empty() -> None:
    """A streamed tool call starts with an empty input and an empty piece of JSON."""
    from banstorm.fakes.dialects.base import Tool

    events = streamed("anthropic", tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice=f"tool:{TOOL_NAME}")
    block = orjson.loads(events[1].split(b"data: ")[1])["content_block"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", TOOL_NAME, {})
    assert b'"partial_json":""' in events[3]
    assert b'"stop_reason":"tool_use"' in events[-2]


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_streams_split_into_their_events(name: str) -> None:
    """Wherever a stream's bytes are cut, the events come out whole, and an unfinished one is kept for later."""
    events = streamed(name)
    whole = b"".join(events)
    for at in range(0, len(whole), 37):
        done, rest = find(name).split_events(whole[:at])
        more, nothing = find(name).split_events(rest + whole[at:])
        assert done + more == events
        assert nothing == b""


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_map_event(name: str) -> None:
    """An event's payload can be changed in place or replaced; what has none, or is left alone, keeps its bytes."""
    dialect = find(name)

    def rename(payload: Any) -> Any:
        payload["renamed"] = payload.pop("model" if name == "openai" else "type")
        return payload

    for event in streamed(name):
        assert dialect.map_event(event, lambda payload: payload) == event
        changed = dialect.map_event(event, rename)
        if event == b"data: [DONE]\n\n":
            assert changed == event
        else:
            assert b'"renamed"' in changed
            assert changed.split(b"data:")[0] == event.split(b"data:")[0]
            assert changed.endswith(b"}\n\n")
    assert dialect.map_event(b": a comment\n\n", rename) == b": a comment\n\n"
    assert dialect.map_event(b"data: {broken\n\n", rename) == b"data: {broken\n\n"


def test_answer_keys_are_where_the_words_are() -> None:
    """Renaming the keys that a dialect names takes every word out of the reader's sight."""
    for name in names():
        dialect = find(name)
        for event in streamed(name):
            if b"~" in event:
                assert any(f'"{key}":'.encode() in event for key in dialect.answer_keys)


def test_vendor_headers() -> None:
    """Answers carry the vendor's request id, organisation and rate limits, in its own formats."""
    ask = Ask("some-model", stream=False, text="", mark=MARK, input_tokens=11)
    answer = compose(ask, "x", id_seed=zlib.crc32(b"x"), created_s=1_763_640_000)
    headers = dict(find("openai").write(ask, answer).headers)
    assert re.fullmatch(r"req_[0-9a-f]{32}", headers["x-request-id"])
    assert headers["openai-processing-ms"].isdecimal()
    assert headers["openai-version"] == "2020-10-01"
    assert headers["x-ratelimit-remaining-requests"] == "9999"
    assert re.fullmatch(r"\d+ms", headers["x-ratelimit-reset-requests"])
    headers = dict(find("anthropic").write(ask, answer).headers)
    assert re.fullmatch(r"req_011C\w{20}", headers["request-id"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["anthropic-organization-id"])
    assert headers["anthropic-ratelimit-requests-reset"] == "2025-11-20T12:00:01Z"
    assert headers["anthropic-ratelimit-output-tokens-remaining"] == "400000"
