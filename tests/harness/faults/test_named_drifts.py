"""Each named drift, on the real bytes of its dialect's fake: exactly what changes.

What is expected is written here in plain Python, not in operations: a mistake in a drift's file can't hide itself.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
from banstorm.fakes import dialects
from banstorm.harness import catalogue, faults
from banstorm.harness.faults import drift_named

sys.path.insert(0, str(Path(__file__).parent))
from spoilt import ask_of, joined, payloads, said, spoil

DIALECTS = dialects.names()


def each_choice(document):
    """The message or delta of each choice."""
    return [choice.get("message", choice.get("delta")) for choice in document.get("choices", ())]


def function_call(document):
    """Expects the call in its older place, with the older finish reason."""
    for choice in document.get("choices", ()):
        said = choice.get("message", choice.get("delta"))
        if "tool_calls" in said:
            said["function_call"] = said.pop("tool_calls")[0]["function"]
        if choice["finish_reason"] == "tool_calls":
            choice["finish_reason"] = "function_call"
    return [document]


def without(*paths):
    """Expects that these members are gone, wherever the last part's parent is."""

    def expected(document):
        for path in paths:
            *parents, last = path.split(".")
            found = [document]
            for part in parents:
                found = [each[part] for each in found if isinstance(each, dict) and each.get(part)]
                found = [inner for each in found for inner in (each if isinstance(each, list) else [each])]
            for each in found:
                each.pop(last, None)
        return [document]

    return expected


FIRST_CHUNK = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}


def renamed(old, new, where=lambda document: [document]):
    """Expects that a member of these objects has another name."""

    def expected(document):
        for each in where(document):
            if old in each:
                each[new] = each.pop(old)
        return [document]

    return expected


def stop_reason(reason):
    """Expects another stop reason where the model had said all."""

    def expected(document):
        for each in (document, document.get("delta", {})):
            if each.get("stop_reason") == "end_turn":
                each["stop_reason"] = reason
        return [document]

    return expected


def block_before(block, started, *deltas, model=None):
    """Expects a block at index 0 of an Anthropic answer, with its events, and the others one further."""

    def expected(document):
        if document.get("type") == "message":
            document["content"].insert(0, block)
            document["model"] = model or document["model"]
        if "index" in document:
            document["index"] += 1
        if document.get("type") != "message_start":
            return [document]
        spelt = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
        start = {"type": "content_block_start", "index": 0, "content_block": started}
        return [document, start, *spelt, {"type": "content_block_stop", "index": 0}]

    return expected


SIGNATURE = "EqQBCkYIBxgCKkBiYW5zdG9ybQ=="
THOUGHTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Let me think."}]}]
FALLBACK = {
    "type": "fallback",
    "from": {"model": "claude-sonnet-5"},
    "to": {"model": "claude-opus-5"},
    "trigger": {"type": "refusal", "category": "cyber"},
}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgBEgxiYW5zdG9ybWJhbnM="}
THINKING = {"type": "thinking", "thinking": "Let me think.", "signature": SIGNATURE}


def thinking_content(document):
    """Expects thoughts before the text: in a list, or in a chunk after the first."""
    choice = document["choices"][0]
    if "message" in choice:
        text = choice["message"]["content"]
        texts = [{"type": "text", "text": text}] if text else []
        choice["message"]["content"] = [*THOUGHTS, *texts]
        return [document]
    if "role" not in choice["delta"]:
        return [document]
    thoughts = copy.deepcopy(document)
    thoughts["choices"][0]["delta"] = {"content": THOUGHTS}
    return [document, thoughts]


def own_chunk(document):
    """Expects usage in a chunk behind, which has no choices."""
    if "message" in document["choices"][0] or "usage" not in document:
        return [document]
    return [{key: value for key, value in document.items() if key != "usage"}, {**document, "choices": []}]


