"""Mistral chat completions: reading the one choice that OpenAI doesn't have, and writing an answer.

Sources: the official SDK's types (3.7); that a streamed tool call stands in a single chunk: semantic-kernel#6316. The
usage comes in the last chunk, asked for or not. Reasoning is a part of the content, which is a list then:
vercel/ai#8012. Cached tokens, and that they come in steps of 64: symfony/ai#2343, mistralai/client-ts#240.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import orjson

from . import _ids
from . import _mistral_failures as failures
from . import _openai_chat as chat
from ._openai_complaints import parse
from ._openai_completion import choices
from ._openai_deltas import DONE, FINISH, Frame, NameCall, deltas, tool_call
from ._openai_extras import REASONING_TOKENS, THOUGHT, Habits, read_chat
from ._routes import Request
from .base import Answer, Ask, Event, Headers, Reply

_CALL_ID_LETTERS: Final = 9
_THOUGHT: Final = [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]


def read(request: Request) -> Ask:
    """Understand a request.

    A tool that must be called is `any` in Mistral's words, and `required` in OpenAI's. A prompt is cached if it has a
    `prompt_cache_key`. `prompt_mode` "reasoning" has a model think whatever effort it is told.
    """
    ask = _read_cached(request) if b'"prompt_cache_key"' in request.body else _read(request)
    if ask.body.get("prompt_mode") == "reasoning" and not ask.reasoning_tokens:
        return replace(ask, reasoning_tokens=REASONING_TOKENS["high"])
    return ask


def _read_document(request: Request) -> Ask:
    document = parse(request.body)
    if document.get("tool_choice") == "any":
        document = {**document, "tool_choice": "required"}
    return chat.read_document(document, document.get("model"))


_read: Final = read_chat(_read_document, Habits(cache_tokens_min=None, stops_max=None))
_read_cached: Final = read_chat(_read_document, Habits(cache_tokens_min=64, cache_step_tokens=64, stops_max=None))


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    data = orjson.dumps(
        {
            "id": _completion_id(answer),
            "object": "chat.completion",
            "created": answer.created_s,
            "model": ask.model,
            "choices": [
                {"index": choice, "finish_reason": FINISH[answer.finish], "message": _message(answer, choice)}
                for choice in range(ask.choices)
            ],
            "usage": _usage(ask, answer),
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(ask, answer), data)


def _message(answer: Answer, choice: int) -> dict[str, Any]:
    name_call = _call_ids(answer, choice)
    calls = [
        {**tool_call(call, name_call(index), call.text), "index": index} for index, call in enumerate(answer.tool_calls)
    ]
    content: Any = "" if calls else answer.text
    if answer.reasoning_tokens:
        content = [*_THOUGHT, {"type": "text", "text": content}]
    return {"role": "assistant", "tool_calls": calls or None, "content": content}


def stream_head(ask: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream; charset=utf-8"), *_headers(ask, answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as `chat.completion.chunk` events."""
    head = (
        b'data: {"id":"'
        + _completion_id(answer).encode()
        + b'","object":"chat.completion.chunk","created":%d,"model":' % answer.created_s
        + orjson.dumps(ask.model)
        + b',"choices":[{"index":'
    )
    finish = b',"finish_reason":"' + FINISH[answer.finish].encode() + b'"}],"usage":'
    counted = orjson.dumps(_usage(ask, answer))

    def choice(index: int) -> Iterator[Event]:
        frame = Frame(
            before=head + b'%d,"delta":' % index,
            interior=b',"finish_reason":null}]',
            last=finish + counted,
            thought=orjson.dumps({"content": _THOUGHT}) if answer.reasoning_tokens else b"",
            last_delta=b'{"content":""}',
            tool_calls="last",
        )
        return deltas(answer, frame, _call_ids(answer, index))

    yield from choices(ask, answer, choice)
    yield DONE


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts; what was cached is told only of a prompt that has some of it."""
    produced = answer.output_tokens * ask.choices
    usage: dict[str, Any] = {
        "prompt_tokens": answer.input_tokens,
        "total_tokens": answer.input_tokens + produced,
        "completion_tokens": produced,
    }
    if answer.cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.cached_tokens}
    return usage


def _headers(ask: Ask, answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed)
    return own + failures.limits(answer.input_tokens + answer.output_tokens * ask.choices)


def _completion_id(answer: Answer) -> str:
    return _ids.hexadecimal(answer.id_seed, "completion", 32)


def _call_ids(answer: Answer, choice: int) -> NameCall:
    def name_call(index: int) -> str:
        purpose = f"call{choice}.{index}" if choice or index else "call"
        return _ids.letters(answer.id_seed, purpose, _CALL_ID_LETTERS)

    return name_call
