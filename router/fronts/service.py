"""`/service/…`: a third party that is no LLM, behind the same policies. What stands after it goes to the service."""

from __future__ import annotations

from ..messages import LLMRequest, LLMResponse, Native
from .base import Asked, Front, Reading

_PASSED = ("content-type", "accept", "accept-language", "idempotency-key", "if-match", "if-none-match", "prefer")
"""Headers of the caller's that go on; credentials are the router's own affair."""


class ServiceFront(Front):
    """Whatever a configured `http_service` offers."""

    path = "/service/"
    methods = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

    def read(self, asked: Asked) -> Reading:
        """Take the request as it is."""
        path = "/" + asked.path.removeprefix(self.path) + (f"?{asked.query}" if asked.query else "")
        headers = {name: value for name in _PASSED if (value := asked.header(name)) is not None}
        native = Native("http_service", asked.body, method=asked.method, path=path, headers=headers)
        request = LLMRequest(max_tokens=None, temperature=None, operation="service", native=native)
        return Reading(request, stream=False, plain=_content, kind=_kind)


def _content(response: LLMResponse) -> bytes:
    content: bytes = response.native[0]
    return content


def _kind(response: LLMResponse) -> bytes:
    kind: str = response.native[1]
    return kind.encode("latin-1")


FRONT = ServiceFront()
