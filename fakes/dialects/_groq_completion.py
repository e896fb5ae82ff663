"""Groq chat completions: OpenAI's, with timings in the usage and `x_groq` in the first and last chunk.

Sources: the types of the official SDK (1.7); a stream in Portkey-AI/gateway#1338; that a tool call comes in one chunk:
ogx-ai/ogx#630.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from . import _groq_failures as failures
from . import _ids
from . import _openai_chat as chat
from ._failure_table import UNTOLD_S
from ._openai_complaints import refuse
from ._openai_completion import call_ids, ending, fingerprint, message
from ._openai_deltas import DONE, Frame, deltas
from ._openai_extras import THOUGHT, Habits, read_chat
from ._routes import Request
from .base import Answer, Ask, Event, Headers, Reply

_PROMPT_TOKENS_PER_SECOND: Final = 10_000
_TOKENS_PER_SECOND: Final = 500
EFFORTS: Final = {"none": 0, "default": 256, "low": 64, "medium": 256, "high": 1024}
"""Tokens that are thought at each effort."""
_read: Final = read_chat(chat.read, Habits(efforts=EFFORTS, choices=False))
_THOUGHT: Final = orjson.dumps({"reasoning": THOUGHT})
_TIERS: Final = frozenset({"auto", "on_demand", "flex", "performance"})


def read(request: Request) -> Ask:
    """Understand a request; what the vendor's reference says it doesn't support is refused."""
    ask = _read(request)
    body = ask.body
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name):
            refuse("bad_request", message=f"property '{name}' is unsupported", param=name)
    if body.get("n") not in (None, 1) or body.get("n") is True:
        refuse("bad_request", message="'n' : number must be at most 1", param="n")
    if body.get("include_reasoning") is not None and body.get("reasoning_format") is not None:
        refuse("bad_request", message="cannot specify both include_reasoning and reasoning_format")
    return ask


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    finish, _ = ending(ask, answer)
    thought: dict[str, Any] = {"reasoning": THOUGHT} if _shows_thought(ask, answer) else {}
    choice = {
        "index": 0,
        "message": message(ask, answer, **thought),
        "logprobs": None,
        "finish_reason": finish,
    }
    tier = ask.body.get("service_tier")
    data = orjson.dumps(
        {
            "id": _completion_id(answer),
            "object": "chat.completion",
            "created": answer.created_s,
            "model": ask.model,
            "choices": [choice],
            "usage": _usage(answer),
            "usage_breakdown": None,
            "system_fingerprint": fingerprint(ask),
            "x_groq": {"id": failures.request_id(answer.id_seed)},
            "service_tier": tier if isinstance(tier, str) and tier in _TIERS else "on_demand",
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream"), *_headers(answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as `chat.completion.chunk` events."""
    head = (
        b'data: {"id":"'
        + _completion_id(answer).encode()
        + b'","object":"chat.completion.chunk","created":%d,"model":' % answer.created_s
        + orjson.dumps(ask.model)
        + b',"system_fingerprint":"'
        + fingerprint(ask).encode()
        + b'","choices":['
    )
    interior = b',"logprobs":null,"finish_reason":null}]'
    finish, tool_calls = ending(ask, answer)
    last = b',"logprobs":null,"finish_reason":"' + finish.encode() + b'"}]'
    identity = {"id": failures.request_id(answer.id_seed)}
    seed = ask.body.get("seed")
    final: dict[str, Any] = {**identity, "usage": _usage(answer)}
    if isinstance(seed, int) and not isinstance(seed, bool):
        final["seed"] = seed
    yield from deltas(
        answer,
        Frame(
            before=head + b'{"index":0,"delta":',
            interior=interior,
            last=last + b',"x_groq":' + orjson.dumps(final),
            first=interior + b',"x_groq":' + orjson.dumps(identity),
            thought=_THOUGHT if _shows_thought(ask, answer) else b"",
            tool_calls="whole" if tool_calls == "pieces" else tool_calls,
        ),
        call_ids(answer),
    )
    if ask.include_usage:
        yield Event(head + b'],"usage":' + orjson.dumps(_usage(answer)) + b"}\n\n", token=False)
    yield DONE


def stopped(message: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """A last chunk that says in `x_groq` why the stream ends early; the official SDK does not raise for it."""
    before = details.get("chunk") or {}
    return {
        "id": before.get("id", "chatcmpl-" + _ids.uuid(id_seed, "completion")),
        "object": "chat.completion.chunk",
        "created": before.get("created", UNTOLD_S),
        "model": before.get("model", str(details.get("model", ""))),
        "choices": [],
        "x_groq": {"id": failures.request_id(id_seed), "error": message},
    }


def _shows_thought(ask: Ask, answer: Answer) -> bool:
    """Whether the reasoning is shown in a field of its own, as it is unless the request says otherwise."""
    body = ask.body
    return (
        answer.reasoning_tokens > 0
        and body.get("include_reasoning") is not False
        and body.get("reasoning_format", "parsed") == "parsed"
    )


def _usage(answer: Answer) -> dict[str, Any]:
    """Token counts with timings in seconds, which are made up at a steady pace."""
    prompt_time = answer.input_tokens / _PROMPT_TOKENS_PER_SECOND
    completion_time = answer.output_tokens / _TOKENS_PER_SECOND
    usage = {
        "queue_time": (1 + answer.id_seed % 90) / 1000,
        "prompt_tokens": answer.input_tokens,
        "prompt_time": prompt_time,
        "completion_tokens": answer.output_tokens,
        "completion_time": completion_time,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "total_time": prompt_time + completion_time,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }
    if answer.reasoning_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": answer.reasoning_tokens}
    return usage


def _headers(answer: Answer) -> Headers:
    tokens = answer.input_tokens - answer.cached_tokens + answer.output_tokens  # cached ones don't count to the limit
    return failures.response_headers(answer.id_seed) + failures.limits(tokens)


def _completion_id(answer: Answer) -> str:
    return "chatcmpl-" + _ids.uuid(answer.id_seed, "completion")
