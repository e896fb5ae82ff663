"""What each fault of streams does to the streams of every vendor, in each of their forms."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from banstorm.fakes.dialects.base import UnknownFailureError
from banstorm.harness import faults
from banstorm.harness.faults.base import Cut, End, Pause, Reset, Stall
from banstorm.harness.faults.landmarks import Landmark, landmark

from .streams import FORMS, WORDS, Unspoilt, spoil, text, unspoilt

PLACES = ["headers", "3 tokens", "content", "finish", "end"]
LEFT_ALONE = [
    ("stream_cut", {"after": "headers"}),
    ("stream_stall", {"after": "headers"}),
    ("malformed_event", {"after": "headers"}),
    ("missing_terminator", {}),
    ("duplicated_event", {"after": "headers"}),
    ("reordered_events", {"after": "headers"}),
    ("error_event", {"after": "headers"}),
]
"""Faults of streams alone."""


def events_of(answer: Unspoilt, steps: list[Any]) -> list[bytes]:
    """The events in steps; every byte belongs to one."""
    events, rest = answer.dialect.split_events(text(steps))
    assert b"" == rest
    return events


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", PLACES)
@pytest.mark.parametrize(
    ("name", "parameters", "last"),
    [
        ("stream_cut", {}, Cut()),
        ("stream_stall", {}, Stall()),
        ("reset_mid_body", {}, Reset()),
        ("reset_mid_body", {"how": "close"}, Cut()),
    ],
)
def test_an_end_at_each_place(form, after, name, parameters, last):
    """The same bytes get through whatever comes then, and it comes last, once."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, name, after=after, **parameters)
    reference, _ = spoil(answer, "reset_mid_body", after=after)
    assert 1 <= bites
    assert last == steps[-1]
    assert not any(isinstance(step, Cut | Reset | Stall | End | Pause) for step in steps[:-1])
    assert text(reference) == text(steps)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "parameters"), LEFT_ALONE)
def test_plain_answers_pass(form, name, parameters):
    """A fault of streams leaves a plain answer alone."""
    answer = unspoilt(form, stream=False)
    assert (answer.pieces, 0) == spoil(answer, name, **parameters)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", ["headers", "3 tokens"])
def test_malformed_event(form, after):
    """One event loses its payload, those around it stay byte for byte, and the words before it are whole."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, "malformed_event", after=after)
    assert 1 == bites
    changed = [index for index, (was, now) in enumerate(zip(answer.pieces, steps, strict=True)) if was != now]
    (index,) = changed
    if form.startswith("bedrock"):
        frame = steps[index]
        assert len(frame) == int.from_bytes(frame[:4], "big")
        assert zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big")
    else:
        data = steps[index].strip().rpartition(b"data: ")[2].lstrip(b"[,\r\n")
        with pytest.raises(json.JSONDecodeError):
            json.loads(data)
        assert steps[index].endswith(b"\n\n") == answer.pieces[index].endswith(b"\n\n")
    words = 3 if after == "3 tokens" else 0
    assert words == text(steps[:index]).count(b"~")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("times", [1, 3])
def test_duplicated_event(form, times):
    """The fourth word comes again as often as asked for, in an event of its own that is whole, right behind itself."""
    answer = unspoilt(form)
    steps, _ = spoil(answer, "duplicated_event", after="3 tokens", times=times)
    events = events_of(answer, steps)
    assert len(answer.pieces) + times == len(events)
    at = next(index for index, event in enumerate(answer.pieces) if text(answer.pieces[: index + 1]).count(b"~") == 4)
    expected = [answer.payload(event) for event in answer.pieces]
    expected[at:at] = [expected[at]] * times
    assert expected == [answer.payload(event) for event in events]
    assert WORDS + times == text(events).count(b"~")
    if form == "gemini array":
        assert len(expected) - 1 == len(json.loads(text(events)))  # the closing bracket is an event, too


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", ["headers", "3 tokens"])
def test_reordered_events(form, after):
    """Two events with payloads change places, and the whole can be read as before."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, "reordered_events", after=after)
    assert bites
    events = events_of(answer, steps)
    before = [found for event in answer.pieces if (found := answer.payload(event)) is not None]
    now = [found for event in events if (found := answer.payload(event)) is not None]
    moved = [index for index, pair in enumerate(zip(before, now, strict=True)) if pair[0] != pair[1]]
    first, second = moved
    assert first + 1 == second
    assert (before[first], before[second]) == (now[second], now[first])
    assert len(text(answer.pieces)) == len(text(steps))
    if form == "gemini array":
        assert len(now) == len(json.loads(text(events)))


@pytest.mark.parametrize("form", FORMS)
def test_reordered_events_at_the_end(form):
    """An event that nothing follows is not lost."""
    answer = unspoilt(form)
    steps, _ = spoil(answer, "reordered_events", after=f"{len(answer.pieces) - 1} events")
    assert text(answer.pieces) == text(steps)


