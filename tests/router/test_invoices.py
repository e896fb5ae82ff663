"""The router's books against the providers' own: every kind of provider, whole, cut, abandoned, cached and long.

The providers are `banstorm.fakes`, which bill as vendors do; without that package (the router copied out by itself)
these tests are skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from banstorm.router import LLMRequest, StreamInterrupted
from banstorm.router.build import build_providers, build_router
from banstorm.router.config import Config
from banstorm.router.fronts.base import Asked
from banstorm.router.fronts.messages import FRONT as MESSAGES
from banstorm.router.observer import AttemptEnd, Observer
from banstorm.router.prices import find, shipped

fake_app = pytest.importorskip("banstorm.fakes.app")
fake_dialects = pytest.importorskip("banstorm.fakes.dialects")
fake_pace = pytest.importorskip("banstorm.fakes.pace")
fake_prices = pytest.importorskip("banstorm.fakes.prices")
fake_serve = pytest.importorskip("banstorm.fakes.serve")

MODELS = {
    "anthropic": "claude-haiku-5-5",
    "openai": "gpt-5.4",
    "azure": "gpt-5.4",
    "gemini": "gemini-2.5-pro",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "mistral": "mistral-large-latest",
    "groq": "openai/gpt-oss-120b",
    "openrouter": "openai/gpt-5.4",
}


class Books(Observer):
    """What the router says that its attempts cost."""

    def __init__(self) -> None:
        self.ends: list[AttemptEnd] = []

    def attempt_ended(self, end: AttemptEnd) -> None:
        """Keep it."""
        self.ends.append(end)

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(end.bill.usd for end in self.ends)


class Halting:
    """So many tokens at once, and then none: what is produced by any moment doesn't depend on the machine."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def due(self, token: int) -> float:
        """Its second."""
        return 0.0 if token <= self.tokens else 3600.0

    def produced(self, elapsed_s: float, total: int) -> int:
        """How many are."""
        del elapsed_s
        return min(total, self.tokens)


def halting(tokens: int) -> Any:
    """A pace of that kind."""
    return SimpleNamespace(plan=lambda *_args, **_kwargs: Halting(tokens))


class Shop:
    """A fake of one dialect with its invoices, and a router that knows nobody else."""

    def __init__(self, name: str, pace: Any) -> None:
        self.name, self.bills, self.books = name, [], Books()
        self.billed = asyncio.Event()
        self.cut_after: int | None = None
        self.app = fake_app.create_app(
            name, fake_dialects.find(name), pace, run_seed=1, bill=self._bill, prices=fake_prices.PriceTable.load()
        )

    def _bill(self, bill: Any) -> None:
        self.bills.append(bill)
        self.billed.set()

    async def wire(self, scope: Any, receive: Any, send: Any) -> None:
        """The way to the fake; it may break after some pieces."""
        left = self.cut_after
        if left is None:
            await self.app(scope, receive, send)
            return

        async def part(message: Any) -> None:
            nonlocal left
            if left <= 0:
                raise ConnectionResetError
            left -= 1
            await send(message)

        await self.app(scope, receive, part)

    async def settled(self) -> float:
        """What the invoices say, once there is one for each attempt."""
        while len(self.bills) < len(self.books.ends) or not self.bills:
            self.billed.clear()
            await asyncio.wait_for(self.billed.wait(), 10)
        return sum(bill.usd for bill in self.bills)


@pytest.fixture
async def shop() -> AsyncIterator[Callable[..., Any]]:
    """Opens a shop."""
    ends: list[Any] = []

    async def open_(name: str, pace: Any = None, **config: Any) -> Shop:
        made = Shop(name, pace or fake_pace.Pace())
        servers = await fake_serve.serve({name: (made.wire, 0)})
        dialect = fake_dialects.find(name)
        entry = {
            "name": name,
            "dialect": name,
            "base_url": f"http://127.0.0.1:{servers.ports[name]}{dialect.base_path}",
            "model": MODELS[name],
            "api_key": dialect.key_example,
        }
        checked = Config.model_validate({"providers": [entry], "retry": {"attempts_max": 1}, **config})
        made.router = build_router(checked, build_providers(checked), [made.books])
        ends.extend([made.router.aclose, servers.stop])
        return made

    yield open_
    for end in ends:
        await end()


async def ask(s: Shop, request: LLMRequest, *, stream: bool) -> None:
    """One call to its end."""
    if not stream:
        await s.router.aroute(request)
        return
    async for _ in s.router.stream(request):
        pass