def obfuscated(document):
    """Expects padding in each chunk."""
    plain = document.get("object") == "chat.completion"
    return [document if plain else {**document, "obfuscation": "qX3vB71mTz"}]


def cache_written(document):
    """Expects details of what was written to the cache."""
    if usage := document.get("usage"):
        usage["prompt_tokens_details"]["cache_write_tokens_details"] = {"ttl_30m_tokens": 0, "ttl_12h_tokens": 0}
    return [document]


def no_parts(document):
    """Expects candidates that say nothing."""
    for candidate in document["candidates"]:
        candidate["content"].pop("parts")
        if candidate.get("finishReason") == "STOP":
            candidate["finishReason"] = "MALFORMED_FUNCTION_CALL"
    return [document]


ANSWERS = {
    "anthropic_context_window_exceeded": stop_reason("model_context_window_exceeded"),
    "anthropic_fallback_block": block_before(FALLBACK, FALLBACK, model="claude-opus-5"),
    "anthropic_pause_turn": stop_reason("pause_turn"),
    "anthropic_redacted_thinking": block_before(REDACTED, REDACTED),
    "anthropic_thinking_block": block_before(
        THINKING,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me think."},
        {"type": "signature_delta", "signature": SIGNATURE},
    ),
    "anthropic_usage_without_cache": without(
        *(
            f"{where}usage.{name}"
            for where in ("", "message.")
            for name in ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation")
        )
    ),
    "azure_prompt_annotations": renamed("prompt_filter_results", "prompt_annotations"),
    "gemini_content_without_parts": no_parts,
    "gemini_no_candidates": without("candidates"),
    "mistral_thinking_content": thinking_content,
    "openai_cache_write_details": cache_written,
    "openai_fields_absent": without(
        "system_fingerprint",
        "service_tier",
        "choices.logprobs",
        "choices.message.refusal",
        "choices.message.annotations",
        "usage.prompt_tokens_details",
        "usage.completion_tokens_details",
    ),
    "openai_function_call": function_call,
    "openai_obfuscation": obfuscated,
    "reasoning_content": renamed("reasoning", "reasoning_content", each_choice),
    "usage_in_its_own_chunk": own_chunk,
}
"""What becomes of each event, or of a plain body."""
FAILURES = {
    "anthropic_errors_without_details": ("anthropic", "org_disabled", without("error.details")),
    "anthropic_rate_limit_text": ("anthropic", "rate_limited", None),
    "gemini_overloaded_text": ("gemini", "overloaded", None),
    "openai_insufficient_quota_code": ("openai", "quota_exhausted", None),
}
UNTOUCHED = {  # of text or a tool call, plain or streamed: what this drift says nothing about
    "anthropic_context_window_exceeded": {("tool", False), ("tool", True)},
    "anthropic_pause_turn": {("tool", False), ("tool", True)},
    "openai_function_call": {("text", False), ("text", True)},
    "openai_obfuscation": {("text", False), ("tool", False)},
    "usage_in_its_own_chunk": {("text", False), ("tool", False)},
}
CASES = [(name, dialect) for name in ANSWERS for dialect in drift_named.find(name).dialects]


def asked(dialect, shape, *, stream):
    """A request whose answer has all that the drifts change: usage, and what was thought."""
    return ask_of(
        shape, stream=stream, include_usage=True, reasoning_tokens=2 if dialect in ("groq", "openrouter") else 0
    )


def documents(dialect, pieces, *, stream):
    """The JSON of the events, or the body's."""
    return payloads(dialect, pieces) if stream else [json.loads(joined(pieces))]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("shape", ["text", "tool"])
