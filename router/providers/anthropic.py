"""Anthropic messages, behind the router's chat completions."""

from __future__ import annotations

from typing import Any

from ..from_anthropic import AnthropicReader, completion_from, usage_from
from ..http_provider import HTTPProvider
from ..messages import LLMRequest, LLMResponse, response_from_completion
from ..stream_reader import StreamReader
from ..to_anthropic import VERSIONS_WITHOUT_SAMPLING, to_anthropic
from ..validate import check_completion, drifted


class AnthropicProvider(HTTPProvider):
    """The messages API.

    Options:
        version: The `anthropic-version` to send (default 2023-06-01; 2026-10-21 takes no sampling parameters).
        beta: The `anthropic-beta` to send, a comma-separated list.
    """

    dialect = "anthropic"
    default_url = "https://api.anthropic.com"
    default_model = "claude-sonnet-5"
    path = "/v1/messages"

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """`x-api-key` for keys, a bearer token for OAuth: told apart by the token, never by the header it came in."""
        headers = {"anthropic-version": self._version}
        beta = self.options.get("beta")
        if api_key and api_key.startswith("sk-ant-oat"):
            headers["authorization"] = f"Bearer {api_key}"
            beta = f"{beta},oauth-2025-04-20" if beta else "oauth-2025-04-20"
        elif api_key:
            headers["x-api-key"] = api_key
        if beta:
            headers["anthropic-beta"] = str(beta)
        return headers

    @property
    def _version(self) -> str:
        return str(self.options.get("version", "2023-06-01"))

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The request as a messages body; one that came as such passes nearly as it is."""
        own = request.wording_for(self.dialect)
        if own is not None:
            return self._native(own, self.upstream_model(request), stream=stream)
        body, notes = to_anthropic(
            request,
            model=self.upstream_model(request),
            max_tokens=self.max_tokens,
            version=self._version,
            stream=stream,
        )
        return self._capped(body, list(notes))

    def _native(self, own: dict[str, Any], model: str, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        body = {**own, "model": model, "stream": stream}
        notes: list[str] = []
        if self._version in VERSIONS_WITHOUT_SAMPLING:
            notes = [
                f"dropped {name}" for name in ("temperature", "top_p", "top_k") if body.pop(name, None) is not None
            ]
        return self._capped(body, notes)

    def _capped(self, body: dict[str, Any], notes: list[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        body["max_tokens"] = self.caps.clamp(body["model"], body.get("max_tokens", self.max_tokens), notes)
        return body, tuple(notes)

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The message as a completion. Translating needs the fields, so they are checked in any case."""
        native = request.wording_for(self.dialect) is not None
        body = completion_from(payload, wants_json=request.wants_json and not native)
        if self.validate:
            if not payload.get("stop_reason"):
                raise drifted("drift_fields", "`stop_reason` is missing")
            # A caller of this dialect gets the message itself, which isn't repaired.
            limit = self.output_limit(request)
            notes = (*notes, *check_completion(body, request, limit=limit, repair=not native))
        response = response_from_completion(body, self.name, notes)
        response.native = payload if native else None
        return response

    def output_limit(self, request: LLMRequest) -> int | None:
        """The API demands a limit: without the caller's it is ours."""
        return super().output_limit(request) or self.max_tokens

    def usage(self, payload: dict[str, Any]) -> Any:
        """Its `usage`, as OpenAI would have written it."""
        return usage_from(payload.get("usage"))

    def stream_reader(self, request: LLMRequest) -> StreamReader:
        """Reads events until `message_stop`."""
        native = request.wording_for(self.dialect) is not None
        return AnthropicReader(self.in_stream, wants_json=request.wants_json and not native, native=native)


PROVIDER = AnthropicProvider
