"""Pools of credentials: each key has a standing of its own, and losing one costs nobody an answer."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, Failure, LLMProvider, Meaning
from banstorm.router.config import Breaker
from banstorm.router.policies.breaker import State
from banstorm.router.profile import Profile

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "disabled", status=400)
REVOKED = Failure(Meaning.CREDENTIAL, "bad_key", "invalid x-api-key", status=401)
LIMITED = Failure(Meaning.LIMITED, "rate_limited", "too many", status=429, retry_after_s=9.0)
BROKEN = Failure(Meaning.TRANSIENT, "server_error", "Internal server error", status=500)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)
UNKNOWN = Failure(Meaning.MODEL, "model_unknown", "no such model", status=404)

both = pytest.mark.parametrize("stream", [False, True])


def pool(lab, name, *credentials):
    """A provider with several credentials."""
    members = []
    for credential in credentials:
        member = lab.Scripted(name)
        member.credential = credential
        members.append(member)
    return members


class Service(LLMProvider):
    """What answers no prompt."""

    name, model = "service", "s"

    def serves(self, operation):
        """Services only."""
        return operation == "service"

    async def generate(self, request, limits):
        """Never asked."""
        raise NotImplementedError


@pytest.mark.parametrize("beside", [[], [Service()]])
def test_keys_take_turns_whoever_stands_beside(lab, beside):
    """A pool's keys share its calls evenly, with a service in the fleet as well as without."""
    first, second = pool(lab, "a", "KEY_1", "KEY_2")

    async def scene() -> None:
        router = lab.make(first, second, *beside)
        for _ in range(10):
            await lab.ask(router)
        assert (5, 5) == (len(first.asked), len(second.asked))
        router.replace("a", pool(lab, "a", "KEY_3"))
        assert "a" == await lab.ask(router)

    lab.virtually(scene())


@both
@pytest.mark.parametrize("failure", [BAN, REVOKED, LIMITED], ids=str)
def test_a_refused_key_takes_only_itself_out(lab, stream, failure):
    """What is refused to one key is served with the next at once, and only the refused key is left from then on."""
    first, second = pool(lab, "a", "KEY_1", "KEY_2")
    other = lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(first, second, other)
        first.always = failure
        assert ["a"] * 10 == [await lab.ask(router, stream=stream) for _ in range(10)]
        assert (1, 10, 0) == (len(first.asked), len(second.asked), len(other.asked))
        assert [State.OPEN, State.CLOSED] == [lane.breaker.state for lane in router.lanes[:2]]

    lab.virtually(scene())


@both
@pytest.mark.parametrize("failure", [OVERLOADED, UNKNOWN], ids=str)
def test_after_what_isnt_the_keys_fault_another_provider_comes_first(lab, stream, failure):
    """An overload meets every key alike, and so does a model that is gone: the next to be asked is another provider."""
    first, second = pool(lab, "a", "KEY_1", "KEY_2")
    other = lab.Scripted("b")
    first.always = second.always = failure

    async def scene() -> None:
        assert "b" == await lab.ask(lab.make(first, second, other), stream=stream)
        assert 1 == len(first.asked) + len(second.asked)

    lab.virtually(scene())


def test_credentials_take_turns(lab):
    """Limits are kept by key, so calls are spread evenly over a pool."""
    members = pool(lab, "a", "KEY_1", "KEY_2", "KEY_3")

    async def scene() -> None:
        router = lab.make(*members)
        for _ in range(30):
            await lab.ask(router)
        assert [10, 10, 10] == [len(member.asked) for member in members]

    lab.virtually(scene())


@both
@pytest.mark.parametrize("failure", [BAN, REVOKED, LIMITED, UNKNOWN], ids=str)
def test_refusals_dont_use_up_the_attempts(lab, stream, failure):
    """With many refusing accounts and one good provider nothing is lost: a refusal isn't one of three attempts."""
    refusing = [lab.Scripted(name) for name in "abcdef"]
    for provider in refusing:
        provider.always = failure
    good = lab.Scripted("good")

    async def scene() -> None:
        assert "good" == await lab.ask(lab.make(*refusing, good), stream=stream)
        assert [1] * 6 == [len(provider.asked) for provider in refusing]

    lab.virtually(scene())


def test_refusals_are_bounded_and_accidents_still_count(lab):
    """A call is refused so many times and no more, and among refusals it may have three accidents."""
    many = [lab.Scripted(f"p{n}") for n in range(30)]
    for provider in many:
        provider.always = BAN
    mixed = [lab.Scripted(f"m{n}") for n in range(10)]
    for n, provider in enumerate(mixed):
        provider.always = BROKEN if n % 2 else BAN

    async def scene() -> None:
        for providers, attempts in ((many, 16 + 3), (mixed, 3 + 3)):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(lab.make(*providers))
            assert attempts == sum(len(provider.asked) for provider in providers)

    lab.virtually(scene())


CONNECT = Failure(Meaning.TRANSIENT, "connect", "connection refused")
BEGUN = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded")


@both
@pytest.mark.parametrize("failure", [OVERLOADED, CONNECT], ids=str)
def test_being_turned_away_by_many_leaves_whoever_is_well(lab, stream, failure):
    """Five vendors that turn a call away at the door take no time and do no work: the sixth, who is well, is asked."""
    away = [lab.Scripted(name) for name in "abcde"]
    for provider in away:
        provider.always = failure
    good = lab.Scripted("good")

    async def scene() -> None:
        assert "good" == await lab.ask(lab.make(*away, good), stream=stream)
        assert [1] * 5 == [len(provider.asked) for provider in away]

    lab.virtually(scene())


