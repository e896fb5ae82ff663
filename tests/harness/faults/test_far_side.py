"""Every fault, seen from the far side: what a caller on a raw socket gets, read without any code of ours.

A fault that nobody has seen bite may do nothing. `test_every_fault_has_been_seen` walks the fault files and fails for
one that has no observation here. The hosts are equal byte by byte (test_hosts_equal.py), so that one is asked; doors,
which belong to a host, are tried at both.
"""

from __future__ import annotations

import ast
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, Mark, Shape
from banstorm.fakes.dialects import find
from banstorm.harness import faults

WORDS = 24
WHOLE = list(range(1, WORDS + 1))
"""The places of an answer's words."""
WAIT_S = 20.0
HUNG_S = 1.0
KNOCK_S = 0.1
REFUSALS: list[tuple[str, str, dict[str, Any], int, bytes]] = [
    # fault, dialect, parameters, status, and words of the vendor's (docs/providers.md has where they were documented)
    ("bad_gateway", "openai", {}, 502, b'"type":"cf_bad_gateway"'),
    ("bad_gateway_page", "anthropic", {}, 502, b"<h1>502 Bad Gateway</h1>"),
    ("billing_problem", "anthropic", {}, 402, b'"type":"billing_error"'),
    ("billing_problem", "openai", {}, 429, b'"code":"billing_hard_limit_reached"'),
    ("brownout", "anthropic", {"refused": "100%", "delay": "10ms", "full_after": "1ms"}, 529, b"Overloaded"),
    ("capacity_exceeded", "groq", {}, 498, b'"code":"capacity_exceeded"'),
    ("content_filtered", "anthropic", {}, 400, b"Output blocked by content filtering policy"),
    ("content_filtered", "openai", {}, 400, b'"code":"invalid_prompt"'),
    ("context_too_long", "anthropic", {}, 400, b"prompt is too long"),
    ("context_too_long", "openai", {}, 400, b'"code":"context_length_exceeded"'),
    ("daily_limited", "openai", {}, 429, b"on requests per day (RPD)"),
    ("edge_page", "anthropic", {}, 520, b"520: Web server is returning an unknown error"),
    ("error_in_200", "openrouter", {}, 200, b'"error":{"code":502'),
    ("key_revoked", "anthropic", {}, 401, b'"type":"authentication_error"'),
    ("max_tokens_lowered", "anthropic", {"to": "20 tokens"}, 400, b"max_tokens: 4096 > 20"),
    ("model_not_found", "openai", {}, 404, b'"code":"model_not_found"'),
    ("model_retired", "anthropic", {}, 404, b'"type":"not_found_error"'),
    ("oauth_expired", "anthropic", {}, 401, b"OAuth token has expired"),
    ("oauth_revoked", "anthropic", {}, 403, b"OAuth token has been revoked"),
    ("org_disabled", "anthropic", {}, 400, b"This organization has been disabled."),
    ("overloaded", "anthropic", {}, 529, b'"type":"overloaded_error"'),
    ("overloaded", "openai", {}, 503, b'"code":"server_is_overloaded"'),
    ("permission_denied", "anthropic", {}, 403, b'"type":"permission_error"'),
    ("quota_exhausted", "anthropic", {}, 400, b"credit balance is too low"),
    ("quota_exhausted", "openai", {}, 429, b'"type":"insufficient_quota"'),
    ("ramp_limited", "anthropic", {}, 429, b'"error_code":"ramp_limit_exceeded"'),
    ("rate_limited", "anthropic", {"retry_after": "2s"}, 429, b'"type":"rate_limit_error"'),
    ("region_blocked", "anthropic", {}, 403, b"Request not allowed"),
    ("request_over_limit", "groq", {"above": "5 tokens"}, 413, b"Limit 5, Requested"),
    ("server_error", "openai", {}, 500, b"The server had an error while processing your request."),
    ("shorter_context", "anthropic", {"above": "5 tokens"}, 400, b"tokens > 5 maximum"),
    ("spend_capped", "anthropic", {}, 400, b"You have reached your specified API usage limits."),
    ("third_party_refused", "anthropic", {}, 400, b"Third-party apps now draw from your extra usage"),
    ("tier_capped", "anthropic", {}, 429, b'"error_code":"enforced_spend_limit_reached"'),
    ("timeout", "anthropic", {"after": "20ms"}, 504, b'"type":"timeout_error"'),
    ("tool_call_failed", "groq", {}, 400, b'"code":"tool_use_failed"'),
    ("unsupported_parameter", "openai", {}, 400, b'"code":"unsupported_parameter"'),
    ("upstream_error", "groq", {}, 424, b"Failed dependency"),
    ("window_drained", "openai", {}, 429, b'"type":"usage_limit_reached"'),
]


