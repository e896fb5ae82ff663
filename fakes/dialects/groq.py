"""Groq: chat completions in OpenAI's shape, under `/openai/v1`.

Sources: the official SDK (1.7), Groq's reference and error page, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from . import _groq_completion as completion
from . import _groq_failures as failures
from ._failure_table import error_data
from ._model_list import MODELS_CREATED, model_routes
from ._openai_complaints import in_words_of
from ._openai_suit import suited
from ._routes import Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply

_MODELS: Final = ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "llama-3.3-70b-versatile")


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": MODELS_CREATED,
        "owned_by": "Groq",
        "active": True,
        "context_window": 131_072,
    }


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed)


class Groq(RoutedDialect):
    """Groq's wire format."""

    name: ClassVar[str] = "groq"
    routes: ClassVar[Routes] = Routes(
        [
            Route(
                "chat",
                "POST",
                "/openai/v1/chat/completions",
                in_words_of(failures.reply, completion.read),
                completion.write,
                completion.stream_head,
                completion.stream,
            ),
            *model_routes("/openai/v1/models", _MODELS, _model, _headers),
        ]
    )
    base_path: ClassVar[str] = "/openai/v1"
    hosts: ClassVar[tuple[str, ...]] = ("api.groq.com",)
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.TABLE.kinds
    key_example: ClassVar[str] = "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"

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """`details` with the model and, in a stream, its last chunk."""
        return suited(details, ask, after)

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error as a chunk, or with ``form: x_groq`` a chunk that mentions it; no ``[DONE]`` follows it."""
        body = failures.body(kind, details)
        if details.get("form") == "x_groq":
            return error_data(completion.stopped(body["error"]["message"], details, id_seed))
        return error_data(body)


DIALECT: Final = Groq()
