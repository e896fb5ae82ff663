from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects import _anthropic_rows, _openai_rows, find
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects._openai_failures import duration, mask
from banstorm.fakes.dialects.base import UnknownFailureError

PAGES = {"bad_gateway_page", "edge_page"}
VARIED = [
    (name, kind, variant)
    for name, rows in (("openai", _openai_rows), ("anthropic", _anthropic_rows))
    for kind, variant in [*((kind, None) for kind in rows.ROWS), *rows.VARIANTS]
]


@pytest.mark.parametrize(("name", "kind", "variant"), VARIED)
def test_failures_are_pure_and_whole(name: str, kind: str, variant: str | None) -> None:
    """Every failure is a whole response, the same each time; another seed gives another request id and nothing else."""
    dialect = find(name)
    details = {"variant": variant} if variant else {}
    reply = dialect.failure(kind, details, id_seed=4)
    assert reply == dialect.failure(kind, details, id_seed=4)
    says_so = reply.status >= 400
    assert says_so == (kind != "error_in_200" and variant not in {"refusal", "output"})
    headers = dict(reply.headers)
    assert headers["content-type"].startswith("text/html" if kind in PAGES else "application/json")
    assert int(headers["content-length"]) == len(reply.body)
    if kind not in PAGES and says_so:
        message = orjson.loads(reply.body)["error"]["message"]
        assert message
        assert "{" not in message  # no blank is left open
    assert all(key == key.lower() for key in headers)
    assert b"~" not in reply.body  # only words of an answer carry the sign that tokens are counted by
    assert dialect.failure(kind, details, id_seed=5).status == reply.status
    assert dialect.error_event(kind, details, id_seed=4).endswith(b"\n\n")


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_kinds_are_common_words(name: str) -> None:
    """A vendor's failures are named as every vendor's are."""
    assert find(name).failures <= set(KINDS)


@pytest.mark.parametrize(
    ("name", "kind", "details", "message"),
    [
        ("openai", "quota_exhausted", {"variant": "meteor"}, "classic"),
        ("anthropic", "timeout", {"variant": "meteor"}, "none"),
        ("anthropic", "window_drained", {"claim": "a_year"}, "seven_day_opus"),
        ("openai", "edge_page", {"status": 404}, "520"),
        ("anthropic", "bad_gateway_page", {"status": "soon"}, "502"),
    ],
)
def test_unknown_variant(name: str, kind: str, details: dict[str, Any], message: str) -> None:
    """Other words for a failure that the vendor hasn't are refused, and those that it has are named."""
    with pytest.raises(UnknownFailureError, match=message):
        find(name).failure(kind, details, id_seed=1)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_unknown_failure(name: str) -> None:
    """A failure that the vendor doesn't have is refused by name."""
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).failure("meteor", {}, id_seed=1)
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).error_event("meteor", {}, id_seed=1)


@pytest.mark.parametrize(
    ("name", "details", "expected"),
    [
        ("openai", {}, None),
        ("openai", {"retry_after": 7}, "7"),
        ("openai", {"retry_after": 1.5}, "1.5"),
        ("openai", {"retry_after": "junk"}, "junk"),
        ("anthropic", {}, None),
        ("anthropic", {"retry_after": None}, None),
        ("anthropic", {"retry_after": 7}, "7"),
        ("anthropic", {"retry_after": 1.5}, "2"),
        ("anthropic", {"retry_after": "junk"}, "junk"),
    ],
)
def test_retry_after(name: str, details: dict[str, Any], expected: str | None) -> None:
    """The wait that a 429 asks for stands in its header in the vendor's form, or nowhere."""
    headers = dict(find(name).failure("rate_limited", details, id_seed=1).headers)
    assert headers.get("retry-after") == expected


