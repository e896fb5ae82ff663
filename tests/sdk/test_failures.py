"""Each failure of each vendor, by the exception class and status that the official SDK makes of it."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from banstorm.fakes.dialects import find

NEW_ANTHROPIC = int(anthropic.__version__.split(".")[0]) >= 2

# kind: exception class, status, the body's code
OPENAI = {
    "bad_gateway": ("InternalServerError", 502, "502"),
    "bad_gateway_page": ("InternalServerError", 502, None),
    "bad_key": ("AuthenticationError", 401, "invalid_api_key"),
    "bad_request": ("BadRequestError", 400, None),
    "billing_problem": ("RateLimitError", 429, "billing_hard_limit_reached"),
    "content_filtered": ("BadRequestError", 400, "invalid_prompt"),
    "context_too_long": ("BadRequestError", 400, "context_length_exceeded"),
    "daily_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
    "edge_page": ("InternalServerError", 520, None),
    "max_tokens_too_high": ("BadRequestError", 400, "invalid_value"),
    "missing_key": ("AuthenticationError", 401, None),
    "model_not_found": ("NotFoundError", 404, "model_not_found"),
    "model_retired": ("NotFoundError", 404, "model_not_found"),
    "oauth_expired": ("AuthenticationError", 401, "token_expired"),
    "oauth_revoked": ("AuthenticationError", 401, "token_invalidated"),
    "org_disabled": ("AuthenticationError", 401, "account_deactivated"),
    "overloaded": ("InternalServerError", 503, "server_is_overloaded"),
    "permission_denied": ("PermissionDeniedError", 403, "model_not_found"),
    "quota_exhausted": ("RateLimitError", 429, "credit_balance_exhausted"),
    "ramp_limited": ("RateLimitError", 429, "slow_down"),
    "rate_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
    "region_blocked": ("PermissionDeniedError", 403, "unsupported_country_region_territory"),
    "request_over_limit": ("RateLimitError", 429, "rate_limit_exceeded"),
    "request_too_large": ("APIStatusError", 413, "request_too_large"),
    "server_error": ("InternalServerError", 500, None),
    "spend_capped": ("RateLimitError", 429, "organization_spend_limit_exceeded"),
    "tier_capped": ("RateLimitError", 429, "organization_usage_limit_exceeded"),
    "unknown_url": ("NotFoundError", 404, None),
    "unsupported_parameter": ("BadRequestError", 400, "unsupported_parameter"),
    "window_drained": ("RateLimitError", 429, None),
    "wrong_method": ("APIStatusError", 405, "method_not_supported"),
}
# kind: exception class (older and newer generation, where they differ), status, the body's type
ANTHROPIC = {
    "bad_gateway_page": ("InternalServerError", 502, None),
    "bad_key": ("AuthenticationError", 401, "authentication_error"),
    "bad_request": ("BadRequestError", 400, "invalid_request_error"),
    "billing_problem": ("APIStatusError|LinkedOrganizationBillingUnavailableError", 402, "billing_error"),
    "content_filtered": ("BadRequestError", 400, "invalid_request_error"),
    "context_too_long": ("BadRequestError", 400, "invalid_request_error"),
    "edge_page": ("InternalServerError", 520, None),
    "key_expired": ("AuthenticationError", 401, "authentication_error"),
    "max_tokens_too_high": ("BadRequestError", 400, "invalid_request_error"),
    "missing_key": ("AuthenticationError", 401, "authentication_error"),
    "model_not_found": ("NotFoundError", 404, "not_found_error"),
    "model_retired": ("NotFoundError", 404, "not_found_error"),
    "oauth_expired": ("AuthenticationError", 401, "authentication_error"),
    "oauth_revoked": ("PermissionDeniedError", 403, "permission_error"),
    "org_disabled": ("BadRequestError|OrganizationOnHoldError", 400, "invalid_request_error"),
    "overloaded": ("OverloadedError", 529, "overloaded_error"),
    "permission_denied": ("PermissionDeniedError", 403, "permission_error"),
    "quota_exhausted": ("BadRequestError", 400, "invalid_request_error"),
    "ramp_limited": ("RateLimitError|RampLimitExceededError", 429, "rate_limit_error"),
    "rate_limited": ("RateLimitError", 429, "rate_limit_error"),
    "region_blocked": ("PermissionDeniedError", 403, "forbidden"),
    "request_over_limit": ("RateLimitError", 429, "rate_limit_error"),
    "request_too_large": ("RequestTooLargeError|ContentTooLargeError", 413, "request_too_large"),
    "server_error": ("InternalServerError", 500, "api_error"),
    "spend_capped": ("BadRequestError", 400, "invalid_request_error"),
    "third_party_refused": ("BadRequestError", 400, "invalid_request_error"),
    "tier_capped": ("RateLimitError|EnforcedSpendLimitReachedError", 429, "rate_limit_error"),
    "timeout": ("InternalServerError|GatewayTimeoutError", 504, "timeout_error"),
    "unknown_url": ("NotFoundError", 404, "not_found_error"),
    "unsupported_parameter": ("BadRequestError", 400, "invalid_request_error"),
    "window_drained": ("RateLimitError", 429, "rate_limit_error"),
    "wrong_method": ("APIStatusError", 405, "invalid_request_error"),
}
WITHOUT_ID = {"bad_gateway", "bad_gateway_page", "edge_page", "region_blocked", "request_too_large"}
"""Failures of gateways and edges, where the API sets no request id (Anthropic's sends the last two from there)."""
EACH = [("openai", kind) for kind in OPENAI] + [("anthropic", kind) for kind in ANTHROPIC]


def ask(sdk: str, client: Any, **options: Any) -> Any:
    """One question by either SDK."""
    messages: list[Any] = [{"role": "user", "content": "hello"}]
    if sdk == "openai":
        return client.chat.completions.create(model="gpt-5.4-mini", messages=messages, **options)
    return client.messages.create(model="claude-sonnet-5", max_tokens=20, messages=messages, **options)


def base_url(lab: Any, sdk: str, kind: str) -> str:
    """Where `sdk` meets the failure `kind`."""
    return f"{lab.root('failing-' + sdk)}/{kind}{find(sdk).base_path}"


def test_tables_are_whole() -> None:
    """Every failure that a dialect has stands in a table above."""
    assert set(OPENAI) | {"error_in_200"} == find("openai").failures  # that one raises nothing, see test_responses
    assert set(ANTHROPIC) == find("anthropic").failures


@pytest.mark.parametrize(("kind", "row"), OPENAI.items())
async def test_openai(lab, clients, call, flavour, kind, row) -> None:
    """OpenAI's SDK raises the class, with the status and code, that the real API's failure makes it raise."""
    client = clients("openai", base_url(lab, "openai", kind), flavour)
    with pytest.raises(openai.APIStatusError) as caught:
        await call.settle(ask("openai", client))
    error = caught.value
    code = str(error.code) if isinstance(error.code, int) else error.code  # the older SDK leaves a number as it is
    assert row == (type(error).__name__, error.status_code, code)
    if kind in {"bad_gateway", "bad_gateway_page", "edge_page"}:
        assert error.request_id is None
    else:
        assert error.request_id.startswith("req_")
    assert lab.hits[kind] == 1


@pytest.mark.parametrize(("kind", "row"), ANTHROPIC.items())
async def test_anthropic(lab, clients, call, flavour, kind, row) -> None:
    """Anthropic's SDK raises the class, with the status and type, that the real API's failure makes it raise."""
    client = clients("anthropic", base_url(lab, "anthropic", kind), flavour)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await call.settle(ask("anthropic", client))
    error: Any = caught.value
    name, status, body_type = row
    older, _, newer = name.partition("|")
    assert (type(error).__name__, error.status_code) == ((newer or older) if NEW_ANTHROPIC else older, status)
    found = error.body["error"]["type"] if isinstance(error.body, dict) else None
    assert found == body_type
    if kind in WITHOUT_ID:
        assert error.request_id is None
    else:
        assert error.request_id == error.body["request_id"]


@pytest.mark.parametrize(("sdk", "kind"), EACH)
async def test_retries(lab, clients, call, flavour, monkeypatch, sdk, kind) -> None:
    """With its default settings an SDK tries three times what it takes for transient (429 and 5xx), else once."""
    waits = record_waits(monkeypatch)
    client = clients(sdk, base_url(lab, sdk, kind), flavour, max_retries=2)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await call.settle(ask(sdk, client))
    # so Anthropic's exhausted credit, a 400, is retried by nobody; OpenAI's, a 429, by everybody, in vain
    status = (OPENAI if sdk == "openai" else ANTHROPIC)[kind][1]
    assert lab.hits[kind] == (3 if status == 429 or status >= 500 else 1)
    assert len(waits) == lab.hits[kind] - 1


@pytest.mark.parametrize(
    ("sdk", "retry_after", "waited"),
    [
        ("openai", 7, [7.0, 7.0]),
        ("openai", 119, [119.0, 119.0]),
        ("openai", 121, []),
        ("anthropic", 7, [7.0, 7.0]),
        ("anthropic", 121, [121.0, 121.0] if NEW_ANTHROPIC else "backoff"),
    ],
)
async def test_retry_after(lab, clients, call, flavour, monkeypatch, sdk, retry_after, waited) -> None:
    """The wait that the 429 asks for is honoured as far as that generation of the SDK honours one."""
    waits = record_waits(monkeypatch)
    lab.details = {"retry_after": retry_after}
    client = clients(sdk, base_url(lab, sdk, "rate_limited"), flavour, max_retries=2)
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError)):
        await call.settle(ask(sdk, client))
    if waited == "backoff":
        assert len(waits) == 2
        assert all(wait <= 1.0 for wait in waits)
    else:
        assert waits == waited


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize(("kind", "told", "hits"), [("server_error", False, 1), ("bad_request", True, 3)])
async def test_should_retry(lab, clients, call, flavour, monkeypatch, sdk, kind, told, hits) -> None:
    """The header that says whether to retry outweighs what the status says."""
    record_waits(monkeypatch)
    lab.details = {"should_retry": told}
    client = clients(sdk, base_url(lab, sdk, kind), flavour, max_retries=2)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await call.settle(ask(sdk, client))
    assert lab.hits[kind] == hits


