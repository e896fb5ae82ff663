"""Calls a fake as a server would, over ASGI, without one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import orjson
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable

sys.path.insert(0, str(Path(__file__).parent))  # the modules beside the tests

# The same examples in every run, and no limit on their time: a busy machine must not turn a test red.
hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")

CHAT = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-sonnet-5"}
HEADERS = {
    "openai": {"authorization": "Bearer sk-proj-x", "content-type": "application/json"},
    "anthropic": {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01", "content-type": "application/json"},
}


@dataclass
class Answered:
    """What came back: the sends' bodies one by one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sends: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.sends)

    @property
    def document(self) -> Any:
        """The body's JSON."""
        return orjson.loads(self.body)


class Fake:
    """A fake provider and what it billed."""

    def __init__(self, name: str, pace: Pace | None = None, dialect: Any = None) -> None:
        self.name = name
        self.path = CHAT[name]
        self.headers = HEADERS[name]
        self.pace = pace or Pace()
        self.bills: list[Bill] = []
        self.app = create_app(
            name,
            dialect or find(name),
            self.pace,
            run_seed=1,
            bill=self.bills.append,
            prices=PriceTable.load(),
        )

    async def post(self, body: Any, *, path: str | None = None, **options: Any) -> Answered:
        """Ask a question; `body` is bytes or becomes JSON."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.request("POST", path or self.path, raw, **options)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        parts: list[bytes] | None = None,
        leave: asyncio.Event | None = None,
        watched: asyncio.Event | None = None,
        whole: bool = True,
        on_send: Callable[[Answered], None] = lambda _: None,
    ) -> Answered:
        """Call the application. The caller leaves when `leave` is set, or after the body's parts if not `whole`.

        `watched` is set once the application listens for the caller going away.
        """
        answered = Answered()
        given = self.headers if headers is None else headers
        chunks = parts if parts is not None else [body]
        messages = [
            {"type": "http.request", "body": part, "more_body": place < len(chunks) - 1 or not whole}
            for place, part in enumerate(chunks)
        ]
        gone = leave or asyncio.Event()

        async def receive() -> Any:
            if messages:
                return messages.pop(0)
            if watched:
                watched.set()
            if whole:
                await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answered.sends.append(message.get("body", b""))
                answered.ended = not message.get("more_body", False)
            on_send(answered)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        await self.app(scope, receive, send)
        return answered

    def question(self, text: str, **options: Any) -> dict[str, Any]:
        """The body of a plain question."""
        body = {"model": MODELS[self.name], "messages": [{"role": "user", "content": text}], **options}
        if self.name == "anthropic":
            body.setdefault("max_tokens", 10_000)
        return body


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    """Each vendor in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def make_fake() -> type[Fake]:
    """Makes fakes: ``make_fake(name, pace)``."""
    return Fake


@pytest.fixture
def fake(provider: str) -> Fake:
    """A fake that answers at once."""
    return Fake(provider)
