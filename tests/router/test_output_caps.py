"""A model's cap on output tokens is learned from its refusal: after a failover it is one that the caller never knew."""

from __future__ import annotations

import pytest

INVALID = "invalid_request_error"
ANTHROPIC = "max_tokens: {asked} > 4096, which is the maximum allowed number of output tokens for claude-x"
OPENAI = (
    "max_tokens is too large: {asked}. This model supports at most 4096 completion tokens, "
    "whereas you provided {asked}."
)
BAN = {"error": {"message": "no", "type": INVALID, "code": "account_deactivated"}}


def refuses(upstream):
    """A script that refuses more than 4096 tokens in the vendor's words."""

    async def script(exchange):
        asked = exchange.body["max_tokens"]
        if asked <= 4096:
            await upstream.well(exchange)
        elif upstream.dialect == "anthropic":
            error = {"type": INVALID, "message": ANTHROPIC.format(asked=asked)}
            await exchange.reply(400, {"type": "error", "error": error})
        else:
            error = {
                "type": INVALID,
                "code": "invalid_value",
                "param": "max_tokens",
                "message": OPENAI.format(asked=asked),
            }
            await exchange.reply(400, {"error": error})

    return script


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", [0, 1])
async def test_a_cap_is_learned_once(bench, place, stream):
    """The first call is asked again at once with the cap, later ones have it from the start, and both say so."""
    b = await bench()
    upstream = (b.anthropic, b.openai)[place]
    upstream.always = refuses(upstream)
    if place == 1:
        b.anthropic.always = b.anthropic.replies(401, BAN)
    for asked in (2, 3):
        response = await b.ask(max_tokens=20_000, stream=stream)
        assert (200, upstream.dialect) == (response.status_code, response.headers["x-llm-provider"])
        assert "max_tokens clamped to 4096" in response.headers["x-llm-adapted"]
        assert asked == len(upstream.requests)
    response = await b.ask(max_tokens=10, stream=stream)
    assert 10 == upstream.requests[-1].body["max_tokens"]
    assert "x-llm-adapted" not in response.headers


async def test_a_cap_that_cannot_be_read_is_left_to_another(bench):
    """Words without a number teach nothing: the call moves on, and the provider is well."""
    b = await bench()
    error = {"type": INVALID, "message": "max_tokens: 9 > 0, which is the maximum allowed number of output tokens"}
    b.anthropic.always = b.anthropic.replies(400, {"type": "error", "error": error})
    response = await b.ask(max_tokens=9)
    assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    assert 1 == len(b.anthropic.requests)
    assert all(lane.available() for lane in b.router.lanes)
