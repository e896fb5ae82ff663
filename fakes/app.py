"""A fake provider as an ASGI application: reads a request, paces its answer by the clock, and bills it.

Raw ASGI, since a framework would cost more than the answer.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import replace
from typing import Any, Final, Protocol

from .account import Accounts
from .caller import BodyTooLargeError, CallerGoneError, Receive, read_body
from .callers import ATTEMPT_HEADER, Caller, Callers
from .compose import compose
from .dialects.base import Answer, Ask, Dialect, Headers, Reply, RequestRefused
from .exchange import Exchange, Send, send_whole
from .http_request import BODY, READ, WHOLE
from .invoice import Bill
from .memory import BODY_BYTES_MAX, Known, Memory
from .pace import TokenTimes
from .quota import Refusal

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["ATTEMPT_HEADER", "BILLED", "ENTRY_HEADER", "ASGIApp", "Paced", "Priced", "Scope", "Script", "create_app"]

ENTRY_HEADER: Final = "x-banstorm-entry"
"""Response header that names the timeline entry behind a refusal, when an injector named the attempt."""

BILLED: Final = frozenset({"chat", "embeddings"})
"""Operations that cost money; the rest is free at every vendor."""

_log = logging.getLogger(__name__)


class Paced(Protocol):
    """Says when the tokens of an answer come: a `Pace`, or what follows one that changes."""

    def plan(self, seed: int, entity: str, *, model: str, in_flight: int) -> TokenTimes:
        """The times of one answer by `model`, while `in_flight` requests are under way, this one included."""
        ...


class Priced(Protocol):
    """Says what a request costs: a `PriceTable`, or what follows one that changes."""

    def bill(
        self,
        model: str,
        input_tokens: int,
        cached_tokens: int,
        output_tokens: int,
        *,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
    ) -> tuple[float, bool]:
        """Its price in US dollars, and whether the model has one."""
        ...


class Script(Protocol):
    """Says some answers in place of the composed ones."""

    def answer(self, ask: Ask, provider: str, *, id_seed: int, created_s: int) -> Answer | Reply | None:
        """What to answer: content in the dialect's form, a whole response, or None to compose one as usual."""
        ...


