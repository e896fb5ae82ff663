"""The router as a library: what an application imports, and what it can rely on."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading

import banstorm.router
import pytest
from banstorm.router import (
    AllProvidersExhausted,
    AnthropicProvider,
    Failure,
    LLMProvider,
    LLMRequest,
    LLMResponse,
    LLMRouter,
    Meaning,
    OpenAIProvider,
)
from banstorm.router.errors import AttemptFailed
from banstorm.router.providers import dialects, provider_class


class Parrot(LLMProvider):
    """A provider of the application's own."""

    def __init__(self, name: str, failure: Failure | None = None, *, there: bool = True) -> None:
        self.name, self.model = name, "m"
        self._failure, self._there = failure, there

    async def generate(self, request, limits):
        """Repeat the prompt, or fail."""
        if self._failure is not None:
            raise AttemptFailed(self._failure)
        return LLMResponse(content=request.prompt, provider=self.name, tokens_used=7)

    def is_available(self) -> bool:
        """Whether it wants to be asked."""
        return self._there


BANNED = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
REVOKED = Failure(Meaning.CREDENTIAL, "bad_key", "Incorrect API key provided.", status=401)


def test_a_provider_is_abstract():
    """Whoever writes a provider has to say how it answers; that it is there is the default."""
    with pytest.raises(TypeError, match="generate"):
        LLMProvider()
    assert {"generate"} == LLMProvider.__abstractmethods__
    assert Parrot("p").is_available()


def test_a_request_has_the_usual_defaults():
    """A prompt alone is a request; messages in OpenAI's shape take its place."""
    request = LLMRequest("why?")
    assert ("why?", 1000, 0.7, None) == (request.prompt, request.max_tokens, request.temperature, request.metadata)
    assert [{"role": "user", "content": "why?"}] == request.chat()["messages"]
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert turns == LLMRequest(messages=turns).chat()["messages"]
    assert ["prompt", "max_tokens", "temperature", "metadata"] == list(inspect.signature(LLMRequest).parameters)[:4]


def test_a_response_tells_who_answered_and_how_long_it_took():
    """Content, provider, tokens and latency come first, in this order."""
    assert ["content", "provider", "tokens_used", "latency_ms"] == list(inspect.signature(LLMResponse).parameters)[:4]
    with_metadata = LLMRequest("why?", metadata={"ticket": 7})
    router = LLMRouter([Parrot("p")])
    response = router.route(with_metadata)
    router.close()
    assert ("why?", "p", 7, {"ticket": 7}) == (
        response.content,
        response.provider,
        response.tokens_used,
        response.metadata,
    )
    assert response.latency_ms >= 0
    assert 1 == response.attempts


@pytest.mark.parametrize("made", [AnthropicProvider, OpenAIProvider])
async def test_a_key_is_all_a_provider_needs(made):
    """`AnthropicProvider(api_key=…)` knows its vendor's address and a model."""
    provider = made(api_key="sk-test")
    assert provider.name
    assert provider.model
    assert provider.is_available()
    await provider.aclose()


async def test_the_three_ways_to_ask():
    """`aroute` answers at once and `stream` in pieces; `route` is for code that isn't asynchronous."""
    router = LLMRouter([Parrot("p")])
    assert "why?" == (await router.aroute(LLMRequest("why?"))).content
    chunks = [chunk async for chunk in router.stream(LLMRequest("why?"))]
    assert "why?" == "".join(choice["delta"].get("content") or "" for c in chunks for choice in c["choices"])
    await router.aclose()


async def test_a_provider_that_is_not_available_is_not_asked():
    """A provider that says so isn't asked, and the answer comes from the next."""
    router = LLMRouter([Parrot("first", there=False), Parrot("second")])
    assert "second" == (await router.aroute(LLMRequest("why?"))).provider
    await router.aclose()


@pytest.mark.parametrize("way", ["aroute", "stream", "route"])
async def test_exhausted_is_one_runtime_error_with_every_reason(way):
    """Whichever way the call was made, one subclass of RuntimeError says so and gives each attempt's reason."""
    router = LLMRouter([Parrot("first", BANNED), Parrot("second", REVOKED)])

    async def ask() -> None:
        if way == "route":
            router.route(LLMRequest("why?"))
        elif way == "aroute":
            await router.aroute(LLMRequest("why?"))
        else:
            async for _ in router.stream(LLMRequest("why?")):
                pass

    with pytest.raises(RuntimeError, match="All LLM providers exhausted") as caught:
        await ask()
    assert AllProvidersExhausted is caught.type
    reasons = [(attempt.provider, attempt.failure.reason) for attempt in caught.value.attempts]
    assert ("first", "org_disabled") in reasons
    assert ("second", "bad_key") in reasons
    for words in ("first: org_disabled [HTTP 400, account]", "second: bad_key [HTTP 401, credential]"):
        assert words in str(caught.value)
    if way == "route":
        router.close()
    else:
        await router.aclose()


