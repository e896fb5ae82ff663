"""Bedrock beyond words: several calls, thoughts, the cache, the models' own bodies, and what stands for an answer."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import expected
from banstorm.fakes.dialects.base import Ask
from bedrock_asks import BEDROCK, MARK, MODEL, answer_to, asked, frames_of, read, refused

INVOKE = f"/model/{MODEL}/invoke"
STREAM = INVOKE + "-with-response-stream"
TOOLS = {
    "tools": [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in ("weather", "map")]
}
THINK = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2_000}}}
OWN: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": MARK.render()}],
}


def said(ask: Ask) -> Any:
    """The answer's document."""
    return orjson.loads(BEDROCK.write(ask, answer_to(ask)).body)


def frames(ask: Ask) -> list[tuple[str, Any]]:
    """Name and payload of each frame of an answer."""
    written = b"".join(event.data for event in BEDROCK.stream(ask, answer_to(ask)))
    return [(headers[":event-type"], payload) for headers, payload in frames_of(written)]


def inner(ask: Ask) -> list[Any]:
    """The model's own events."""
    return [orjson.loads(base64.b64decode(payload["bytes"])) for name, payload in frames(ask) if name == "chunk"]


def test_several_calls_at_once() -> None:
    """Tools that a prompt names are called together, each in a block and with an id of its own; also in a stream."""
    ask = asked("Ask the weather and the map.", toolConfig=TOOLS)
    blocks = [block["toolUse"] for block in said(ask)["output"]["message"]["content"]]
    assert [block["name"] for block in blocks] == ["weather", "map"]
    starts = [payload for name, payload in frames(ask) if name == "contentBlockStart"]
    assert [(start["contentBlockIndex"], start["start"]["toolUse"]["toolUseId"]) for start in starts] == [
        (place, block["toolUseId"]) for place, block in enumerate(blocks)
    ]
    for place, block in enumerate(blocks):
        pieces = [
            payload["delta"]["toolUse"]["input"]
            for name, payload in frames(ask)
            if name == "contentBlockDelta" and payload["contentBlockIndex"] == place
        ]
        assert orjson.loads("".join(pieces)) == block["input"]


def test_thoughts_come_first_and_come_back() -> None:
    """What was thought comes before the answer, signed; sent back altered, it is refused in the model's words."""
    ask = asked(**THINK)
    thought, text = said(ask)["output"]["message"]["content"]
    assert text["text"] == expected(MARK, "bedrock")
    streamed = [payload["delta"] for name, payload in frames(ask) if name == "contentBlockDelta"]
    assert streamed[0]["reasoningContent"]["text"] == thought["reasoningContent"]["reasoningText"]["text"]
    assert streamed[1]["reasoningContent"]["signature"] == thought["reasoningContent"]["reasoningText"]["signature"]
    assert said(ask)["usage"]["outputTokens"] == 64 + MARK.words
    user = {"role": "user", "content": [{"text": "hi"}]}
    assert read({"messages": [user, {"role": "assistant", "content": [thought, text]}, user]}).text == "hi"
    thought["reasoningContent"]["reasoningText"]["text"] += "!"
    status, exception, says = refused({"messages": [user, {"role": "assistant", "content": [thought, text]}, user]})
    assert (status, exception) == (400, "ValidationException")
    assert says == (
        "The model returned the following errors: messages.1.content.0: Invalid `signature` in `thinking` block"
    )


def test_thinking_that_is_not_granted() -> None:
    """The model's own complaints stand behind the service's words."""
    more = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1}}}
    _, _, says = refused({"messages": [{"role": "user", "content": [{"text": "hi"}]}], **more})
    assert says.startswith("The model returned the following errors: thinking.enabled.budget_tokens: Input should be")


