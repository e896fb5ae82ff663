from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._openai_failures import duration, mask
from banstorm.fakes.dialects.base import UnknownFailureError


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_failures_are_pure_and_whole(name: str) -> None:
    """Every failure is a whole response, the same each time; another seed gives another request id and nothing else."""
    dialect = find(name)
    for kind in dialect.failures:
        reply = dialect.failure(kind, {}, id_seed=4)
        assert reply == dialect.failure(kind, {}, id_seed=4)
        assert reply.status >= 400
        headers = dict(reply.headers)
        assert headers["content-type"].startswith("application/json")
        assert int(headers["content-length"]) == len(reply.body)
        assert orjson.loads(reply.body)["error"]["message"]
        assert b"{" not in orjson.dumps(orjson.loads(reply.body)["error"]["message"])  # no blank is left open
        assert all(key == key.lower() for key in headers)
        assert b"~" not in reply.body  # only words of an answer carry the sign that tokens are counted by
        assert dialect.failure(kind, {}, id_seed=5).status == reply.status
        assert dialect.error_event(kind, {}, id_seed=4).endswith(b"\n\n")


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
    ("name", "kind", "status", "says"),
    [
        ("openai", "org_disabled", 401, '"code":"account_deactivated"'),
        (
            "openai",
            "oauth_revoked",
            401,
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
        ("openai", "quota_exhausted", 429, '"type":"insufficient_quota"'),
        ("openai", "overloaded", 503, "Our servers are currently overloaded. Please try again later."),
        (
            "anthropic",
            "org_disabled",
            400,
            '"message":"This organization has been disabled.","details":{"error_code":"organization_on_hold"}',
        ),
        ("anthropic", "oauth_revoked", 403, "OAuth token has been revoked. Please obtain a new token."),
        ("anthropic", "quota_exhausted", 400, "Your credit balance is too low to access the Anthropic API."),
        ("anthropic", "overloaded", 529, '{"type":"overloaded_error","message":"Overloaded"}'),
    ],
)
def test_failures_word_for_word(name: str, kind: str, status: int, says: str) -> None:
    """What routers match on is there to the letter."""
    reply = find(name).failure(kind, {}, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()


def test_failure_details_fill_in() -> None:
    """Model and key of the failed request stand in its message, the key masked."""
    body = find("openai").failure("bad_key", {"credential": "sk-proj-abcdefghijklmnop"}, id_seed=1).body.decode()
    assert "sk-proj-" + "*" * 12 + "mnop" in body
    assert mask("short") == "short****hort"
    assert b"model: claude-x" in find("anthropic").failure("model_not_found", {"model": "claude-x"}, id_seed=1).body
