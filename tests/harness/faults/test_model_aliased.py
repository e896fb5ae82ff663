"""Answers that name another model, vendor by vendor."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes import dialects
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Ask
from banstorm.harness import faults
from banstorm.harness.faults.base import Context
from banstorm.harness.faults.plan import Body

NAMELESS = {"bedrock", "cohere"}
"""Vendors whose answers name no model."""
NAMING = [name for name in dialects.names() if name not in NAMELESS]
CASES = [(name, "", stream) for name in NAMING for stream in (False, True)]
CASES += [("openai", "responses", stream) for stream in (False, True)]


def played(dialect_name: str, api: str, *, stream: bool, status: int = 200, **given: Any) -> tuple[bytes, bytes, int]:
    """An answer before and after, and how often the fault bit."""
    dialect = dialects.find(dialect_name)
    ask = Ask("model-1", stream=stream, text="hello", mark=None, input_tokens=9, api=api)
    answer = compose(ask, dialect_name, id_seed=1, created_s=1)
    if stream:
        _, headers = dialect.stream_head(ask, answer)
        pieces = [event.data for event in dialect.stream(ask, answer)]
    else:
        reply = dialect.write(ask, answer)
        headers, pieces = reply.headers, [reply.body]
    fault, context, bites = faults.find("model_aliased").model_validate(given), Context(dialect, "a", ask, 7), []
    body_filter = fault.body_filter(context, status, headers)
    if body_filter is None:
        return b"".join(pieces), b"".join(pieces), 0
    body = Body([(body_filter, lambda: bites.append(1))], dialect if stream else None)
    after = [step for piece in pieces for step in body.feed(piece)] + body.close()
    return b"".join(pieces), b"".join(step for step in after if isinstance(step, bytes)), len(bites)


@pytest.mark.parametrize(("dialect", "api", "stream"), CASES)
def test_every_name_of_the_model_is_another(dialect, api, stream):
    """Wherever an answer names its model it names the other one, and nothing else of it changes."""
    before, after, bites = played(dialect, api, stream=stream, to="other-2")
    assert bites > 0
    assert b"model-1" in before
    assert b"model-1" not in after
    if not stream:
        was, now = orjson.loads(before), orjson.loads(after)
        key = "modelVersion" if dialect == "gemini" else "model"
        assert ("model-1", "other-2") == (was.pop(key), now.pop(key))
        assert was == now
    else:
        assert before == after.replace(b"other-2", b"model-1")


def test_unless_named_it_is_a_snapshot():
    """By default the name gets a date, as an alias that is resolved."""
    _, after, _ = played("openai", "", stream=False)
    assert "model-1-20260101" == orjson.loads(after)["model"]


def test_refusals_and_other_bodies_are_left_alone():
    """A refusal keeps its form, and what is no JSON or names the same model already is no bite."""
    assert 0 == played("openai", "", stream=False, status=404)[2]
    before, after, bites = played("openai", "", stream=True, to="model-1")
    assert (before, 0) == (after, bites)
    context = Context(dialects.find("openai"), "a", None, 7)
    body_filter = faults.find("model_aliased")().body_filter(context, 200, [("content-type", "application/json")])
    for odd in (b"no json", b"[1]", b'{"model":1}'):
        assert [odd] == list(body_filter.feed(odd))


def test_a_vendor_that_names_no_model_is_refused():
    """There is nothing to rename in such answers, so a run would prove nothing."""
    fault = faults.find("model_aliased")()
    assert NAMELESS == {name for name in dialects.names() if list(fault.complaints(dialects.find(name)))}
