r"""OpenAI responses: writing an answer, whole and streamed, and failing in the middle of it.

Events, keys and order: the types of the official SDK 3.51. A stream says its text over and over (delta, part, item,
response); only the deltas carry an answer's word sign as it is, elsewhere it is written as the JSON escape ``\u007e``,
which parses to the same text: so whoever counts word signs on the wire counts each word once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from . import _ids
from . import _openai_failures as failures
from .base import Answer, Ask, Call, Event, Headers, Reply

ANSWER_KEYS: Final = ("delta", "text", "arguments")
"""The keys that carry an answer's content; a stream has it in `delta`, which here is a string."""
_SIGN: Final = b"~"
_ESCAPED: Final = b"\\u007e"
_INCOMPLETE: Final = {"length": "max_output_tokens", "filter": "content_filter"}
_LETTERS: Final = _ids.letters(0, "obfuscation", 64)


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `response`."""
    whole = _response(ask, answer, _ended(answer), [])
    quiet = {key: orjson.Fragment(_dump(value)) for key, value in whole.items()}  # the request may hold word signs too
    data = orjson.dumps({**quiet, "output": _output(answer, _ended(answer))})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream; charset=utf-8"), *_headers(answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as events, numbered from 0; the last one carries the whole response, and nothing follows it."""
    number = 0

    def event(kind: str, **members: Any) -> Event:
        nonlocal number
        number += 1
        return _event(kind, number - 1, members)

    yield event("response.created", response=_response(ask, answer, "in_progress", []))
    yield event("response.in_progress", response=_response(ask, answer, "in_progress", []))
    index = 0
    if answer.reasoning_tokens:
        thought = _reasoning(answer)
        yield event("response.output_item.added", output_index=0, item=thought)
        yield event("response.output_item.done", output_index=0, item=thought)
        index = 1
    options = ask.body.get("stream_options")
    padded = not (isinstance(options, dict) and options.get("include_obfuscation") is False)
    status = _ended(answer)
    for part in _parts(answer):
        opened = _item(answer, part, "in_progress", "")
        if part.call is None:
            opened["content"] = []
        yield event("response.output_item.added", output_index=index, item=opened)
        where = {"item_id": opened["id"], "output_index": index}
        if part.call is None:
            where["content_index"] = 0
            yield event("response.content_part.added", **where, part=_said(answer, ""))
        kind, last = _delta_of(answer)
        before = b'event: %b\ndata: {"type":"%b",%b,"delta":' % (kind, kind, _dump(where)[1:-1])
        for piece in part.pieces:
            padding = b',"obfuscation":"%b"' % _LETTERS[: 1 + number * 7 % 16].encode() if padded else b""
            yield Event(
                before + orjson.dumps(piece) + b'%b,"sequence_number":%d%b}\n\n' % (last, number, padding), token=True
            )
            number += 1
        text = "".join(part.pieces)
        if part.call is not None:
            yield event("response.function_call_arguments.done", **where, arguments=text)
        elif answer.finish == "refusal":
            yield event("response.refusal.done", **where, refusal=text)
        else:
            yield event("response.output_text.done", **where, text=text, logprobs=[])
        if part.call is None:
            yield event("response.content_part.done", **where, part=_said(answer, text))
        yield event("response.output_item.done", output_index=index, item=_item(answer, part, status, text))
        index += 1
    yield event(f"response.{status}", response=_response(ask, answer, status, _output(answer, status)))


def error_event(
    kind: str, details: Mapping[str, Any], id_seed: int, *, error: Mapping[str, Any] | None = None
) -> bytes:
    """A failure in mid-stream: an ``error`` event, then ``response.failed``.

    The error stands nested under `error`, as production sends it (openai/codex#43337), or, if `shape` is "flat", as the
    API's description has it. Details: `sequence_number` of the first of the two (2 unless given), `response_id`,
    `model`, and what the kind takes. `error` is another vendor's words for it.
    """
    number = int(details.get("sequence_number", 2))
    error = failures.body(kind, details)["error"] if error is None else error
    if details.get("shape") == "flat":
        said = {key: error.get(key) for key in ("code", "message", "param")}
    else:
        said = {"error": {key: error.get(key) for key in ("type", "code", "message", "param")}}
    failed = failures.failed_response(kind, details, id_seed, error=error)
    return _event("error", number, said).data + _event("response.failed", number + 1, {"response": failed}).data