def test_drained_limits_in_the_vendors_formats() -> None:
    """OpenAI's resets are durations; Anthropic's are moments, and left out when the moment isn't known."""
    openai_headers = dict(find("openai").failure("rate_limited", {"retry_after": 90}, id_seed=1).headers)
    assert openai_headers["x-ratelimit-remaining-tokens"] == "0"
    assert openai_headers["x-ratelimit-reset-tokens"] == "1m30s"
    anthropic_dialect = find("anthropic")
    details = {"retry_after": 30, "now_s": 1_763_640_000}
    headers = dict(anthropic_dialect.failure("rate_limited", details, id_seed=1).headers)
    assert headers["anthropic-ratelimit-input-tokens-remaining"] == "0"
    assert headers["anthropic-ratelimit-input-tokens-reset"] == "2025-11-20T12:00:30Z"
    assert headers["anthropic-ratelimit-requests-reset"] == "2025-11-20T12:00:00Z"
    bare = dict(anthropic_dialect.failure("rate_limited", {"retry_after": 30}, id_seed=1).headers)
    assert not [key for key in bare if key.endswith("-reset")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.006, "6ms"), (0, "0ms"), (1, "1s"), (1.5, "1.5s"), (18.642, "18.642s"), (360, "6m0s"), (7999, "2h13m19s")],
)
def test_durations(seconds: float, text: str) -> None:
    """Resets are written as Go writes durations."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("name", "kind", "details", "status", "says"),
    [
        ("openai", "org_disabled", {}, 401, '"code":"account_deactivated"'),
        (
            "openai",
            "oauth_revoked",
            {},
            401,
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
        ("openai", "oauth_revoked", {"variant": "refresh_token_reused"}, 401, '"code":"refresh_token_reused"'),
        (
            "openai",
            "quota_exhausted",
            {},
            429,
            '"type":"insufficient_quota","param":null,"code":"credit_balance_exhaus',
        ),
        ("openai", "quota_exhausted", {"variant": "classic"}, 429, '"param":null,"code":"insufficient_quota"'),
        ("openai", "quota_exhausted", {"code": None}, 429, '"type":"insufficient_quota","param":null,"code":null'),
        ("openai", "spend_capped", {}, 429, '"code":"organization_spend_limit_exceeded"'),
        ("openai", "spend_capped", {"code": "project_spend_limit_exceeded"}, 429, '"project_spend_limit_exceeded"'),
        ("openai", "tier_capped", {}, 429, '"code":"organization_usage_limit_exceeded"'),
        ("openai", "ramp_limited", {}, 429, '"type":"rate_limit_error","param":null,"code":"slow_down"'),
        ("openai", "daily_limited", {}, 429, "on requests per day (RPD): Limit 200000, Used 200000, Requested 1."),
        ("openai", "request_over_limit", {}, 429, "on tokens per min (TPM): Limit 2000000, Requested 2000601."),
        (
            "openai",
            "window_drained",
            {"now_s": 1_000, "retry_after": 50},
            429,
            (
                '{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached",'
                '"plan_type":"plus","resets_at":1050,"resets_in_seconds":50}}'
            ),
        ),
        ("openai", "overloaded", {}, 503, "Our servers are currently overloaded. Please try again later."),
        (
            "openai",
            "bad_gateway",
            {},
            502,
            '{"error":{"code":502,"message":"Bad gateway.","param":null,"type":"cf_bad_gateway"}}',
        ),
        ("openai", "bad_gateway_page", {}, 502, "<html>\r\n<head><title>502 Bad Gateway</title></head>"),
        ("openai", "bad_gateway_page", {"status": 504}, 504, "<hr><center>cloudflare</center>"),
        ("openai", "edge_page", {}, 520, "api.openai.com | 520: Web server is returning an unknown error"),
        ("openai", "edge_page", {"status": 522}, 522, "errorcode_522&utm_campaign=api.openai.com"),
        (
            "openai",
            "unsupported_parameter",
            {},
            400,
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
                '","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"'
            ),
        ),
        (
            "openai",
            "context_too_long",
            {"variant": "completion"},
            400,
            "(240000 in the messages, 64000 in the completion)",
        ),
        ("openai", "max_tokens_too_high", {"asked_tokens": 9, "most_tokens": 4}, 400, "max_tokens is too large: 9."),
        ("openai", "error_in_200", {}, 200, '"status":"failed","error":{"code":"server_error"'),
        (
            "anthropic",
            "org_disabled",
            {},
            400,
            '"message":"This organization has been disabled.","details":{"error_code":"organization_on_hold"}',
        ),
        ("anthropic", "org_disabled", {"appeal_url": "u"}, 400, '"organization_on_hold","appeal_url":"u"}'),
        (
            "anthropic",
            "org_disabled",
            {"variant": "no_code"},
            400,
            '"This organization has been disabled."},"request_id"',
        ),
        ("anthropic", "oauth_revoked", {}, 403, "OAuth token has been revoked. Please obtain a new token."),
        (
            "anthropic",
            "third_party_refused",
            {},
            400,
            (
                "Third-party apps now draw from your extra usage, not your plan limits. Add more at "
                "claude.ai/settings/usage and keep going."
            ),
        ),
        (
            "anthropic",
            "third_party_refused",
            {"variant": "claude_code_only"},
            400,
            '"This credential is only authorized for use with Claude Code and cannot be used for other API requests."',
        ),
        ("anthropic", "third_party_refused", {"variant": "out_of_extra_usage"}, 400, "You're out of extra usage."),
        ("anthropic", "quota_exhausted", {}, 400, "Your credit balance is too low to access the Anthropic API."),
        (
            "anthropic",
            "spend_capped",
            {"regain": "2026-04-01 at 00:00 UTC"},
            400,
            "You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.",
        ),
        ("anthropic", "spend_capped", {"variant": "workspace"}, 400, "your specified workspace API usage limits"),
        ("anthropic", "tier_capped", {}, 429, '"details":{"error_code":"enforced_spend_limit_reached"}'),
        ("anthropic", "tier_capped", {"variant": "contract"}, 429, '"error_code":"contract_spend_limit_reached"'),
        ("anthropic", "billing_problem", {}, 402, '"error_code":"linked_organization_billing_unavailable"'),
        ("anthropic", "ramp_limited", {}, 429, '"details":{"error_code":"ramp_limit_exceeded"}'),
        ("anthropic", "request_over_limit", {}, 429, "Extra usage is required for long context requests."),
        ("anthropic", "rate_limited", {"variant": "2025"}, 429, "would exceed the rate limit for your organization ("),
        ("anthropic", "overloaded", {}, 529, '{"type":"overloaded_error","message":"Overloaded"}'),
        ("anthropic", "timeout", {}, 504, '"type":"timeout_error"'),
        ("anthropic", "edge_page", {"status": 500}, 500, "api.anthropic.com | 500"),
        (
            "anthropic",
            "context_too_long",
            {"variant": "with_max_tokens"},
            400,
            (
                "input length and `max_tokens` exceed context limit: 143653 + 64000 > 200000, decrease input length or "
                "`max_tokens` and try again"
            ),
        ),
        (
            "anthropic",
            "max_tokens_too_high",
            {"asked_tokens": 21333, "most_tokens": 4096, "model": "claude-3-opus-20240229"},
            400,
            "max_tokens: 21333 > 4096, which is the maximum allowed number of output tokens for claude-3-opus-20240229",
        ),
        (
            "anthropic",
            "request_too_large",
            {},
            413,
            '{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}',
        ),
        (
            "anthropic",
            "request_too_large",
            {"variant": "after_decoding"},
            413,
            '"details":{"error_code":"request_body_too_large_after_decoding"}},"request_id":"req_',
        ),
        ("anthropic", "content_filtered", {}, 400, "Output blocked by content filtering policy"),
        ("anthropic", "content_filtered", {"variant": "refusal"}, 200, '"stop_reason":"refusal"'),
    ],
)
def test_failures_word_for_word(name: str, kind: str, details: dict[str, Any], status: int, says: str) -> None:
    """What routers match on is there to the letter."""
    reply = find(name).failure(kind, details, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()


@pytest.mark.parametrize(
    ("name", "kind", "details", "expected"),
    [
        ("openai", "ramp_limited", {"retry_after": 3}, "3"),
        ("openai", "daily_limited", {"retry_after": 86}, "86"),
        ("anthropic", "ramp_limited", {"retry_after": 3}, "3"),
        ("anthropic", "tier_capped", {"retry_after": 3}, None),
        ("anthropic", "request_over_limit", {"retry_after": 3}, None),
        ("anthropic", "window_drained", {}, "7999"),
        ("anthropic", "window_drained", {"retry_after": 60}, "60"),
        ("anthropic", "window_drained", {"retry_after": None}, None),
    ],
)
def test_which_kinds_ask_to_wait(name: str, kind: str, details: dict[str, Any], expected: str | None) -> None:
    """A limit that clears with time says when; one that waiting doesn't clear never does, whatever it is told."""
    assert dict(find(name).failure(kind, details, id_seed=1).headers).get("retry-after") == expected


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_should_retry(name: str) -> None:
    """The header that SDKs obey before all else is sent when it is asked for."""
    headers = dict(find(name).failure("server_error", {"should_retry": False}, id_seed=1).headers)
    assert headers["x-should-retry"] == "false"
    assert "x-should-retry" not in dict(find(name).failure("server_error", {}, id_seed=1).headers)