@pytest.mark.parametrize("form", FORMS)
def test_missing_terminator(form):
    """All words come, and nothing that ends the stream; the response itself ends properly."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, "missing_terminator")
    events = events_of(answer, steps)
    assert bites
    assert WORDS == text(events).count(b"~")
    assert not {Landmark.TERMINATOR, Landmark.LAST_CONTENT} & {landmark(answer.dialect, event) for event in events}
    kept = [event for event in answer.pieces if landmark(answer.dialect, event) is not Landmark.TERMINATOR]
    if form in {"gemini", "gemini array"}:
        assert b"finishReason" not in text(events)
        assert kept[:-1] == events[:-1]
    else:
        assert kept == events


@pytest.mark.parametrize("form", FORMS)
def test_missing_ending(form):
    """Nothing follows the last word: neither the finish reason nor the usage; what comes before it is all there."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, "missing_terminator", what="ending")
    events = events_of(answer, steps)
    last = max(index for index, event in enumerate(answer.pieces) if b"~" in event)
    assert bites
    assert answer.pieces[:last] == events[:-1]
    assert landmark(answer.dialect, events[-1]) is Landmark.CONTENT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", PLACES)
def test_error_event(form, after):
    """The vendor's own error comes at the place, as the request and the stream so far make it, and the stream ends."""
    answer = unspoilt(form)
    steps, _ = spoil(answer, "error_event", after=after)
    *passed, error, end = steps
    assert End() == end
    events = [*passed[:1], *passed[-1:]] if len(passed) > 1 else passed
    context = answer.context
    expected = context.dialect.error_event(
        "overloaded", {"now_s": context.wall_s}, id_seed=7, ask=answer.ask, after=b"".join(events)
    )
    assert expected == error
    reference, _ = spoil(answer, "stream_cut", after=after)
    assert text(reference) == text(passed)


def test_error_events_go_on_from_the_stream():
    """An error of the Responses API carries the next number; one of a Gemini array closes the array."""
    answer = unspoilt("openai responses")
    steps, _ = spoil(answer, "error_event", after="3 tokens")
    numbers = [answer.payload(step)["sequence_number"] for step in steps[:-1] if isinstance(step, bytes)]
    assert list(range(len(numbers))) == numbers[: len(numbers)]
    steps, _ = spoil(unspoilt("gemini array"), "error_event", after="3 tokens")
    *elements, error = json.loads(text(steps))
    assert 3 == len(elements)
    assert 503 == error["error"]["code"]


@pytest.mark.parametrize("form", FORMS)
def test_error_event_complains_of_what_the_vendor_has_not(form):
    """A failure that no vendor has, or words that it doesn't have for it, are told before anything starts."""
    dialect = unspoilt(form).dialect
    fault = faults.find("error_event")
    assert [] == list(fault().complaints(dialect))
    for wrong in ({"kind": "no_such_kind"}, {"variant": "no_such_words"}):
        complaints = list(fault.model_validate(wrong).complaints(dialect))
        with pytest.raises(UnknownFailureError):
            dialect.error_event(wrong.get("kind", "overloaded"), wrong, id_seed=0)
        assert [("with", "kind")] == [each.path for each in complaints]


@pytest.mark.parametrize("form", FORMS)
def test_usage_missing_in_streams(form):
    """No event tells what was used, and every word comes."""
    answer = unspoilt(form)
    steps, bites = spoil(answer, "usage_missing")
    events = events_of(answer, steps)
    assert bites
    assert WORDS == text(events).count(b"~")
    counted = ('"usage":{', '"usageMetadata":', '"usage": {', '"amazon-bedrock-invocationMetrics"')
    for event in events:
        payload = json.dumps(answer.payload(event))
        assert not any(sign in payload for sign in counted)
    assert len(answer.pieces) - len(events) in (0, 1)
    last = [landmark(answer.dialect, each[-1]) for each in (answer.pieces, events)]
    assert Landmark.USAGE not in last


@pytest.mark.parametrize("form", FORMS)
def test_usage_missing_in_plain_bodies(form):
    """The body lacks that key and nothing else."""
    answer = unspoilt(form, stream=False)
    (body,), bites = spoil(answer, "usage_missing")
    was, now = json.loads(answer.pieces[0]), json.loads(body)
    assert 1 == bites
    gone = was.keys() - now.keys()
    assert gone in ({"usage"}, {"usageMetadata"})
    if "x_groq" in was:
        was["x_groq"].pop("usage", None)
    assert {key: value for key, value in was.items() if key not in gone} == now


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_slow_tokens(form, stream):
    """Each word waits for its time, and every byte comes."""
    answer = unspoilt(form, stream=stream)
    steps, _ = spoil(answer, "slow_tokens", every="20ms")
    assert text(answer.pieces) == text(steps)
    waited_s = 0.0
    for step in steps:
        if isinstance(step, Pause):
            waited_s += step.seconds
        elif b"~" in step:
            words = text(steps[: steps.index(step) + 1]).count(b"~")
            assert words * 0.02 == pytest.approx(waited_s)
    assert WORDS * 0.02 == pytest.approx(waited_s)
