"""A scenario's timeline, or faults of one's own, around the test's own calls."""

from __future__ import annotations

import asyncio
import threading

import anthropic
import httpx
import openai
import pytest
from banstorm.fakes.listener import Listener
from banstorm.harness.errors import HarnessError
from banstorm.harness.lab_banstorm import Banstorm
from banstorm.harness.lab_clock import LabClock


@pytest.mark.banstorm("sudden_ban", speed=0)
async def test_a_scenario_of_the_library(banstorm, fall_back):
    """At speed 0 the test itself moves the clock: well, banned, well again."""
    await fall_back()
    banstorm.assert_answered_by("anthropic")
    banstorm.advance("3s")
    await fall_back()
    banstorm.assert_failed_over("anthropic", "openai")
    assert "org_disabled" == banstorm.anthropic.requests[-1].failure
    banstorm.advance("5s")
    await fall_back()
    banstorm.assert_answered_by("anthropic")
    banstorm.assert_bitten("org_disabled")
    assert {"0:org_disabled": 1} == banstorm.bitten


@pytest.mark.banstorm({"on": "anthropic", "until": "20s", "fault": "overloaded"}, speed=20)
async def test_time_is_compressed(banstorm, fall_back):
    """At speed 20, a window of 20 seconds is over a second after the first request."""
    await fall_back()
    banstorm.assert_failed_over("anthropic", "openai")
    first = banstorm.requests[0]
    while banstorm.now_s < 20:  # noqa: ASYNC110 - time tells nobody
        await asyncio.sleep(0.01)
    banstorm.forget()
    await fall_back()
    banstorm.assert_no_calls_to("openai")
    (last,) = banstorm.requests
    assert 20 == pytest.approx((last.at_s - first.at_s) / ((last.received_ns - first.received_ns) / 1e9), rel=0.05)


def test_time_0_is_the_first_request(banstorm):
    """Until then the clock may be put forward as far as one likes."""
    banstorm.play({"on": "openai", "until": "1s", "fault": "rate_limited"}, speed=0)
    assert banstorm.now_s is None
    banstorm.advance("1h")
    assert 429 == _status(banstorm.openai)
    assert 0 == banstorm.now_s
    banstorm.advance("1s")
    assert 200 == _status(banstorm.openai)
    assert [0, 1] == [each.at_s for each in banstorm.requests]


def test_time_0_is_now_if_the_test_says_so(banstorm):
    """`start` doesn't wait for a request."""
    banstorm.play({"on": "openai", "until": "1s", "fault": "rate_limited"}, speed=0)
    banstorm.start()
    banstorm.advance("1s")
    assert 200 == _status(banstorm.openai)


def test_a_provider_that_is_named_late_is_in_the_same_window(banstorm):
    """Time 0 is everybody's."""
    banstorm.play({"on": ["openai", "groq"], "at": "1s", "fault": "rate_limited"}, speed=0)
    assert 200 == _status(banstorm.openai)
    banstorm.advance("1s")
    assert 429 == _status(banstorm.groq)


async def test_standings_are_played_too(banstorm, ask):
    """What changes the provider's own state does so by the timeline's clock, for every key."""
    banstorm.play({"on": "openai", "at": "10s", "until": "20s", "standing": "org_disabled"}, speed=0)
    await ask("openai")
    banstorm.advance("11s")
    with pytest.raises(openai.APIStatusError):
        await ask("openai")
    assert ["org_disabled"] == [each.failure for each in banstorm.requests if each.failed]
    banstorm.assert_bitten()
    banstorm.advance("10s")
    await ask("openai")


async def test_a_stream_that_breaks_off(banstorm, ask):
    """The caller's SDK sees a broken stream, and the log says that the answer was cut off."""
    banstorm.play({"on": "openai", "fault": "stream_cut"})
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        await ask("openai", stream=True)
    (request,) = banstorm.requests
    assert "200 cut off stream_cut" == request.answer
    assert request.failed
    assert 1 == len(banstorm.bills)


