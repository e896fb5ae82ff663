"""Gemini's failures as responses, and what all its responses have in common.

The Developer API says in the body what others say in headers: how long to wait, which quota, which key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _ids
from ._failure_table import worded
from ._gemini_rows import (
    DAILY,
    DEFAULT_MODEL,
    KEY_EXAMPLE,
    NOTHING,
    PROJECT,
    RATE_LIMITS,
    REQUESTS,
    ROWS,
    SERVICE,
    TOKENS,
    VARIANTS,
    Quota,
    Row,
)
from .base import Headers, Reply

_TYPE: Final = "type.googleapis.com/google.rpc."
_WITHOUT_BODY: Final = frozenset({"unknown_url", "wrong_method"})

KINDS: Final = frozenset(ROWS)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries: there are no rate limits and no request id among them."""
    return [
        ("vary", "Origin"),
        ("vary", "X-Origin"),
        ("vary", "Referer"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-xss-protection", "0"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
        ("server-timing", f"gfet4t7; dur={40 + id_seed % 400}"),
    ]


def pretty(document: Any) -> bytes:
    """JSON as the API indents it."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def spaced(document: Any) -> bytes:
    """JSON as it stands in an event: a space after a colon and none after a comma."""
    return json.dumps(document, separators=(",", ": "), ensure_ascii=False).encode()


def as_array(reply: Reply) -> Reply:
    """A JSON reply as `streamGenerateContent` gives it without ``alt=sse``: the one element of an array."""
    headers = dict(reply.headers)
    if not reply.body or not headers.get("content-type", "").startswith("application/json"):
        return reply
    data = b"[" + reply.body.rstrip() + b"\n]\n"
    return Reply(reply.status, [*_json_head(data), *_without_head(reply.headers)], data)


def body(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, and fill it in."""
    row = _row(kind, details)
    if row.status == 200:
        return _answer_without_content(kind, row, details, id_seed)
    message = details.get("message", row.message.format_map(_Blanks(kind, details)))
    error = {"code": row.status, "message": message, "status": row.code_name}
    more = _details(kind, row, message, details)
    if more:
        error["details"] = more
    return {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; `retry_after` (seconds, or any text) stands in the body, where the vendor has it.

    The detail `alt` says how the answer was asked for: "sse" or "json" for a stream in that form, absent for a plain
    answer. Failures before a stream differ between the two. The Developer API names no moments, so it needs no clock.
    """
    row = _row(kind, details)
    if kind in _WITHOUT_BODY:
        head: Headers = [("content-type", "text/html; charset=UTF-8"), ("content-length", "0")]
        return Reply(row.status, head + response_headers(id_seed), b"")
    if row.status == 200 and details.get("alt") == "sse":
        data = error_event(kind, details, id_seed)
        head = [("content-type", "text/event-stream"), ("content-length", str(len(data)))]
        return Reply(row.status, head + response_headers(id_seed), data)
    data = pretty(body(kind, details, id_seed)) + b"\n"
    plain = Reply(row.status, _json_head(data) + response_headers(id_seed), data)
    return as_array(plain) if details.get("alt") == "json" else plain


def error_event(kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
    """The failure inside a stream: the same object as in a body, as an event, or (`alt` "json") an array's last.

    `opened` says whether the array has begun, which it has unless told otherwise.
    """
    document = body(kind, details, id_seed)
    if details.get("alt") == "json":
        return (b"\n,\r\n" if details.get("opened", True) else b"[") + pretty(document) + b"\n]"
    return b"data: " + spaced(document) + b"\r\n\r\n"


def response_id(id_seed: int) -> str:
    """The id of an answer."""
    return _ids.letters(id_seed, "response", 22)


def _json_head(data: bytes) -> Headers:
    return [("content-type", "application/json; charset=UTF-8"), ("content-length", str(len(data)))]


def _without_head(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name not in ("content-type", "content-length")]


def _answer_without_content(kind: str, row: Row, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """An answer in which nothing was said.

    A blocked prompt has `promptFeedback` and no candidates. A blocked answer, one that is no proper call, or one of an
    account that was limited for breaking the terms, has a candidate whose finish reason says so. `reason` replaces
    either reason.
    """
    document: dict[str, Any] = {}
    variant = details.get("variant")
    reason = details.get("reason", row.reason)
    if kind == "content_filtered" and variant is None:
        document["promptFeedback"] = {"blockReason": reason}
    elif variant != "no_candidates":
        candidate: dict[str, Any] = {} if variant is None else {"content": {}}
        if variant == "no_parts":
            candidate["content"]["role"] = "model"
        document["candidates"] = [{**candidate, "finishReason": reason, "index": 0}]
    document["usageMetadata"] = {"promptTokenCount": 0, "totalTokenCount": 0}
    document["modelVersion"] = str(details.get("model", DEFAULT_MODEL))
    document["responseId"] = response_id(id_seed)
    return document


def _details(kind: str, row: Row, message: Any, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row.reason is not None:
        metadata = {"service": SERVICE}
        if kind == "org_disabled":
            credential = _Blanks(kind, details)["credential"]
            metadata = {"consumer": PROJECT, "service": SERVICE, "containerInfo": f"api_key:{credential}"}
        return [
            {"@type": _TYPE + "ErrorInfo", "reason": row.reason, "domain": "googleapis.com", "metadata": metadata},
            {"@type": _TYPE + "LocalizedMessage", "locale": "en-US", "message": message},
        ]
    quota = _quota(kind, details)
    if quota is not None:
        return _quota_details(quota, details)
    violations = details.get("violations")
    return [{"@type": _TYPE + "BadRequest", "fieldViolations": violations}] if violations else []


def _quota_details(quota: Quota, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    violation: dict[str, Any] = {
        "quotaMetric": quota.metric,
        "quotaId": quota.id,
        "quotaDimensions": {"location": "global", "model": str(details.get("model", DEFAULT_MODEL))},
    }
    if quota.ceiling:
        violation["quotaValue"] = str(quota.ceiling)
    found: list[dict[str, Any]] = [
        {
            "@type": _TYPE + "Help",
            "links": [{"description": "Learn more about Gemini API quotas", "url": RATE_LIMITS}],
        },
        {"@type": _TYPE + "QuotaFailure", "violations": [violation]},
    ]
    wait = details.get("retry_after")
    if wait is not None:
        found.append({"@type": _TYPE + "RetryInfo", "retryDelay": _delay(wait)})
    return found


def _quota(kind: str, details: Mapping[str, Any]) -> Quota | None:
    """Which quota the failure is about; the detail `limit` "requests" or "tokens" chooses between those a minute."""
    if kind == "rate_limited":
        return REQUESTS if details.get("limit") == "requests" else TOKENS
    return {"daily_limited": DAILY, "quota_exhausted": NOTHING}.get(kind)


def _delay(wait: Any) -> str:
    # whole seconds, as the vendor sends them; text goes out as it is, for those who want junk
    return f"{int(wait)}s" if isinstance(wait, int | float) and abs(wait) < 1e15 else str(wait)


def _row(kind: str, details: Mapping[str, Any]) -> Row:
    return worded("Gemini", ROWS, VARIANTS, kind, details)


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __init__(self, kind: str, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self._kind = kind

    def __missing__(self, name: str) -> str:
        if name == "broken":
            quota = _quota(self._kind, self) or NOTHING
            return f"\n* Quota exceeded for metric: {quota.metric}, limit: {quota.ceiling}, model: {self['model']}"
        if name == "again":
            wait = self.get("retry_after")
            return f"\nPlease retry in {wait:g}s." if isinstance(wait, int | float) and wait > 0 else ""
        return _FIGURES[name]


_FIGURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": DEFAULT_MODEL,
        "api_version": "v1beta",
        "method": "generateContent",
        "credential": KEY_EXAMPLE,
        "requested": "1184312",
        "maximum": "1048576",
    }
)
