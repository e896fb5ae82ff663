"""A model's cap on output tokens is learned from its refusal: after a failover it is one that the caller never knew."""

from __future__ import annotations

import pytest
from banstorm.router.build import build_providers
from banstorm.router.config import Config
from banstorm.router.output_caps import OutputCaps

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


def ends(upstream, at):
    """A script whose answers end after so many tokens, whatever was asked for, without a word on why."""

    async def script(exchange):
        if upstream.dialect == "anthropic":
            usage = {"input_tokens": 5, "output_tokens": min(at, exchange.body["max_tokens"])}
            content = [{"type": "text", "text": "and so on"}]
            ended = {"role": "assistant", "stop_reason": "max_tokens", "content": content, "usage": usage}
            await exchange.reply(200, {"id": "msg_1", "type": "message", "model": "m", **ended})
        else:
            usage = {"prompt_tokens": 5, "completion_tokens": min(at, exchange.body["max_tokens"]), "total_tokens": 9}
            message = {"role": "assistant", "content": "and so on"}
            choice = {"index": 0, "message": message, "finish_reason": "length"}
            await exchange.reply(200, {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage})

    return script


@pytest.mark.parametrize(("known", "status"), [(4096, 200), (None, 503), (8192, 503)])
@pytest.mark.parametrize("place", [0, 1])
async def test_a_silent_cap_is_configured(bench, place, known, status):
    """A server that ends long answers by itself looks like one that cuts them short, unless its limit is known."""
    b = await bench()
    for upstream in (b.anthropic, b.openai):
        upstream.always = ends(upstream, 4096)
    if place == 1:
        b.anthropic.always = b.anthropic.replies(401, BAN)
    for lane in b.router.lanes:
        lane.provider.caps = OutputCaps(known)
    response = await b.ask(max_tokens=8192)
    assert status == response.status_code
    if status == 200:
        assert "length" == response.json()["choices"][0]["finish_reason"]
        assert "max_tokens clamped to 4096" in response.headers["x-llm-adapted"]
        assert all(lane.available() for lane in b.router.lanes if lane.name == "openai" or place == 0)
    else:
        assert "4096 tokens, 8192 were asked for" in response.text


def test_the_configured_cap_reaches_the_provider():
    """`max_output_tokens` of a provider is the cap of all its models."""
    entry = {"name": "a", "dialect": "openai", "base_url": "http://a", "model": "m", "max_output_tokens": 100}
    (provider,) = build_providers(Config.model_validate({"providers": [{**entry, "api_key": "sk-test"}]}))
    assert 100 == provider.caps.clamp("m", 200, [])
    assert 50 == provider.caps.clamp("m", 50, [])


async def test_a_cap_that_cannot_be_read_is_left_to_another(bench):
    """Words without a number teach nothing: the call moves on, and the provider is well."""
    b = await bench()
    error = {"type": INVALID, "message": "max_tokens: 9 > 0, which is the maximum allowed number of output tokens"}
    b.anthropic.always = b.anthropic.replies(400, {"type": "error", "error": error})
    response = await b.ask(max_tokens=9)
    assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    assert 1 == len(b.anthropic.requests)
    assert all(lane.available() for lane in b.router.lanes)
