"""Providers that an application writes itself may hang, raise or be left while they answer: others don't suffer."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest
from banstorm.router import AllProvidersExhausted, LLMProvider, LLMRequest, LLMResponse, LLMRouter
from banstorm.router.config import Retry, Timeouts
from banstorm.router.errors import RouterError
from banstorm.router.provider import THREADS_MAX


class Quick(LLMProvider):
    """Answers at once, without `async`."""

    def generate(self, request):
        """Its name, and whose thread it is."""
        return LLMResponse(threading.current_thread().name, self.name, finish_reason="stop")


class Unsure(Quick):
    """Can't say whether it is there."""

    name = "Unsure"

    def is_available(self) -> bool:
        """Asks somebody who doesn't answer."""
        raise ConnectionError("vault at 10.0.0.7 with token s.123")


async def test_an_availability_that_raises_is_none():
    """A provider whose `is_available` raises is passed by, and named with what it raised but not with its words."""
    async with LLMRouter([Unsure(), Quick()]) as router:
        assert "Quick" == (await router.aroute(LLMRequest("why?"))).provider
    async with LLMRouter([Unsure()]) as router:
        with pytest.raises(AllProvidersExhausted) as caught:
            await router.aroute(LLMRequest("why?"))
    assert ["Unsure: is_available raised ConnectionError"] == list(caught.value.skipped)


async def test_a_provider_that_hangs_holds_only_its_own_threads():
    """However many calls hang in one provider's threads, another's answers come, from threads of its own."""
    begun, go = threading.Semaphore(0), threading.Event()

    class Hangs(Quick):
        def generate(self, request):
            begun.release()
            assert go.wait(30)
            return super().generate(request)

    hangs, quick = Hangs(), Quick()
    async with LLMRouter([hangs], timeouts=Timeouts(answer=60)) as slow, LLMRouter([quick]) as router:
        waiting = [asyncio.create_task(slow.aroute(LLMRequest("why?"))) for _ in range(THREADS_MAX + 5)]
        for _ in range(THREADS_MAX):
            assert await asyncio.to_thread(begun.acquire, timeout=10)
        answers = await asyncio.gather(*(router.aroute(LLMRequest("why?")) for _ in range(80)))
        assert {"provider Quick"} == {each.content.split("_")[0] for each in answers}
        go.set()
        assert THREADS_MAX + 5 == len(await asyncio.gather(*waiting))
    assert (None, None) == (hangs._threads, quick._threads)


async def test_a_frozen_provider_may_be_written_plainly():
    """A provider without `async` may be a frozen dataclass."""

    @dataclass(frozen=True)
    class Frozen(Quick):
        name = "Frozen"

    async with LLMRouter([Frozen()]) as router:
        assert "Frozen" == (await router.aroute(LLMRequest("why?"))).provider


def test_closing_ends_the_calls_of_other_threads():
    """A router that is closed while another thread waits for an answer tells that thread so; it never hangs."""
    begun = threading.Event()
    told: list[BaseException] = []

    class Hangs(LLMProvider):
        async def generate(self, request):
            begun.set()
            await asyncio.Event().wait()

    router = LLMRouter([Hangs()], timeouts=Timeouts(answer=600, total=600), retry=Retry())

    def call() -> None:
        try:
            router.route(LLMRequest("why?"))
        except RouterError as error:
            told.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert begun.wait(10)
    own_loop = router._thread
    router.close()
    thread.join(10)
    assert not thread.is_alive()
    assert ["the router was closed while this call was on its way"] == [str(each) for each in told]
    late = asyncio.sleep(0)
    with pytest.raises(RouterError, match="was closed"):
        own_loop.run(late)
