"""Every failure that a stand-in provider can play, classified as a person would.

The words are those of `banstorm.fakes`; without that package (the router copied out by itself) these tests are skipped.
"""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.router.classify import Position, classify, parse_error_body
from banstorm.router.errors import Meaning

fakes = pytest.importorskip("banstorm.fakes.dialects")

A, C, MO, R, U, L, T = (
    Meaning.ACCOUNT, Meaning.CREDENTIAL, Meaning.MODEL, Meaning.REQUEST, Meaning.UNFIT, Meaning.LIMITED,
    Meaning.TRANSIENT,
)  # fmt: skip

# What most vendors agree on; a vendor's own column follows.
USUAL: dict[str, tuple[Meaning, str]] = {
    "bad_gateway": (T, "gateway"),
    "bad_gateway_page": (T, "gateway_page"),
    "bad_key": (C, "bad_key"),
    "bad_request": (R, "invalid_request"),
    "billing_problem": (A, "no_credit"),
    "capacity_exceeded": (T, "overloaded"),
    "content_filtered": (R, "content_policy"),
    "context_too_long": (R, "context_length"),
    "daily_limited": (L, "daily_limit"),
    "edge_page": (T, "gateway_page"),
    "key_expired": (C, "key_expired"),
    "max_tokens_too_high": (U, "max_tokens_above_cap"),
    "missing_key": (C, "bad_key"),
    "model_not_found": (MO, "model_unknown"),
    "model_retired": (MO, "model_unknown"),
    "oauth_expired": (C, "oauth_expired"),
    "oauth_revoked": (C, "oauth_revoked"),
    "org_disabled": (A, "org_disabled"),
    "overloaded": (T, "overloaded"),
    "permission_denied": (C, "permission_denied"),
    "quota_exhausted": (A, "no_credit"),
    "ramp_limited": (L, "rate_limited"),
    "rate_limited": (L, "rate_limited"),
    "region_blocked": (A, "region_blocked"),
    "request_over_limit": (U, "larger_than_limit"),
    "request_too_large": (R, "body_too_large"),
    "server_error": (T, "server_error"),
    "spend_capped": (A, "spend_limit"),
    "third_party_refused": (C, "oauth_third_party"),
    "tier_capped": (A, "spend_limit"),
    "timeout": (T, "timeout_upstream"),
    "tool_call_failed": (T, "tool_call_failed"),
    "unknown_url": (A, "unknown_url"),
    "unsupported_parameter": (U, "unsupported_parameter"),
    "upstream_error": (T, "upstream_error"),
    "window_drained": (L, "usage_window"),
    "wrong_method": (A, "unknown_url"),
}
OWN: dict[str, dict[str, tuple[Meaning, str]]] = {
    "anthropic": {
        "key_expired": (C, "bad_key"),  # the same words as a wrong key
        "request_over_limit": (U, "long_context_costs_extra"),
    },
    "openai": {
        "permission_denied": (MO, "model_unknown"),  # the project has no access to the model
        "error_in_200": (T, "server_error"),
    },
    "azure": {
        "model_retired": (MO, "not_found"),
        "unknown_url": (MO, "not_found"),  # the same bytes as a retired model's
    },
    "bedrock": {
        "permission_denied": (MO, "model_unknown"),  # no access to the model
    },
    "gemini": {
        "capacity_exceeded": (L, "rate_limited"),  # "e.g. check quota": which of both, it doesn't say
        "permission_denied": (C, "bad_key"),  # a leaked key
        "unknown_url": (T, "gateway_page"),  # no body at all
        "wrong_method": (T, "gateway_page"),
    },
    "mistral": {
        "bad_key": (C, "key_or_quota"),
        "missing_key": (C, "key_or_quota"),
        "quota_exhausted": (C, "key_or_quota"),  # the 401 that is a quota
    },
    "groq": {"region_blocked": (T, "edge_blocked")},  # a CDN's page, which may be about the prompt as well
    "openrouter": {
        "spend_capped": (C, "spend_limit"),  # the key's own limit
        "error_in_200": (T, "upstream_error"),
        "upstream_error": (T, "upstream_error"),
    },
    "cohere": {"tier_capped": (A, "no_credit")},
}
# Inside a stream some say it in other words, and pages have no place there.
IN_STREAM: dict[str, dict[str, tuple[Meaning, str]]] = {
    "anthropic": {
        "bad_gateway_page": (T, "server_error"),
        "edge_page": (T, "server_error"),
    },
    "openai": {"bad_gateway_page": (T, "server_error"), "edge_page": (T, "server_error")},
    "groq": {"region_blocked": (T, "edge_blocked")},
}
# Answers, not errors: read by the dialect's reader, see test_dialects.py
ANSWERS = {
    ("bedrock", "content_filtered"), ("bedrock", "error_in_200"), ("gemini", "content_filtered"),
    ("gemini", "error_in_200"), ("cohere", "error_in_200"),
}  # fmt: skip