@pytest.mark.parametrize("failure", [BROKEN, BEGUN], ids=str)
def test_whoever_did_work_has_used_up_an_attempt(lab, failure):
    """Three attempts that did work, as an overload within a stream, are the most that a call makes."""
    bad = [lab.Scripted(name) for name in "abc"]
    for provider in bad:
        provider.always = failure
    good = lab.Scripted("good")

    async def scene() -> None:
        with pytest.raises(AllProvidersExhausted, match="attempts_max"):
            await lab.ask(lab.make(*bad, good))
        assert [] == good.asked

    lab.virtually(scene())


def test_a_pools_doors_are_one_door(lab):
    """Thirty credentials of an overloaded vendor are not thirty chances: three attempts, and no more."""
    members = pool(lab, "a", *[f"KEY_{n}" for n in range(30)])
    for member in members:
        member.always = OVERLOADED

    async def scene() -> None:
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(lab.make(*members))
        assert 3 == sum(len(member.asked) for member in members)

    lab.virtually(scene())


NO_CALL = Failure(Meaning.DRIFTED, "drift_no_call", "the tool that had to be called wasn't")
RENAMED = Failure(Meaning.DRIFTED, "drift_fields", "`choices` is missing")


@both
@pytest.mark.parametrize(("failure", "left"), [(NO_CALL, 1), (RENAMED, 2)], ids=str)
def test_a_question_that_nobody_can_answer_takes_nobody_away(lab, stream, failure, left):
    """What two vendors' models fail to say is the question's doing: the second isn't left; other drift is its own."""
    first, second = lab.Scripted("a"), lab.Scripted("b")
    first.always = second.always = failure

    async def scene() -> None:
        router = lab.make(first, second)
        for _ in range(4):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router, stream=stream)
        assert left == sum(lane.breaker.state is State.OPEN for lane in router.lanes)

    lab.virtually(scene())


def test_valid_keys_refused_for_an_hour_are_not_lost(lab):
    """On some days valid keys are refused for an hour: they are probed all along, and used again within a minute."""
    members = pool(lab, "a", "KEY_1", "KEY_2")
    other = lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(*members, other)
        for member in members:
            member.always = REVOKED
        for _ in range(360):
            assert "b" == await lab.ask(router)
            await asyncio.sleep(10)
        assert all(len(member.asked) > 100 for member in members)
        for member in members:
            member.always = None
        await asyncio.sleep(20)
        answers = [await lab.ask(router) for _ in range(10)]
        assert ["a"] * 8 == answers[2:]
        assert [State.CLOSED] * 2 == [lane.breaker.state for lane in router.lanes[:2]]

    lab.virtually(scene())


def test_each_model_has_a_standing_of_its_own(lab):
    """A model that is down at a provider doesn't take its other models out."""

    class Two(lab.Scripted):
        def upstream_model(self, request):
            return request.prompt

        async def generate(self, request, limits):
            if request.prompt == "ill":
                self.script.append(BAN)
            return await super().generate(request, limits)

    a, b = Two("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        assert "b" == (await router.aroute(lab.request("ill"))).provider
        assert "b" == (await router.aroute(lab.request("ill"))).provider
        assert ["a"] * 3 == [(await router.aroute(lab.request("well"))).provider for _ in range(3)]
        assert 4 == len(a.asked)

    lab.virtually(scene())


def test_models_without_end_share_a_lane(lab):
    """A provider that invents a model for each request can't fill the memory."""

    class Any(lab.Scripted):
        def upstream_model(self, request):
            return request.prompt

    async def scene() -> None:
        router = lab.make(Any("a"))
        for n in range(200):
            await router.aroute(lab.request(f"model {n}"))
        assert 64 == len(router.lanes)

    lab.virtually(scene())


def test_the_key_is_told_by_name(lab):
    """Errors tell which of the keys was refused, by the name of its variable."""
    members = pool(lab, "a", "KEY_1", "KEY_2")
    for member in members:
        member.always = REVOKED

    async def scene() -> None:
        with pytest.raises(AllProvidersExhausted, match=r"a \(KEY_1\): bad_key .*; a \(KEY_2\): bad_key "):
            await lab.ask(lab.make(*members, breaker=Breaker(cooldown=10.0)))

    lab.virtually(scene())


@both
def test_a_full_provider_is_passed_by(lab, stream):
    """Beyond a provider's limit of attempts at once, calls go elsewhere; with nobody else they wait for a place."""
    a, b = lab.Scripted("a", delay_s=1.0), lab.Scripted("b")
    a.profile = Profile(concurrency_max=3)

    async def scene() -> None:
        answers = await asyncio.gather(*(lab.ask(lab_router, stream=stream) for lab_router in [lab.make(a, b)] * 10))
        assert (3, 7, 3) == (answers.count("a"), answers.count("b"), a.most_running)
        alone = lab.make(a)
        assert ["a"] * 6 == await asyncio.gather(*(lab.ask(alone, stream=stream) for _ in range(6)))
        assert 3 == a.most_running
        assert 0 == alone.lanes[0].gate.inside

    lab.virtually(scene())
