"""Prices, budgets and ceilings: what an attempt costs, and what isn't spent."""

from __future__ import annotations

import pytest
from banstorm.router import Failure, LLMRequest, Meaning
from banstorm.router.lane import Lane
from banstorm.router.money import counted, guessed
from banstorm.router.policies.breaker import Breaker
from banstorm.router.policies.pace import Pace
from banstorm.router.policies.spending import Ceiling, Purse
from banstorm.router.prices import Price, find, shipped

PRICE = Price(input=2.0, output=10.0, cached=0.2)


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [((1_000_000, 0, 0), 2.0), ((0, 1_000_000, 0), 10.0), ((1_000_000, 0, 1_000_000), 0.2), ((10, 5, 20), 0.000054)],
)
def test_cached_input_costs_less(tokens, usd):
    """Cached tokens are a part of the input with a price of their own; a count above the input makes no credit."""
    assert pytest.approx(usd) == PRICE.usd(*tokens)


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("claude-sonnet-5", "claude-sonnet-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("mistral-large-latest", "mistral-large"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
        ("gpt-4o-realtime", None),
        ("unheard-of", None),
    ],
)
def test_a_models_price(model, like):
    """A dated version costs what its model does; a sibling's price is never taken, and an unknown model has none."""
    assert (None if like is None else shipped()[like]) == find(model)


def test_every_shipped_price_makes_sense():
    """Output costs at least as much as input, and the cache no more than fresh input."""
    assert all(0 < price.cached <= price.input <= price.output for price in shipped().values())


@pytest.mark.parametrize(
    ("failure", "stream", "pieces", "output", "estimated"),
    [
        (Failure(Meaning.LIMITED, "rate_limited", status=429), False, 0, 0, False),
        (Failure(Meaning.TRANSIENT, "connect"), False, 0, 0, False),
        (Failure(Meaning.REQUEST, "invalid_request"), False, 0, 0, False),
        (Failure(Meaning.TRANSIENT, "stream_cut"), True, 7, 7, True),
        (Failure(Meaning.TRANSIENT, "timeout_answer"), False, 0, 100, True),
        (Failure(Meaning.DRIFTED, "drift_fields"), False, 0, 100, True),
        (None, True, 3, 3, True),
        (None, False, 0, 100, True),
    ],
)
def test_what_came_to_nothing_is_billed_too(failure, stream, pieces, output, estimated):
    """Refusals are free; what was begun is counted by what came of it, or as the usual answer, and marked a guess."""
    pace = Pace()
    pace.took(1.0, 100)
    lane = Lane(
        None, "m", Breaker(None, clock=float, chance=float), Breaker(None, clock=float, chance=float), None, None
    )
    lane.pace, lane.price = pace, PRICE
    bill = guessed(lane, LLMRequest("x" * 4000), failure, pieces, stream=stream)
    assert (output, estimated) == (bill.tokens[1], bill.estimated)
    assert estimated == (1000 <= bill.tokens[0] <= 1020)
    assert estimated == (bill.usd > 0)


def test_an_unknown_price_is_no_zero():
    """A model without a price costs nobody knows what: None, not nothing."""
    lane = Lane(
        None, "m", Breaker(None, clock=float, chance=float), Breaker(None, clock=float, chance=float), None, None
    )
    assert counted(lane, (1, 1, 0)).usd is None


class Clock:
    """Moves when told."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_purse_alerts_stops_and_fills_again():
    """Each threshold is told once a period, the limit stops, and a period that is over, or several, begins anew."""
    clock, told = Clock(), []
    purse = Purse("a", 10.0, 60.0, alerts=[0.8, 0.5], clock=clock, alerted=lambda *what: told.append(what))
    for usd, share, empty, alerts in ((4, 0.4, False, 0), (2, 0.6, False, 1), (3, 0.9, False, 2), (2, 1.1, True, 2)):
        purse.pay(usd)
        assert (pytest.approx(share), empty, alerts) == (purse.share, purse.empty, len(told))
    assert [("a", 0.5), ("a", 0.8)] == told
    clock.now = 59.0
    assert (True, 1.0) == (purse.empty, purse.wait_s)
    clock.now = 200.0
    assert (False, 0.0, 40.0) == (purse.empty, purse.share, purse.wait_s)
    purse.pay(6)
    assert 3 == len(told)


def test_a_soft_purse_only_tells():
    """`hard: false` is never empty."""
    purse = Purse("a", 1.0, 60.0, hard=False, clock=Clock())
    purse.pay(5)
    assert (False, 5.0) == (purse.empty, purse.share)


@pytest.mark.parametrize(
    ("preferred", "other", "times"),
    [(1.0, 3.0, None), (1.0, 4.0, 4.0), (4.0, 1.0, None), (None, 9.0, None), (1.0, None, None), (0.0, 9.0, None)],
)
def test_a_ceiling_judges_what_it_knows(preferred, other, times):
    """Up to the ceiling passes, above it is told how far; without both prices nothing can be judged."""
    assert times == Ceiling(3.0, refuse=True).exceeded(preferred, other)
