"""Streams and 200s that are no answers, in each dialect, on the bytes of the vendors' stand-ins.

The bytes are those of `banstorm.fakes`; without that package (the router copied out by itself) these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from banstorm.router import LLMRequest
from banstorm.router.errors import AttemptFailed, Meaning
from banstorm.router.providers import provider_class

pytest.importorskip("banstorm.fakes")

from banstorm.fakes.answer import Mark, Shape, expected
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find

DIALECTS = ["anthropic", "azure", "bedrock", "gemini", "groq", "mistral", "openai", "openrouter"]
MODELS = {"anthropic": "claude-sonnet-5", "azure": "gpt-5.4-mini"}
MARK = Mark("7f3a9c", 12, Shape.TEXT, 6)


class Plays:
    """A vendor that answers every request with these bytes."""

    def __init__(self, body: bytes, kind: str) -> None:
        self._body, self._kind = body, kind
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and end the connection in good order."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.decode().split("\r\n") if line.lower().startswith("content-length:")
        )
        await reader.readexactly(length)
        start = f"HTTP/1.1 200 OK\r\ncontent-type: {self._kind}\r\nconnection: close\r\n\r\n"
        writer.write(start.encode() + self._body)
        await writer.drain()
        writer.close()


async def said_in_200(dialect: str, body: bytes, *, stream: bool, kind: str = "") -> Any:
    """What a provider makes of these bytes as its answer."""
    streamed = "application/vnd.amazon.eventstream" if dialect == "bedrock" else "text/event-stream"
    plays = Plays(body, kind or (streamed if stream else "application/json"))
    server = await asyncio.start_server(plays.serve, "127.0.0.1", 0)
    provider = provider_class(dialect)("k", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "m")
    request = LLMRequest("hello")
    try:
        if not stream:
            return (await provider.generate(request)).body
        return [chunk async for chunks in provider.stream(request) for chunk in chunks]
    finally:
        await provider.aclose()
        server.close()


def stream_of(dialect: str) -> list[bytes]:
    """A good stream in this dialect, event by event."""
    made = find(dialect)
    body, path = _request(dialect, MARK)
    key = made.key_example
    keys = {
        "authorization": f"Bearer {key}",
        "x-api-key": key,
        "api-key": key,
        "x-goog-api-key": key,
        "anthropic-version": "2023-06-01",
    }
    asked = made.read("POST", path, {"content-type": "application/json", **keys}, body)
    return [event.data for event in made.stream(asked, compose(asked, dialect, id_seed=1, created_s=1))]


def _request(dialect: str, mark: Mark) -> tuple[bytes, str]:
    if dialect == "gemini":
        body: Any = {"contents": [{"role": "user", "parts": [{"text": mark.render()}]}]}
        return json.dumps(body).encode(), "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    if dialect == "bedrock":
        body = {"messages": [{"role": "user", "content": [{"text": mark.render()}]}]}
        return json.dumps(body).encode(), "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
    body = {"model": MODELS.get(dialect, "m"), "messages": [{"role": "user", "content": mark.render()}], "stream": True}
    paths = {
        "anthropic": "/v1/messages",
        "azure": "/openai/deployments/gpt-5.4-mini/chat/completions?api-version=2024-10-21",
    }
    body |= {"max_tokens": 100} if dialect == "anthropic" else {}
    return json.dumps(body).encode(), paths.get(dialect, f"{find(dialect).base_path}/chat/completions")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_good_stream_is_one(dialect):
    """The streams that the next tests break are good before that, however the network cuts them."""
    chunks = await said_in_200(dialect, b"".join(stream_of(dialect)), stream=True)
    text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
    assert expected(MARK, dialect) == text.strip()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kept", ["half", "all but the last", "within an event"])
async def test_a_stream_without_its_terminator_is_no_answer(dialect, kept):
    """A stream that was closed in good order before the dialect's own end is recognised as cut."""
    events = stream_of(dialect)
    data = {
        "half": b"".join(events[: len(events) // 2]),
        "all but the last": b"".join(events[:-1]),
        "within an event": b"".join(events)[:-9],
    }[kept]
    with pytest.raises(AttemptFailed) as caught:
        await said_in_200(dialect, data, stream=True)
    assert (Meaning.TRANSIENT, "stream_cut") == (caught.value.failure.meaning, caught.value.failure.reason)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_malformed_event_is_drift(dialect):
    """An event that can't be read is no answer, and no accident of the network's."""
    events = stream_of(dialect)
    broken = bytearray(events[2])
    broken[len(broken) // 2 : len(broken) // 2 + 4] = b'{"<x'
    with pytest.raises(AttemptFailed) as caught:
        await said_in_200(dialect, b"".join([*events[:2], bytes(broken), *events[3:]]), stream=True)
    assert Meaning.DRIFTED == caught.value.failure.meaning


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_error_event_is_an_error(dialect):
    """An error inside a stream that began with a 200 is recognised, and means what it says."""
    made = find(dialect)
    kind = "capacity_exceeded" if dialect == "gemini" else "overloaded"
    events = stream_of(dialect)
    error = made.error_event(kind, {}, id_seed=1, after=b"".join(events[:3]))
    with pytest.raises(AttemptFailed) as caught:
        await said_in_200(dialect, b"".join(events[:3]) + error, stream=True)
    assert caught.value.failure.meaning in {Meaning.TRANSIENT, Meaning.LIMITED}
    assert "stream_cut" != caught.value.failure.reason


@pytest.mark.parametrize(
    ("dialect", "kind", "meaning", "reason"),
    [
        ("bedrock", "rate_limited", Meaning.LIMITED, "rate_limited"),
        ("bedrock", "daily_limited", Meaning.LIMITED, "daily_limit"),
        ("bedrock", "org_disabled", Meaning.ACCOUNT, "org_disabled"),
        ("bedrock", "bad_key", Meaning.CREDENTIAL, "bad_key"),
        ("bedrock", "model_not_found", Meaning.MODEL, "model_unknown"),
        ("bedrock", "region_blocked", Meaning.ACCOUNT, "region_blocked"),
        ("bedrock", "timeout", Meaning.TRANSIENT, "timeout_upstream"),
        ("bedrock", "upstream_error", Meaning.TRANSIENT, "upstream_error"),
        ("bedrock", "error_in_200", Meaning.TRANSIENT, "tool_call_failed"),
        ("gemini", "error_in_200", Meaning.ACCOUNT, "org_disabled"),
        ("gemini", "org_disabled", Meaning.ACCOUNT, "org_disabled"),
        ("groq", "org_disabled", Meaning.ACCOUNT, "org_disabled"),
        ("openrouter", "bad_key", Meaning.CREDENTIAL, "bad_key"),
        ("mistral", "bad_key", Meaning.CREDENTIAL, "key_or_quota"),
    ],
)
async def test_each_dialects_own_errors_in_a_stream(dialect, kind, meaning, reason):
    """An error's frame or event carries its meaning through the provider."""
    error = find(dialect).error_event(kind, {}, id_seed=1)
    with pytest.raises(AttemptFailed) as caught:
        await said_in_200(dialect, error, stream=True)
    assert (meaning, reason) == (caught.value.failure.meaning, caught.value.failure.reason)


@pytest.mark.parametrize(
    ("dialect", "kind", "details", "meaning"),
    [
        ("gemini", "error_in_200", {}, Meaning.ACCOUNT),
        ("gemini", "error_in_200", {"variant": "malformed_call"}, Meaning.TRANSIENT),
        ("gemini", "error_in_200", {"variant": "no_parts"}, Meaning.DRIFTED),
        ("gemini", "error_in_200", {"variant": "no_candidates"}, Meaning.DRIFTED),
        ("bedrock", "error_in_200", {}, Meaning.TRANSIENT),
        ("openrouter", "error_in_200", {}, Meaning.TRANSIENT),
    ],
)
async def test_failures_that_look_like_answers(dialect, kind, details, meaning):
    """A 200 whose body is a failure isn't delivered."""
    reply = find(dialect).failure(kind, details, id_seed=1)
    with pytest.raises(AttemptFailed) as caught:
        await said_in_200(dialect, reply.body, stream=False)
    assert meaning == caught.value.failure.meaning


@pytest.mark.parametrize("dialect", ["bedrock", "gemini"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_kept_back_is_an_answer(dialect, stream):
    """A blocked prompt's 200 reaches the caller with the finish reason that OpenAI has for it."""
    made = find(dialect)
    reply = (
        made.error_event("content_filtered", {}, id_seed=1)
        if stream
        else made.failure("content_filtered", {}, id_seed=1).body
    )
    said = await said_in_200(dialect, reply, stream=stream)
    choices = [choice for chunk in (said if stream else [said]) for choice in chunk["choices"]]
    assert "content_filter" == choices[-1]["finish_reason"]