def kinds() -> list[tuple[str, str]]:
    """Every failure of every vendor's stand-in."""
    every = [(name, kind) for name in fakes.names() for kind in sorted(fakes.find(name).failures)]
    return [pair for pair in every if pair not in ANSWERS]


def expected(dialect: str, kind: str) -> tuple[Meaning, str]:
    """The hand-written verdict."""
    return OWN.get(dialect, {}).get(kind) or USUAL[kind]


@pytest.mark.parametrize(("dialect", "kind"), kinds())
def test_each_failure(dialect, kind):
    """Each failure of each vendor means what the table says, in the vendor's own words."""
    reply = fakes.find(dialect).failure(kind, {}, id_seed=1)
    position = Position.STATUS if reply.status != 200 else Position.BODY
    failure = classify(
        dialect, reply.status, parse_error_body(reply.body), position=position, headers=dict(reply.headers)
    )
    assert expected(dialect, kind) == (failure.meaning, failure.reason)


@pytest.mark.parametrize(("dialect", "kind"), [pair for pair in kinds() if pair[0] in {"groq", "openrouter"}])
def test_each_failure_behind_a_compatible_dialect(dialect, kind):
    """`openai_compatible` knows the words of those who speak like OpenAI as well as their own dialects do."""
    reply = fakes.find(dialect).failure(kind, {}, id_seed=1)
    position = Position.STATUS if reply.status != 200 else Position.BODY
    failure = classify("openai_compatible", reply.status, parse_error_body(reply.body), position=position)
    assert expected(dialect, kind) == (failure.meaning, failure.reason)


# Meanings that move a call on: inside a stream, where status and code may be lost, the kind of accident doesn't matter.
MOVES = {A, C, MO, U, L, T}


def _event(data: bytes) -> Any:
    line = next(line for line in data.split(b"\n") if line.startswith(b"data:"))
    payload = parse_error_body(line[5:])
    if isinstance(payload, dict) and payload.get("type") == "message-end":
        return {"message": payload["delta"]["error"]}  # Cohere's error is a text in its last event
    return payload


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        (name, kind)
        for name, kind in kinds()
        # Bedrock's frames are in test_bedrock.py; a request that began a stream had a URL and a method
        if name != "bedrock" and kind not in {"unknown_url", "wrong_method", "error_in_200"}
    ],
)
def test_each_failure_in_a_stream(dialect, kind):
    """The same failure as an event of a stream: the same meaning, though only the error's own words are left."""
    made = fakes.find(dialect)
    try:
        data = made.error_event(kind, {}, id_seed=1)
    except ValueError:
        pytest.skip("this vendor doesn't say it in a stream")
    failure = classify(dialect, 200, _event(data), position=Position.STREAM)
    wanted = IN_STREAM.get(dialect, {}).get(kind) or expected(dialect, kind)
    if wanted[0] is T:
        assert T == failure.meaning
    else:
        assert wanted == (failure.meaning, failure.reason)


