"""Gemini: failures, whose meaning stands in the body."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import UnknownFailureError

GEMINI = find("gemini")
FAILURES = {
    "bad_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "bad_request": (400, "INVALID_ARGUMENT", ""),
    "billing_problem": (400, "FAILED_PRECONDITION", ""),
    "capacity_exceeded": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "context_too_long": (400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed"),
    "daily_limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing"),
    "key_expired": (400, "INVALID_ARGUMENT", ""),
    "missing_key": (403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"),
    "model_not_found": (404, "NOT_FOUND", "is not found for API version v1beta, or is not supported for"),
    "model_retired": (404, "NOT_FOUND", "is no longer available to new users."),
    "org_disabled": (403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:AIza"),
    "overloaded": (503, "UNAVAILABLE", "This model is currently experiencing high demand."),
    "permission_denied": (403, "PERMISSION_DENIED", ""),
    "quota_exhausted": (429, "RESOURCE_EXHAUSTED", ", limit: 0, model: gemini"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing"),
    "region_blocked": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "request_too_large": (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: "),
    "server_error": (500, "INTERNAL", "An internal error has occurred."),
    "timeout": (504, "DEADLINE_EXCEEDED", ""),
}
IN_200 = {"content_filtered", "error_in_200"}
WITHOUT_BODY = {"unknown_url", "wrong_method"}


def test_failures_are_known() -> None:
    """Every failure has a common name, and a row in the tables here."""
    assert GEMINI.failures <= set(KINDS)
    assert GEMINI.failures == set(FAILURES) | IN_200 | WITHOUT_BODY
    for play in (GEMINI.failure, GEMINI.error_event):
        with pytest.raises(UnknownFailureError, match="meteor"):
            play("meteor", {}, id_seed=1)


@pytest.mark.parametrize(("kind", "row"), FAILURES.items())
def test_failures(kind: str, row: tuple[int, str, str]) -> None:
    """A failure has its status three times over, says what routers match on, and has one form a way of asking."""
    status, name, says = row
    reply = GEMINI.failure(kind, {}, id_seed=4)
    assert reply == GEMINI.failure(kind, {}, id_seed=4)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["status"]) == (status, status, name)
    assert says in error["message"]
    assert "{" not in error["message"]  # no blank is left open
    assert b"~" not in reply.body
    headers = dict(reply.headers)
    assert headers["content-type"] == "application/json; charset=UTF-8"
    assert int(headers["content-length"]) == len(reply.body)
    assert "retry-after" not in headers
    assert orjson.loads(GEMINI.failure(kind, {"alt": "json"}, id_seed=4).body) == [{"error": error}]
    event = GEMINI.error_event(kind, {}, id_seed=4)
    assert event.startswith(b'data: {"error": {"code": ')
    assert orjson.loads(event[6:]) == {"error": error}
    assert event.endswith(b"}\r\n\r\n")


@pytest.mark.parametrize("kind", sorted(WITHOUT_BODY))
def test_not_found(kind: str) -> None:
    """A wrong path gets a 404 and nothing else."""
    reply = GEMINI.failure(kind, {"alt": "json"}, id_seed=4)
    assert (reply.status, reply.body, dict(reply.headers)["content-length"]) == (404, b"", "0")
    assert orjson.loads(GEMINI.error_event(kind, {}, id_seed=1)[6:])["error"]["code"] == 404


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("content_filtered", {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        ("error_in_200", {"candidates": [{"finishReason": "PUP_LIMITED_DISABLED", "index": 0}]}),
    ],
)
def test_failures_inside_a_200(kind: str, found: dict[str, Any]) -> None:
    """A blocked prompt, or a limited account, is a success without content: as a body, an event and an array."""
    reply = GEMINI.failure(kind, {}, id_seed=4)
    document = orjson.loads(reply.body)
    assert reply.status == 200
    assert {key: document[key] for key in document if key in ("promptFeedback", "candidates")} == found
    assert orjson.loads(GEMINI.failure(kind, {"alt": "json"}, id_seed=4).body) == [document]
    event = GEMINI.failure(kind, {"alt": "sse"}, id_seed=4)
    assert dict(event.headers)["content-type"] == "text/event-stream"
    assert event.body == GEMINI.error_event(kind, {}, id_seed=4)
    assert orjson.loads(event.body[6:]) == document
    assert b'"SAFETY"' in GEMINI.failure(kind, {"reason": "SAFETY"}, id_seed=4).body


def test_error_ends_an_array() -> None:
    """In a stream without events, the error is the array's last element."""
    begun = b'[{"candidates":[]}\n,\r\n{"candidates":[]}'
    elements = orjson.loads(begun + GEMINI.error_event("overloaded", {"alt": "json"}, id_seed=1))
    assert [next(iter(element)) for element in elements] == ["candidates", "candidates", "error"]


