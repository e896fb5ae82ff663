"""Gemini's developer API, behind the router's chat completions."""

from __future__ import annotations

from typing import Any

from ..from_gemini import GeminiReader, completion_from, usage_from
from ..http_provider import HTTPProvider
from ..messages import LLMRequest, LLMResponse, response_from_completion
from ..stream_reader import StreamReader
from ..to_gemini import to_gemini
from ..validate import check_completion


class GeminiProvider(HTTPProvider):
    """`generateContent`, and its stream as server-sent events.

    Options:
        api_version: The API's version (default v1beta; v1 knows fewer fields).
        safety: A list of `safetySettings` to send with every request.
        embeddings: See `HTTPProvider`.
    """

    dialect = "gemini"
    default_url = "https://generativelanguage.googleapis.com"
    default_model = "gemini-3.8-flash"
    embeddings_path = ":batchEmbedContents"

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """`x-goog-api-key`, never the URL: URLs end up in logs."""
        return {"x-goog-api-key": api_key} if api_key else {}

    def address(self, model: str, *, stream: bool) -> str:
        """The model's own path."""
        return f"/{self._version}/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def embeddings_address(self, model: str) -> str:
        """The same for embeddings."""
        return f"/{self._version}/models/{model}:batchEmbedContents"

    @property
    def _version(self) -> str:
        return str(self.options.get("api_version", "v1beta"))

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:  # noqa: ARG002 - the path says so
        """The request as `contents`."""
        body, notes = to_gemini(request)
        settings = body.get("generationConfig")
        if settings and "maxOutputTokens" in settings:
            model = self.upstream_model(request)
            settings["maxOutputTokens"] = self.caps.clamp(model, settings["maxOutputTokens"], notes)
        if self.options.get("safety"):
            body["safetySettings"] = self.options["safety"]
        return body, tuple(notes)

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The first candidate as a completion."""
        body = completion_from(payload, self.in_stream)
        if self.validate:
            notes = (*notes, *check_completion(body, request, limit=self.output_limit(request)))
        return response_from_completion(body, self.name, notes)

    def usage(self, payload: dict[str, Any]) -> Any:
        """Its `usageMetadata`, as OpenAI would have written it."""
        return usage_from(payload.get("usageMetadata"))

    def stream_reader(self, request: LLMRequest) -> StreamReader:  # noqa: ARG002 - other dialects need it
        """Reads events until the body ends after a finish reason."""
        return GeminiReader(self.in_stream)

    def word_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        """One request for each input."""
        given = body.get("input")
        texts = [given] if isinstance(given, str) else list(given or ())
        more = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") else {}
        name = f"models/{body['model']}"
        return {"requests": [{"model": name, "content": {"parts": [{"text": text}]}, **more} for text in texts]}

    def read_embeddings(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The vectors in OpenAI's list."""
        found = payload.get("embeddings")
        data = [
            {"object": "embedding", "index": place, "embedding": each.get("values")}
            for place, each in enumerate(found if isinstance(found, list) else ())
        ]
        return {"object": "list", "data": data, "model": "", "usage": {"prompt_tokens": 0, "total_tokens": 0}}


PROVIDER = GeminiProvider
