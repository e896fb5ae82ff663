"""Plays a fault on what a dialect's fake really says, without any host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from banstorm.fakes import dialects
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Ask, Tool
from banstorm.harness import faults
from banstorm.harness.faults.base import Context
from banstorm.harness.faults.plan import Body

Headers = list[tuple[str, str]]


def ask_of(shape: str = "text", *, stream: bool = False, words: int = 6, **more: Any) -> Ask:
    """A marked request for a shape, by the means that the shape is asked for with."""
    mark = Mark("7f3a9c", 12, Shape(shape), words)
    ask = Ask("some-model", stream, mark.render(), mark, input_tokens=9)
    if shape == "json":
        ask = replace(ask, schema=ANSWER_SCHEMA)
    if shape == "tool":
        ask = replace(ask, tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice=f"tool:{TOOL_NAME}")
    return replace(ask, **more)


def said(dialect: str, ask: Ask) -> tuple[Headers, list[bytes]]:
    """What the fake says: the headers, and the events or the one body."""
    vendor = dialects.find(dialect)
    answer = compose(ask, "acme", id_seed=7, created_s=1)
    if not ask.stream:
        reply = vendor.write(ask, answer)
        return reply.headers, [reply.body]
    _, headers = vendor.stream_head(ask, answer)
    return headers, [event.data for event in vendor.stream(ask, answer) if event.data]


def spoil(
    fault: str, dialect: str, ask: Ask, pieces: list[bytes], headers: Headers, *, status: int = 200, **parameters: Any
) -> tuple[list[Any], int]:
    """The steps that a body's pieces become under a fault, and how often it bit."""
    vendor = dialects.find(dialect)
    context = Context(vendor, "acme", ask, id_seed=7)
    body_filter = faults.find(fault).model_validate(parameters).body_filter(context, status, headers)
    if body_filter is None:
        return list(pieces), 0
    bites: list[int] = []
    body = Body([(body_filter, lambda: bites.append(1))], vendor if vendor.is_stream(headers) else None)
    steps: list[Any] = []
    for piece in pieces:
        if not body.over:
            steps += body.feed(piece)
    return (steps if body.over else steps + body.close()), len(bites)


def joined(steps: list[Any]) -> bytes:
    """The bytes among the steps."""
    return b"".join(step for step in steps if isinstance(step, bytes))


def payloads(dialect: str, steps: list[Any]) -> list[Any]:
    """The JSON of each event that has some."""
    found: list[Any] = []

    def look(payload: Any) -> Any:
        found.append(payload)
        return payload

    for step in steps:
        dialects.find(dialect).map_event(step, look)
    return found
