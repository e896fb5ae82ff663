from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._anthropic_extras import THINKING_TOKENS
from banstorm.fakes.dialects.base import Ask, RequestRefused
from hypothesis import given
from hypothesis import strategies as st

ANTHROPIC = find("anthropic")
HEADERS = {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
HERE = {"cache_control": {"type": "ephemeral"}}


def text(letters: int, **more: Any) -> dict[str, Any]:
    """A text block of so many letters."""
    return {"type": "text", "text": "x" * letters, **more}


def user(*blocks: Any) -> dict[str, Any]:
    """A user's turn."""
    return {"role": "user", "content": list(blocks)}


SAID = {"role": "assistant", "content": "so"}


def read(path: str = "/v1/messages", **body: Any) -> Ask:
    """Read a request."""
    limit = {} if path.endswith("/count_tokens") else {"max_tokens": 5000}
    whole = {"model": "m", **limit, "messages": [user(text(4))], **body}
    return ANTHROPIC.read("POST", path, HEADERS, orjson.dumps(whole))


@pytest.mark.parametrize(
    ("body", "cached", "written"),
    [
        ({"messages": [user(text(8000))]}, 0, 0),  # nobody asked for it
        ({"messages": [user(text(8000, **HERE))]}, 0, 2004),  # a first turn writes
        ({"messages": [user(text(3000, **HERE))]}, 0, 0),  # too short
        ({"system": [text(8000, **HERE)], "messages": [user(text(400))]}, 0, 2000),
        ({"system": [text(8000, **HERE)], "messages": [user(text(400)), SAID, user(text(4))]}, 2000, 0),
        ({"messages": [user(text(8000)), SAID, user(text(800, **HERE))]}, 2004, 209),
        ({"messages": [user(text(8000)), SAID, user(text(800))], **HERE}, 2004, 209),
        ({"messages": [user(text(8000, **HERE)), SAID, user(text(800))]}, 2004, 0),
    ],
)
def test_cache(body: Any, cached: int, written: int) -> None:
    """Up to the last mark, what stands before the last answer is read from the cache and the rest is written to it."""
    ask = read(**body)
    assert (ask.cached_tokens, ask.cache_write_tokens) == (cached, written)
    answer = compose(ask, "anthropic", id_seed=1, created_s=1)
    usage = orjson.loads(ANTHROPIC.write(ask, answer).body)["usage"]
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert [usage[part] for part in parts] == [ask.input_tokens - cached - written, cached, written]
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}


def test_cache_for_an_hour() -> None:
    """What is written for an hour is counted as such."""
    ask = read(messages=[user(text(8000, cache_control={"type": "ephemeral", "ttl": "1h"}))])
    body = orjson.loads(ANTHROPIC.write(ask, compose(ask, "anthropic", id_seed=1, created_s=1)).body)
    assert body["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2004}


def test_count_is_what_a_message_is_billed_for() -> None:
    """Counting a prompt, without `max_tokens`, gives what sending it would count; its cache changes nothing."""
    body = {"system": "Be exact.", "messages": [user(text(8000, **HERE))], "tools": [{"name": "f", "input_schema": {}}]}
    ask = read("/v1/messages/count_tokens", **body)
    reply = ANTHROPIC.write(ask, compose(ask, "anthropic", id_seed=1, created_s=1))
    assert orjson.loads(reply.body) == {"input_tokens": read(**body).input_tokens}
    raw = orjson.dumps({"model": "m", "messages": [user(text(4))]})
    assert ANTHROPIC.read("POST", "/v1/messages/count_tokens", HEADERS, raw).operation == "count_tokens"


def test_thinking_streams_before_the_answer() -> None:
    """A thinking block comes first, text and then signature, and the answer's block is the second."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    ask = read(messages=[user({"type": "text", "text": MARK.render()})], thinking=thinking, stream=True)
    answer = compose(ask, "anthropic", id_seed=1, created_s=1)
    events = [orjson.loads(event.data.split(b"data: ")[1]) for event in ANTHROPIC.stream(ask, answer)]
    deltas = [(event["index"], event["delta"]["type"]) for event in events if event["type"] == "content_block_delta"]
    assert deltas == [(0, "thinking_delta"), (0, "signature_delta"), *[(1, "text_delta")] * 3]
    usage = next(event for event in events if event["type"] == "message_delta")["usage"]
    assert usage == {
        "output_tokens": THINKING_TOKENS + 3,
        "output_tokens_details": {"thinking_tokens": THINKING_TOKENS},
    }


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"thinking": {"type": "deep"}}, "thinking: Input tag"),
        ({"thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9999}}, "must be greater than `thinking.budget_tokens`"),
        ({"stop_sequences": ["a", 3]}, "stop_sequences.1"),
        ({"stop_sequences": [" "]}, "non-whitespace"),
        ({"stop_sequences": "a"}, "stop_sequences: Input should be a valid list"),
    ],
)
def test_complaints(body: Any, says: str) -> None:
    """What can't be granted is refused in the vendor's way."""
    with pytest.raises(RequestRefused) as caught:
        read(**body)
    assert caught.value.reply.status == 400
    assert says in caught.value.reply.body.decode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3000) | st.sampled_from(["user", "assistant", "text", "enabled", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "name", "text", "cache_control", "ttl", "input_schema"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = ["messages", "system", "tools", "tool_choice", "thinking", "stop_sequences", "cache_control", "stream"]


@given(st.sampled_from(["", "/count_tokens"]), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_request_is_answered_or_refused(tail: str, body: Any) -> None:
    """Whatever JSON a request consists of, it is answered or refused with a 400, and nothing breaks."""
    try:
        ask = read("/v1/messages" + tail, **{"messages": [user(text(9000, **HERE)), SAID, user(text(4))], **body})
    except RequestRefused as refused:
        reply = refused.reply
    else:
        answer = compose(ask, "anthropic", id_seed=1, created_s=1)
        if ask.stream:
            assert all(event.data.endswith(b"\n\n") for event in ANTHROPIC.stream(ask, answer))
        reply = ANTHROPIC.write(ask, answer)
    assert reply.status in {200, 400}
    assert orjson.loads(reply.body)
