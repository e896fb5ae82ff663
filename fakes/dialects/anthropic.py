"""Anthropic: messages, their counting, and models, for both generations of clients.

SDKs up to 1.x send `x-api-key` and version 2023-06-01, from 2.0 on `Authorization: Bearer` and 2026-10-21; which of
the two headers a credential comes in says nothing about its kind, only its prefix does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import orjson

from . import _anthropic_failures as failures
from . import _anthropic_message as message
from . import _anthropic_messages as messages
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply

_MODELS: Final = {
    "claude-opus-5-5": "Claude Opus 5.5",
    "claude-sonnet-5-5": "Claude Sonnet 5.5",
    "claude-haiku-5-5": "Claude Haiku 5.5",
    "claude-opus-5": "Claude Opus 5",
    "claude-sonnet-5": "Claude Sonnet 5",
    "claude-haiku-4-5": "Claude Haiku 4.5",
}


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": _MODELS.get(name, name),
        "created_at": "1970-01-01T00:00:00Z",  # the vendor's own value for "unknown"
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
    }


def _read_models(request: Request) -> Ask:
    messages.check_version(request.headers)
    operation = "model" if request.name else "models"
    return Ask(request.name, stream=False, text="", mark=None, input_tokens=0, operation=operation)


def _write_models(_: Ask, answer: Answer) -> Reply:
    names = list(_MODELS)
    page = {"data": [_model(name) for name in names], "has_more": False, "first_id": names[0], "last_id": names[-1]}
    return _plain(page, answer)


def _write_model(ask: Ask, answer: Answer) -> Reply:
    return _plain(_model(ask.model), answer)


def _plain(body: Any, answer: Answer) -> Reply:
    data = orjson.dumps(body)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), data)


ROUTES: Final = Routes(
    [
        Route("chat", "POST", "/v1/messages", messages.read, message.write, message.stream_head, message.stream),
        Route("count_tokens", "POST", "/v1/messages/count_tokens", messages.read_count, message.write_count),
        Route("models", "GET", "/v1/models", _read_models, _write_models),
        Route("model", "GET", "/v1/models/{}", _read_models, _write_model),
    ]
)


class Anthropic(RoutedDialect):
    """Anthropic's wire format."""

    name: ClassVar[str] = "anthropic"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ("api.anthropic.com", "console.anthropic.com", "platform.claude.com")
    answer_keys: ClassVar[tuple[str, ...]] = ("text", "partial_json", "input")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "sk-ant-api03-banstormbanstormbanstormbanstorm0000-AA"

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:  # noqa: ARG002 - other vendors need it
        """The key or token, whichever header it came in."""
        key = headers.get("x-api-key", "").strip()
        if key:
            return key
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """A refusal comes in the request's form, and goes on where the stream stands."""
        suited = dict(super().suit(details, ask, after))
        if ask is not None:
            suited.setdefault("stream", ask.stream)
        for name, value in failures.standing(after).items():
            suited.setdefault(name, value)
        return suited

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error as an ``error`` event; nothing follows it."""
        return failures.error_event(kind, details, id_seed)


DIALECT: Final = Anthropic()
