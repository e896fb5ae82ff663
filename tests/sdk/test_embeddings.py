"""OpenAI's embeddings through the official SDK."""

from __future__ import annotations

import math
from typing import Any

import openai
import pytest

SMALL = "text-embedding-3-small"


def size(vector: list[float]) -> float:
    """The length of a vector."""
    return math.sqrt(sum(part * part for part in vector))


async def test_embedding(openai_client, call, lab) -> None:
    """A text becomes a vector of length one, the same each time, and is billed for its tokens alone."""
    reply = await call.settle(openai_client.embeddings.create(model=SMALL, input="the quick brown fox!"))
    again = await call.settle(openai_client.embeddings.create(model=SMALL, input="the quick brown fox!"))
    [one] = reply.data
    assert (reply.model, one.index, len(one.embedding)) == (SMALL, 0, 1536)
    assert size(one.embedding) == pytest.approx(1, abs=1e-5)
    assert one.embedding == again.data[0].embedding
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == 5
    bill, _ = lab.bills
    assert (bill.input_tokens, bill.produced_tokens, bill.completed, bill.priced) == (5, 0, True, True)
    assert bill.usd == pytest.approx(5 * 0.02 / 1e6)


async def test_base64_says_the_same(openai_client, call) -> None:
    """The SDK asks for base64 unless told otherwise, and reads the same numbers out of it as floats give."""
    short = await call.settle(openai_client.embeddings.create(model=SMALL, input="fox"))
    plain = await call.settle(openai_client.embeddings.create(model=SMALL, input="fox", encoding_format="float"))
    text = await call.settle(openai_client.embeddings.create(model=SMALL, input="fox", encoding_format="base64"))
    assert short.data[0].embedding == pytest.approx(plain.data[0].embedding)
    assert isinstance(text.data[0].embedding, str)


@pytest.mark.parametrize(
    ("given", "count", "tokens"),
    [(["one", "two", "three four"], 3, 5), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3), (["~"], 1, 1)],
)
async def test_inputs(openai_client, call, given, count, tokens) -> None:
    """Texts, tokens and lists of both are taken, and the vectors come in their order and differ."""
    reply = await call.settle(openai_client.embeddings.create(model=SMALL, input=given))
    assert [each.index for each in reply.data] == list(range(count))
    assert len({tuple(each.embedding) for each in reply.data}) == count
    assert reply.usage.prompt_tokens == tokens


@pytest.mark.parametrize(
    ("model", "dimensions", "length"),
    [(SMALL, 256, 256), ("text-embedding-3-large", None, 3072), ("text-embedding-ada-002", None, 1536)],
)
async def test_dimensions(openai_client, call, model, dimensions, length) -> None:
    """A vector is as long as was asked for, else as long as the model makes it, and of length one either way."""
    options: dict[str, Any] = {} if dimensions is None else {"dimensions": dimensions}
    reply = await call.settle(openai_client.embeddings.create(model=model, input="fox", **options))
    assert len(reply.data[0].embedding) == length
    assert size(reply.data[0].embedding) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "asking",
    [
        {"input": ""},
        {"input": []},
        {"input": ["fox", 3]},
        {"input": ["fox"] * 2049},
        {"input": "fox " * 9000},
        {"dimensions": 4000},
        {"dimensions": 0},
        {"encoding_format": "octal"},
        {"model": "text-embedding-ada-002", "dimensions": 100},
    ],
)
async def test_bad_requests(openai_client, call, asking) -> None:
    """What the vendor would refuse is refused with 400."""
    with pytest.raises(openai.BadRequestError):
        await call.settle(openai_client.embeddings.create(**{"model": SMALL, "input": "fox", **asking}))
