"""A fake provider as an ASGI application: reads a request, paces its answer by the clock, and bills it.

Raw ASGI, since a framework would cost more than the answer. Tokens are sent at absolute times, so a late one doesn't
delay those after it; what has become due meanwhile goes out in one piece. A caller that goes away is noticed at once
and billed for what was produced by then.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

from .account import Accounts
from .caller import BodyTooLargeError, CallerGoneError, Message, Receive, Watch, read_body
from .compose import compose
from .dialects.base import Answer, Ask, Dialect, Headers, Reply, RequestRefused
from .invoice import Bill
from .pace import TokenTimes
from .prices import PriceTable
from .quota import Refusal

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

ATTEMPT_HEADER: Final = "x-banstorm-attempt"
"""Request header in which an injector names the attempt."""
EARLY_S: Final = 0.001
"""A token may leave this much early, in seconds: event loops round their timers to milliseconds."""

BILLED: Final = frozenset({"chat", "embeddings"})
"""Operations that cost money; the rest is free at every vendor."""

_log = logging.getLogger(__name__)


class Paced(Protocol):
    """Says when the tokens of an answer come: a `Pace`, or what follows one that changes."""

    def plan(self, seed: int, entity: str) -> TokenTimes:
        """The times of one answer."""
        ...


def create_app(
    provider: str,
    dialect: Dialect,
    pace: Paced,
    *,
    run_seed: int,
    bill: Callable[[Bill], None],
    prices: PriceTable,
    account: Accounts | None = None,
) -> ASGIApp:
    """A fake provider.

    Args:
        provider: Its name, which its answers' words carry: ``[a-z][a-z0-9_-]*``.
        dialect: The wire format it speaks.
        pace: How fast it answers.
        run_seed: Seed of its paces and ids.
        bill: Called exactly once a request, when the request is over for the provider.
        prices: What models cost.
        account: Its customers, whose standing and quota are checked; without it any key is accepted, without limit.
    """
    fake = _Fake(provider, dialect, pace, run_seed, bill, prices, account)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await fake.serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:  # a web socket: none of these vendors' chat APIs has one
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class _Fake:
    def __init__(
        self,
        provider: str,
        dialect: Dialect,
        pace: Paced,
        run_seed: int,
        bill: Callable[[Bill], None],
        prices: PriceTable,
        account: Accounts | None,
    ) -> None:
        self._provider = provider
        self._dialect = dialect
        self._pace = pace
        self._run_seed = run_seed
        self._bill = bill
        self._prices = prices
        self._account = account

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = _Exchange(self, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange.attempt = headers.get(ATTEMPT_HEADER)
        try:
            reply = await self._answer(exchange, scope, headers)
            if reply is not None:
                exchange.settle(completed=False)
                await exchange.send_whole(reply)
        finally:
            exchange.settle(completed=False)

    async def _answer(self, exchange: _Exchange, scope: Scope, headers: dict[str, str]) -> Reply | None:
        """Answer, or say what the request is refused with."""
        dialect = self._dialect
        try:
            body = await read_body(exchange.receive, headers, dialect.body_bytes_max)
            query = scope["query_string"].decode("latin-1")
            path = f"{scope['path']}?{query}" if query else scope["path"]
            refused = self._stands(exchange, headers, path)
            if refused is not None:
                return refused
            ask = dialect.read(scope["method"], path, headers, body)
            refused = self._admits(exchange, ask)
            if refused is not None:
                return refused
            entity = f"call{ask.mark.call}" if ask.mark is not None else f"body{zlib.crc32(body):08x}"
            answer = compose(ask, self._provider, id_seed=self._id_seed(entity), created_s=int(time.time()))
            times = self._pace.plan(self._run_seed, f"{self._provider}/{entity}")
            if ask.stream:
                await exchange.send_stream(dialect, ask, answer, times)
            else:
                await exchange.send_plain(dialect.write(ask, answer), ask, answer, times)
        except RequestRefused as error:
            return error.reply
        except CallerGoneError:
            return None
        except BodyTooLargeError:
            return dialect.failure("request_too_large", {}, id_seed=self._id_seed("too large"))
        except Exception:
            if exchange.started:
                raise
            _log.exception("the fake %r could not answer a request; this is a bug of banstorm", self._provider)
            return dialect.failure("server_error", {}, id_seed=self._id_seed("bug"))
        return None

    def _id_seed(self, entity: str) -> int:
        text = f"{self._run_seed}\x1fid\x1f{self._provider}\x1f{entity}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")

    def _stands(self, exchange: _Exchange, headers: Mapping[str, str], path: str) -> Reply | None:
        """What a credential in bad standing is refused with; one that is missing is the dialect's to refuse."""
        if self._account is None:
            return None
        exchange.credential = credential = self._dialect.credential(headers, path)
        refusal = None if credential is None else self._account.refusal(credential)
        return None if refusal is None else self._refuse(refusal)

    def _admits(self, exchange: _Exchange, ask: Ask) -> Reply | None:
        """What a request beyond its credential's quota is refused with."""
        credential = exchange.credential
        if self._account is None or credential is None or ask.operation not in BILLED:
            return None
        refusal = self._account.admit(credential, ask.model, ask.input_tokens)
        if refusal is None:
            return None
        reply = self._refuse(refusal)
        return Reply(reply.status, self.limits(credential, ask, reply.headers), reply.body)

    def _refuse(self, refusal: Refusal) -> Reply:
        return self._dialect.failure(refusal.kind, refusal.details, id_seed=self._id_seed(refusal.kind))

    def limits(self, credential: str | None, ask: Ask, headers: Headers) -> Headers:
        """`headers` with the figures of the credential's quota, if it has one."""
        if self._account is None or credential is None or ask.operation not in BILLED:
            return headers
        return self._account.headers(credential, ask.model, headers)

    def settle(
        self, attempt: str | None, credential: str | None, ask: Ask | None, produced: int, *, completed: bool
    ) -> None:
        """Bill a request: for nothing if it was refused, else for its prompt and for what was produced."""
        if ask is None:
            row = Bill(attempt, self._provider, "", 0, 0, 0, 0.0, True, completed, time.monotonic_ns())  # noqa: FBT003
        else:
            usd, priced = 0.0, True
            if produced or completed:  # it thinks before the first word
                produced += ask.thought_tokens
            if ask.operation in BILLED:
                usd, priced = self._prices.bill(ask.model, ask.input_tokens, ask.cached_tokens, produced)
                if self._account is not None and credential is not None:
                    self._account.settle(credential, ask.model, produced, usd)
            row = Bill(
                attempt=attempt,
                provider=self._provider,
                model=ask.model,
                input_tokens=ask.input_tokens,
                cached_tokens=ask.cached_tokens,
                produced_tokens=produced,
                usd=usd,
                priced=priced,
                completed=completed,
                at_ns=time.monotonic_ns(),
            )
        self._bill(row)


