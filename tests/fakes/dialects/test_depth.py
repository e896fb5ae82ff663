"""Bodies nested deeper than JSON writers go are answered or refused by every vendor, never an error of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects._routes import RoutedDialect
from banstorm.fakes.dialects.base import RequestRefused

DEPTHS = (300, 700)
TEXT = "hello"


def _deep(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def _written(body: Any) -> bytes:
    """The standard library writes deeper than orjson does, up to the interpreter's own limit."""
    return json.dumps(body).encode()


def _bodies(deep: Any) -> list[dict[str, Any]]:
    """Requests that are right but for one deep value, in each vendor's form at once: unknown fields do no harm."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "more": deep}
    base = {"model": "m", "max_tokens": 9, "max_output_tokens": 9}
    return [
        {**base, "messages": [{"role": "user", "content": deep}], "input": deep, "contents": deep},
        {**base, "messages": [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": TEXT}]},
        {**base, "messages": [{"role": "user", "content": TEXT}], "tools": [deep], "input": TEXT},
        {
            **base,
            "messages": [{"role": "user", "content": TEXT}],
            "input": [{"type": "reasoning", "summary": deep}],
            "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
            "tools": [{"type": "function", "name": "f", "function": {"name": "f", "parameters": {"default": deep}}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"default": deep}}},
        },
        {**base, "messages": deep, "model": deep, "stop": deep, "tool_choice": deep, "response_format": deep},
    ]


def _said(dialect: RoutedDialect, target: str, headers: dict[str, str], body: bytes) -> bytes:
    """The answer or the refusal, as bytes."""
    try:
        ask = dialect.read("POST", target, headers, body)
    except RequestRefused as refused:
        return refused.reply.body or b"refused"
    answer = compose(ask, dialect.name, id_seed=1, created_s=1)
    if not ask.stream:
        return dialect.write(ask, answer).body
    return b"".join(event.data for event in dialect.stream(ask, answer))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", names())
def test_a_deep_body_is_answered_or_refused(name, depth):
    """Whatever field is nested without end, the vendor answers or refuses in its own words."""
    dialect = find(name)
    assert isinstance(dialect, RoutedDialect)
    headers = {"authorization": "Bearer k", "x-api-key": "k", "x-goog-api-key": "k", "anthropic-version": "2023-06-01"}
    for path in dialect.routes.paths:
        for body in _bodies(_deep(depth)):
            target = path.replace("{}", "m")
            said = _said(dialect, f"{target}?api-version=2024-10-21", headers, _written(body))
            assert said
