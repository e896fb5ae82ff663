"""What a provider bills, seen over real connections: whole answers, cut ones, and those that nobody waited for."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace, TokenTimes
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import serve

PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging
ONE_AT_ONCE = Pace(ttft_s=0, tokens_per_second=0.001)  # the second token is a quarter of an hour away
NEVER = Pace(ttft_s=3000)
WORDS = 9
PRICES = {"gpt-5.4-mini": (0.75, 4.5), "claude-sonnet-5": (2, 10)}


def mark(call: int = 1) -> str:
    """A prompt whose answer has `WORDS` words."""
    return Mark("7f3a9c", call, Shape.TEXT, WORDS).render()


class Wire:
    """A fake that is served, what it billed, and callers that write their requests by hand."""

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self.bills: list[Bill] = []
        self._billed = asyncio.Event()
        self.plans: list[tuple[str, int]] = []
        self.planned = asyncio.Event()  # an answer is under way
        self.port = 0

    def app(self, pace: Pace) -> Any:
        """The application."""

        def bill(row: Bill) -> None:
            self.bills.append(row)
            self._billed.set()

        def plan(seed: int, entity: str, *, model: str, in_flight: int) -> TokenTimes:
            self.plans.append((model, in_flight))
            self.planned.set()
            return pace.plan(seed, entity, model=model, in_flight=in_flight)

        dialect, paced = find(self.fake.name), SimpleNamespace(plan=plan)
        return create_app(self.fake.name, dialect, paced, run_seed=1, bill=bill, prices=PriceTable.load())

    async def billed(self, count: int) -> list[Bill]:
        """The bills, once there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.bills) < count:
                self._billed.clear()
                await self._billed.wait()
        return self.bills

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    def request(self, text: str, *, path: str | None = None, **options: Any) -> bytes:
        """A whole request."""
        body = orjson.dumps({**({} if path else self.fake.question(text)), **options})
        head = [f"POST {path or self.fake.path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
        head += [f"{key}: {value}" for key, value in self.fake.headers.items()]
        return "\r\n".join([*head, "", ""]).encode() + body

    async def document(self, reader: asyncio.StreamReader) -> Any:
        """The JSON of a plain response."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return orjson.loads(await reader.readexactly(int(length.partition(b":")[2])))


@pytest.fixture
async def wire(make_fake: Any, provider: str, request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """A fake on a port, that has all the time in the world unless a test says otherwise."""
    wire = Wire(make_fake(provider))
    pace = getattr(request, "param", ONE_AT_ONCE)
    servers = await serve({provider: (wire.app(pace), 0)})
    wire.port = servers.ports[provider]
    async with asyncio.timeout(PATIENCE_S):
        yield wire
    await servers.stop()


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave without a goodbye: the other side reads a reset."""
    peer = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    """Leave as most clients do."""
    writer.close()


@pytest.mark.parametrize("leave", [close, reset])
async def test_a_stream_that_the_caller_leaves(wire: Wire, leave: Any) -> None:
    """It is billed for its prompt and for the words produced by then, at their prices, and is not completed."""
    reader, writer = await wire.connect()
    writer.write(wire.request(mark(), stream=True))
    await reader.readuntil(b"~7f3a9c.1.")
    leave(writer)
    [bill] = await wire.billed(1)
    assert (bill.produced_tokens, bill.completed, bill.priced) == (1, False, True)
    input_usd, output_usd = PRICES[bill.model]
    assert bill.input_tokens > 0
    assert bill.usd == pytest.approx((bill.input_tokens * input_usd + output_usd) / 1e6)


@pytest.mark.parametrize("leave", [close, reset])
@pytest.mark.parametrize(
    ("wire", "stream", "produced"), [(ONE_AT_ONCE, False, 1), (NEVER, False, 0), (NEVER, True, 0)], indirect=["wire"]
)
async def test_an_answer_that_nobody_waits_for(wire: Wire, leave: Any, stream: bool, produced: int) -> None:  # noqa: FBT001
    """Left before it is due, an answer is billed for its prompt and for what the clock says is produced, no more."""
    _, writer = await wire.connect()
    writer.write(wire.request(mark(), stream=stream))
    await wire.planned.wait()
    leave(writer)
    [bill] = await wire.billed(1)
    assert (bill.produced_tokens, bill.completed) == (produced, False)
    input_usd, output_usd = PRICES[bill.model]
    assert bill.usd == pytest.approx((bill.input_tokens * input_usd + produced * output_usd) / 1e6)


@pytest.mark.parametrize("wire", [NEVER], indirect=True)
async def test_what_a_pace_is_told(wire: Wire) -> None:
    """It learns the model, and how many requests are under way: each one counts until its caller has left."""
    writers = []
    for count in (1, 2):
        _, writer = await wire.connect()
        writer.write(wire.request(mark(count)))
        await wire.planned.wait()
        wire.planned.clear()
        writers.append(writer)
    writers[0].close()
    await wire.billed(1)
    _, writer = await wire.connect()
    writer.write(wire.request(mark(3)))
    await wire.planned.wait()
    for each in (*writers[1:], writer):
        each.close()
    bills = await wire.billed(3)
    assert [in_flight for _, in_flight in wire.plans] == [1, 2, 2]
    assert {model for model, _ in wire.plans} == {bills[0].model}


@pytest.mark.parametrize("wire", [Pace(), Pace(0.001, 100_000)], indirect=True)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_connection_that_is_kept(wire: Wire, stream: bool) -> None:  # noqa: FBT001
    """Each request of a connection has its own bill, with its own attempt, whatever came before it there."""
    reader, writer = await wire.connect()
    for call in range(1, 6):
        options = {"stream": stream} if call % 2 else {}
        writer.write(
            wire.request(mark(call), **options).replace(b"host: x", b"host: x\r\nx-banstorm-attempt: a%d" % call)
        )
        await reader.readuntil(f".{WORDS}.{WORDS}.".encode())
        await wire.billed(call)
    writer.close()
    rows = [(bill.attempt, bill.produced_tokens, bill.completed) for bill in wire.bills]
    assert rows == [(f"a{call}", WORDS, True) for call in range(1, 6)]
    assert len({bill.usd for bill in wire.bills}) == 1


async def test_a_kept_connection_that_is_left(wire: Wire) -> None:
    """The caller leaves in the middle of its second request: that one is cut, the first was whole."""
    reader, writer = await wire.connect()
    short = Mark("7f3a9c", 1, Shape.TEXT, 1).render()
    writer.write(wire.request(short))
    await wire.document(reader)
    writer.write(wire.request(mark(2), stream=True))
    await reader.readuntil(b"~7f3a9c.2.")
    writer.close()
    first, second = await wire.billed(2)
    assert [(bill.produced_tokens, bill.completed) for bill in (first, second)] == [(1, True), (1, False)]


THINKING: dict[str, dict[str, Any]] = {
    "openai": {"reasoning_effort": "high"},
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
}


@pytest.mark.parametrize("wire", [Pace()], indirect=True)
async def test_thoughts_are_billed(wire: Wire, provider: str) -> None:
    """What was thought before the answer is billed as output, as the answer's own usage says."""
    reader, writer = await wire.connect()
    writer.write(wire.request(mark(), **THINKING[provider]))
    usage = (await wire.document(reader))["usage"]
    writer.close()
    [bill] = await wire.billed(1)
    told = usage["completion_tokens" if provider == "openai" else "output_tokens"]
    assert bill.produced_tokens == told > WORDS
    input_usd, output_usd = PRICES[bill.model]
    assert bill.usd == pytest.approx((bill.input_tokens * input_usd + told * output_usd) / 1e6)


async def test_thoughts_of_a_stream_that_is_left(wire: Wire, provider: str) -> None:
    """A caller that leaves after the first word is billed for all the thoughts before it."""
    reader, writer = await wire.connect()
    writer.write(wire.request(mark(), stream=True, **THINKING[provider]))
    await reader.readuntil(b"~7f3a9c.1.")
    writer.close()
    [bill] = await wire.billed(1)
    assert bill.produced_tokens > 1
    assert not bill.completed


CACHED = {"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}
KEPT = {**CACHED, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize("provider", ["anthropic"])
@pytest.mark.parametrize("wire", [Pace()], indirect=True)
@pytest.mark.parametrize(
    ("asking", "write_usd"),
    [({}, 0), ({"system": [CACHED]}, 2.5), ({"system": [KEPT]}, 4), ({"system": [KEPT], "messages": TURNS}, 0)],
)
async def test_the_cache_is_billed_as_usage_tells(wire: Wire, asking: dict[str, Any], write_usd: float) -> None:
    """Fresh, read and written tokens are each billed at their own price, and add up to the bill's input."""
    reader, writer = await wire.connect()
    writer.write(wire.request("hi", **asking))
    usage = (await wire.document(reader))["usage"]
    writer.close()
    [bill] = await wire.billed(1)
    fresh, read, written = (
        usage[name] for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    assert (written > 1024) == bool(write_usd)
    assert (read > 1024) == (asking.get("messages") == TURNS)
    assert (bill.input_tokens, bill.cached_tokens, bill.cache_write_tokens) == (fresh + read + written, read, written)
    usd = fresh * 2 + read * 0.2 + written * write_usd + usage["output_tokens"] * 10
    assert bill.usd == pytest.approx(usd / 1e6)


@pytest.mark.parametrize("provider", ["openai"])
async def test_embeddings_are_billed_for_their_input(wire: Wire) -> None:
    """The largest answer of vectors arrives whole, and costs what its texts do."""
    reader, writer = await wire.connect()
    texts = [f"text {number}" for number in range(2048)]
    writer.write(wire.request("", path="/v1/embeddings", model="text-embedding-3-large", input=texts))
    document = await wire.document(reader)
    writer.close()
    [bill] = await wire.billed(1)
    assert (len(document["data"]), len(document["data"][-1]["embedding"])) == (2048, 3072)
    assert (bill.input_tokens, bill.produced_tokens) == (document["usage"]["prompt_tokens"], 0)
    assert (bill.completed, bill.usd) == (True, pytest.approx(bill.input_tokens * 0.13 / 1e6))
