from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._openai_extras import cached_tokens
from banstorm.fakes.dialects.base import Ask, RequestRefused

LONG = {"role": "user", "content": "x" * 8000}
SAID = {"role": "assistant", "content": "so"}
SHORT = {"role": "user", "content": "hi"}


def read(**body: Any) -> Ask:
    """Read a chat completions request."""
    raw = orjson.dumps({"model": "m", "messages": [SHORT], **body})
    return find("openai").read("POST", "/v1/chat/completions", {"authorization": "Bearer k"}, raw)


@pytest.mark.parametrize(("stop", "stops"), [(None, ()), ("a", ("a",)), (["a", "", "b"], ("a", "b")), ("", ())])
def test_stop(stop: Any, stops: tuple[str, ...]) -> None:
    """One stop sequence or several are read; an empty one stops nothing."""
    assert read(stop=stop).stop == stops


@pytest.mark.parametrize("stop", [3, ["a", 3], ["a"] * 5, {}])
def test_bad_stop(stop: Any) -> None:
    """More than four stop sequences, or what is none, is refused."""
    with pytest.raises(RequestRefused) as caught:
        read(stop=stop)
    assert orjson.loads(caught.value.reply.body)["error"]["param"].startswith("stop")


@pytest.mark.parametrize(
    ("turns", "cached"),
    [
        ([LONG], 0),  # never sent before
        ([LONG, SAID, SHORT], 1920),  # 2,000 tokens and the message's four, in steps of 128
        ([SHORT, SAID, LONG], 0),  # what was sent before is short
        ([LONG, SAID, LONG, SAID, SHORT], 3968),
        ([{**LONG, "content": [{"type": "text", "text": "x" * 8000}]}, SAID, SHORT], 1920),
    ],
)
def test_cached_tokens(turns: list[Any], cached: int) -> None:
    """What stands before the last answer was sent before, and comes from the cache if it is long enough."""
    assert read(messages=turns).cached_tokens == cached
    assert cached_tokens(10_000, turns, None) == cached


@pytest.mark.parametrize(("effort", "tokens"), [(None, 0), ("none", 0), ("low", 64), ("high", 1024)])
def test_reasoning(effort: str | None, tokens: int) -> None:
    """Thinking takes a fixed number of tokens an effort, none unless asked for."""
    assert read(reasoning_effort=effort).reasoning_tokens == tokens
