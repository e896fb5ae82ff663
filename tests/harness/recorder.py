"""Recording proxies in front of APIs that are ours, for the tests of recording."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
from banstorm.fakes import recording
from banstorm.fakes.serve import Servers, serve
from banstorm.harness.record_proxy import RecordingProxy
from banstorm.harness.tape import Tape

PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging


class Recorder:
    """Proxies in front of APIs that are ours, and the file."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "recording.ndjson"
        self.tape = Tape(
            self.path, **{key: options.pop(key) for key in ("exchanges_max", "bytes_max") if key in options}
        )
        self.options = options
        self.told: list[str] = []
        self.ports: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def running(
        self, apis: dict[str, Any] | None = None, urls: dict[str, str] | None = None
    ) -> AsyncIterator[Recorder]:
        """Listen, in front of these applications or addresses."""
        behind: Servers | None = None
        if apis:
            behind = await serve({name: (app, 0) for name, app in apis.items()})
            urls = {name: f"http://127.0.0.1:{port}" for name, port in behind.ports.items()}
        async with httpx.AsyncClient(trust_env=False) as client:
            proxies: dict[str, Any] = {
                name: RecordingProxy(name, httpx.URL(url), self.tape, client, tell=self.told.append, **self.options)
                for name, url in (urls or {}).items()
            }
            servers = await serve({name: (proxy, 0) for name, proxy in proxies.items()})
            self.ports = servers.ports
            try:
                yield self
            finally:
                await servers.stop()
                if behind is not None:
                    await behind.stop()
                self.tape.close()

    @property
    def exchanges(self) -> list[recording.Exchange]:
        """What is in the file."""
        return recording.read(self.path)


class Echo:
    """An API that notes what it was asked and answers what it is told."""

    def __init__(self, body: bytes = b"{}", status: int = 200, headers: Any = (), *, whole: bool = True) -> None:
        self.answer = (status, [(name.encode(), value.encode()) for name, value in headers], body, whole)
        self.asked: list[tuple[Any, bytes]] = []
        self.arrived = threading.Event()
        self.left = asyncio.Event()
        self.wait = asyncio.Event()
        self.wait.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.asked.append((scope, body))
        self.arrived.set()
        status, headers, data, whole = self.answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for at in range(0, len(data), 5) if not self.wait.is_set() else ():
            await send({"type": "http.response.body", "body": data[at : at + 5], "more_body": True})
        if not self.wait.is_set():
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        elif whole:
            await send({"type": "http.response.body", "body": data})
        else:
            await send({"type": "http.response.body", "body": data, "more_body": True})

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the last request."""
        return {name.decode(): value.decode() for name, value in self.asked[-1][0]["headers"]}


async def post(
    recorder: Recorder, body: Any = b"{}", path: str = "/v1/chat/completions", **headers: str
) -> httpx.Response:
    """Ask through the proxy; headers' names have underscores for dashes."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{recorder.ports['openai']}{path}"
        return await client.post(url, content=body if isinstance(body, bytes) else orjson.dumps(body), headers=named)
