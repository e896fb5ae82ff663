"""The live page is served to whoever has its address, and nobody who watches can hold the run up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import live_page
import pytest
from banstorm.harness import events, web_app
from banstorm.harness.errors import HarnessError
from banstorm.harness.web import Web
from banstorm.harness.web_feed import PAGES_MAX, Feed
from banstorm.reports.live_page import page as live_page_of

LINES_MAX = 4000
"""Lines of a stream that a test reads before it gives up."""


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A browser's stand-in that goes through no proxy."""
    with httpx.Client(timeout=20, trust_env=False) as each:
        yield each


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Event and data of each message."""
    event = ""
    for _, line in zip(range(LINES_MAX), lines, strict=False):
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def _play(web: Web, tmp_path: Path, count: int | None = None) -> Path:
    """Let a told run begin and go as far as `count` events; its folder."""
    plan = live_page.plan(tmp_path)
    take = web.reader(plan)
    for event in live_page.story(plan.folder)[:count]:
        take(event)
    return plan.folder


def test_who_comes_late_is_given_the_state_so_far(tmp_path: Path, client: httpx.Client):
    """The first message holds the scenario, the windows, the counters, the bars and the news."""
    with Web() as web:
        _play(web, tmp_path, 9)
        with client.stream("GET", web.url + "events") as answer:
            event, document = next(_messages(answer.iter_lines()))
    run = document["run"]
    assert "state" == event
    assert "text/event-stream" == answer.headers["content-type"]
    assert [{"provider": "anthropic", "fault": "org_disabled", "from_s": 2.0, "until_s": 7.0}] == run["windows"]
    # 4 calls ended before time 0, which no bar shows; then 6, 20 and 60.
    assert [6, 20, 0, 0, 60] == run["timeline"]["outcomes"]["ok"][:5]
    assert [0, 0, 0, 0, 7] == run["timeline"]["failed"]["anthropic"][:5]
    assert 0.5124 == run["timeline"]["p95_s"][4]
    assert ["0:org_disabled"] == run["now"]["providers"]["anthropic"]["active"]
    assert 97 == run["now"]["load"]["ended"]
    assert "bit anthropic for the first time" in run["news"][-1]


def test_what_happens_reaches_every_page_until_the_report(tmp_path: Path, client: httpx.Client):
    """Two pages see the bars of what happened after they came, then that it is over and where the report is."""
    with Web() as web, client.stream("GET", web.url + "events") as one, client.stream("GET", web.url + "events") as two:
        streams = [_messages(each.iter_lines()) for each in (one, two)]
        assert [None, None] == [next(each)[1]["run"] for each in streams]
        plan = live_page.plan(tmp_path)
        take = web.reader(plan)
        for stream in streams:
            assert "Sudden policy ban" == next(stream)[1]["run"]["title"]
        take(live_page.counters(1.2, 25, 2))
        for stream in streams:
            event, change = next(stream)
            assert "step" == event
            assert [(2, {"ok": 25, "error": 2})] == [(each["step"], each["outcomes"]) for each in change["steps"]]
        assert 404 == client.get(web.url + "runs/1/report.html").status_code
        take(events.Reported(15.0, plan.folder, "pass", "all well"))
        assert live_page.REPORT == client.get(web.url + "runs/1/report.html").text
        with web._lock:
            web._state.end()
        for stream in streams:
            over = next(each for _, each in stream if each.get("over"))
            assert [("pass", True)] == [(each["verdict"], each["report"]) for each in over["ended"]]


def test_a_page_that_hangs_holds_nobody_up(tmp_path: Path, client: httpx.Client):
    """One that never reads: the run's listener returns as ever, another page sees all of it, and the server ends."""
    with contextlib.ExitStack() as stack:
        with Web() as web:
            address = httpx.URL(web.url)
            hung = stack.enter_context(socket.create_connection((address.host, address.port)))
            hung.sendall(f"GET {address.path}events HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n\r\n".encode())
            take = web.reader(live_page.plan(tmp_path))
            for number in range(20_000):
                take(events.Warned(1.0, f"news {number} " + "x" * 300))
            with client.stream("GET", web.url + "events") as answer:
                run = next(_messages(answer.iter_lines()))[1]["run"]
            assert "news 19999" in run["news"][-1]
            assert 100 == len(run["news"])
        assert not web._thread.is_alive()


