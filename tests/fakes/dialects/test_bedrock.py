"""Bedrock's answers, frames and complaints, held without its SDK."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object, words
from banstorm.fakes.dialects import _eventstream
from banstorm.fakes.dialects.base import Answer, RequestRefused
from bedrock_asks import BEDROCK, HEADERS, MARK, MODEL, SIGNED, SPEC, USER, answer_to, asked, frames_of, read, refused


def test_frame_to_the_letter() -> None:
    """A frame has the bytes of Amazon's own test vector for the encoding (`payload_one_str_header`)."""
    frame = _eventstream.encode(_eventstream.encode_headers({"content-type": "application/json"}), b"{'foo':'bar'}")
    assert frame == (
        bytes.fromhex("0000003d0000002007fd83960c")
        + b"content-type\x07\x00\x10application/json{'foo':'bar'}"
        + bytes.fromhex("8d9c08b1")
    )


def test_stream() -> None:
    """Frames come in the service's order, with its three headers; text blocks have no start; usage comes last."""
    ask = asked()
    frames = frames_of(b"".join(event.data for event in BEDROCK.stream(ask, answer_to(ask))))
    assert [headers.pop(":event-type") for headers, _ in frames] == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert all(headers == {":content-type": "application/json", ":message-type": "event"} for headers, _ in frames)
    payloads = [payload for _, payload in frames]
    assert all(list(payload) == sorted(payload) for payload in payloads)
    assert len({len(payload.pop("p")) for payload in payloads}) > 1
    first, *deltas, stop, end, metadata = payloads
    assert first == {"role": "assistant"}
    said = "".join(delta["delta"]["text"] for delta in deltas)
    assert (said, {delta["contentBlockIndex"] for delta in deltas}) == (expected(MARK, "bedrock"), {0})
    assert (stop, end) == ({"contentBlockIndex": 0}, {"stopReason": "end_turn"})
    assert metadata["usage"] == {
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
        "inputTokens": ask.input_tokens,
        "outputTokens": 3,
        "totalTokens": ask.input_tokens + 3,
    }
    assert metadata["metrics"]["latencyMs"] > 0


def test_tool_stream() -> None:
    """A tool call has a start with its name and id, and pieces of JSON that add up to its input."""
    config = {
        "tools": [{"toolSpec": {"name": TOOL_NAME, "inputSchema": {"json": ANSWER_SCHEMA}}}],
        "toolChoice": {"any": {}},
    }
    ask = asked(toolConfig=config)
    frames = frames_of(b"".join(event.data for event in BEDROCK.stream(ask, answer_to(ask))))
    start = frames[1][1]["start"]["toolUse"]
    assert (start["name"], start["toolUseId"][:8]) == (TOOL_NAME, "tooluse_")
    pieces = [payload["delta"]["toolUse"]["input"] for headers, payload in frames if "delta" in payload]
    assert orjson.loads("".join(pieces)) == expected_object(MARK, "bedrock")
    assert frames[-2][1]["stopReason"] == "tool_use"
    plain = orjson.loads(BEDROCK.write(ask, answer_to(ask)).body)
    [block] = plain["output"]["message"]["content"]
    assert block == {"toolUse": {**start, "input": expected_object(MARK, "bedrock")}}


def test_lengths_and_checksums_hold_no_word_sign() -> None:
    """Whoever counts the signs in a stream's bytes counts its tokens, whatever its lengths and checksums come to."""
    ask = asked()
    strays = 0
    for seed in range(200):
        events = list(BEDROCK.stream(ask, answer_to(ask, seed)))
        assert [event.data.count(b"~") for event in events] == [event.token for event in events]
        renamed = [BEDROCK.map_event(event.data, lambda payload: {"renamed": payload}) for event in events]
        assert b"".join(renamed).count(b"~") == 3
        assert b"~" not in BEDROCK.error_event("overloaded", {"message": "x" * seed}, id_seed=1)
        headers = _eventstream.encode_headers({":event-type": "x"})
        strays += not _eventstream.is_clean(headers, b'{"a":%d}' % seed)
    assert strays  # else nothing was tested


def test_streams_split_into_their_frames() -> None:
    """Wherever a stream's bytes are cut, the frames come out whole, and an unfinished one is kept for later."""
    ask = asked()
    events = [event.data for event in BEDROCK.stream(ask, answer_to(ask))]
    whole = b"".join(events)
    for at in range(len(whole)):
        done, rest = BEDROCK.split_events(whole[:at])
        more, nothing = BEDROCK.split_events(rest + whole[at:])
        assert done + more == events
        assert nothing == b""


