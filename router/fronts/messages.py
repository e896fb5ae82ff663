"""`POST /v1/messages`, as Anthropic's SDKs call it, streamed and plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..messages import LLMRequest, Native
from .base import Asked, Front, Reading, read_object
from .read_messages import Chat
from .write_messages import MessagesWriter, message_from

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_PASSED = ("anthropic-beta",)
"""Headers of the caller's that go on to a provider of the same dialect."""


class MessagesFront(Front):
    """Anthropic's messages."""

    path = "/v1/messages"

    def read(self, asked: Asked) -> Reading:
        """Keep the caller's body for those who speak its dialect, and translate it for the others.

        Raises:
            RequestRejected: It isn't JSON, or lacks what the API demands.
        """
        body = read_object(asked.body)
        chat = Chat(body)
        request = LLMRequest.from_chat(chat.body)
        headers = {name: value for name in _PASSED if (value := asked.header(name)) is not None}
        request.native = Native("anthropic", body, headers=headers, only=chat.only)
        request.lost = tuple(chat.lost)
        return Reading(request, bool(body.get("stream")), message_from, MessagesWriter)

    def error(self, status: int, error: Mapping[str, Any]) -> bytes:
        """Anthropic's envelope."""
        kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        said = {"type": kind, "message": error.get("message", "")}
        return orjson.dumps({"type": "error", "error": said})


FRONT = MessagesFront()
