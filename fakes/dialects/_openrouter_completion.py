"""OpenRouter chat completions: OpenAI's, with who answered, how that provider calls the ending, and what it cost.

Sources: a stream captured in speakeasy-api/gram#921 (2025-11): the usage comes in a chunk of its own after the finish
reason, with a choice that says nothing; the members of the usage: BerriAI/litellm#11626. That nobody has to ask for the
usage: openrouter.ai/docs/cookbook/administration/usage-accounting. Reasoning: spring-projects/spring-ai#5265.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final

import orjson

from ..prices import PriceTable
from . import _ids
from . import _openai_chat as chat
from . import _openrouter_failures as failures
from ._openai_complaints import maybe, parse
from ._openai_completion import call_ids, ending, fingerprint, message
from ._openai_deltas import DONE, FINISH, Frame, deltas
from ._openai_extras import REASONING_TOKENS, THOUGHT, Habits, read_chat, read_effort
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
_FORMATS: Final = {"Google": "google-gemini-v1", "Anthropic": "anthropic-claude-v1"}
_NATIVE: Final = {  # how each provider's own API calls an ending
    "Anthropic": {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"},
    "Google": {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"},
}


def read(request: Request) -> Ask:
    """Understand a request; the first of `models` stands in for a missing `model`, `reasoning` says how to think."""
    ask = _read(request)
    reasoning = maybe(ask.body, "reasoning", dict, "an object")
    if not reasoning:
        return ask
    tokens = read_effort(reasoning.get("effort"), "reasoning.effort")
    budget = maybe(reasoning, "max_tokens", int, "an integer")
    if budget is not None:
        tokens = max(0, int(budget))
    elif reasoning.get("enabled") is True and not tokens:
        tokens = REASONING_TOKENS["medium"]
    return replace(ask, reasoning_tokens=min(tokens, REASONING_TOKENS["max"]))


def _read_document(request: Request) -> Ask:
    document = parse(request.body)
    model, models = document.get("model"), document.get("models")
    if model is None and isinstance(models, list) and models:
        model = models[0]
    return chat.read_document(document, model)


_read: Final = read_chat(_read_document, Habits(choices=False))


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `chat.completion`."""
    finish, _ = ending(ask, answer)
    thought = _thought(ask, answer)
    choice = {
        "logprobs": None,
        "finish_reason": finish,
        "native_finish_reason": _native(ask, answer),
        "index": 0,
        "message": message(ask, answer, refusal=None, **(thought or {"reasoning": None})),
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
            "usage": usage(ask, answer),
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
    finish, tool_calls = ending(ask, answer)
    native = orjson.dumps(_native(ask, answer))
    empty = b'{"role":"assistant","content":""}'
    yield _PROCESSING
    yield _PROCESSING
    thought = _thought(ask, answer)
    yield from deltas(
        answer,
        Frame(
            before=head,
            interior=interior,
            last=b',"finish_reason":"%b","native_finish_reason":%b,"logprobs":null}]' % (finish.encode(), native),
            thought=orjson.dumps({"role": "assistant", "content": "", **thought}) if thought else b"",
            every_delta=b'"role":"assistant",',
            last_delta=empty,
            tool_calls=tool_calls,
        ),
        call_ids(answer),
    )
    yield Event(head + empty + interior + b',"usage":' + orjson.dumps(usage(ask, answer)) + b"}\n\n", token=False)
    yield DONE


def provider(model: str) -> str:
    """Who serves `model`: the part before the slash, by the name OpenRouter shows."""
    maker, slash, _ = model.partition("/")
    return _PROVIDERS.get(maker, maker.title()) if slash else "OpenAI"


def _native(ask: Ask, answer: Answer) -> str:
    return _NATIVE.get(provider(ask.model), FINISH).get(answer.finish, answer.finish)


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Token counts, and the cost in credits (US dollars): what it is billed, or by the list prices if nobody said."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "cost": cost(ask, answer),
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "cost_details": {"upstream_inference_cost": None},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
    }


def cost(ask: Ask, answer: Answer) -> float:
    """What the request costs in US dollars."""
    if answer.usd is not None:
        return answer.usd
    return _prices().bill(ask.model, answer.input_tokens, answer.cached_tokens, answer.output_tokens)[0]


def _thought(ask: Ask, answer: Answer) -> dict[str, Any]:
    """What was thought, in both fields that show it, unless the request doesn't want it."""
    reasoning = ask.body.get("reasoning")
    if not answer.reasoning_tokens or (isinstance(reasoning, dict) and reasoning.get("exclude") is True):
        return {}
    form = _FORMATS.get(provider(ask.model), "unknown")
    details = [{"type": "reasoning.text", "text": THOUGHT, "format": form, "index": 0}]
    return {"reasoning": THOUGHT, "reasoning_details": details}


@cache
def _prices() -> PriceTable:
    return PriceTable.load()


def _generation_id(answer: Answer) -> str:
    return f"gen-{answer.created_s}-" + _ids.letters(answer.id_seed, "generation", 20)
