"""When a target counts as ready, and what is said of one that never is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness import readiness
from banstorm.harness.readiness import wait_ready
from banstorm.harness.targets import _own, _program
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


async def test_a_target_whose_connection_nobody_takes_was_not_heard():
    """Then its providers and its model are not what is wrong; and people read it in words."""
    refused = {"outcome": "refused", "error": "connection_refused", "status": None}
    ready = await wait_ready(_load(), _Answering(lambda _: refused), 0.0)
    assert (False, "not ready after 0 s (text, plain: refused: nothing listens there)") == (ready.heard, ready.detail)
    error = {"outcome": "error", "error": "http_500", "status": 500, "evidence": "no"}
    ready = await wait_ready(_load(), _Answering(lambda _: error), 0.0)
    assert (True, "not ready after 0 s (text, plain: error, status 500: no)") == (ready.heard, ready.detail)


class _Clock:
    """A clock that only waiting moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.waits = 0
        for module in (readiness, _own, _program):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now_s)
            monkeypatch.setattr(module.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.waits += 1


class _Answering(_Callers):
    """Callers whose every round is answered by a function of how many there were, and may take time."""

    def __init__(self, answer: Any) -> None:
        super().__init__("ok")
        self._answer = answer

    async def wait(self, _: asyncio.Future[dict[str, Any]], aim: str, seconds: float) -> dict[str, Any]:
        self.given_s.append(seconds)
        return {"results": [{"call": each["call"], **self._answer(each)} for each in self._calls]}


STARTS_S = [0.0, 0.01, 0.199, 0.2, 0.201, 0.35, 1.0, 3.3, 5.0, 12.37, 29.0]
"""Own start-up times of targets: those of docs/scorecard lie between 0.1 s and 12 s."""
ROUND_S = 0.05
"""What a round of calls may take that finds nobody, or a router with nothing else to do."""
ADDED_S_MAX = 1.0
"""What banstorm may add to a cached target's own start-up."""


@pytest.mark.parametrize("start_s", STARTS_S)
async def test_a_target_is_seen_to_be_ready_within_a_second_of_being_so(
    start_s: float, monkeypatch: pytest.MonkeyPatch
):
    """However long its own start-up takes: looks come at a fixed pace, and never further apart the longer it takes."""
    clock = _Clock(monkeypatch)

    def answer(_: object) -> dict[str, Any]:
        up = clock.now_s >= start_s
        clock.now_s += ROUND_S
        return {"outcome": "ok" if up else "refused", "status": None}

    assert (await wait_ready(_load(), _Answering(answer), 30.0)).marked
    assert start_s <= clock.now_s <= start_s + ADDED_S_MAX
    assert clock.waits <= 1 + start_s / readiness.RETRY_S


@pytest.mark.parametrize("start_s", STARTS_S[:-2])
async def test_a_readiness_path_and_an_address_are_seen_within_a_second_too(
    start_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    """The other two things that a target may be waited for before it is asked."""
    clock = _Clock(monkeypatch)
    process = SimpleNamespace(exited_ns=None, log=tmp_path / "log", tail=lambda: "")

    async def at_once(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(_own.asyncio, "to_thread", at_once)
    monkeypatch.setattr(_own, "_answers", lambda _: clock.now_s >= start_s)
    await _own.OwnTarget._until_ready(SimpleNamespace(), process, "http://127.0.0.1:1/health")
    assert start_s <= clock.now_s <= start_s + ADDED_S_MAX
    clock.now_s = 0.0
    monkeypatch.setattr(_program, "_read", lambda _: "http://127.0.0.1:1" if clock.now_s >= start_s else "")
    assert "http://127.0.0.1:1" == await _program.ProgramTarget._address(SimpleNamespace(_process=process), tmp_path)
    assert start_s <= clock.now_s <= start_s + ADDED_S_MAX