async def test_a_stream_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """A browser that stalls is told nothing any more after a while, and its place is free again."""
    monkeypatch.setattr(web_app, "STALL_S", 0.01)
    feed = Feed(lambda: b"{}")
    app = web_app.WebApp(live_page_of(), feed, lambda _: None, hosts=frozenset({"here:1"}), token="t")

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await never()

    scope = {"type": "http", "method": "GET", "path": "/t/events", "headers": [(b"host", b"here:1")]}
    await asyncio.wait_for(app(scope, never, send), 10)
    assert 0 == feed.pages
    assert app.idle.is_set()


REFUSED = [
    ("another name for this machine", "/", {"host": "evil.example:{port}"}, 421),
    ("the address without its port", "/", {"host": "127.0.0.1"}, 421),
    ("another port", "/", {"host": "127.0.0.1:1"}, 421),
    ("no token", None, {}, 404),
    ("a path outside of the page", "/runs/../../etc/passwd", {}, 404),
    ("a run that is none", "/runs/7/report.html", {}, 404),
    ("a number that is none", "/runs/%2e%2e/report.html", {}, 404),
    ("this machine by name", "/", {"host": "localhost:{port}"}, 200),
    ("as printed", "/", {}, 200),
]


@pytest.mark.parametrize(("what", "path", "headers", "status"), REFUSED, ids=[each[0] for each in REFUSED])
def test_only_the_printed_address_is_answered(what, path, headers, status, client: httpx.Client):
    """The Host header must be this address, so that no site can pass for it, and the path holds a secret."""
    with Web() as web:
        address = httpx.URL(web.url)
        told = {name: value.format(port=address.port) for name, value in headers.items()}
        target = address.copy_with(path="/" if path is None else address.path.rstrip("/") + path)
        answer = client.get(target, headers=told)
    assert status == answer.status_code, what
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert ("no-referrer", "nosniff") == (answer.headers["referrer-policy"], answer.headers["x-content-type-options"])


def test_the_page_is_only_to_be_looked_at(client: httpx.Client):
    """Nothing can be sent to it, and its policy allows no script but its own and no other address."""
    with Web() as web:
        assert 405 == client.post(web.url, content=b"x").status_code
        policy = client.get(web.url).headers["content-security-policy"]
    assert "default-src 'none'; connect-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_run_that_could_not_be_played_says_why_on_the_page(tmp_path: Path, client: httpx.Client):
    """Its pages are told what the terminal is told."""

    def play() -> None:
        with Web() as web:
            stream = stack.enter_context(client.stream("GET", web.url + "events"))
            messages.append(_messages(stream.iter_lines()))
            next(messages[0])
            _play(web, tmp_path, 1)
            raise HarnessError("the target never answered", "http://x", "start it")

    messages: list[Iterator[tuple[str, dict[str, Any]]]] = []
    with contextlib.ExitStack() as stack:
        with pytest.raises(HarnessError):
            play()
        over = next(each for _, each in messages[0] if each.get("over"))
    assert "the target never answered" == over["over"]["failure"]
    assert "not judged" == over["ended"][0]["verdict"]


async def test_no_more_pages_are_served_than_the_limit():
    """Each holds a connection and a queue; who comes too many is told so."""
    feed = Feed(lambda: b"{}")
    app = web_app.WebApp(live_page_of(), feed, lambda _: None, hosts=frozenset({"here:1"}), token="t")
    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async def gone() -> Mapping[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/t/events", "headers": [(b"host", b"here:1")]}
    with contextlib.ExitStack() as stack:
        for _ in range(PAGES_MAX - 1):
            stack.enter_context(feed.subscribe())
        await app(scope, gone, send)
        stack.enter_context(feed.subscribe())
        await app(scope, gone, send)
    assert [200, 503] == [each["status"] for each in sent if each["type"] == "http.response.start"]