@dataclass(frozen=True)
class Seen:
    """What a caller got of a plain and of a streamed answer, and which calls it made."""

    plain: Any
    stream: Any
    calls: tuple[int, int]

    @property
    def data(self) -> Any:
        """The plain answer's JSON."""
        return json.loads(self.plain.body)

    @property
    def events(self) -> list[Any]:
        """The payloads of the stream's events."""
        lines = self.stream.body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]

    @property
    def said(self) -> str:
        """The plain answer's text."""
        return str(self.data["content"][0]["text"])

    @property
    def told(self) -> str:
        """The streamed answer's text."""
        return "".join(each["delta"].get("text", "") for each in self.events if each["type"] == "content_block_delta")

    def holds(self, plain: list[int], stream: list[int]) -> bool:
        """Whether the answers are the asked calls', with the words of these places and no others."""
        theirs = [_places(self.said), _places(self.told)]
        return theirs == [[(self.calls[0], k) for k in plain], [(self.calls[1], k) for k in stream]]


def _places(text: str) -> list[tuple[int, int]]:
    """The call and the place of each word."""
    return [(int(word.split(".")[1]), int(word.split(".")[3])) for word in text.split()]


def _no_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return True
    return False


def _unpackable(got: Any) -> bool:
    try:
        gzip.decompress(got.body)
    except (OSError, EOFError, zlib.error):
        return got.header("content-encoding") == "gzip"
    return False


def _broken_lines(seen: Seen) -> int:
    lines = [line[6:] for line in seen.stream.body.decode().splitlines() if line.startswith("data: ")]
    return sum(_no_json(line.encode()) for line in lines)


def _swapped(seen: Seen) -> bool:
    theirs = [{call for call, _ in _places(text)} for text in (seen.said, seen.told)]
    return all(len(each) == 1 for each in theirs) and theirs != [{call} for call in seen.calls]


def _exchanged(seen: Seen) -> bool:
    found = [k for _, k in _places(seen.told)]
    return found == [*range(1, 9), 10, 9, *range(11, 25)]


