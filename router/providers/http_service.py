"""A service that is no LLM, under the same policies: another payload, which passes as it is.

The caller names method, path, query and body (`/service/…` on the front); the answer goes back with its own status.
The status tells whose fault a refusal is, whatever the body: what the service says about the caller's request (a 404
of plain text, a 422, a 304) is an answer like any other and moves nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import orjson

from ..classify import Position, classify, parse_error_body
from ..errors import AttemptFailed, Meaning, fail
from ..http_provider import HTTPProvider
from ..messages import Chunk, LLMRequest, LLMResponse
from ..provider import AttemptLimits
from ..response_body import read_whole
from ..stream_reader import StreamReader
from ..validate import drifted

_ABOUT_US = frozenset({401, 402, 403, 407, 408, 425, 429})
"""The statuses below 500 that may be about the router's key, account or haste; all others are about the request."""
_PASSED = frozenset(
    b"allow cache-control content-disposition content-language etag expires last-modified link location "
    b"preference-applied retry-after vary".split()
)
"""Headers of the service's that go to the caller, beside the content type."""
_EMPTY = frozenset({204, 205})


class HTTPServiceProvider(HTTPProvider):
    """Any HTTP API; `base_url` is what stands before the caller's path.

    Options:
        auth: Where the key goes: `bearer` (default), `basic` (the key is `user:password`, in base 64 by the operator),
            `header:<name>`, or `query:<name>`.
        error_field: The member of a 200's body that tells whether it is an error (`status`).
        error_values: What its values mean: `{REQUEST_DENIED: credential, OVER_QUERY_LIMIT: limited}`; with any other
            value it is an answer.
    """

    dialect = "http_service"
    default_model = "service"

    def credentials(self, api_key: str | None) -> dict[str, str]:
        """The key where `auth` says."""
        where = str(self.options.get("auth", "bearer"))
        self._query = {}
        if not api_key:
            return {}
        if where.startswith("query:"):
            self._query = {where.removeprefix("query:"): api_key}
            return {}
        if where.startswith("header:"):
            return {where.removeprefix("header:").lower(): api_key}
        return {"authorization": f"{'Basic' if where == 'basic' else 'Bearer'} {api_key}"}

    _query: Mapping[str, str] = {}

    def offers(self) -> Mapping[str, str]:
        """It has no models."""
        return {}

    def serves(self, operation: str) -> bool:
        """Only what services are asked for."""
        return operation == "service"

    async def generate(self, request: LLMRequest, limits: AttemptLimits | None = None) -> LLMResponse:
        """Send the caller's request on."""
        asked = request.native
        if asked is None or asked.dialect != self.dialect:
            raise fail(Meaning.UNFIT, "not_offered", f"this provider is a service and has no {request.operation}")
        url = httpx.URL(self.base_url + asked.path)
        if self._query:
            url = url.copy_merge_params(dict(self._query))
        response = await self._send(
            url, asked.body, limits or AttemptLimits(), stream=False, method=asked.method, extra=asked.headers
        )
        content = await read_whole(response, self._answer_bytes_max)
        status = response.status_code
        kind = response.headers.get("content-type", "application/octet-stream" if content else "")
        if status >= 500 or status in _ABOUT_US:
            self._judge(response, content)
        elif status < 300 and status not in _EMPTY:
            self._look_into(content, kind)
        passed = [(name, value) for key, value in response.headers.raw if (name := key.lower()) in _PASSED]
        return LLMResponse(
            None,
            self.name,
            model=self.model,
            finish_reason="stop",
            native=(content, kind, passed),
            status=status,
        )

    def _judge(self, response: httpx.Response, content: bytes) -> None:
        """Raise unless it is the caller's own fault: then it is the service's answer."""
        failure = classify(
            self.dialect,
            response.status_code,
            parse_error_body(content),
            headers=response.headers,
            now_s=time.time(),
            retry_after_max_s=self._retry_after_max_s,
        )
        if failure.meaning is not Meaning.REQUEST:
            raise self._judged(failure)

    def _look_into(self, content: bytes, kind: str) -> None:
        """A 200 that says that it is JSON has to be some, and may be an error all the same."""
        field = self.options.get("error_field")
        if "json" not in kind or not (self.validate or field):
            return
        try:
            payload = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise drifted("drift_not_json", f"a {kind!r} that is not JSON") from None
        value = payload.get(field) if field and isinstance(payload, dict) else None
        meaning = (self.options.get("error_values") or {}).get(value) if isinstance(value, str) else None
        if meaning is None:
            return
        said = classify(self.dialect, 200, payload, position=Position.BODY)
        raise AttemptFailed(replace(said, meaning=Meaning(meaning), reason="service_error", message=f"{field} {value}"))

    def stream(self, request: LLMRequest, limits: AttemptLimits | None = None) -> AsyncIterator[list[Chunk]]:
        """Services answer in one piece."""
        return self._in_one_piece(request, limits or AttemptLimits())

    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Not for services."""
        raise NotImplementedError

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """Not for services."""
        raise NotImplementedError

    def stream_reader(self, request: LLMRequest) -> StreamReader:
        """Not for services."""
        raise NotImplementedError


PROVIDER = HTTPServiceProvider
