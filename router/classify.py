"""What a provider's error means: reads it (`refusal.py`), and looks it up in the failure table (`failures/`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import MESSAGE_CHARS_MAX, PERMANENT, Failure, Meaning
from .failures import Position, reasons, rows_for
from .refusal import Page, Refusal, parse_error_body, read_refusal, redact
from .retry_after import read_retry_after

__all__ = ["Position", "classify", "is_permanent", "parse_error_body", "read_refusal", "reasons", "redact"]

_TEMPORARY = frozenset({Meaning.LIMITED, Meaning.TRANSIENT})
_PLAIN_STATUSES = frozenset({401, 402, 429})
"""Statuses that mean the same without a word from the provider."""
_TOO_LARGE = frozenset({413, 414, 431})
"""A gateway's limits for body, URL and headers."""
_TOO_LARGE_WORDS = "the request is larger than what stands before the provider takes"


def classify(
    dialect: str,
    status: int,
    payload: Any,
    *,
    position: Position = Position.STATUS,
    headers: Mapping[str, str] | None = None,
    now_s: float = 0.0,
    retry_after_max_s: float = 60.0,
) -> Failure:
    """Look an error up in the table.

    Args:
        dialect: The provider's dialect.
        status: HTTP status; inside a 200 the status that the error itself names counts instead.
        payload: The parsed error body, a `Page` or None if the body was no JSON.
        position: Where it stood.
        headers: Response headers, for Retry-After and AWS's exception names.
        now_s: Wall-clock time, for Retry-After dates.
        retry_after_max_s: Longest wait that is believed.
    """
    refusal = read_refusal(payload, headers)
    status = status if position is Position.STATUS else refusal.status
    meaning, reason = _look_up(dialect, status, refusal, payload)
    wait = read_retry_after(
        headers or {},
        refusal.message,
        now_s=now_s,
        max_s=retry_after_max_s,
        body_s=refusal.wait_s,
        limited=meaning is Meaning.LIMITED,
    )
    said = refusal.message or (_TOO_LARGE_WORDS if reason == "body_too_large" else "")
    # A date on a ban or on an empty balance is not a promise: the wait belongs to limits and overload alone.
    temporary = meaning in _TEMPORARY
    return Failure(
        meaning=meaning,
        reason=reason,
        message=redact(said)[:MESSAGE_CHARS_MAX],
        status=status,
        retry_after_s=wait.seconds if temporary else None,
        note=wait.note if temporary else "",
        body=refusal.error if meaning in {Meaning.REQUEST, Meaning.UNFIT} else None,
    )


def _look_up(dialect: str, status: int, refusal: Refusal, payload: Any) -> tuple[Meaning, str]:
    if status and not refusal.names and (isinstance(payload, Page) or not refusal.message):
        return _unspoken(dialect, status, payload)
    for row in rows_for(dialect):
        if row.fits(status, refusal.names, refusal.message):
            return row.meaning, row.reason
    return Meaning.TRANSIENT, "redirect" if 300 <= status < 400 else "unknown_error"


def _unspoken(dialect: str, status: int, payload: Any) -> tuple[Meaning, str]:
    """No error object at all: a page from something between us and the provider, or nothing.

    A 404 or 400 from there says nothing about a model or a request. What is too large for it (nginx takes 1 MiB) is so
    for it alone: another provider may take the request, and this one isn't ill. A CDN's block is about an address or
    about words in a prompt, nobody knows which: as an accident it moves the call on, and the provider is left only if
    it goes on.
    """
    if status in _TOO_LARGE:
        return Meaning.UNFIT, "body_too_large"
    if status in _PLAIN_STATUSES or (status == 403 and not payload):
        for row in rows_for(dialect):
            if status in row.status and not row.codes and row.words is None:
                return row.meaning, row.reason
    if status == 403 and isinstance(payload, Page) and "Cloudflare" in payload:
        return Meaning.TRANSIENT, "edge_blocked"
    if 300 <= status < 400:
        return Meaning.TRANSIENT, "redirect"
    return Meaning.TRANSIENT, "gateway_page"


def is_permanent(failure: Failure) -> bool:
    """Whether waiting alone won't help."""
    return failure.meaning in PERMANENT
