"""Drifts and faults of meaning over real connections: framed streams, JSON shapes, and who is billed for what."""

from __future__ import annotations

import json

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, Mark, Shape, expected
from banstorm.fakes.dialects import find

RUN = "7f3a9c"
HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
PATHS = {
    ("bedrock", False): "/model/m/converse",
    ("bedrock", True): "/model/m/converse-stream",
    ("gemini", False): "/v1beta/models/m:generateContent",
    ("gemini", True): "/v1beta/models/m:streamGenerateContent?alt=sse",
}


def request(dialect, *, stream):
    """A whole request for six words, as Bedrock or Gemini take it."""
    mark = Mark(RUN, 12, Shape.TEXT, 6).render()
    body = {"messages": [{"role": "user", "content": [{"text": mark}]}]}
    if dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": mark}]}]}
    key = find(dialect).key_example
    auth = f"x-goog-api-key: {key}" if dialect == "gemini" else f"authorization: Bearer {key}"
    data = json.dumps(body).encode()
    head = f"POST {PATHS[dialect, stream]} HTTP/1.1\r\nhost: 127.0.0.1\r\n{auth}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


@pytest.mark.parametrize("host_name", HOSTS)
def test_frames_and_chunks_arrive_drifted(stage, scenario_of, host_name):
    """Bedrock's frames and Gemini's chunks come whole over the wire, changed, with the headers changed, too."""
    timeline = [
        {"at": "0s", "on": "gemini", "fault": "drift", "with": {"named": "gemini_no_candidates"}},
        {
            "at": "0s",
            "on": "bedrock",
            "fault": "drift",
            "with": {
                "operations": [{"op": "rename", "path": "/usage", "to": "used"}],
                "headers": [{"op": "rename", "name": "x-amzn-requestid", "to": "x-request"}],
            },
        },
    ]
    host = stage.host(host_name, scenario_of(timeline, {"gemini": "gemini", "bedrock": "bedrock"}))
    for stream in (False, True):
        for dialect in ("gemini", "bedrock"):
            got = host.ask(dialect, request(dialect, stream=stream))
            assert ("complete", 200) == (got.ended, got.status)
            found = []
            if stream:
                events, rest = find(dialect).split_events(got.body)
                assert b"" == rest
                for event in events:
                    find(dialect).map_event(event, lambda payload, found=found: found.append(payload) or payload)
            else:
                found = [json.loads(got.body)]
            if dialect == "gemini":
                assert found
                assert not any("candidates" in each for each in found)
            else:
                assert 1 == sum("used" in each for each in found)
                assert not any("usage" in each for each in found)
                assert 6 == got.body.count(b"~")
                assert got.header("x-request")
                assert got.header("x-amzn-requestid") is None
    host.stop()
    assert [2, 2] == [row["bites"] for row in host.child.rows("faults")]
    assert 4 == len(host.fakes.rows("invoices"))


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_shortened_stream_ends_early_and_is_billed_for_its_part(stage, scenario_of, request_of, host_name, provider):
    """The stream ends well after three words; the provider, left in the middle, bills what it had produced."""
    entry = {"at": "0s", "on": provider, "fault": "answer_shortened", "with": {"to": "3 tokens"}}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=20))
    got = host.ask(provider, request_of(provider, 1, stream=True, words=500))
    invoice = host.fakes.wait_for_row("invoices")
    attempt = host.child.wait_for_row("attempts")
    host.stop()
    assert ("complete", 200) == (got.ended, got.status)
    assert 3 == got.body.count(b"~") == attempt["delivered_tokens"]
    assert (b"max_tokens" if provider == "anthropic" else b'"length"') in got.body
    assert 3 <= invoice["produced_tokens"] < 500


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
def test_answers_of_meaning_are_billed_as_ever(stage, scenario_of, request_of, host_name, stream):
    """Another's answer, none, a refusal and another form: each attempt is billed for what the model would have said."""
    faults = ("swapped_answer", "empty_answer", "refusal", "schema_ignored")
    timeline = [{"at": "0s", "on": "openai", "fault": name, "model": name} for name in faults]
    host = stage.host(host_name, scenario_of(timeline))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA}}
    bodies = {}
    for name in faults:
        more = {"response_format": form} if name == "schema_ignored" else {}
        got = host.ask("openai", request_of("openai", 7, stream=stream, words=6, model=name, **more))
        assert ("complete", 200) == (got.ended, got.status)
        bodies[name] = got.body
    host.stop()
    theirs = expected(Mark(RUN, 6, Shape.TEXT, 6), "openai").split()
    assert all(word.encode() in bodies["swapped_answer"] for word in theirs)
    assert [0, 0, 6] == [bodies[name].count(b"~") for name in ("empty_answer", "refusal", "schema_ignored")]
    assert b'"refusal":"I' in bodies["refusal"]
    assert b"Sure!" in bodies["schema_ignored"]
    assert [6] * 4 == [row["produced_tokens"] for row in host.fakes.rows("invoices")]
    assert [1] * 4 == [row["bites"] for row in host.child.rows("faults")]
