"""The assertions hold when they should, and a failed one shows what arrived instead."""

from __future__ import annotations

import pytest
from banstorm.harness.lab_asserts import Assertions
from banstorm.harness.lab_requests import Request, cause, table


def request(number: int, provider: str, status: int | None = 200, **more) -> Request:
    """A request that is over, a tenth of a second after the one before."""
    given = {
        "method": "POST",
        "path": "/v1/x",
        "headers": {},
        "content": b"",
        "key": "sk-1",
        "model": "m",
        "stream": False,
        "text": "Hello",
        "mark": None,
        "at_s": number / 10,
        "clock_ns": number * 10**8,
        "received_ns": number * 10**8,
        "complete": status is not None,
        "ended_ns": number * 10**8 + 1,
    }
    return Request(number=number, provider=provider, status=status, **{**given, **more})


class Log(Assertions):
    """Assertions over a log that was made up."""

    def __init__(self, *rows: tuple, shut: str = "") -> None:
        self._requests = [
            request(number, *row[:2], **(row[2] if len(row) > 2 else {})) for number, row in enumerate(rows, 1)
        ]
        self._shut = shut

    requests = property(lambda self: self._requests)
    bills = property(lambda self: [])
    bitten = property(lambda self: {"0:org_disabled": 2, "1:stream_cut": 0})

    def must_be(self, name):
        """It has any provider."""

    def door_shut(self, name, request):
        """Whether it is the one that was said to be shut."""
        return name == self._shut


BANNED = ("a", 400, {"failure": "org_disabled"})


@pytest.mark.parametrize(
    ("log", "claim", "problem"),
    [
        (Log(BANNED, ("b", 200)), lambda b: b.assert_failed_over("a", "b"), None),
        (Log(("b", 200), shut="a"), lambda b: b.assert_failed_over("a", "b"), None),
        (Log(("a", 200, {"complete": False}), ("b", 200)), lambda b: b.assert_failed_over("a", "b"), None),
        (Log(("b", 200), BANNED), lambda b: b.assert_failed_over("a", "b"), "b did not answer after it"),
        (Log(BANNED), lambda b: b.assert_failed_over("a", "b"), "from a to b, but b was not asked"),
        (Log(("a", 200), ("b", 200)), lambda b: b.assert_failed_over("a", "b"), "but a did not fail"),
        (Log(("b", 200)), lambda b: b.assert_failed_over("a", "b"), "but a was not asked"),
        (Log(BANNED, ("b", 500)), lambda b: b.assert_failed_over("a", "b"), "b did not answer after it"),
        (Log(("a", None, {"ended_ns": None}), ("b", 200)), lambda b: b.assert_failed_over("a", "b"), "did not fail"),
        (Log(("b", 200)), lambda b: b.assert_no_calls_to("a"), None),
        (Log(("a", 200)), lambda b: b.assert_no_calls_to("a"), "no request to a, but 1 request arrived"),
        (Log(("a", 200), ("a", 200)), lambda b: b.assert_calls("a", 2), None),
        (Log(("a", 200)), lambda b: b.assert_calls("a", 2), "2 requests to a, but 1 arrived"),
        (Log(BANNED, BANNED, BANNED), lambda b: b.assert_retried_at_most(2), None),
        (Log(BANNED, BANNED, BANNED), lambda b: b.assert_retried_at_most(1), "one was retried 2 times"),
        (Log(BANNED, ("a", 200, {"text": "Other"})), lambda b: b.assert_retried_at_most(0), None),
        (Log(BANNED, ("b", 200)), lambda b: b.assert_retried_at_most(0, "a"), None),
        (Log(BANNED, ("b", 200)), lambda b: b.assert_retried_at_most(0), "1 times"),
        (Log(), lambda b: b.assert_retried_at_most(0), None),
        (Log(BANNED, ("b", 200)), lambda b: b.assert_answered_by("b"), None),
        (Log(("b", 200), BANNED), lambda b: b.assert_answered_by("b"), None),
        (Log(BANNED), lambda b: b.assert_answered_by("a"), "from a, but it came from nobody"),
        (Log(("b", 200)), lambda b: b.assert_answered_by("a"), "from a, but it came from b"),
        (Log(), lambda b: b.assert_bitten("org_disabled"), None),
        (Log(), lambda b: b.assert_bitten("0:org_disabled"), None),
        (Log(), lambda b: b.assert_bitten(), "1:stream_cut met none"),
        (Log(), lambda b: b.assert_bitten("hang"), "expected hang to be played, but played is 0:org_disabled"),
        (Log(), lambda b: b.assert_cost_at_most(0), None),
    ],
)
def test_assertions(log, claim, problem):
    """Each holds for what it says, and fails with what it found."""
    if problem is None:
        claim(log)
        return
    with pytest.raises(AssertionError) as caught:
        claim(log)
    what, _, arrived = str(caught.value).partition("\nwhat arrived:\n")
    assert problem in what
    assert table(log.requests) == arrived


