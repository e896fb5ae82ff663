"""An HTTP exchange as a HAR and a flow file both have it, and the row that is left of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from . import vendors
from .classify import BODY_BYTES_MAX, classify
from .events import CUT, OK, STREAM_ERROR, Event, Names, public_model

REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest request body that is asked for its model; of a larger one nothing is known."""
RETRY_AFTER_S_MAX: Final = 7 * 24 * 3600.0
"""Longest Retry-After that is believed, in seconds."""
LATENCY_S_MAX: Final = 24 * 3600.0
"""Longest latency that is believed, in seconds."""

_MODEL_IN_PATH: Final = re.compile(r"/models?/([^/:]+)")
_ERROR_EVENT: Final = re.compile(rb'^event: ?error\b|^data: ?\{"error"|^data: ?\{"type": ?"error"', re.MULTILINE)
_ENDINGS: Final = {
    "openai": (b"[DONE]", b"response.completed", b"response.incomplete", b"response.failed"),
    "anthropic": (b"message_stop",),
}
"""What a whole stream has near its end, where the vendor has such a sign."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP exchange. Texts in it are looked at here and go no further.

    `response_tail` is the end of the body, if the file has the whole of it. `why` is the file's own word on why there
    was no response, or none that was whole.
    """

    at_s: float
    url: str
    status: int | None
    method: str = "POST"
    request_body: bytes | None = None
    response_body: bytes = b""
    response_tail: bytes = b""
    content_type: str = ""
    retry_after: str | None = None
    first_s: float | None = None
    latency_s: float | None = None
    why: str = ""


def event(exchange: Exchange, names: Names) -> Event | None:
    """What is left of an exchange; None if it was no call of an LLM: a browser's preflight, a list of models."""
    found = vendors.by_url(exchange.url) if exchange.method == "POST" else None
    if found is None or exchange.at_s != exchange.at_s:
        return None
    host, dialect = found
    asked = _asked(exchange.request_body)
    streamed = "event-stream" in exchange.content_type
    kind = classify(dialect, exchange.status, exchange.response_body.decode("utf-8", "replace") or exchange.why)
    if kind == OK and streamed:
        kind = _in_stream(dialect, exchange)
    elif kind == OK and exchange.why:
        kind = CUT
    stream = asked.get("stream")
    return Event(
        at_s=exchange.at_s,
        provider=names.vendor(host, dialect),
        dialect=dialect,
        kind=kind,
        status=exchange.status or None,
        model=public_model(asked.get("model")) or _model_in_path(exchange.url),
        first_s=seconds(exchange.first_s),
        latency_s=seconds(exchange.latency_s),
        stream=stream if isinstance(stream, bool) else streamed or (False if asked else None),
        retry_after_s=retry_after(exchange.retry_after, exchange.at_s),
    )


def seconds(value: float | None) -> float | None:
    """A latency, None if it is none: negative, as files have it for what they don't know, or not to be believed."""
    return value if value is not None and 0 <= value <= LATENCY_S_MAX else None


def retry_after(value: str | None, at_s: float) -> float | None:
    """Seconds that a Retry-After header asks to wait, None if it is none; a date counts from `at_s` (since 1970)."""
    if value is None:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError):
            return None
        wait = (
            moment.timestamp() - at_s
            if moment.tzinfo
            else (moment - datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)).total_seconds()
        )
    return wait if 0 <= wait <= RETRY_AFTER_S_MAX else None


def _asked(body: bytes | None) -> Mapping[str, Any]:
    """The request's JSON; only its `model` and `stream` are looked at."""
    if not body or len(body) > REQUEST_BYTES_MAX:
        return {}
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _model_in_path(url: str) -> str | None:
    parts = vendors.split(url)
    match = _MODEL_IN_PATH.search(parts.path) if parts else None
    return public_model(match[1]) if match else None


def _in_stream(dialect: str, exchange: Exchange) -> str:
    """What became of a stream that began well."""
    tail = exchange.response_tail
    if _ERROR_EVENT.search(tail):
        return STREAM_ERROR
    if exchange.why:
        return CUT
    ending = _ENDINGS.get(dialect)
    return CUT if tail and ending and not any(each in tail for each in ending) else OK


def parts_of(body: bytes) -> tuple[bytes, bytes]:
    """The beginning and the end of a body, each of at most `BODY_BYTES_MAX`."""
    return body[:BODY_BYTES_MAX], body[-BODY_BYTES_MAX:]
