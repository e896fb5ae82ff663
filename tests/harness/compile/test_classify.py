"""Which failure a response was."""

from __future__ import annotations

from collections import defaultdict

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.harness.compile import vendors
from banstorm.harness.compile.classify import classify, without_answer
from banstorm.harness.compile.events import NO_ANSWER, OK, OWN_KINDS, REFUSED, RESET


@pytest.mark.parametrize("name", dialects.names())
def test_every_failure_that_a_fake_can_say_is_known_again(name):
    """Each vendor's failures, word for word, are classified as what they are, or as one that says the very same."""
    dialect = dialects.find(name)
    said = defaultdict(set)
    replies = {}
    for kind in dialect.failures:
        reply = dialect.failure(kind, {}, id_seed=77)
        letters = "".join(sign for sign in reply.body.decode().lower() if sign.isalpha() or sign in "_ ")
        if reply.status >= 400 and reply.body:  # without a body only the status tells
            replies[kind] = reply
            said[reply.status, "".join(letters.split())].add(kind)
    alike = {kind: kinds for kinds in said.values() for kind in kinds}
    wrong = {}
    for kind, reply in replies.items():
        found = classify(name, reply.status, reply.body.decode())
        if found != kind and found not in alike[kind]:
            wrong[kind] = found
    assert {} == wrong


@pytest.mark.parametrize(
    ("dialect", "status", "kind"),
    [
        ("anthropic", 200, OK),
        ("anthropic", 304, OK),
        ("anthropic", 400, "bad_request"),
        ("openai", 401, "bad_key"),
        ("openai", 429, "rate_limited"),
        ("openai", 499, NO_ANSWER),
        ("anthropic", 500, "server_error"),
        ("anthropic", 503, "overloaded"),
        ("anthropic", 504, "timeout"),
        ("anthropic", 522, "edge_page"),
        ("anthropic", 529, "overloaded"),
        ("openai", 529, "overloaded"),
        ("openai", 418, "bad_request"),
        ("openai", 507, "server_error"),
        ("openai", None, NO_ANSWER),
        ("openai", 0, NO_ANSWER),
    ],
)
def test_a_status_alone_tells_the_likeliest_failure(dialect, status, kind):
    """A log without bodies is enough."""
    assert kind == classify(dialect, status)


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("net::ERR_CONNECTION_REFUSED", REFUSED),
        ("net::ERR_NAME_NOT_RESOLVED", REFUSED),
        ("[Errno 111] Connection refused", REFUSED),
        ("ECONNRESET", RESET),
        ("server closed connection", RESET),
        ("net::ERR_EMPTY_RESPONSE", RESET),
        ("timeout", NO_ANSWER),
        ("net::ERR_TIMED_OUT", NO_ANSWER),
        ("", NO_ANSWER),
    ],
)
def test_why_no_response_came_is_told_by_the_logs_words(why, kind):
    """Browsers, mitmproxy and people have words of their own for it."""
    assert kind == without_answer(why)


def test_words_of_the_callers_own_change_nothing():
    """A body that says nothing of the vendor's failures is judged by its status."""
    assert "bad_request" == classify("anthropic", 400, "zebra umbrella quartz violin")


@pytest.mark.parametrize(
    ("dialect", "status", "text", "kind"),
    [
        ("openai", 429, "insufficient_quota", "quota_exhausted"),
        ("openai", 429, "rate_limit_exceeded", "rate_limited"),
        ("openai", 429, "You exceeded your current quota", "quota_exhausted"),
        ("openai", 400, "context_length_exceeded", "context_too_long"),
        ("openai", 400, "invalid_request_error", "bad_request"),
        ("openai", 429, "RateLimitError", "rate_limited"),
        ("openai", 429, "too many requests", "rate_limited"),
        ("anthropic", 529, "overloaded_error", "overloaded"),
        ("anthropic", 400, "credit balance is too low", "quota_exhausted"),
    ],
)
def test_a_code_or_a_messages_beginning_is_enough(dialect, status, text, kind):
    """Tables of calls have a column with the vendor's code, not its whole body."""
    assert kind == classify(dialect, status, text)


def test_a_log_may_name_the_failure_itself():
    """A column of kinds is believed where the status allows it."""
    assert "org_disabled" == classify("anthropic", 400, "org_disabled")


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("https://api.openai.com/v1/chat/completions", "openai"),
        ("https://eu.api.openai.com/v1/responses", "openai"),
        ("https://api.anthropic.com/v1/messages?beta=true", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/models/gemini-3.8-flash:generateContent", "gemini"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/model/x/converse", "bedrock"),
        ("https://acme.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", "azure"),
        ("https://api.mistral.ai/v1/chat/completions", "mistral"),
        ("https://api.cohere.com/v2/chat", "cohere"),
        ("https://api.groq.com/openai/v1/chat/completions", "groq"),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter"),
        ("http://127.0.0.1:4000/v1/chat/completions", "openai"),
        ("http://gateway.internal/anthropic/v1/messages", "anthropic"),
        ("http://127.0.0.1:9/openai/deployments/d/chat/completions", "azure"),
        ("https://api.openai.com.evil.example/style.css", None),
        ("https://example.com/", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_a_url_tells_the_dialect(url, dialect):
    """By the vendor's host, else by the path that only a call of an LLM has."""
    found = vendors.by_url(url)
    assert dialect == (found[1] if found else None)


def test_every_dialect_has_a_model_to_ask_for():
    """Whatever vendor a log is of, a scenario can be written."""
    assert set(dialects.names()) <= set(vendors.MODELS)


def test_own_kinds_and_the_vendors_have_different_names():
    """A kind means one thing."""
    assert set() == OWN_KINDS.keys() & KINDS.keys()