async def test_drained_window(lab, clients, call, flavour, monkeypatch) -> None:
    """A drained window asks to wait 7999 s: the newer SDK really would, the older one hammers after a second."""
    waits = record_waits(monkeypatch)
    client = clients("anthropic", base_url(lab, "anthropic", "window_drained"), flavour, max_retries=2)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await call.settle(ask("anthropic", client))
    assert caught.value.response.headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert waits == [7999.0, 7999.0] if NEW_ANTHROPIC else all(wait <= 1.0 for wait in waits)
    assert len(waits) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_refusal(lab, clients, call, flavour, stream) -> None:
    """A refusal is a success to the SDK: an empty message whose reason to stop says so."""
    lab.details = {"variant": "refusal", "stream": stream}
    client = clients("anthropic", base_url(lab, "anthropic", "content_filtered"), flavour)
    reply = await call.settle(ask("anthropic", client, stream=stream))
    if stream:
        events = await call.items(reply)
        ending = next(event for event in events if event.type == "message_delta").delta
    else:
        ending = reply
        assert [block.text for block in reply.content] == [""]
    assert (ending.stop_reason, ending.stop_details.category) == ("refusal", "cyber")


async def test_openai_stream_error(lab, clients, call, flavour) -> None:
    """An error inside a stream surfaces as `APIError` without a status, after the chunks before it."""
    client = clients("openai", base_url(lab, "openai", "stream-overloaded"), flavour)
    stream = await call.settle(ask("openai", client, stream=True))
    with pytest.raises(openai.APIError) as caught:
        await call.items(stream)
    assert type(caught.value) is openai.APIError
    assert caught.value.code == "server_is_overloaded"


async def test_anthropic_stream_error(lab, clients, call, flavour) -> None:
    """An error inside a stream surfaces as `APIStatusError` with status 200 and the error's own type."""
    client = clients("anthropic", base_url(lab, "anthropic", "stream-overloaded"), flavour)
    stream = await call.settle(ask("anthropic", client, stream=True))
    with pytest.raises(anthropic.APIStatusError) as caught:
        await call.items(stream)
    error: Any = caught.value
    assert error.status_code == 200
    assert error.body["error"]["type"] == "overloaded_error"


def record_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Keep SDKs from sleeping before a retry, and note how long they would have slept."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr("anyio.sleep", sleep)
    return waits