Look = Callable[[Seen], bool]
EFFECTS: dict[str, tuple[dict[str, Any], Look]] = {
    # fault, at Anthropic: parameters, and what must be true of what the caller got
    "answer_shortened": (
        {},
        lambda seen: seen.holds(WHOLE[:8], WHOLE[:8]) and seen.data["stop_reason"] == "max_tokens",
    ),
    "connection_reset": ({}, lambda seen: (seen.plain.ended, seen.stream.ended) == ("refused", "refused")),
    "content_type_changed": (
        {},
        lambda seen: "text/event-stream" not in seen.stream.header("content-type") and seen.holds(WHOLE, WHOLE),
    ),
    "drift": (
        {"operations": [{"op": "rename", "path": "/usage", "to": "used"}]},
        lambda seen: "usage" not in seen.data and seen.data["used"]["output_tokens"] == WORDS,
    ),
    "duplicated_event": ({}, lambda seen: seen.holds(WHOLE, [*WHOLE[:9], 9, *WHOLE[9:]])),
    "empty_200": ({}, lambda seen: {(each.status, each.body) for each in (seen.plain, seen.stream)} == {(200, b"")}),
    "empty_answer": ({}, lambda seen: seen.holds([], []) and seen.data["stop_reason"] == "end_turn"),
    "error_event": ({}, lambda seen: seen.events[-1]["type"] == "error" and 0 < len(_places(seen.told)) < WORDS),
    "field_renamed": ({}, lambda seen: "text" not in seen.data["content"][0] and seen.told == ""),
    "gzip_broken": ({}, lambda seen: _unpackable(seen.plain) and _unpackable(seen.stream)),
    "hang": ({}, lambda seen: {(each.status, each.ended) for each in (seen.plain, seen.stream)} == {(None, "hung")}),
    "hang_after_headers": (
        {},
        lambda seen: (
            {(each.status, each.ended, each.body) for each in (seen.plain, seen.stream)} == {(200, "hung", b"")}
        ),
    ),
    "html_200": ({}, lambda seen: seen.plain.status == 200 and seen.plain.body.startswith(b"<!DOCTYPE html>")),
    "malformed_event": ({}, lambda seen: _broken_lines(seen) == 1),
    "missing_terminator": (
        {},
        lambda seen: (
            seen.holds(WHOLE, WHOLE)
            and seen.stream.ended == "complete"
            and "message_stop" not in {each["type"] for each in seen.events}
        ),
    ),
    "model_aliased": ({}, lambda seen: seen.data["model"] == "model_aliased-20260101" and seen.holds(WHOLE, WHOLE)),
    "noop": ({}, lambda seen: seen.holds(WHOLE, WHOLE) and seen.data["model"] == "noop"),
    "refusal": ({}, lambda seen: seen.data["stop_reason"] == "refusal" and seen.holds([], [])),
    "reordered_events": ({}, _exchanged),
    "reset_mid_body": (
        {},
        lambda seen: (seen.plain.ended, seen.stream.ended) == ("cut", "cut") and len(_places(seen.told)) == 8,
    ),
    "slow_first_token": (
        {"delay": "150ms"},
        lambda seen: min(seen.plain.first_byte_s, seen.stream.first_byte_s) >= 0.15,
    ),
    "slow_tokens": (
        {"every": "5ms"},
        lambda seen: min(seen.plain.last_byte_s, seen.stream.last_byte_s) >= WORDS * 0.005,
    ),
    "slow_upload": ({"rate": "2KB/s"}, lambda seen: min(seen.plain.first_byte_s, seen.stream.first_byte_s) >= 0.05),
    "stream_cut": ({"after": "5 tokens"}, lambda seen: seen.holds(WHOLE, WHOLE[:5]) and seen.stream.ended == "cut"),
    "stream_stall": ({"after": "5 tokens"}, lambda seen: seen.holds(WHOLE, WHOLE[:5]) and seen.stream.ended == "hung"),
    "swapped_answer": ({}, _swapped),
    "trickle": (
        {"every": "1m", "after": "3 tokens"},
        lambda seen: (
            seen.stream.ended == "hung" and seen.stream.body.endswith(b'event: ping\ndata: {"type": "ping"}\n\n')
        ),
    ),
    "truncated_json": ({}, lambda seen: seen.plain.ended == "complete" and _no_json(seen.plain.body)),
    "usage_missing": ({}, lambda seen: "usage" not in seen.data and b'"usage"' not in seen.stream.body),
    "usage_wrong": ({}, lambda seen: seen.data["usage"]["output_tokens"] != WORDS and seen.holds(WHOLE, WHOLE)),
    "wrong_model": ({}, lambda seen: seen.data["model"] == "wrong_model-mini" and seen.holds(WHOLE, WHOLE)),
}
HANGS = frozenset({"hang", "hang_after_headers", "stream_stall", "trickle"})
DOORS = {"connection_refused": ConnectionRefusedError, "unreachable": TimeoutError}
"""What a caller meets that connects."""
BY_THEMSELVES = frozenset({"schema_ignored", "oauth_refresh_down"})
"""Faults that show in requests of another kind: they have a test each below."""
ELSEWHERE = {"tls_broken": ("intercept/test_front_doors.py", "test_a_handshake_is_broken_as_asked")}
"""Faults that need another stage, and the test that sees them from there."""


