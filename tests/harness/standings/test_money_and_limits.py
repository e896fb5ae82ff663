"""What is used up, and what it costs: buckets, balances, caps and prices."""

from __future__ import annotations

import pytest
from banstorm.fakes.dialects.base import Ask

ANSWERED = (None, None)
FULL = {"at": "2s", "until": "62s", "on": "one", "standing": "quota"}
OUT = ("rate_limited", "0:quota")


def test_a_quota_refuses_once_its_bucket_is_empty_and_admits_as_it_fills(provider_of):
    """60 a minute: sixty at once, then one a second, each key and model for itself, and no limit outside the window."""
    provider = provider_of(FULL | {"with": {"requests_per_minute": 60}})
    assert [ANSWERED] * 100 == [provider.at(1.0) for _ in range(100)]
    assert [ANSWERED] * 60 + [OUT] == [provider.at(2.0) for _ in range(61)]
    assert [ANSWERED, ANSWERED] == [provider.at(2.0, "other key"), provider.at(2.0, model="claude-haiku-5-5")]
    assert [OUT, ANSWERED, OUT] == [provider.at(2.5), provider.at(3.0), provider.at(3.0)]
    assert [ANSWERED] * 100 == [provider.at(62.0) for _ in range(100)]


def test_a_quota_of_tokens_counts_prompts_and_answers(provider_of):
    """100 tokens: two exchanges of 10 in and 40 out use them up; what is no chat costs nothing."""
    provider = provider_of(FULL | {"with": {"tokens_per_minute": 100}})
    found = [provider.at(2.0, produced=40) for _ in range(3)]
    assert [ANSWERED, ANSWERED, OUT] == found
    assert ANSWERED == provider.at(2.0, operation="models")


@pytest.mark.parametrize(
    ("selector", "key", "model", "limited"),
    [
        ({"credential": "key"}, "key", "claude-sonnet-5", True),
        ({"credential": "key"}, "other", "claude-sonnet-5", False),
        ({"model": "claude-haiku-5-5"}, "key", "claude-haiku-5-5", True),
        ({"model": "claude-haiku-5-5"}, "key", "claude-sonnet-5", False),
    ],
)
def test_a_quota_may_be_one_keys_or_one_models(provider_of, selector, key, model, limited):
    """The selectors say whose."""
    provider = provider_of(FULL | selector | {"with": {"requests_per_day": 1}})
    assert ANSWERED == provider.at(3.0, key, model)
    assert (OUT if limited else ANSWERED) == provider.at(3.0, key, model)


def test_an_answer_tells_the_quotas_figures(provider_of):
    """Rate-limit headers hold what is really left, in the vendor's form, while the quota lasts."""
    provider = provider_of(FULL | {"with": {"requests_per_minute": 60}})
    provider.at(2.0)
    ask_headers = [("anthropic-ratelimit-requests-limit", "4000"), ("anthropic-ratelimit-requests-remaining", "3999")]
    ask = Ask("claude-sonnet-5", stream=False, text="", mark=None, input_tokens=10)
    told = dict(provider.staged.accounts.headers("key", ask, ask_headers))
    assert ("60", "59") == tuple(told.values())
    provider.now_s = 62.0
    assert ask_headers == provider.staged.accounts.headers("key", ask, ask_headers)


def test_a_quota_is_told_in_the_vendors_way(provider_of):
    """Groq's headers tell requests of a day, though their names don't say so."""
    provider = provider_of(FULL | {"with": {"requests_per_minute": 60, "requests_per_day": 900}}, dialect="groq")
    provider.at(2.0)
    headers = [("x-ratelimit-limit-requests", "14400"), ("x-ratelimit-remaining-requests", "14399")]
    ask = Ask("claude-sonnet-5", stream=False, text="", mark=None, input_tokens=10)
    assert ("900", "899") == tuple(dict(provider.staged.accounts.headers("key", ask, headers)).values())


