"""When a target counts as ready, and what is said of one that never is."""

from __future__ import annotations

import asyncio
from typing import Any

from banstorm.harness.readiness import wait_ready
from banstorm.scenarios.model import Load


class _Callers:
    """The load child's stand-in: answers each round of readiness calls, and notes how long it was given."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = list(outcomes)
        self.given_s: list[float] = []
        self._calls: list[dict[str, Any]] = []

    def expect(self, event: str) -> asyncio.Future[dict[str, Any]]:
        assert "probe_result" == event
        return asyncio.get_running_loop().create_future()

    async def send(self, message: dict[str, Any]) -> None:
        self._calls = message["calls"]

    async def wait(self, _: asyncio.Future[dict[str, Any]], aim: str, seconds: float) -> dict[str, Any]:
        self.given_s.append(seconds)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        return {"results": [{"call": each["call"], "outcome": outcome, "status": None} for each in self._calls]}


def _load(**changes: Any) -> Load:
    return Load.model_validate({"rate": "1/s", "duration": "1s", "stream": "0%"} | changes)


async def test_a_round_takes_as_long_as_its_callers_wait():
    """A long answer, or a target that hangs, is waited for until the callers leave: the load generator isn't stuck."""
    callers = _Callers("ok")
    ready = await wait_ready(_load(deadline="60s"), callers, 30.0)
    assert ready.marked
    assert 120.0 < callers.given_s[0]


async def test_a_target_that_answers_wrong_is_not_waited_for():
    """Three rounds without a watermark: the target rewrites prompts, and waiting will not change that."""
    ready = await wait_ready(_load(), _Callers("error", "corrupted"), 30.0)
    assert (False, True) == (ready.marked, ready.answered)
    assert "rewrites prompts" in ready.detail


async def test_a_target_that_answers_nothing_in_time_is_named_as_such():
    """When the time is up, the last thing that happened is told."""
    ready = await wait_ready(_load(), _Callers("hung"), 0.0)
    assert (False, False) == (ready.marked, ready.answered)
    assert "hung" in ready.detail