@pytest.mark.parametrize("fault", ["connection_refused", "unreachable"])
def test_a_shut_door_opens_by_the_clock(banstorm, fault):
    """No connection is made while the window is open; kept-alive ones are gone; afterwards the port answers again."""
    banstorm.play({"on": "openai", "at": "1s", "until": "5s", "fault": fault}, speed=0)
    with httpx.Client(timeout=0.3) as kept:
        assert 200 == _status(banstorm.openai, kept)
        banstorm.advance("1s")
        if fault == "connection_refused":
            with pytest.raises(httpx.TransportError):
                _status(banstorm.openai, kept)
        with pytest.raises(httpx.TransportError), httpx.Client(timeout=0.3) as new:
            _status(banstorm.openai, new)
    assert 200 == _status(banstorm.groq)
    banstorm.assert_failed_over("openai", "groq")  # nothing arrived at openai: it took no connections
    banstorm.assert_bitten(fault)
    banstorm.advance("4s")
    assert 200 == _status(banstorm.openai)


def test_a_shut_door_opens_by_itself(banstorm):
    """With a clock that runs, nobody has to put it forward."""
    banstorm.play({"on": "openai", "until": "1s", "fault": "connection_refused"}, speed=0)
    base_url = banstorm.openai.base_url
    banstorm.start()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/models")
    banstorm._clock.speed = 20
    banstorm.advance(0)
    with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as patient:  # waits longer after each refusal
        assert 200 == _status(banstorm.openai, patient)


def test_a_door_that_the_first_connection_met_shut_opens_when_it_is_time(banstorm):
    """Nobody starts the clock but the connection that is refused; the port answers again at the end of the window."""
    banstorm.play({"on": "openai", "until": "10s", "fault": "connection_refused"}, speed=20)
    base_url = banstorm.openai.base_url
    with pytest.raises(httpx.TransportError), httpx.Client(timeout=5) as client:
        client.get(f"{base_url}/models")
    with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as patient:  # waits longer after each refusal
        assert 200 == _status(banstorm.openai, patient)
    assert {"0:connection_refused": 1} == banstorm.bitten


@pytest.mark.parametrize("first", ["groq", "openai"])
def test_nobody_reaches_a_provider_whose_timeline_a_request_began(banstorm, first):
    """The first request shuts the door, wherever it came; nobody has to put the clock forward, and it counts as met."""
    banstorm.play({"on": "openai", "fault": "unreachable"})
    banstorm.env("groq", "openai")
    if first == "groq":
        assert 200 == _status(banstorm.groq)
    with httpx.Client(timeout=0.3) as new:
        for _ in range(2):
            with pytest.raises(httpx.TimeoutException):
                _status(banstorm.openai, new)
    assert {"0:unreachable": 1} == banstorm.bitten
    assert 200 == _status(banstorm.groq)
    banstorm.assert_failed_over("openai", "groq")


def test_a_door_that_could_not_be_shut_is_told(banstorm_lab, monkeypatch):
    """A test that asks what came of it, or ends, hears that the timeline was not played; other providers still end."""

    async def fails(listener: Listener) -> bool:
        return False

    monkeypatch.setattr(Listener, "ignore", fails)
    banstorm = Banstorm(banstorm_lab)
    banstorm.play({"on": "openai", "fault": "unreachable"})
    banstorm.env("openai", "groq")
    assert 200 == _status(banstorm.groq)
    told = "nobody should reach 'openai', but its queue of connections can't be filled\nwhere: 0:unreachable\nnext: "
    with httpx.Client(timeout=0.3) as new, pytest.raises(httpx.TimeoutException):
        _status(banstorm.openai, new)
    with pytest.raises(HarnessError, match=told):
        banstorm.assert_failed_over("openai", "groq")
    groq = banstorm.groq.base_url
    with pytest.raises(HarnessError, match=told):
        banstorm.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{groq}/models")


