"""`POST /v1/chat/completions`, as OpenAI's SDKs call it: the router's own dialect, so nothing is translated."""

from __future__ import annotations

from typing import Any

import orjson

from ..errors import StreamInterrupted
from ..messages import Chunk, LLMRequest, LLMResponse
from .base import Asked, Front, Reading, check_text, event, read_object, rejected


class ChatFront(Front):
    """Chat completions."""

    path = "/v1/chat/completions"

    def read(self, asked: Asked) -> Reading:
        """Wrap the caller's body.

        Raises:
            RequestRejected: It isn't JSON, or has no usable messages.
        """
        body = read_object(asked.body)
        check_messages(body)
        options = body.get("stream_options")
        usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return Reading(LLMRequest.from_chat(body), bool(body.get("stream")), _plain, lambda: ChatWriter(usage=usage))


def _plain(response: LLMResponse) -> bytes:
    return orjson.dumps(response.body)


def check_messages(body: dict[str, Any]) -> None:
    """Check what translators rely on.

    Raises:
        RequestRejected: A member has the wrong type.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise rejected("'messages' has to be a list with at least one message", "messages")
    for place, message in enumerate(messages):
        _check_message(message, f"messages[{place}]")
    for name, kinds in (("tools", list), ("response_format", dict)):
        if body.get(name) is not None and not isinstance(body[name], kinds):
            raise rejected(f"'{name}' has the wrong type", name)
    if any(not isinstance(tool, dict) for tool in body.get("tools") or ()):
        raise rejected("'tools' has to be a list of objects", "tools")
    check_text((body.get("response_format") or {}).get("type"), "response_format.type")


def _check_message(message: Any, where: str) -> None:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise rejected(f"'{where}' has to be an object with a role", where)
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return
    if content is not None and not isinstance(content, str):
        raise rejected(f"'{where}.content' has to be text or a list of parts", where)


class ChatWriter:
    """Writes chunks as they are.

    Args:
        usage: Whether the caller asked for counts.
    """

    def __init__(self, *, usage: bool) -> None:
        self._usage = usage

    def write(self, chunks: list[Chunk]) -> bytes:
        """An event a chunk."""
        parts = []
        for chunk in chunks:
            if not self._usage and "usage" in chunk:
                # We ask every provider for counts; a caller who didn't isn't used to a chunk without choices.
                if not chunk.get("choices"):
                    continue
                chunk.pop("usage")
            parts.append(b"data: %b\n\n" % orjson.dumps(chunk))
        return b"".join(parts)

    def end(self) -> bytes:
        """`[DONE]`."""
        return b"data: [DONE]\n\n"

    def broken(self, error: StreamInterrupted) -> bytes:
        """An error event, and no `[DONE]`."""
        return event(
            {
                "error": {
                    "message": str(error),
                    "type": "server_error",
                    "param": None,
                    "code": "stream_interrupted",
                }
            }
        )


FRONT = ChatFront()
