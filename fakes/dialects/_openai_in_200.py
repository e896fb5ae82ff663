"""Failures of OpenAI's with status 200: a model that refuses, an answer kept back, an error after the head was sent.

Refusals and `content_filter`: OpenAI's API reference and the types of the official SDK (3.51). An overload that comes
as an error inside a stream: openai/codex#43337, anomalyco/opencode#25730.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import _openai_failures as failures
from . import _openai_responses as responses
from ._failure_table import UNTOLD_S, error_data, now
from ._openai_failures import RESPONSES
from ._routes import RoutedDialect
from .base import Answer, Ask, Headers, Reply

REFUSAL: Final = ("I'm ", "sorry, ", "but ", "I ", "can't ", "help ", "with ", "that.")
"""What a model says that refuses, in tokens."""
_FINISH: Final = {"refusal": "refusal", "output": "filter"}


def is_answer(kind: str, details: Mapping[str, Any]) -> bool:
    """Whether the failure is an answer of the model's: it refuses, or what it said is kept back."""
    return kind == "content_filtered" and details.get("variant") in _FINISH


def answered(dialect: RoutedDialect, details: Mapping[str, Any], id_seed: int) -> Reply:
    """Such an answer, in the form that the request asked for: whole, and as chat completions have it, if not known."""
    ask = details.get("ask")
    if not isinstance(ask, Ask):
        model = str(details.get("model", failures.DEFAULT_MODEL))
        stream, api = details.get("stream") is True, str(details.get("api", ""))
        ask = Ask(model, stream=stream, text="", mark=None, input_tokens=9, api=api)
    finish = _FINISH[details["variant"]]
    pieces = REFUSAL if finish == "refusal" else ()
    answer = Answer(pieces, None, finish, ask.input_tokens, len(pieces), id_seed, int(now(details)))
    if not ask.stream:
        return dialect.write(ask, answer)
    status, headers = dialect.stream_head(ask, answer)
    return Reply(status, headers, b"".join(event.data for event in dialect.stream(ask, answer)))


def kept_back(details: Mapping[str, Any]) -> bytes:
    """How a stream ends whose answer is kept back from here on: a last chunk, or an incomplete response."""
    if details.get("api") == RESPONSES:
        return responses.kept_back(details)
    chunk = details.get("chunk") or {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": UNTOLD_S,
        "model": str(details.get("model", failures.DEFAULT_MODEL)),
    }
    choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "content_filter"}
    ending = {key: value for key, value in chunk.items() if key != "obfuscation"}
    return error_data({**ending, "choices": [choice]}) + b"data: [DONE]\n\n"


def failed(details: Mapping[str, Any], id_seed: int) -> Reply:
    """An `error_in_200` in the form that the request asked for; `cause` is the failure kind of the error.

    Unless the request is known, it is a whole response of the Responses API.

    Raises:
        UnknownFailureError: when the vendor has no such cause.
    """
    cause = str(details.get("cause", "error_in_200"))
    api = details.get("api", RESPONSES)
    if details.get("stream") is True:
        data = responses.failed_stream(cause, details, id_seed) if api else error_data(failures.body(cause, details))
        headers: Headers = [("content-type", "text/event-stream; charset=utf-8")]
    else:
        data = orjson.dumps(failures.failed_response(cause, details, id_seed) if api else failures.body(cause, details))
        headers = [("content-type", "application/json; charset=utf-8"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(id_seed, 7 + id_seed % 40), data)
