"""Each failure of each vendor, by the exception class and status that the official SDK makes of it."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from banstorm.fakes.dialects import find

NEW_ANTHROPIC = int(anthropic.__version__.split(".")[0]) >= 2

OPENAI = {
    "bad_key": ("AuthenticationError", 401, "invalid_api_key"),
    "bad_request": ("BadRequestError", 400, None),
    "context_too_long": ("BadRequestError", 400, "context_length_exceeded"),
    "missing_key": ("AuthenticationError", 401, None),
    "model_not_found": ("NotFoundError", 404, "model_not_found"),
    "oauth_revoked": ("AuthenticationError", 401, "token_invalidated"),
    "org_disabled": ("AuthenticationError", 401, "account_deactivated"),
    "overloaded": ("InternalServerError", 503, "server_is_overloaded"),
    "permission_denied": ("PermissionDeniedError", 403, "model_not_found"),
    "quota_exhausted": ("RateLimitError", 429, "credit_balance_exhausted"),
    "rate_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
    "region_blocked": ("PermissionDeniedError", 403, "unsupported_country_region_territory"),
    "request_too_large": ("APIStatusError", 413, "request_too_large"),
    "server_error": ("InternalServerError", 500, None),
    "unknown_url": ("NotFoundError", 404, None),
    "wrong_method": ("APIStatusError", 405, "method_not_supported"),
}
ANTHROPIC = {
    "bad_key": ("AuthenticationError", 401, "authentication_error"),
    "bad_request": ("BadRequestError", 400, "invalid_request_error"),
    "context_too_long": ("BadRequestError", 400, "invalid_request_error"),
    "missing_key": ("AuthenticationError", 401, "authentication_error"),
    "model_not_found": ("NotFoundError", 404, "not_found_error"),
    "oauth_expired": ("AuthenticationError", 401, "authentication_error"),
    "oauth_revoked": ("PermissionDeniedError", 403, "permission_error"),
    "org_disabled": ("OrganizationOnHoldError" if NEW_ANTHROPIC else "BadRequestError", 400, "invalid_request_error"),
    "overloaded": ("OverloadedError", 529, "overloaded_error"),
    "permission_denied": ("PermissionDeniedError", 403, "permission_error"),
    "quota_exhausted": ("BadRequestError", 400, "invalid_request_error"),
    "rate_limited": ("RateLimitError", 429, "rate_limit_error"),
    "region_blocked": ("PermissionDeniedError", 403, "forbidden"),
    "request_too_large": (
        "ContentTooLargeError" if NEW_ANTHROPIC else "RequestTooLargeError",
        413,
        "request_too_large",
    ),
    "server_error": ("InternalServerError", 500, "api_error"),
    "unknown_url": ("NotFoundError", 404, "not_found_error"),
    "wrong_method": ("APIStatusError", 405, "invalid_request_error"),
}
RETRIED = {"rate_limited", "quota_exhausted", "overloaded", "server_error"}


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
    assert set(OPENAI) == find("openai").failures
    assert set(ANTHROPIC) == find("anthropic").failures


@pytest.mark.parametrize(("kind", "row"), OPENAI.items())
async def test_openai(lab, clients, call, flavour, kind, row) -> None:
    """OpenAI's SDK raises the class, with the status and code, that the real API's failure makes it raise."""
    client = clients("openai", base_url(lab, "openai", kind), flavour)
    with pytest.raises(openai.APIStatusError) as caught:
        await call.settle(ask("openai", client))
    error = caught.value
    assert row == (type(error).__name__, error.status_code, error.code)
    assert error.request_id.startswith("req_")
    assert lab.hits[kind] == 1


@pytest.mark.parametrize(("kind", "row"), ANTHROPIC.items())
async def test_anthropic(lab, clients, call, flavour, kind, row) -> None:
    """Anthropic's SDK raises the class, with the status and type, that the real API's failure makes it raise."""
    client = clients("anthropic", base_url(lab, "anthropic", kind), flavour)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await call.settle(ask("anthropic", client))
    error: Any = caught.value
    assert row == (type(error).__name__, error.status_code, error.body["error"]["type"])
    if kind not in {"region_blocked", "request_too_large"}:  # those come from the edge, which gives no id
        assert error.request_id == error.body["request_id"]


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("kind", sorted(set(OPENAI) & set(ANTHROPIC)))
async def test_retries(lab, clients, call, flavour, monkeypatch, sdk, kind) -> None:
    """With its default settings an SDK tries three times what it takes for transient (429 and 5xx), else once."""
    waits = record_waits(monkeypatch)
    client = clients(sdk, base_url(lab, sdk, kind), flavour, max_retries=2)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await call.settle(ask(sdk, client))
    # Anthropic's exhausted credit is a 400, so nobody retries it; OpenAI's is a 429, so everybody does, in vain
    retried = kind in RETRIED and not (sdk == "anthropic" and kind == "quota_exhausted")
    assert lab.hits[kind] == (3 if retried else 1)
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
