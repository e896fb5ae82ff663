"""Amazon Bedrock: Converse and InvokeModel, whole and streamed, and their counting, signed or with a bearer key.

Source: the service model in botocore 1.44 (`bedrock-runtime/2023-09-30`). A signature is taken as it is; whose request
it is, the access key id in it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from . import _bedrock_failures as failures
from . import _bedrock_invoke as invoke
from . import _bedrock_request as request
from . import _bedrock_response as response
from . import _eventstream
from ._bedrock_refusal import INVOKE
from ._routes import Route, RoutedDialect, Routes
from .base import Ask, Headers, Reply

_SIGNED: Final = re.compile(r"\s*AWS4-[A-Z0-9-]+\s.*?Credential=([^/,\s]+)/", re.DOTALL)
_SIGNED_QUERY: Final = re.compile(r"[?&]X-Amz-Credential=([^&]+)")

# both ways of asking are chats; the path of the second says that it streams
ROUTES: Final = Routes(
    [
        Route(
            "chat",
            "POST",
            "/model/{}/converse",
            request.read_plain,
            response.write,
            response.stream_head,
            response.stream,
        ),
        Route(
            "chat",
            "POST",
            "/model/{}/converse-stream",
            request.read_stream,
            response.write,
            response.stream_head,
            response.stream,
        ),
        Route(
            "chat",
            "POST",
            "/model/{}/invoke",
            invoke.read_plain,
            invoke.write,
            invoke.stream_head,
            invoke.stream,
            api=INVOKE,
        ),
        Route(
            "chat",
            "POST",
            "/model/{}/invoke-with-response-stream",
            invoke.read_stream,
            invoke.write,
            invoke.stream_head,
            invoke.stream,
            api=INVOKE,
        ),
        Route("count_tokens", "POST", "/model/{}/count-tokens", request.read_count, response.write_count),
    ]
)


class Bedrock(RoutedDialect):
    """Bedrock's wire format."""

    name: ClassVar[str] = "bedrock"
    routes: ClassVar[Routes] = ROUTES
    base_path: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock-runtime.*.amazonaws.com")
    answer_keys: ClassVar[tuple[str, ...]] = ("text", "input")
    failures: ClassVar[frozenset[str]] = failures.KINDS
    key_example: ClassVar[str] = "AKIABANSTORMBANSTORM"

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:
        """The access key id of a signed request, or the bearer key."""
        authorization = headers.get("authorization", "")
        if signed := _SIGNED.match(authorization):
            return signed[1]
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip() or None
        if in_query := _SIGNED_QUERY.search(path):
            return unquote(in_query[1]).partition("/")[0] or None
        return None

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
        """An answer in the place of an answer comes in the form that was asked for."""
        suited = dict(super().suit(details, ask, after))
        if ask is not None:
            suited.setdefault("stream", ask.stream)
            suited.setdefault("api", ask.api)
        return suited

    def answer_keys_of(self, ask: Ask | None) -> tuple[str, ...]:
        """`answer_keys`, or those of the model's own bodies."""
        return invoke.ANSWER_KEYS if ask is not None and ask.api == INVOKE else self.answer_keys

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The vendor's words for a failure before any answer."""
        return failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:  # noqa: ARG002 - no id in it
        """The error as an exception frame; nothing follows it."""
        return failures.frame(kind, details)

    def is_stream(self, headers: Headers) -> bool:
        """Whether a response with these headers is a stream of frames."""
        return any(name == "content-type" and _eventstream.CONTENT_TYPE in value for name, value in headers)

    def split_events(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut a stream's bytes into whole frames and the unfinished rest."""
        return _eventstream.split(buffer)

    def map_event(self, event: bytes, change: Callable[[Any], Any]) -> bytes:
        """`event` with its payload changed, its lengths and checksums made anew."""
        return _eventstream.map_payload(event, lambda payload: invoke.map_inner(payload, change))


DIALECT: Final = Bedrock()
