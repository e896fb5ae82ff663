"""Calls made by the load generator's own HTTP client: Locust's FastHttpSession over `wire`."""

from __future__ import annotations

import errno
import time
from typing import Any, Final

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
DRAINS_MAX: Final = 8
"""Reads after a stream's own end, to reach the message's end so that the connection can be used again."""


class BodyTooLongError(Exception):
    """A plain body longer than `BODY_BYTES_MAX`."""


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
        kept: list[bytes] = []
        try:
            self._exchange(ask, seen, trace, kept)
        finally:
            # Also when the caller leaves: the connection must not be used again.
            seen.body = b"".join(kept)
            if trace.response is not None:
                trace.response.release()

    def _exchange(self, ask: Ask, seen: Observed, trace: Trace, kept: list[bytes]) -> None:
        name = f"{ask.mark.shape.value} {'stream' if ask.stream else 'plain'}"
        body = self._writer.body(ask.mark, stream=ask.stream)
        with self._session.request(
            "POST",
            self._front.path,
            name=name,
            data=body,
            headers=self._headers,
            stream=True,
            catch_response=True,
            trace=trace,
        ) as response:
            failure: BaseException | None = getattr(response, "error", None)
            size = 0
            if failure is None and trace.response is not None:
                size, failure = self._read(ask, seen, trace.response, kept)
            if failure is not None:
                seen.ending, seen.note = classify(failure)
            if seen.ended_ns == 0:
                seen.ended_ns = time.monotonic_ns()
            # Locust's own statistics count from the instant the call was due, as ours do.
            response.request_meta["response_time"] = (seen.ended_ns - ask.scheduled_ns) / 1e6
            response.request_meta["response_length"] = size
            if failure is not None:
                response.failure(CatchResponseError(seen.note))
            elif seen.status is None or not 200 <= seen.status < 300:
                response.failure(CatchResponseError(f"status {seen.status}"))
            else:
                response.success()
            if failure is not None and not isinstance(failure, _BROKEN):
                raise failure  # the time limit, or the run's end: the caller's business

    def _read(
        self, ask: Ask, seen: Observed, response: WireResponse, kept: list[bytes]
    ) -> tuple[int, BaseException | None]:
        """Read the body; returns its size and what broke it, if anything did."""
        seen.status = status = response.get_code()
        success = 200 <= status < 300
        reader = self._front.stream_reader() if ask.stream and success else None
        if reader is not None:
            seen.heard = reader.heard
        size, failure = 0, None
        try:
            while data := response.read_some():
                if size < EVIDENCE_BYTES_MAX or reader is None:
                    kept.append(data)
                size += len(data)
                if reader is None:
                    if size > BODY_BYTES_MAX:
                        raise BodyTooLongError
                    continue
                reader.feed(data)
                if reader.first and seen.first_token_ns is None:
                    seen.first_token_ns = time.monotonic_ns()
                if reader.over:
                    seen.ended_ns = time.monotonic_ns()
                    _drain(response)
                    return size, None
        except BaseException as error:  # noqa: BLE001 - sorted by `classify`; what is not the wire's is raised again
            failure = error
        seen.ended_ns = time.monotonic_ns()
        if reader is not None:
            reader.close()
        elif not success:
            whole = b"".join(kept)
            text = whole[:EVIDENCE_BYTES_MAX].decode("utf-8", "replace")
            seen.heard = Heard(text=text, error=self._front.read_error(status, whole))
        elif failure is None:
            seen.heard = self._front.read_body(b"".join(kept))
        return size, failure


def _drain(response: WireResponse) -> None:
    """Read what is left after a stream's own end. A message that goes on costs its connection, nothing else."""
    try:
        for _ in range(DRAINS_MAX):
            if not response.read_some():
                return
    except _BROKEN:
        return


_BROKEN: Final = (OSError, HTTPParseError, BodyTooLongError)


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