@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_a_named_drift_changes_exactly_that(name, dialect, shape, stream):
    """Of the fake's own bytes: every event and every body is as the drift's story says, and nothing else changed."""
    ask = asked(dialect, shape, stream=stream)
    headers, pieces = said(dialect, ask)
    steps, bites = spoil("drift", dialect, ask, pieces, headers, named=name)
    was = documents(dialect, pieces, stream=stream)
    wanted = [each for document in copy.deepcopy(was) for each in ANSWERS[name](document)]
    assert wanted == documents(dialect, steps, stream=stream)
    assert ((shape, stream) in UNTOUCHED.get(name, ())) == (wanted == was) == (bites == 0)
    if not name.startswith("gemini"):
        assert joined(pieces).count(b"~") == joined(steps).count(b"~")


def test_the_empty_first_chunk_is_azures_own():
    """What comes before an OpenAI stream is the very chunk that the Azure fake begins with; plain answers pass."""
    ask = ask_of(stream=True)
    headers, pieces = said("openai", ask)
    steps, bites = spoil("drift", "openai", ask, pieces, headers, named="azure_empty_first_chunk")
    assert pieces == steps[1:]
    assert payloads("azure", said("azure", ask)[1])[0] == payloads("openai", steps)[0]
    assert 1 == bites
    headers, pieces = said("openai", ask_of())
    assert (pieces, 0) == spoil("drift", "openai", ask_of(), pieces, headers, named="azure_empty_first_chunk")


@pytest.mark.parametrize("name", FAILURES)
def test_a_drift_of_failures_changes_the_providers_own_refusals(name):
    """The vendor's refusal gets the older words or form, those that its dialect knows as a variant where it has one."""
    dialect, kind, expected = FAILURES[name]
    vendor = dialects.find(dialect)
    reply = vendor.failure(kind, {}, id_seed=7)
    steps, bites = spoil("drift", dialect, ask_of(), [reply.body], reply.headers, status=reply.status, named=name)
    was, now = json.loads(reply.body), json.loads(joined(steps))
    assert 1 == bites
    if expected is not None:
        assert expected(was) == [now]
        return
    if name == "openai_insufficient_quota_code":
        was["error"]["code"] = "insufficient_quota"
    else:
        old = json.loads(vendor.failure(kind, {"variant": "2025"}, id_seed=7).body)["error"]["message"]
        assert now["error"]["message"][:40] == old[:40]
        was["error"]["message"] = now["error"]["message"]
    assert was == now
    other = vendor.failure("bad_key", {}, id_seed=7)
    assert ([other.body], 0) == spoil(
        "drift", dialect, ask_of(), [other.body], other.headers, status=other.status, named=name
    )


def test_every_named_drift_is_tested_and_told():
    """None is without a row here; each has its story, and sources that are public; the command line shows it."""
    assert {*ANSWERS, *FAILURES, "azure_empty_first_chunk"} == set(drift_named.names())
    listing = catalogue.listing("drifts")
    for name in drift_named.names():
        drift = drift_named.find(name)
        assert set(drift.dialects) <= set(DIALECTS)
        assert name in listing
        assert " ".join(drift.story.split())[:60] in " ".join(catalogue.explain(name).split())
        assert all(source.startswith(("https://", "anon-kode")) for source in drift.sources)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", drift_named.names())
def test_a_named_drift_is_refused_where_it_isnt_about(name, dialect):
    """By name, with those that the dialect has."""
    complaints = list(faults.find("drift").model_validate({"named": name}).complaints(dialects.find(dialect)))
    assert (dialect in drift_named.find(name).dialects) == (complaints == [])
    assert all(each.path == ("with", "named") and name in each.what for each in complaints)


def test_drifts_that_leave_some_answers_alone_say_so():
    """What is about streams, failures or one kind of answer alone is partial: not all calls need to leave."""
    whole = {name for name in drift_named.names() if not faults.find("drift").model_validate({"named": name}).picks}
    assert {
        "anthropic_fallback_block",
        "anthropic_redacted_thinking",
        "anthropic_thinking_block",
        "anthropic_usage_without_cache",
        "azure_prompt_annotations",
        "gemini_content_without_parts",
        "gemini_no_candidates",
        "mistral_thinking_content",
        "openai_fields_absent",
    } == whole
