"""What the inline host tells a fake of the client."""

from __future__ import annotations

from typing import Any

from banstorm.fakes.dialects import find
from banstorm.harness.faults.timeline import Timeline
from banstorm.harness.inline import InlineFaults
from banstorm.harness.ledger import Ledger
from banstorm.harness.witness import Witness
from banstorm.scenarios.model import Scenario

SCENARIO = {
    "version": 1,
    "title": "t",
    "story": "s",
    "source": "x",
    "seed": 1,
    "providers": {"openai": {"dialect": "openai", "model": "m"}},
    "load": {"arrivals": "constant", "rate": "1/s", "duration": "1s"},
    "timeline": [],
    "expect": {"lost_calls": 0},
}


async def test_a_router_cannot_name_its_callers(tmp_path) -> None:
    """The connection's other end stands in the scope, so a header that says otherwise is taken out."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    dialects = {"openai": find("openai")}
    timeline = Timeline(Scenario.model_validate(SCENARIO), run="7f3a9c", seed=1, dialects=dialects)
    host = InlineFaults(app, "openai", Witness(timeline, Ledger(tmp_path, "fakes"), dialects), dialects["openai"])
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/models",
        "raw_path": b"/v1/models",
        "query_string": b"",
        "http_version": "1.1",
        "client": ("127.0.0.2", 4711),
        "headers": [(b"x-forwarded-for", b"203.0.113.9"), (b"host", b"x")],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    await host(scope, receive, send)
    [inner] = seen
    assert inner["client"] == ("127.0.0.2", 4711)
    assert b"x-banstorm-attempt" in dict(inner["headers"])
    assert b"x-forwarded-for" not in dict(inner["headers"])
