"""Third parties that are no LLMs, behind the same policies: what passes, what fails over, what is never sent twice."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from banstorm.router.app import App
from banstorm.router.build import build_providers, build_router
from banstorm.router.config import Config
from banstorm.router.errors import RequestRejected
from banstorm.router.fronts.base import Asked
from banstorm.router.fronts.service import FRONT
from banstorm.router.metrics import Metrics

CHARGE = {"amount": 100, "currency": "eur", "source": "tok_visa"}


class Service:
    """A service whose next answers a test sets; then it repeats what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, Any]] = []
        self.cut = False
        self.url = self.headers = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, then close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        start, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = start.split()
        self.asked.append((method, path, headers, body))
        if not self.cut:
            status, payload = self.answers.pop(0) if self.answers else (200, {"path": path, "at": self.url})
            content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            kind = "text/html" if content.startswith(b"<") else "application/json"
            answer = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n{self.headers}"
            writer.write(f"{answer}connection: close\r\n\r\n".encode() + content)
            await writer.drain()
        writer.close()


class Desk:
    """A router over two services, and a client for its front."""

    def __init__(self, first: Service, second: Service, client: httpx.AsyncClient, router: Any) -> None:
        self.first, self.second, self.client, self.router = first, second, client, router


@pytest.fixture
async def desk() -> AsyncIterator[Callable[..., Any]]:
    """Makes a router over two stand-in services."""
    ends: list[Any] = []

    async def make(options: dict[str, Any] | None = None, *, llm: bool = False) -> Desk:
        services = [Service(), Service()]
        entries = []
        for name, service in zip(("first", "second"), services, strict=True):
            server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
            service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/base"
            entries.append(
                {
                    "name": name,
                    "dialect": "http_service",
                    "base_url": service.url,
                    "model": "service",
                    "api_key": "sk_live_1",
                    "options": options or {},
                }
            )
            ends.append(server)
        if llm:
            entries.insert(0, {"name": "llm", "dialect": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"})
        config = Config.model_validate({"providers": entries})
        providers = build_providers(config)
        router = build_router(config, providers)
        app = App(router, config, Metrics(providers))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://router")
        ends.extend([client, router])
        return Desk(*services, client, router)

    yield make
    for end in reversed(ends):
        if isinstance(end, asyncio.Server):
            end.close()
        else:
            await end.aclose()


async def test_a_request_passes_as_it_is(desk):
    """Method, path, query, body and harmless headers reach the service; the caller's own credentials don't."""
    d = await desk()
    response = await d.client.put(
        "/service/v1/things/7?x=1&y=a%20b",
        content=b'{"a": 1.0}',
        headers={"authorization": "Bearer caller", "idempotency-key": "k1", "content-type": "application/json"},
    )
    assert (200, "/base/v1/things/7?x=1&y=a%20b", "first") == (
        response.status_code,
        response.json()["path"],
        response.headers["x-llm-provider"],
    )
    ((method, _path, headers, body),) = d.first.asked
    assert ("PUT", b'{"a": 1.0}') == (method, body)
    assert ("Bearer sk_live_1", "k1") == (headers["authorization"], headers["idempotency-key"])


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ("header:X-Key", lambda path, headers: headers["x-key"] == "sk_live_1"),
        ("query:key", lambda path, headers: "key=sk_live_1" in path),
        ("basic", lambda path, headers: headers["authorization"] == "Basic sk_live_1"),
    ],
)
async def test_the_key_goes_where_the_service_wants_it(desk, auth, where):
    """A bearer token is only the default."""
    d = await desk({"auth": auth})
    await d.client.get("/service/x?a=1")
    ((_, path, headers, _),) = d.first.asked
    assert where(path, headers)
    assert "a=1" in path


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/service/files/a%2Fb%3Fc%23d", "/base/files/a%2Fb%3Fc%23d"),
        ("/service/a%20b?x=%23&y=%2F", "/base/a%20b?x=%23&y=%2F"),
        ("/service/a%25b/%C3%A9/...;x/..a", "/base/a%25b/%C3%A9/...;x/..a"),
    ],
)
async def test_the_path_keeps_its_encoding(desk, asked, goes):
    """What the caller encoded reaches the service encoded: decoded, it would name another resource."""
    d = await desk()
    assert 200 == (await d.client.delete(asked)).status_code
    assert [goes] == [path for _, path, _, _ in d.first.asked]


