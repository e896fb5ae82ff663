"""Replaying: the recorded answers come back in their order and at their pace, and what was never recorded doesn't."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from banstorm.fakes import replay as replays
from banstorm.fakes.dialects import find, names
from banstorm.fakes.recording import Exchange, Identity
from banstorm.fakes.replay import Replay

PATH = "/v1/chat/completions"
BODY = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]}
FOREVER_MS = 1e8  # far longer than anyone's patience
PATIENCE_S = 20


def recorded(number: int, said: str, body: Any = BODY, **changes: Any) -> Exchange:
    """An exchange whose answer is one piece at once."""
    usual = {
        "number": number,
        "provider": "openai",
        "request": Identity.of("POST", PATH.encode(), b"", orjson.dumps(body)),
        "status": 200,
        "headers": (("content-type", "application/json"), ("x-request-id", f"req_{number}")),
        "head_ms": 0.0,
        "chunks": ((0.0, said.encode()),),
    }
    return Exchange(**{**usual, **changes})


class Caller:
    """Asks an application, and writes down what comes when."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[Any] = []
        self.leave = asyncio.Event()
        self.arrived = asyncio.Event()

    async def ask(self, body: Any = BODY, path: str = PATH, parts: int = 1, method: str = "POST") -> bytes:
        """The whole body of the answer."""
        self.sent = []
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        size = max(1, -(-len(raw) // parts))
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)] or [b""]
        messages = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
            for place, piece in enumerate(pieces, 1)
        ]

        async def receive() -> Any:
            if messages:
                return messages.pop(0)
            await self.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append(message)
            if message.get("body"):
                self.arrived.set()

        raw_path, _, query = path.encode().partition(b"?")
        scope = {"type": "http", "method": method, "path": path, "raw_path": raw_path, "query_string": query}
        await self.app({**scope, "headers": []}, receive, send)
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the last answer."""
        headers = {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}
        return self.sent[0]["status"], headers


async def fake(scope: Any, receive: Any, send: Any) -> None:
    """Says how large the request was that it got."""
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"made up, {size}".encode()})


def caller(*exchanges: Exchange, stands: Any = None, name: str = "openai", **options: Any) -> Caller:
    """Someone who asks a fake behind these recordings."""
    return Caller(Replay(exchanges, **options).wrap(fake, name, find(name), stands))


async def test_the_nth_request_gets_the_nth_recording():
    """The order is that of the recorded requests, whatever that of the lines; the last one is repeated."""
    other = {**BODY, "model": "gpt-5.4"}
    ask = caller(recorded(5, "third"), recorded(1, "first"), recorded(2, "other", other), recorded(3, "second")).ask
    said = [await ask(body) for body in (BODY, BODY, other, BODY, BODY, other)]
    assert [b"first", b"second", b"other", b"third", b"third", b"other"] == said


async def test_status_headers_and_ids_are_as_they_were():
    """A failure is played like any answer; only its length is made anew."""
    headers = (("retry-after", "7"), ("x-request-id", "req_7"), ("set", "a"))
    asking = caller(recorded(1, "\u00e9h", status=429, headers=headers))
    assert "\u00e9h".encode() == await asking.ask()
    assert (429, {"retry-after": "7", "x-request-id": "req_7", "set": "a", "content-length": "3"}) == asking.head


async def test_what_was_never_recorded_goes_to_the_fake():
    """The fake gets the request whole, however many pieces it came in; another provider has its own recordings."""
    asking = caller(recorded(1, "played"))
    unknown = {**BODY, "n": 1}
    assert f"made up, {len(orjson.dumps(unknown))}".encode() == await asking.ask(unknown, parts=3)
    assert b"played" == await asking.ask(parts=3)
    assert (await asking.ask(path="/v1/models", method="GET", body=b"")).startswith(b"made up")
    assert (await caller(recorded(1, "played"), name="groq").ask()).startswith(b"made up")


async def test_who_is_in_bad_standing_gets_no_recording():
    """A ban reaches recorded answers too: the fake is asked, which refuses."""
    standing = [True, False, True]
    asking = caller(recorded(1, "played"), stands=lambda scope: standing.pop(0))
    assert [b"played", b"made up, 68", b"played"] == [await asking.ask() for _ in range(3)]


async def test_a_body_beyond_the_vendors_cap_goes_to_the_fake(monkeypatch: pytest.MonkeyPatch):
    """Nothing so large was recorded, and the fake knows what its vendor says to it; no more is read of it than that."""
    asking = caller(recorded(1, "played"))
    monkeypatch.setattr(type(find("openai")), "body_bytes_max", 10)
    assert (await asking.ask(parts=4)).startswith(b"made up, 68")


STRICT = [
    (BODY | {"temperature": 3}, PATH, "the nearest is number 2, which differs in temperature"),
    ({**BODY, "messages": []}, PATH, "which differs in messages"),
    (b"no JSON", PATH, "which differs in messages, model"),
    (BODY, "/v1/embeddings", "which is POST /v1/chat/completions"),
    (BODY, PATH + "?a=b", "which has the query ''"),
]


@pytest.mark.parametrize(("body", "path", "told"), STRICT)
async def test_a_strict_replay_names_the_nearest_recording(body: Any, path: str, told: str):
    """What was never recorded is refused, with what is different from the recording that comes nearest."""
    asking = caller(
        recorded(1, "a", {"model": "other", "input": "x", "seed": 1}),
        recorded(2, "b", BODY),
        recorded(3, "c", {**BODY, "tools": [], "seed": 1}),
        strict=True,
    )
    answer = await asking.ask(body, path)
    assert 404 == asking.head[0]
    assert told in orjson.loads(answer)["error"]["message"]
    assert b"b" == await asking.ask()


@pytest.mark.parametrize("name", names())
async def test_every_dialect_can_refuse_strictly(name: str):
    """The reason stands in the vendor's own form of an error, and says so if nothing was recorded of it at all."""
    asking = caller(recorded(1, "a", provider="nobody"), strict=True, name=name)
    answer = await asking.ask()
    assert 400 <= asking.head[0] < 500
    assert f"nothing was recorded of {name}, so POST {PATH} has no recording".encode() in answer