class _Exchange:
    """One request and its answer."""

    __slots__ = (
        "_ask",
        "_fake",
        "_produced",
        "_send",
        "_settled",
        "attempt",
        "began_s",
        "credential",
        "receive",
        "started",
    )

    def __init__(self, fake: _Fake, receive: Receive, send: Send) -> None:
        self._fake = fake
        self.receive = receive
        self._send = send
        self._ask: Ask | None = None
        self._produced = 0
        self._settled = False
        self.attempt: str | None = None
        self.credential: str | None = None
        self.began_s = time.monotonic()
        self.started = False

    def settle(self, *, completed: bool) -> None:
        """Bill the request, the first time this is called."""
        if not self._settled:
            self._settled = True
            self._fake.settle(self.attempt, self.credential, self._ask, self._produced, completed=completed)

    async def send_whole(self, reply: Reply) -> None:
        """Send a response at once."""
        self.started = True
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": reply.body})

    async def send_plain(self, reply: Reply, ask: Ask, answer: Answer, times: TokenTimes) -> None:
        """Send an answer when its last token is produced."""
        self._ask = ask
        total = len(answer.pieces)
        due_s = self.began_s + times.due(total) if ask.operation == "chat" else 0.0
        if due_s - time.monotonic() > EARLY_S:
            watch = Watch(self.receive)
            try:
                if not await watch.until(due_s):
                    self._produced = times.produced(time.monotonic() - self.began_s, total)
                    return
            except asyncio.CancelledError:
                self._produced = times.produced(time.monotonic() - self.began_s, total)
                raise
            finally:
                watch.end()
        self._produced = total
        self.settle(completed=True)
        headers = self._fake.limits(self.credential, ask, reply.headers)
        await self.send_whole(reply if headers is reply.headers else Reply(reply.status, headers, reply.body))

    async def send_stream(self, dialect: Dialect, ask: Ask, answer: Answer, times: TokenTimes) -> None:
        """Send an answer token by token; what is no token leaves with its neighbour."""
        self._ask = ask
        status, headers = dialect.stream_head(ask, answer)
        headers = self._fake.limits(self.credential, ask, headers)
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        watch = Watch(self.receive)
        waiting: list[bytes] = []
        try:
            for event in dialect.stream(ask, answer):
                if event.token or not self._produced:
                    due_s = self.began_s + times.due(self._produced + 1)
                    if due_s - time.monotonic() > EARLY_S:
                        if self.started and waiting:
                            await self._send(
                                {"type": "http.response.body", "body": b"".join(waiting), "more_body": True}
                            )
                            waiting.clear()
                        if not await watch.until(due_s):
                            return
                    if not self.started:
                        self.started = True
                        await self._send(start)
                waiting.append(event.data)
                self._produced += event.token
            self.settle(completed=True)
            await self._send({"type": "http.response.body", "body": b"".join(waiting)})
        finally:
            watch.end()