def details_of(kind: str, **details: Any) -> dict[str, Any]:
    """The details of a failure by their types."""
    error = orjson.loads(GEMINI.failure(kind, details, id_seed=1).body)["error"]
    return {detail["@type"].removeprefix("type.googleapis.com/google.rpc."): detail for detail in error["details"]}


def test_bad_key_details() -> None:
    """What tells a bad key from a bad request is the reason in the details alone."""
    found = details_of("bad_key")
    assert found["ErrorInfo"]["reason"] == "API_KEY_INVALID"
    assert found["LocalizedMessage"]["message"] == "API key not valid. Please pass a valid API key."


def test_suspended_key_is_echoed() -> None:
    """A suspended key stands in the message and in the details, in full: a reason to redact what is logged."""
    found = details_of("org_disabled", credential="AIzaSyOfTheCaller")
    assert found["ErrorInfo"]["reason"] == "CONSUMER_SUSPENDED"
    assert found["ErrorInfo"]["metadata"]["containerInfo"] == "api_key:AIzaSyOfTheCaller"
    assert "'api_key:AIzaSyOfTheCaller'" in found["LocalizedMessage"]["message"]


@pytest.mark.parametrize(
    ("kind", "details", "quota", "value"),
    [
        ("rate_limited", {}, "GenerateContentInputTokensPerModelPerMinute-FreeTier", "250000"),
        ("rate_limited", {"limit": "requests"}, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10"),
        ("daily_limited", {}, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "250"),
        ("quota_exhausted", {}, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", None),
    ],
)
def test_quota_details(kind: str, details: dict[str, Any], quota: str, value: str | None) -> None:
    """A minute's limit, a day's and a limit of nothing say the same words; which it is, the quota's name tells."""
    [violation] = details_of(kind, model="gemini-x", **details)["QuotaFailure"]["violations"]
    assert violation["quotaId"] == quota
    assert violation.get("quotaValue") == value
    assert violation["quotaDimensions"]["model"] == "gemini-x"


@pytest.mark.parametrize(
    ("wait", "delay", "says"),
    [(7, "7s", "Please retry in 7s."), (51.6, "51s", "Please retry in 51.6s."), ("junk", "junk", ""), (None, None, "")],
)
@pytest.mark.parametrize("kind", ["rate_limited", "daily_limited", "quota_exhausted"])
def test_retry_delay(kind: str, wait: Any, delay: str | None, says: str) -> None:
    """The wait that is asked for stands in the body's details and message, never in a header."""
    found = details_of(kind, retry_after=wait)
    assert found.get("RetryInfo", {}).get("retryDelay") == delay
    body = GEMINI.failure(kind, {"retry_after": wait}, id_seed=1).body.decode()
    assert (says or "Please retry in") in body if says else "Please retry in" not in body


def test_failures_name_the_request() -> None:
    """Model, version and method of the failed request stand in its message."""
    details = {"model": "gemini-x", "api_version": "v1", "method": "countTokens"}
    message = orjson.loads(GEMINI.failure("model_not_found", details, id_seed=1).body)["error"]["message"]
    assert message.startswith(
        "models/gemini-x is not found for API version v1, or is not supported for countTokens. Call ListModels"
    )
