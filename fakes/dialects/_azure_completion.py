"""Azure OpenAI chat completions: OpenAI's, with the keys in alphabetical order and what the content filters found.

Sources: streams captured in langchain4j/langchain4j#2385 (2025-01) and microsoft/autogen#6465 (2025-05). The first
chunk of a stream has no choices: langchain#6462, pydantic-ai#164 and LiteLLM#35785 tell what that breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from . import _azure_failures as failures
from ._openai_choices import logprobs
from ._openai_completion import call_ids, choices, completion_id, ending, fingerprint, message, usage
from ._openai_deltas import DONE, Frame, deltas
from .base import Answer, Ask, Event, Headers, Reply

_PROMPT_FILTERS: Final = [{"prompt_index": 0, "content_filter_results": failures.filters(jailbreak=True)}]
_FILTERS: Final = orjson.dumps(failures.filters())
_FIRST: Final = Event(
    b'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":'
    + orjson.dumps(_PROMPT_FILTERS)
    + b"}\n\n",
    token=False,
)


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    finish, _ = ending(ask, answer)
    body = {
        "choices": [
            {
                "content_filter_results": failures.found(answer.finish),
                "finish_reason": finish,
                "index": choice,
                "logprobs": logprobs(ask, answer),
                "message": message(ask, answer, choice, refusal=None, annotations=[]),
            }
            for choice in range(ask.choices)
        ],
        "created": answer.created_s,
        "id": completion_id(answer),
        "model": ask.model,
        "object": "chat.completion",
        "prompt_filter_results": _PROMPT_FILTERS,
        "system_fingerprint": fingerprint(ask),
        "usage": usage(ask, answer),
    }
    data = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(ask, answer), data)


def stream_head(ask: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream; charset=utf-8"), *_headers(ask, answer)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as `chat.completion.chunk` events, the one about the prompt before them."""
    tail = (
        b'],"created":%d,"id":"' % answer.created_s
        + completion_id(answer).encode()
        + b'","model":'
        + orjson.dumps(ask.model)
        + b',"object":"chat.completion.chunk","system_fingerprint":"'
        + fingerprint(ask).encode()
        + b'"'
    )
    finish, tool_calls = ending(ask, answer)
    filters = orjson.dumps(failures.found(answer.finish)) if answer.finish == "filter" else _FILTERS

    def choice(index: int) -> Iterator[Event]:
        closing = b',"index":%d,"logprobs":null}' % index + tail + (b',"usage":null' if ask.include_usage else b"")
        frame = Frame(
            before=b'data: {"choices":[{"content_filter_results":' + filters + b',"delta":',
            interior=b',"finish_reason":null' + closing,
            last=b',"finish_reason":"' + finish.encode() + b'"' + closing,
            tool_calls=tool_calls,
        )
        return deltas(answer, frame, call_ids(answer, index))

    yield _FIRST
    yield from choices(ask, answer, choice)
    if ask.include_usage:
        counted = b',"usage":' + orjson.dumps(usage(ask, answer))
        yield Event(b'data: {"choices":[' + tail + counted + b"}\n\n", token=False)
    yield DONE


def _headers(ask: Ask, answer: Answer) -> Headers:
    tokens = answer.input_tokens + answer.output_tokens * ask.choices
    return failures.response_headers(answer.id_seed) + failures.limits(tokens)
