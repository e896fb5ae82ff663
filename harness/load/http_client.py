"""Calls made by the load generator's own HTTP client: Locust's FastHttpSession over `wire`."""

from __future__ import annotations

import errno
import time
from typing import Any, Final

import gevent
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.response import HTTPConnectionClosed
from locust.exception import CatchResponseError

from ..ledger import EVIDENCE_BYTES_MAX
from .call import Ask, Observed
from .front import Front, Heard, Writer
from .outcome import Ending
from .wire import Trace, WireResponse

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest plain body read, in bytes; a longer one is given up as broken."""
DRAIN_S_MAX: Final = 0.25
"""After a stream's own end, wait this long for the message's end, so that the connection can be used again."""


class BodyTooLongError(Exception):
    """A plain body longer than `BODY_BYTES_MAX`."""


_BROKEN: Final = (OSError, HTTPParseError, BodyTooLongError)


class HttpClient:
    """Makes calls through a FastHttpSession. One for all greenlets."""

    def __init__(self, session: Any, front: Front, writer: Writer, headers: dict[str, str]) -> None:
        self._session = session
        self._front = front
        self._writer = writer
        # Bodies are small: compressing them would only hide when a token came.
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "banstorm", **headers}

    def call(self, ask: Ask, seen: Observed) -> None:
        """Make the call and note in `seen` what comes. Whoever calls sets the time limit (a `gevent.Timeout`)."""
        trace = Trace(seen.left)
        try:
            self._exchange(ask, seen, trace)
        finally:
            if trace.response is not None:  # also when the caller leaves; an unfinished one closes its connection
                trace.response.release()

    def _exchange(self, ask: Ask, seen: Observed, trace: Trace) -> None:
        """Make the call inside Locust's context manager, which reports it to Locust's own statistics."""
        with self._session.request(
            "POST",
            self._front.path,
            name=ask.name,
            data=self._writer.body(ask.mark, stream=ask.stream, prompt=ask.prompt),
            headers=self._headers,
            stream=True,
            catch_response=True,
            trace=trace,
        ) as response:
            failure: BaseException | None = getattr(response, "error", None)
            if trace.response is not None and failure is None:
                try:
                    self._read(ask, seen, trace.response)
                except BaseException as error:  # noqa: BLE001 - told to Locust; raised again below if it isn't the wire's
                    failure = error
            if failure is not None:
                seen.ending, seen.note = classify(failure)
            if seen.ended_ns == 0:
                seen.ended_ns = time.monotonic_ns()
            # Locust's own statistics count from the instant the call was due, as ours do.
            response.request_meta["response_time"] = (seen.ended_ns - ask.scheduled_ns) / 1e6
            response.request_meta["response_length"] = seen.size
            if failure is not None:
                response.failure(CatchResponseError(seen.note))
            elif seen.status is None or not 200 <= seen.status < 300:
                response.failure(CatchResponseError(f"status {seen.status}"))
            else:
                response.success()
            if failure is not None and not isinstance(failure, _BROKEN):
                raise failure  # the time limit, or the run's end: the caller's business

    def _read(self, ask: Ask, seen: Observed, response: WireResponse) -> None:
        seen.status = status = response.get_code()
        success = 200 <= status < 300
        if ask.stream and success:
            self._read_stream(seen, response)
            return
        while data := response.read_some():
            seen.keep(data, BODY_BYTES_MAX)
            if seen.size > BODY_BYTES_MAX:
                raise BodyTooLongError
        seen.ended_ns = time.monotonic_ns()
        if success:
            seen.heard = self._front.read_body(seen.body)
        else:
            text = seen.body[:EVIDENCE_BYTES_MAX].decode("utf-8", "replace")
            seen.heard = Heard(text=text, error=self._front.read_error(status, seen.body))

    def _read_stream(self, seen: Observed, response: WireResponse) -> None:
        reader = self._front.stream_reader()
        seen.heard = reader.heard  # what was heard so far counts also when the wire breaks
        while data := response.read_some():
            seen.keep(data, EVIDENCE_BYTES_MAX)
            reader.feed(data)
            if reader.first and seen.first_token_ns is None:
                seen.first_token_ns = time.monotonic_ns()
            if reader.over:
                seen.ended_ns = time.monotonic_ns()
                _drain(response)
                return
        reader.close()


def _drain(response: WireResponse) -> None:
    """Read what is left after a stream's own end. A message that goes on costs its connection, nothing else."""
    if response.message_complete:
        return
    try:
        with gevent.Timeout(DRAIN_S_MAX):
            while response.read_some():
                pass
    except (*_BROKEN, gevent.Timeout, gevent.GreenletExit):
        return  # the call itself has ended well before; at the run's end too


def classify(failure: BaseException) -> tuple[Ending, str]:
    """How the transport ended, and our word for it, from what the HTTP client raised."""
    if isinstance(failure, HTTPConnectionClosed):
        return Ending.CLOSED, "closed_before_response"
    if isinstance(failure, HTTPParseError):
        text = str(failure)
        if "closed" in text or "EOF" in text or "Incomplete" in text:
            return Ending.CLOSED, "closed_mid_response"
        return Ending.GARBLED, f"not_http: {text[:80]}"
    if isinstance(failure, OSError):
        if failure.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
            return Ending.RESET, "connection_reset"
        if failure.errno == errno.ECONNREFUSED:
            return Ending.REFUSED, "connection_refused"
        return Ending.REFUSED, f"{type(failure).__name__}: {failure.strerror or failure}"[:80]
    if isinstance(failure, BodyTooLongError):
        return Ending.CLOSED, "body_too_long"
    return Ending.GAVE_UP, "gave_up"
