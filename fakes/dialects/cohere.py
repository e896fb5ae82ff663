"""Cohere: chat and embed, version 2, and models.

Sources: the vendor's API reference, its pages on streaming and errors, and the official SDK's types (7.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from . import _cohere_embed as embed
from . import _cohere_failures as failures
from . import _cohere_request as request
from . import _cohere_response as response
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Reply

_MODELS: Final = {
    "command-a-03-2025": (256_000, ("chat",)),
    "command-r7b-12-2024": (128_000, ("chat",)),
    "command-r-plus-08-2024": (128_000, ("chat",)),
    "embed-v4.0": (128_000, ("embed",)),
}


def _model(name: str) -> dict[str, Any]:
    length, endpoints = _MODELS.get(name, (128_000, ("chat",)))
    return {
        "name": name,
        "is_deprecated": False,
        "endpoints": list(endpoints),
        "finetuned": False,
        "context_length": length,
        "tokenizer_url": None,
        "default_endpoints": [],
        "features": ["json_schema", "strict_tools", "tools"] if "chat" in endpoints else None,
    }


def _read_models(request: Request) -> Ask:
    kind = request.query.get("endpoint", "")
    operation = "model" if request.name else "models"
    return Ask(request.name, stream=False, text=kind, mark=None, input_tokens=0, operation=operation)


def _write_models(ask: Ask, answer: Answer) -> Reply:
    models = [_model(name) for name, (_, endpoints) in _MODELS.items() if not ask.text or ask.text in endpoints]
    return response.plain({"models": models}, answer)


def _write_model(ask: Ask, answer: Answer) -> Reply:
    return response.plain(_model(ask.model), answer)


ROUTES: Final = Routes(
    [
        Route("chat", "POST", "/v2/chat", request.read, response.write, response.stream_head, response.stream),
        Route("embeddings", "POST", "/v2/embed", embed.read, embed.write),
        Route("models", "GET", "/v1/models", _read_models, _write_models),
        Route("model", "GET", "/v1/models/{}", _read_models, _write_model),
    ]
)


class Cohere(RoutedDialect):
    """Cohere's wire format."""

    name: ClassVar[str] = "cohere"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ("api.cohere.com", "api.cohere.ai")
    answer_keys: ClassVar[tuple[str, ...]] = ("text", "arguments")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "BanstormBanstormBanstormBanstorm00000000"

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """An answer that says it failed comes in the form that was asked for."""
        suited = dict(super().suit(details, ask, after))
        if ask is not None:
            suited.setdefault("stream", ask.stream)
        return suited

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        if failures.is_answer(kind, details):
            return response.failed(failures.finish_reason(kind, details), self._end(kind, details), details, id_seed)
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:  # noqa: ARG002 - no id in it
        """The failure as a ``message-end`` that says so: the vendor has no event for errors; nothing follows it."""
        return self._end(kind, details)

    @staticmethod
    def _end(kind: str, details: Mapping[str, Any]) -> bytes:
        delta = {"error": failures.message(kind, details), "finish_reason": failures.finish_reason(kind, details)}
        return response.event("message-end", delta).data


DIALECT: Final = Cohere()