def test_every_dialect_can_be_imported_by_its_name():
    """Each provider's class is exported, and is the one its dialect names."""
    exported = {getattr(banstorm.router, name) for name in banstorm.router.__all__ if name.endswith("Provider")}
    assert {provider_class(dialect) for dialect in dialects()} == exported - {LLMProvider}
    assert all(provider_class(dialect).dialect == dialect for dialect in dialects())


class Plain(LLMProvider):
    """A provider as somebody writes it first: one argument, nothing asynchronous, no name."""

    def generate(self, request):
        """Answer in capitals, from whatever thread it is."""
        return LLMResponse(content=request.prompt.upper(), provider="Plain")


class Careless(LLMProvider):
    """A provider that forgets what it has to give."""

    async def generate(self, request):
        """Give a text."""
        return "a text"


async def test_a_provider_may_be_written_plainly():
    """`generate(self, request)` is enough, asynchronous or not; a blocking one holds up nobody else."""
    started, go = threading.Event(), threading.Event()

    class Blocking(Plain):
        def generate(self, request):
            started.set()
            assert go.wait(10)
            return super().generate(request)

    async with LLMRouter([Blocking()]) as slow, LLMRouter([Plain()]) as quick:
        waiting = asyncio.create_task(slow.aroute(LLMRequest("why?")))
        assert await asyncio.to_thread(started.wait, 10)
        assert "WHY?" == (await quick.aroute(LLMRequest("why?"))).content
        go.set()
        assert "WHY?" == (await waiting).content
    assert ("Plain", "<Plain 'Plain', model ''>") == (Plain().name, repr(Plain()))


def test_mistakes_of_a_provider_or_a_caller_are_told():
    """Another answer than an `LLMResponse`, another request than an `LLMRequest`, an availability to be awaited."""
    with LLMRouter([Careless()]) as router:
        with pytest.raises(RuntimeError, match="generate gave str, expected an LLMResponse"):
            router.route(LLMRequest("why?"))
        with pytest.raises(TypeError, match="expected an LLMRequest, got str"):
            router.route("why?")
    with pytest.raises(TypeError, match="can't be asynchronous"):

        class Late(Parrot):
            async def is_available(self):
                return True


def test_a_stream_can_be_read_without_async():
    """`for chunk in router.stream(…)` in code that isn't asynchronous; leaving it early closes it."""
    with LLMRouter([Parrot("p")]) as router:
        chunks = list(router.stream(LLMRequest("why?")))
        assert "why?" == "".join(choice["delta"].get("content") or "" for c in chunks for choice in c["choices"])
        for _ in router.stream(LLMRequest("why?")):
            break
        assert 0 == sum(lane.in_flight for lane in router.lanes)
        with pytest.raises(AllProvidersExhausted):
            list(LLMRouter([Parrot("p", BANNED)]).stream(LLMRequest("why?")))


def test_a_router_for_one_loop_says_so_in_another():
    """A second `asyncio.run` finds its connections bound to the first: the error names the way out."""
    router = LLMRouter([OpenAIProvider(api_key="sk-x", base_url="http://127.0.0.1:9/v1")])
    said = []
    for _ in range(2):
        with pytest.raises(AllProvidersExhausted) as caught:
            asyncio.run(router.aroute(LLMRequest("why?")))
        said.append("event loop that is over; keep to one, or use route" in str(caught.value))
    assert [False, True] == said


def test_a_script_ends_without_a_word():
    """A script that forgets to close its router ends at once, and prints nothing but what it wants to."""
    code = (
        "from banstorm.router import AnthropicProvider, LLMRequest, LLMRouter\n"
        "router = LLMRouter([AnthropicProvider(api_key='x', base_url='http://127.0.0.1:9')])\n"
        "try: router.route(LLMRequest('why?'))\n"
        "except RuntimeError as error: print(str(error)[:27])\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert ("All LLM providers exhausted\n", "") == (done.stdout, done.stderr)
