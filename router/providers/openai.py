"""OpenAI chat completions, and every server that speaks like it: requests and answers pass nearly as they are."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import Failure, Meaning, fail
from ..http_provider import HTTPProvider
from ..messages import Chunk, LLMRequest, LLMResponse, response_from_completion
from ..sse import ErrorEvent
from ..stream_reader import Report, StreamReader, Terminated, parse_event
from ..validate import check_completion


class OpenAIProvider(HTTPProvider):
    """Chat completions at OpenAI or a compatible server.

    Options:
        stream_usage: Ask for token counts at the end of streams (default true; some servers refuse it).
        drop: Parameters that this server refuses; they are left out, with a note in the response.
        embeddings: See `HTTPProvider`.
    """

    dialect = "openai"
    default_url = "https://api.openai.com/v1"
    default_model = "gpt-5.4-mini"
    path = "/chat/completions"
    embeddings_path = "/embeddings"
    drops: ClassVar[tuple[str, ...]] = ()
    """Parameters that every server of this dialect refuses."""
    renames: ClassVar[dict[str, str]] = {}
    """Parameters that have another name here."""
    asks_for_usage: ClassVar[bool] = True
    _renames_max_tokens = False

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The caller's own body with our model's name."""
        model = self.upstream_model(request)
        body = {**request.chat(), "model": model}
        body.pop("stream_options", None)
        notes: list[str] = []
        self.adapt(body, notes)
        for name in ("max_tokens", "max_completion_tokens"):
            if name in body:
                body[name] = self.caps.clamp(model, body[name], notes)
        if self._renames_max_tokens and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
            notes.append("max_tokens sent as max_completion_tokens")
        if stream:
            body["stream"] = True
            if self.options.get("stream_usage", self.asks_for_usage):
                body["stream_options"] = {"include_usage": True}
        else:
            body.pop("stream", None)
        return body, tuple(notes)

    def adapt(self, body: dict[str, Any], notes: list[str]) -> None:
        """Change what this server would refuse. `body` is a copy, but what it holds is the caller's: replace it."""
        refused = (*self.drops, *self.options.get("drop", ()))
        notes += [f"dropped {name}" for name in refused if body.pop(name, None) is not None]
        for name, here in self.renames.items():
            value = body.pop(name, None)
            if value is not None:
                body.setdefault(here, value)

    def learn(self, failure: Failure, request: LLMRequest) -> bool:
        """Newer models refuse `max_tokens`; a caller who wrote for another provider can't know."""
        error = failure.body if isinstance(failure.body, dict) else {}
        if failure.reason != "unsupported_parameter" or error.get("param") != "max_tokens":
            return super().learn(failure, request)
        if self._renames_max_tokens:
            return False
        self._renames_max_tokens = True
        return True

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The completion as it came."""
        if self.validate:
            notes = (*notes, *check_completion(payload, request, limit=self.output_limit(request)))
        try:
            return response_from_completion(payload, self.name, notes)
        except (KeyError, IndexError, TypeError, AttributeError):
            # Only without validation: what can't even be read is passed on for the caller to see.
            return LLMResponse(content=None, provider=self.name, body=payload, notes=notes)

    def stream_reader(self, request: LLMRequest) -> StreamReader:  # noqa: ARG002 - other dialects need it
        """Reads chunks until `[DONE]`."""
        return ChunkReader(self.in_stream)


class ChunkReader(Terminated):
    """Complete means: a finish reason was seen for every choice that had begun, and then `[DONE]`.

    Args:
        report: Makes the failure that an error event amounts to.
    """

    def __init__(self, report: Report) -> None:
        self.complete = False
        self._report = report
        self._first_begun = False
        self._begun: set[Any] = set()
        self._finished: set[Any] = set()

    def event(self, data: bytes) -> list[Chunk]:
        """The chunk itself."""
        if data == b"[DONE]":
            if not self._finished:
                raise fail(Meaning.TRANSIENT, "stream_cut", "[DONE] came before any finish_reason")
            if (self._first_begun and 0 not in self._finished) or not self._begun <= self._finished:
                raise fail(Meaning.TRANSIENT, "stream_cut", "[DONE] came before a choice had its finish_reason")
            self.complete = True
            return []
        chunk = parse_event(data)
        error = self.error_of(chunk)
        if error is not None:
            raise self._report(error)
        if isinstance(data, ErrorEvent):
            raise self._report(chunk)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if not isinstance(choice, dict):
                    continue
                if choice.get("finish_reason") or choice.get("index"):
                    self._choice(choice)
                else:  # nearly every chunk there is
                    self._first_begun = True
        return [self.adapted(chunk)]

    def _choice(self, choice: dict[str, Any]) -> None:
        index, finish = choice.get("index"), choice.get("finish_reason")
        index = index if isinstance(index, int) else 0
        self._begun.add(index)
        if finish:
            self._finished.add(index)
            if finish == "error":
                raise fail(Meaning.TRANSIENT, "upstream_error", "the answer ended with finish_reason error")

    def error_of(self, chunk: dict[str, Any]) -> Any:
        """The error that an event reports, or None."""
        return chunk if chunk.get("error") else None

    def adapted(self, chunk: Chunk) -> Chunk:
        """The chunk as OpenAI would have written it."""
        return chunk


PROVIDER = OpenAIProvider
