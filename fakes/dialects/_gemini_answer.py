"""Gemini generateContent: writing an answer, whole, as server-sent events, or as a growing JSON array.

Keys and their order: google-genai's types and captures of the API in public clients. Every chunk carries the usage up
to it; nothing marks the end of a stream but the finish reason of its last chunk. A function call is never streamed in
parts: it comes whole, once its last token is there. The constant parts of a chunk are joined once per answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _gemini_failures as failures
from . import _ids
from ._gemini_signatures import signature, signs_calls
from .base import Answer, Ask, Event, Headers, Reply

ALT: Final = "$alt"
"""Key in `Ask.body` for the query's ``alt``: the API takes system parameters there too."""

_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    return plain(_chunk(ask, answer, _whole_parts(ask, answer), answer.output_tokens, _FINISH[answer.finish]), answer)


def plain(document: Any, answer: Answer) -> Reply:
    """A document as a response."""
    data = failures.pretty(document) + b"\n"
    head: Headers = [("content-type", "application/json; charset=UTF-8"), ("content-length", str(len(data)))]
    return Reply(200, head + failures.response_headers(answer.id_seed), data)


def stream_head(ask: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    kind = "application/json; charset=UTF-8" if _in_array(ask) else "text/event-stream"
    head: Headers = [("content-type", kind), ("content-disposition", "attachment")]
    return 200, head + failures.response_headers(answer.id_seed)


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as chunks, in the form that the query asked for."""
    if answer.tool is not None:
        for _ in answer.pieces[1:]:  # the tokens before the last are produced, but nothing is sent yet
            yield Event(b"", token=True)
        chunk = _chunk(ask, answer, _whole_parts(ask, answer), answer.output_tokens, _FINISH[answer.finish])
        if _in_array(ask):
            yield Event(b"[" + failures.pretty(chunk), token=True)
        else:
            yield Event(b"data: " + failures.spaced(chunk) + b"\r\n\r\n", token=True)
    elif _in_array(ask):
        yield from _text_elements(ask, answer)
    else:
        yield from _text_events(ask, answer)
    if _in_array(ask):
        yield Event(b"\n]", token=False)


def _in_array(ask: Ask) -> bool:
    return ask.body.get(ALT) == "json"


def _text_elements(ask: Ask, answer: Answer) -> Iterator[Event]:
    last = len(answer.pieces)
    for place, piece in enumerate(answer.pieces, 1):
        finish = _FINISH[answer.finish] if place == last else None
        tokens = answer.output_tokens if place == last else place
        element = failures.pretty(_chunk(ask, answer, [{"text": piece}], tokens, finish))
        yield Event((b"[" if place == 1 else b"\n,\r\n") + element, token=True)


def _text_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    before = b'data: {"candidates": [{"content": {"parts": [{"text": '
    after = b'}],"role": "model"}'
    usage = b',"index": 0}],"usageMetadata": {"promptTokenCount": %d,"candidatesTokenCount": ' % answer.input_tokens
    tail = _tail(ask, answer)
    last = len(answer.pieces)
    for place, piece in enumerate(answer.pieces, 1):
        finish = b',"finishReason": "%s"' % _FINISH[answer.finish].encode() if place == last else b""
        tokens = answer.output_tokens if place == last else place
        counts = b'%d,"totalTokenCount": %d' % (tokens, answer.input_tokens + tokens)
        yield Event(before + orjson.dumps(piece) + after + finish + usage + counts + tail, token=True)


def _tail(ask: Ask, answer: Answer) -> bytes:
    """What follows the counts in every event of a text."""
    chunk = _chunk(ask, answer, [], 0, None)
    usage = {
        key: value
        for key, value in chunk["usageMetadata"].items()
        if key not in ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
    }
    rest = {"modelVersion": chunk["modelVersion"], "responseId": chunk["responseId"]}
    return b"," + failures.spaced(usage)[1:] + b"," + failures.spaced(rest)[1:] + b"\r\n\r\n"


def _chunk(
    ask: Ask, answer: Answer, parts: list[dict[str, Any]], tokens: int, finish_reason: str | None
) -> dict[str, Any]:
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidate: dict[str, Any] = {"content": content}
    if finish_reason is not None:
        candidate["finishReason"] = finish_reason
    candidate["index"] = 0
    usage: dict[str, Any] = {
        # what came from the cache is part of the prompt's count, as with OpenAI
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": tokens,
        "totalTokenCount": answer.input_tokens + tokens,
    }
    if answer.cached_tokens:
        usage["cachedContentTokenCount"] = answer.cached_tokens
    usage["promptTokensDetails"] = modalities(answer.input_tokens)
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": ask.model,
        "responseId": failures.response_id(answer.id_seed),
    }


def modalities(tokens: int) -> list[dict[str, Any]]:
    """A count of tokens by their kind: all text, since the fakes count nothing else."""
    return [{"modality": "TEXT", "tokenCount": tokens}]


def _whole_parts(ask: Ask, answer: Answer) -> list[dict[str, Any]]:
    if answer.tool is None:
        return [{"text": answer.text}]
    try:
        arguments = orjson.loads(answer.text)
    except orjson.JSONDecodeError:  # cut by maxOutputTokens: half a call is none
        return []
    call: dict[str, Any] = {"name": answer.tool, "args": arguments}
    if not signs_calls(ask.model):
        return [{"functionCall": call}]
    call["id"] = _ids.letters(answer.id_seed, "call", 8)
    return [{"functionCall": call, "thoughtSignature": signature(answer.id_seed)}]
