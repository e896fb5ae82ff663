"""Calls made by the official OpenAI SDK inside the load, as a user's program makes them: `max_retries=0`, no wrapping.

The SDK never says when its request was written or what bytes came, so its own HTTP client gets a transport that does.
Under gevent the SDK's blocking calls run one to a greenlet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import gevent
import httpx
import openai
import orjson
from gevent.local import local
from locust.exception import CatchResponseError

from ..ledger import EVIDENCE_BYTES_MAX
from .call import Ask, Observed
from .front import Heard, Writer
from .openai_chat import OpenAIChatStream, error_name, read_completion
from .outcome import Ending

SENT_EVENT: Final = "http11.send_request_headers.started"
"""httpcore's name for the first write of a request (its trace extension)."""


class SdkClient:
    """Makes chat-completion calls through one `openai.OpenAI`, shared by all greenlets."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        headers: dict[str, str],
        *,
        give_up_s: float,
        connections_max: int,
        writer: Writer,
        request_event: Any,
    ) -> None:
        self._writer = writer
        self._request_event = request_event
        # Connections idle for longer than 1 s are not used again, as in `wire`.
        self._transport = _Transport(httpx.Limits(max_connections=connections_max, keepalive_expiry=1.0))
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            default_headers=headers,
            max_retries=0,
            timeout=give_up_s,
            http_client=httpx.Client(transport=self._transport, trust_env=False),
        )
        _ = self._client.chat.completions  # loads the SDK's lazy parts now, not under load

    def call(self, ask: Ask, seen: Observed) -> None:
        """Make the call and note in `seen` what the SDK gives or raises."""
        kept: list[bytes] = []
        self._transport.watch(seen, kept)
        try:
            self._create(ask, seen)
        except openai.APIStatusError as error:
            text = error.response.text[:EVIDENCE_BYTES_MAX]
            seen.heard = Heard(text=text, error=error_name(error.body) or f"http_{error.status_code}")
        except openai.APITimeoutError:
            raise gevent.Timeout from None
        except openai.APIConnectionError as error:
            seen.ending, seen.note = classify(error.__cause__ or error)
        except openai.APIError as error:  # an error object inside a stream
            seen.heard.error = error_name(error.body) or error.code or error.type or "error"
        except httpx.HTTPError as error:  # raised as it is while a stream is read
            seen.ending, seen.note = classify(error)
        except ValueError as error:  # JSON that does not parse
            seen.heard.malformed = f"malformed: {type(error).__name__}"
        finally:
            seen.ended_ns = time.monotonic_ns()
            seen.body = b"".join(kept)[:EVIDENCE_BYTES_MAX]
            self._report(ask, seen)

    def _create(self, ask: Ask, seen: Observed) -> None:
        body = orjson.loads(self._writer.body(ask.mark, stream=ask.stream))
        answer: Any = self._client.chat.completions.create(**body)
        if not ask.stream:
            if isinstance(answer, str):  # the SDK hands over any body that does not call itself JSON
                seen.heard = Heard(text=answer, malformed="malformed_body: str", ended=True)
            else:
                seen.heard = read_completion(answer.model_dump())
            return
        reader = OpenAIChatStream()
        seen.heard = reader.heard
        for chunk in answer:
            reader.take_chunk(chunk.model_dump())
            if reader.first and seen.first_token_ns is None:
                seen.first_token_ns = time.monotonic_ns()
        reader.heard.ended = reader.heard.finish is not None  # the SDK keeps [DONE] to itself

    def _report(self, ask: Ask, seen: Observed) -> None:
        failed = seen.ending is not Ending.COMPLETE or seen.heard.error
        self._request_event.fire(
            request_type="SDK",
            name=f"{ask.mark.shape.value} {'stream' if ask.stream else 'plain'}",
            response_time=(seen.ended_ns - ask.scheduled_ns) / 1e6,
            response_length=len(seen.body),
            exception=CatchResponseError(seen.note or seen.heard.error) if failed else None,
            context={},
        )


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, which tells the greenlet's call when it left and keeps the start of what came."""

    def __init__(self, limits: httpx.Limits) -> None:
        super().__init__(limits=limits, trust_env=False)
        self._local = local()

    def watch(self, seen: Observed, kept: list[bytes]) -> None:
        """Tell `seen` and `kept` about the next request of this greenlet."""
        self._local.seen, self._local.kept = seen, kept

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        seen: Observed = self._local.seen

        def trace(event: str, _: Any) -> None:
            if event == SENT_EVENT:
                seen.left(time.monotonic_ns())

        request.extensions["trace"] = trace
        response = super().handle_request(request)
        seen.status = response.status_code
        response.stream = _Tee(response.stream, self._local.kept)
        return response


class _Tee(httpx.SyncByteStream):
    """A body that is kept, up to `EVIDENCE_BYTES_MAX`, while it is read."""

    def __init__(self, stream: Any, kept: list[bytes]) -> None:
        self._stream = stream
        self._kept = kept

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for data in self._stream:
            if size < EVIDENCE_BYTES_MAX:
                self._kept.append(data)
                size += len(data)
            yield data

    def close(self) -> None:
        """Close the body itself."""
        self._stream.close()


def classify(error: BaseException) -> tuple[Ending, str]:
    """How the transport ended, and our word for it, from what httpx raised."""
    if isinstance(error, httpx.ConnectError):
        return Ending.REFUSED, "connection_refused"
    if isinstance(error, httpx.RemoteProtocolError):
        text = str(error)
        if "disconnected without sending" in text:
            return Ending.CLOSED, "closed_before_response"
        return (
            (Ending.CLOSED, "closed_mid_response") if "closed" in text else (Ending.GARBLED, f"not_http: {text[:80]}")
        )
    if isinstance(error, httpx.TimeoutException):
        return Ending.GAVE_UP, "gave_up"
    return Ending.RESET, "connection_reset" if isinstance(error, httpx.NetworkError) else f"{error!r}"[:80]
