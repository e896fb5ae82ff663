"""Bedrock's failures, held without its SDK."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import UnknownFailureError
from bedrock_asks import BEDROCK, SPEC, answer_to, asked, frames_of, read

FAILURES = {
    "bad_key": (403, "UnrecognizedClientException", "The security token included in the request is invalid"),
    "bad_request": (400, "ValidationException", ""),
    "billing_problem": (403, "AccessDeniedException", "Model access is denied due to INVALID_PAYMENT_INSTRUMENT"),
    "capacity_exceeded": (429, "ModelNotReadyException", ""),
    "context_too_long": (400, "ValidationException", ""),
    "daily_limited": (
        429,
        "ThrottlingException",
        "Too many tokens per day, please wait before trying again.",
    ),
    "key_expired": (403, "ExpiredTokenException", "The security token included in the request is expired"),
    "max_tokens_too_high": (400, "ValidationException", "The maximum tokens you requested exceeds the model limit of"),
    "missing_key": (403, "MissingAuthenticationTokenException", ""),
    "model_not_found": (400, "ValidationException", "The provided model identifier is invalid."),
    "model_retired": (404, "ResourceNotFoundException", ""),
    "org_disabled": (400, "ValidationException", "Operation not allowed"),
    "overloaded": (503, "ServiceUnavailableException", ""),
    "permission_denied": (
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    "quota_exhausted": (400, "ServiceQuotaExceededException", ""),
    "rate_limited": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "region_blocked": (
        400,
        "ValidationException",
        "Access to Anthropic models is not allowed from unsupported countries, regions, or territories.",
    ),
    "request_too_large": (413, "RequestEntityTooLargeException", ""),
    "server_error": (500, "InternalServerException", ""),
    "timeout": (408, "ModelTimeoutException", ""),
    "unknown_url": (404, "UnknownOperationException", ""),
    "upstream_error": (424, "ModelErrorException", ""),
    "wrong_method": (404, "UnknownOperationException", ""),
}


IN_200 = {"content_filtered", "error_in_200"}


@pytest.mark.parametrize("kind", sorted(BEDROCK.failures - IN_200))
def test_failures(kind: str) -> None:
    """Each failure has its status, its exception's name in a header, and a message alone in its body."""
    assert kind in KINDS
    reply = BEDROCK.failure(kind, {}, id_seed=4)
    assert reply == BEDROCK.failure(kind, {}, id_seed=4)
    headers = dict(reply.headers)
    status, exception, says = FAILURES[kind]
    assert (reply.status, headers["x-amzn-errortype"].partition(":")[0]) == (status, exception)
    body = orjson.loads(reply.body)
    assert set(body) == {"message", *(("originalStatusCode", "resourceName") if status == 424 else ())}
    assert body["message"].startswith(says)
    assert body["message"]
    assert "{" not in body["message"]
    assert b"~" not in reply.body
    assert int(headers["content-length"]) == len(reply.body)
    assert headers["x-amzn-requestid"] != dict(BEDROCK.failure(kind, {}, id_seed=5).headers)["x-amzn-requestid"]
    [(frame_headers, payload)] = frames_of(BEDROCK.error_event(kind, {}, id_seed=4))
    assert frame_headers[":message-type"] == "exception"
    assert frame_headers[":exception-type"][0].islower()
    assert payload["message"] == body["message"]


def test_table_is_whole() -> None:
    """Every failure stands in the table above."""
    assert set(FAILURES) | IN_200 == BEDROCK.failures
    for say in (BEDROCK.failure, BEDROCK.error_event):
        with pytest.raises(UnknownFailureError, match="meteor"):
            say("meteor", {}, id_seed=1)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("server_error", "internalServerException"),
        ("upstream_error", "modelStreamErrorException"),
        ("bad_request", "validationException"),
        ("rate_limited", "throttlingException"),
        ("daily_limited", "throttlingException"),
        ("capacity_exceeded", "throttlingException"),
        ("overloaded", "serviceUnavailableException"),
        ("timeout", "modelStreamErrorException"),
        ("permission_denied", "validationException"),
    ],
)
def test_exception_frames(kind: str, name: str) -> None:
    """Inside a stream a failure is one of the service model's five exceptions, with a small first letter."""
    [(headers, payload)] = frames_of(BEDROCK.error_event(kind, {}, id_seed=1))
    assert headers[":exception-type"] == name
    assert payload.get("originalStatusCode") == {"upstream_error": 500, "timeout": 408}.get(kind)


@pytest.mark.parametrize(
    ("kind", "details", "header"),
    [
        ("rate_limited", {}, None),
        ("rate_limited", {"retry_after": 9}, "9000"),
        ("overloaded", {"retry_after": 0.25}, "250"),
        ("rate_limited", {"retry_after": "soon"}, "soon"),
        ("bad_key", {"retry_after": 9}, None),
    ],
)
def test_retry_after(kind: str, details: dict[str, Any], header: str | None) -> None:
    """The wait is told in milliseconds, in the header that Amazon's clients read, where a retry makes sense."""
    assert dict(BEDROCK.failure(kind, details, id_seed=1).headers).get("x-amz-retry-after") == header


@pytest.mark.parametrize(
    ("kind", "details", "says"),
    [
        ("rate_limited", {"limit": "tokens"}, "Too many tokens, please wait before trying again."),
        ("bad_request", {"message": "as told"}, "as told"),
        (
            "model_not_found",
            {"on_demand": True, "model": "anthropic.x"},
            "Invocation of model ID anthropic.x with on-demand throughput isn\u2019t supported.",
        ),
    ],
)
def test_details(kind: str, details: dict[str, Any], says: str) -> None:
    """Details choose and fill in a failure's words."""
    assert orjson.loads(BEDROCK.failure(kind, details, id_seed=1).body)["message"].startswith(says)


def test_no_rate_limit_headers() -> None:
    """Bedrock says nothing about limits in its headers: an answer has a request id and that is all."""
    ask = asked()
    assert [name for name, _ in BEDROCK.write(ask, answer_to(ask)).headers] == [
        "content-type",
        "content-length",
        "x-amzn-requestid",
    ]
    assert BEDROCK.stream_head(ask, answer_to(ask))[1][0] == ("content-type", "application/vnd.amazon.eventstream")


def test_deep_nesting() -> None:
    """A document that is nested deeper than JSON can be written is read all the same."""
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    block = b'{"messages":[{"role":"user","content":[{"text":"hi"},{"toolUse":' + deep + b"}]}],"
    ask = read(block + b'"toolConfig":{"tools":[' + orjson.dumps(SPEC) + b"," + deep + b"]}}")
    assert ask.text == "hi"