def test_cache_points() -> None:
    """Up to the last cache point, what stands before the last answer is read and the rest is written."""
    long, mark = {"text": "x" * 8_000}, {"cachePoint": {"type": "default"}}
    user = {"role": "user", "content": [long, mark]}
    assert said(read({"messages": [user]}))["usage"] == {
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 2_004,
        "inputTokens": 0,
        "outputTokens": said(read({"messages": [user]}))["usage"]["outputTokens"],
        "totalTokens": said(read({"messages": [user]}))["usage"]["totalTokens"],
    }
    more = [user, {"role": "assistant", "content": [{"text": "so"}]}, {"role": "user", "content": [{"text": "and?"}]}]
    usage = said(read({"messages": more}))["usage"]
    assert (usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (2_004, 0)


def test_stop_sequences() -> None:
    """A stop sequence ends an answer, and the stop reason says so."""
    words = expected(MARK, "bedrock").split()
    document = said(asked(inferenceConfig={"stopSequences": [words[1]]}))
    assert document["stopReason"] == "stop_sequence"
    assert document["output"]["message"]["content"][0]["text"].strip() == words[0]
    for stops, exception in ([[""], "ValidationException"], [[1], "SerializationException"]):
        body = {
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"stopSequences": stops},
        }
        assert refused(body)[1] == exception


def test_a_models_own_body() -> None:
    """InvokeModel takes and gives the bodies of Anthropic's models; what it counted stands in headers."""
    ask = read(OWN, path=INVOKE)
    reply = BEDROCK.write(ask, answer_to(ask))
    document = orjson.loads(reply.body)
    assert (ask.model, document["model"]) == (MODEL, "claude-sonnet-4-5-20250929")
    assert document["id"].startswith("msg_bdrk_01")
    assert document["content"] == [{"type": "text", "text": expected(MARK, "bedrock")}]
    headers = dict(reply.headers)
    assert headers["x-amzn-bedrock-input-token-count"] == str(ask.input_tokens)
    assert headers["x-amzn-bedrock-output-token-count"] == str(MARK.words)


def test_both_generations_of_a_models_own_body() -> None:
    """The SDK names the API's own version from 2.0 on, which takes no sampling parameters; the older takes them."""
    assert read({**OWN, "anthropic_version": "2026-10-21"}, path=INVOKE).mark == MARK
    assert read({**OWN, "temperature": 1}, path=INVOKE).mark == MARK


def test_a_stream_of_a_models_own_events() -> None:
    """Each frame holds one of the model's events; tokens are counted by the padding, since base64 hides them."""
    ask = read(OWN, path=STREAM)
    assert ask.stream
    events = inner(ask)
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in events[2:5]) == expected(MARK, "bedrock")
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == MARK.words
    written = [event.data for event in BEDROCK.stream(ask, answer_to(ask))]
    assert b"".join(written).count(b"~") == MARK.words
    assert BEDROCK.stream_head(ask, answer_to(ask))[1][:2] == [
        ("content-type", "application/vnd.amazon.eventstream"),
        ("x-amzn-bedrock-content-type", "application/json"),
    ]


def test_a_drift_reaches_the_models_own_events() -> None:
    """What changes a stream's payloads changes the events in the frames, and leaves a frame alone that has none."""

    def rename(payload: Any) -> Any:
        if payload.get("type") == "content_block_delta":
            payload["delta"]["words"] = payload["delta"].pop("text")
        return payload

    ask = read(OWN, path=STREAM)
    assert "text" in BEDROCK.answer_keys_of(ask)
    assert "partial_json" in BEDROCK.answer_keys_of(ask)
    for event in BEDROCK.stream(ask, answer_to(ask)):
        changed = BEDROCK.map_event(event.data, rename)
        [(_, payload)] = frames_of(changed)
        assert (b'"words"' in base64.b64decode(payload["bytes"])) == event.token
        assert changed.count(b"~") == event.token
        assert event.token or changed == event.data


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        (INVOKE, {"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        (INVOKE, {"anthropic_version": None}, "anthropic_version: Field required"),
        (INVOKE, {"anthropic_version": "2023-06-01"}, "anthropic_version: must be"),
        (
            INVOKE,
            {"anthropic_version": "2026-10-21", "temperature": 1},
            "temperature: Extra inputs are not permitted",
        ),
        (INVOKE, {"stream": True}, "stream: Extra inputs are not permitted"),
        (STREAM, {"model": "x"}, "model: Extra inputs are not permitted"),
        (INVOKE, {"messages": []}, "messages: at least one message is required"),
        (INVOKE, {"max_tokens": 100_000}, "max_tokens: 100000 > 64000, which is the maximum allowed number of output"),
        ("/model/amazon.nova-pro-v1:0/invoke", {}, "Bodies of InvokeModel are read for Anthropic's models only"),
    ],
)
def test_a_models_own_complaints(path: str, change: Any, says: str) -> None:
    """What the model refuses is a `ValidationException` in the model's words."""
    status, exception, message = refused({**OWN, **change}, path=path)
    assert (status, exception) == (400, "ValidationException")
    assert message.startswith(says)


