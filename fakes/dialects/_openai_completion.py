"""OpenAI chat completions: writing an answer, whole and streamed.

Keys and their order: a stream captured in January 2026 (ENTERPILOT/GoModel#46, tests/contract/testdata) and the types
of the official SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal

import orjson

from . import _ids
from . import _openai_failures as failures
from ._openai_choices import logprobs, together
from ._openai_deltas import DONE, FINISH, PADDINGS, Frame, NameCall, deltas, tool_call
from .base import Answer, Ask, Event, Headers, Reply

_LETTERS: Final = _ids.letters(0, "obfuscation", 64) * 2
# Padding of 1 to 16 letters that hides a token's length from an eavesdropper; on by default.
_PADDING: Final = tuple(
    f',"obfuscation":"{_LETTERS[start : start + 1 + start * 7 % 16]}"'.encode() for start in range(PADDINGS)
)
_JSON: Final = ("content-type", "application/json")
_NO_PADDING: Final = (b"",) * PADDINGS


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    plain = ask.choices == 1 and answer.tool is None and answer.finish != "refusal" and not ask.body.get("logprobs")
    data = words(ask, answer) if plain else whole(ask, answer)
    return Reply(200, [_JSON, ("content-length", str(len(data))), *_headers(ask, answer)], data)


def whole(ask: Ask, answer: Answer) -> bytes:
    """The body of any answer."""
    choices_ = [_choice(ask, answer, choice) for choice in range(ask.choices)]
    return orjson.dumps(_completion(completion_id(answer), answer.created_s, ask.model, choices_, usage(ask, answer)))


def _completion(
    id_: Any, created_s: Any, model: Any, choices_: list[dict[str, Any]], counted: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": id_,
        "object": "chat.completion",
        "created": created_s,
        "model": model,
        "choices": choices_,
        "usage": counted,
        "service_tier": "default",
        "system_fingerprint": _fingerprint(model),
    }


def _choice(ask: Ask, answer: Answer, choice: int) -> dict[str, Any]:
    said = message(ask, answer, choice, refusal=None, annotations=[])
    likely = logprobs(ask, answer) if ask.body.get("logprobs") else None
    finish = FINISH[answer.finish] if answer.tool is None else ending(ask, answer)[0]
    return {"index": choice, "message": said, "logprobs": likely, "finish_reason": finish}


def words(ask: Ask, answer: Answer) -> bytes:
    """The same for the one choice that nearly every answer has: words, and nothing about their likelihood."""
    taken, made = answer.input_tokens, answer.output_tokens
    return _blank(ask.model) % (
        completion_id(answer).encode(),
        answer.created_s,
        orjson.dumps("".join(answer.pieces)),
        FINISH[answer.finish].encode(),
        taken,
        made,
        taken + made,
        answer.cached_tokens,
        ask.cache_write_tokens,
        answer.reasoning_tokens,
    )


@lru_cache(maxsize=256)
def _blank(model: str) -> bytes:
    """What `whole` makes of any words by a model, with blanks for what differs: ids, words and counts."""
    text, figure = orjson.Fragment(b'"%b"'), orjson.Fragment(b"%d")
    said: dict[str, Any] = {"role": "assistant", "content": orjson.Fragment(b"%b"), "refusal": None, "annotations": []}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": text}
    counted = _usage(figure, figure, figure, figure, figure, figure)
    document = _completion(text, figure, model, [choice], counted)
    document["model"] = orjson.Fragment(orjson.dumps(model).replace(b"%", b"%%"))
    return orjson.dumps(document)


def stream_head(ask: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream; charset=utf-8"), *_headers(ask, answer)]


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
    finish, tool_calls = ending(ask, answer)

    def choice(index: int) -> Iterator[Event]:
        frame = Frame(
            before=head + b'{"index":%d,"delta":' % index,
            interior=b',"logprobs":null,"finish_reason":null}' + closing,
            last=b',"logprobs":null,"finish_reason":"' + finish.encode() + b'"}' + closing,
            tool_calls=tool_calls,
            paddings=_NO_PADDING if plain else _PADDING,
        )
        return deltas(answer, frame, call_ids(answer, index))

    yield from choices(ask, answer, choice)
    if ask.include_usage:
        yield Event(head + b'],"usage":' + orjson.dumps(usage(ask, answer)) + b"}\n\n", token=False)
    yield DONE


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts; `prompt_tokens` include the cached ones, and every choice counts."""
    taken, produced = answer.input_tokens, answer.output_tokens * ask.choices
    reasoning = answer.reasoning_tokens * ask.choices
    return _usage(taken, produced, taken + produced, answer.cached_tokens, ask.cache_write_tokens, reasoning)


def _usage(taken: Any, produced: Any, total: Any, cached: Any, written: Any, reasoning: Any) -> dict[str, Any]:
    return {
        "prompt_tokens": taken,
        "completion_tokens": produced,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def ending(ask: Ask, answer: Answer) -> tuple[str, Literal["pieces", "function"]]:
    """The finish reason, and how a call streams: `functions`, which tools have replaced, have words of their own."""
    if answer.tool is not None and "tools" not in ask.body and "functions" in ask.body:
        return "function_call" if answer.finish == "tool" else FINISH[answer.finish], "function"
    return FINISH[answer.finish], "pieces"


def choices(ask: Ask, answer: Answer, choice: Callable[[int], Iterator[Event]]) -> Iterator[Event]:
    """The stream of the one choice, or of all of them; `choice` streams the one with that number."""
    if ask.choices == 1 and ask.body.get("logprobs") is not True:
        return choice(0)
    return together(ask, answer, [choice(index) for index in range(ask.choices)])


def message(ask: Ask, answer: Answer, choice: int = 0, **extra: Any) -> dict[str, Any]:
    """The answer's message as one of its choices, with the `extra` members that the vendor gives it."""
    if answer.tool is None:
        if answer.finish == "refusal":
            return {"role": "assistant", "content": None, **extra, "refusal": answer.text}
        return {"role": "assistant", "content": answer.text, **extra}
    said: dict[str, Any] = {"role": "assistant", "content": None, **extra}
    if ending(ask, answer)[1] == "function":
        said["function_call"] = {"name": answer.tool, "arguments": answer.text}
    else:
        name_call, called = call_ids(answer, choice), answer.tool_calls
        said["tool_calls"] = [tool_call(call, name_call(index), call.text) for index, call in enumerate(called)]
    return said


def _headers(ask: Ask, answer: Answer) -> Headers:
    headers = failures.response_headers(answer.id_seed, 90 + answer.id_seed % 900)
    headers += failures.limits(answer.input_tokens + answer.output_tokens * ask.choices)
    return headers


def completion_id(answer: Answer) -> str:
    """The id of a completion and of all its chunks."""
    return "chatcmpl-" + _ids.letters(answer.id_seed, "completion", 29)


def call_ids(answer: Answer, choice: int = 0) -> NameCall:
    """The ids of the calls of one of the answer's choices."""

    def name_call(index: int) -> str:
        purpose = f"call{choice}.{index}" if choice or index else "call"
        return "call_" + _ids.letters(answer.id_seed, purpose, 24)

    return name_call


def fingerprint(ask: Ask) -> str:
    """The configuration that the model runs with: one a model."""
    return _fingerprint(ask.model)


@lru_cache(maxsize=256)
def _fingerprint(model: str) -> str:
    return "fp_" + _ids.hexadecimal(0, model, 10)
