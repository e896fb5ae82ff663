"""Mistral chat completions: reading the one choice that OpenAI doesn't have, and writing an answer.

Sources: the official SDK's types (3.7); that a streamed tool call stands in a single chunk: semantic-kernel#6316. The
usage comes in the last chunk, asked for or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _ids
from . import _mistral_failures as failures
from . import _openai_chat as chat
from ._openai_complaints import parse
from ._openai_deltas import DONE, FINISH, Frame, deltas, tool_call
from ._routes import Request
from .base import Answer, Ask, Event, Headers, Reply

_CALL_ID_LETTERS: Final = 9


def read(request: Request) -> Ask:
    """Understand a request; a tool that must be called is `any` in Mistral's words, and `required` in OpenAI's."""
    document = parse(request.body)
    if document.get("tool_choice") == "any":
        document = {**document, "tool_choice": "required"}
    return chat.read_document(document, document.get("model"))


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    calls = None
    if answer.tool is not None:
        calls = [{**tool_call(answer, _call_id(answer), answer.text), "index": 0}]
    said = {"role": "assistant", "tool_calls": calls, "content": "" if calls else answer.text}
    data = orjson.dumps(
        {
            "id": _completion_id(answer),
            "object": "chat.completion",
            "created": answer.created_s,
            "model": ask.model,
            "choices": [{"index": 0, "finish_reason": FINISH[answer.finish], "message": said}],
            "usage": _usage(answer),
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
        + _completion_id(answer).encode()
        + b'","object":"chat.completion.chunk","created":%d,"model":' % answer.created_s
        + orjson.dumps(ask.model)
        + b',"choices":[{"index":0,"delta":'
    )
    finish = b',"finish_reason":"' + FINISH[answer.finish].encode() + b'"}],"usage":'
    yield from deltas(
        answer,
        Frame(
            before=head,
            interior=b',"finish_reason":null}]',
            last=finish + orjson.dumps(_usage(answer)),
            last_delta=b'{"content":""}',
            tool_calls="last",
        ),
        _call_id(answer),
    )
    yield DONE


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "completion_tokens": answer.output_tokens,
    }


def _headers(answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed)
    return own + failures.limits(answer.input_tokens + answer.output_tokens)


def _completion_id(answer: Answer) -> str:
    return _ids.hexadecimal(answer.id_seed, "completion", 32)


def _call_id(answer: Answer) -> str:
    return _ids.letters(answer.id_seed, "call", _CALL_ID_LETTERS)
