"""`route`, for code that isn't asynchronous."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from banstorm.router import LLMProvider, LLMRequest, LLMResponse, LLMRouter, both_ways
from banstorm.router.loop_thread import LoopThread


class Quick(LLMProvider):
    """Answers at once."""

    name, model = "quick", "m"

    async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
        """Say which loop's thread it ran in."""
        return LLMResponse(content=str(threading.get_ident()), provider=self.name)


def test_threads_that_call_first_at_once_share_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections belong to one loop, so there is one, however many threads make the first call."""
    gate = threading.Barrier(2)

    class Slow(LoopThread):
        def __init__(self, name: str) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(timeout=0.2)  # lets a second thread come in here, if anything does
            super().__init__(name)

    monkeypatch.setattr(both_ways, "LoopThread", Slow)
    router = LLMRouter([Quick()])
    with ThreadPoolExecutor(4) as pool:
        threads = {done.content for done in pool.map(lambda _: router.route(LLMRequest("hi")), range(4))}
    router.close()
    assert 1 == len(threads)
