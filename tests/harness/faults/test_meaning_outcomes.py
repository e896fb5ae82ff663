"""What the load makes of the faults of meaning, if a router passes them on as they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from banstorm.harness.load.openai_chat import OpenAIChatStream, read_completion
from banstorm.harness.load.outcome import Ending, judge

sys.path.insert(0, str(Path(__file__).parent))
from spoilt import ask_of, joined, said, spoil


def played(fault, dialect, ask, **parameters):
    """What becomes of what the fake says."""
    headers, pieces = said(dialect, ask)
    return spoil(fault, dialect, ask, pieces, headers, **parameters)[0]


OUTCOMES = [
    ("refusal", {}, {"text": "truncated", "json": "truncated", "tool": "truncated"}),
    ("empty_answer", {}, {"text": "truncated", "json": "truncated", "tool": "truncated"}),
    ("swapped_answer", {}, {"text": "foreign", "json": "foreign", "tool": "foreign"}),
    ("answer_shortened", {"to": "4 tokens"}, {"text": "shortened", "json": "shortened", "tool": "shortened"}),
    ("schema_ignored", {"form": "prose"}, {"text": "ok", "json": "corrupted", "tool": "corrupted"}),
    ("schema_ignored", {"form": "fenced"}, {"text": "ok", "json": "corrupted", "tool": "corrupted"}),
    ("schema_ignored", {"form": "missing"}, {"text": "ok", "json": "corrupted", "tool": "corrupted"}),
    ("wrong_model", {}, {"text": "ok", "json": "ok", "tool": "ok"}),
    ("usage_wrong", {}, {"text": "ok", "json": "ok", "tool": "ok"}),
    ("drift", {"named": "azure_empty_first_chunk"}, {"text": "ok", "json": "ok", "tool": "ok"}),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("shape", ["text", "json", "tool"])
@pytest.mark.parametrize(("fault", "parameters", "outcomes"), OUTCOMES)
def test_the_load_takes_it_for_what_it_is(fault, parameters, outcomes, shape, stream):
    """A router that passes the answer on as it is: the outcome that its caller's row gets."""
    ask = ask_of(shape, stream=stream, include_usage=True)
    steps = played(fault, "openai", ask, **parameters)
    if stream:
        reader = OpenAIChatStream()
        reader.feed(joined(steps))
        reader.close()
        heard = reader.heard
    else:
        heard = read_completion(json.loads(joined(steps)))
    verdict = judge(ask.mark, heard, Ending.COMPLETE, 200, latency_ns=1, deadline_ns=2)
    assert outcomes[shape] == verdict.outcome
    assert (outcomes[shape] == "ok") == verdict.good
    if fault == "wrong_model":
        assert "some-model-mini" == heard.model
    if fault == "usage_wrong":
        assert 60 == heard.output_tokens


def test_a_model_that_declines_in_a_text_is_corruption():
    """Where a refusal is an ordinary text, a text call's words are nobody's: corrupted, as the table says."""
    ask = ask_of()
    steps = played("refusal", "groq", ask)
    verdict = judge(
        ask.mark, read_completion(json.loads(joined(steps))), Ending.COMPLETE, 200, latency_ns=1, deadline_ns=2
    )
    assert "corrupted" == verdict.outcome
