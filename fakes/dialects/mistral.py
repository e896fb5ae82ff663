"""Mistral: chat completions and embeddings nearly in OpenAI's shape, and failures in several of its own.

Sources: the official SDK (3.7), Mistral's reference, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from . import _mistral_completion as completion
from . import _mistral_embeddings as embeddings
from . import _mistral_failures as failures
from ._failure_table import error_data
from ._model_list import MODELS_CREATED, model_routes
from ._openai_complaints import in_words_of
from ._routes import Route, RoutedDialect, Routes
from .base import Answer, Headers, Reply

_MODELS: Final = ("mistral-large-latest", "mistral-medium-latest", "mistral-small-latest")


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": MODELS_CREATED,
        "owned_by": "mistralai",
        "capabilities": {"completion_chat": True, "function_calling": True, "vision": True, "fine_tuning": False},
        "name": name,
        "max_context_length": 262_144,
        "aliases": [],
        "type": "base",
    }


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed)


def _embeddings(path: str) -> Route:
    return Route("embeddings", "POST", path, in_words_of(failures.reply, embeddings.read), embeddings.write)


class Mistral(RoutedDialect):
    """Mistral's wire format."""

    name: ClassVar[str] = "mistral"
    routes: ClassVar[Routes] = Routes(
        [
            Route(
                "chat",
                "POST",
                "/v1/chat/completions",
                in_words_of(failures.reply, completion.read),
                completion.write,
                completion.stream_head,
                completion.stream,
            ),
            _embeddings("/v1/embeddings"),
            *model_routes("/v1/models", _MODELS, _model, _headers),
        ]
    )
    base_path: ClassVar[str] = "/v1"
    hosts: ClassVar[tuple[str, ...]] = ("api.mistral.ai",)
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.TABLE.kinds
    key_example: ClassVar[str] = "banstormBANSTORMbanstormBANSTORM"

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error object in place of a chunk; no ``[DONE]`` follows it."""
        body = failures.body(kind, details, id_seed)
        return error_data(failures.body(kind, {**details, "form": "object"}, id_seed) if body is None else body)


DIALECT: Final = Mistral()