def failed_stream(kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
    """A stream that fails before it has said a word."""
    begun = {**failures.failed_response(kind, details, id_seed), "status": "in_progress", "error": None}
    return b"".join(
        [
            _event("response.created", 0, {"response": begun}).data,
            _event("response.in_progress", 1, {"response": begun}).data,
            error_event(kind, {**details, "sequence_number": 2}, id_seed),
        ]
    )


def kept_back(details: Mapping[str, Any]) -> bytes:
    """The end of a stream whose answer is kept back: the `response` that began it is incomplete."""
    response = details.get("response")
    if response is None:  # nothing came before
        known = {key: value for key, value in details.items() if key != "variant"}
        response = {**failures.failed_response("server_error", known, 0), "error": None}
    reason = {"reason": _INCOMPLETE["filter"]}
    ended = {**response, "status": "incomplete", "incomplete_details": reason}
    return _event("response.incomplete", int(details.get("sequence_number", 2)), {"response": ended}).data


def _event(kind: str, number: int, members: Mapping[str, Any]) -> Event:
    payload = {"type": kind, **members, "sequence_number": number}
    return Event(b"event: " + kind.encode() + b"\ndata: " + _dump(payload) + b"\n\n", token=False)


def _dump(payload: Any) -> bytes:
    return orjson.dumps(payload).replace(_SIGN, _ESCAPED)


def _ended(answer: Answer) -> str:
    return "incomplete" if answer.finish in _INCOMPLETE else "completed"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an answer that is an item of its own: a call, or the message (`call` is None)."""

    place: int
    call: Call | None
    pieces: tuple[str, ...]


def _parts(answer: Answer) -> list[_Part]:
    calls = [_Part(place, call, call.pieces) for place, call in enumerate(answer.tool_calls)]
    return calls or [_Part(0, None, answer.pieces)]


def _delta_of(answer: Answer) -> tuple[bytes, bytes]:
    """The name of the events that spell the answer, and what each of them says after its delta."""
    if answer.tool is not None:
        return b"response.function_call_arguments.delta", b""
    if answer.finish == "refusal":
        return b"response.refusal.delta", b""
    return b"response.output_text.delta", b',"logprobs":[]'


def _output(answer: Answer, status: str) -> list[dict[str, Any]]:
    thought = [_reasoning(answer)] if answer.reasoning_tokens else []
    return thought + [_item(answer, part, status, "".join(part.pieces)) for part in _parts(answer)]


def _item(answer: Answer, part: _Part, status: str, text: str) -> dict[str, Any]:
    number = str(part.place) if part.place else ""
    if part.call is not None:
        return {
            "id": "fc_" + _ids.hexadecimal(answer.id_seed, "item" + number, 50),
            "type": "function_call",
            "status": status,
            "arguments": text,
            "call_id": "call_" + _ids.letters(answer.id_seed, "call" + number, 24),
            "name": part.call.name,
        }
    item_id = "msg_" + _ids.hexadecimal(answer.id_seed, "item", 50)
    return {"id": item_id, "type": "message", "status": status, "content": [_said(answer, text)], "role": "assistant"}


def _reasoning(answer: Answer) -> dict[str, Any]:
    return {"id": "rs_" + _ids.hexadecimal(answer.id_seed, "thought", 50), "type": "reasoning", "summary": []}


def _said(answer: Answer, text: str) -> dict[str, Any]:
    if answer.finish == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _response(ask: Ask, answer: Answer, status: str, output: Any) -> dict[str, Any]:
    body = ask.body
    ended = status != "in_progress"
    return {
        "id": failures.response_id(answer.id_seed),
        "object": "response",
        "created_at": answer.created_s,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": _INCOMPLETE[answer.finish]} if status == "incomplete" else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": ask.max_tokens,
        "max_tool_calls": None,
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default" if ended else body.get("service_tier", "auto"),
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(body.get("text") or {})},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_logprobs": 0,
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": usage(ask, answer) if ended else None,
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts; input includes what was cached, output what was thought."""
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": ask.cache_write_tokens},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _headers(answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed, 90 + answer.id_seed % 900)
    return [*own, *failures.limits(answer.input_tokens + answer.output_tokens)]
