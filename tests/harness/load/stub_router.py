"""A router's stand-in for tests of the load child: raw asyncio, one behaviour a call number, no parsing to speak of.

Run as a program it prints its port and serves until its standard input ends. Behaviour is chosen by ``sys.argv[1]``, a
JSON object: ``{"<call>": "<behaviour>", "*": "<behaviour>"}``; a call without one is answered well.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys

from banstorm.fakes.answer import Mark, Shape, expected_object, find_mark, words

PROVIDER = "stub"


def pieces(mark: Mark, provider: str = PROVIDER) -> list[str]:
    """The answer in pieces of about a word."""
    if mark.shape is Shape.TEXT:
        listed = words(mark, provider)
        return [listed[0], *(f" {word}" for word in listed[1:])]
    text = json.dumps(expected_object(mark, provider))
    return [part + " " for part in text.split(" ")[:-1]] + [text.split(" ")[-1]]


def delta(mark: Mark, piece: str) -> dict:
    """A chunk's delta with `piece` of the answer."""
    if mark.shape is Shape.TOOL:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"content": piece}


def chunk(choice_delta: dict, finish: str | None = None) -> bytes:
    """A stream's event."""
    choice = {"index": 0, "delta": choice_delta, "logprobs": None, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stub-1", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage(mark: Mark) -> dict:
    """Token counts."""
    return {"prompt_tokens": 9, "completion_tokens": mark.words, "total_tokens": 9 + mark.words}


def stream(mark: Mark, *, finish: str = "stop", count: int | None = None) -> list[bytes]:
    """An answer's events without ``[DONE]``; `count` pieces of it."""
    tool = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "record_answer", "arguments": ""}}
    first = {"role": "assistant", "content": None, "tool_calls": [tool]} if mark.shape is Shape.TOOL else {"role": "a"}
    events = [chunk(first)] + [chunk(delta(mark, piece)) for piece in pieces(mark)[:count]]
    events.append(chunk({}, "tool_calls" if mark.shape is Shape.TOOL and finish == "stop" else finish))
    last = {"id": "1", "object": "chat.completion.chunk", "model": "stub-1", "choices": [], "usage": usage(mark)}
    return [*events, b"data: " + json.dumps(last).encode() + b"\n\n"]


def plain(mark: Mark, *, finish: str = "stop", count: int | None = None) -> bytes:
    """An answer's body; `count` pieces of it."""
    text = "".join(pieces(mark)[:count])
    message: dict = {"role": "assistant", "content": text}
    if mark.shape is Shape.TOOL:
        function = {"name": "record_answer", "arguments": text}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion", "model": "stub-1", "choices": [choice], "usage": usage(mark)}
    return json.dumps(body).encode()


def response(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole HTTP response."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
ERROR = {"error": {"message": "no", "type": "server_error", "param": None, "code": "server_is_overloaded"}}


def chunked(data: bytes) -> bytes:
    """`data` as one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def good_stream(mark: Mark) -> bytes:
    """A whole good stream in one write, a chunk an event."""
    return STREAM_HEAD + b"".join(map(chunked, [*stream(mark), DONE])) + LAST


def other(mark: Mark) -> Mark:
    """Another call's mark."""
    return Mark(mark.run, mark.call + 1, mark.shape, mark.words)


LAST = b"0\r\n\r\n"
PLAIN = {
    "hang": lambda _: b"",
    "close": lambda _: b"",
    "status_500": lambda _: response(json.dumps(ERROR).encode(), "500 Internal Server Error"),
    "redirect": lambda _: b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "garbage": lambda _: b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "half_body": lambda mark: response(plain(mark))[:-40],
    "plain_shortened": lambda mark: response(plain(mark, finish="length", count=3)),
    "plain_foreign": lambda mark: response(plain(other(mark))),
    "plain_truncated": lambda mark: response(plain(mark, count=3)),
    "empty": lambda mark: response(plain(mark, count=0)),
    "html": lambda _: response(b"<html>It works!</html>", kind="text/html"),
}
STREAMS = {
    "half_then_hang": lambda mark: stream(mark, count=2)[:-2],
    "error_in_stream": lambda mark: [*stream(mark, count=3)[:-2], b"data: " + json.dumps(ERROR).encode() + b"\n\n"],
    "no_done": lambda mark: stream(mark, count=3)[:-2],
    "cut": lambda mark: stream(mark, count=3)[:-2],
    "reset": lambda mark: stream(mark, count=3)[:-2],
    "shortened": lambda mark: [*stream(mark, finish="length", count=3), DONE],
    "foreign": lambda mark: [*stream(other(mark)), DONE],
    "malformed_event": lambda mark: [*stream(mark, count=3)[:-2], b"data: {nope\n\n"],
    "done_then_hang": lambda mark: [*stream(mark), DONE],
}
WHOLE = {"error_in_stream", "no_done", "shortened", "foreign", "malformed_event"}
HANGS = {"hang", "half_then_hang", "done_then_hang"}
CLOSES = {"close", "garbage", "half_body", "cut", "reset"}


class Router:
    """Serves connections."""

    def __init__(self, plan: dict[str, str]) -> None:
        self.plan = plan

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(h[15:]) for h in head.decode().lower().split("\r\n") if h.startswith("content-length:")
                )
                body = await reader.readexactly(length)
                mark = find_mark(body.decode())
                assert mark is not None
                how = self.plan.get(str(mark.call), self.plan.get("*", "good"))
                if not await self.answer(how, mark, writer, streamed=b'"stream":true' in body.replace(b" ", b"")):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return  # the caller is gone, or the test is over
        finally:
            writer.close()

    async def answer(self, how: str, mark: Mark, writer: asyncio.StreamWriter, *, streamed: bool) -> bool:
        """Answer one call as told; False when the connection is to be closed."""
        if how == "good":
            writer.write(good_stream(mark) if streamed else response(plain(mark)))
        elif how in PLAIN:
            writer.write(PLAIN[how](mark))
        else:
            events = STREAMS[how](mark)
            writer.write(STREAM_HEAD + b"".join(map(chunked, events)) + (LAST if how in WHOLE else b""))
        await writer.drain()
        if how in HANGS:
            await asyncio.Event().wait()
        if how == "reset":
            linger = struct.pack("ii", 1, 0)  # closing a socket that lingers for 0 s resets the connection
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return how not in CLOSES


async def main() -> None:
    """Serve until standard input ends."""
    router = Router(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    server = await asyncio.start_server(router.serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