@pytest.mark.parametrize(
    ("standing", "dialect", "kind"),
    [
        ("balance", "anthropic", "quota_exhausted"),
        ("balance", "cohere", "billing_problem"),
        ("spend_limit", "anthropic", "spend_capped"),
        ("spend_limit", "mistral", "quota_exhausted"),
    ],
)
def test_money_is_spent_by_being_used(provider_of, standing, dialect, kind):
    """A request of claude-sonnet-5 with 10 tokens in and 100 out costs 0.00102 $: three cross a limit of 0.003 $."""
    entry = {"at": "2s", "until": "9s", "on": "one", "standing": standing, "with": {"usd": 0.003}}
    provider = provider_of(entry, dialect=dialect)
    assert [ANSWERED] * 20 == [provider.at(1.0, produced=100) for _ in range(20)]
    found = [provider.at(3.0, f"key-{number}", produced=100) for number in range(5)]
    assert [ANSWERED] * 3 + [(kind, f"0:{standing}")] * 2 == found
    assert ANSWERED == provider.at(9.0)


def test_a_balance_may_be_one_keys(provider_of):
    """Other keys neither spend from it nor are refused."""
    entry = {"at": "0s", "until": "9s", "on": "one", "standing": "balance", "with": {"usd": 0.001}}
    provider = provider_of(entry | {"credential": "poor"})
    assert [ANSWERED] * 3 == [provider.at(1.0, "rich", produced=100) for _ in range(3)]
    assert ANSWERED == provider.at(1.0, "poor", produced=100)
    assert ("quota_exhausted", "0:balance") == provider.at(1.0, "poor")


PRICES = [
    # (with, what 1 M tokens in and 1 M tokens out cost then, USD; the list says 2 and 10)
    ({"factor": 3}, 36.0),
    ({"input": 5, "output": 25}, 30.0),
    ({"input": 0, "output": 0}, 0.0),
]


@pytest.mark.parametrize(("parameters", "usd"), PRICES)
def test_a_price_holds_while_its_window_lasts(provider_of, parameters, usd):
    """Requests that are over by then are billed at it; before and after, at the list price."""
    entry = {"at": "2s", "until": "4s", "on": "one", "standing": "price_changed", "with": parameters}
    provider = provider_of(entry)
    bill = provider.staged.prices.bill
    found = []
    for provider.now_s in (1.0, 2.0, 3.9, 4.0):
        found.append(bill("claude-sonnet-5", 10**6, 0, 10**6))
    assert [(12.0, True), (usd, True), (usd, True), (12.0, True)] == found


def test_cached_tokens_have_a_price_of_their_own(provider_of):
    """Where none is given they cost what the rest of the prompt costs."""
    for more, usd in (({}, 4.0), ({"cached": 1}, 2.5)):
        with_ = {"input": 4, "output": 8, **more}
        provider = provider_of({"at": "0s", "on": "one", "standing": "price_changed", "with": with_})
        assert usd == pytest.approx(provider.staged.prices.bill("claude-sonnet-5", 10**6, 10**6 // 2, 0)[0])


def test_a_changed_price_bites_the_answers_that_are_billed_at_it(provider_of):
    """It refuses nothing, so the answers name it: of its model, billed, and while it holds."""
    entry = {"at": "2s", "until": "4s", "on": "one", "standing": "price_changed", "with": {"factor": 2}}
    provider = provider_of(entry | {"model": "claude-sonnet-5"})
    bitten = (None, "0:price_changed")
    assert [ANSWERED, bitten, ANSWERED] == [provider.at(now_s) for now_s in (1.0, 3.0, 4.0)]
    assert ANSWERED == provider.at(3.0, model="claude-haiku-5-5")
    assert ANSWERED == provider.at(3.0, operation="models")


def test_a_refused_request_shows_no_price(provider_of):
    """What is billed at nothing was not bitten by a price; the refusal's own entry is named alone."""
    price = {"at": "0s", "on": "one", "standing": "price_changed", "with": {"factor": 2}}
    provider = provider_of(price, FULL | {"at": "0s", "with": {"requests_per_day": 1}})
    assert [(None, "0:price_changed"), ("rate_limited", "1:quota")] == [provider.at(1.0), provider.at(1.0)]


def test_an_answer_may_show_several_entries(provider_of):
    """They are joined as the ledger joins them."""
    price = {"at": "0s", "on": "one", "standing": "price_changed", "with": {"factor": 2}}
    ban = {"at": "0s", "on": "one", "standing": "org_disabled"}
    appeal = {"at": "1s", "on": "one", "standing": "reinstated"}
    assert (None, "2:reinstated+0:price_changed") == provider_of(price, ban, appeal).at(3.0)
