"""OpenAI chat completions, and every server that speaks like it: requests and answers pass nearly as they are."""

from __future__ import annotations

from typing import Any

import orjson

from ..classify import Position, classify
from ..errors import AttemptFailed, Failure, Meaning, fail
from ..http_provider import HTTPProvider, StreamReader
from ..messages import Chunk, LLMRequest, LLMResponse, response_from_completion
from ..validate import check_completion


class OpenAIProvider(HTTPProvider):
    """Chat completions at OpenAI or a compatible server.

    Options:
        stream_usage: Ask for token counts at the end of streams (default true; some servers refuse it).
    """

    dialect = "openai"
    default_url = "https://api.openai.com/v1"
    default_model = "gpt-5.4-mini"
    path = "/chat/completions"
    _renames_max_tokens = False

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The caller's own body with our model's name."""
        body = {**request.chat(), "model": self.upstream_model(request)}
        body.pop("stream_options", None)
        notes: tuple[str, ...] = ()
        if self._renames_max_tokens and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
            notes = ("max_tokens sent as max_completion_tokens",)
        if stream:
            body["stream"] = True
            if self.options.get("stream_usage", True):
                body["stream_options"] = {"include_usage": True}
        else:
            body.pop("stream", None)
        return body, notes

    def learn(self, failure: Failure) -> bool:
        """Newer models refuse `max_tokens`; a caller who wrote for another provider can't know."""
        error = failure.body if isinstance(failure.body, dict) else {}
        if self._renames_max_tokens or failure.reason != "unsupported_parameter" or error.get("param") != "max_tokens":
            return False
        self._renames_max_tokens = True
        return True

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The completion as it came."""
        if self.validate:
            check_completion(payload, request)
        try:
            return response_from_completion(payload, self.name, notes)
        except (KeyError, IndexError, TypeError, AttributeError):
            # Only without validation: what can't even be read is passed on for the caller to see.
            return LLMResponse(content=None, provider=self.name, body=payload, notes=notes)

    def stream_reader(self, request: LLMRequest) -> StreamReader:  # noqa: ARG002 - other dialects need it
        """Reads chunks until `[DONE]`."""
        return _Reader(self.dialect)


class _Reader:
    """Complete means: a finish reason was seen, and then `[DONE]`."""

    def __init__(self, dialect: str) -> None:
        self.complete = False
        self._dialect = dialect
        self._finished = False

    def event(self, data: bytes) -> list[Chunk]:
        if data == b"[DONE]":
            if not self._finished:
                raise fail(Meaning.TRANSIENT, "stream_cut", "[DONE] came before any finish_reason")
            self.complete = True
            return []
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise fail(Meaning.DRIFTED, "malformed_event", f"an event is not JSON: {error}") from None
        if not isinstance(chunk, dict):
            raise fail(Meaning.DRIFTED, "malformed_event", "an event is not an object")
        if chunk.get("error"):
            raise AttemptFailed(classify(self._dialect, 200, chunk, position=Position.STREAM))
        choices = chunk.get("choices")
        if choices and isinstance(choices, list) and isinstance(choices[0], dict) and choices[0].get("finish_reason"):
            self._finished = True
        return [chunk]


PROVIDER = OpenAIProvider