@pytest.mark.parametrize("junk", [b"<html>not a frame</html>", b"\x00\x00\x00\x02ab", b"\xff" * 20])
def test_what_is_no_frame_passes_in_one_piece(junk: bytes) -> None:
    """Bytes that can't be a frame are not waited for and not changed."""
    good = _eventstream.encode(b"", b"{}")
    assert BEDROCK.split_events(good + junk) == ([good, junk], b"")
    assert BEDROCK.map_event(junk, lambda _: {}) == junk


def test_map_event() -> None:
    """A payload can be changed in place or replaced, the frame's headers stay; what is left alone keeps its bytes."""
    ask = asked()

    def rename(payload: Any) -> Any:
        payload["renamed"] = payload.pop("p")
        return payload

    for event in BEDROCK.stream(ask, answer_to(ask)):
        assert BEDROCK.map_event(event.data, lambda payload: payload) == event.data
        [(headers, before)] = frames_of(event.data)
        [(kept, after)] = frames_of(BEDROCK.map_event(event.data, rename))
        assert (kept, after) == (headers, rename(before))
    no_json = _eventstream.encode(b"", b"plain")
    assert BEDROCK.map_event(no_json, rename) == no_json


@pytest.mark.parametrize(
    ("headers", "path", "credential"),
    [
        ({"authorization": SIGNED}, "/", "AKIABANSTORMBANSTORM"),
        ({"authorization": SIGNED.replace(", ", ",")}, "/", "AKIABANSTORMBANSTORM"),
        ({"authorization": "Bearer bedrock-api-key-x"}, "/", "bedrock-api-key-x"),
        ({}, "/model/m/converse?X-Amz-Credential=AKIAQUERY%2F20261120%2Fus-east-1&X-Amz-Date=x", "AKIAQUERY"),
        ({"authorization": "Basic eDp5"}, "/", None),
        ({"authorization": "Bearer "}, "/", None),
        ({"authorization": "AWS4-HMAC-SHA256 nothing"}, "/", None),
        ({}, "/", None),
    ],
)
def test_credential(headers: dict[str, str], path: str, credential: str | None) -> None:
    """The credential is the access key id of a signature, in a header or in the query, or a bearer key."""
    assert BEDROCK.credential(headers, path) == credential


def test_reads_the_last_user_content() -> None:
    """The mark is taken from the last user content; a turn that only brings a tool's result leaves it standing."""
    text = MARK.render()
    ask = read(
        {
            "system": [{"text": Mark("7f3a9c", 1, Shape.TEXT, 1).render()}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"image": {}}, {"text": "look: "}, {"text": text}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "2"}]}}]},
            ],
            "toolConfig": {"tools": [SPEC]},
        }
    )
    assert (ask.mark, ask.text) == (MARK, f"look: \n{text}")
    assert (ask.after_tool_result, ask.first_turn, ask.model) == (True, False, MODEL)


@pytest.mark.parametrize(
    ("path", "stream", "model"),
    [
        ("/model/amazon.nova-pro-v1%3A0/converse", False, "amazon.nova-pro-v1:0"),
        ("/model/m/converse-stream", True, "m"),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse-stream",
            True,
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.x",
        ),
    ],
)
def test_paths(path: str, stream: bool, model: str) -> None:  # noqa: FBT001 - a table's column
    """The path names the model, be it an ARN, and says whether the answer streams."""
    ask = read({"messages": [USER]}, path)
    assert (ask.stream, ask.model, ask.operation) == (stream, model, "chat")


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [(None, "auto"), ({"auto": {}}, "auto"), ({"any": {}}, "any"), ({"tool": {"name": "f"}}, "tool:f")],
)
def test_tool_choice(choice: Any, wanted: str) -> None:
    """Every form of `toolChoice` is understood; tools that the service runs itself are none to be called."""
    config = {"tools": [SPEC, {"cachePoint": {"type": "default"}}, {"systemTool": {"name": "nova_grounding"}}]}
    ask = read({"messages": [USER], "toolConfig": {**config, "toolChoice": choice}})
    assert (ask.tool_choice, [tool.name for tool in ask.tools]) == (wanted, ["f"])


def test_json_schema() -> None:
    """The schema of a JSON answer comes as JSON text, and the answer satisfies it."""
    structure = {"jsonSchema": {"name": "answer", "schema": orjson.dumps(ANSWER_SCHEMA).decode()}}
    ask = asked(outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})
    assert ask.schema == ANSWER_SCHEMA
    [block] = orjson.loads(BEDROCK.write(ask, answer_to(ask)).body)["output"]["message"]["content"]
    assert orjson.loads(block["text"]) == expected_object(MARK, "bedrock")