REQUESTS = {
    "short": {"prompt": "Why is the sky blue?", "max_tokens": 500},
    "cached": {"prompt": "Why is the sky blue? " * 2000, "max_tokens": 500},
    "long": {"prompt": "Why is the sky blue? " * 60_000, "max_tokens": 500},
    "tools": {
        "prompt": "What is the weather?",
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("size", REQUESTS)
@pytest.mark.parametrize("name", MODELS)
async def test_whole_answers_agree_to_the_cent(shop, name, size, stream):
    """What the router says that an answer cost is what the provider bills, cached and long prompts included."""
    s = await shop(name)
    for _ in range(2):
        await ask(s, LLMRequest(**REQUESTS[size]), stream=stream)
    usd = await s.settled()
    assert usd > 0
    assert pytest.approx(usd, rel=1e-9) == s.books.usd
    assert not any(end.bill.estimated for end in s.books.ends)
    bill = s.bills[-1]
    assert (bill.input_tokens, bill.produced_tokens, bill.cached_tokens, bill.cache_write_tokens) == s.books.ends[
        -1
    ].bill.tokens[:4]
    price = find(MODELS[name])
    assert (size == "long") == (bill.input_tokens > 200_000)
    if size == "long" and price.long is not None:
        assert usd > 1.5 * price.input * bill.input_tokens / 1e6


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "ttl"), [("anthropic", "5m"), ("anthropic", "1h"), ("bedrock", "5m")])
async def test_what_is_written_into_the_cache_is_paid_for(shop, name, ttl, stream):
    """A prompt that the caller has cached costs more than a fresh one, and more still for an hour."""
    s = await shop(name)
    text = {"type": "text", "text": "Why is the sky blue? " * 2000, "cache_control": {"type": "ephemeral", "ttl": ttl}}
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": [text]}]}
    await ask(s, MESSAGES.read(Asked(body=orjson.dumps(body))).request, stream=stream)
    assert pytest.approx(await s.settled(), rel=1e-9) == s.books.usd
    if name == "anthropic":
        tokens = s.books.ends[0].bill.tokens
        assert s.bills[0].cache_write_tokens == tokens[3] > 1000
        assert (tokens[3] if ttl == "1h" else 0) == tokens[4]


@pytest.mark.parametrize("pieces", [3, 10])
@pytest.mark.parametrize("name", MODELS)
async def test_a_stream_that_breaks_off_is_billed_nearly_as_the_provider_does(shop, name, pieces):
    """Nobody tells the count of a stream that was cut: it is guessed to within a fifth, and marked as a guess."""
    s = await shop(name, halting(pieces))
    s.cut_after = pieces
    with pytest.raises(StreamInterrupted):
        await ask(s, LLMRequest("Why is the sky blue? " * 100, max_tokens=200), stream=True)
    (end,) = s.books.ends
    assert (True, "failed") == (end.bill.estimated, end.outcome)
    assert pytest.approx(await s.settled(), rel=0.2) == s.books.usd


@pytest.mark.parametrize("name", MODELS)
async def test_a_stream_that_nobody_reads_on_is_billed_nearly_as_the_provider_does(shop, name):
    """A caller leaves in the middle: what had come by then is paid for, within a fifth."""
    s = await shop(name, halting(20))
    seen = 0
    stream = s.router.stream(LLMRequest("Why is the sky blue? " * 100, max_tokens=500))
    async for _ in stream:
        seen += 1
        if seen == 15:
            break
    await stream.aclose()
    (end,) = s.books.ends
    assert (True, "cancelled") == (end.bill.estimated, end.outcome)
    assert pytest.approx(await s.settled(), rel=0.2) == s.books.usd


@pytest.mark.parametrize("name", MODELS)
async def test_an_answer_that_nobody_waits_for_is_billed(shop, name):
    """A caller leaves before a plain answer: the prompt is paid for, and an answer of the usual length is assumed."""
    s = await shop(name)
    request = LLMRequest("Why is the sky blue? " * 100, max_tokens=200)
    await ask(s, request, stream=False)
    usual = s.books.ends[0].bill.tokens[1]
    assert 0 < usual
    slow = asyncio.Event()
    app = s.app

    async def held(scope: Any, receive: Any, send: Any) -> None:
        async def late(message: Any) -> None:
            slow.set()
            await asyncio.Event().wait()

        await app(scope, receive, late)

    s.app = held
    call = asyncio.create_task(s.router.aroute(request))
    await slow.wait()
    call.cancel()
    await asyncio.wait({call})
    end = s.books.ends[-1]
    assert (True, "cancelled", usual) == (end.bill.estimated, end.outcome, end.bill.tokens[1])
    assert end.bill.usd > 0


async def test_a_provider_that_tells_no_count_is_billed_by_estimate(shop, monkeypatch):
    """An answer without usage isn't free: it is estimated, marked as such, and counts toward budgets."""
    s = await shop("mistral", budget={"usd": 1000})
    monkeypatch.setattr("banstorm.router.messages.read_usage", lambda _usage: (0, 0, 0, 0, 0))
    await ask(s, LLMRequest("Why is the sky blue? " * 100), stream=False)
    (end,) = s.books.ends
    assert (True, "ok") == (end.bill.estimated, end.outcome)
    assert pytest.approx(await s.settled(), rel=0.3) == end.bill.usd == s.router.purses[""].spent_usd


def test_both_tables_say_the_same():
    """A model costs the same in the router's table as on the fakes' invoices, whatever it is asked."""
    theirs = fake_prices.PriceTable.load()
    counts = [(1000, 10, 200, 300, 100), (500_000, 10, 200, 300, 100)]
    for model, price in shipped().items():
        for spent_in, out, cached, written, hour in counts:
            usd, known = theirs.bill(
                model, spent_in, cached, out, cache_write_tokens=written, cache_write_1h_tokens=hour
            )
            assert known, model
            assert pytest.approx(usd) == price.usd(spent_in, out, cached, written, hour), model
