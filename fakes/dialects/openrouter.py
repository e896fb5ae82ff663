"""OpenRouter: chat completions and embeddings in OpenAI's shape, under `/api/v1`, by other vendors' models.

Sources: OpenRouter's reference and error page, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from . import _openrouter_completion as completion
from . import _openrouter_embeddings as embeddings
from . import _openrouter_failures as failures
from ._failure_table import error_data
from ._model_list import MODELS_CREATED, model_routes
from ._openai_complaints import in_words_of
from ._openai_suit import suited
from ._routes import Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply

_MODELS: Final = ("openai/gpt-5.4-mini", "openai/gpt-oss-120b", "anthropic/claude-sonnet-5", "google/gemini-2.5-flash")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "created": MODELS_CREATED, "context_length": 131_072}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed)


def _embeddings(path: str) -> Route:
    return Route("embeddings", "POST", path, in_words_of(failures.reply, embeddings.read), embeddings.write)


class OpenRouter(RoutedDialect):
    """OpenRouter's wire format."""

    name: ClassVar[str] = "openrouter"
    routes: ClassVar[Routes] = Routes(
        [
            Route(
                "chat",
                "POST",
                "/api/v1/chat/completions",
                in_words_of(failures.reply, completion.read),
                completion.write,
                completion.stream_head,
                completion.stream,
            ),
            _embeddings("/api/v1/embeddings"),
            *model_routes("/api/v1/models", _MODELS, _model, _headers),
        ]
    )
    base_path: ClassVar[str] = "/api/v1"
    hosts: ClassVar[tuple[str, ...]] = ("openrouter.ai",)
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.TABLE.kinds
    tells_price: ClassVar[bool] = True
    key_example: ClassVar[str] = "sk-or-v1-ba5704ba5704ba5704ba5704ba5704ba5704ba5704ba5704ba5704ba570400000"

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """`details` with the model, whether it streams and, in a stream, its last chunk."""
        return suited(details, ask, after)

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer; an `error_in_200` is one in a body or a stream."""
        if kind == "error_in_200":
            return failures.in_200(details, id_seed)
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """A chunk with the error at its top and `error` as the finish reason; no ``[DONE]`` follows it."""
        return error_data(failures.chunk(kind, details, id_seed))


DIALECT: Final = OpenRouter()
