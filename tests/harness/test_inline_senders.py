"""The inline host and requests that have a head in common."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Reply
from banstorm.fakes.http_heads import Head
from banstorm.fakes.http_request import BODY, WHOLE
from banstorm.harness.faults.timeline import Timeline
from banstorm.harness.inline import InlineFaults
from banstorm.harness.ledger import Ledger
from banstorm.harness.pacing import pace_of, prices_of
from banstorm.harness.witness import Witness
from banstorm.scenarios.model import Scenario

RUN = "7f3a9c"
PROVIDER = {"dialect": "openai", "model": "m", "ttft": "0s", "tokens_per_second": 100_000, "jitter": "0%"}
SCENARIO = {
    "version": 1,
    "title": "t",
    "story": "s",
    "source": "x",
    "seed": 1,
    "providers": {"openai": PROVIDER},
    "load": {"arrivals": "constant", "rate": "1/s", "duration": "1h"},
    "timeline": [
        {"at": "0s", "on": "openai", "fault": "server_error", "header": {"x-team": "red*"}},
        {"at": "0s", "on": "openai", "fault": "overloaded", "model": "banned"},
    ],
    "expect": {"lost_calls": 0},
}


class Stand:
    """An inline host before a fake, its ledger in a file, and the bills."""

    def __init__(self, folder: Any) -> None:
        scenario = Scenario.model_validate(SCENARIO)
        dialect = find("openai")
        self.bills: list[Any] = []
        self._folder = folder
        self._ledger = Ledger(folder, "fakes")
        app = create_app(
            "openai",
            dialect,
            pace_of(scenario.providers["openai"]),
            run_seed=1,
            bill=self.bills.append,
            prices=prices_of(scenario),
        )
        timeline = Timeline(scenario, run=RUN, seed=1, dialects={"openai": dialect})
        timeline.start(time.monotonic_ns())
        self.host = InlineFaults(app, "openai", Witness(timeline, self._ledger, ["openai"]), dialect)

    async def ask(self, head: Head, call: int, model: str) -> int:
        """Ask; the status of the answer."""
        mark = Mark(RUN, call, Shape.TEXT, 3).render()
        body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": mark}]})
        said: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("its body is known")

        async def send(message: Any) -> None:
            said.append(message)

        begun = self.host.begin({**head.scope, BODY: body}, receive, send)
        if isinstance(begun, Reply):
            return begun.status
        await begun
        return said[0]["status"]

    def attempts(self) -> list[dict[str, Any]]:
        """What was written down of the attempts."""
        self._ledger.flush()
        return [orjson.loads(line) for line in (self._folder / "fakes.ndjson").read_bytes().splitlines()]


@pytest.fixture
def stand(tmp_path) -> Stand:
    """A host of its own for each test."""
    return Stand(tmp_path)


def _head(team: str) -> Head:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "http_version": "1.1",
        "client": None,
        "extensions": {WHOLE: {}},
        "headers": [
            (b"authorization", b"Bearer sk-0123456789"),
            (b"x-team", team.encode()),
            (b"x-forwarded-for", b"203.0.113.9"),
        ],
    }
    return Head(scope, 0)


async def test_each_attempt_has_its_own_id_and_bill(stand) -> None:
    """Requests with one head are attempts of their own, and each one's bill names it."""
    head = _head("blue")
    assert [await stand.ask(head, call, "m") for call in (1, 2, 3)] == [200, 200, 200]
    rows = stand.attempts()
    assert [row["call"] for row in rows] == [1, 2, 3]
    assert [row["attempt"] for row in rows] == [bill.attempt for bill in stand.bills]
    assert len({row["attempt"] for row in rows}) == 3
    assert {(row["ended_by"], row["status"], row["delivered_tokens"], row["reached"]) for row in rows} == {
        ("complete", 200, 3, True)
    }


async def test_what_a_head_says_is_asked_for_every_head(stand) -> None:
    """Selectors of the head hold for all requests with it, those of the body for each request."""
    red, blue = _head("red-1"), _head("blue")
    asked = [(red, "m"), (blue, "m"), (red, "m"), (blue, "banned"), (blue, "m"), (red, "m")]
    seen = [await stand.ask(head, call, model) for call, (head, model) in enumerate(asked)]
    assert [status == 200 for status in seen] == [False, True, False, False, True, False]
    assert [row["fault"] for row in stand.attempts()] == [
        "0:server_error",
        None,
        "0:server_error",
        "1:overloaded",
        None,
        "0:server_error",
    ]
