"""What all providers over HTTP share: send, tell answers from failures, read streams to their proper end."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, cast

import httpx
import orjson

from .classify import Position, classify, parse_error_body
from .errors import AttemptFailed, Failure, Meaning, fail
from .messages import Chunk, LLMRequest, LLMResponse
from .provider import AttemptLimits, LLMProvider
from .sse import EventReader, EventTooLarge
from .upstream import HEADERS, make_client, transport_failure
from .validate import ChunkCheck, drifted

ERROR_BODY_BYTES_MAX = 64 * 1024
OK = 200
TRAILER_S_MAX = 0.5


class StreamReader(Protocol):
    """Reads one stream of a dialect; `complete` turns true at the dialect's own terminator and nowhere else."""

    complete: bool

    def event(self, data: bytes) -> list[Chunk]:
        """The chunks that one event amounts to.

        Raises:
            AttemptFailed: The event is malformed or reports a failure.
        """
        ...


class HTTPProvider(LLMProvider):
    """A provider behind an HTTP API. A dialect says how to word a request and how to read what comes back.

    Args:
        api_key: Sent as the dialect wants it; None sends no credential.
        base_url: As the vendor's SDK wants it.
        model: Asked for unless `models` maps the caller's.
        name: Name in metrics, headers and errors; the dialect's by default.
        models: Model the caller asks for → model asked for here.
        max_tokens: Answer limit where the API demands one and the caller gave none.
        validate: Whether answers are checked before they count.
        client: A client to use; its own is made otherwise.
        owns_client: Whether the given client is closed with the provider; its own always is.
        retry_after_max_s: Longest Retry-After that is believed, in seconds.
        answer_bytes_max: Largest plain answer that is read.
        event_bytes_max: Largest stream event that is held.
        options: Settings of this dialect.
    """

    dialect = ""
    default_url = ""
    default_model = ""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        model: str | None = None,
        *,
        name: str | None = None,
        models: Mapping[str, str] | None = None,
        max_tokens: int = 8192,
        validate: bool = True,
        client: httpx.AsyncClient | None = None,
        owns_client: bool = False,
        retry_after_max_s: float = 60.0,
        answer_bytes_max: int = 16 * 1024**2,
        event_bytes_max: int = 1024**2,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name or self.dialect
        self.model = model or self.default_model
        self.max_tokens = max_tokens
        self.validate = validate
        self.options = dict(options or {})
        self._models = dict(models or {})
        self._retry_after_max_s = retry_after_max_s
        self._answer_bytes_max, self._event_bytes_max = answer_bytes_max, event_bytes_max
        self._owns_client = owns_client or client is None
        self._client = client or make_client(connections_max=1000, connect_s=1.0, proxy_from_env=False)
        self._url = httpx.URL((base_url or self.default_url).rstrip("/") + self.path)
        # An object of httpx's own is copied, a dictionary would be encoded again for each request.
        self._headers = httpx.Headers({**HEADERS, **self.credentials(api_key)})
        self._finishing: set[asyncio.Task[None]] = set()

    path = ""

    @abstractmethod
    def credentials(self, api_key: str | None) -> dict[str, str]:
        """Headers that go with every request."""

    @abstractmethod
    def word(self, request: LLMRequest, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The request's body in this dialect, and notes on what had to be changed."""

    @abstractmethod
    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """A plain answer, checked if `validate` says so."""

    @abstractmethod
    def stream_reader(self, request: LLMRequest) -> StreamReader:
        """A reader for one stream."""

    def learn(self, failure: Failure) -> bool:  # noqa: ARG002 - for dialects that can
        """Adapt to a refusal; True if the request will now be worded differently. Must not say so for ever."""
        return False

    def upstream_model(self, request: LLMRequest) -> str:
        """The model to ask for."""
        if not self._models:
            return self.model
        return self._models.get(request.chat().get("model", ""), self.model)

    async def generate(self, request: LLMRequest, limits: AttemptLimits | None = None) -> LLMResponse:
        """Answer at once. See `LLMProvider.generate`."""
        response, notes = await self._ask(request, limits or AttemptLimits(), stream=False)
        try:
            content = await self._read(response, self._answer_bytes_max)
        finally:
            await response.aclose()
        return self.read_answer(self._parse(response, content), request, notes)

    async def stream(self, request: LLMRequest, limits: AttemptLimits | None = None) -> AsyncIterator[list[Chunk]]:
        """Answer piece by piece. See `LLMProvider.stream`."""
        response, _notes = await self._ask(request, limits or AttemptLimits(), stream=True)
        reader = self.stream_reader(request)
        # Straight from the transport: httpx's own iterators add two layers to every token.
        plain = "content-encoding" not in response.headers
        parts = aiter(cast("httpx.AsyncByteStream", response.stream)) if plain else response.aiter_bytes()
        try:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                await self._not_a_stream(response, kind)
            check = ChunkCheck(request) if self.validate else None
            events = EventReader(self._event_bytes_max)
            async for data in parts:
                chunks = self._chunks(data, events, reader, check)
                if chunks:
                    yield chunks
                if reader.complete:
                    return
            raise fail(Meaning.TRANSIENT, "stream_cut", "the stream ended without its terminator")
        except EventTooLarge as error:
            raise fail(Meaning.DRIFTED, "malformed_event", str(error)) from None
        except httpx.TransportError as error:
            raise transport_failure(error) from error
        finally:
            if reader.complete:
                self._finish(response, parts)
            else:
                await response.aclose()

    def _finish(self, response: httpx.Response, parts: AsyncIterator[bytes]) -> None:
        """Read what follows a stream's terminator, so that its connection can be used again; nobody waits for it.

        The last bytes of the transfer encoding often come a moment after the terminator. Closing at once would cost the
        next call a new connection.
        """

        async def finish() -> None:
            try:
                async with asyncio.timeout(TRAILER_S_MAX):
                    async for _ in parts:
                        pass
            except (TimeoutError, httpx.HTTPError, httpx.StreamError):
                pass
            finally:
                await response.aclose()

        task = asyncio.create_task(finish())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    @staticmethod
    def _chunks(data: bytes, events: EventReader, reader: StreamReader, check: ChunkCheck | None) -> list[Chunk]:
        # A failure drops what stood before it in the same packet: if that held the first token, nothing has reached the
        # caller yet, and another provider can still answer.
        chunks: list[Chunk] = []
        for event in events.feed(data):
            if reader.complete:
                break
            chunks += reader.event(event)
        if check is not None:
            for chunk in chunks:
                check.chunk(chunk)
            if reader.complete:
                # Before the last piece goes out, for the same reason.
                check.end()
        return chunks

    async def _ask(
        self, request: LLMRequest, limits: AttemptLimits, *, stream: bool
    ) -> tuple[httpx.Response, tuple[str, ...]]:
        """Send the request, once more if the dialect learned from a refusal; the response has status 200."""
        sent, notes = self._worded(request, stream=stream)
        while True:
            response = await self._send(sent, limits, stream=stream)
            if response.status_code == OK:
                return response, notes
            try:
                content = await self._read_error(response)
            finally:
                await response.aclose()
            refused = self._refused(response, content)
            learned = self.learn(refused.failure)
            again, notes = self._worded(request, stream=stream)
            # A call beside this one may have learned from the same refusal while this one was on its way.
            if not learned and (refused.failure.meaning is not Meaning.UNFIT or again == sent):
                raise refused
            sent = again

    def _worded(self, request: LLMRequest, *, stream: bool) -> tuple[bytes, tuple[str, ...]]:
        try:
            body, notes = self.word(request, stream=stream)
            return orjson.dumps(body), notes
        except AttemptFailed:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # A field of another type than the dialect reads, or a document too deep to be written: the caller's doing,
            # so it must not count against the provider.
            raise fail(Meaning.UNFIT, "unsupported_parameter", f"the request can't be translated: {error}") from error

    async def _send(self, content: bytes, limits: AttemptLimits, *, stream: bool) -> httpx.Response:
        # A plain answer is silent until it is complete, so only the core's own limit applies. A stream's socket limit
        # serves both of its waits; the core keeps the stricter one for the first token.
        silence = max(limits.first_token_s, limits.between_tokens_s) if stream else None
        timeout = {"connect": limits.connect_s, "read": silence, "write": silence, "pool": limits.connect_s}
        request = httpx.Request(
            "POST", self._url, headers=self._headers, content=content, extensions={"timeout": timeout}
        )
        try:
            return await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise transport_failure(error) from error

    async def _read(self, response: httpx.Response, bytes_max: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > bytes_max:
                    raise drifted("drift_too_large", f"the answer passed {bytes_max} bytes")
                parts.append(part)
        except httpx.TransportError as error:
            raise transport_failure(error) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _read_error(self, response: httpx.Response) -> bytes:
        """The body of a refusal, or nothing if it is longer than any error object: then its status has to do."""
        try:
            return await self._read(response, ERROR_BODY_BYTES_MAX)
        except AttemptFailed as error:
            if error.failure.meaning is Meaning.DRIFTED:
                return b""
            raise

    def _parse(self, response: httpx.Response, content: bytes) -> dict[str, Any]:
        kind = response.headers.get("content-type", "")
        try:
            payload = orjson.loads(content)
        except orjson.JSONDecodeError:
            shown = content[:80].decode("utf-8", "replace")
            raise drifted("drift_not_json", f"200 with {kind!r} that is not JSON: {shown!r}") from None
        if not isinstance(payload, dict):
            raise drifted("drift_fields", "200 with a JSON value that is not an object")
        if payload.get("error") or payload.get("type") == "error":
            raise self._reported(payload, Position.BODY)
        if self.validate and "json" not in kind:
            raise drifted("drift_content_type", f"200 with content-type {kind!r}, expected application/json")
        return payload

    async def _not_a_stream(self, response: httpx.Response, kind: str) -> None:
        content = await self._read(response, ERROR_BODY_BYTES_MAX)
        payload = parse_error_body(content)
        if isinstance(payload, dict) and (payload.get("error") or payload.get("type") == "error"):
            raise self._reported(payload, Position.BODY)
        raise drifted("drift_content_type", f"200 with content-type {kind!r}, expected text/event-stream")

    def _refused(self, response: httpx.Response, content: bytes) -> AttemptFailed:
        return AttemptFailed(
            classify(
                self.dialect,
                response.status_code,
                parse_error_body(content),
                headers=response.headers,
                now_s=time.time(),
                retry_after_max_s=self._retry_after_max_s,
            )
        )

    def _reported(self, payload: Any, position: Position) -> AttemptFailed:
        return AttemptFailed(
            classify(self.dialect, 200, payload, position=position, retry_after_max_s=self._retry_after_max_s)
        )

    async def aclose(self) -> None:
        """Close the connections, if they are this provider's own."""
        for task in list(self._finishing):
            task.cancel()
        await asyncio.gather(*self._finishing, return_exceptions=True)
        if self._owns_client:
            await self._client.aclose()
