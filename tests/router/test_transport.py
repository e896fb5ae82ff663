"""The connections to providers: what is sent, when a connection is kept, and what each way of failing is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from banstorm.router.errors import Meaning
from banstorm.router.provider import AttemptLimits
from banstorm.router.upstream import make_client, send, transport_failure

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class Server:
    """Answers requests with these bytes in turn; nothing, or what holds the word "cut", ends the connection.

    Args:
        answers: What it answers.
        greeting: What it says before anyone has asked.

    Attributes:
        connections: How many there were.
        heads: The requests' heads.
    """

    def __init__(self, *answers: bytes, greeting: bytes = b"") -> None:
        self.answers, self.greeting = list(answers), greeting
        self.connections = 0
        self.heads: list[bytes] = []
        self.asked, self.left = asyncio.Event(), asyncio.Event()
        self.talks: set[asyncio.Task[None] | None] = set()
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.talks.add(asyncio.current_task())
        writer.write(self.greeting)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.asked.set()
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                answer = self.answers.pop(0)
                writer.write(answer)
                if not answer or b"cut" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A server, and a client as providers have it."""
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    client = make_client(connections_max=10, connect_s=1.0, proxy_from_env=False)
    try:
        yield client
    finally:
        await client.aclose()
        listener.close()
        await asyncio.gather(*filter(None, server.talks))


def post(url: str, body: bytes = b"{}", **timeout: float) -> httpx.Request:
    """A request as providers make it."""
    own = {"host": httpx.URL(url).netloc.decode(), "content-length": str(len(body)), "x-own": "é"}
    headers = httpx.Headers(own, encoding="utf-8")
    limits = {"connect": 1.0, "read": None, "write": None, "pool": 1.0, **timeout}
    return httpx.Request(
        "POST",
        url,
        headers=httpx.Headers(headers, encoding="utf-8"),
        stream=httpx.ByteStream(body),
        extensions={"timeout": limits},
    )


async def read(response: httpx.Response) -> bytes:
    """The whole body, read as providers read it."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        return b"".join([part async for part in response.stream])
    finally:
        await response.aclose()


def whole(body: bytes, extra: bytes = b"") -> bytes:
    """An answer of known length."""
    return OK + extra + b"content-length: %d\r\n\r\n" % len(body) + body


async def test_requests_travel_as_they_are():
    """The path keeps its escapes, which a signature covers; headers keep their bytes; a cookie never comes back."""
    server = Server(whole(b"one", b"set-cookie: a=b\r\nx-theirs: \xe9\r\n"), whole(b"two"))
    async with serving(server) as client:
        first = await client.send(post(server.url + "/model/a%3Ab%2Fc/converse?x=%20y"), stream=True)
        assert ("é", b"one") == (first.headers["x-theirs"], await read(first))
        assert b"two" == await read(await client.send(post(server.url), stream=True))
    assert server.heads[0].startswith(b"POST /model/a%3Ab%2Fc/converse?x=%20y HTTP/1.1\r\n")
    assert "x-own: é\r\n".encode() in server.heads[0]
    assert 1 == server.heads[0].lower().count(b"content-length")
    assert b"cookie" not in server.heads[1].lower()


@pytest.mark.parametrize("proxy_from_env", [False, True])
async def test_bodies_are_sent_with_their_length(proxy_from_env):
    """Whichever client is used, a body is neither lost nor cut into chunks, and an empty GET has none."""
    server = Server(whole(b"one"), whole(b"two"))
    async with serving(server):
        client = make_client(connections_max=2, connect_s=1.0, proxy_from_env=proxy_from_env)
        url = httpx.URL(server.url)
        headers = httpx.Headers({"host": url.netloc.decode()})
        answers = [
            await (await send(client, method, url, headers, body, AttemptLimits(), stream=False)).aread()
            for method, body in (("POST", b"12345"), ("GET", b""))
        ]
        await client.aclose()
    assert [b"one", b"two"] == answers
    assert b"content-length: 5\r\n" in server.heads[0].lower()
    assert not any(b"transfer-encoding" in head.lower() for head in server.heads)
    assert b"content-length" not in server.heads[1].lower()


async def test_connections_are_kept_once_their_answer_is_read():
    """Three answers that are read to their ends, of each framing, take one connection."""
    chunked = OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    server = Server(chunked, whole(b"onetwo"), chunked)
    async with serving(server) as client:
        for _ in range(3):
            assert b"onetwo" == await read(await client.send(post(server.url), stream=True))
    assert 1 == server.connections


async def test_an_answer_that_is_left_closes_its_connection():
    """A provider hears that nobody reads any more: it may stop writing, and the connection isn't used again."""
    server = Server(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    async with serving(server) as client:
        response = await client.send(post(server.url), stream=True)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        assert b"one" == await anext(aiter(response.stream))
        await response.aclose()
        await asyncio.wait_for(server.left.wait(), 5)


async def test_a_call_that_is_cancelled_closes_its_connection():
    """A caller who leaves before the answer begins leaves nothing open."""
    server = Server(OK)  # an answer whose head never ends
    async with serving(server) as client:
        call = asyncio.ensure_future(client.send(post(server.url), stream=True))
        await asyncio.wait_for(server.asked.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.left.wait(), 5)


FAILURES = [
    ("nothing", b"", httpx.ReadError, "disconnected"),
    ("half a head", OK + b"x-cut", httpx.ReadError, "disconnected"),
    ("half a body", whole(b"half")[:-2], httpx.ReadTimeout, "timeout_between_tokens"),
    ("a body that ends too early", OK + b"content-length: 99\r\n\r\ncut", httpx.RemoteProtocolError, "disconnected"),
    ("half a chunk", OK + b"transfer-encoding: chunked\r\n\r\n9\r\ncut", httpx.RemoteProtocolError, "disconnected"),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx.RemoteProtocolError, "disconnected"),
    ("silence", OK, httpx.ReadTimeout, "timeout_between_tokens"),
]


@pytest.mark.parametrize(("what", "answer", "kind", "reason"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_answers_that_break_have_names(what, answer, kind, reason):
    """Each way in which an answer breaks is an error of httpx's, and a transient failure by name."""
    server = Server(answer)
    async with serving(server) as client:
        with pytest.raises(httpx.TransportError) as caught:
            await read(await client.send(post(server.url, read=0.05), stream=True))
    assert kind is type(caught.value)
    failure = transport_failure(caught.value).failure
    assert (Meaning.TRANSIENT, reason) == (failure.meaning, failure.reason)


async def test_refused_connections_have_a_name():
    """Where nobody listens, the request was surely not sent."""
    server = Server()
    async with serving(server):
        pass
    client = make_client(connections_max=10, connect_s=1.0, proxy_from_env=False)
    with pytest.raises(httpx.ConnectError) as caught:
        await client.send(post(server.url), stream=True)
    await client.aclose()
    assert "connect" == transport_failure(caught.value).failure.reason


async def test_broken_tls_has_a_name():
    """A port that speaks no TLS is a connection that couldn't be made."""
    server = Server(greeting=b"220 this is no TLS\r\n")
    async with serving(server) as client:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.send(post(server.url.replace("http:", "https:")), stream=True)
    assert "connect" == transport_failure(caught.value).failure.reason
