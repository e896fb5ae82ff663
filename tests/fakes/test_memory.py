"""A request that came before is answered as it was, and as a fake without memory would answer it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.http_heads import Head
from banstorm.fakes.memory import BODY_BYTES_MAX, REQUESTS_MAX, SEEN_MAX, Known, Memory
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable

QUESTION = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hello"}]}


class Asked:
    """A fake whose dialect counts what it reads and writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = self.written = 0
        self.second = 1_800_000_000
        self.bills: list[Any] = []
        self.heads: dict[tuple[str, str], Head] = {}
        vendor = type(find("openai"))
        counted = self

        class Counting(vendor):  # type: ignore[misc, valid-type]
            def reader(self, *words: Any) -> Any:
                understand = super().reader(*words)

                def read(body: bytes) -> Any:
                    counted.read += 1
                    return understand(body)

                return read

            def write(self, *words: Any) -> Any:
                counted.written += 1
                return super().write(*words)

        monkeypatch.setattr("banstorm.fakes.app.time.time", lambda: self.second)
        prices = PriceTable.load()
        self.app = create_app("openai", Counting(), Pace(), run_seed=1, bill=self.bills.append, prices=prices)

    async def ask(self, question: dict[str, Any], key: str = "k", path: str = "/v1/chat/completions") -> dict[str, Any]:
        """The answer's document."""
        body = orjson.dumps(question)
        parts: list[bytes] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            parts.append(message.get("body", b""))

        head = self.heads.get((key, path))
        if head is None:  # the server gives requests with the same head the same one
            headers = [(b"authorization", f"Bearer {key}".encode())]
            scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
            head = self.heads[key, path] = Head(scope, len(body))
        await self.app(dict(head.scope), receive, send)
        document: dict[str, Any] = orjson.loads(b"".join(parts))
        return document


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A fake that has heard nothing yet."""
    return Asked(monkeypatch)


async def test_the_same_again(fake) -> None:
    """A request that comes a second time is remembered: it is read and written no more, and billed each time."""
    answers = [await fake.ask(QUESTION) for _ in range(4)]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert (fake.read, fake.written, len(fake.bills)) == (2, 2, 4)
    assert len({(bill.input_tokens, bill.produced_tokens, bill.usd) for bill in fake.bills}) == 1


async def test_a_second_later(fake) -> None:
    """An answer tells when it was made, so it is made again in the next second."""
    await fake.ask(QUESTION)
    first = await fake.ask(QUESTION)
    fake.second += 1
    second = await fake.ask(QUESTION)
    assert (first["created"], second["created"]) == (1_800_000_000, 1_800_000_001)
    assert first | {"created": 0} == second | {"created": 0}
    assert (fake.read, fake.written) == (2, 3)


@pytest.mark.parametrize("change", ["body", "key", "path"])
async def test_another_request(fake, change) -> None:
    """Whatever differs makes it another request."""
    await fake.ask(QUESTION)
    await fake.ask(QUESTION)
    other = {**QUESTION, "max_tokens": 1} if change == "body" else QUESTION
    path = "/v1/embeddings" if change == "path" else "/v1/chat/completions"
    await fake.ask(other, "another" if change == "key" else "k", path)
    assert fake.read == 3


async def test_what_is_large_or_refused_is_not_remembered(fake) -> None:
    """A large request, or one that the vendor refuses, is looked at each time."""
    large = {**QUESTION, "messages": [{"role": "user", "content": "x" * BODY_BYTES_MAX}]}
    for question in (large, large, large, {}, {}, {}):
        await fake.ask(question)
    assert fake.read == 6


def test_memory_is_bounded() -> None:
    """However many requests there are, only so many are remembered."""
    memory = Memory()
    ask: Any = None
    for number in [each for each in range(3 * REQUESTS_MAX) for _ in range(2)]:
        memory.keep(number, Known(ask, str(number)))
    assert sum(memory.find(number) is not None for number in range(3 * REQUESTS_MAX)) <= REQUESTS_MAX
    assert memory.find(3 * REQUESTS_MAX - 1) is not None


def test_what_was_seen_once_is_bounded() -> None:
    """However many requests come only once, only so many are noted, and those are small."""
    memory = Memory()
    ask: Any = None
    for number in (0, *range(1, SEEN_MAX + 1), 0):
        memory.keep(number, Known(ask, "x"))
    assert memory.find(0) is None
