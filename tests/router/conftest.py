"""A provider of the tests' own, over real sockets: it answers well, and does whatever else a script says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from banstorm.router.app import App
from banstorm.router.build import build_providers, build_router
from banstorm.router.config import Config
from banstorm.router.core import LLMRouter
from banstorm.router.metrics import Metrics
from banstorm.router.observer import Observer

Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the ways to answer it."""

    body: dict[str, Any]
    headers: dict[str, str]
    path: str
    writer: asyncio.StreamWriter
    left: asyncio.Event

    async def reply(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
        """Answer at once with a JSON value or raw bytes."""
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given = {"content-type": "application/json", **(headers or {}), "content-length": str(len(content))}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content)
        await self.writer.drain()

    async def begin_stream(self, kind: str = "text/event-stream") -> None:
        """Send the head of a stream."""
        self.writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """Send one piece of a stream."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def end_stream(self) -> None:
        """End a stream the proper way."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


@dataclass
class Upstream:
    """A stand-in provider; `script` holds what to do with the next requests, then it answers well."""

    dialect: str
    url: str = ""
    words: str = "all is well"
    script: deque[Script] = field(default_factory=deque)
    always: Script | None = None
    requests: list[Exchange] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request after request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                start, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                exchange = Exchange(body, headers, start.split()[1], writer, asyncio.Event())
                self.requests.append(exchange)
                script = self.script.popleft() if self.script else self.always or self.well
                work = asyncio.ensure_future(script(exchange))
                gone = asyncio.ensure_future(reader.read(1))
                await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    exchange.left.set()
                    work.cancel()
                    break
                work.result()
                if writer.is_closing():
                    break
                # The byte belongs to the next request on this connection: simplest to end the connection there.
                gone.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    if await gone:
                        break
        writer.close()

    async def well(self, exchange: Exchange) -> None:
        """Answer as asked: text, JSON or a tool call, plain or streamed."""
        if exchange.body.get("stream"):
            await exchange.begin_stream()
            for event in stream_events(self.dialect, exchange.body, self.words):
                await exchange.send(event)
            await exchange.end_stream()
        else:
            await exchange.reply(200, plain_answer(self.dialect, exchange.body, self.words))

    def replies(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> Script:
        """A script that answers once with this."""

        async def script(exchange: Exchange) -> None:
            await exchange.reply(status, payload, headers)

        return script

    def streams(self, *events: bytes, end: bool = True, kind: str = "text/event-stream") -> Script:
        """A script that streams these events, then ends properly or cuts the connection."""

        async def script(exchange: Exchange) -> None:
            await exchange.begin_stream(kind)
            for event in events:
                await exchange.send(event)
            if end:
                await exchange.end_stream()
            else:
                exchange.writer.close()

        return script

    def events(self, **body: Any) -> list[bytes]:
        """The events of a good stream for a request."""
        return stream_events(self.dialect, body, self.words)

    @staticmethod
    async def hangs(exchange: Exchange) -> None:
        """A script that never answers."""
        await asyncio.Event().wait()

    @staticmethod
    async def disconnects(exchange: Exchange) -> None:
        """A script that closes the connection without a word."""
        exchange.writer.close()


def _what(dialect: str, body: dict[str, Any]) -> tuple[str, str]:
    """What kind of answer the request asks for: text, json or tool; and the tool's name."""
    if dialect == "anthropic":
        choice = body.get("tool_choice") or {}
        name = choice.get("name") or (body["tools"][0]["name"] if body.get("tools") else "")
        return ("tool", name) if name and choice.get("type") != "none" else ("text", "")
    if body.get("tools"):
        return "tool", body["tools"][0]["function"]["name"]
    return ("json", "") if (body.get("response_format") or {}).get("type") == "json_schema" else ("text", "")


def plain_answer(dialect: str, body: dict[str, Any], words: str) -> dict[str, Any]:
    """A good plain answer in the dialect, as the request asks for it."""
    kind, name = _what(dialect, body)
    if dialect == "anthropic":
        block: dict[str, Any] = {"type": "text", "text": words}
        if kind == "tool":
            block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {"words": words}}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "claude"),
            "content": [block],
            "stop_reason": "tool_use" if kind == "tool" else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 3},
        }
    message: dict[str, Any] = {"role": "assistant", "content": words}
    if kind == "json":
        message["content"] = json.dumps({"words": words})
    if kind == "tool":
        function = {"name": name, "arguments": json.dumps({"words": words})}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    finish = "tool_calls" if kind == "tool" else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", "gpt"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 15, "completion_tokens": 3, "total_tokens": 18},
    }