async def test_a_cost_too_high_is_split_by_provider(banstorm, ask):
    """The failure says who cost what."""
    await ask("openai")
    banstorm.assert_cost_at_most(1)
    with pytest.raises(AssertionError, match=r"at most \$0\.000000, but it is \$0\.0\d+ \(openai \$0\.0\d+\)"):
        banstorm.assert_cost_at_most(0)


@pytest.mark.parametrize("shape", ["text", "json"])
async def test_a_marked_answer_is_judged_word_by_word(banstorm, ask, shape):
    """What is whole is right and says who gave it; whatever was lost or mixed up on the way is told."""
    prompt = banstorm.prompt(words=5, shape=shape)
    answer = await ask("openai", prompt)
    if shape == "json":
        assert "corrupted" == banstorm.judge(prompt, answer.replace("length", "size"))
    banstorm.assert_right(prompt, answer)
    banstorm.assert_answered_by("openai", answer)
    other = await ask("anthropic", prompt)
    words, others = answer.split(), other.split()
    assert "truncated" == banstorm.judge(prompt, " ".join(words[:3]))
    assert "corrupted" == banstorm.judge(prompt, " ".join([*words[:2], *words[3:]]))
    assert "stitched" == banstorm.judge(prompt, " ".join([*words[:2], *others[2:]]))
    assert "foreign" == banstorm.judge(banstorm.prompt(words=5), answer)
    with pytest.raises(AssertionError, match="it is truncated"):
        banstorm.assert_right(prompt, "")
    with pytest.raises(AssertionError, match="from anthropic, but it came from openai"):
        banstorm.assert_answered_by("anthropic", answer)
    with pytest.raises(AssertionError, match="no watermark"):
        banstorm.assert_answered_by("openai", "Hello")
    with pytest.raises(ValueError, match="no mark"):
        banstorm.judge("Hello", answer)


def test_the_table():
    """Columns are as wide as they need to be; of many requests the first and the last are shown."""
    rows = [
        request(1, "anthropic", 400, failure="org_disabled"),
        request(2, "a", 429, error="Slow down. " * 20),
        request(3, "a", None),
        request(4, "a", 200, complete=False, failure="stream_cut", model=None),
        request(5, "a", None, ended_ns=None),
    ]
    assert [
        "  #       at  provider   model  answer",
        "  1  0.100 s  anthropic  m      400 org_disabled",
        f"  2  0.200 s  a          m      429 {('Slow down. ' * 20)[:70]}".rstrip(),
        "  3  0.300 s  a          m      no answer",
        "  4  0.400 s  a          /v1/x  200 cut off stream_cut",
        "  5  0.500 s  a          m      under way",
    ] == table(rows).splitlines()
    many = table([request(number, "a") for number in range(1, 101)]).splitlines()
    assert 32 == len(many)
    assert "70 more" in many[16]
    assert "no request arrived at any provider" == table([])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "No  more."}}', "No more."),
        (b'{"type": "error", "error": {"type": "x", "message": "Disabled."}}', "Disabled."),
        (b'[{"error": {"message": "Gemini in a list."}}]', "Gemini in a list."),
        (b'{"message": "Cohere."}', "Cohere."),
        (b'{"error": "plain"}', "plain"),
        (b"<html>", ""),
        (b"[]", ""),
        (b"7", ""),
    ],
)
def test_a_vendors_error_in_a_word(body, words):
    """The message is found in each vendor's form, and nothing in what is none."""
    assert words == cause(body)