@pytest.mark.parametrize(
    "path",
    [
        "x/%2e%2e/%2e%2e/tenant", "%2E./x", "x/..", "./x", "x/.%2e", "x/..%2ftenant", "x%2F..%2Ftenant", "..;/x",
        "..%5Ctenant", "x/%2e",
    ],
)  # fmt: skip
@pytest.mark.parametrize("told", [True, False])
def test_nothing_leads_out_of_the_base_url(path, told):
    """A dot segment, however it is written, is refused: resolved, it would leave the base URL with the router's key."""
    raw = f"/service/{path}".encode() if told else b""
    with pytest.raises(RequestRejected, match=r"segment '\.' or '\.\.'") as refused:
        FRONT.read(Asked("GET", unquote(f"/service/{path}"), raw_path=raw))
    assert 400 == refused.value.status


def test_the_fronts_own_part_is_never_encoded():
    """A path that is the front's only once it is decoded is refused instead of guessed at."""
    with pytest.raises(RequestRejected, match="begin with /service/"):
        FRONT.read(Asked("GET", "/service/x", raw_path=b"/service%2Fx"))


@pytest.mark.parametrize(
    ("path", "raw", "query", "goes"),
    [
        ("/service/a b?#\u00e9%", b"", "", "/a%20b%3F%23%C3%A9%25"),
        ("/service/a#\u00e9", b"/service/a#\xc3\xa9", "x=#\xc3\xa9", "/a%23%C3%A9?x=%23%C3%A9"),
    ],
)
def test_what_a_url_has_no_place_for_is_encoded(path, raw, query, goes):
    """A server that tells no raw path, or tells bytes that can't stand in one, still gets to the resource."""
    assert goes == FRONT.read(Asked("GET", path, query, raw_path=raw)).request.native.path


@pytest.mark.parametrize("body", [{"error": {"message": "no"}}, {"errors": {"name": ["is required"]}}, b"no such", b""])
@pytest.mark.parametrize("status", [302, 400, 404, 405, 409, 413, 418, 422])
async def test_what_it_says_about_the_request_is_its_answer(desk, status, body):
    """A refusal of the request goes back with the service's own status and body, whatever it is; nothing moves."""
    d = await desk()
    d.first.answers = [(status, body)] * 4
    for _ in range(4):
        response = await d.client.post("/service/x")
        assert (status, body if isinstance(body, bytes) else json.dumps(body).encode()) == (
            response.status_code,
            response.content,
        )
    assert [] == d.second.asked
    assert all(lane.breaker.state == "closed" for lane in d.router.lanes)


async def test_a_document_that_hasnt_changed_is_an_answer(desk):
    """A 304 reaches the caller who asked with an ETag, with its validators and without a length or a content type."""
    d = await desk()
    d.first.headers = 'ETag: "e1"\r\nCache-Control: max-age=5\r\nLast-Modified: Fri, 20 Nov 2026 23:00:00 GMT\r\n'
    d.first.answers = [(304, b"")] * 4
    for _ in range(4):
        response = await d.client.get("/service/x", headers={"if-none-match": '"e1"'})
        assert (304, b"") == (response.status_code, response.content)
    assert {
        "etag": '"e1"', "cache-control": "max-age=5", "last-modified": "Fri, 20 Nov 2026 23:00:00 GMT",
        "x-llm-provider": "first", "x-llm-attempts": "1",
    } == dict(response.headers)  # fmt: skip
    assert [] == d.second.asked
    assert all(lane.breaker.state == "closed" for lane in d.router.lanes)


