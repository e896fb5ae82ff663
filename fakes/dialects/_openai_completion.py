"""OpenAI chat completions: writing an answer, whole and streamed.

Keys and their order: a stream captured in January 2026 (ENTERPILOT/GoModel#46, tests/contract/testdata) and the types
of the official SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _ids
from . import _openai_failures as failures
from ._openai_deltas import DONE, FINISH, PADDINGS, Frame, deltas, tool_call
from .base import Answer, Ask, Event, Headers, Reply

_LETTERS: Final = _ids.letters(0, "obfuscation", 64) * 2
# Padding of 1 to 16 letters that hides a token's length from an eavesdropper; on by default.
_PADDING: Final = tuple(
    f',"obfuscation":"{_LETTERS[start : start + 1 + start * 7 % 16]}"'.encode() for start in range(PADDINGS)
)
_NO_PADDING: Final = (b"",) * PADDINGS


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    data = orjson.dumps(
        {
            "id": completion_id(answer),
            "object": "chat.completion",
            "created": answer.created_s,
            "model": ask.model,
            "choices": [
                {
                    "index": 0,
                    "message": message(answer, call_id(answer), refusal=None, annotations=[]),
                    "logprobs": None,
                    "finish_reason": FINISH[answer.finish],
                }
            ],
            "usage": usage(answer),
            "service_tier": "default",
            "system_fingerprint": fingerprint(ask),
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream; charset=utf-8"), *_headers(answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as `chat.completion.chunk` events."""
    head = (
        b'data: {"id":"'
        + completion_id(answer).encode()
        + b'","object":"chat.completion.chunk","created":%d,"model":' % answer.created_s
        + orjson.dumps(ask.model)
        + b',"service_tier":"default","system_fingerprint":"'
        + fingerprint(ask).encode()
        + b'","choices":['
    )
    closing = b"]" + (b',"usage":null' if ask.include_usage else b"")
    options = ask.body.get("stream_options")
    plain = isinstance(options, dict) and options.get("include_obfuscation") is False
    frame = Frame(
        before=head + b'{"index":0,"delta":',
        interior=b',"logprobs":null,"finish_reason":null}' + closing,
        last=b',"logprobs":null,"finish_reason":"' + FINISH[answer.finish].encode() + b'"}' + closing,
        paddings=_NO_PADDING if plain else _PADDING,
    )
    yield from deltas(answer, frame, call_id(answer))
    if ask.include_usage:
        yield Event(head + b'],"usage":' + orjson.dumps(usage(answer)) + b"}\n\n", token=False)
    yield DONE


def usage(answer: Answer) -> dict[str, Any]:
    """Token counts; `prompt_tokens` include the cached ones."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def message(answer: Answer, call: str, **extra: Any) -> dict[str, Any]:
    """The answer's message, its tool call called `call`, with the `extra` members that the vendor gives it."""
    said: dict[str, Any] = {"role": "assistant", "content": answer.text if answer.tool is None else None, **extra}
    if answer.tool is not None:
        said["tool_calls"] = [tool_call(answer, call, answer.text)]
    elif answer.finish == "refusal":
        said |= {"content": None, "refusal": answer.text}
    return said


def _headers(answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed, 90 + answer.id_seed % 900)
    return own + failures.limits(answer.input_tokens + answer.output_tokens)


def completion_id(answer: Answer) -> str:
    """The id of a completion and of all its chunks."""
    return "chatcmpl-" + _ids.letters(answer.id_seed, "completion", 29)


def call_id(answer: Answer) -> str:
    """The id of the answer's tool call."""
    return "call_" + _ids.letters(answer.id_seed, "call", 24)


def fingerprint(ask: Ask) -> str:
    """The configuration that the model runs with: one a model."""
    return "fp_" + _ids.hexadecimal(0, ask.model, 10)
