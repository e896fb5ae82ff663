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
SHOW_THOUGHTS: Final = "$thoughts"
"""Key in `Ask.body` for whether what was thought is to be shown."""
THOUGHT_PART: Final = {"text": "The question is plain, and the answer was rehearsed.", "thought": True}

_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    parts, finish = _whole_parts(ask, answer), _finish(answer)
    thought = [THOUGHT_PART] if _shows_thoughts(ask, answer) else []
    document = _chunk(ask, answer, [*thought, *parts], _said(answer) * ask.choices, finish)
    (candidate,) = document["candidates"]
    document["candidates"] = [{**candidate, "index": index} for index in range(ask.choices)]
    return plain(document, answer)


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
    """The answer as chunks, in the form that the query asked for; one candidate comes after the other."""
    opening = True
    for thought in _thoughts(ask, answer):
        yield _framed(ask, thought, token=False, opening=opening)
        opening = False
    if answer.tool is None and ask.choices == 1 and not _in_array(ask):
        yield from _text_events(ask, answer)
        return
    for chunk in _text_chunks(ask, answer) if answer.tool is None else _call_chunks(ask, answer):
        if chunk is None:
            yield Event(b"", token=True)  # produced, but nothing is sent yet
            continue
        yield _framed(ask, chunk, token=True, opening=opening)
        opening = False
    if _in_array(ask):
        yield Event(b"\n]", token=False)


def _framed(ask: Ask, chunk: dict[str, Any], *, token: bool, opening: bool) -> Event:
    if _in_array(ask):
        return Event((b"[" if opening else b"\n,\r\n") + failures.pretty(chunk), token=token)
    return Event(b"data: " + failures.spaced(chunk) + b"\r\n\r\n", token=token)


def _in_array(ask: Ask) -> bool:
    return ask.body.get(ALT) == "json"


def _finish(answer: Answer) -> str:
    return _FINISH[answer.finish]


def _said(answer: Answer) -> int:
    """Tokens of an answer without its thoughts."""
    return answer.output_tokens - answer.reasoning_tokens


def _shows_thoughts(ask: Ask, answer: Answer) -> bool:
    return bool(answer.reasoning_tokens) and ask.body.get(SHOW_THOUGHTS) is True


def _thoughts(ask: Ask, answer: Answer) -> Iterator[dict[str, Any]]:
    """The chunk of what was thought, for those who want to see it."""
    if _shows_thoughts(ask, answer):
        yield _chunk(ask, answer, [THOUGHT_PART], 0, None)


def _text_chunks(ask: Ask, answer: Answer) -> Iterator[dict[str, Any]]:
    last = len(answer.pieces)
    for index in range(ask.choices):
        for place, piece in enumerate(answer.pieces, 1):
            finish = _finish(answer) if place == last else None
            tokens = index * _said(answer) + (_said(answer) if place == last else place)
            yield _chunk(ask, answer, [{"text": piece}], tokens, finish, index)


def _call_chunks(ask: Ask, answer: Answer) -> Iterator[dict[str, Any] | None]:
    for index in range(ask.choices):
        yield from [None] * (len(answer.pieces) - 1)
        yield _chunk(ask, answer, _whole_parts(ask, answer), (index + 1) * _said(answer), _finish(answer), index)


def _text_events(ask: Ask, answer: Answer) -> Iterator[Event]:
    before = b'data: {"candidates": [{"content": {"parts": [{"text": '
    after = b'}],"role": "model"}'
    usage = b',"index": 0}],"usageMetadata": {"promptTokenCount": %d,"candidatesTokenCount": ' % answer.input_tokens
    tail = _tail(ask, answer)
    last = len(answer.pieces)
    billed = answer.input_tokens + answer.reasoning_tokens
    for place, piece in enumerate(answer.pieces, 1):
        finish = b',"finishReason": "%s"' % _finish(answer).encode() if place == last else b""
        tokens = _said(answer) if place == last else place
        counts = b'%d,"totalTokenCount": %d' % (tokens, billed + tokens)
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
    ask: Ask, answer: Answer, parts: list[dict[str, Any]], tokens: int, finish_reason: str | None, index: int = 0
) -> dict[str, Any]:
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidate: dict[str, Any] = {"content": content}
    if finish_reason is not None:
        candidate["finishReason"] = finish_reason
    candidate["index"] = index
    thoughts = answer.reasoning_tokens * ask.choices
    usage: dict[str, Any] = {
        # what came from the cache is part of the prompt's count, as with OpenAI; thoughts are no part of the answer's
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": tokens,
        "totalTokenCount": answer.input_tokens + tokens + thoughts,
    }
    if answer.cached_tokens:
        usage["cachedContentTokenCount"] = answer.cached_tokens
    usage["promptTokensDetails"] = modalities(answer.input_tokens)
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
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
    """The parts of a whole answer; of several calls only the first has a signature, as the vendor has it."""
    if answer.tool is None:
        return [{"text": answer.text}]
    parts: list[dict[str, Any]] = []
    for place, call in enumerate(answer.tool_calls):
        try:
            document: dict[str, Any] = {"name": call.name, "args": orjson.loads(call.text)}
        except orjson.JSONDecodeError:  # cut by maxOutputTokens: half a call is none
            break
        if not signs_calls(ask.model):
            parts.append({"functionCall": document})
            continue
        document["id"] = _ids.letters(answer.id_seed, f"call{place}" if place else "call", 8)
        signed = {} if place else {"thoughtSignature": signature(answer.id_seed)}
        parts.append({"functionCall": document, **signed})
    return parts
