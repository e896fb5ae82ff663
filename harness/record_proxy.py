"""A forwarding proxy for one provider that writes down each whole exchange: what `banstorm record` listens with.

A request goes to the real API as it came, but for what belongs to the connection; the answer comes back as it arrives,
piece by piece. A caller that leaves takes the request to the API with it. What the API didn't say isn't recorded: when
it can't be reached the caller gets a 502 in plain words.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson

from ..fakes.caller import BodyTooLargeError, CallerGoneError, read_body
from ..fakes.dialects.base import REQUEST_BYTES_MAX
from ..fakes.recording import CHUNKS_MAX, FRAMING, Exchange, Identity, without_credentials
from .record_redaction import CredentialLeftError, Redaction
from .tape import WITHHELD, Tape

if TYPE_CHECKING:
    from pathlib import Path

    from ..fakes.app import Scope
    from ..fakes.caller import Receive
    from ..fakes.exchange import Send

RESPONSE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Largest response that is recorded, in bytes; a larger one is passed on all the same."""
IN_FLIGHT_MAX: Final = 256
"""Requests of one provider that are under way at once; beyond it they are refused."""
CONNECT_S: Final = 10.0
"""Seconds in which a connection to the API must stand."""
SILENCE_S: Final = 600.0
"""Seconds for which the API may be silent."""
PROMPT_BYTES_MAX: Final = 1024 * 1024
"""Largest request body that is kept, in bytes, if prompts are kept at all."""

SIGNED_ELSEWHERE: Final = (
    "not recorded: Amazon's signature covers the host, which here is the proxy's; use a bearer key "
    "(AWS_BEARER_TOKEN_BEDROCK) while you record"
)
"""What is told of a request that was refused for its signature: it was signed for this address, not for the API's."""

_REQUEST_DROPPED: Final = FRAMING - {"content-encoding", "date"} | {
    "accept-encoding",
    "expect",
    "host",
    "proxy-authorization",
}