async def test_an_endless_path_is_shortened():
    """What is told of a request has a bound, and so has the time to compare it."""
    paths = [b"/" + b"ab" * 3_000 + str(number).encode() for number in range(200)]
    exchanges = [recorded(1, "a", request=Identity.of("POST", path, b"", b"")) for path in paths]
    asking = caller(*exchanges, strict=True)
    answer = await asking.ask(path="/" + "ba" * 20_000)
    assert len(answer) < 1_000


class Clock:
    """A clock that jumps to whatever is waited for, and notes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.waits_s: list[float] = []
        clock = self

        class Watch:
            gone = False

            def __init__(self, receive: Any) -> None: ...

            async def until(self, moment_s: float) -> bool:
                clock.waits_s.append(round(moment_s - 100.0, 6))
                clock.now_s = moment_s
                return True

            def end(self) -> None: ...

        monkeypatch.setattr(replays, "Watch", Watch)
        monkeypatch.setattr(replays.time, "monotonic", lambda: self.now_s)


STREAM = recorded(
    1,
    "",
    headers=(("content-type", "text/event-stream"),),
    head_ms=400.0,
    chunks=((500.0, b"data: a\n\n"), (500.0, b"data: b\n\n"), (2500.0, b"data: [DONE]\n\n")),
)


@pytest.mark.parametrize(
    ("speed", "waits_s"), [(1.0, [0.4, 0.5, 2.5]), (2.0, [0.2, 0.25, 1.25]), (0.5, [0.8, 1.0, 5.0]), (0, [])]
)
async def test_pieces_come_when_they_came(monkeypatch: pytest.MonkeyPatch, speed: float, waits_s: list[float]):
    """Head and pieces are due at their recorded moments after the request, or sooner or later by the speed."""
    clock = Clock(monkeypatch)
    asking = caller(STREAM, speed=speed)
    await asking.ask()
    assert waits_s == clock.waits_s
    assert [b"data: a\n\n", b"data: b\n\n", b"data: [DONE]\n\n", b""] == [each["body"] for each in asking.sent[1:]]
    assert "content-length" not in asking.head[1]


@pytest.mark.parametrize("chunks", [((0.0, b"a"), (FOREVER_MS, b"b")), ((0.0, b"a"),) * 40_000], ids=["slow", "fast"])
async def test_a_caller_that_leaves_ends_the_replay(chunks: Any):
    """It is noticed while the next piece is waited for, and between pieces that follow at once."""
    asking = caller(recorded(1, "", chunks=chunks))
    task = asyncio.create_task(asking.ask())
    await asyncio.wait_for(asking.arrived.wait(), PATIENCE_S)
    asking.leave.set()
    await asyncio.wait_for(task, PATIENCE_S)
    assert asking.sent[-1]["more_body"]
    assert len(asking.sent) < 40_000


async def test_a_caller_that_leaves_while_asking():
    """Half a request is none: nothing is played for it, and nothing counted."""
    asking = caller(recorded(1, "first"), recorded(2, "second"))

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await asking.app({"type": "http", "headers": [], "query_string": b""}, receive, None)
    assert b"first" == await asking.ask()


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(status: int):
    """A status that has no body gets no length either."""
    asking = caller(recorded(1, "", status=status, chunks=()))
    assert b"" == await asking.ask()
    assert "content-length" not in asking.head[1]


@pytest.mark.parametrize("speed", [-1, 1e9, 1e-9, float("nan")])
def test_speeds_that_make_no_sense(speed: float):
    """A speed is 0 or within bounds."""
    with pytest.raises(ValueError, match="a speed is 0, or from"):
        Replay([], speed=speed)


async def test_what_is_no_request_is_passed_on():
    """The lifespan of the fake behind it is its own."""
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    await Replay([]).wrap(app, "openai", find("openai"))({"type": "lifespan"}, None, None)
    assert ["lifespan"] == heard
