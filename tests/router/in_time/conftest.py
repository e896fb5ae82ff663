"""Providers made of a few lines, on a loop whose time only passes when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from banstorm.router import AttemptFailed, Failure, LLMProvider, LLMRequest, LLMResponse, LLMRouter
from banstorm.router.observer import CallRecord, Observer

sys.path.insert(0, str(Path(__file__).parent))  # the module beside the tests

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Doesn't wait: it moves the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for everybody"
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds take no time."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1000.0
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """The loop's virtual time."""
    return asyncio.get_running_loop().time()


class Scripted(LLMProvider):
    """Answers with its name after `delay_s`; `next` holds failures and delays for single attempts."""

    def __init__(self, name: str, delay_s: float = 0.1) -> None:
        self.name, self.model, self.delay_s = name, f"{name}-model", delay_s
        self.script: deque[Failure | float] = deque()
        self.always: Failure | float | None = None
        self.asked: list[float] = []
        self.running = self.most_running = 0

    async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
        """Do what the script says."""
        self.asked.append(now())
        what = self.script.popleft() if self.script else self.always
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(what if isinstance(what, float) else 0.01 if what else self.delay_s)
        finally:
            self.running -= 1
        if isinstance(what, Failure):
            raise AttemptFailed(what)
        return LLMResponse(content=self.name, provider=self.name, model=self.model, input_tokens=1, output_tokens=1)


class Heard(Observer):
    """Remembers every call."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []

    def call_ended(self, record: CallRecord) -> None:
        """Remember it."""
        self.calls.append(record)


def make(*providers: LLMProvider, **more: Any) -> LLMRouter:
    """A router without jitter on virtual time."""
    return LLMRouter(providers, clock=now, chance=lambda _entity, _n: 0.0, **more)


async def ask(router: LLMRouter, *, stream: bool = False) -> str:
    """One call; the name of who answered."""
    request = LLMRequest("hello")
    if not stream:
        return (await router.aroute(request)).provider
    texts = [chunk["choices"][0]["delta"].get("content") or "" async for chunk in router.stream(request)]
    return "".join(texts)


class Lab:
    """What the tests here are made of."""

    Scripted = Scripted
    VirtualLoop = VirtualLoop
    Heard = Heard
    virtually = staticmethod(virtually)
    now = staticmethod(now)
    make = staticmethod(make)
    ask = staticmethod(ask)
    request = LLMRequest
    sleep = staticmethod(asyncio.sleep)


@pytest.fixture
def lab() -> type[Lab]:
    """What the tests here are made of."""
    return Lab
