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
from .front import Heard, Writer, error_name
from .openai_chat import OpenAIChatStream, read_completion
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
        settings: dict[str, Any] = {
            "base_url": base_url,
            "api_key": api_key or "none",
            "default_headers": headers,
            "max_retries": 0,
            "timeout": give_up_s,
        }
        _rehearse(settings)
        http_client = httpx.Client(transport=self._transport, trust_env=False)
        self._client = openai.OpenAI(**settings, http_client=http_client)

    def call(self, ask: Ask, seen: Observed) -> None:
        """Make the call and note in `seen` what the SDK gives or raises."""
        self._transport.watch(seen)
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
            self._report(ask, seen)

    def _create(self, ask: Ask, seen: Observed) -> None:
        body = orjson.loads(self._writer.body(ask.mark, stream=ask.stream, prompt=ask.prompt))
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
            name=ask.name,
            response_time=(seen.ended_ns - ask.scheduled_ns) / 1e6,
            response_length=seen.size,
            exception=CatchResponseError(seen.note or seen.heard.error) if failed else None,
            context={},
        )


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, which tells the greenlet's call when it left and keeps the start of what came."""

    def __init__(self, limits: httpx.Limits) -> None:
        super().__init__(limits=limits, trust_env=False)
        self._local = local()

    def watch(self, seen: Observed) -> None:
        """Tell `seen` about the next request of this greenlet."""
        self._local.seen = seen

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        seen: Observed = self._local.seen

        def trace(event: str, _: Any) -> None:
            if event == SENT_EVENT:
                seen.left(time.monotonic_ns())

        request.extensions["trace"] = trace
        response = super().handle_request(request)
        seen.status = response.status_code
        response.stream = _Tee(response.stream, seen)
        return response


class _Tee(httpx.SyncByteStream):
    """A body whose start is kept while it is read."""

    def __init__(self, stream: Any, seen: Observed) -> None:
        self._stream = stream
        self._seen = seen

    def __iter__(self) -> Iterator[bytes]:
        for data in self._stream:
            self._seen.keep(data, EVIDENCE_BYTES_MAX)
            yield data

    def close(self) -> None:
        """Close the body itself."""
        self._stream.close()


def _rehearse(settings: dict[str, Any]) -> None:
    """Make one call of each kind that never leaves the process.

    What the SDK loads and builds at first use takes 60 ms, which would otherwise make the first calls late.
    """
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}, "delta": {}}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    def answer(request: httpx.Request) -> httpx.Response:
        if b'"stream":true' in request.content:
            return httpx.Response(200, content=b"data: " + orjson.dumps(body) + b"\n\ndata: [DONE]\n\n")
        return httpx.Response(200, json=body)

    with httpx.Client(transport=httpx.MockTransport(answer), trust_env=False) as http_client:
        chat = openai.OpenAI(**settings, http_client=http_client).chat.completions
        chat.create(model="m", messages=[]).model_dump()
        for chunk in chat.create(model="m", messages=[], stream=True):
            chunk.model_dump()


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
