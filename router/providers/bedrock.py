"""Bedrock's `Converse`, behind the router's chat completions: a bearer key, or requests signed with a pair of keys."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

import httpx

from ..aws_frames import AWSFrames
from ..from_bedrock import BedrockReader, completion_from, usage_from
from ..http_provider import HTTPProvider
from ..messages import LLMRequest, LLMResponse, response_from_completion
from ..sigv4 import Keys, sign
from ..stream_reader import Frames, StreamReader
from ..to_bedrock import to_bedrock
from ..validate import check_completion

SERVICE = "bedrock"
_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_PAIR = re.compile(r"^((?:AKIA|ASIA)[A-Z0-9]{8,}):([^:\s]+)(?::(\S+))?$")


class BedrockProvider(HTTPProvider):
    """Any model of Bedrock's that knows `Converse`.

    The key is one of Bedrock's own (sent as a bearer token), or `ACCESS:SECRET` or `ACCESS:SECRET:SESSION`, with which
    requests are signed.

    Options:
        region: Region to sign for; read from the base URL if that names one, else us-east-1.
        model_fields: `additionalModelRequestFields` to send with every request.
    """

    dialect = "bedrock"
    default_url = "https://bedrock-runtime.us-east-1.amazonaws.com"
    default_model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    stream_kind = "application/vnd.amazon.eventstream"
    _keys: Keys | None = None

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """A bearer token; a pair of keys signs each request instead."""
        pair = _PAIR.match(api_key or "")
        self._keys = Keys(pair[1], pair[2], pair[3] or "") if pair else None
        return {"authorization": f"Bearer {api_key}"} if api_key and pair is None else {}

    def sign(self, url: httpx.URL, content: bytes) -> httpx.Headers:
        """The headers of one request."""
        if self._keys is None:
            return self._headers
        own = {"content-type": "application/json"}
        signed = sign(
            self._keys,
            method="POST",
            url=url,
            headers=own,
            content=content,
            region=self._region,
            service=SERVICE,
            now_s=time.time(),
        )
        return httpx.Headers({**self._headers, **signed})

    @property
    def _region(self) -> str:
        named = _REGION.search(self.base_url)
        return str(self.options.get("region") or (named[1] if named else "us-east-1"))

    def address(self, model: str, *, stream: bool) -> str:
        """The model's own path; an ARN's slashes and colons are a part of its name."""
        return f"/model/{quote(model, safe='')}/" + ("converse-stream" if stream else "converse")

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:  # noqa: ARG002 - the path says so
        """The request as a `Converse` body."""
        model = self.upstream_model(request)
        body, notes = to_bedrock(request, model=model)
        settings = body.get("inferenceConfig")
        if settings and "maxTokens" in settings:
            settings["maxTokens"] = self.caps.clamp(model, settings["maxTokens"], notes)
        if self.options.get("model_fields"):
            body["additionalModelRequestFields"] = self.options["model_fields"]
        return body, tuple(notes)

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The message as a completion."""
        model = self.upstream_model(request)
        body = completion_from(payload, model, self.in_stream, wants_json=request.wants_json)
        if self.validate:
            notes = (*notes, *check_completion(body, request, limit=self.output_limit(request)))
        return response_from_completion(body, self.name, notes)

    def frames(self) -> Frames:
        """AWS's own frames."""
        return AWSFrames(self._event_bytes_max)

    def usage(self, payload: dict[str, Any]) -> Any:
        """Its `usage`, as OpenAI would have written it."""
        return usage_from(payload.get("usage"))

    def stream_reader(self, request: LLMRequest) -> StreamReader:
        """Reads events until `metadata`."""
        return BedrockReader(self.in_stream, self.upstream_model(request), wants_json=request.wants_json)


PROVIDER = BedrockProvider
