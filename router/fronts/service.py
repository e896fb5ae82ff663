"""`/service/…`: a third party that is no LLM, behind the same policies. What stands after it goes to the service."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from ..messages import LLMRequest, LLMResponse, Native
from .base import Asked, Front, Reading, rejected

_PASSED = ("content-type", "accept", "accept-language", "idempotency-key", "if-match", "if-none-match", "prefer")
"""Headers of the caller's that go on; credentials are the router's own affair."""
_AS_IT_IS = "/%:@!$&'()*+,;=-._~?[]"
"""What a path or a query keeps; `#` would end both, and bytes beyond ASCII have no place in a URL."""
_DOTS = re.compile(rb"(?:^|[/\\])\.\.?(?:;[^/\\]*)?(?=[/\\]|$)")
"""A dot segment, with a backslash for a slash and with a path parameter too: some servers read those as one."""


class ServiceFront(Front):
    """Whatever a configured `http_service` offers."""

    path = "/service/"
    methods = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

    def read(self, asked: Asked) -> Reading:
        """Take the request as it is.

        Raises:
            RequestRejected: The path leads out of what the service's base URL stands for.
        """
        path = _path(asked, self.path)
        if asked.query:
            path += f"?{quote(asked.query.encode('latin-1'), safe=_AS_IT_IS)}"
        headers = {name: value for name in _PASSED if (value := asked.header(name)) is not None}
        native = Native("http_service", asked.body, method=asked.method, path=path, headers=headers)
        request = LLMRequest(max_tokens=None, temperature=None, operation="service", native=native)
        return Reading(request, stream=False, plain=_content, kind=_kind, headers=_headers)


def _path(asked: Asked, front: str) -> str:
    """The path after the front's, in the caller's own encoding: decoded, `%2F` and `%3F` would name something else."""
    # A server that tells the decoded path alone leaves no choice but to encode what can't stand in one.
    raw = quote(asked.raw_path or asked.path, safe=_AS_IT_IS if asked.raw_path else "/:@!$&'()*+,;=-._~")
    if not raw.startswith(front):
        raise rejected(f"the path has to begin with {front} as it stands here, not encoded", None)
    path = raw[len(front) - 1 :]
    if _DOTS.search(unquote_to_bytes(path)):
        # Resolved by us or by the service, it would leave the base URL, with the router's key.
        raise rejected("the path has a segment '.' or '..', which is not passed on, encoded or not", None)
    return path


def _content(response: LLMResponse) -> bytes:
    content: bytes = response.native[0]
    return content


def _kind(response: LLMResponse) -> bytes:
    kind: str = response.native[1]
    return kind.encode("latin-1")


def _headers(response: LLMResponse) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = response.native[2]
    return headers


FRONT = ServiceFront()
