"""OpenAI: chat completions, responses, embeddings and models.

Sources: OpenAI's API reference and error guide, the official SDK's types (3.51), and captures named where used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import orjson

from . import _openai_chat as chat
from . import _openai_completion as completion
from . import _openai_embeddings as embeddings
from . import _openai_failures as failures
from . import _openai_in_200 as in_200
from . import _openai_response_request as response_request
from . import _openai_responses as responses
from ._model_list import MODELS_CREATED, model_routes
from ._openai_extras import read_chat
from ._openai_suit import suited
from ._routes import Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply

_MODELS: Final = ("gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": MODELS_CREATED, "owned_by": "system"}


def _headers(answer: Answer) -> Headers:
    return failures.response_headers(answer.id_seed, 12)


ROUTES: Final = Routes(
    [
        Route(
            "chat",
            "POST",
            "/v1/chat/completions",
            read_chat(chat.read),
            completion.write,
            completion.stream_head,
            completion.stream,
        ),
        Route(
            "chat",
            "POST",
            "/v1/responses",
            response_request.read,
            responses.write,
            responses.stream_head,
            responses.stream,
            api=response_request.API,
        ),
        Route("embeddings", "POST", "/v1/embeddings", embeddings.read, embeddings.write),
        *model_routes("/v1/models", _MODELS, _model, _headers),
    ]
)


class OpenAI(RoutedDialect):
    """OpenAI's wire format."""

    name: ClassVar[str] = "openai"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = "/v1"
    hosts: ClassVar[tuple[str, ...]] = ("api.openai.com", "auth.openai.com")
    answer_keys: ClassVar[tuple[str, ...]] = ("content", "arguments", "text")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "sk-proj-banstormbanstormbanstormbanstormbanstorm0000"

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """`details` with the API that was asked and, in a stream, the place in it."""
        return suited(details, ask, after)

    def answer_keys_of(self, ask: Ask | None) -> tuple[str, ...]:
        """The keys of chat completions; a response's stream has its words in `delta`, which there is a string."""
        return responses.ANSWER_KEYS if ask is not None and ask.api == response_request.API else self.answer_keys

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        if in_200.is_answer(kind, details):
            return in_200.answered(self, details, id_seed)
        if kind == "error_in_200":
            return in_200.failed(details, id_seed)
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error as a chunk: the same object as in a body; no ``[DONE]`` follows it.

        With the detail `api` "responses" it is the events of a failed response instead, see `_openai_responses.py`. An
        answer that is kept back (`content_filtered`, variant "output") ends the stream properly.
        """
        if in_200.is_answer(kind, details):
            return in_200.kept_back(details)
        if details.get("api") == response_request.API:
            return responses.error_event(kind, details, id_seed)
        return b"data: " + orjson.dumps(failures.body(kind, details)) + b"\n\n"


DIALECT: Final = OpenAI()
