"""A generator of calls for the benches: open loop, plain or streamed, on one core beside what it measures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools
import httpx

TTFT_S, TOKENS_PER_SECOND, TOKENS = 0.2, 40, 120
"""Streams come so; a fake has to be told the first two."""
ANSWER_S_MAX = 30.0
"""Longest wait for an answer, in seconds."""
QUESTION = "Say hello in a few words, please."


@dataclass(frozen=True, slots=True)
class Where:
    """Something that is asked.

    Attributes:
        url: Where.
        headers: What each call carries.
        model: What is asked for.
        stream: Whether streamed answers are asked for.
    """

    url: str
    headers: dict[str, str]
    model: str
    stream: bool = False

    @property
    def body(self) -> bytes:
        """A request's body."""
        return question(self.model, stream=self.stream)

    def worded(self, body: bytes) -> bytes:
        """A whole request."""
        url = httpx.URL(self.url)
        headers = {"host": url.netloc.decode(), **self.headers, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {url.raw_path.decode()} HTTP/1.1\r\n{head}\r\n".encode() + body


def question(model: str, text: str = QUESTION, *, stream: bool = False) -> bytes:
    """A request's body, in either dialect."""
    asked: dict[str, Any] = {"model": model, "max_tokens": 512, "messages": [{"role": "user", "content": text}]}
    if stream:
        asked["stream"] = True
    return json.dumps(asked).encode()


class Line(asyncio.Protocol):
    """A kept-alive connection that carries one call at a time."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.done: asyncio.Future[int] | None = None
        self.on_data: Callable[[bytes], None] = lambda _data: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self.on_data(data)
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self.done is not None and not self.done.done():
            self.done.set_result(self.parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        """It was closed."""
        if self.done is not None and not self.done.done():
            self.done.set_exception(error or ConnectionError("closed before the answer was whole"))

    async def ask(self, content: bytes) -> float:
        """Seconds that a call took.

        Raises:
            ConnectionError: It wasn't answered with 200.
            TimeoutError: It wasn't answered at all.
        """
        self.parser = httptools.HttpResponseParser(self)
        self.done = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self.transport.write(content)
        async with asyncio.timeout(ANSWER_S_MAX):
            status = await self.done
        if status != 200:
            raise ConnectionError(f"status {status}")
        return time.perf_counter() - began


async def line_to(where: Where) -> Line:
    """A new connection."""
    url = httpx.URL(where.url)
    return (await asyncio.get_running_loop().create_connection(Line, url.host, url.port))[1]


async def latency(where: Where, rate: float, seconds: float) -> tuple[float, float]:
    """Median and 99th percentile at so many calls/s, in open loop, in seconds."""
    idle: list[Line] = []
    content = where.worded(where.body)

    async def call() -> float:
        while idle and idle[-1].transport.is_closing():
            idle.pop()  # it was left unused for too long, and the server closed it
        line = idle.pop() if idle else await line_to(where)
        took = await line.ask(content)
        idle.append(line)
        return took

    began, calls = time.perf_counter(), []
    for number in range(round(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        calls.append(asyncio.create_task(call()))
    # The first calls open connections; what they wait for is not the router's.
    took = sorted((await asyncio.gather(*calls))[int(rate / 2) :])
    for line in idle:
        line.transport.close()
    return took[len(took) // 2], took[int(len(took) * 0.99)]


async def streams(where: Where, number: int) -> tuple[int, float, float]:
    """Streams at once: how many were whole, and the median and 99th percentile of their tokens' lateness in seconds."""
    from banstorm.fakes.answer import Mark, Shape

    lates: list[float] = []

    async def one(each: int) -> bool:
        await asyncio.sleep(each / number)  # they don't begin in step
        line, tokens, began = await line_to(where), 0, time.perf_counter()

        def arrived(data: bytes) -> None:
            nonlocal tokens
            now = time.perf_counter()
            for _ in range(data.count(b"~")):
                lates.append(now - began - TTFT_S - tokens / TOKENS_PER_SECOND)
                tokens += 1

        line.on_data = arrived
        mark = Mark("bec400", each, Shape.TEXT, TOKENS).render()
        try:
            await line.ask(where.worded(question(where.model, mark, stream=True)))
        except (ConnectionError, TimeoutError):
            return False
        finally:
            line.transport.close()
        return tokens == TOKENS

    whole = sum(await asyncio.gather(*(one(each) for each in range(number))))
    lates.sort()
    return whole, lates[len(lates) // 2], lates[int(len(lates) * 0.99)]
