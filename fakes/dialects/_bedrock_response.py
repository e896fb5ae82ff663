"""Bedrock Converse: writing an answer, whole and as a stream of frames.

Members: the service model in botocore 1.44. Events carry their members in alphabetical order and a `p` of changing
length, which hides how long a token is (aws/aws-sdk-js-v3#6919 shows a stream).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import orjson

from . import _bedrock_failures as failures
from . import _eventstream, _ids
from .base import Answer, Ask, Event, Headers, Reply

_STOP: Final = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
_PADDING: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def write(_: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    if answer.tool is None:
        block: dict[str, Any] = {"text": answer.text}
    else:
        block = {"toolUse": {"input": _arguments(answer), "name": answer.tool, "toolUseId": _tool_id(answer)}}
    return _plain(
        {
            "metrics": _metrics(answer),
            "output": {"message": {"content": [block], "role": "assistant"}},
            "serviceTier": {"type": "default"},
            "stopReason": _STOP[answer.finish],
            "usage": _usage(answer),
        },
        answer,
    )


def write_count(ask: Ask, answer: Answer) -> Reply:
    """How many tokens a prompt has."""
    return _plain({"inputTokens": ask.input_tokens}, answer)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", _eventstream.CONTENT_TYPE), *failures.response_headers(answer.id_seed)]


def stream(_: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as frames. A block of text has no `contentBlockStart`, as most models' have none."""
    place = answer.id_seed
    yield _event("messageStart", b'{"p":"', b'","role":"assistant"}', place)
    before, after = b'{"contentBlockIndex":0,"delta":{"text":', b'},"p":"'
    if answer.tool is not None:
        start = {"contentBlockIndex": 0, "start": {"toolUse": {"name": answer.tool, "toolUseId": _tool_id(answer)}}}
        yield _event("contentBlockStart", orjson.dumps({**start, "p": ""})[:-2], b'"}', place)
        before, after = b'{"contentBlockIndex":0,"delta":{"toolUse":{"input":', b'}},"p":"'
    for index, piece in enumerate(answer.pieces):
        yield _event("contentBlockDelta", before + orjson.dumps(piece) + after, b'"}', place + index, token=True)
    yield _event("contentBlockStop", b'{"contentBlockIndex":0,"p":"', b'"}', place + 1)
    yield _event("messageStop", b'{"p":"', b'","stopReason":"%s"}' % _STOP[answer.finish].encode(), place + 2)
    tail = {"serviceTier": {"type": "default"}, "usage": _usage(answer)}
    yield _event(
        "metadata",
        b'{"metrics":' + orjson.dumps(_metrics(answer)) + b',"p":"',
        b'",' + orjson.dumps(tail)[1:],
        place + 3,
    )


def _event(name: str, before: bytes, after: bytes, place: int, *, token: bool = False) -> Event:
    """A frame whose padding's length depends on `place`, and is the next one that leaves the frame clean."""
    headers = _headers(name)
    for more in range(len(_PADDING)):
        length = 1 + (place * 29 + more) % len(_PADDING)
        payload = before + _PADDING[:length] + after
        if _eventstream.is_clean(headers, payload):
            break
    return Event(_eventstream.encode(headers, payload), token=token)


@lru_cache(maxsize=16)
def _headers(name: str) -> bytes:
    return _eventstream.encode_headers(
        {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    )


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "cacheReadInputTokens": answer.cached_tokens,
        "cacheWriteInputTokens": 0,
        "inputTokens": answer.input_tokens - answer.cached_tokens,  # fresh input alone
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
    }


def _metrics(answer: Answer) -> dict[str, int]:
    return {"latencyMs": 200 + answer.id_seed % 800}  # made up: an answer doesn't know how long it took


def _tool_id(answer: Answer) -> str:
    return "tooluse_" + _ids.letters(answer.id_seed, "call", 22)


def _arguments(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.text)
    except orjson.JSONDecodeError:  # cut by maxTokens: a whole body has no place for half an object
        return {}


def _plain(body: Any, answer: Answer) -> Reply:
    data = orjson.dumps(body)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), data)
