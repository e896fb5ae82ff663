from __future__ import annotations

import base64
import math
from array import array
from typing import Any

import orjson
import pytest
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import _vectors, find
from banstorm.fakes.dialects._vectors import KINDS, LENGTHS_KEPT, WIDTH, blocks_of

LENGTHS = [1, 2, 3, 15, 16, 63, 64, 65, 100, 256, 1536, 3071, 3072]


def ask(inputs: Any, **options: Any) -> Any:
    """The document of an answer to a request for embeddings."""
    body = orjson.dumps({"model": "text-embedding-3-large", "input": inputs, **options})
    dialect = find("openai")
    read = dialect.read("POST", "/v1/embeddings", {"authorization": "Bearer sk-x"}, body)
    reply = dialect.write(read, compose(read, "openai", id_seed=1, created_s=1))
    assert dict(reply.headers)["content-length"] == str(len(reply.body))
    return orjson.loads(reply.body)


@pytest.mark.parametrize("length", LENGTHS)
def test_vectors_have_length_one(length: int) -> None:
    """Whatever its dimensions, the squares of a vector's numbers sum to one."""
    for text in ("fox", "hound", "~" * 500):
        [each] = ask(text, dimensions=length)["data"]
        assert len(each["embedding"]) == length
        assert math.fsum(part * part for part in each["embedding"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_base64_holds_the_same_numbers(length: int) -> None:
    """Read as floats of 32 bits, the numbers of both formats are the same to the last bit."""
    [plain] = ask("fox", dimensions=length)["data"]
    [packed] = ask("fox", dimensions=length, encoding_format="base64")["data"]
    assert array("f", plain["embedding"]).tobytes() == base64.b64decode(packed["embedding"])


def test_a_vector_is_a_function_of_its_text() -> None:
    """Each text has a vector of its own, the same in any request and at any place."""
    texts = [f"text {number}" for number in range(500)]
    vectors = [tuple(each["embedding"]) for each in ask(texts, dimensions=64)["data"]]
    assert len(set(vectors)) == 500
    assert [tuple(ask(text, dimensions=64)["data"][0]["embedding"]) for text in texts[:5]] == vectors[:5]
    assert ask([1, 2, 3])["data"] == ask([[1, 2, 3]])["data"]
    assert [each["index"] for each in ask(texts)["data"]] == list(range(500))


def test_texts_are_far_from_each_other() -> None:
    """Two texts have nearly nothing in common, so that a nearest neighbour is the text itself."""
    data = ask([f"text {number}" for number in range(40)])["data"]
    vectors = [each["embedding"] for each in data]
    for place, one in enumerate(vectors):
        others = [sum(a * b for a, b in zip(one, other, strict=True)) for other in vectors[:place]]
        assert all(abs(similarity) < 0.2 for similarity in others)


def test_the_largest_request_renders_few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,048 vectors of 3,072 numbers cost a rendering of the blocks, once, and none of their six million numbers."""
    rendered = 0
    number = _vectors._number

    def count(value: float) -> bytes:
        nonlocal rendered
        rendered += 1
        return number(value)

    monkeypatch.setattr(_vectors, "_number", count)
    blocks_of.cache_clear()
    texts = [f"text {place}" for place in range(2048)]
    assert len(ask(texts)["data"]) == 2048
    assert rendered == KINDS * WIDTH
    ask(texts, encoding_format="base64")
    assert rendered == KINDS * WIDTH


def test_blocks_are_bounded() -> None:
    """Whoever asks for every length there is has only the latest kept."""
    for length in range(1, 3 * LENGTHS_KEPT):
        blocks_of(length)
    assert blocks_of.cache_info().currsize == LENGTHS_KEPT
