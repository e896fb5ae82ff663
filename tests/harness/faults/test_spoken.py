"""The faults that are a failure kind in the vendor's words, vendor by vendor, without any host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import Ask
from banstorm.fakes.dialects.http_service import HttpService
from banstorm.harness import faults
from banstorm.harness.faults.base import Context, Forward, Host, Respond
from banstorm.harness.faults.spoken import Spoken
from pydantic import ValidationError

NOW_S = 1_800_000_000.25
DIALECTS = dialects.names()
SPOKEN = [name for name in faults.names() if issubclass(faults.find(name), Spoken)]
ASK = Ask("some-model", stream=False, text="hello", mark=None, input_tokens=900, max_tokens=64)
OWN_DETAILS: dict[str, dict[str, Any]] = {"bad_gateway_page": {"status": 502}, "edge_page": {"status": 520}}
"""What a fault tells the vendor's words when nothing is asked of it."""
LATE = {"timeout": 5.0}
UNPLAYED = {
    "missing_key": "a router that sends no credential is not a provider's failure",
    "key_expired": "key_revoked plays it",
    "max_tokens_too_high": "max_tokens_lowered plays it",
    "bad_key": "key_revoked plays it",
    "bad_request": "what is wrong with a request is the request's",
    "request_too_large": "as above",
    "unknown_url": "as above",
    "wrong_method": "as above",
    "not_found": "as above",
    "conflict": "as above",
    "error_in_200": "overloaded plays it, and faults of the body",
}
"""Failure kinds without a fault of their name."""


def context_of(dialect: str, ask: Ask | None = ASK, **more: Any) -> Context:
    """A request to a vendor."""
    return Context(dialects.find(dialect), "acme", ask, id_seed=7, wall_s=NOW_S, **more)


def said(name: str, context: Context, **parameters: Any) -> Any:
    """What the fault answers with, None if it lets the request pass."""
    action = faults.find(name).model_validate(parameters).on_request(context)
    if isinstance(action, Forward):
        return None
    assert isinstance(action, Respond)
    return action.reply


PLAYABLE = [
    (name, dialect)
    for name in SPOKEN
    for dialect in DIALECTS
    if not faults.find(name)().picks and faults.find(name).failure_kind in dialects.find(dialect).failures
]
"""Those that refuse every request unless told otherwise."""


@pytest.mark.parametrize("ask", [None, ASK, replace(ASK, stream=True)], ids=["not understood", "plain", "stream"])
@pytest.mark.parametrize(("name", "dialect"), PLAYABLE)
def test_a_fault_says_what_the_vendor_says(name, dialect, ask):
    """Every fault of a kind is the failure of each vendor that has it, byte for byte, and suits the request."""
    context = context_of(dialect, ask)
    fault = faults.find(name)()
    assert [] == list(fault.complaints(context.dialect)) == faults.refusals(name, context.dialect, Host.INLINE)
    action = fault.on_request(context)
    details = {"now_s": NOW_S, **OWN_DETAILS.get(name, {})}
    expected = context.dialect.failure(fault.failure_kind, details, id_seed=7, ask=ask)
    assert Respond(expected, LATE.get(name, 0.0)) == action
    assert (False, False, False) == (fault.reaches_provider, fault.billed, fault.picks)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SPOKEN)
def test_a_vendor_without_the_failure_is_refused_by_name(name, dialect):
    """A vendor that lacks the kind is refused before anything starts, and the fault and the kind are named."""
    known, kind = dialects.find(dialect), faults.find(name).failure_kind
    reasons = faults.refusals(name, known, Host.MITMPROXY)
    assert (kind in known.failures) == (not reasons)
    assert all(repr(name) in reason and repr(kind) in reason and repr(dialect) in reason for reason in reasons)


def test_every_failure_kind_is_played():
    """Each failure that a vendor can say is a fault by its name, save those that say something of the request."""
    played = {faults.find(name).failure_kind for name in faults.names()}
    assert set(KINDS) - set(UNPLAYED) <= set(faults.names())
    assert {"bad_key", "max_tokens_too_high"} <= played