def create_app(
    provider: str,
    dialect: Dialect,
    pace: Paced,
    *,
    run_seed: int,
    bill: Callable[[Bill], None],
    prices: Priced,
    account: Accounts | None = None,
    script: Script | None = None,
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
        script: Answers of the user's own.
    """
    fake = _Fake(provider, dialect, pace, run_seed, bill, prices, account, script)

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return fake.serve(scope, receive, send) if scope["type"] == "http" else _other(scope, receive, send)

    app.eager = True  # type: ignore[attr-defined]  # nothing in it needs a task before its first wait
    app.begin = fake.begin  # type: ignore[attr-defined]  # and most of it waits for nothing
    return app


async def _other(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":  # a web socket: none of these vendors' chat APIs has one
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
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
        prices: Priced,
        account: Accounts | None,
        script: Script | None,
    ) -> None:
        self._provider = provider
        self._dialect = dialect
        self._pace = pace
        self._run_seed = run_seed
        self._bill = bill
        self._prices = prices
        self._account = account
        self._script = script
        self._in_flight = 0
        self._callers = Callers(dialect)
        # what a script or a store says may differ each time, and a price may change
        same_again = script is None and dialect.repeats and not dialect.tells_price
        self._memory = Memory() if same_again else None
        self._ids = hashlib.blake2b(f"{run_seed}\x1fid\x1f{provider}\x1f".encode(), digest_size=7)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = self.begin(scope, receive, send)
        if isinstance(begun, Reply):
            await send_whole(begun, send, whole=_takes_whole(scope))
        else:
            await begun

    def begin(self, scope: Scope, receive: Receive, send: Send) -> Reply | Coroutine[Any, Any, None]:
        """What is answered at once, for the server to send, or what will answer once something has come about."""
        exchange = Exchange(self, receive, send, whole=_takes_whole(scope))
        self._in_flight += 1
        coming: Coroutine[Any, Any, Reply | None] | None = None
        try:
            reply = self._answer(exchange, scope)
            if isinstance(reply, Reply):
                return reply
            coming = reply
        except Exception as error:  # noqa: BLE001 - it is the caller's, or logged there
            return self._failed(error)
        finally:
            if coming is None:
                self._in_flight -= 1
                exchange.settle(completed=False)
        return self._finish(exchange, coming)

    async def _finish(self, exchange: Exchange, coming: Coroutine[Any, Any, Reply | None]) -> None:
        """Send what comes in its time."""
        try:
            try:
                reply = await coming
            except CallerGoneError:
                reply = None
            except Exception as error:
                if exchange.started:
                    raise
                reply = self._failed(error)
            if reply is not None:
                exchange.settle(completed=False)
                await exchange.send_whole(reply)
        finally:
            self._in_flight -= 1
            exchange.settle(completed=False)

    def _failed(self, error: Exception) -> Reply:
        """What the vendor says of a request that it refuses; anything else is a mistake of ours."""
        if isinstance(error, RequestRefused):
            return error.reply
        _log.error("the fake %r could not answer a request; this is a bug of banstorm", self._provider, exc_info=error)
        return self._dialect.failure("server_error", {}, id_seed=self._id_seed("bug"))

    def _answer(self, exchange: Exchange, scope: Scope) -> Reply | Coroutine[Any, Any, Reply | None]:
        """The answer, or what will give it: a body that still comes in, an answer that is not due yet, a stream."""
        caller, exchange.attempt, again = self._callers.of(scope)
        body: bytes = scope.get(BODY, b"") if exchange.whole else b""
        if 0 < len(body) <= self._dialect.body_bytes_max:
            return self._respond(exchange, scope, caller, body, again=again)
        return self._receive_and_respond(exchange, scope, caller, again=again)

    async def _receive_and_respond(
        self, exchange: Exchange, scope: Scope, caller: Caller, *, again: bool
    ) -> Reply | None:
        body = await self._receive(exchange, caller.headers)
        reply = self._respond(exchange, scope, caller, body, again=again)
        return reply if isinstance(reply, Reply) else await reply

    def _respond(
        self, exchange: Exchange, scope: Scope, caller: Caller, body: bytes, *, again: bool
    ) -> Reply | Coroutine[Any, Any, Reply | None]:
        dialect = self._dialect
        self._check_standing(exchange, scope, caller, body)
        known = self._understand(scope, caller, body, again=again)
        ask = known.ask
        self._check_quota(exchange, ask)
        answer = self._say(known)
        if isinstance(answer, Reply):
            return answer
        times = self._pace.plan(
            self._run_seed, f"{self._provider}/{known.entity}", model=ask.model, in_flight=self._in_flight
        )
        if ask.stream:
            return exchange.send_stream(dialect, ask, answer, times)
        reply = known.reply = known.reply or dialect.write(ask, answer)
        due_s = exchange.due_s(ask, answer, times)
        if due_s:
            return exchange.hand_over_at(due_s, reply, ask, answer, times)
        return exchange.hand_over(reply, ask, answer)

    async def _receive(self, exchange: Exchange, headers: dict[str, str]) -> bytes:
        """The request's body, refused when it is larger than the vendor takes."""
        try:
            return await read_body(exchange.receive, headers, self._dialect.body_bytes_max)
        except BodyTooLargeError:
            reply = self._dialect.failure("request_too_large", {}, id_seed=self._id_seed("too large"))
            raise RequestRefused(reply) from None

    def _understand(self, scope: Scope, caller: Caller, body: bytes, *, again: bool) -> Known:
        """What the dialect makes of the request, unless somebody in front, or we, know it already."""
        given = scope.get(READ)
        if given is not None:
            read: Ask | RequestRefused = given[1]
            if isinstance(read, RequestRefused):
                raise read
            return Known(read, _entity(read, body))
        key = (caller, body) if again and self._memory is not None and len(body) <= BODY_BYTES_MAX else None
        if key is not None and self._memory is not None and (found := self._memory.find(key)) is not None:
            return found
        ask = caller.read(body)
        known = Known(ask, _entity(ask, body))
        if key is not None and self._memory is not None:
            self._memory.keep(key, known)
        return known

    def _say(self, known: Known) -> Answer | Reply:
        """What the script says, else what the request asks for."""
        created_s = int(time.time())
        if known.answer is not None and known.created_s == created_s:
            return known.answer
        ask, id_seed = known.ask, self._id_seed(known.entity)
        if self._script is not None:
            scripted = self._script.answer(ask, self._provider, id_seed=id_seed, created_s=created_s)
            if scripted is not None:
                return scripted if isinstance(scripted, Reply) else self._priced(ask, scripted)
        answer = self._priced(ask, compose(ask, self._provider, id_seed=id_seed, created_s=created_s))
        known.answer, known.created_s, known.reply = answer, created_s, None
        return answer

    def _priced(self, ask: Ask, answer: Answer) -> Answer:
        """`answer` with what it costs, where the vendor says so."""
        if not self._dialect.tells_price:
            return answer
        usd, _ = self._price(ask, answer.output_tokens * ask.choices)
        return replace(answer, usd=usd)

    def _price(self, ask: Ask, produced: int) -> tuple[float, bool]:
        return self._prices.bill(
            ask.model,
            ask.input_tokens,
            ask.cached_tokens,
            produced,
            cache_write_tokens=ask.cache_write_tokens,
            cache_write_1h_tokens=ask.cache_write_1h_tokens,
        )

    def _id_seed(self, entity: str) -> int:
        digest = self._ids.copy()
        digest.update(entity.encode())
        return int.from_bytes(digest.digest(), "big")

    def _check_standing(self, exchange: Exchange, scope: Scope, caller: Caller, body: bytes) -> None:
        """Refuse a credential in bad standing; one that is missing is the dialect's to refuse."""
        account, credential = self._account, caller.credential
        if account is None or credential is None:
            return
        exchange.credential = credential
        refusal = account.refusal(credential, scope=scope, headers=caller.headers)
        if refusal is None:
            return
        try:  # only so that the refusal comes in the form that was asked for
            ask = caller.read(body)
        except RequestRefused:
            ask = None
        raise RequestRefused(self._refuse(exchange, refusal, ask))

    def _check_quota(self, exchange: Exchange, ask: Ask) -> None:
        """Refuse a request beyond its credential's quota, or for a model that is gone."""
        account, credential = self._account, exchange.credential
        if account is None or credential is None:
            return
        refusal = account.admit(credential, ask)
        if refusal is not None:
            reply = self._refuse(exchange, refusal, ask)
            raise RequestRefused(Reply(reply.status, self.limits(credential, ask, reply.headers), reply.body))

    def _refuse(self, exchange: Exchange, refusal: Refusal, ask: Ask | None = None) -> Reply:
        reply = self._dialect.failure(refusal.kind, refusal.details, id_seed=self._id_seed(refusal.kind), ask=ask)
        if refusal.entry is None or exchange.attempt is None:
            return reply
        # whoever stands in front and counts what each timeline entry did learns it from here, and takes it out again
        return Reply(reply.status, [*reply.headers, (ENTRY_HEADER, refusal.entry)], reply.body)

    def limits(self, credential: str | None, ask: Ask, headers: Headers) -> Headers:
        """`headers` with the figures of the credential's quota, if it has one."""
        if self._account is None or credential is None:
            return headers
        return self._account.headers(credential, ask, headers)

    def settle(
        self, attempt: str | None, credential: str | None, ask: Ask | None, produced: int, *, completed: bool
    ) -> None:
        """Bill a request: for nothing if it was refused, else for its prompt and for what was produced."""
        if ask is None:
            row = Bill(attempt, self._provider, "", 0, 0, 0, 0.0, True, completed, time.monotonic_ns())  # noqa: FBT003
        else:
            usd, priced = 0.0, True
            if produced or completed:  # it thinks before the first word
                produced += ask.thought_tokens * ask.choices
            if ask.operation in BILLED:
                usd, priced = self._price(ask, produced)
            if self._account is not None and credential is not None:
                self._account.settle(credential, ask, produced, usd)
            row = Bill(
                attempt,
                self._provider,
                ask.model,
                ask.input_tokens,
                ask.cached_tokens,
                produced,
                usd,
                priced,
                completed,
                time.monotonic_ns(),
                ask.cache_write_tokens,
            )
        self._bill(row)


def _takes_whole(scope: Scope) -> bool:
    """Whether the server takes a response in one piece."""
    return WHOLE in scope.get("extensions", ())


def _entity(ask: Ask, body: bytes) -> str:
    """What seeds the ids and the pace of an answer."""
    return f"call{ask.mark.call}" if ask.mark is not None else f"body{zlib.crc32(body):08x}"
