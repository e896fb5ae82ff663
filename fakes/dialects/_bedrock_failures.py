"""Bedrock's failures: exceptions by name, in a header over HTTP and in the frame's own header inside a stream.

Names and statuses: the service model in botocore 1.44 (`bedrock-runtime/2023-09-30`). Messages: the threads named in
each row; a row without one has the words of Amazon's documentation or, where that has none, ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _eventstream, _ids
from .base import Headers, Reply, UnknownFailureError

DEFAULT_MODEL: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
_NAMESPACE: Final = ":http://internal.amazon.com/coral/com.amazon.bedrock/"


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    exception: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)


_THROTTLED: Final = MappingProxyType(
    {
        # Roo-Code#5050
        "requests": "Too many requests, please wait before trying again.",
        "tokens": "Too many tokens, please wait before trying again.",
    }
)
_ON_DEMAND: Final = (  # anthropics/claude-code#1466, the curly apostrophe included
    "Invocation of model ID {model} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t supported. Retry "
    "your request with the ID or ARN of an inference profile that contains this model."
)

_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        "missing_key": _Row(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        "bad_key": _Row(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        "key_expired": _Row(403, "ExpiredTokenException", "The security token included in the request is expired"),
        "permission_denied": _Row(
            403, "AccessDeniedException", "You don't have access to the model with the specified model ID."
        ),
        # anthropics/claude-code#2656: a 400, and it never passes
        "region_blocked": _Row(
            400,
            "ValidationException",
            "Access to Anthropic models is not allowed from unsupported countries, regions, or territories. Please "
            "refer to https://www.anthropic.com/supported-countries for more information on the countries and regions "
            "Anthropic currently supports.",
        ),
        "rate_limited": _Row(429, "ThrottlingException", "{throttled}"),
        # Roo-Code#5050: the same exception as the limit a minute, though waiting a minute is no use
        "daily_limited": _Row(429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
        "capacity_exceeded": _Row(
            429,
            "ModelNotReadyException",
            "The model specified in the request is not ready to serve inference requests.",
        ),
        "overloaded": _Row(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
        "server_error": _Row(
            500,
            "InternalServerException",
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
        "timeout": _Row(
            408,
            "ModelTimeoutException",
            "The request took too long to process. Processing time exceeded the model timeout length.",
        ),
        "upstream_error": _Row(
            424,
            "ModelErrorException",
            "The request failed due to an error while processing the model.",
            more=MappingProxyType({"originalStatusCode": 500, "resourceName": DEFAULT_MODEL}),
        ),
        "bad_request": _Row(
            400, "ValidationException", "The input fails to satisfy the constraints specified by Amazon Bedrock."
        ),
        # iOfficeAI/AionCore#377: a 400, not a 404
        "model_not_found": _Row(400, "ValidationException", "The provided model identifier is invalid."),
        "model_retired": _Row(
            404,
            "ResourceNotFoundException",
            "This model version has reached the end of its life. Please refer to the AWS documentation for more "
            "details.",
        ),
        "context_too_long": _Row(400, "ValidationException", "Input is too long for requested model."),
        # no capture was found of the following three
        "request_too_large": _Row(
            413, "RequestEntityTooLargeException", "The request is larger than the service takes."
        ),
        "unknown_url": _Row(404, "UnknownOperationException", "There is no operation at {method} {path}."),
        "wrong_method": _Row(404, "UnknownOperationException", "There is no operation at {method} {path}."),
    }
)
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

KINDS: Final = frozenset(_ROWS)


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
    `on_demand` those of `model_not_found` for a model that only an inference profile serves.
    """
    row = _row(kind)
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
    row = _row(kind)
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


def _message(row: _Row, details: Mapping[str, Any]) -> Any:
    template = _ON_DEMAND if details.get("on_demand") else row.message
    return details.get("message", template.format_map(_Blanks(details)))


def _row(kind: str) -> _Row:
    try:
        return _ROWS[kind]
    except KeyError:
        raise UnknownFailureError(f"Bedrock has no failure {kind!r}; it has {', '.join(sorted(KINDS))}") from None


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        filled = {
            "model": DEFAULT_MODEL,
            "throttled": _THROTTLED.get(str(self.get("limit")), _THROTTLED["requests"]),
            "method": "POST",
            "path": "/",
        }
        return filled[name]