WORDS = [
    ("org_disabled", "anthropic", {"variant": "no_code"}, {"variant": "no_code"}),
    ("org_disabled", "anthropic", {"details": {"appeal_url": "u"}}, {"appeal_url": "u"}),
    ("third_party_refused", "anthropic", {"variant": "system_2025"}, {"variant": "system_2025"}),
    ("quota_exhausted", "openai", {"variant": "classic"}, {"variant": "classic"}),
    ("quota_exhausted", "openai", {"details": {"code": "other"}}, {"code": "other"}),
    ("spend_capped", "openai", {"variant": "project"}, {"variant": "project"}),
    ("spend_capped", "anthropic", {"details": {"regain": "tomorrow"}}, {"regain": "tomorrow"}),
    ("window_drained", "anthropic", {"claim": "seven_day"}, {"claim": "seven_day"}),
    ("daily_limited", "openai", {"limit": "tokens"}, {"limit": "tokens"}),
    ("rate_limited", "openai", {"limit": "requests"}, {"limit": "requests"}),
    ("rate_limited", "azure", {"limit": "requests", "retry_after": "2s"}, {"limit": "requests", "retry_after": 2}),
    ("rate_limited", "anthropic", {"limit": "output_tokens"}, {"limit": "output_tokens"}),
    ("rate_limited", "bedrock", {"retry_after": "1500ms"}, {"retry_after": 1.5}),
    ("rate_limited", "gemini", {"retry_after": "7s"}, {"retry_after": 7}),
    ("overloaded", "openai", {"variant": "429"}, {"variant": "429"}),
    ("edge_page", "openai", {"status": 524}, {"status": 524}),
    ("bad_gateway_page", "anthropic", {"status": 504}, {"status": 504}),
    ("model_retired", "cohere", {"date": "2026-11-30"}, {"date": "November 30, 2026"}),
    ("unsupported_parameter", "openai", {"instead": "b"}, {"instead": "b"}),
    ("context_too_long", "openai", {"above": "800 tokens"}, {"requested": 900, "maximum": 800}),
    ("context_too_long", "anthropic", {"above": "800 tokens"}, {"requested": 900, "maximum": 800}),
    ("request_over_limit", "groq", {"above": "800 tokens"}, {"requested": 900, "ceiling": 800}),
    ("max_tokens_lowered", "anthropic", {"to": "32 tokens"}, {"asked_tokens": 64, "most_tokens": 32}),
    ("max_tokens_lowered", "cohere", {"to": "32 tokens"}, {"requested": 64, "output": 32}),
]


@pytest.mark.parametrize(("name", "dialect", "parameters", "details"), WORDS)
def test_parameters_fill_the_vendors_words(name, dialect, parameters, details):
    """A parameter is a detail of what the dialect writes, and changes its bytes."""
    context, kind = context_of(dialect), faults.find(name).failure_kind
    expected = context.dialect.failure(kind, {"now_s": NOW_S, **details}, id_seed=7, ask=ASK)
    fault = faults.find(name).model_validate(parameters)
    assert expected == fault.on_request(context).reply
    assert expected != faults.find(name)().on_request(context).reply
    assert [] == list(fault.complaints(context.dialect))


def test_a_key_that_expired_has_words_of_its_own():
    """Revoked and expired keys are two failures for the vendors that tell them apart."""
    context = context_of("gemini")
    for because, kind in (("revoked", "bad_key"), ("expired", "key_expired")):
        expected = context.dialect.failure(kind, {}, id_seed=7, ask=ASK)
        assert expected == said("key_revoked", context, because=because)


@pytest.mark.parametrize("stream", [False, True])
def test_overloaded_inside_a_200(stream):
    """An overload that comes after the status was sent: a failed response, or a stream that begins with the error."""
    ask = replace(ASK, stream=stream, api="responses")
    reply = said("overloaded", context_of("openai", ask), in_200=True)
    assert 200 == reply.status
    assert b"Our servers are currently overloaded" in reply.body
    assert stream == context_of("openai").dialect.is_stream(reply.headers)


