"""Groq chat completions: OpenAI's, with timings in the usage and `x_groq` in the first and last chunk.

Sources: the types of the official SDK (1.7); a stream in Portkey-AI/gateway#1338; that a tool call comes in one chunk:
ogx-ai/ogx#630.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _groq_failures as failures
from . import _ids
from ._openai_completion import call_id, fingerprint, message
from ._openai_deltas import DONE, FINISH, Frame, deltas
from .base import Answer, Ask, Event, Headers, Reply

_PROMPT_TOKENS_PER_SECOND: Final = 10_000
_TOKENS_PER_SECOND: Final = 500
_TIERS: Final = frozenset({"auto", "on_demand", "flex", "performance"})


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    choice = {
        "index": 0,
        "message": message(answer, call_id(answer)),
        "logprobs": None,
        "finish_reason": FINISH[answer.finish],
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
    last = b',"logprobs":null,"finish_reason":"' + FINISH[answer.finish].encode() + b'"}]'
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
            tool_calls="whole",
        ),
        call_id(answer),
    )
    if ask.include_usage:
        yield Event(head + b'],"usage":' + orjson.dumps(_usage(answer)) + b"}\n\n", token=False)
    yield DONE


def stopped(message: str, id_seed: int) -> dict[str, Any]:
    """A last chunk that says in `x_groq` why the stream ends early; the official SDK does not raise for it."""
    return {
        "id": "chatcmpl-" + _ids.uuid(id_seed, "completion"),
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "",
        "choices": [],
        "x_groq": {"id": failures.request_id(id_seed), "error": message},
    }


def _usage(answer: Answer) -> dict[str, Any]:
    """Token counts with timings in seconds, which are made up at a steady pace."""
    prompt_time = answer.input_tokens / _PROMPT_TOKENS_PER_SECOND
    completion_time = answer.output_tokens / _TOKENS_PER_SECOND
    return {
        "queue_time": (1 + answer.id_seed % 90) / 1000,
        "prompt_tokens": answer.input_tokens,
        "prompt_time": prompt_time,
        "completion_tokens": answer.output_tokens,
        "completion_time": completion_time,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "total_time": prompt_time + completion_time,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def _headers(answer: Answer) -> Headers:
    tokens = answer.input_tokens - answer.cached_tokens + answer.output_tokens  # cached ones don't count to the limit
    return failures.response_headers(answer.id_seed) + failures.limits(tokens)


def _completion_id(answer: Answer) -> str:
    return "chatcmpl-" + _ids.uuid(answer.id_seed, "completion")