def test_counting_a_models_own_body() -> None:
    """A model's own body, in base64, is counted as it is billed; what is no such body is refused."""
    path = f"/model/{MODEL}/count-tokens"
    body = base64.b64encode(orjson.dumps(OWN)).decode()
    ask = read({"input": {"invokeModel": {"body": body}}}, path=path)
    assert said(ask) == {"inputTokens": read(OWN, path=INVOKE).input_tokens}
    for wrong in (None, "~", 3):
        assert refused({"input": {"invokeModel": {"body": wrong}}}, path=path)[0] == 400


@pytest.mark.parametrize(
    ("kind", "variant", "stop", "text"),
    [
        ("content_filtered", None, "guardrail_intervened", "Sorry, the model cannot answer this question."),
        ("content_filtered", "model", "content_filtered", None),
        ("error_in_200", None, "malformed_model_output", None),
        ("error_in_200", "malformed_tool_use", "malformed_tool_use", None),
    ],
)
def test_what_stands_for_an_answer(kind: str, variant: str | None, stop: str, text: str | None) -> None:
    """A guardrail's words, a filter's silence and broken output are proper answers, in the form that was asked for."""
    details = {"variant": variant} if variant else {}
    plain = BEDROCK.failure(kind, details, id_seed=1, ask=asked())
    document = orjson.loads(plain.body)
    assert (plain.status, document["stopReason"]) == (200, stop)
    assert document["output"]["message"]["content"] == ([{"text": text}] if text else [])
    ask = read({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, path=f"/model/{MODEL}/converse-stream")
    streamed = BEDROCK.failure(kind, details, id_seed=1, ask=ask)
    assert BEDROCK.is_stream(streamed.headers)
    names = [headers[":event-type"] for headers, _ in frames_of(streamed.body)]
    assert names == ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    ending = frames_of(BEDROCK.error_event(kind, details, id_seed=1, ask=ask))
    assert [payload.get("stopReason") for _, payload in ending] == [None, stop, None]
    invoked = orjson.loads(BEDROCK.failure(kind, details, id_seed=1, ask=read(OWN, path=INVOKE)).body)
    assert invoked["amazon-bedrock-guardrailAction"] == ("INTERVENED" if stop == "guardrail_intervened" else "NONE")
    [(headers, _)] = frames_of(BEDROCK.error_event(kind, details, id_seed=1, ask=read(OWN, path=STREAM)))
    assert headers[":event-type"] == "chunk"


@pytest.mark.parametrize(
    ("kind", "variant", "exception", "says"),
    [
        ("bad_key", "signature", "InvalidSignatureException", "The request signature we calculated does not match"),
        ("permission_denied", "marketplace", "AccessDeniedException", "Model access is denied due to IAM user"),
        ("context_too_long", "model", "ValidationException", "The model returned the following errors: prompt is too"),
    ],
)
def test_other_words(kind: str, variant: str, exception: str, says: str) -> None:
    """What the vendor says in other cases of a kind can be had by name."""
    reply = BEDROCK.failure(kind, {"variant": variant}, id_seed=1)
    assert dict(reply.headers)["x-amzn-errortype"].partition(":")[0] == exception
    assert orjson.loads(reply.body)["message"].startswith(says)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("server_error", "internalServerException"),
        ("upstream_error", "modelStreamErrorException"),
        ("bad_request", "validationException"),
        ("rate_limited", "throttlingException"),
        ("overloaded", "serviceUnavailableException"),
    ],
)
def test_each_exception_of_a_stream(kind: str, name: str) -> None:
    """Each of the five exceptions that a stream may hold can be had, in both APIs alike."""
    for ask in (asked(), read(OWN, path=STREAM)):
        [(headers, payload)] = frames_of(BEDROCK.error_event(kind, {}, id_seed=1, ask=ask))
        assert (headers[":message-type"], headers[":exception-type"]) == ("exception", name)
        assert payload["message"]
        assert ("originalStatusCode" in payload) == (name == "modelStreamErrorException")
