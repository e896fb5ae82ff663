"""Whatever a failure of the vendors of OpenAI's shape is told, it is said in a form that its client can read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import (
    _azure_failures,
    _groq_failures,
    _mistral_failures,
    _openai_rows,
    _openrouter_failures,
    find,
)
from banstorm.fakes.dialects.base import Ask, Dialect, Headers, UnknownFailureError
from hypothesis import given
from hypothesis import strategies as st

VARIANTS = {
    "azure": _azure_failures.TABLE.variants,
    "groq": _groq_failures.TABLE.variants,
    "mistral": _mistral_failures.TABLE.variants,
    "openai": _openai_rows.VARIANTS,
    "openrouter": _openrouter_failures.TABLE.variants,
}
PATHS = {
    "azure": ["/openai/v1/chat/completions", "/openai/v1/responses", "/openai/v1/embeddings"],
    "groq": ["/openai/v1/chat/completions"],
    "mistral": ["/v1/chat/completions", "/v1/embeddings"],
    "openai": ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"],
    "openrouter": ["/api/v1/chat/completions", "/api/v1/embeddings"],
}
TEXT = Mark("7f3a9c", 5, Shape.TEXT, 3).render()
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": TEXT}], "input": TEXT}
WORDS = st.text(st.characters(exclude_characters="~", codec="utf-8"), max_size=9)
"""Anything but the sign by which the words of an answer are counted."""
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "retry_after": st.none() | st.integers() | st.floats() | WORDS,
        "limit": st.sampled_from(["requests", "tokens", "input_tokens", 5]),
        "ceiling": st.none() | st.integers() | WORDS,
        "remaining": st.none() | st.integers() | WORDS,
        "requested": st.none() | st.integers() | WORDS,
        "now_s": st.none() | st.integers() | st.floats() | WORDS,
        "message": WORDS,
        "code": st.none() | st.integers(-9, 999) | WORDS,
        "cause": st.sampled_from(["overloaded", "bad_key", "error_in_200", "edge_page", "meteor"]),
        "form": st.sampled_from(["none", "bare", "fields", "nested", "gateway", "x_groq", "other"]),
        "shape": st.sampled_from(["flat", "nested"]),
        "stream": st.booleans(),
        "api": st.sampled_from(["", "responses", "other"]),
        "sequence_number": st.integers(0, 9),
        "status": st.sampled_from([502, 520, 404, "x", None]),
        "should_retry": st.booleans(),
        "param": st.none() | WORDS,
    },
)


def asks(name: str) -> Iterable[Ask]:
    """Requests to each of a vendor's APIs, whole and streamed."""
    for path in PATHS[name]:
        for stream in (False, True):
            document = {**BODY, "stream": stream}
            yield find(name).read("POST", path, {"authorization": "Bearer k"}, orjson.dumps(document))


ASKS = {name: [None, *asks(name)] for name in PATHS}


def check(dialect: Dialect, status: int, headers: Headers, body: bytes) -> None:
    """The response is one that HTTP can carry, and its body is what its type says."""
    assert 200 <= status <= 599
    kinds = [value for name, value in headers if name == "content-type"]
    for name, value in headers:
        assert name == name.lower()
        assert "\r" not in value
        assert "\n" not in value
        value.encode("latin-1")
    assert b"~" not in body
    if not body:
        assert not kinds
    elif "html" in kinds[0]:
        assert body.startswith(b"<")
    elif dialect.is_stream(headers):
        check_stream(dialect, body)
    else:
        assert orjson.loads(body)
        assert dict(headers)["content-length"] == str(len(body))


def check_stream(dialect: Dialect, data: bytes) -> None:
    """The bytes are whole events with JSON in them."""
    events, rest = dialect.split_events(data)
    assert events
    assert rest == b""
    for event in events:
        _, _, payload = event.partition(b"data: ")
        assert event.startswith(b":") or payload == b"[DONE]\n\n" or orjson.loads(payload)


@pytest.mark.parametrize("name", sorted(PATHS))
@given(data=st.data())
def test_any_failure(name: str, data: st.DataObject) -> None:
    """A failure before the answer is a response, and one inside it whole events, or it is one the vendor hasn't."""
    dialect = find(name)
    kind = data.draw(st.sampled_from(sorted(dialect.failures)))
    known = sorted(variant for owner, variant in VARIANTS[name] if owner == kind)
    variant = data.draw(st.sampled_from([None, None, "meteor", *known]))
    details = {**data.draw(DETAILS), **({} if variant is None else {"variant": variant})}
    ask = data.draw(st.sampled_from(ASKS[name]))
    after = b""
    if ask is not None and ask.stream:
        events = [event.data for event in dialect.stream(ask, compose(ask, name, id_seed=1, created_s=1))]
        after = b"".join(events[: data.draw(st.integers(0, len(events)))])
    else:
        after = data.draw(st.binary(max_size=20))
    try:
        reply = dialect.failure(kind, details, id_seed=4, ask=ask)
        assert reply == dialect.failure(kind, details, id_seed=4, ask=ask)
        check(dialect, reply.status, reply.headers, reply.body)
        check_stream(dialect, dialect.error_event(kind, details, id_seed=4, ask=ask, after=after))
    except UnknownFailureError:
        assert variant == "meteor" or {"status", "cause"} & details.keys()


@pytest.mark.parametrize(
    ("name", "kind", "variant"), [(name, *key) for name, variants in VARIANTS.items() for key in variants]
)
def test_every_variant(name: str, kind: str, variant: str) -> None:
    """Every other wording of a failure belongs to a failure of the vendor's, and differs from the usual one."""
    dialect = find(name)
    assert kind in dialect.failures
    assert dialect.failure(kind, {"variant": variant}, id_seed=1) != dialect.failure(kind, {}, id_seed=1)