async def test_headers_that_belong_to_the_answer_pass(desk):
    """Where a resource is, its version and its neighbours reach the caller; cookies and server names don't."""
    d = await desk()
    d.first.headers = "Location: /things/8\r\nLink: </a>; rel=next\r\nLink: </b>; rel=last\r\nSet-Cookie: a=b\r\n"
    d.first.answers = [(201, {"id": 8})]
    headers = (await d.client.post("/service/things")).headers
    assert ("/things/8", ["</a>; rel=next", "</b>; rel=last"]) == (headers["location"], headers.get_list("link"))
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("status", "payload", "still"),
    [
        (401, {"error": "bad key"}, False),
        (403, {"error": "org_disabled", "message": "The account was disabled."}, False),
        (429, {"error": "slow"}, False),
        (503, {"error": "busy"}, True),
        (502, b"<html>bad gateway</html>", True),
        (200, b"{not json", True),
    ],
)
async def test_a_failing_service_is_left_for_another(desk, status, payload, still):
    """What ails the service moves the call on, as it would for a model; bans and limits close it at once."""
    d = await desk()
    d.first.answers = [(status, payload)]
    response = await d.client.get("/service/x")
    assert (200, "second") == (response.status_code, response.headers["x-llm-provider"])
    assert [still, True] == [lane.available() for lane in d.router.lanes]


async def test_an_error_in_a_200_is_found_where_the_operator_says(desk):
    """A service that answers 200 to everything tells by a field of its body; unknown values are answers."""
    d = await desk({"error_field": "status", "error_values": {"REQUEST_DENIED": "credential"}})
    d.first.answers = [(200, {"status": "ZERO_RESULTS"}), (200, {"status": "REQUEST_DENIED"})]
    assert "first" == (await d.client.get("/service/x")).headers["x-llm-provider"]
    assert "second" == (await d.client.get("/service/x")).headers["x-llm-provider"]
    assert [False, True] == [lane.available() for lane in d.router.lanes]


@pytest.mark.parametrize(
    ("method", "headers", "again"),
    [
        ("POST", {}, False),
        ("PATCH", {}, False),
        ("POST", {"idempotency-key": "k"}, True),
        ("GET", {}, True),
        ("DELETE", {}, True),
    ],
)
@pytest.mark.parametrize("how", ["cut", "500"])
async def test_what_may_have_been_carried_out_is_not_sent_twice(desk, method, headers, again, how):
    """A POST without an idempotency key that ended in the dark is told as such; anything else is asked elsewhere."""
    d = await desk()
    d.first.cut = how == "cut"
    d.first.answers = [(500, {"error": "oops"})]
    response = await d.client.request(method, "/service/charges", json=CHARGE, headers=headers)
    assert (200 if again else 502) == response.status_code
    assert int(again) == len(d.second.asked)
    if not again:
        assert "outcome_unknown" == response.json()["error"]["code"]


async def test_what_was_refused_or_never_sent_may_go_elsewhere(desk):
    """A POST that was surely not carried out is asked of the next: refused for its key, or nobody there."""
    d = await desk()
    d.first.answers = [(401, {"error": "bad key"})]
    assert "second" == (await d.client.post("/service/charges", json=CHARGE)).headers["x-llm-provider"]


async def test_lost_posts_count_against_the_service(desk):
    """Three calls that end in the dark close the service, though none of them was sent twice."""
    d = await desk()
    d.first.cut = True
    statuses = [(await d.client.post("/service/charges", json=CHARGE)).status_code for _ in range(4)]
    assert [502, 502, 502, 200] == statuses


async def test_models_and_services_live_in_one_router(desk):
    """A model is not asked for a service's work nor the other way round, and neither is hurt by it."""
    d = await desk(llm=True)
    assert "first" == (await d.client.get("/service/x")).headers["x-llm-provider"]
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    response = await d.client.post("/v1/chat/completions", json=chat)
    assert 503 == response.status_code
    assert {"llm"} == set(re.findall(r"(\w+): \w+ \[", response.json()["error"]["message"]))
    assert ["m"] == [model["id"] for model in (await d.client.get("/v1/models")).json()["data"]]
    assert [] == d.second.asked
    assert [True, True] == [lane.available() for lane in d.router.lanes[1:]]
