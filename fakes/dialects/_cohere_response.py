"""Cohere chat, version 2: writing an answer, whole and as a stream of named events.

Events and their order: the vendor's streaming pages (docs.cohere.com/v2/docs/streaming and tool-use-streaming) and the
official SDK's types (7.3). Whether ``[DONE]`` ends a stream is not certain; the SDK takes it as an end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _cohere_failures as failures
from . import _ids
from .base import Answer, Ask, Event, Headers, Reply

PREAMBLE_TOKENS: Final = 66
"""What the vendor's own words around a prompt come to, in tokens: counted in `tokens`, not in `billed_units`."""
_FINISH: Final = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool": "TOOL_CALL"}
_DONE: Final = Event(b"data: [DONE]\n\n", token=False)


def write(_: Ask, answer: Answer) -> Reply:
    """The answer as one body."""
    message: dict[str, Any] = {"role": "assistant"}
    if answer.tool is None:
        message["content"] = [{"type": "text", "text": answer.text}]
    else:
        message["tool_plan"] = _plan(answer)
        message["tool_calls"] = [_tool_call(answer, answer.text)]
    data = orjson.dumps(
        {
            "id": failures.uuid(answer.id_seed, "reply"),
            "message": message,
            "finish_reason": _FINISH[answer.finish],
            "usage": _usage(answer),
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream"), *_headers(answer)]


def stream(_: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as events; a call of a tool comes after the plan to call it."""
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", {"message": message}, id=failures.uuid(answer.id_seed, "reply"))
    if answer.tool is None:
        yield event("content-start", {"message": {"content": {"type": "text", "text": ""}}}, index=0)
        before, after = _around("content-delta", b'{"message":{"content":{"text":', b"}}}}\n\n")
        end = "content-end"
    else:
        for word in re.findall(r" ?\S+", _plan(answer)):
            yield event("tool-plan-delta", {"message": {"tool_plan": word}})
        yield event("tool-call-start", {"message": {"tool_calls": _tool_call(answer, "")}}, index=0)
        before, after = _around("tool-call-delta", b'{"message":{"tool_calls":{"function":{"arguments":', b"}}}}}\n\n")
        end = "tool-call-end"
    for piece in answer.pieces:
        yield Event(before + orjson.dumps(piece) + after, token=True)
    yield event(end, None, index=0)
    yield event("message-end", {"finish_reason": _FINISH[answer.finish], "usage": _usage(answer)})
    yield _DONE


def event(name: str, delta: dict[str, Any] | None, **more: Any) -> Event:
    """A named event without a token."""
    payload = {"type": name, **more}
    if delta is not None:
        payload["delta"] = delta
    return Event(f"event: {name}\n".encode() + b"data: " + orjson.dumps(payload) + b"\n\n", token=False)


def _around(name: str, before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the piece in an event that carries one."""
    head = f'event: {name}\ndata: {{"type":"{name}","index":0,"delta":'
    return head.encode() + before, after


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "billed_units": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
        "tokens": {"input_tokens": answer.input_tokens + PREAMBLE_TOKENS, "output_tokens": answer.output_tokens},
        "cached_tokens": answer.cached_tokens,
    }


def _plan(answer: Answer) -> str:
    """What the model says before it calls a tool. It counts as no token, so that answers of all vendors cost alike."""
    return f"I will use the {str(answer.tool).replace('~', '-')} tool."


def _tool_call(answer: Answer, arguments: str) -> dict[str, Any]:
    call_id = f"{str(answer.tool).replace('~', '-')}_{_ids.letters(answer.id_seed, 'call', 12).lower()}"
    return {"id": call_id, "type": "function", "function": {"name": answer.tool, "arguments": arguments}}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed, failures.CALLS_PER_MINUTE - 1)
