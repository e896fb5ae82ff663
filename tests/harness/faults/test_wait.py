"""When to come back, in every form: what is sent, vendor by vendor."""

from __future__ import annotations

import json

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.dialects.base import Ask
from banstorm.harness import faults
from banstorm.harness.faults.base import Context, Respond
from banstorm.harness.faults.wait import Wait, parse_wait

NOW_S = 1_800_000_000.0
ASK = Ask("some-model", stream=False, text="hello", mark=None, input_tokens=900)


def sent(dialect, name="rate_limited", **parameters):
    """The headers and the body of what a fault answers with."""
    action = (
        faults.find(name)
        .model_validate(parameters)
        .on_request(Context(dialects.find(dialect), "acme", ASK, id_seed=7, wall_s=NOW_S))
    )
    assert isinstance(action, Respond)
    assert action.reply.headers.count(("content-length", str(len(action.reply.body)))) == 1
    return dict(action.reply.headers), action.reply.body.decode()


FORMS = [
    ("2s", "2"),
    ("1500ms", "1.5"),
    ("fraction 2s", "2.0"),
    ("fraction 1500ms", "1.5"),
    ("date 30s", "Fri, 15 Jan 2027 08:00:30 GMT"),
    ("date -30s", "Fri, 15 Jan 2027 07:59:30 GMT"),
    ("0s", "0"),
    ("-5s", "-5"),
    ("text soon", "soon"),
    ("text 5 minutes", "5 minutes"),
    ("90s", "90"),
    ("121s", "121"),
    ("1176h", "4233600"),
]


@pytest.mark.parametrize(("given", "expected"), FORMS)
@pytest.mark.parametrize("dialect", ["openai", "mistral", "groq", "azure"])
def test_retry_after_in_every_form(dialect, given, expected):
    """A number, a fraction, a date, nothing, less than nothing, junk and the absurd are sent as they are asked for."""
    headers, _ = sent(dialect, retry_after=given)
    assert expected == headers["retry-after"]


@pytest.mark.parametrize(
    ("given", "expected"), [("1500ms", "2"), ("fraction 1500ms", "1.5"), ("-5s", "-5"), ("text soon", "soon")]
)
def test_anthropic_counts_in_whole_seconds(given, expected):
    """The vendor itself sends no fractions; a fraction that is asked for is sent."""
    assert expected == sent("anthropic", retry_after=given)[0]["retry-after"]


@pytest.mark.parametrize("given", [None, "2s"])
@pytest.mark.parametrize("dialect", dialects.names())
def test_without_it_nothing_is_said(dialect, given):
    """Absent, it leaves the vendor's words as they are: no header with a wait, and none in the body."""
    headers, body = sent(dialect, retry_after=given)
    said = [name for name in headers if name.startswith(("retry-after", "x-amz-retry-after"))]
    said += [key for key in ("retryDelay",) if key in body]
    assert (given is not None) == bool(said)