def _variants() -> list[tuple[str, str, str, tuple[Meaning, str]]]:
    return [
        ("anthropic", "org_disabled", "no_code", (A, "org_disabled")),
        ("anthropic", "third_party_refused", "claude_code_only", (C, "oauth_third_party")),
        ("anthropic", "third_party_refused", "out_of_extra_usage", (A, "no_credit")),
        ("anthropic", "spend_capped", "workspace", (A, "spend_limit")),
        ("anthropic", "tier_capped", "contract", (A, "spend_limit")),
        ("anthropic", "billing_problem", "spend_limit", (A, "no_credit")),
        ("anthropic", "bad_request", "claude_code_version_too_old", (R, "invalid_request")),
        ("anthropic", "bad_request", "thread_fingerprint_mismatch", (U, "state_elsewhere")),
        ("anthropic", "bad_request", "thread_not_found", (U, "state_elsewhere")),
        ("anthropic", "bad_request", "compaction_signature_invalid", (U, "state_elsewhere")),
        ("anthropic", "permission_denied", "cmek_key_disabled", (A, "permission_denied")),
        ("anthropic", "server_error", "cmek_key_unreachable", (T, "overloaded")),
        ("anthropic", "overloaded", "compaction_unavailable", (T, "overloaded")),
        ("anthropic", "rate_limited", "2025", (L, "rate_limited")),
        ("anthropic", "context_too_long", "with_max_tokens", (R, "context_length")),
        ("anthropic", "request_too_large", "after_decoding", (R, "body_too_large")),
        ("openai", "model_not_found", "400", (MO, "model_unknown")),
        ("openai", "overloaded", "429", (T, "overloaded")),
        ("openai", "overloaded", "engine", (T, "overloaded")),
        ("openai", "spend_capped", "classic", (A, "no_credit")),
        ("openai", "billing_problem", "400", (A, "no_credit")),
        ("openai", "bad_request", "above_maximum", (R, "invalid_request")),
        ("openai", "bad_request", "service_tier", (U, "unsupported_parameter")),
        ("openai", "bad_request", "encrypted_reasoning", (U, "state_elsewhere")),
        ("openai", "context_too_long", "completion", (R, "context_length")),
        ("openai", "context_too_long", "responses", (R, "context_length")),
        ("openai", "content_filtered", "content_policy", (R, "content_policy")),
        ("azure", "content_filtered", "2023", (R, "content_policy")),
        ("azure", "region_blocked", "virtual_network", (A, "region_blocked")),
        ("gemini", "bad_key", "not_found", (C, "bad_key")),
        ("gemini", "overloaded", "2025", (T, "overloaded")),
        ("gemini", "capacity_exceeded", "shared", (L, "rate_limited")),
    ]


@pytest.mark.parametrize(("dialect", "kind", "variant", "wanted"), _variants())
def test_each_failure_in_other_words(dialect, kind, variant, wanted):
    """A vendor's older, newer and rarer words for a failure mean the same."""
    reply = fakes.find(dialect).failure(kind, {"variant": variant}, id_seed=1)
    failure = classify(dialect, reply.status, parse_error_body(reply.body), headers=dict(reply.headers))
    assert wanted == (failure.meaning, failure.reason)


@pytest.mark.parametrize(
    ("service", "kind", "wanted"),
    [
        ("echo", "org_disabled", (A, "org_disabled")),
        ("echo", "bad_key", (C, "bad_key")),
        ("echo", "oauth_revoked", (C, "oauth_revoked")),
        ("echo", "region_blocked", (A, "region_blocked")),
        ("echo", "quota_exhausted", (A, "no_credit")),
        ("echo", "rate_limited", (L, "rate_limited")),
        ("echo", "daily_limited", (L, "daily_limit")),
        ("echo", "overloaded", (T, "overloaded")),
        ("echo", "unknown_url", (R, "not_found")),
        ("payments", "bad_request", (R, "invalid_request")),
        ("payments", "billing_problem", (A, "no_credit")),
        ("payments", "conflict", (R, "invalid_request")),
        ("payments", "key_expired", (C, "key_expired")),
        ("payments", "not_found", (R, "not_found")),
        ("payments", "org_disabled", (A, "org_disabled")),
        ("payments", "permission_denied", (C, "permission_denied")),
        ("payments", "region_blocked", (A, "region_blocked")),
        ("payments", "x_terms_changed", (A, "terms_not_accepted")),
    ],
)
def test_services(service, kind, wanted):
    """A service that is no LLM goes by statuses; there is no model that could be gone."""
    reply = fakes.find("http_service", service).failure(kind, {}, id_seed=1)
    failure = classify("http_service", reply.status, parse_error_body(reply.body), headers=dict(reply.headers))
    assert wanted == (failure.meaning, failure.reason)


@pytest.mark.parametrize(
    ("dialect", "kind", "details", "seconds"),
    [
        ("gemini", "rate_limited", {"retry_after": 7}, 7.0),
        ("gemini", "quota_exhausted", {"retry_after": 7}, None),  # it says so too, and it never clears
        ("anthropic", "rate_limited", {"retry_after": 7}, 7.0),
        ("anthropic", "window_drained", {}, 60.0),
        ("openai", "window_drained", {}, 60.0),
        ("azure", "rate_limited", {"retry_after": 5}, 5.0),
        ("groq", "rate_limited", {}, 7.66),
        ("openrouter", "ramp_limited", {"retry_after": 2}, 2.0),
    ],
)
def test_waits(dialect, kind, details, seconds):
    """A limit's wait is found where the vendor puts it: header, body field, or words."""
    reply = fakes.find(dialect).failure(kind, details, id_seed=1)
    failure = classify(dialect, reply.status, parse_error_body(reply.body), headers=dict(reply.headers))
    assert pytest.approx(seconds) == failure.retry_after_s
