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
from ._anthropic_signatures import sign
from .base import Answer, Ask, Call, Event, Headers, Reply

_STOP: Final = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
_THOUGHT: Final = "The question is plain, and the answer was rehearsed."
_PADDING: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    blocks: list[dict[str, Any]] = []
    if answer.reasoning_tokens:
        blocks.append({"reasoningContent": {"reasoningText": {"signature": _signature(answer), "text": _THOUGHT}}})
    if answer.tool is None:
        blocks.append({"text": answer.text})
    for place, call in enumerate(answer.tool_calls):
        used = {"input": _arguments(call), "name": call.name, "toolUseId": _tool_id(answer, place)}
        blocks.append({"toolUse": used})
    return _plain(
        {
            "metrics": _metrics(answer),
            "output": {"message": {"content": blocks, "role": "assistant"}},
            "serviceTier": {"type": "default"},
            "stopReason": _stop_reason(answer),
            "usage": _usage(ask, answer),
        },
        answer,
    )


def write_count(ask: Ask, answer: Answer) -> Reply:
    """How many tokens a prompt has."""
    return _plain({"inputTokens": ask.input_tokens}, answer)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", _eventstream.CONTENT_TYPE), *failures.response_headers(answer.id_seed)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as frames. A block of text has no `contentBlockStart`, as most models' have none."""
    place = answer.id_seed
    yield event("messageStart", b'{"p":"', b'","role":"assistant"}', place)
    index = 0
    if answer.reasoning_tokens:
        yield from _think(answer)
        index = 1
    if answer.tool is None:
        yield from _block(index, b'{"text":', b"}", answer.pieces, place)
    for order, call in enumerate(answer.tool_calls):
        used = {"toolUse": {"name": call.name, "toolUseId": _tool_id(answer, order)}}
        start = {"contentBlockIndex": index + order, "start": used}
        yield event("contentBlockStart", orjson.dumps({**start, "p": ""})[:-2], b'"}', place)
        yield from _block(index + order, b'{"toolUse":{"input":', b"}}", call.pieces, place)
    yield event("messageStop", b'{"p":"', b'","stopReason":"%s"}' % _stop_reason(answer).encode(), place + 2)
    tail = {"serviceTier": {"type": "default"}, "usage": _usage(ask, answer)}
    yield event(
        "metadata",
        b'{"metrics":' + orjson.dumps(_metrics(answer)) + b',"p":"',
        b'",' + orjson.dumps(tail)[1:],
        place + 3,
    )


def _block(index: int, before: bytes, after: bytes, pieces: tuple[str, ...], place: int) -> Iterator[Event]:
    """The deltas of a block, each between `before` and `after`, and its end."""
    head = b'{"contentBlockIndex":%d,"delta":' % index + before
    tail = after + b',"p":"'
    for order, piece in enumerate(pieces):
        yield event("contentBlockDelta", head + orjson.dumps(piece) + tail, b'"}', place + order, token=True)
    yield event("contentBlockStop", b'{"contentBlockIndex":%d,"p":"' % index, b'"}', place + 1)


def _think(answer: Answer) -> Iterator[Event]:
    """The block of what was thought: its text, then its signature."""
    for name, said in (("text", _THOUGHT), ("signature", _signature(answer))):
        delta = orjson.dumps({"contentBlockIndex": 0, "delta": {"reasoningContent": {name: said}}})
        yield event("contentBlockDelta", delta[:-1] + b',"p":"', b'"}', answer.id_seed)
    yield event("contentBlockStop", b'{"contentBlockIndex":0,"p":"', b'"}', answer.id_seed + 1)


def event(name: str, before: bytes, after: bytes, place: int, *, token: bool = False) -> Event:
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


def _stop_reason(answer: Answer) -> str:
    return "stop_sequence" if answer.stop_sequence is not None else _STOP[answer.finish]


def _signature(answer: Answer) -> str:
    return sign(_THOUGHT, answer.id_seed)


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts; fresh input alone is `inputTokens`."""
    return {
        "cacheReadInputTokens": answer.cached_tokens,
        "cacheWriteInputTokens": ask.cache_write_tokens,
        "inputTokens": answer.input_tokens - answer.cached_tokens - ask.cache_write_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
    }


def latency_ms(answer: Answer) -> int:
    """How long the model took, in milliseconds: made up, since an answer doesn't know."""
    return 200 + answer.id_seed % 800


def _metrics(answer: Answer) -> dict[str, int]:
    return {"latencyMs": latency_ms(answer)}


def _tool_id(answer: Answer, place: int) -> str:
    return "tooluse_" + _ids.letters(answer.id_seed, f"call{place}" if place else "call", 22)


def _arguments(call: Call) -> Any:
    try:
        return orjson.loads(call.text)
    except orjson.JSONDecodeError:  # cut by maxTokens: a whole body has no place for half an object
        return {}


def _plain(body: Any, answer: Answer) -> Reply:
    data = orjson.dumps(body)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), data)
