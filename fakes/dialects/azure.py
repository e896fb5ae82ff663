"""Azure OpenAI: chat completions by deployment with an api-version, and by the newer `/openai/v1`.

Sources: the official SDK's `AzureOpenAI` client (3.51), Microsoft's reference, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from . import _azure_completion as completion
from . import _azure_failures as failures
from . import _openai_chat as chat
from ._failure_table import error_data
from ._model_list import MODELS_CREATED, model_routes
from ._openai_complaints import in_words_of
from ._openai_extras import read_chat
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply, RequestRefused

_MODELS: Final = ("gpt-5.4", "gpt-5.4-mini", "gpt-4.1", "gpt-4o")


_read = in_words_of(failures.reply, read_chat(chat.read))


def _read_deployment(request: Request) -> Ask:
    """By deployment, the path has to say which version of the API is meant."""
    if not request.query.get("api-version"):
        raise RequestRefused(failures.reply("unknown_url", {}, id_seed=0))
    return _read(request)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": MODELS_CREATED, "status": "succeeded"}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed)


def _chat(path: str, read: Callable[[Request], Ask]) -> Route:
    return Route("chat", "POST", path, read, completion.write, completion.stream_head, completion.stream)


class Azure(RoutedDialect):
    """Azure OpenAI's wire format."""

    name: ClassVar[str] = "azure"
    routes: ClassVar[Routes] = Routes(
        [
            _chat("/openai/deployments/{}/chat/completions", _read_deployment),
            _chat("/openai/v1/chat/completions", _read),
            *model_routes("/openai/models", _MODELS, _model, _headers),
            *model_routes("/openai/v1/models", _MODELS, _model, _headers),
        ]
    )
    base_path: ClassVar[str] = ""
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments")
    failures: ClassVar[frozenset[str]] = failures.TABLE.kinds
    key_example: ClassVar[str] = "ba5704banstorm0000banstorm0000ba"

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:  # noqa: ARG002 - other vendors need it
        """The `api-key` header's key, or else the bearer token: one of Entra ID, or a key on `/openai/v1`."""
        if key := headers.get("api-key", "").strip():
            return key
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:  # noqa: ARG002 - no id in it
        """The error as a chunk; no ``[DONE]`` follows it."""
        return error_data(failures.body(kind, details))


DIALECT: Final = Azure()