COMPLAINTS = [
    ("org_disabled", "openai", {"variant": "no_code"}, ("with", "variant"), "no variant 'no_code'"),
    ("server_error", "bedrock", {"variant": "x"}, ("with", "variant"), "no variant 'x'"),
    ("overloaded", "gemini", {"retry_after": "2s"}, ("with", "retry_after"), "retry_after changes nothing"),
    ("server_error", "openai", {"retry_after": "2s"}, ("with", "retry_after"), "retry_after changes nothing"),
    ("window_drained", "openai", {"claim": "seven_day"}, ("with", "claim"), "claim changes nothing"),
    ("rate_limited", "cohere", {"reset": "6s"}, ("with", "reset"), "reset changes nothing"),
    ("key_revoked", "openai", {"because": "expired"}, ("with", "because"), "no failure 'key_expired'"),
    ("overloaded", "anthropic", {"in_200": True}, ("with", "in_200"), "never says"),
    ("overloaded", "gemini", {"in_200": True}, ("with", "in_200"), "never says"),
    ("overloaded", "openai", {"details": {"colour": "red"}}, ("with", "details", "colour"), "no 'colour'"),
    ("model_retired", "anthropic", {"date": "2026-11-30"}, ("with", "date"), "date changes nothing"),
    ("unsupported_parameter", "anthropic", {"instead": "b"}, ("with", "instead"), "instead changes nothing"),
    ("edge_page", "openai", {"details": {"status": 999}}, ("with", "details"), "no page for status"),
]


@pytest.mark.parametrize(("name", "dialect", "parameters", "path", "told"), COMPLAINTS)
def test_what_a_vendor_cannot_say_is_told_beforehand(name, dialect, parameters, path, told):
    """Words that the vendor doesn't have, and parameters that would change none of its bytes, are refused by name."""
    fault = faults.find(name).model_validate(parameters)
    (complaint,) = fault.complaints(dialects.find(dialect))
    assert path == complaint.path
    assert told in complaint.what
    assert complaint.next


OPENCODE = {"system": [{"type": "text", "text": "You are OpenCode, the best agent"}]}
CLAUDE = {"system": "You are Claude Code, Anthropic's CLI"}
PICKS = [
    ("request_over_limit", "openai", {"above": "899 tokens"}, ASK, True),
    ("request_over_limit", "openai", {"above": "900 tokens"}, ASK, False),
    ("request_over_limit", "openai", {"above": "1 token"}, None, False),
    ("context_too_long", "openai", {"above": "899 tokens"}, ASK, True),
    ("context_too_long", "openai", {"above": "900 tokens"}, ASK, False),
    ("context_too_long", "openai", {"above": "1 token"}, None, False),
    ("max_tokens_lowered", "openai", {"to": "63 tokens"}, ASK, True),
    ("max_tokens_lowered", "openai", {"to": "64 tokens"}, ASK, False),
    ("max_tokens_lowered", "openai", {"to": "1 token"}, replace(ASK, max_tokens=None), False),
    ("max_tokens_lowered", "openai", {"to": "1 token"}, None, False),
    ("unsupported_parameter", "openai", {"param": "top_p"}, replace(ASK, body={"top_p": 1}), True),
    ("unsupported_parameter", "openai", {"param": "top_p"}, replace(ASK, body={"top_k": 1}), False),
    ("unsupported_parameter", "openai", {"param": "top_p"}, None, False),
    ("third_party_refused", "anthropic", {"system": "you are opencode"}, replace(ASK, body=OPENCODE), True),
    ("third_party_refused", "anthropic", {"system": "you are*best*agent"}, replace(ASK, body=OPENCODE), True),
    ("third_party_refused", "anthropic", {"system": "agent*best"}, replace(ASK, body=OPENCODE), False),
    ("third_party_refused", "anthropic", {"system": "opencode"}, replace(ASK, body=CLAUDE), False),
    ("third_party_refused", "anthropic", {"system": "opencode"}, None, False),
    ("third_party_refused", "anthropic", {"unless_system": "claude code"}, replace(ASK, body=OPENCODE), True),
    ("third_party_refused", "anthropic", {"unless_system": "claude code"}, replace(ASK, body=CLAUDE), False),
    ("third_party_refused", "anthropic", {"unless_system": "claude code"}, ASK, True),
]


