"""Bedrock's failures: exceptions by name, in a header over HTTP and in the frame's own header inside a stream.

What each of them says: `_bedrock_rows.py`. Bedrock names no moments in its headers, so no failure needs a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _bedrock_refusal as refusal
from . import _eventstream, _ids
from ._bedrock_rows import DEFAULT_MODEL, ON_DEMAND, ROWS, THROTTLED, VARIANTS, Row
from ._failure_table import worded
from .base import Headers, Reply

_NAMESPACE: Final = ":http://internal.amazon.com/coral/com.amazon.bedrock/"


_NO_NAMESPACE: Final = frozenset({"missing_key", "bad_key", "key_expired", "unknown_url", "wrong_method"})
"""Failures that the gateway before the service gives, which names exceptions without a namespace."""
_IN_STREAM: Final = MappingProxyType(
    {
        "InternalServerException": "InternalServerException",
        "ModelErrorException": "ModelStreamErrorException",
        "ModelNotReadyException": "ThrottlingException",
        "ModelTimeoutException": "ModelStreamErrorException",
        "ServiceUnavailableException": "ServiceUnavailableException",
        "ThrottlingException": "ThrottlingException",
    }
)
"""What an exception is called inside a stream."""

KINDS: Final = frozenset(ROWS)


def request_id(id_seed: int) -> str:
    """The id in the `x-amzn-RequestId` header."""
    digits = _ids.hexadecimal(id_seed, "request", 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer carries. Bedrock says nothing about rate limits in them."""
    return [("x-amzn-requestid", request_id(id_seed))]


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response. `details` may replace `message` and `exception`.

    `retry_after` (seconds) becomes `x-amz-retry-after` in milliseconds where the kind is one that is retried: the only
    such header that Amazon's own clients read. `limit` ("requests" or "tokens") chooses the words of `rate_limited`;
    `on_demand` those of `model_not_found` for a model that only an inference profile serves. An answer that a guardrail
    or a filter took the place of comes as a stream if `stream` is true, and in the form of its `api`.
    """
    row = _row(kind, details)
    if row.status == 200:
        return refusal.reply(row, _message(row, details), details, response_headers(id_seed))
    exception = str(details.get("exception", row.exception))
    data = orjson.dumps({"message": _message(row, details), **row.more})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    headers += response_headers(id_seed)
    headers.append(("x-amzn-errortype", exception if kind in _NO_NAMESPACE else exception + _NAMESPACE))
    wait = details.get("retry_after")
    if wait is not None and row.status in {429, 500, 503}:
        headers.append(("x-amz-retry-after", str(round(wait * 1000)) if isinstance(wait, int | float) else str(wait)))
    return Reply(row.status, headers, data)


def frame(kind: str, details: Mapping[str, Any]) -> bytes:
    """The failure as an exception frame. Its name begins with a small letter there, unlike over HTTP.

    The service model has five exceptions for streams. What has none of its own among them is a `validationException`:
    clients give an exception that they don't know neither a code nor a message.
    """
    row = _row(kind, details)
    if row.status == 200:
        return refusal.ending(row, details)
    name = str(details.get("exception", _IN_STREAM.get(row.exception, "ValidationException")))
    payload: dict[str, Any] = {"message": _message(row, details)}
    if name == "ModelStreamErrorException":
        status = row.more.get("originalStatusCode", row.status)
        payload |= {"originalStatusCode": status, "originalMessage": payload["message"]}
    headers = {
        ":exception-type": name[:1].lower() + name[1:],
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _eventstream.encode(_eventstream.encode_headers(headers), orjson.dumps(payload))


def _message(row: Row, details: Mapping[str, Any]) -> Any:
    template = ON_DEMAND if details.get("on_demand") else row.message
    return details.get("message", template.format_map(_Blanks(details)))


def _row(kind: str, details: Mapping[str, Any]) -> Row:
    return worded("Bedrock", ROWS, VARIANTS, kind, details)


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        filled = {
            "model": DEFAULT_MODEL,
            "throttled": THROTTLED.get(str(self.get("limit")), THROTTLED["requests"]),
            "method": "POST",
            "path": "/",
            "most_tokens": "4096",
            "requested": "200049",
            "maximum": "200000",
        }
        return filled[name]
