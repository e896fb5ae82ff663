"""The shorter ways that OpenAI's commonest requests and answers take lead to the same as the long ones."""

from __future__ import annotations

from typing import Any

import orjson
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import _openai_completion as completion
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Answer, Ask
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
COUNT = st.integers(0, 10**9)
HEADERS = {"authorization": "Bearer k"}


@given(TEXT, st.lists(TEXT).map(tuple), st.sampled_from(["stop", "length", "filter"]), COUNT, COUNT, COUNT, COUNT)
def test_words_are_written_the_same(
    model: str, pieces: tuple[str, ...], finish: str, taken: int, made: int, other: int, seed: int
) -> None:
    """Byte for byte, whatever the model is called and whatever it says."""
    ask = Ask(model, stream=False, text="", mark=None, input_tokens=taken, cache_write_tokens=other)
    answer = Answer(pieces, None, finish, taken, made, seed, seed, cached_tokens=other, reasoning_tokens=other)
    assert completion.words(ask, answer) == completion.whole(ask, answer)
    assert completion.write(ask, answer).body == completion.whole(ask, answer)


MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "developer"]), "content": TEXT},
    optional={"name": TEXT, "tool_calls": st.just([{"id": "a"}])},
)
PLAIN = st.fixed_dictionaries(
    {"model": st.text(st.characters(exclude_categories=["Cs"]), min_size=1), "messages": st.lists(MESSAGE, min_size=1)},
    optional={"temperature": st.floats(0, 2), "user": TEXT, "metadata": st.none()},
)


@given(PLAIN, st.sampled_from(["stream", "tools", "max_tokens", "response_format", "parallel_tool_calls"]))
def test_a_plain_request_is_read_the_same(document: dict[str, Any], beside: str) -> None:
    """A request with nothing beside its messages means what it does with an option that is null."""
    dialect = find("openai")
    plain, long = (
        dialect.read("POST", "/v1/chat/completions", HEADERS, orjson.dumps(each))
        for each in (document, {**document, beside: None})
    )
    assert plain == long
    assert compose(plain, "x", id_seed=1, created_s=2) == compose(long, "x", id_seed=1, created_s=2)
