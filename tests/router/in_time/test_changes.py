"""What changes in the fleet while a call is on its way costs it nothing, and gives it nobody whom its terms forbid."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, Failure, LLMRequest, Meaning
from banstorm.router.config import Breaker, Retry
from banstorm.router.terms import Terms

DOWN = Failure(Meaning.TRANSIENT, "server_error", "down", 500)
LIMITED = Failure(Meaning.LIMITED, "rate_limited", "busy", 429, retry_after_s=2.0)
BANNED = Failure(Meaning.ACCOUNT, "org_disabled", "disabled", 403)


def recredential(router, b, lab) -> None:
    """B gets another key."""
    router.replace("b", [lab.Scripted("b")])


def remove(router, b, lab) -> None:
    """B is removed."""
    router.replace("b", [])


def drain(router, b, lab) -> None:
    """B is drained."""
    router.fleet.drain("b", draining=True)


def revoke(router, b, lab) -> None:
    """B gets another key, and its old one is worth nothing any more."""
    b.always = Failure(Meaning.CREDENTIAL, "bad_key", "revoked", 401)
    router.replace("b", [lab.Scripted("b")])


def relieve(router, b, lab) -> None:
    """B, which wouldn't have answered either, is removed after C was added."""
    b.always = BANNED
    router.fleet.add([lab.Scripted("c")])
    router.replace("b", [])


@pytest.mark.parametrize(
    ("change", "expected"), [(recredential, "b"), (remove, "b"), (drain, "b"), (revoke, "b"), (relieve, "c")]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_change_while_another_is_failing(lab, change, expected, stream):
    """Whoever was there when a call began is there for it until its end, and who has come since may be asked, too."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    closed = []
    b.aclose = lambda: closed.append(lab.now()) or asyncio.sleep(0)

    async def slow_failure(request, limits):
        await asyncio.sleep(0.3)
        a.always = DOWN
        return await type(a).generate(a, request, limits)

    a.generate = slow_failure

    async def scene() -> None:
        router = lab.make(a, b)
        began = lab.now()
        call = asyncio.create_task(lab.ask(router, stream=stream))
        await asyncio.sleep(0.1)
        change(router, b, lab)
        assert expected == await call
        ended = lab.now()
        await asyncio.gather(*router._leaving)
        assert all(began + 0.3 < when >= ended for when in closed)
        assert (change is not drain) == bool(closed)
        assert [] == router.fleet.leaving
        if change in (remove, drain):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router)

    lab.virtually(scene())


def new_key(router, lab) -> None:
    """A gets another key."""
    router.replace("a", [lab.Scripted("a")])


def newcomer(router, lab) -> None:
    """C is added."""
    router.fleet.add([lab.Scripted("c")], 0)


def resumed(router, lab) -> None:
    """B takes calls again."""
    router.fleet.drain("b", draining=False)


@pytest.mark.parametrize(
    ("change", "terms", "expected"),
    [
        (new_key, Terms(), ("a", 0.2)),
        (newcomer, Terms(), ("c", 0.2)),
        (resumed, Terms(), ("b", 0.2)),
        (new_key, Terms(disable_fallbacks=True), ("a", 0.2)),
        (newcomer, Terms(disable_fallbacks=True), ("a", 2.0)),
        (resumed, Terms(disable_fallbacks=True), ("a", 2.0)),
        (newcomer, Terms(providers=frozenset("ab")), ("a", 2.0)),
        (resumed, Terms(models=frozenset({"a-model"})), ("a", 2.0)),
    ],
)
def test_a_waiting_call_sees_who_comes(lab, change, terms, expected):
    """A call that waits for a limited provider goes to who comes meanwhile, if its terms permit that; else it waits."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.script.append(LIMITED)

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(), retry=Retry(wait_max=5.0))
        router.fleet.drain("b", draining=True)
        began = lab.now()
        call = asyncio.create_task(router.aroute(LLMRequest("hello", terms=terms)))
        await asyncio.sleep(0.2)
        change(router, lab)
        provider, after = expected
        assert provider == (await call).provider
        assert after <= lab.now() - began < after + 0.5

    lab.virtually(scene())


def test_without_fallback_a_newcomer_isnt_one(lab):
    """`fallback: false` holds for who comes later, too."""
    a = lab.Scripted("a", 0.3)
    a.always = BANNED

    async def scene() -> None:
        router = lab.make(a, fallback=False)
        call = asyncio.create_task(lab.ask(router))
        await asyncio.sleep(0)
        newcomer(router, lab)
        with pytest.raises(AllProvidersExhausted):
            await call

    lab.virtually(scene())


def test_a_drained_provider_gets_no_new_calls(lab):
    """Calls that begin while a provider is drained pass it by and say so; the others share its turns evenly."""
    heard = lab.Heard()
    providers = [lab.Scripted(name) for name in "abc"]

    async def scene() -> None:
        router = lab.make(*providers, observers=[heard])
        router.fleet.drain("a", draining=True)
        assert "b" == await lab.ask(router)
        assert ["a: is being drained"] == heard.calls[-1].skipped
        for name in "bc":
            router.fleet.drain(name, draining=True)
        with pytest.raises(AllProvidersExhausted, match=r"a: is being drained.*c: is being drained"):
            await lab.ask(router)
        router.fleet.drain("a", draining=False)
        assert "a" == await lab.ask(router)

    lab.virtually(scene())