def test_a_provider_may_be_none_of_the_scenarios(banstorm):
    """A timeline is played to its own providers; another vendor, or a second account, stands beside them, well."""
    assert 200 == _status(banstorm.groq)
    banstorm.play("sudden_ban", speed=0)
    backup = banstorm.provider("backup", like="openai")
    banstorm.start()
    assert [200, 200, 200] == [_status(each) for each in (banstorm.groq, banstorm.mistral, backup)]
    assert {"0:org_disabled": 0} == banstorm.bitten


def test_a_hang_ends_with_the_test(banstorm):
    """A caller that waits for ever is let go when the providers close."""
    banstorm.play({"on": "openai", "fault": "hang"})
    base_url, seen = banstorm.openai.base_url, []

    def wait() -> None:
        try:
            httpx.get(f"{base_url}/models", headers={"authorization": "Bearer sk-1"}, timeout=30)
        except httpx.HTTPError as error:
            seen.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not banstorm.requests:
        pass
    assert "under way" == banstorm.requests[0].answer
    banstorm.close()
    waiting.join(20)
    assert seen in ([httpx.RemoteProtocolError], [httpx.ReadError])


async def test_a_new_timeline_takes_the_old_ones_place(banstorm, ask):
    """Bans, limits and answers of the test's own stay."""
    banstorm.play({"on": "openai", "fault": "rate_limited"})
    with pytest.raises(openai.RateLimitError):
        await ask("openai")
    banstorm.openai.answer("Mine.")
    banstorm.openai.quota(requests_per_minute=1)
    banstorm.anthropic.ban("overloaded")
    banstorm.play({"on": "openai", "fault": "noop"})
    assert "Mine." == await ask("openai")
    with pytest.raises(openai.RateLimitError):
        await ask("openai", "once more")
    with pytest.raises(anthropic.APIStatusError):
        await ask("anthropic")


def test_a_scenario_has_providers_of_its_own_names(banstorm, tmp_path):
    """A scenario's providers are the test's, whatever they are called; `env` is theirs."""
    path = tmp_path / "mine.yaml"
    path.write_text("""
version: 1
title: Mine
story: Two accounts.
source: here
seed: 5
providers: {first: {dialect: openai, model: a}, second: {dialect: openai, model: b}}
load: {arrivals: constant, rate: 1/s, duration: 9s}
timeline: [{at: 0s, until: 3s, on: first, fault: org_disabled}]
expect: {silent_losses: 0}
""")
    banstorm.play(str(path), speed=0)
    assert 400 <= _status(banstorm.first)
    assert 200 == _status(banstorm["second"])
    assert banstorm.first.base_url == banstorm.env()["OPENAI_BASE_URL"]
    path.write_text(path.read_text().replace("dialect: openai, model: a", "dialect: groq, model: a"))
    with pytest.raises(HarnessError, match="'first' speaks groq, the test's speaks openai"):
        banstorm.play(path)


def test_the_labs_clock():
    """It follows the machine's at its speed, never goes back, and knows when a moment comes."""
    machine = [1_000]
    clock = LabClock(lambda: machine[0])
    assert 1_000 == clock.now_ns()
    clock.speed = 10
    machine[0] += 50
    assert 1_500 == clock.now_ns()
    clock.speed = 0
    machine[0] += 50
    assert 1_500 == clock.now_ns()
    assert clock.wait_s(1_600) is None
    clock.advance(1e-6)
    assert 2_500 == clock.now_ns()
    clock.speed = 0.5
    machine[0] += 1_000
    assert 3_000 == clock.now_ns()
    assert 2e-6 == clock.wait_s(4_000)
    assert 0 == clock.wait_s(2_999)
    assert clock.into_s is None
    clock.started_ns = 2_000
    assert 1e-6 == clock.into_s


def _status(provider, client=httpx) -> int:
    headers = {"authorization": "Bearer sk-1"}
    return int(client.get(f"{provider.base_url}/models", headers=headers).status_code)
