"""A stream in binary frames on its way through a plan: faults act on it as on any other stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.harness.faults.base import Cut
from banstorm.harness.faults.timeline import Timeline

T0 = 1_000_000_000_000
BEDROCK = dialects.find("bedrock")
MARK = Mark("7f3a9c", 12, Shape.TEXT, 6)
PATH = "/model/m/converse-stream"
HEADERS = {
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIABANSTORMBANSTORM/20261120/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=host, Signature=5d0e11aa"
}


@pytest.fixture
def play(scenario_of):
    """Plays entries on an unspoilt stream, some bytes at a time: the plan, the stream's frames, and the steps."""

    def make(*entries: dict[str, Any], bytes_at_once: int = 1):
        scenario = scenario_of([{"at": "0s", "on": "bedrock", **entry} for entry in entries], {"bedrock": "bedrock"})
        timeline = Timeline(scenario, run="7f3a9c", seed=1, dialects={"bedrock": BEDROCK})
        timeline.start(T0)
        question = json.dumps({"messages": [{"role": "user", "content": [{"text": MARK.render()}]}]}).encode()
        plan = timeline.plan("bedrock", "POST", PATH, headers=HEADERS, body=question, received_ns=T0)
        ask = BEDROCK.read("POST", PATH, HEADERS, question)
        answer = compose(ask, "bedrock", id_seed=7, created_s=0)
        events = [event.data for event in BEDROCK.stream(ask, answer)]
        status, headers, body = plan.respond_head(*BEDROCK.stream_head(ask, answer))
        assert status == 200
        assert dict(headers)["content-type"] == "application/vnd.amazon.eventstream"
        assert body is not None
        assert body.streamed
        whole = b"".join(events)
        steps = [
            step for at in range(0, len(whole), bytes_at_once) for step in body.feed(whole[at : at + bytes_at_once])
        ]
        return plan, events, steps + body.close()

    return make


@pytest.mark.parametrize("bytes_at_once", [1, 100, 10_000])
def test_field_renamed(play, bytes_at_once):
    """Each frame with the answer's key has it renamed, under lengths and checksums that hold; the rest keep theirs."""
    plan, events, steps = play({"fault": "field_renamed"}, bytes_at_once=bytes_at_once)
    assert len(events) == len(steps)
    assert ["0:field_renamed"] == plan.record.fault_ids
    for event, step in zip(events, steps, strict=True):
        assert (b"~" in event) == (event != step)
        assert b'"text":' not in step
        assert ([step], b"") == BEDROCK.split_events(step)
    assert MARK.words == b"".join(steps).count(b"~")


@pytest.mark.parametrize(("after", "frames"), [("0 tokens", 0), ("2 tokens", 3), ("6 tokens", 7), ("4 events", 4)])
def test_stream_cut(play, after, frames):
    """A cut falls behind whole frames, counted by their words or by themselves."""
    plan, events, steps = play({"fault": "stream_cut", "with": {"after": after}})
    assert [*events[:frames], Cut()] == steps
    assert ["0:stream_cut"] == plan.record.fault_ids


def test_both(play):
    """A stream may be renamed and cut at once, and what got through is counted exactly."""
    plan, events, steps = play({"fault": "field_renamed"}, {"fault": "stream_cut", "with": {"after": "3 tokens"}})
    *passed, cut = steps
    assert isinstance(cut, Cut)
    assert len(passed) == 4
    plan.record.deliver(b"".join(passed))
    assert 3 == plan.record.delivered_tokens
    assert ["0:field_renamed", "1:stream_cut"] == plan.record.fault_ids
    assert events[0] == passed[0]


def test_a_torn_frame_is_passed_on_at_the_end(scenario_of):
    """A stream that stops inside a frame loses no byte to the filter."""
    scenario = scenario_of([{"at": "0s", "on": "bedrock", "fault": "field_renamed"}], {"bedrock": "bedrock"})
    timeline = Timeline(scenario, run="7f3a9c", seed=1, dialects={"bedrock": BEDROCK})
    timeline.start(T0)
    plan = timeline.plan("bedrock", "POST", PATH, headers=HEADERS, body=b"{}", received_ns=T0)
    _, _, body = plan.respond_head(200, [("content-type", "application/vnd.amazon.eventstream")])
    torn = BEDROCK.error_event("overloaded", {}, id_seed=1)[:-5]
    assert [] == body.feed(torn)
    assert [torn] == body.close()
