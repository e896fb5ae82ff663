"""A conversation that ends with the model's own turn: the answer goes on behind it."""

from __future__ import annotations

import pytest
from banstorm.fakes.answer import Mark, Shape, words
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Ask

MARK = Mark("7f3a9c", 12, Shape.TEXT, 6)
OURS, THEIRS = words(MARK, "openai"), words(MARK, "anthropic")


def ask(body, mark=MARK):
    """A request whose last user content has the mark."""
    return Ask("m", stream=True, text=mark.render(), mark=mark, input_tokens=9, body=body)


def turns(said, role="assistant"):
    """A conversation in OpenAI's and Anthropic's shape."""
    return {"messages": [{"role": "user", "content": MARK.render()}, {"role": role, "content": said}]}


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({}, 6),
        (turns("", "user"), 6),
        (turns(" ".join(THEIRS[:2]), "user"), 6),  # a user's words are no beginning
        (turns(" ".join(THEIRS[:2])), 4),
        (turns(" ".join(OURS[:5])), 1),
        (turns([{"type": "text", "text": " ".join(THEIRS[:2])}]), 4),
        ({"contents": [{"role": "model", "parts": [{"text": " ".join(THEIRS[:3])}]}]}, 3),
        (turns("Something else."), 6),
        (turns(" ".join(THEIRS)), 0),
    ],
)
def test_the_words_that_are_there_are_not_said_again(body, left):
    """What the model's own last turn has of the answer is left out, whoever wrote it; all else stays."""
    answer = compose(ask(body), "openai", id_seed=1, created_s=1)
    assert " ".join(OURS[6 - left :]) == answer.text


def test_a_document_goes_on_within_its_words():
    """A JSON document that stopped behind its second word goes on with the third."""
    mark = Mark("7f3a9c", 12, Shape.JSON, 6)
    whole = compose(ask({}, mark), "openai", id_seed=1, created_s=1)
    begun = "".join(whole.pieces[:2])
    rest = compose(ask(turns(begun), mark), "openai", id_seed=1, created_s=1)
    assert whole.text == begun + rest.text
