"""OpenAI: chat completions and models.

Sources: OpenAI's API reference and error guide, the official SDK's types (3.51), and captures named where used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import orjson

from . import _openai_chat as chat
from . import _openai_completion as completion
from . import _openai_failures as failures
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply

_MODELS: Final = ("gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano")
_MODELS_CREATED: Final = 1_767_225_600  # made up: when the vendor made a model tells a router nothing


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MODELS_CREATED, "owned_by": "system"}


def _read_models(request: Request) -> Ask:
    operation = "model" if request.name else "models"
    return Ask(request.name, stream=False, text="", mark=None, input_tokens=0, operation=operation)


def _write_models(_: Ask, answer: Answer) -> Reply:
    return _plain({"object": "list", "data": [_model(name) for name in _MODELS]}, answer)


def _write_model(ask: Ask, answer: Answer) -> Reply:
    return _plain(_model(ask.model), answer)


def _plain(body: Any, answer: Answer) -> Reply:
    data = orjson.dumps(body)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed, 12), data)


ROUTES: Final = Routes(
    [
        Route(
            "chat",
            "POST",
            "/v1/chat/completions",
            chat.read,
            completion.write,
            completion.stream_head,
            completion.stream,
        ),
        Route("models", "GET", "/v1/models", _read_models, _write_models),
        Route("model", "GET", "/v1/models/{}", _read_models, _write_model),
    ]
)


class OpenAI(RoutedDialect):
    """OpenAI's wire format."""

    name: ClassVar[str] = "openai"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = "/v1"
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "sk-proj-banstormbanstormbanstormbanstormbanstorm0000"

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:  # noqa: ARG002 - other vendors need it
        """The bearer token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def failure(self, kind: str, details: Mapping[str, Any], *, id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def error_event(self, kind: str, details: Mapping[str, Any], *, id_seed: int) -> bytes:  # noqa: ARG002 - no id in it
        """The error as a chunk: the same object as in a body; no ``[DONE]`` follows it."""
        return b"data: " + orjson.dumps(failures.body(kind, details)) + b"\n\n"


DIALECT: Final = OpenAI()
