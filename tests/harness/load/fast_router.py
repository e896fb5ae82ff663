"""A router's stand-in that is fast enough to measure the load child: uvloop, a bare protocol, paced good answers only.

Run as a program it prints its port and serves until its standard input ends. The first token comes after 120 ms, each
further one 12.5 ms later, as from the fakes of the example scenario; a plain answer comes when its last token would.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import Final

import uvloop
from banstorm.fakes.answer import find_mark

TTFT_S: Final = 0.12
GAP_S: Final = 0.0125
PROVIDER: Final = "fast"
_CHUNK: Final = (
    '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"fast-1","choices":[{"index":0,"delta":%s,'
    '"logprobs":null,"finish_reason":%s}],"usage":null}'
)
_USAGE: Final = '{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":9}'
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_PLAIN_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def _event(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


class FastRouter(asyncio.Protocol):
    """One connection. Requests come one at a time, as the load child sends them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the mark is there."""
        self._data += data
        _, blank, body = self._data.partition(b"\r\n\r\n")
        if not blank or not body.endswith(b"}"):
            return
        mark = find_mark(body.decode())
        if mark is None:
            return
        self._data = b""
        heads = (f"~{mark.run}.{mark.call}.{PROVIDER}.{k}.{mark.words}" for k in range(1, mark.words + 1))
        listed = [f"{head}.{zlib.crc32(head.encode()) & 0xFFFF:04x}" for head in heads]
        usage = _USAGE % mark.words
        if b'"stream":true' in body:
            self._transport.write(_STREAM_HEAD + _event(_CHUNK % ('{"role":"assistant","content":""}', "null")))
            for place, word in enumerate(listed):
                content = f'{{"content":"{" " if place else ""}{word}"}}'
                self._loop.call_later(TTFT_S + GAP_S * place, self._transport.write, _event(_CHUNK % (content, "null")))
            last = _event(_CHUNK % ("{}", '"stop"'))
            last += _event(f'{{"object":"chat.completion.chunk","model":"fast-1","choices":[],"usage":{usage}}}')
            last += _event("[DONE]") + b"0\r\n\r\n"
        else:
            text = (
                '{"id":"1","object":"chat.completion","model":"fast-1","choices":[{"index":0,"message":{"role":'
                f'"assistant","content":"{" ".join(listed)}"}},"finish_reason":"stop"}}],"usage":{usage}}}'
            ).encode()
            last = _PLAIN_HEAD % len(text) + text
        self._loop.call_later(TTFT_S + GAP_S * len(listed), self._transport.write, last)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FastRouter, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