class RecordingProxy:
    """An ASGI application that forwards to `upstream` and writes what it hears to `tape`.

    Args:
        provider: The provider's name in the recording.
        upstream: Scheme, host and port, and a path that goes before the requests' own.
        tape: Where exchanges are written.
        client: Makes the requests.
        keep_prompts: Whether requests' bodies are written as well.
        tell: Called with a line about each request that is over.
        response_bytes_max: Largest response that is recorded, in bytes.
    """

    def __init__(
        self,
        provider: str,
        upstream: httpx.URL,
        tape: Tape,
        client: httpx.AsyncClient,
        *,
        keep_prompts: bool = False,
        tell: Callable[[str], None] = lambda _: None,
        response_bytes_max: int = RESPONSE_BYTES_MAX,
    ) -> None:
        self._provider = provider
        self._upstream = upstream
        self._tape = tape
        self._client = client
        self._keep_prompts = keep_prompts
        self._tell = tell
        self._response_bytes_max = response_bytes_max
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        if scope["type"] != "http":
            return
        if self._in_flight >= IN_FLIGHT_MAX:
            await _say(send, 503, f"more than {IN_FLIGHT_MAX} requests are under way")
            return
        self._in_flight += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            lower, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[lower] = f"{headers[lower]}, {text}" if lower in headers else text
        try:
            body = await read_body(receive, headers, REQUEST_BYTES_MAX)
        except CallerGoneError:
            return
        except BodyTooLargeError:
            await _say(send, 413, f"the request is larger than {REQUEST_BYTES_MAX} bytes")
            return
        hearing = _Hearing(self._tape.arrive(), scope, headers, body, self._response_bytes_max)
        forwarding = asyncio.create_task(self._forward(hearing, send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({forwarding, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not forwarding.done() and not hearing.whole:
                forwarding.cancel()
                hearing.fate = self._tape.note("not recorded: its caller left")
            try:
                await forwarding
            except asyncio.CancelledError:
                pass
            finally:
                self._tell(f"{self._provider} {hearing.line()}")

    async def _forward(self, hearing: _Hearing, send: Send) -> None:
        raw = self._upstream.raw_path.rstrip(b"/") + hearing.raw_path
        url = self._upstream.copy_with(raw_path=raw + (b"?" + hearing.query if hearing.query else b""))
        # made by hand, so that no header of the client's own gets in
        request = httpx.Request(hearing.method, url, headers=[*hearing.forwarded()], content=hearing.body)
        request.extensions = {"timeout": httpx.Timeout(SILENCE_S, connect=CONNECT_S).as_dict()}
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            hearing.fate = self._tape.note("not recorded: the API can't be reached")
            await _say(send, 502, f"{url.host} can't be reached: {reason(error)}")
            return
        try:
            await self._pass_on(hearing, response, send)
        except (httpx.HTTPError, OSError):  # the caller sees the connection break off, as it did here
            hearing.fate = self._tape.note("not recorded: the API's answer broke off")
        finally:
            await response.aclose()

    async def _pass_on(self, hearing: _Hearing, response: httpx.Response, send: Send) -> None:
        encoded = response.headers.get("content-encoding", "identity") != "identity"
        kept = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in response.headers.raw
            if name.decode("latin-1").lower() not in FRAMING
        ]
        hearing.head(response.status_code, kept)
        length = response.headers.get("content-length")
        framed = [("content-length", length)] if length is not None and not encoded else []
        head = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*kept, *framed]]
        await send({"type": "http.response.start", "status": response.status_code, "headers": head})
        async for chunk in response.aiter_bytes() if encoded else response.aiter_raw():
            if chunk:
                hearing.piece(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        # before the caller hears that it is whole: whoever leaves then has the answer, and so has the recording
        hearing.whole = True
        hearing.fate = self._write(hearing)
        await send({"type": "http.response.body", "body": b""})

    def _write(self, hearing: _Hearing) -> str:
        if hearing.too_large is not None:
            return self._tape.note(hearing.too_large)
        if hearing.signed_elsewhere:
            return self._tape.note(SIGNED_ELSEWHERE)
        try:
            line = hearing.exchange(self._provider, keep_prompt=self._keep_prompts).line()
        except CredentialLeftError:
            return self._tape.note(WITHHELD)
        if hearing.redaction.holds(line):
            return self._tape.note(WITHHELD)
        try:
            return self._tape.add(line)
        except OSError as error:  # a full disk, say: it is no fault of the API's, and no reason to cut the answer
            return self._tape.note(unwritten(error, self._tape.path))


class _Hearing:
    """What is heard of one exchange."""

    def __init__(self, number: int, scope: Scope, headers: dict[str, str], body: bytes, bytes_max: int) -> None:
        self.number = number
        self.method: str = scope["method"]
        self.raw_path: bytes = scope.get("raw_path") or scope["path"].encode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers = headers
        self.body = body
        self.whole = False
        self.fate = ""
        self.too_large: str | None = None
        self._came: list[tuple[bytes, bytes]] = scope["headers"]
        self._began_s = time.monotonic()
        self._bytes_max = bytes_max
        self._bytes = 0
        self._status = 0
        self._answered: list[tuple[str, str]] = []
        self._head_ms = 0.0
        self._moments_ms: list[float] = []
        self._chunks: list[bytes] = []

    @cached_property
    def redaction(self) -> Redaction:
        """Takes the credentials of the request out of what is written."""
        return Redaction.of(self.headers, self.query, self.body)

    @property
    def signed_elsewhere(self) -> bool:
        """Whether the API refuses the request for its signature."""
        why = dict(self._answered).get("x-amzn-errortype", "")
        return self._status == 403 and why.startswith(("InvalidSignatureException", "SignatureDoesNotMatch"))

    def forwarded(self) -> Iterator[tuple[bytes, bytes]]:
        """The request's headers as the API gets them."""
        named = {each.strip().lower() for each in self.headers.get("connection", "").split(",")}
        for name, value in self._came:
            lower = name.decode("latin-1").lower()
            if lower not in _REQUEST_DROPPED and lower not in named and not lower.startswith("x-banstorm-"):
                yield name, value
        yield b"accept-encoding", b"identity"

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The response's head came."""
        self._status, self._answered, self._head_ms = status, headers, self._elapsed_ms()

    def piece(self, chunk: bytes) -> None:
        """A piece of the response came."""
        self._bytes += len(chunk)
        if self._bytes > self._bytes_max or len(self._chunks) >= CHUNKS_MAX:
            self.too_large = "not recorded: the response is too large"
            self._chunks.clear()
        else:
            self._moments_ms.append(self._elapsed_ms())
            self._chunks.append(chunk)

    def exchange(self, provider: str, *, keep_prompt: bool) -> Exchange:
        """The exchange without credentials.

        Raises:
            CredentialLeftError: when one can't be taken out.
        """
        redaction = self.redaction
        identity = Identity.of(self.method, self.raw_path, self.query, self.body)
        kind = next((value for name, value in self._answered if name == "content-type"), "")
        text = not ("amazon.eventstream" in kind or "octet-stream" in kind)
        chunks = redaction.response(self._chunks, text=text)
        return Exchange(
            self.number,
            provider,
            Identity(
                self.method.upper(),
                redaction.text(identity.path),
                redaction.text(identity.query),
                identity.body,
                identity.fields,
                redaction.text(identity.model),
                identity.stream,
            ),
            self._status,
            tuple(redaction.headers(self._answered)),
            self._head_ms,
            tuple((at_ms, chunk) for at_ms, chunk in zip(self._moments_ms, chunks, strict=True) if chunk),
            self._prompt() if keep_prompt else None,
        )

    def line(self) -> str:
        """The exchange in a line for a person; of the path no more than a route has."""
        path = self.redaction.text(self.raw_path.decode("latin-1"))[:120]
        heard = f"{self._status}, {len(self._moments_ms)} pieces, " if self._status else ""
        return f"{self.method} {path}: {heard}{self._elapsed_ms():.0f} ms, {self.fate}"

    def _prompt(self) -> Any:
        if len(self.body) > PROMPT_BYTES_MAX:
            return None
        try:
            return self.redaction.document(without_credentials(orjson.loads(self.body)))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
            return None

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._began_s) * 1000, 1)


def unwritten(error: OSError, path: Path) -> str:
    """What is told of exchanges that the file didn't take: what happened, where, and what to do."""
    why = (error.strerror or type(error).__name__).lower()
    return f"not recorded: the recording can't be written ({why}): {path}; make room there and record again"


def reason(error: BaseException) -> str:
    """Why an API can't be reached, in plain words."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_S:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {SILENCE_S:g} s"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "its name is unknown (DNS)"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection ({str(cause.reason or 'unknown').replace('_', ' ').lower()})"
    if isinstance(error, httpx.RemoteProtocolError):
        closed = "disconnected" in str(error)
        return "it closed the connection without an answer" if closed else "what it says is no HTTP"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        further: Iterable[BaseException | None] = (each.__cause__, each.__context__)
        waiting += [cause for cause in further if cause is not None]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, status: int, message: str) -> None:
    """An answer of our own: in no vendor's form, and not to be tried again."""
    body = orjson.dumps({"error": {"message": f"banstorm record: {message}", "type": "banstorm_record"}})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-should-retry", b"false"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