def event(payload: dict[str, Any]) -> bytes:
    """One event, with its name if the dialect gives it one."""
    name = f"event: {payload['type']}\n" if "type" in payload else ""
    return f"{name}data: {json.dumps(payload)}\n\n".encode()


def stream_events(dialect: str, body: dict[str, Any], words: str) -> list[bytes]:
    """The events of a good stream in the dialect, as the request asks for it."""
    answer = plain_answer(dialect, body, words)
    kind, name = _what(dialect, body)
    document = json.dumps({"words": words})
    pieces = [document[:7], document[7:]] if kind != "text" else [f"{word} " for word in words.split()]
    if dialect == "anthropic":
        block = (
            {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
            if kind == "tool"
            else {"type": "text", "text": ""}
        )
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            if kind == "tool"
            else {"type": "text_delta", "text": piece}
            for piece in pieces
        ]
        start = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
        return [
            event({"type": "message_start", "message": start}),
            event({"type": "content_block_start", "index": 0, "content_block": block}),
            event({"type": "ping"}),
            *[event({"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas],
            event({"type": "content_block_stop", "index": 0}),
            event(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": answer["stop_reason"]},
                    "usage": {"output_tokens": 3},
                }
            ),
            event({"type": "message_stop"}),
        ]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body.get("model", "gpt")}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    if kind == "tool":
        first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        middle = [chunk({"tool_calls": [first]})]
        middle += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
    else:
        middle = [chunk({"content": piece}) for piece in pieces]
    usage = event({**head, "choices": [], "usage": answer["usage"]})
    finish = answer["choices"][0]["finish_reason"]
    return [chunk({"role": "assistant", "content": ""}), *middle, chunk({}, finish), usage, b"data: [DONE]\n\n"]


@pytest.fixture
async def upstream() -> AsyncIterator[Callable[[str], Awaitable[Upstream]]]:
    """Starts stand-in providers on loopback."""
    servers: list[asyncio.Server] = []

    async def start(dialect: str) -> Upstream:
        made = Upstream(dialect)
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        made.url = f"http://127.0.0.1:{port}" + ("/v1" if dialect == "openai" else "")
        return made

    yield start
    for server in servers:
        server.close()


@dataclass
class Bench:
    """A router over two stand-in providers, and a client for its front."""

    anthropic: Upstream
    openai: Upstream
    router: LLMRouter
    metrics: Metrics
    app: App
    client: httpx.AsyncClient

    async def ask(self, content: str = "how is it?", **more: Any) -> httpx.Response:
        """Send one call to the front."""
        body = {"model": "any", "messages": [{"role": "user", "content": content}], **more}
        return await self.client.post("/v1/chat/completions", json=body)

    async def ask_stream(self, **more: Any) -> tuple[httpx.Response, str, list[dict[str, Any]]]:
        """The response, the text of its deltas, and its events without `[DONE]`."""
        response = await self.ask(stream=True, **more)
        lines = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
        events = [json.loads(line) for line in lines if line != "[DONE]"]
        deltas = [c["delta"].get("content") or "" for e in events for c in e.get("choices", ())]
        return response, "".join(deltas), events


@pytest.fixture
async def bench(upstream: Callable[[str], Awaitable[Upstream]]) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    """Makes a router with both stand-ins (Anthropic preferred); keyword arguments are parts of `router.yaml`."""
    made: list[Bench] = []

    async def make(*observers: Observer, **config: Any) -> Bench:
        first, second = await upstream("anthropic"), await upstream("openai")
        first.words, second.words = "anthropic is well", "openai is well"
        providers = [
            {
                "name": up.dialect,
                "dialect": up.dialect,
                "base_url": up.url,
                "model": f"{up.dialect}-model",
                "api_key": "sk-test",
            }
            for up in (first, second)
        ]
        checked = Config.model_validate({"providers": providers, **config})
        built = build_providers(checked)
        metrics = Metrics(built)
        router = build_router(checked, built, [metrics, *observers])
        metrics.show_budgets(router.purses)
        app = App(router, checked, metrics)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://router")  # type: ignore[arg-type]
        made.append(Bench(first, second, router, metrics, app, client))
        return made[-1]

    yield make
    for one in made:
        await one.client.aclose()
        await one.router.aclose()
