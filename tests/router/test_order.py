"""Who is asked first."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from banstorm.router import LLMProvider, LLMRequest
from banstorm.router.config import Breaker as Settings
from banstorm.router.errors import Failure, Meaning
from banstorm.router.lane import Lane, make_lane
from banstorm.router.policies.order import (
    ORDERS,
    Capable,
    Cheapest,
    FirstOnly,
    LeastLatency,
    Priority,
    RoundRobin,
    Weighted,
)
from banstorm.router.prices import Price
from banstorm.router.profile import Profile
from banstorm.router.provider import AttemptLimits

REQUEST = LLMRequest("hello")


class Named(LLMProvider):
    """Only has a name."""

    def __init__(self, name: str, **profile: object) -> None:
        self.name, self.model, self.profile = name, "m", Profile(**profile)

    async def generate(self, request, limits):
        """Never asked."""
        raise NotImplementedError


def lane(name: str, **profile: object) -> Lane:
    """A lane that is up."""
    made = make_lane(
        Named(name, **profile),
        settings=Settings(),
        limits=AttemptLimits(),
        clock=lambda: 0.0,
        chance=lambda _entity, _n: 0.0,
        changed=lambda *_: None,
    )
    made.price = made.provider.profile.price
    return made


def names(lanes) -> str:
    """Their names in a row."""
    return "".join(each.name for each in lanes)


def down(one: Lane) -> None:
    """Take a lane out."""
    one.failed(one.admit(), Failure(Meaning.ACCOUNT, "org_disabled"))


@pytest.mark.parametrize(("order", "expected"), [(Priority(), "abc"), (FirstOnly(), "a")])
def test_fixed_orders(order, expected):
    """Priority is the configured order; without fallback there is only its first."""
    assert expected == names(order.arrange([lane(n) for n in "abc"], REQUEST))


def test_round_robin_passes_by_those_who_are_out():
    """Turns are even, and while one is out its turns are shared by the others, not given to its neighbour."""
    lanes = [lane(n) for n in "abc"]
    order = RoundRobin()
    assert ["abc", "bca", "cab", "abc"] == [names(order.arrange(lanes, REQUEST)) for _ in range(4)]
    down(lanes[1])
    first = Counter(names(order.arrange(lanes, REQUEST))[0] for _ in range(100))
    assert {"a": 50, "c": 50} == first
    down(lanes[0])
    down(lanes[2])
    assert set("abc") == set(names(order.arrange(lanes, REQUEST)))


def test_weights_are_shares_and_nobody_is_left_out():
    """The first place goes by weight, a weight of nothing comes last, and everybody stands somewhere."""
    lanes = [lane("a", weight=3.0), lane("b", weight=1.0), lane("c", weight=0.0)]
    # The first place's draws are even over [0, 1); the other places' don't matter here.
    points = itertools.chain.from_iterable((n / 40, 0.0, 0.0) for n in range(40))
    order = Weighted(lambda: next(points))
    arranged = [names(order.arrange(lanes, REQUEST)) for _ in range(40)]
    assert {"abc": 30, "bac": 10} == Counter(arranged)


def test_weights_of_nothing_keep_the_configured_order():
    """If nobody has a weight, the order is the configured one."""
    assert "ab" == names(Weighted(lambda: 0.0).arrange([lane("a", weight=0.0), lane("b", weight=0.0)], REQUEST))


def test_least_latency_measures_the_unknown_first():
    """The quickest comes first; who hasn't been measured comes before, once."""
    lanes = [lane(n) for n in "abc"]
    for one, seconds in zip(lanes, (3.0, 1.0), strict=False):
        one.pace.took(seconds, 10)
    assert "cba" == names(LeastLatency().arrange(lanes, REQUEST))
    lanes[2].pace.took(2.0, 10)
    assert "bca" == names(LeastLatency().arrange(lanes, REQUEST))


def test_cheapest_counts_output():
    """What costs least for a usual mix comes first, not what has the cheapest input; without a price one comes last."""
    lanes = [lane("a"), lane("b", price=Price(1.0, 40.0, 0.1)), lane("c", price=Price(2.0, 4.0, 0.2))]
    assert "cba" == names(Cheapest().arrange(lanes, REQUEST))


@pytest.mark.parametrize(("letters", "first"), [(700_000, "ab"), (900_000, "ba")])
def test_cheapest_knows_what_a_long_prompt_costs(letters, first):
    """Who is cheaper for a usual prompt isn't for one above its limit, where it costs double."""
    a = lane("a", price=Price(2.0, 10.0, 0.2, long_above=200_000, long=Price(4.0, 20.0, 0.4)))
    b = lane("b", price=Price(3.0, 15.0, 0.3))
    assert first == names(Cheapest().arrange([a, b], LLMRequest("x" * letters)))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (REQUEST, "abc"),
        (LLMRequest("x", tools=[{"type": "function"}]), "bc"),
        (LLMRequest("x", response_format={"type": "json_schema"}), "c"),
        (LLMRequest(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), "c"),
        (LLMRequest(messages=[{"role": "user", "content": [{"type": "text"}]}]), "abc"),
    ],
)
def test_who_cant_isnt_asked(request_, expected):
    """A request that needs tools, JSON or images goes to those who can; who says nothing can do everything."""
    lanes = [lane("a", capabilities=frozenset()), lane("b", capabilities=frozenset({"tools"})), lane("c")]
    assert expected == names(Capable(Priority()).arrange(lanes, request_))


def test_if_nobody_can_everybody_may_try():
    """A capability nobody declares is no reason to turn a call away."""
    lanes = [lane("a", capabilities=frozenset()), lane("b", capabilities=frozenset())]
    assert "ab" == names(Capable(Priority()).arrange(lanes, LLMRequest("x", tools=[{}])))


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_bears_an_empty_fleet(name):
    """Whoever is permitted nothing gets no lanes, and no error from the order."""
    assert [] == list(Capable(ORDERS[name]()).arrange([], REQUEST))
