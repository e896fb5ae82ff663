"""The last known-good answer: off by default, marked, young, and nobody else's."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from banstorm.router import LLMRequest, LLMResponse
from banstorm.router.call_log import CallLog
from banstorm.router.messages import Native
from banstorm.router.policies.last_good import ANSWER_CHARS_MAX, LastGood
from banstorm.router.terms import CURRENT, Terms

ON = {"last_good": {"enabled": True}}
LANES = [SimpleNamespace(name="a", model="m")]
DRIFTED = {"type": "message", "content_v2": []}


def answered(words="well", **more):
    """A good answer."""
    return LLMResponse(words, "a", tokens_used=7, output_tokens=1, **more)


@pytest.fixture
def known():
    """Two answers at most, for ten seconds, on a clock that stands still unless it is moved."""
    now = [0.0]
    made = LastGood(2, 10.0, lambda: now[0])
    made.now = now
    return made


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (LLMRequest("hello"), True),
        (LLMRequest("hello", metadata={"trace": 1}), True),
        (LLMRequest("hello", extra={"user": "u", "stream": True}), True),
        (LLMRequest("hello!"), False),
        (LLMRequest("hello", temperature=0.1), False),
        (LLMRequest("hello", terms=Terms(caller="other")), False),
        (LLMRequest("hello", native=Native("anthropic", {"messages": []})), False),
        (LLMRequest("hello", operation="embeddings"), False),
        (LLMRequest("hello", operation="service"), False),
        (LLMRequest("hello", extra={"x": float("nan"), "y": object()}), False),
    ],
)
def test_only_the_same_question_of_the_same_caller(known, other, same):
    """What changes the answer, or who asks, makes another question."""
    known.keep(LLMRequest("hello"), answered(), LANES[0])
    assert same == (known.find(other, LANES) is not None)


def test_it_grows_old(known):
    """An answer says how old it is, and is none beyond the limit; an exception to both isn't made."""
    request = LLMRequest("hello", metadata={"trace": 2})
    known.keep(LLMRequest("hello"), answered(notes=("dropped seed",)), LANES[0])
    known.now[0] = 9.6
    found = known.find(request, LANES)
    assert ("well", ("dropped seed", "last known-good answer, 10 s old"), {"trace": 2}, 0) == (
        found.content,
        found.notes,
        found.metadata,
        found.tokens_used,
    )
    known.now[0] = 10.1
    assert known.find(request, LANES) is None


def test_it_is_bounded(known):
    """The answer that was used least lately goes first, and a huge one isn't kept."""
    for n in range(3):
        known.keep(LLMRequest(str(n)), answered(str(n)), LANES[0])
        known.find(LLMRequest("0"), LANES)
    assert ["0", None, "2"] == [
        found and found.content for found in (known.find(LLMRequest(str(n)), LANES) for n in range(3))
    ]
    known.keep(LLMRequest("big"), answered("x" * (ANSWER_CHARS_MAX + 1)), LANES[0])
    assert known.find(LLMRequest("big"), LANES) is None


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_half_an_answer_is_not_known_to_be_good(known, finish):
    """An answer that was cut or kept back isn't one to come back to."""
    known.keep(LLMRequest("hello"), answered(finish_reason=finish), LANES[0])
    assert known.find(LLMRequest("hello"), LANES) is None


@pytest.mark.parametrize("config", [{}, ON])
async def test_when_nobody_can_answer(bench, config):
    """With everybody drifted or down the answer of before is given, marked; by default the caller gets the error."""
    b = await bench(**config)
    good = (await b.ask()).json()
    b.anthropic.always = b.anthropic.replies(200, DRIFTED)
    b.openai.always = b.openai.replies(500, {})
    response = await b.ask()
    assert (200 if config else 503) == response.status_code
    if config:
        assert good == response.json()
        assert response.headers["x-llm-adapted"].endswith("last known-good answer, 0 s old")
        assert b'llm_calls_total{outcome="exhausted"} 1.0' in b.metrics.render()
        assert b'llm_old_answers_total{provider="anthropic"} 1.0' in b.metrics.render()
    assert 503 == (await b.ask("something else")).status_code


async def test_a_request_at_fault_gets_no_old_answer(bench):
    """A 400 is about this request, and stays one."""
    b = await bench(**ON)
    await b.ask()
    b.anthropic.always = b.anthropic.replies(
        400, {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: too many"}}
    )
    assert 400 == (await b.ask()).status_code


@pytest.mark.parametrize(
    ("narrowed", "status"),
    [
        ({}, 200),
        ({"models": frozenset({"openai-model"})}, 200),
        ({"models": frozenset({"anthropic-model"})}, 503),
        ({"providers": frozenset({"anthropic"})}, 503),
        ({"disable_fallbacks": True}, 503),
    ],
)
async def test_terms_hold_for_old_answers(bench, narrowed, status):
    """Whom a call couldn't have asked can't have answered it before either; the log tells whose old answer it was."""
    lines = []
    b = await bench(CallLog(lines.append), **ON)
    b.anthropic.always = b.anthropic.replies(402, {})
    assert "openai" == (await b.ask()).headers["x-llm-provider"]
    b.openai.always = b.openai.replies(500, {})
    token = CURRENT.set(Terms(**narrowed))
    try:
        response = await b.ask()
    finally:
        CURRENT.reset(token)
    assert status == response.status_code
    line = json.loads(lines[-1])
    assert ("exhausted", "openai" if status == 200 else None) == (line["outcome"], line["old_answer_of"])