@pytest.fixture(scope="module")
def host(long_stage, scenario_of):
    """The inline host, with a model for each case."""
    timeline = [
        {"at": "0s", "on": dialect, "fault": fault, "with": parameters, "model": f"{fault}-{dialect}"}
        for fault, dialect, parameters, *_ in REFUSALS
    ]
    timeline += [
        {"at": "0s", "on": "anthropic", "fault": fault, "with": parameters, "model": fault}
        for fault, (parameters, _) in EFFECTS.items()
    ]
    timeline += [{"at": "0s", "on": "openai", "fault": "schema_ignored", "model": "ignored"}]
    timeline += [{"at": "0s", "on": "anthropic", "fault": "oauth_refresh_down", "path": "/v1/oauth/"}]
    dialects = ("anthropic", "openai", "groq", "openrouter")
    host = long_stage.host("inline", scenario_of(timeline, {name: name for name in dialects}))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def seen(host, request_of) -> dict[str, Seen]:
    """What each fault of `EFFECTS` makes of an answer, plain and streamed."""

    def look(number: int, fault: str) -> Seen:
        calls = (2 * number + 2, 2 * number + 3)
        wait_s = HUNG_S if fault in HANGS else WAIT_S
        got = [
            host.ask("anthropic", request_of("anthropic", call, stream=stream, model=fault), wait_s)
            for call, stream in zip(calls, (False, True), strict=True)
        ]
        return Seen(got[0], got[1], calls)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(EFFECTS, pool.map(look, range(len(EFFECTS)), EFFECTS), strict=True))


def test_every_fault_has_been_seen():
    """No fault file without an observation: of what a caller gets, of its connection, or of its TLS handshake."""
    observed = {each[0] for each in REFUSALS} | set(EFFECTS) | set(DOORS) | BY_THEMSELVES | set(ELSEWHERE)
    assert set(faults.names()) == observed


@pytest.mark.parametrize(("name", "place"), ELSEWHERE.items())
def test_what_is_seen_elsewhere_is_seen_there(name, place):
    """The test that is named is there, and plays the fault."""
    file, test = place
    tree = ast.parse((Path(__file__).parent / file).read_text("utf-8"))
    (found,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == test]
    assert name in {each.value for each in ast.walk(found) if isinstance(each, ast.Constant)}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("index", range(len(REFUSALS)), ids=[f"{each[0]}-{each[1]}" for each in REFUSALS])
def test_a_refusal_arrives(host, request_of, index, stream):
    """The status and the vendor's words, whole, whether a stream was asked for or not."""
    fault, dialect, _, status, words = REFUSALS[index]
    got = host.ask(dialect, request_of(dialect, 1000 + 2 * index + stream, stream=stream, model=f"{fault}-{dialect}"))
    assert (status, "complete") == (got.status, got.ended)
    assert words in got.body
    assert (fault == "rate_limited") == (got.header("retry-after") == "2")


@pytest.mark.parametrize("fault", EFFECTS)
def test_an_effect_shows(seen, fault):
    """What the fault promises is what the caller got."""
    assert EFFECTS[fault][1](seen[fault]), (seen[fault].plain, seen[fault].stream)


@pytest.mark.parametrize("host_name", [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"])
def test_a_door_is_shut(stage, scenario_of, host_name):
    """A caller that connects is refused, or never hears of it."""
    timeline = [{"at": "0s", "on": fault, "fault": fault} for fault in DOORS]
    host = stage.host(host_name, scenario_of(timeline, dict.fromkeys([*DOORS, "open"], "openai")))
    for fault, error in DOORS.items():
        with pytest.raises(error):
            socket.create_connection(("127.0.0.1", host.ports[fault]), timeout=KNOCK_S)
    socket.create_connection(("127.0.0.1", host.ports["open"]), timeout=WAIT_S).close()
    host.stop()


def test_an_answer_ignores_the_schema(host, request_of):
    """What was asked for as JSON of a form is none, where another model's is."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA}}
    said = {}
    for call, model in ((2001, "ignored"), (2002, "another")):
        mark = [{"role": "user", "content": Mark("7f3a9c", call, Shape.JSON, 6).render()}]
        got = host.ask(
            "openai", request_of("openai", call, stream=False, model=model, messages=mark, response_format=form)
        )
        said[model] = json.loads(got.body)["choices"][0]["message"]["content"].encode()
    assert not _no_json(said["another"])
    assert _no_json(said["ignored"])


def test_a_refresh_fails_and_a_call_does_not(host, request_of, seen):
    """The token endpoint answers 503 while the API itself works, as all other answers here show."""
    data = b"grant_type=refresh_token&refresh_token=x"
    head = f"POST /v1/oauth/token HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {find('anthropic').key_example}\r\n"
    form = f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(data)}\r\n\r\n"
    got = host.ask("anthropic", (head + form).encode() + data)
    assert (503, "complete") == (got.status, got.ended)
    assert seen["noop"].plain.status == 200