@pytest.mark.parametrize(
    ("given", "expected"), [("2s", "2000"), ("date 30s", "Fri, 15 Jan 2027 08:00:30 GMT"), ("text soon", "soon")]
)
def test_bedrock_has_it_in_milliseconds_and_elsewhere(given, expected):
    """The header that Amazon's clients read takes every form as well."""
    headers, _ = sent("bedrock", retry_after=given)
    assert expected == headers["x-amz-retry-after"]
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("given", "expected"), [("7s", "7s"), ("-5s", "-5s"), ("date 30s", "Fri, 15 Jan 2027 08:00:30 GMT")]
)
def test_gemini_has_it_in_the_body(given, expected):
    """So does the delay in a body."""
    headers, body = sent("gemini", retry_after=given)
    details = {each["@type"].rpartition(".")[2]: each for each in json.loads(body)["error"]["details"]}
    assert expected == details["RetryInfo"]["retryDelay"]
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"retry_after": "2s", "retry_after_ms": "250ms"}, {"retry-after": "2", "retry-after-ms": "250"}),
        ({"retry_after_ms": "fraction 250ms"}, {"retry-after-ms": "250.0"}),
        ({"retry_after_ms": "text soon"}, {"retry-after-ms": "soon"}),
        ({"should_retry": False}, {"x-should-retry": "false"}),
        ({"should_retry": True, "retry_after": "1s"}, {"x-should-retry": "true", "retry-after": "1"}),
        ({"retry_after": "5s", "reset": "6m"}, {"retry-after": "5", "x-ratelimit-reset-tokens": "6m0s"}),
        ({"reset": "6m"}, {"x-ratelimit-reset-tokens": "6m0s"}),
        ({"reset": "12ms", "limit": "requests"}, {"x-ratelimit-reset-requests": "12ms"}),
        ({"reset": "6s", "retry_after": "text soon"}, {"retry-after": "soon", "x-ratelimit-reset-tokens": "6s"}),
        ({"reset": "6s", "retry_after_ms": "1ms"}, {"retry-after-ms": "1", "x-ratelimit-reset-tokens": "6s"}),
    ],
)
def test_other_headers_of_openais(parameters, expected):
    """Milliseconds, the header that SDKs obey, and resets that differ from the wait; nothing else is sent."""
    headers, _ = sent("openai", **parameters)
    told = {name: headers[name] for name in expected}
    assert expected == told
    others = {"retry-after", "retry-after-ms", "x-should-retry"} - expected.keys()
    assert not others & headers.keys()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"retry_after": "90s"}, ("90", "90000", "90")),
        ({"retry_after": "5s", "reset": "90s"}, ("5", None, "90")),
        ({"retry_after": "date 30s"}, ("Fri, 15 Jan 2027 08:00:30 GMT", None, "30")),
        ({}, (None, None, "60")),
    ],
)
def test_azures_headers(parameters, expected):
    """Azure says a wait twice, and its resets in whole seconds; a date is said once, so that nothing contradicts it."""
    headers, _ = sent("azure", **parameters)
    names = ("retry-after", "retry-after-ms", "x-ratelimit-reset-tokens")
    assert expected == tuple(headers.get(name) for name in names)


def test_resets_are_moments_after_the_request_came():
    """Anthropic's resets name a moment, which counts from when the request came, by no clock of the fault's."""
    headers, _ = sent("anthropic", retry_after="30s")
    assert "2027-01-15T08:00:30Z" == headers["anthropic-ratelimit-input-tokens-reset"]
    headers, body = sent("openai", "window_drained", retry_after="50s")
    assert "1800000050" == headers["x-codex-primary-reset-at"]
    assert 1_800_000_050 == json.loads(body)["error"]["resets_at"]


@pytest.mark.parametrize("name", ["ramp_limited", "daily_limited", "overloaded", "window_drained"])
def test_other_kinds_say_it_too(name):
    """Every failure with which a vendor names a wait takes it in every form."""
    dialect = "openai" if name in {"daily_limited", "overloaded"} else "anthropic"
    assert "Fri, 15 Jan 2027 08:00:30 GMT" == sent(dialect, name, retry_after="date 30s")[0]["retry-after"]


@pytest.mark.parametrize(
    "text", ["", "2", 2, None, "2 d", "date", "text", "text  ", "text a\r\nb: c", "text é", "fraction", "1e3s", "soon"]
)
def test_what_is_no_wait_is_refused(text):
    """A wait without its unit, or with what no header can carry, is refused, and the message shows how to write one."""
    with pytest.raises(ValueError, match="such as 2s, 0s, -5s, fraction 1500ms, date 30s"):
        parse_wait(text)


def test_a_wait_has_a_bound():
    """Absurd waits can be said, endless ones can't."""
    assert 360_000_000.0 == parse_wait("100000h").seconds
    with pytest.raises(ValueError, match="at most 100000h"):
        parse_wait("100001h")


@pytest.mark.parametrize("text", [given for given, _ in FORMS])
def test_a_wait_is_read_as_it_was_written(text):
    """What a scenario's copy for another process says is the same wait."""
    wait = parse_wait(text)
    assert wait == parse_wait(wait.render()) == parse_wait(wait)
    assert isinstance(wait, Wait)
