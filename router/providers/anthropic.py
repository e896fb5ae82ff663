"""Anthropic messages, behind the router's chat completions."""

from __future__ import annotations

from typing import Any

from ..from_anthropic import AnthropicReader, completion_from
from ..http_provider import HTTPProvider, StreamReader
from ..messages import LLMRequest, LLMResponse, response_from_completion
from ..to_anthropic import to_anthropic
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
        """The request as a messages body."""
        return to_anthropic(
            request,
            model=self.upstream_model(request),
            max_tokens=self.max_tokens,
            version=self._version,
            stream=stream,
        )

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The message as a completion. Translating needs the fields, so they are checked in any case."""
        body = completion_from(payload, wants_json=request.wants_json)
        if self.validate:
            if not payload.get("stop_reason"):
                raise drifted("drift_fields", "`stop_reason` is missing")
            check_completion(body, request)
        return response_from_completion(body, self.name, notes)

    def stream_reader(self, request: LLMRequest) -> StreamReader:
        """Reads events until `message_stop`."""
        return AnthropicReader(self.dialect, wants_json=request.wants_json)


PROVIDER = AnthropicProvider
