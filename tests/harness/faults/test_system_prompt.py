"""The system prompt of a request is found wherever its vendor has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes import dialects
from banstorm.harness.faults.system_prompt import LETTERS_MAX, matches, system_prompt

TURN = {"role": "user", "content": "hello"}
MODEL = {"model": "some-model"}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("anthropic", "/v1/messages", {**MODEL, "max_tokens": 9, "messages": [TURN], "system": "be brief"}),
    (
        "anthropic",
        "/v1/messages",
        {**MODEL, "max_tokens": 9, "messages": [TURN], "system": [{"type": "text", "text": "be brief"}]},
    ),
    ("openai", "/v1/chat/completions", {**MODEL, "messages": [{"role": "system", "content": "be brief"}, TURN]}),
    (
        "openai",
        "/v1/chat/completions",
        {**MODEL, "messages": [{"role": "developer", "content": [{"type": "text", "text": "be brief"}]}, TURN]},
    ),
    ("openai", "/v1/responses", {**MODEL, "input": "hello", "instructions": "be brief"}),
    (
        "gemini",
        "/v1beta/models/some-model:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            "systemInstruction": {"parts": [{"text": "be brief"}]},
        },
    ),
    (
        "bedrock",
        "/model/some-model/converse",
        {"messages": [{"role": "user", "content": [{"text": "hello"}]}], "system": [{"text": "be brief"}]},
    ),
]


@pytest.mark.parametrize(("dialect", "path", "body"), BODIES)
def test_it_is_found(dialect, path, body):
    """Each vendor's place for it is known, in a request as the dialect reads it."""
    known = dialects.find(dialect)
    headers = {"anthropic-version": "2023-06-01", "authorization": f"Bearer {known.key_example}"}
    if dialect == "gemini":
        headers["x-goog-api-key"] = known.key_example
    ask = known.read("POST", path, headers, json.dumps(body).encode())
    assert "be brief" == system_prompt(ask.body)


def test_odd_bodies_have_none():
    """Whatever a body has in those places, there is no mistake but no prompt."""
    for odd in ({}, {"system": 5, "messages": 5}, {"system": [5, {"text": 5}], "messages": [5, TURN]}, {"input": "x"}):
        assert "" == system_prompt(odd)


def test_a_long_prompt_is_looked_at_in_part():
    """There is a bound on what is searched."""
    assert LETTERS_MAX == len(system_prompt({"system": "x" * (LETTERS_MAX + 5)}))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("you are", True),
        ("YOU ARE", True),
        ("are*code", True),
        ("code*are", False),
        ("*", True),
        ("a*a*a*a", False),
        ("opencodex", False),
    ],
)
def test_patterns(pattern, found):
    """A pattern is found anywhere, its parts in order, capitals or not."""
    assert found == matches("You are OpenCode", pattern)
