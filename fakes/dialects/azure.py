"""Azure OpenAI: chat completions, responses and embeddings, by deployment with an api-version or under `/openai/v1`.

Sources: the official SDK's `AzureOpenAI` client (3.51), Microsoft's reference, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from . import _azure_completion as completion
from . import _azure_failures as failures
from . import _azure_other as other
from . import _openai_chat as chat
from . import _openai_in_200 as in_200
from . import _openai_response_request as response_request
from . import _openai_responses as responses
from ._failure_table import error_data
from ._model_list import MODELS_CREATED, model_routes
from ._openai_complaints import in_words_of
from ._openai_extras import read_chat
from ._openai_failures import RESPONSES
from ._openai_suit import suited
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply, RequestRefused

_MODELS: Final = ("gpt-5.4", "gpt-5.4-mini", "gpt-4.1", "gpt-4o")


_read_chat = in_words_of(failures.reply, read_chat(chat.read))
_read_embeddings = in_words_of(failures.reply, other.read_embeddings)
_read_response = in_words_of(failures.reply, response_request.read)


def _versioned(read: Callable[[Request], Ask]) -> Callable[[Request], Ask]:
    """By the older paths, the query has to say which version of the API is meant."""

    def read_versioned(request: Request) -> Ask:
        if not request.query.get("api-version"):
            raise RequestRefused(failures.reply("unknown_url", {}, id_seed=0))
        return read(request)

    return read_versioned


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": MODELS_CREATED, "status": "succeeded"}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed)


def _chat(path: str, read: Callable[[Request], Ask]) -> Route:
    return Route("chat", "POST", path, read, completion.write, completion.stream_head, completion.stream)


def _embeddings(path: str, read: Callable[[Request], Ask]) -> Route:
    return Route("embeddings", "POST", path, read, other.write_embeddings)


def _responses(path: str, read: Callable[[Request], Ask]) -> Route:
    return Route(
        "chat", "POST", path, read, other.write_response, other.response_stream_head, responses.stream, api=RESPONSES
    )


class Azure(RoutedDialect):
    """Azure OpenAI's wire format."""

    name: ClassVar[str] = "azure"
    routes: ClassVar[Routes] = Routes(
        [
            _chat("/openai/deployments/{}/chat/completions", _versioned(_read_chat)),
            _chat("/openai/v1/chat/completions", _read_chat),
            _embeddings("/openai/deployments/{}/embeddings", _versioned(_read_embeddings)),
            _embeddings("/openai/v1/embeddings", _read_embeddings),
            _responses("/openai/responses", _versioned(_read_response)),
            _responses("/openai/v1/responses", _read_response),
            *model_routes("/openai/models", _MODELS, _model, _headers),
            *model_routes("/openai/v1/models", _MODELS, _model, _headers),
        ]
    )
    base_path: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = (
        "banstorm.openai.azure.com",
        "*.openai.azure.com",
        "*.cognitiveservices.azure.com",
    )
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.TABLE.kinds
    key_example: ClassVar[str] = "ba5704banstorm0000banstorm0000ba"

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:  # noqa: ARG002 - other vendors need it
        """The `api-key` header's key, or else the bearer token: one of Entra ID, or a key on `/openai/v1`."""
        if key := headers.get("api-key", "").strip():
            return key
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """`details` with the API that was asked and, in a stream, the place in it."""
        return suited(details, ask, after)

    def answer_keys_of(self, ask: Ask | None) -> tuple[str, ...]:
        """The keys of chat completions, or of a response's stream."""
        return responses.ANSWER_KEYS if ask is not None and ask.api == RESPONSES else self.answer_keys

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer; the variants "refusal" and "output" are answers."""
        if in_200.is_answer(kind, details):
            return in_200.answered(self, details, id_seed)
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error as a chunk, or as a failed response; no ``[DONE]`` follows it unless an answer is kept back."""
        if in_200.is_answer(kind, details):
            return in_200.kept_back(details)
        body = failures.body(kind, details)
        if details.get("api") == RESPONSES:
            return responses.error_event(kind, details, id_seed, error=body.get("error", body))
        return error_data(body)


DIALECT: Final = Azure()