def test_max_tokens() -> None:
    """An answer longer than allowed is cut at that token and says so."""
    ask = asked(inferenceConfig={"maxTokens": 2})
    document = orjson.loads(BEDROCK.write(ask, answer_to(ask)).body)
    [block] = document["output"]["message"]["content"]
    assert block["text"].split() == words(MARK, "bedrock")[:2]
    assert (document["stopReason"], document["usage"]["outputTokens"]) == ("max_tokens", 2)


def test_cached_tokens_stand_beside_fresh_ones() -> None:
    """`inputTokens` is fresh input alone; the total has the cached tokens too."""
    answer = Answer(("x",), None, "stop", 100, 1, 7, 0, cached_tokens=40)
    usage = orjson.loads(BEDROCK.write(asked(), answer).body)["usage"]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["totalTokens"]) == (60, 40, 101)


def test_count_tokens() -> None:
    """Counting a prompt's tokens gives what a chat would be billed for, and produces nothing."""
    messages = [{"role": "user", "content": [{"text": "how long is this?"}]}]
    ask = read({"input": {"converse": {"messages": messages}}}, "/model/m/count-tokens")
    assert ask.operation == "count_tokens"
    counted = orjson.loads(BEDROCK.write(ask, answer_to(ask)).body)
    assert counted == {"inputTokens": read({"messages": messages}).input_tokens}


@pytest.mark.parametrize(
    ("body", "exception", "says"),
    [
        (b"{", "SerializationException", "JSON"),
        (b"[]", "SerializationException", "JSON"),
        ({}, "ValidationException", "A conversation must start with a user message."),
        ({"messages": []}, "ValidationException", "A conversation must start with a user message."),
        ({"messages": "x"}, "SerializationException", "messages"),
        ({"messages": [1]}, "SerializationException", "messages.0"),
        ({"messages": [{"role": "tool", "content": []}]}, "ValidationException", "enum value set"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "SerializationException", "messages.0.content"),
        ({"messages": [{"role": "user", "content": []}]}, "ValidationException", "is empty"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "ValidationException", "is blank"),
        ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "SerializationException", "0.text"),
        (
            {"messages": [{"role": "assistant", "content": [{"text": "hi"}]}, USER]},
            "ValidationException",
            "A conversation must start with a user message.",
        ),
        (
            {"messages": [USER, {"role": "assistant", "content": [{"toolUse": {"name": "f"}}]}]},
            "ValidationException",
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ),
        (
            {"messages": [USER], "toolConfig": {"tools": []}},
            "ValidationException",
            "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than",
        ),
        ({"messages": [USER], "toolConfig": {"tools": [{"toolSpec": {}}]}}, "SerializationException", "name"),
        (
            {"messages": [USER], "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]}},
            "SerializationException",
            "inputSchema",
        ),
        (
            {"messages": [USER], "toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "g"}}}},
            "ValidationException",
            "The tool g",
        ),
        ({"messages": [USER], "toolConfig": {"tools": [SPEC], "toolChoice": {}}}, "ValidationException", "toolChoice"),
        ({"messages": [USER], "inferenceConfig": {"maxTokens": 0}}, "ValidationException", "maxTokens"),
        ({"messages": [USER], "inferenceConfig": {"maxTokens": True}}, "SerializationException", "maxTokens"),
        ({"messages": [USER], "outputConfig": {"textFormat": {"type": "x"}}}, "ValidationException", "json_schema"),
        (
            {
                "messages": [USER],
                "outputConfig": {
                    "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{oops"}}}
                },
            },
            "ValidationException",
            "not a valid JSON schema",
        ),
    ],
)
def test_complaints(body: Any, exception: str, says: str) -> None:
    """A malformed request is refused with 400 and says what is wrong."""
    status, name, message = refused(body)
    assert (status, name) == (400, exception)
    assert says in message


def test_refusals_before_the_body() -> None:
    """An unknown path or method and a missing credential are told before the body is looked at."""
    assert refused(b"{", path="/v1/chat")[:2] == (404, "UnknownOperationException")
    assert refused(b"{", headers={})[:2] == (403, "MissingAuthenticationTokenException")
    with pytest.raises(RequestRefused) as caught:
        BEDROCK.read("GET", "/model/m/converse", HEADERS, b"")
    assert caught.value.reply.status == 404