def test_drained_window_of_a_subscription() -> None:
    """Which of Anthropic's windows is drained, and until when, stands in headers whose resets are Unix seconds."""
    prefix = "anthropic-ratelimit-unified-"
    details = {"claim": "seven_day", "now_s": 1_000_000, "retry_after": 500}
    headers = dict(find("anthropic").failure("window_drained", details, id_seed=1).headers)
    assert headers[prefix + "status"] == "rejected"
    assert headers[prefix + "representative-claim"] == "seven_day"
    assert headers[prefix + "reset"] == headers[prefix + "7d-reset"] == "1000500"
    assert headers[prefix + "7d-utilization"] == "1.0"
    assert float(headers[prefix + "5h-utilization"]) < 1
    bare = dict(find("anthropic").failure("window_drained", {}, id_seed=1).headers)
    assert not [key for key in bare if key.endswith("-reset")]


def test_edges_failures_have_no_request_id() -> None:
    """What a gateway or the content delivery network says never passed the API: no request id, no organisation."""
    edge = [("openai", "bad_gateway"), ("openai", "edge_page"), ("anthropic", "edge_page")]
    for name, kind in [*edge, ("anthropic", "region_blocked"), ("anthropic", "bad_gateway_page")]:
        headers = dict(find(name).failure(kind, {}, id_seed=1).headers)
        assert not {"request-id", "x-request-id", "openai-organization"} & headers.keys()
        assert headers["server"] == "cloudflare"


def test_refusal_in_a_stream() -> None:
    """A refusal streams as a whole, proper message without a word, and can end a stream that has begun."""
    dialect = find("anthropic")
    details = {"variant": "refusal", "stream": True, "category": "bio"}
    events, rest = dialect.split_events(dialect.failure("content_filtered", details, id_seed=1).body)
    names = ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    assert [event.split(b"\n")[0].decode() for event in events] == [f"event: {name}" for name in names]
    assert b'"stop_details":{"type":"refusal","category":"bio"' in events[3]
    assert rest == b""
    assert dialect.error_event("content_filtered", details, id_seed=1) == b"".join(events[2:])


def test_failure_details_fill_in() -> None:
    """Model and key of the failed request stand in its message, the key masked."""
    body = find("openai").failure("bad_key", {"credential": "sk-proj-abcdefghijklmnop"}, id_seed=1).body.decode()
    assert "sk-proj-" + "*" * 12 + "mnop" in body
    assert mask("short") == "short****hort"
    assert b"model: claude-x" in find("anthropic").failure("model_not_found", {"model": "claude-x"}, id_seed=1).body
