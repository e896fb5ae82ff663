"""Money on the way of a call: budgets that stop, ceilings that refuse, and every attempt in the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banstorm.router import AllProvidersExhausted, Failure, Meaning
from banstorm.router.observer import Observer
from banstorm.router.policies.spending import Ceiling, Purse
from banstorm.router.prices import Price
from banstorm.router.profile import Profile

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "disabled", status=400)


def priced(lab, name, usd):
    """A provider whose answers cost this much: one token in, one out."""
    provider = lab.Scripted(name)
    provider.profile = Profile(price=Price(usd * 500_000, usd * 500_000, usd * 500_000))
    return provider


class Ears(Observer):
    """Hears costs."""

    def __init__(self):
        self.costly, self.usd, self.records = [], [], []

    def costly_failover(self, provider, times, *, refused):
        """Note it."""
        self.costly.append((provider, times, refused))

    def attempt_ended(self, end):
        """Note its cost."""
        self.usd.append((end.provider, end.outcome, end.bill.usd))

    def call_ended(self, record):
        """Note its cost."""
        self.records.append(record)


def test_a_spent_budget_stops_its_provider_and_the_total_stops_all(lab):
    """A provider whose budget is spent isn't asked; when the total is spent nobody is, until the next period."""
    a, b = priced(lab, "a", 1.0), priced(lab, "b", 1.0)

    async def scene() -> None:
        purses = {"a": Purse("a", 3.0, 100.0, clock=lab.now), "": Purse("", 5.0, 100.0, clock=lab.now)}
        ears = Ears()
        router = lab.make(a, b, purses=purses, observers=[ears])
        assert ["a", "a", "a", "b", "b"] == [await lab.ask(router) for _ in range(5)]
        assert ["preferred"] * 3 + ["failover"] * 2 == [record.why for record in ears.records]
        with pytest.raises(AllProvidersExhausted, match=r"a: its budget of 3 USD .*; b: the total budget of 5 USD"):
            await lab.ask(router)
        with pytest.raises(AllProvidersExhausted) as caught:
            await lab.ask(router)
        # Five answers and their time have passed: there is nothing to come back for before the period's end.
        assert 95 < caught.value.retry_after_s < 100
        assert caught.value.retry_after_s == pytest.approx(purses[""].wait_s)
        await lab.sleep(100)
        assert "a" == await lab.ask(router)

    lab.virtually(scene())


@pytest.mark.parametrize("refuse", [True, False])
def test_a_dear_failover_is_refused_or_told(lab, refuse):
    """Above the ceiling a failover is refused with its reason, or made and noted; below it nothing is said."""
    a, b, c = priced(lab, "a", 1.0), priced(lab, "b", 2.0), priced(lab, "c", 5.0)
    a.always = BAN

    async def scene() -> None:
        ears = Ears()
        router = lab.make(a, b, c, ceiling=Ceiling(3.0, refuse=refuse), observers=[ears])
        assert "b" == await lab.ask(router)
        assert [] == ears.costly
        b.always = BAN
        if refuse:
            with pytest.raises(AllProvidersExhausted, match=r"c: costs 5\.0 times what a does"):
                await lab.ask(router)
        else:
            answer = await router.aroute(lab.request("hello"))
            assert ("c", ("c: costs 5.0 times what a does (failover_cost)",)) == (answer.provider, answer.notes)
        assert ("c", 5.0, refuse) == ears.costly[0]
        assert (not refuse) == bool(c.asked)

    lab.virtually(scene())


@pytest.mark.parametrize(("letters", "who"), [(400, "b"), (40_000, "c")])
def test_the_ceiling_looks_at_what_this_prompt_costs(lab, letters, who):
    """A prompt long enough for a dearer rate is compared at that rate: whoever charges it is above the ceiling then."""
    a, b, c = priced(lab, "a", 1.0), priced(lab, "b", 2.0), priced(lab, "c", 2.5)
    usual = b.profile.price
    b.profile = Profile(price=replace(usual, long_above=5_000, long=replace(usual, input=usual.input * 4)))
    a.always = BAN

    async def scene() -> None:
        router = lab.make(a, b, c, ceiling=Ceiling(3.0, refuse=True))
        assert who == (await router.aroute(lab.request("x" * letters))).provider

    lab.virtually(scene())


def test_a_call_knows_what_all_its_attempts_cost(lab):
    """An answer that couldn't be used is in the call's cost, beside the one that could."""
    a, b = priced(lab, "a", 1.0), priced(lab, "b", 2.0)

    async def scene() -> None:
        ears = Ears()
        router = lab.make(a, b, observers=[ears])
        await lab.ask(router)
        a.always = Failure(Meaning.DRIFTED, "drift_fields", "no choices")
        await lab.ask(router)
        (_, _, one), (who, outcome, drifted), (_, _, two) = ears.usd
        assert (1.0, 2.0, "a", "failed") == (one, two, who, outcome)
        assert drifted > 0.5
        assert pytest.approx(drifted + 2.0) == ears.records[1].usd
        assert ("b", "b-model", "failover") == tuple(getattr(ears.records[1], n) for n in ("provider", "model", "why"))

    lab.virtually(scene())
