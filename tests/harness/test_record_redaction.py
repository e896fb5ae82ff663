"""What is written of an exchange holds no credential, wherever it stood and however it was cut."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import orjson
import pytest
from banstorm.harness.record_redaction import SECRETS_MAX, CredentialLeftError, Redaction
from hypothesis import given, settings
from hypothesis import strategies as st

SECRET = 'my"own/key+1\\x'  # looks like no vendor's key, and is spelt differently in JSON and in URLs
KEY = "sk-proj-abcDEF123456"


def of(headers: dict[str, str] | None = None, query: bytes = b"", body: Any = b"") -> Redaction:
    """What a request came with."""
    return Redaction.of(headers or {}, query, body if isinstance(body, bytes) else orjson.dumps(body))


KNOWN = [
    ({"authorization": f"Bearer {SECRET}"}, b"", b""),
    ({"authorization": SECRET}, b"", b""),
    ({"x-api-key": SECRET}, b"", b""),
    ({"api-key": SECRET}, b"", b""),
    ({"x-goog-api-key": SECRET}, b"", b""),
    ({"x-amz-security-token": SECRET}, b"", b""),
    ({"proxy-authorization": f"Bearer {SECRET}"}, b"", b""),
    ({"cookie": f"a=b; session={SECRET}; c=d"}, b"", b""),
    ({"authorization": "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()}, b"", b""),
    ({}, b"alt=sse&key=my%22own%2Fkey%2B1%5Cx", b""),
    ({}, b"X-Amz-Security-Token=my%22own%2Fkey%2B1%5Cx", b""),
    ({}, b"", {"input": [{"api_key": SECRET}]}),
    ({}, b"", {"clientSecret": "x", "client-secret": SECRET}),
    ({}, b"", b"grant_type=refresh_token&refresh_token=my%22own%2Fkey%2B1%5Cx"),
]


@pytest.mark.parametrize(("headers", "query", "body"), KNOWN)
def test_what_a_request_came_with_is_known(headers: dict[str, str], query: bytes, body: Any):
    """A credential is blanked as text, in JSON, in JSON within JSON, and in a URL, whatever it looks like."""
    redaction = of(headers, query, body)
    nested = json.dumps({"text": SECRET})
    for text in (SECRET, json.dumps({"a": SECRET}), json.dumps({"a": nested}), "?k=my%22own%2Fkey%2B1%5Cx"):
        clean = redaction.text(f"before {text} after")
        assert "own" not in clean
        assert clean.startswith("before ")
        assert clean.endswith(" after")
    assert redaction.holds(json.dumps({"line": nested}).encode())


LOOKS = [
    f"Incorrect API key provided: {KEY}.",
    "Incorrect API key provided: sk-proj-********9aBc.",
    "sk-ant-api03-abcdefgh1jklmnop",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "gsk_abcdefgh1234567890",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer abcdef0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    '{"access_token": "whatever it is"}',
    '{"Refresh-Token":"what \\"ever\\" it is"}',
]


@pytest.mark.parametrize("text", LOOKS)
def test_what_looks_like_a_credential_is_blanked(text: str):
    """Nobody's key gets into the file, whoever it belongs to."""
    clean = Redaction([]).text(text)
    assert "[redacted]" in clean
    for part in ("abc", "9aBc", "1234", "FODNN", "ever", "c2lnb", "SyA"):
        assert part not in clean


PLAIN = [
    "The words sk-learn, risk-averse-people and Bearer authentication are no keys.",
    '{"max_tokens": 5, "token": "Hello", "logprob": -0.1, "total_tokens": 7}',
    "me@example.com, +49 30 1234567",  # personal data is no credential
    '{"secret": 5, "password": ""}',
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_credential_stays(text: str):
    """An answer is played as it was said."""
    redaction = of({"authorization": f"Bearer {KEY}", "user-agent": "Hello", "x-mode": "me@example.com"})
    assert text == redaction.text(text)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 90), max_size=8))
