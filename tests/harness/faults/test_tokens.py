"""Tokens are counted in any answer: by its marks, or as the fakes say which events carry one."""

from __future__ import annotations

from itertools import product

import pytest
from banstorm.fakes.answer import Mark, Shape, words
from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects.base import Answer, Ask
from banstorm.harness.faults import tokens

PIECES = {
    "plain": ("One ", "two ", "three"),
    "marked": tuple(f"{word} " for word in words(Mark("7f3a9c", 12, Shape.TEXT, 3), "it")),
    "json": ('{"city":', '"Oslo"', "}"),
}


@pytest.mark.parametrize(
    ("dialect", "said", "tool"), [*product(names(), PIECES, [None]), *product(names(), ["json"], ["look_up"])]
)
def test_an_event_is_a_token_where_the_fake_says_so(dialect, said, tool):
    """Reasoning, headings, the finish and what repeats the answer in the end are none."""
    vendor = find(dialect)
    ask = Ask(model="m", stream=True, text="?", mark=None, input_tokens=3, reasoning_tokens=2)
    answer = Answer(PIECES[said], tool, "tool" if tool else "stop", 3, 5, 1, 1, reasoning_tokens=2)
    for event in vendor.stream(ask, answer):
        if event.data:  # a tool's arguments may come in one piece, for which others are waited for
            assert int(event.token) == tokens.in_event(vendor, event.data), event.data


@pytest.mark.parametrize(
    ("body", "count", "place"),
    [
        (b'{"content":"~a ~b ~c"}', 0, 12),
        (b'{"content":"~a ~b ~c"}', 2, 18),
        (b'{"content":"~a ~b ~c"}', 3, None),
        (b'{"content":"one two three"}', 0, 0),
        (b'{"content":"one two three"}', 1, 16),
        (b'{"content":"one two three"}', 2, 20),
        (b'{"content":"one two three"}', 3, None),
    ],
)
def test_words_of_a_plain_body(body, count, place):
    """The word that follows so many is found by its sign, or behind a blank where nothing is marked."""
    assert place == tokens.after(body, count)
    assert 3 == tokens.in_body(body)
