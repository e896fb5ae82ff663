"""OpenRouter chat completions: OpenAI's, with who answered, how that provider calls the ending, and what it cost.

Sources: a stream captured in speakeasy-api/gram#921 (2025-11): the usage comes in a chunk of its own after the finish
reason, with a choice that says nothing; the members of the usage: BerriAI/litellm#11626. That nobody has to ask for the
usage: openrouter.ai/docs/cookbook/administration/usage-accounting.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import orjson

from ..prices import PriceTable
from . import _ids
from . import _openai_chat as chat
from . import _openrouter_failures as failures
from ._openai_complaints import parse
from ._openai_completion import call_id, fingerprint, message
from ._openai_deltas import DONE, FINISH, Frame, deltas
from ._routes import Request
from .base import Answer, Ask, Event, Headers, Reply

_PROCESSING: Final = Event(b": OPENROUTER PROCESSING\n\n", token=False)
_PROVIDERS: Final = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Google",
    "mistralai": "Mistral",
    "cohere": "Cohere",
}
_NATIVE: Final = {  # how each provider's own API calls an ending
    "Anthropic": {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"},
    "Google": {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"},
}


def read(request: Request) -> Ask:
    """Understand a request; the first of `models` stands in for a missing `model`."""
    document = parse(request.body)
    model, models = document.get("model"), document.get("models")
    if model is None and isinstance(models, list) and models:
        model = models[0]
    return chat.read_document(document, model)


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    choice = {
        "logprobs": None,
        "finish_reason": FINISH[answer.finish],
        "native_finish_reason": _native(ask, answer),
        "index": 0,
        "message": message(answer, call_id(answer), refusal=None, reasoning=None),
    }
    data = orjson.dumps(
        {
            "id": _generation_id(answer),
            "provider": provider(ask.model),
            "model": ask.model,
            "object": "chat.completion",
            "created": answer.created_s,
            "choices": [choice],
            "system_fingerprint": fingerprint(ask),
            "usage": _usage(ask, answer),
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    return 200, [("content-type", "text/event-stream"), *failures.response_headers(answer.id_seed)]


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as `chat.completion.chunk` events, after comments that keep the connection alive."""
    head = (
        b'data: {"id":"'
        + _generation_id(answer).encode()
        + b'","provider":'
        + orjson.dumps(provider(ask.model))
        + b',"model":'
        + orjson.dumps(ask.model)
        + b',"object":"chat.completion.chunk","created":%d,"choices":[{"index":0,"delta":' % answer.created_s
    )
    interior = b',"finish_reason":null,"native_finish_reason":null,"logprobs":null}]'
    finish = FINISH[answer.finish].encode()
    native = orjson.dumps(_native(ask, answer))
    empty = b'{"role":"assistant","content":""}'
    yield _PROCESSING
    yield _PROCESSING
    yield from deltas(
        answer,
        Frame(
            before=head,
            interior=interior,
            last=b',"finish_reason":"' + finish + b'","native_finish_reason":' + native + b',"logprobs":null}]',
            every_delta=b'"role":"assistant",',
            last_delta=empty,
        ),
        call_id(answer),
    )
    yield Event(head + empty + interior + b',"usage":' + orjson.dumps(_usage(ask, answer)) + b"}\n\n", token=False)
    yield DONE


def provider(model: str) -> str:
    """Who serves `model`: the part before the slash, by the name OpenRouter shows."""
    maker, slash, _ = model.partition("/")
    return _PROVIDERS.get(maker, maker.title()) if slash else "OpenAI"


def _native(ask: Ask, answer: Answer) -> str:
    return _NATIVE.get(provider(ask.model), FINISH)[answer.finish]


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts, and the cost in credits (US dollars) by the list prices."""
    usd, _ = _prices().bill(ask.model, answer.input_tokens, answer.cached_tokens, answer.output_tokens)
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "cost": usd,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "cost_details": {"upstream_inference_cost": None},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


@cache
def _prices() -> PriceTable:
    return PriceTable.load()


def _generation_id(answer: Answer) -> str:
    return f"gen-{answer.created_s}-" + _ids.letters(answer.id_seed, "generation", 20)