def test_a_credential_is_found_however_a_stream_is_cut(cuts: list[int]):
    """Wherever the pieces end, the same is left of them together, and there are as many of them."""
    whole = f"data: a {KEY} b {SECRET} c {KEY}\n\n".encode()
    places = sorted({0, *[cut for cut in cuts if cut < len(whole)], len(whole)})
    pieces = [whole[first:last] for first, last in itertools.pairwise(places)]
    clean = of({"x-api-key": SECRET}).response(pieces, text=True)
    assert b"data: a [redacted] b [redacted] c [redacted]\n\n" == b"".join(clean)
    assert len(pieces) == len(clean)


def test_a_credential_spelt_by_a_stream_is_not_written():
    """When a model says the caller's own key token by token, no blank helps: the exchange is given up."""
    redaction = of({"authorization": f"Bearer {KEY}"})
    events = [f'data: {{"choices":[{{"delta":{{"content":"{KEY[at : at + 4]}"}}}}]}}\n\n' for at in range(0, 24, 4)]
    with pytest.raises(CredentialLeftError, match="spells"):
        redaction.response([each.encode() for each in events], text=True)
    lines = b'[{"t": "sk-proj-abc"},\n{"t": "DEF123456"}]'
    with pytest.raises(CredentialLeftError, match="spells"):
        redaction.response([lines], text=True)
    harmless = [each.encode() for each in events[:3]]
    assert harmless == redaction.response(harmless, text=True)


def test_binary_frames_are_not_changed():
    """A checksum would no longer hold: with a credential in them they are given up, else they are as they were."""
    redaction = of({"authorization": f"Bearer {KEY}"})
    assert [b"\x00\xff"] == redaction.response([b"\x00\xff"], text=False)
    with pytest.raises(CredentialLeftError, match="frames"):
        redaction.response([b"\x00" + KEY.encode()], text=False)


def test_headers_of_a_response():
    """Cookies go, identifiers of the customer and credentials are blanked; limits, counts and request ids stay."""
    headers = [
        ("set-cookie", "__cf_bm=1"),
        ("openai-organization", "org-1"),
        ("x-auth-token", "abc"),
        ("x-echo", KEY),
        ("x-ratelimit-remaining-tokens", "5"),
        ("x-amzn-bedrock-input-token-count", "17"),
        ("x-token-count", "abc"),
        ("x-request-id", "req_1"),
        ("www-authenticate", "Bearer realm"),
    ]
    assert {
        "openai-organization": "[redacted]",
        "x-auth-token": "[redacted]",
        "x-echo": "[redacted]",
        "x-ratelimit-remaining-tokens": "5",
        "x-amzn-bedrock-input-token-count": "17",
        "x-token-count": "[redacted]",
        "x-request-id": "req_1",
        "www-authenticate": "Bearer realm",
    } == dict(Redaction([]).headers(headers))


def test_a_document_stays_a_document():
    """A kept prompt is JSON still, without the credentials in it."""
    asked = {"messages": [{"content": f"use {KEY} and {SECRET}"}], "n": 1}
    clean = of({"x-api-key": SECRET}).document(asked)
    assert {"messages": [{"content": "use [redacted] and [redacted]"}], "n": 1} == clean


def test_short_words_and_endless_lists():
    """A word of a few letters would blank half an answer; of very many, the longest are looked for."""
    assert Redaction(["abc"]).text("abc") == "abc"
    many = Redaction(["x" * length for length in range(6, SECRETS_MAX + 100)])
    assert SECRETS_MAX == len(many.secrets)


@settings(deadline=None, derandomize=True)
@given(
    st.binary(max_size=80),
    st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=3),
    st.binary(max_size=20),
)
def test_any_request_can_be_redacted(body: bytes, headers: dict[str, str], query: bytes):
    """Nothing a caller sends makes the recorder stumble."""
    redaction = Redaction.of({**headers, "authorization": "Basic ???"}, query, body)
    redaction.text("\ud800 text")
    redaction.chunks([body, query])
