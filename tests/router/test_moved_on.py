"""What one provider refuses about a request, and when another may be asked all the same."""

from __future__ import annotations

import pytest
from banstorm.router import LLMRequest, RequestRejected
from banstorm.router.build import build_providers, build_router
from banstorm.router.config import Config

INVALID = "invalid_request_error"
TOO_LONG = {"type": "error", "error": {"type": INVALID, "message": "prompt is too long: 9 tokens > 8 maximum"}}
BLOCKED = {"type": "error", "error": {"type": INVALID, "message": "Output blocked by content filtering policy"}}
TOO_LONG_TOO = {
    "error": {
        "message": "This model's maximum…",
        "type": INVALID,
        "code": "context_length_exceeded",
        "param": "messages",
    }
}
KEPT_BACK = {
    "id": "c", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant", "content": None}}],
}  # fmt: skip


@pytest.fixture
async def routed(upstream):
    """Makes a router over an Anthropic and an OpenAI stand-in with these contexts and settings."""
    made = []

    async def make(first, second, **settings):
        ups = [await upstream("anthropic"), await upstream("openai")]
        ups[1].words = "openai is well"
        providers = [
            {
                "name": up.dialect,
                "dialect": up.dialect,
                "base_url": up.url,
                "model": "m",
                **({"context": c} if c else {}),
            }
            for up, c in zip(ups, (first, second), strict=True)
        ]
        config = Config.model_validate({"providers": providers, **settings})
        made.append(build_router(config, build_providers(config)))
        return made[-1], *ups

    yield make
    for router in made:
        await router.aclose()


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [(8, 100, 1), (8, 8, 0), (100, 8, 0), (None, 100, 1), (8, None, 1), (None, None, 1)],
)
async def test_a_prompt_too_long_goes_where_it_may_fit(routed, first, second, asked):
    """A prompt that doesn't fit goes on unless the other is known to read no more; then the caller is at fault."""
    router, one, two = await routed(first, second)
    one.always = one.replies(400, TOO_LONG)
    if asked:
        assert "openai is well" == (await router.aroute(LLMRequest("long"))).content
    else:
        with pytest.raises(RequestRejected, match="prompt is too long"):
            await router.aroute(LLMRequest("long"))
    assert asked == len(two.requests)
    assert [lane.available() for lane in router.lanes] == [True, True]


async def test_too_long_for_the_largest_is_the_callers_fault(routed):
    """When the largest context refuses too, the caller hears it with status 400."""
    router, one, two = await routed(8, 100)
    one.always, two.always = one.replies(400, TOO_LONG), two.replies(400, TOO_LONG_TOO)
    with pytest.raises(RequestRejected) as caught:
        await router.aroute(LLMRequest("long"))
    assert (400, "openai", "context_length_exceeded") == (
        caught.value.status,
        caught.value.provider,
        caught.value.error["code"],
    )


@pytest.mark.parametrize(("setting", "asked"), [({}, 0), ({"content_refusals": "elsewhere"}, 1)])
async def test_a_refused_content_is_not_shopped_around_unless_configured(routed, setting, asked):
    """What a content policy refuses is returned at once; only an operator who says so has it asked elsewhere."""
    router, one, two = await routed(None, None, **setting)
    one.always = one.replies(400, BLOCKED)
    if asked:
        assert "openai is well" == (await router.aroute(LLMRequest("bad"))).content
    else:
        with pytest.raises(RequestRejected, match="content filtering policy"):
            await router.aroute(LLMRequest("bad"))
    assert asked == len(two.requests)


@pytest.mark.parametrize(("setting", "provider"), [({}, "openai"), ({"content_refusals": "elsewhere"}, "anthropic")])
async def test_an_answer_that_is_kept_back_is_an_answer(upstream, setting, provider):
    """A 200 whose answer was kept back reaches the caller as it is, unless refusals are asked elsewhere."""
    ups = [await upstream("openai"), await upstream("anthropic")]
    config = Config.model_validate(
        {
            "providers": [{"name": u.dialect, "dialect": u.dialect, "base_url": u.url, "model": "m"} for u in ups],
            **setting,
        }
    )
    router = build_router(config, build_providers(config))
    ups[0].always = ups[0].replies(200, KEPT_BACK)
    assert provider == (await router.aroute(LLMRequest("bad"))).provider
    await router.aclose()