@pytest.mark.parametrize(("name", "dialect", "parameters", "ask", "bitten"), PICKS)
def test_some_faults_pick_their_requests(name, dialect, parameters, ask, bitten):
    """A limit, a parameter or a system prompt decides; what is not understood passes; its window is a partial one."""
    fault = faults.find(name).model_validate(parameters)
    assert fault.picks
    assert bitten == isinstance(fault.on_request(context_of(dialect, ask)), Respond)


@pytest.mark.parametrize(
    ("param", "instead", "dialect", "words"),
    [
        ("temperature", None, "openai", "'temperature' is not supported with this model.\""),
        ("temperature", None, "azure", "'temperature' is not supported with this model.\""),
        ("a", "b", "openai", "'a' is not supported with this model. Use 'b' instead.\""),
        ("a", "b", "azure", "'a' is not supported with this model. Use 'b' instead.\""),
        (None, None, "openai", "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
        (None, None, "azure", "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
        ("top_k", None, "anthropic", "top_k: Extra inputs are not permitted"),
        ("seed", None, "cohere", "seed is not supported"),
    ],
)
def test_an_unsupported_parameter_is_named(param, instead, dialect, words):
    """The refusal names the parameter of the request, and another one only if there is one."""
    context = context_of(dialect, replace(ASK, body={param: 1}))
    given = {key: value for key, value in (("param", param), ("instead", instead)) if value}
    assert words in said("unsupported_parameter", context, **given).body.decode()


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("org_disabled", {"details": {"a": []}}, "details.a"),
        ("org_disabled", {"details": {str(number): 1 for number in range(17)}}, "at most 16"),
        ("edge_page", {"status": 502}, "520"),
        ("bad_gateway_page", {"status": 520}, "504"),
        ("window_drained", {"claim": "one_day"}, "five_hour"),
        ("model_retired", {"date": "soon"}, "date"),
        ("request_over_limit", {"above": 30}, "30000 tokens"),
        ("brownout", {"full_after": "0s"}, "greater than 0"),
        ("oauth_refresh_down", {"status": 404}, "500"),
        ("third_party_refused", {"system": ""}, "at least 1"),
    ],
)
def test_bad_parameters_are_refused(name, parameters, told):
    """What is out of bounds, of the wrong form or without its unit is refused with what was expected."""
    with pytest.raises(ValidationError, match=told):
        faults.find(name).model_validate(parameters)


def test_a_service_says_its_own_words():
    """A fault of a kind is played on a service beyond LLMs, too, in the words of its definition."""
    service = HttpService.load("payments")
    context = Context(service, "acme", None, id_seed=7, wall_s=NOW_S)
    fault = faults.find("rate_limited").model_validate({"retry_after": "3s"})
    expected = service.failure("rate_limited", {"retry_after": 3, "now_s": NOW_S}, id_seed=7)
    assert expected == fault.on_request(context).reply
    assert [] == list(fault.complaints(service))


@pytest.mark.parametrize(
    ("dialect", "path", "status"),
    [
        ("anthropic", "/v1/oauth/token", 503),
        ("openai", "/oauth/token", 503),
        ("openai", "/v1/chat/completions", None),
        ("anthropic", "/v1/messages", None),
        ("anthropic", "", None),
    ],
)
def test_a_token_endpoint_that_is_down_is_all_that_is_down(dialect, path, status):
    """Only refreshes are refused, in the vendor's words for an internal error with the status asked for."""
    context = context_of(dialect, None, path=path)
    reply = said("oauth_refresh_down", context)
    assert status == (None if reply is None else reply.status)
    if reply is not None:
        assert context.dialect.failure("server_error", {}, id_seed=7).body == reply.body
        assert 599 == said("oauth_refresh_down", context, status=599).status
    assert faults.find("oauth_refresh_down")().picks


def test_a_vendor_without_oauth_has_no_token_endpoint():
    """The fault is refused where there is nothing that could be down."""
    able = [name for name in DIALECTS if not list(faults.find("oauth_refresh_down")().complaints(dialects.find(name)))]
    assert ["anthropic", "openai"] == able
