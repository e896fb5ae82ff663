"""What all providers over HTTP share: send, tell answers from failures, read streams to their proper end."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

import httpx
import orjson

from .classify import Position, classify, parse_error_body
from .errors import AttemptFailed, Failure, Meaning, fail
from .messages import NOTHING, Chunk, LLMRequest, LLMResponse, Tokens, read_usage
from .output_caps import OutputCaps
from .provider import AttemptLimits, LLMProvider
from .refusal import redact
from .response_body import Trailers, read_error_body, read_whole
from .sse import EventReader, EventTooLarge
from .stream_check import ChunkCheck
from .stream_reader import Frames, StreamReader
from .upstream import HEADERS, make_client, send, transport_failure
from .validate import declined, drifted

__all__ = ["HTTPProvider", "StreamReader"]

OK = 200


class HTTPProvider(LLMProvider):
    """A provider behind an HTTP API. A dialect says how to word a request and how to read what comes back.

    Args:
        api_key: Sent as the dialect wants it; None sends no credential.
        base_url: As the vendor's SDK wants it.
        model: Asked for unless `models` maps the caller's.
        name: Name in metrics, headers and errors; the dialect's by default.
        models: Model the caller asks for → model asked for here.
        max_tokens: Answer limit where the API demands one and the caller gave none.
        max_output_tokens: Longest answer that it gives: no more is asked for, so one of that length isn't cut short.
        validate: Whether answers are checked before they count.
        client: A client to use; its own is made otherwise.
        owns_client: Whether the given client is closed with the provider; its own always is.
        retry_after_max_s: Longest Retry-After that is believed, in seconds.
        answer_bytes_max: Largest plain answer that is read.
        event_bytes_max: Largest stream event that is held.
        move_on: Reasons (`context_length`, `content_policy`) for which a request that is refused here may be asked
            elsewhere, because its operator said that it makes sense; else they are the caller's own fault.
        options: Settings of this dialect. All know `embeddings`: which models' embeddings it offers, as a list or as a
            mapping from the caller's name to its own; vectors of different models don't mix, so nothing is guessed.
    """

    dialect = ""
    default_url = ""
    default_model = ""
    path = ""
    embeddings_path = ""
    stream_kind = "text/event-stream"

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        model: str | None = None,
        *,
        name: str | None = None,
        models: Mapping[str, str] | None = None,
        max_tokens: int = 8192,
        max_output_tokens: int | None = None,
        validate: bool = True,
        client: httpx.AsyncClient | None = None,
        owns_client: bool = False,
        retry_after_max_s: float = 60.0,
        answer_bytes_max: int = 16 * 1024**2,
        event_bytes_max: int = 1024**2,
        move_on: frozenset[str] = frozenset(),
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
        self._move_on = move_on
        self._owns_client = owns_client or client is None
        self._client = client or make_client(connections_max=1000, connect_s=1.0, proxy_from_env=False)
        self.base_url = (base_url or self.default_url).rstrip("/")
        self._urls: dict[str, httpx.URL] = {}
        self.caps = OutputCaps(max_output_tokens)
        self._trailers = Trailers()
        self._headers = httpx.Headers()
        self.use_key(api_key)

    def use_key(self, api_key: str | None) -> None:
        """Send this credential from now on; requests on their way keep the one they left with."""
        # An object of httpx's own is copied, a dictionary would be encoded again for each request.
        self._key = api_key or ""
        host = httpx.URL(self.base_url).netloc.decode("ascii")
        self._headers = httpx.Headers({"host": host, **HEADERS, **self.credentials(api_key)})

    def use_move_on(self, reasons: frozenset[str]) -> None:
        """Other reasons for moving on: the fleet has changed."""
        self._move_on = reasons

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

    def frames(self) -> Frames:
        """Cuts a stream's bytes into events."""
        return EventReader(self._event_bytes_max)

    def address(self, model: str, *, stream: bool) -> str:  # noqa: ARG002 - for dialects with the model in the path
        """Where a chat request goes, after the base URL."""
        return self.path

    def embeddings_address(self, model: str) -> str:  # noqa: ARG002 - as above
        """The same for embeddings."""
        return self.embeddings_path

    def sign(self, url: httpx.URL, content: bytes) -> httpx.Headers:  # noqa: ARG002 - for dialects that sign
        """The headers of one request."""
        return self._headers

    def word_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        """An embeddings request in this dialect; `model` is already this provider's."""
        return body

    def read_embeddings(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Embeddings in OpenAI's shape."""
        return payload

    def learn(self, failure: Failure, request: LLMRequest) -> bool:
        """Adapt to a refusal; True if the request will now be worded differently. Must not say so for ever."""
        return self.caps.learn(failure, self.upstream_model(request))

    def upstream_model(self, request: LLMRequest) -> str:
        """The model to ask for."""
        asked = request.chat().get("model", "") if request.operation != "service" else ""
        if request.operation == "embeddings":
            return self._embedding_model(asked) or self.model
        return self._models.get(asked, self.model) if self._models else self.model

    def usage(self, payload: dict[str, Any]) -> Any:
        """What an answer says that it cost, as OpenAI's usage object."""
        return payload.get("usage")

    def _billed(self, payload: dict[str, Any]) -> Tokens:
        try:
            return read_usage(self.usage(payload))
        except (AttributeError, TypeError, ValueError):  # drifted as well
            return NOTHING

    def output_limit(self, request: LLMRequest) -> int | None:
        """The longest answer that is asked for here, in tokens: an answer that stops before it was cut short."""
        asked = request.max_tokens
        return self.caps.clamp(self.upstream_model(request), asked, []) if isinstance(asked, int) else None

    def offers(self) -> Mapping[str, str]:
        """Its own model, and what callers may call it or another."""
        return {self.model: self.model, **self._models}

    def _embedding_model(self, asked: str) -> str | None:
        offered = self.options.get("embeddings") or ()
        if isinstance(offered, Mapping):
            return offered.get(asked)
        return asked if asked in offered else None

    async def generate(self, request: LLMRequest, limits: AttemptLimits | None = None) -> LLMResponse:
        """Answer at once. See `LLMProvider.generate`."""
        limits = limits or AttemptLimits()
        if request.operation == "embeddings":
            return await self._embed(request, limits)
        response, notes = await self._ask(request, limits, stream=False)
        content = await read_whole(response, self._answer_bytes_max)
        payload = self._parse(response, content)
        try:
            answer = self.read_answer(payload, request, notes)
            if "content_policy" in self._move_on and (answer.finish_reason == "content_filter" or answer.refusal):
                raise declined(answer.refusal)
        except AttemptFailed as error:
            error.tokens = self._billed(payload)
            raise
        return answer

    async def stream(self, request: LLMRequest, limits: AttemptLimits | None = None) -> AsyncIterator[list[Chunk]]:
        """Answer piece by piece. The first chunk tells in `adapted` what was changed. See `LLMProvider.stream`."""
        response, notes = await self._ask(request, limits or AttemptLimits(), stream=True)
        reader = self.stream_reader(request)
        # Straight from the transport: httpx's own iterators add two layers to every token.
        plain = "content-encoding" not in response.headers
        parts = aiter(cast("httpx.AsyncByteStream", response.stream)) if plain else response.aiter_bytes()
        try:
            kind = response.headers.get("content-type", "")
            if not kind.startswith(self.stream_kind):
                await self._not_a_stream(response, kind)
            check = ChunkCheck(request, self.output_limit(request)) if self.validate else None
            events = self.frames()
            async for data in parts:
                chunks = self._chunks(data, events, reader, check)
                if chunks:
                    yield _noted(chunks, notes)
                    notes = ()
                if reader.complete:
                    return
            if events.unfinished:
                raise fail(Meaning.TRANSIENT, "stream_cut", "the stream ended within an event")
            last = reader.ended()
            self._check(last, check, reader)
            if last:
                yield last
        except EventTooLarge as error:
            raise fail(Meaning.DRIFTED, "malformed_event", str(error)) from None
        except httpx.TransportError as error:
            raise transport_failure(error) from error
        finally:
            if reader.complete:
                self._trailers.read(response, parts)
            else:
                await response.aclose()

    def _chunks(self, data: bytes, events: Frames, reader: StreamReader, check: ChunkCheck | None) -> list[Chunk]:
        # A failure drops what stood before it in the same packet: if that held the first token, nothing has reached the
        # caller yet, and another provider can still answer.
        chunks: list[Chunk] = []
        for event in events.feed(data):
            if reader.complete:
                break
            chunks += reader.event(event)
        self._check(chunks, check, reader)
        return chunks

    def _check(self, chunks: list[Chunk], check: ChunkCheck | None, reader: StreamReader) -> None:
        if check is not None:
            check.batch(chunks, reader, move_on="content_policy" in self._move_on)

    async def _embed(self, request: LLMRequest, limits: AttemptLimits) -> LLMResponse:
        model = self._embedding_model(request.chat().get("model", ""))
        if model is None or not self.embeddings_path:
            raise fail(Meaning.UNFIT, "not_offered", "this provider offers no embeddings of that model")
        content = orjson.dumps(self.word_embeddings({**request.chat(), "model": model}))
        url = self._url(self.embeddings_address(model))
        response = await self._send(url, content, limits, stream=False)
        if response.status_code != OK:
            raise await self._refused(response)
        body = self.read_embeddings(self._parse(response, await read_whole(response, self._answer_bytes_max)))
        data = body.get("data")
        if self.validate and (not isinstance(data, list) or not data or "embedding" not in data[0]):
            raise drifted("drift_fields", "`data[].embedding` is missing")
        usage = body.get("usage")
        spent = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
        spent = spent if isinstance(spent, int) else 0
        return LLMResponse(None, self.name, spent, model=model, finish_reason="stop", input_tokens=spent, body=body)

    async def _ask(
        self, request: LLMRequest, limits: AttemptLimits, *, stream: bool
    ) -> tuple[httpx.Response, tuple[str, ...]]:
        """Send the request, once more if the dialect learned from a refusal; the response has status 200."""
        if request.operation != "chat":
            raise fail(Meaning.UNFIT, "not_offered", f"this provider has no {request.operation}")
        url = self._url(self.address(self.upstream_model(request), stream=stream))
        sent, notes = self._worded(request, stream=stream)
        while True:
            response = await self._send(url, sent, limits, stream=stream, extra=self._extra(request))
            if response.status_code == OK:
                return response, notes
            refused = await self._refused(response)
            learned = self.learn(refused.failure, request)
            again, notes = self._worded(request, stream=stream)
            # A call beside this one may have learned from the same refusal while this one was on its way.
            if not learned and (refused.failure.meaning is not Meaning.UNFIT or again == sent):
                raise refused
            sent = again

    def _extra(self, request: LLMRequest) -> Mapping[str, str] | None:
        native = request.native
        return native.headers if native is not None and native.headers and native.dialect == self.dialect else None

    def _worded(self, request: LLMRequest, *, stream: bool) -> tuple[bytes, tuple[str, ...]]:
        native = request.native if request.native is not None and request.native.dialect != self.dialect else None
        if native is not None and native.only:
            raise fail(
                Meaning.UNFIT, "unsupported_parameter", f"{native.only} can't be translated from {native.dialect}"
            )
        try:
            body, notes = self.word(request, stream=stream)
            if request.lost and request.wording_for(self.dialect) is None:
                notes = (*notes, *(f"dropped {name}" for name in request.lost))
            return orjson.dumps(body), notes
        except AttemptFailed:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # A field of another type than the dialect reads, or a document too deep to be written: the caller's doing,
            # so it must not count against the provider.
            raise fail(Meaning.UNFIT, "unsupported_parameter", f"the request can't be translated: {error}") from error

    def _url(self, address: str) -> httpx.URL:
        url = self._urls.get(address)
        if url is None:
            # Parsed once a path; as many as there are models, which the configuration bounds.
            url = self._urls[address] = httpx.URL(self.base_url + address)
        return url

    async def _send(
        self,
        url: httpx.URL,
        content: bytes,
        limits: AttemptLimits,
        *,
        stream: bool,
        method: str = "POST",
        extra: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        headers = self.sign(url, content)
        if extra:
            headers = httpx.Headers({**headers, **extra})
        return await send(self._client, method, url, headers, content, limits, stream=stream)

    def _parse(self, response: httpx.Response, content: bytes) -> dict[str, Any]:
        kind = response.headers.get("content-type", "")
        try:
            payload = orjson.loads(content)
        except orjson.JSONDecodeError:
            shown = redact(content[:400].decode("utf-8", "replace"), self._key)[:80]
            raise drifted("drift_not_json", f"200 with {kind!r} that is not JSON: {shown!r}") from None
        if not isinstance(payload, dict):
            raise drifted("drift_fields", "200 with a JSON value that is not an object")
        if payload.get("error") or payload.get("type") == "error":
            raise self.reported(payload, Position.BODY)
        if self.validate and "json" not in kind:
            error = drifted("drift_content_type", f"200 with content-type {kind!r}, expected application/json")
            error.tokens = self._billed(payload)
            raise error
        return payload

    async def _not_a_stream(self, response: httpx.Response, kind: str) -> None:
        content = await read_error_body(response)
        payload = parse_error_body(content)
        if isinstance(payload, list) and payload:
            payload = payload[0]
        if isinstance(payload, dict) and (payload.get("error") or payload.get("type") == "error"):
            raise self.reported(payload, Position.BODY)
        raise drifted("drift_content_type", f"200 with content-type {kind!r}, expected {self.stream_kind}")

    async def _refused(self, response: httpx.Response) -> AttemptFailed:
        content = await read_error_body(response)
        return self._judged(
            classify(
                self.dialect,
                response.status_code,
                parse_error_body(content),
                headers=response.headers,
                now_s=time.time(),
                retry_after_max_s=self._retry_after_max_s,
            )
        )

    def reported(self, payload: Any, position: Position) -> AttemptFailed:
        """The failure that an error inside a 200 amounts to."""
        return self._judged(
            classify(self.dialect, 200, payload, position=position, retry_after_max_s=self._retry_after_max_s)
        )

    def in_stream(self, payload: Any) -> AttemptFailed:
        """The failure that an error event amounts to; what readers report with."""
        return self.reported(payload, Position.STREAM)

    def _judged(self, failure: Failure) -> AttemptFailed:
        if failure.meaning is Meaning.REQUEST and failure.reason in self._move_on:
            failure = replace(failure, meaning=Meaning.UNFIT)
        return AttemptFailed(replace(failure, message=redact(failure.message, self._key)))

    async def aclose(self) -> None:
        """Close the connections, if they are this provider's own."""
        await self._trailers.aclose()
        if self._owns_client:
            await self._client.aclose()


def _noted(chunks: list[Chunk], notes: tuple[str, ...]) -> list[Chunk]:
    if notes:
        chunks[0]["adapted"] = list(notes)
    return chunks
