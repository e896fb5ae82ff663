"""Prices, budgets and ceilings: what an attempt costs, and what isn't spent."""

from __future__ import annotations

import pytest
from banstorm.router import Failure, LLMRequest, Meaning
from banstorm.router.config_money import Price as PriceSettings
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
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5"),
        ("amazon.nova-pro-v1:0", "amazon.nova-pro"),
        ("openai/gpt-5.4-mini", "gpt-5.4-mini"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
        ("gpt-4o-realtime", None),
        ("unheard-of", None),
    ],
)
def test_a_models_price(model, like):
    """A dated version costs what its model does; a sibling's price is never taken, and an unknown model has none."""
    assert (None if like is None else shipped()[like]) == find(model)


def test_every_shipped_price_makes_sense():
    """Output costs at least as much as input, the cache no more; writing into it and long prompts cost more."""
    for model, price in shipped().items():
        assert 0 < price.cached <= price.input, model
        assert price.input <= price.output or (price.output == 0 and "embed" in model), model
        assert price.input <= (price.cache_write or price.input) <= (price.cache_write_1h or 1e9), model
        assert price.long is None or price.input < price.long.input <= price.long.output, model


DEAR = Price(2.0, 10.0, 0.2, cache_write=2.5, cache_write_1h=4.0, long_above=200_000, long=Price(4.0, 20.0, 0.4))


@pytest.mark.parametrize(
    ("price", "tokens", "usd"),
    [
        (DEAR, (1_000, 0, 0, 0, 0), 0.002),
        (DEAR, (1_000, 0, 0, 1_000, 0), 0.0025),
        (DEAR, (1_000, 0, 0, 1_000, 1_000), 0.004),
        (DEAR, (1_000, 0, 200, 600, 400), 0.00004 + 0.0004 + 0.0005 + 0.0016),
        (DEAR, (200_000, 10, 0, 0, 0), 0.4001),
        (DEAR, (200_001, 10, 0, 0, 0), 0.800204),
        (DEAR, (200_001, 0, 200_001, 0, 0), 0.0800004),
        (PRICE, (1_000, 0, 0, 1_000, 1_000), 0.002),
        (PRICE, (1_000, 0, 800, 800, 800), 0.00016 + 0.0016),
    ],
)
def test_what_is_written_into_the_cache_and_what_is_long_costs_more(price, tokens, usd):
    """Written tokens have prices of their own; above the limit a prompt costs more as a whole, with its answer."""
    assert pytest.approx(usd) == price.usd(*tokens)


@pytest.mark.parametrize(
    ("price", "tokens", "blended"), [(DEAR, 200_000, 4.0), (DEAR, 200_001, 8.0), (PRICE, 900_000, 4.0)]
)
def test_a_long_prompts_price_is_compared_as_such(price, tokens, blended):
    """The one number to compare by is the long prompts' above their limit, and the usual one where there is none."""
    assert pytest.approx(blended) == price.blended_for(tokens)


def test_a_configured_price_knows_them_too():
    """`providers[].price` has what the shipped table has; what it leaves out costs as fresh input does."""
    row = {"input": 2, "output": 10, "cache_write": 2.5, "long": {"above_tokens": 1000, "input": 4, "output": 20}}
    price = PriceSettings.model_validate(row).row()
    assert [0.001 * 2, 0.001 * 2.5, 0.001 * 2] == pytest.approx(
        [price.usd(1000, 0), price.usd(1000, 0, 0, 1000), price.usd(1000, 0, 1000)]
    )
    assert pytest.approx(0.002 * 4 + 0.001 * 20) == price.usd(2000, 1000)
    assert pytest.approx(0.002 * 2.5) == price.usd(2000, 0, 0, 2000)


@pytest.mark.parametrize(
    ("failure", "stream", "pieces", "output", "estimated"),
    [
        (Failure(Meaning.LIMITED, "rate_limited", status=429), False, 0, 0, False),
        (Failure(Meaning.TRANSIENT, "connect"), False, 0, 0, False),
        (Failure(Meaning.REQUEST, "invalid_request"), False, 0, 0, False),
        (Failure(Meaning.TRANSIENT, "stream_cut"), True, 8, 7, True),
        (Failure(Meaning.TRANSIENT, "timeout_answer"), False, 0, 100, True),
        (Failure(Meaning.DRIFTED, "drift_fields"), False, 0, 100, True),
        (None, True, 4, 3, True),
        (None, False, 0, 100, True),
        (Failure(Meaning.TRANSIENT, "overloaded", status=529), True, 0, 0, False),
        (Failure(Meaning.TRANSIENT, "overloaded", status=529), True, 8, 7, True),
        (Failure(Meaning.LIMITED, "oauth_refresh_down"), True, 0, 0, False),
        (Failure(Meaning.CREDENTIAL, "oauth_rotation_lost"), False, 0, 0, False),
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
    assert counted(lane, (1, 1, 0, 0, 0)).usd is None


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
