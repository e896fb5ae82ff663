"""`POST /v1/chat/completions`: from the caller's bytes to an answer, plain or streamed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from .attempt import close
from .core import LLMRouter
from .errors import RequestRejected, StreamInterrupted
from .messages import Chunk, LLMRequest
from .open_stream import OpenStream
from .watchdog import Watchdog

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_DONE = b"data: [DONE]\n\n"
NOTES_CHARS_MAX = 500


async def chat(router: LLMRouter, body: bytes, send: Send, caller_s: float) -> None:
    """Serve one call.

    Args:
        router: Who answers.
        body: The caller's request.
        send: Takes the response.
        caller_s: How long a caller may leave a piece of its stream unread, in seconds.

    Raises:
        RequestRejected: The request is at fault; nothing has been sent.
        AllProvidersExhausted: Nobody could answer; nothing has been sent.
    """
    request, asked = read_request(body)
    if not asked.get("stream"):
        response = await router.aroute(request)
        content = orjson.dumps(response.body)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            *_who(response.provider, response.attempts),
        ]
        if response.notes:
            headers.append((b"x-llm-adapted", ", ".join(response.notes)[:NOTES_CHARS_MAX].encode("ascii", "replace")))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        return
    options = asked.get("stream_options")
    usage = isinstance(options, dict) and bool(options.get("include_usage"))
    await _stream(await router.open_stream(request), send, caller_s, usage=usage)


def read_request(body: bytes) -> tuple[LLMRequest, dict[str, Any]]:
    """Read the caller's body; only what the router itself relies on is checked, the rest is the provider's business.

    Raises:
        RequestRejected: It isn't JSON, or has no usable messages.
    """
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _rejected(f"the body is not JSON: {error}", None) from None
    if not isinstance(asked, dict):
        raise _rejected("the body is not a JSON object", None)
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _rejected("'messages' has to be a list with at least one message", "messages")
    for place, message in enumerate(messages):
        _check_message(message, f"messages[{place}]")
    for name, kinds in (("tools", list), ("response_format", dict)):
        if asked.get(name) is not None and not isinstance(asked[name], kinds):
            raise _rejected(f"'{name}' has the wrong type", name)
    if any(not isinstance(tool, dict) for tool in asked.get("tools") or ()):
        raise _rejected("'tools' has to be a list of objects", "tools")
    return LLMRequest.from_chat(asked), asked


def _check_message(message: Any, where: str) -> None:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise _rejected(f"'{where}' has to be an object with a role", where)
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return
    if content is not None and not isinstance(content, str):
        raise _rejected(f"'{where}.content' has to be text or a list of parts", where)


def _rejected(message: str, param: str | None) -> RequestRejected:
    return RequestRejected(
        400, {"message": message, "type": "invalid_request_error", "param": param, "code": "invalid_request"}
    )


async def _stream(stream: OpenStream, send: Send, caller_s: float, *, usage: bool) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-cache"),
        *_who(stream.provider, stream.attempts),
    ]
    batches = stream.batches()
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with Watchdog() as watchdog:
            async for chunks in batches:
                # Events that arrived together leave together: one write, one wake-up of the caller.
                message = {"type": "http.response.body", "body": _events(chunks, usage=usage), "more_body": True}
                watchdog.wait(caller_s)
                await send(message)
                watchdog.rest()
        last = _DONE
    except StreamInterrupted as error:
        # The status has long been sent. An error event, and no [DONE]: nobody may take this for a whole answer.
        last = _event({"error": _interrupted(error)})
    except TimeoutError:
        # The caller doesn't read. Returning now makes the server close the connection, without [DONE].
        return
    finally:
        await close(batches)
        await stream.aclose()
    await send({"type": "http.response.body", "body": last})


def _events(chunks: list[Chunk], *, usage: bool) -> bytes:
    parts = []
    for chunk in chunks:
        if not usage and "usage" in chunk:
            # We ask every provider for counts; a caller who didn't isn't used to a chunk without choices.
            if not chunk.get("choices"):
                continue
            chunk.pop("usage")
        parts.append(b"data: %b\n\n" % orjson.dumps(chunk))
    return b"".join(parts)


def _event(payload: Any) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(payload)


def _interrupted(error: StreamInterrupted) -> dict[str, Any]:
    return {
        "message": str(error),
        "type": "server_error",
        "param": None,
        "code": "stream_interrupted",
    }


def _who(provider: str, attempts: int) -> list[tuple[bytes, bytes]]:
    return [(b"x-llm-provider", provider.encode()), (b"x-llm-attempts", b"%d" % attempts)]
