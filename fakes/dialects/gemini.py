"""Google Gemini, the Developer API: generateContent, streamGenerateContent, countTokens, embeddings and models.

Served under both versions: google-genai calls `/v1` from 3.0 on and called `/v1beta` before. Sources: the vendor's API
reference (ai.google.dev), google-genai 3.4, and captures named where used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qs

from . import _gemini_answer as answers
from . import _gemini_array as array
from . import _gemini_embeddings as embeddings
from . import _gemini_failures as failures
from . import _gemini_request as requests
from ._gemini_rows import BODY_BYTES_MAX, KEY_EXAMPLE
from ._routes import Request, Route, RoutedDialect, Routes
from .base import Answer, Ask, Headers, Reply, RequestRefused

VERSIONS: Final = ("v1", "v1beta")
_MODELS: Final = {
    "gemini-4-argon": "Gemini 4 Argon",
    "gemini-3.8-flash": "Gemini 3.8 Flash",
    "gemini-3.5-flash-lite": "Gemini 3.5 Flash-Lite",
    "gemini-3.1-pro-preview": "Gemini 3.1 Pro Preview",
    "gemini-2.5-pro": "Gemini 2.5 Pro",
    "gemini-2.5-flash": "Gemini 2.5 Flash",
    "gemini-2.5-flash-lite": "Gemini 2.5 Flash-Lite",
    "gemini-embedding-001": "Gemini Embedding 001",
}
_MODELS_SHOWN: Final = 50
"""Models on a page, unless asked for another number."""


def _model(name: str) -> dict[str, Any]:
    if "embedding" in name:
        return {
            "name": f"models/{name}",
            "version": "001",
            "displayName": _MODELS.get(name, name),
            "inputTokenLimit": 2048,
            "outputTokenLimit": 1,
            "supportedGenerationMethods": ["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"],
        }
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": _MODELS.get(name, name),
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": True,
    }


def _read_models(request: Request) -> Ask:
    if ":" in request.name:  # a method of the model, which takes no GET
        DIALECT.refuse("wrong_method", method="GET", path=request.path)
    operation = "model" if request.name else "models"
    size, start = (request.query.get(name, "") for name in ("pageSize", "pageToken"))
    page = {"size": _figure(size) or _MODELS_SHOWN, "start": _figure(start)}
    return Ask(request.name, stream=False, text="", mark=None, input_tokens=0, operation=operation, body=page)


def _figure(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _write_models(ask: Ask, answer: Answer) -> Reply:
    start, end = ask.body["start"], ask.body["start"] + ask.body["size"]
    page: dict[str, Any] = {"models": [_model(name) for name in list(_MODELS)[start:end]]}
    return answers.plain({**page, "nextPageToken": str(end)} if end < len(_MODELS) else page, answer)


def _write_model(ask: Ask, answer: Answer) -> Reply:
    return answers.plain(_model(ask.model), answer)


def _write_count(_: Ask, answer: Answer) -> Reply:
    tokens = answer.input_tokens
    return answers.plain({"totalTokens": tokens, "promptTokensDetails": answers.modalities(tokens)}, answer)


def _routes(version: str) -> list[Route]:
    models = f"/{version}/models"
    written = (answers.write, answers.stream_head, answers.stream)
    return [
        Route("chat", "POST", models + "/{}:generateContent", requests.read, *written),
        Route("chat", "POST", models + "/{}:streamGenerateContent", requests.read_stream, *written),
        Route("count_tokens", "POST", models + "/{}:countTokens", requests.read_count, _write_count),
        Route("embeddings", "POST", models + "/{}:embedContent", embeddings.read, embeddings.write),
        Route(
            "embeddings",
            "POST",
            models + "/{}:batchEmbedContents",
            embeddings.read_batch,
            embeddings.write,
            api=embeddings.BATCH,
        ),
        Route("models", "GET", models, _read_models, _write_models),
        Route("model", "GET", models + "/{}", _read_models, _write_model),
    ]


ROUTES: Final = Routes([route for version in VERSIONS for route in _routes(version)])

_Done = TypeVar("_Done")


class Gemini(RoutedDialect):
    """Gemini's wire format."""

    name: ClassVar[str] = "gemini"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ("generativelanguage.googleapis.com",)
    answer_keys: ClassVar[tuple[str, ...]] = ("text", "args")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = KEY_EXAMPLE
    body_bytes_max: ClassVar[int] = BODY_BYTES_MAX

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:
        """The API key, from its header or from the query; else an OAuth access token."""
        key = headers.get("x-goog-api-key", "").strip()
        if key:
            return key
        _, _, query = path.partition("?")
        if "key=" in query and (keys := parse_qs(query).get("key")):
            return keys[0]
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def reader(self, method: str, path: str, headers: Mapping[str, str]) -> Callable[[bytes], Ask]:
        """What understands requests with this head; what refuses a stream in array form is an array, too."""
        bare, _, query = path.partition("?")
        pairs = {name: values[0] for name, values in parse_qs(query).items()}
        if not bare.endswith(":streamGenerateContent") or requests.wants_events(pairs):
            return super().reader(method, path, headers)
        understand = _in_arrays(super().reader, method, path, headers)
        return lambda body: _in_arrays(understand, body)

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """Failures come in the form of stream that was asked for, and name the method; an error goes on an array."""
        suited = dict(super().suit(details, ask, after))
        if ask is not None and ask.stream:
            suited.setdefault("alt", "json" if ask.body.get(answers.ALT) == "json" else "sse")
            suited.setdefault("method", "streamGenerateContent")
            suited.setdefault("opened", bool(after))
        elif ask is None and after and array.is_array(after):
            suited.setdefault("alt", "json")
        return suited

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer; the detail `alt` "json" makes an array of it."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The error as a chunk: the same object as in a body; nothing follows it."""
        return failures.error_event(kind, details, id_seed)

    def is_stream(self, headers: Headers) -> bool:
        """Whether a response with these headers is a stream; an array that grows says so by being an attachment."""
        return any(
            (name == "content-type" and "event-stream" in value) or (name == "content-disposition")
            for name, value in headers
        )

    def split_events(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut a stream's bytes into whole events, or an array's into whole elements."""
        if array.is_array(buffer):
            return array.split(buffer)
        *events, rest = buffer.split(b"\r\n\r\n")
        return [event + b"\r\n\r\n" for event in events], rest

    def map_event(self, event: bytes, change: Callable[[Any], Any]) -> bytes:
        """`event` with its payload changed, spaced as the vendor spaces JSON."""
        if array.is_array(event):
            return array.map_payload(event, change, failures.pretty)
        return array.map_payload(event, change, failures.spaced) if event.startswith(b"data: ") else event


def _in_arrays(do: Callable[..., _Done], *words: Any) -> _Done:
    try:
        return do(*words)
    except RequestRefused as refused:
        raise RequestRefused(failures.as_array(refused.reply)) from None


DIALECT: Final = Gemini()
