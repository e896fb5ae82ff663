"""Cohere: chat, version 2.

Sources: the vendor's API reference, its pages on streaming and errors, and the official SDK's types (7.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from . import _cohere_failures as failures
from . import _cohere_request as request
from . import _cohere_response as response
from ._routes import Route, RoutedDialect, Routes
from .base import Reply

ROUTES: Final = Routes(
    [Route("chat", "POST", "/v2/chat", request.read, response.write, response.stream_head, response.stream)]
)


class Cohere(RoutedDialect):
    """Cohere's wire format."""

    name: ClassVar[str] = "cohere"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = ""
    answer_keys: ClassVar[tuple[str, ...]] = ("text", "arguments")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "BanstormBanstormBanstormBanstorm00000000"

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:  # noqa: ARG002 - no id in it
        """The failure as a ``message-end`` that says so: the vendor has no event for errors; nothing follows it."""
        delta = {"error": failures.message(kind, details), "finish_reason": "ERROR"}
        return response.event("message-end", delta).data


DIALECT: Final = Cohere()
