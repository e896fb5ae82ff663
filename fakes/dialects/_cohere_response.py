"""Cohere chat, version 2: writing an answer, whole and as a stream of named events.

Events and their order: the vendor's streaming pages (docs.cohere.com/v2/docs/streaming and tool-use-streaming) and the
official SDK's types (7.3). Whether ``[DONE]`` ends a stream is not certain; the SDK takes it as an end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from . import _cohere_citations as citations
from . import _cohere_failures as failures
from . import _ids
from .base import Answer, Ask, Call, Event, Headers, Reply

PREAMBLE_TOKENS: Final = 66
"""What the vendor's own words around a prompt come to, in tokens: counted in `tokens`, not in `billed_units`."""
_FINISH: Final = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool": "TOOL_CALL"}
_THOUGHT: Final = "The question is plain, and the answer was rehearsed."
_DONE: Final = Event(b"data: [DONE]\n\n", token=False)


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    message: dict[str, Any] = {"role": "assistant"}
    content = [{"type": "thinking", "thinking": _THOUGHT}] if answer.reasoning_tokens else []
    if answer.tool is None:
        content.append({"type": "text", "text": answer.text})
    else:
        message["tool_plan"] = _plan(answer)
        message["tool_calls"] = [_tool_call(answer, place, call) for place, call in enumerate(answer.tool_calls)]
    if content:
        message["content"] = content
    if citation := citations.first(ask, answer):
        message["citations"] = [citation]
    return plain(
        {
            "id": failures.uuid(answer.id_seed, "reply"),
            "message": message,
            "finish_reason": _finish(answer),
            "usage": _usage(answer),
        },
        answer,
    )


def plain(document: Any, answer: Answer) -> Reply:
    """A document as a response."""
    data = orjson.dumps(document)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream"), *_headers(answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as events; calls of tools come after the plan to call them."""
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", {"message": message}, id=failures.uuid(answer.id_seed, "reply"))
    index = 0
    if answer.reasoning_tokens:
        yield from _think()
        index = 1
    if answer.tool is None:
        yield from _say(ask, answer, index)
    else:
        yield from _call(answer)
    yield event("message-end", {"finish_reason": _finish(answer), "usage": _usage(answer)})
    yield _DONE


def _think() -> Iterator[Event]:
    """The content of what was thought."""
    for name, said in (
        ("content-start", {"type": "thinking", "thinking": ""}),
        ("content-delta", {"thinking": _THOUGHT}),
    ):
        yield event(name, {"message": {"content": said}}, index=0)
    yield event("content-end", None, index=0)


def _say(ask: Ask, answer: Answer, index: int) -> Iterator[Event]:
    """The content of the answer, with what it cites before its end."""
    yield event("content-start", {"message": {"content": {"type": "text", "text": ""}}}, index=index)
    before, after = _around("content-delta", index, b'{"message":{"content":{"text":', b"}}}}\n\n")
    for piece in answer.pieces:
        yield Event(before + orjson.dumps(piece) + after, token=True)
    if citation := citations.first(ask, answer):
        yield event("citation-start", {"message": {"citations": citation}}, index=0)
        yield event("citation-end", None, index=0)
    yield event("content-end", None, index=index)


def _call(answer: Answer) -> Iterator[Event]:
    """The plan, and each call."""
    for word in re.findall(r" ?\S+", _plan(answer)):
        yield event("tool-plan-delta", {"message": {"tool_plan": word}})
    for place, call in enumerate(answer.tool_calls):
        begun = _tool_call(answer, place, Call(call.name, ()))
        yield event("tool-call-start", {"message": {"tool_calls": begun}}, index=place)
        opening = b'{"message":{"tool_calls":{"function":{"arguments":'
        before, after = _around("tool-call-delta", place, opening, b"}}}}}\n\n")
        for piece in call.pieces:
            yield Event(before + orjson.dumps(piece) + after, token=True)
        yield event("tool-call-end", None, index=place)


def failed(finish_reason: str, end: bytes, details: Mapping[str, Any], id_seed: int) -> Reply:
    """An answer that says nothing but that it failed, or the events of one if `stream` is true in `details`."""
    document: dict[str, Any] = {"id": failures.uuid(id_seed, "reply"), "message": {"role": "assistant", "content": []}}
    if details.get("stream"):
        kind = "text/event-stream"
        data = event("message-start", {"message": document["message"]}, id=document["id"]).data + end
    else:
        kind = "application/json"
        none = {"input_tokens": 0, "output_tokens": 0}
        data = orjson.dumps(
            {**document, "finish_reason": finish_reason, "usage": {"billed_units": none, "tokens": none}}
        )
    head: Headers = [("content-type", kind), ("content-length", str(len(data)))]
    return Reply(200, head + failures.response_headers(id_seed, failures.CALLS_PER_MINUTE - 1), data)


def event(name: str, delta: dict[str, Any] | None, **more: Any) -> Event:
    """A named event without a token."""
    payload = {"type": name, **more}
    if delta is not None:
        payload["delta"] = delta
    return Event(f"event: {name}\n".encode() + b"data: " + orjson.dumps(payload) + b"\n\n", token=False)


def _around(name: str, index: int, before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the piece in an event that carries one."""
    head = f'event: {name}\ndata: {{"type":"{name}","index":{index},"delta":'
    return head.encode() + before, after


def _finish(answer: Answer) -> str:
    return "STOP_SEQUENCE" if answer.stop_sequence is not None else _FINISH[answer.finish]


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "billed_units": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
        "tokens": {"input_tokens": answer.input_tokens + PREAMBLE_TOKENS, "output_tokens": answer.output_tokens},
        "cached_tokens": answer.cached_tokens,
    }


def _plan(answer: Answer) -> str:
    """What the model says before it calls tools. It counts as no token, so that answers of all vendors cost alike."""
    named = " and ".join(call.name.replace("~", "-") for call in answer.tool_calls)
    return f"I will use the {named} tool{'s' if len(answer.tool_calls) > 1 else ''}."


def _tool_call(answer: Answer, place: int, call: Call) -> dict[str, Any]:
    purpose = f"call{place}" if place else "call"
    call_id = f"{call.name.replace('~', '-')}_{_ids.letters(answer.id_seed, purpose, 12).lower()}"
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.text}}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed, failures.CALLS_PER_MINUTE - 1)
